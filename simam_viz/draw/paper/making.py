"""From a description to a figure: which photos and networks are meant, what is computed, what is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

from ...checkpoints import opening
from ...checkpoints.loaded import LoadedCheckpoint, on_device
from ...checkpoints.loading import find_checkpoint, list_checkpoints, load_checkpoint, same_task, siblings_of, twin_of
from ...explain import variants
from ...explain.recording import Run
from ...explain.variants import Variant
from ...networks.lambdas import Times
from ...photos import squares
from ...photos.images import ImageSource, open_image
from ...wording import _
from . import fonts, panels, sheet
from .caption import caption
from .description import MIDDLE, Description, described
from .formats import PaperFigure
from .looks import Column, Piece, assembled, count, pieces
from .sources import Picture, named_photo, photos_of, squared

Photos: TypeAlias = ImageSource | Sequence[ImageSource] | Mapping[str, ImageSource]
"""One or several of what :func:`simam_viz.open_image` takes, or by what they are called."""
Networks: TypeAlias = (
    LoadedCheckpoint | str | Sequence[str] | Sequence[LoadedCheckpoint] | Mapping[str, LoadedCheckpoint]
)
"""One or several networks, by what they are called or by themselves."""


def figure(
    photos: Photos = (),
    networks: Networks | None = None,
    *,
    description: Description | Mapping[str, Any] | None = None,
    progress: Callable[[int, int], object] | None = None,
    **settings: Any,
) -> PaperFigure:
    """A figure for a paper, as a matplotlib figure: ``simam_viz.figure("cat.jpg", show=("photo", "weight")).savefig("a.pdf")``.

    The same as the command ``python -m simam_viz figure`` and the page *Figure* make.

    Args:
        photos: what :func:`simam_viz.open_image` takes, one or several, or by what they are called; a text may be the name of
            a sample.
        networks: names as the description's ``networks`` has them; one network, whose variants those are; or several, side by
            side, by what they are called.
        description: :class:`simam_viz.draw.paper.description.Description`, or its settings; defaults where there is none.
        progress: told how many of how many parts are computed.
        settings: of the description, such as ``show=("photo", "weight:max", "cam")``, ``block="layer3.1"``, ``width=88``;
            ``square`` also as :func:`simam_viz.analyze` takes it, one for all photos or a list with one for each.

    Returns:
        The figure. Its ``caption`` has ``.text``, ``.latex`` and ``.markdown``, and its ``savefig`` writes PDF and SVG with text
        as text, and the same bytes for the same figure.

    Raises:
        ValueError: a setting, a block, a class or a photo is not there, in one sentence (:class:`simam_viz.ImageError`,
            :class:`simam_viz.CheckpointError`).
    """
    asked = description if isinstance(description, Description) else described(description or {})
    given = _pictures(photos)
    named: dict[str, Any] = {"photos": tuple(picture.word for picture in given)} if given else {}
    for name, value in settings.items():
        if name == "square":
            value = _square_words(value)
        named[name] = (value,) if name in ("show", "networks") and isinstance(value, str) else value
    loaded = networks if isinstance(networks, LoadedCheckpoint) else None
    others: dict[str, LoadedCheckpoint] = {}
    if isinstance(networks, Mapping):
        others = dict(networks)
    elif networks is not None and not isinstance(networks, LoadedCheckpoint):
        several = [networks] if isinstance(networks, str) else list(networks)
        if any(isinstance(one, str) for one in several):
            named["networks"] = tuple(map(str, several))
        else:
            others = {one.card.title or one.name: one for one in several if isinstance(one, LoadedCheckpoint)}
    if others:
        named["networks"] = tuple(others)
    commanded = not others
    if loaded is not None:
        commanded = bool(loaded.opened_by)
        named = in_hand(loaded) | named
    asked = described({field.name: getattr(asked, field.name) for field in dataclasses.fields(asked)} | named)
    given = squared(given, asked) or photos_of(asked)
    columns = [Column(title, partial(run_loaded, one, asked.times)) for title, one in others.items()]
    columns = columns or columns_of(asked, loaded)
    done: list[Piece] = []
    total = count(asked, len(given), len(columns))
    for piece in pieces(asked, given, columns):
        done.append(piece)
        if progress is not None:
            progress(len(done), total)
    return composed(asked, given, [column.title for column in columns], done, commanded=commanded)


def in_hand(loaded: LoadedCheckpoint) -> dict[str, Any]:
    """The settings of a description that say which network is in hand."""
    said = dict(loaded.opened_by)
    if "network" in said:
        return {"network": said, "checkpoint": ""}
    name = said.get("checkpoint", loaded.name)
    return {"network": {}, "checkpoint": "" if name == next((info.name for info in list_checkpoints()), "") else name}


def composed(
    asked: Description,
    photos: Sequence[Picture],
    networks: Sequence[str],
    done: Iterable[Piece],
    most_pixels: float = panels.MOST_PIXELS,
    commanded: bool = True,
) -> PaperFigure:
    """The figure of what was computed: all pieces of :func:`simam_viz.draw.paper.looks.pieces`.

    Fewer ``most_pixels`` make a preview, whose caption is that of the whole. ``commanded``: whether a command can name its
    networks, and so make it again.

    Raises:
        ValueError: there is no room for that many columns, or a name is given to what the figure does not show.
    """
    if unknown := sorted(asked.names.keys() - {photo.word for photo in photos} - {*asked.networks, *asked.show}):
        raise ValueError(_("The figure does not show {word!r}, to which it gives a name.", word=unknown[0]))
    looks = assembled(done)
    networks = [asked.names.get(word, title) for word, title in zip(asked.networks, networks, strict=True)]
    photos = [dataclasses.replace(photo, name=asked.names.get(photo.word, photo.name)) for photo in photos]
    with fonts.setting(asked.font, asked.font_size):
        made = PaperFigure(layout=None)
        sheet.drawn(made, asked, photos, networks, looks, most_pixels=most_pixels)
    made.description = asked
    made.caption = caption(asked, photos, networks, looks, asked.command() if commanded else "")
    return made


def _pictures(photos: Photos) -> list[Picture]:
    if isinstance(photos, Mapping):
        return [Picture(name, open_image(photo), name) for name, photo in photos.items()]
    several = photos if isinstance(photos, (list, tuple)) else [cast(ImageSource, photos)]
    return [
        named_photo(str(photo))
        if isinstance(photo, (str, Path))
        else Picture(word := _("photo {number}", number=number), open_image(photo), word)
        for number, photo in enumerate(several, start=1)
    ]


def _square_words(value: Any) -> tuple[str, ...]:
    """The squares of a description, of one square or several, as :func:`simam_viz.analyze` takes them or as texts."""
    several = [value] if value is None or isinstance(value, str) or not hasattr(value[0], "__len__") else value
    return tuple(MIDDLE if one is None else one if isinstance(one, str) else squares.text(one) for one in several)


def columns_of(asked: Description, loaded: LoadedCheckpoint | None = None) -> list[Column]:
    """The networks that a description names.

    Args:
        asked: the figure.
        loaded: the network in hand, where it is loaded already.

    Raises:
        ValueError: there is no such network; in one sentence (:class:`simam_viz.CheckpointError`).
    """
    names = ["on" if name == "own" else name for name in asked.networks]
    there: dict[str, Variant] = {}
    if any(name in variants.NAMES for name in names):
        loaded = loaded or named_network(asked)
        there = _there(loaded, names, asked.fixed_mean)
    columns = []
    for name in names:
        if name in there:
            columns.append(Column(there[name].title, partial(run_variant, there[name], asked.times)))
        elif name in variants.NAMES:
            assert loaded is not None
            raise ValueError(_("{network} has no {variant} to be shown.", network=loaded.name, variant=name))
        else:
            path = find_checkpoint(name)
            title = next((info.title for info in list_checkpoints() if info.path == path), Path(name).stem)
            columns.append(Column(title, partial(_run_named, name, asked.times)))
    return columns


def named_network(asked: Description) -> LoadedCheckpoint:
    """The network in hand that a description names; a person's code is run where it names that.

    Raises:
        ValueError: it cannot be made or understood.
        CheckpointError: its file cannot be opened.
    """
    options = opening.read(asked.network)
    if (own := opening.asked(options)) is not None:
        return opening.Maker(own).as_made()
    loaded = load_checkpoint(asked.checkpoint or list_checkpoints()[0].name)
    return on_device(loaded, options.device) if options.device else loaded


def _there(loaded: LoadedCheckpoint, names: Sequence[str], fixed_mean: bool) -> dict[str, Variant]:
    """What of a network's variants, its twin and its siblings is there, as far as it is asked for."""
    twin = None
    if "twin" in names and (name := twin_of(loaded)) is not None:
        twin = load_checkpoint(name)
        twin = twin if same_task(loaded, twin) else None
    infos = {attention: info for attention, info in siblings_of(loaded.card).items() if attention in names}
    siblings = {attention: partial(load_checkpoint, info.path) for attention, info in infos.items()}
    return {
        variant.name: variant for variant in variants.variants(loaded, twin, fixed_mean=fixed_mean, siblings=siblings)
    }


def run_variant(variant: Variant, e_lambda: float | Times | None) -> Run:
    """A variant's network, with its λ where one is asked for."""
    return variant.network(), variant.e_lambda(e_lambda)


def _run_named(name: str, e_lambda: float | Times | None) -> Run:
    return run_loaded(load_checkpoint(name), e_lambda)


def run_loaded(loaded: LoadedCheckpoint, e_lambda: float | Times | None) -> Run:
    """A network, with its λ where it has a place for one."""
    return loaded, e_lambda if loaded.has_simam else None
