"""Figure: photos × networks × quantities for a paper, as PDF, SVG and PNG, with the caption and the command to go with it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image
from torch import Tensor

from ....checkpoints.loading import twin_of
from ....checkpoints.store import CheckpointInfo
from ....draw.paper import formats
from ....draw.paper.caption import BY_PYTHON
from ....draw.paper.description import Description
from ....draw.paper.formats import PaperFigure
from ....draw.paper.looks import Column, Piece, count, pieces
from ....draw.paper.making import composed, run_loaded, run_variant
from ....draw.paper.sources import Picture, named_photo
from ....explain import variants
from ....photos.samples import list_samples
from ....wording import _, counted, in_this_language
from ... import choose_photo, state, zoo
from ...scene import Part, Scene, Subject
from ...server import elsewhere, forgetting, long_task
from ...server.kept import Kept
from ...widgets import pictures, takeaway
from . import settings

_MIME = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
_MADE = "paper-figure"
_PIECES = "paper-pieces"
_KEPT_PIECES, _KEPT_BYTES = 600, 32 * 2**20
_PREVIEW, _PREVIEW_PIXELS = 1400, 3e6
Make = Callable[[], PaperFigure]


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ."""
    yield _figure


@dataclass(frozen=True)
class _Network:
    """A column or a row to choose."""

    column: Column
    identity: Hashable
    """Tells it from every other network."""
    word: str
    """What names it in a command; empty where none can."""


@dataclass(eq=False)
class _Found:
    """What was computed in one piece."""

    found: dict[str, Any]

    @property
    def nbytes(self) -> int:
        maps: dict[str, Tensor] = self.found.get("maps", {})
        return sum(values.nbytes for values in maps.values())

    def serves(self, asked: Description) -> bool:
        """Whether all that is asked for is in it."""
        words = {quantity.word for quantity in asked.quantities if quantity.method or quantity.of_neurons}
        return "sweep" in self.found or words <= self.found["blocks"].keys()


def _figure(view: Scene) -> None:
    st.markdown(
        _(
            "Choose photos, networks and quantities, in the order in which they shall stand. What other pages show comes here "
            "by *Put it into the figure*, below *Take it home* in the sidebar."
        )
    )
    there = _networks(view)
    own = {view.photo.name: view.photo} | choose_photo.own_photos()
    titles = {name: photo.title for name, photo in own.items()} | {one.name: _(one.title) for one in list_samples()}
    try:
        asked = settings.asked(view, titles, {name: network.column.title for name, network in there.items()})
    except ValueError as error:
        st.error(str(error))
        return
    photos = [_picture(view, name) for name in asked.photos]
    columns = [there[name].column for name in asked.networks]
    done = _computed(view, asked, photos, [there[name] for name in asked.networks])
    if len(done) < count(asked, len(photos), len(columns)):
        return
    if trouble := next((found["error"] for *_place, found in done if "error" in found), ""):
        st.error(trouble)
        return
    # What the command names: an upload by its file.
    words = {name: photo.word for name, photo in zip(asked.photos, photos, strict=True)}
    commanded = all(there[name].word for name in asked.networks)
    shown = {name: there[name].word if commanded else name for name in asked.networks}
    names = {(words | shown).get(name, name): title for name, title in asked.names.items()}
    named = dataclasses.replace(asked, photos=tuple(words.values()), networks=tuple(shown.values()), names=names)
    make = partial(composed, named, photos, [column.title for column in columns], done, commanded=commanded)
    try:
        preview = make(most_pixels=_PREVIEW_PIXELS)
    except ValueError as error:
        st.error(str(error))
        return
    _shown(view, preview, make, len(photos), len(columns))
    if choose_photo.own_photos().keys() & set(asked.photos):
        st.caption(_("The app keeps uploaded photos of at most 2 megapixels; the command draws yours as it is."))


def _networks(view: Scene) -> dict[str, _Network]:
    """What can stand beside the network in hand: its variants, those trained alike, and every other network that is here."""
    fixed = state.parsed("fixed-mean", state.one_of({"yes": True, "no": False}), False)
    # A twin that the session keeps beside its network is in no folder.
    hidden = () if view.loaded.opened_by and twin_of(view.loaded) else ("twin",)
    found = {
        variant.name: _Network(
            Column(variant.title, partial(run_variant, variant, view.e_lambda)),
            variant.name,
            variant.name if view.loaded.opened_by and variant.name not in hidden else "",
        )
        for variant in variants.variants(view.loaded, view.twin, fixed_mean=fixed, siblings=view.siblings)
    }
    for name, choice in zoo.choices().items():
        if name != view.loaded.name and name not in found and "," not in name:
            identity = choice.source.version if isinstance(choice.source, CheckpointInfo) else choice.source.identity
            column = Column(choice.title, partial(_run_choice, choice, view.e_lambda))
            found[name] = _Network(column, (name, identity), choice.opened_by.get("checkpoint", ""))
    return found


def _run_choice(choice: zoo.Choice, e_lambda: Any) -> Any:
    return run_loaded(zoo.load(choice), e_lambda)


def _computed(view: Scene, asked: Description, photos: list[Picture], networks: list[_Network]) -> list[Piece]:
    """All pieces; or those so far, while they are computed, or when that was stopped.

    What the session has computed already, for another order or a figure with more on it, is not computed again.
    """
    kept: Kept[_Found] = st.session_state.setdefault(_PIECES, Kept(_KEPT_PIECES, _KEPT_BYTES))
    forgetting.keeps(_PIECES, kept)
    seen_by = (view.loaded.identity, view.input_size, view.e_lambda, asked.computed, networks[0].identity)

    def key(p: int, n: int, part: int) -> Hashable:
        return asked.photos[p], photos[p].square, networks[n].identity, part, *seen_by

    each = count(asked, 1, 1)
    places = [(p, n, part) for n in range(len(networks)) for p in range(len(photos)) for part in range(each)]
    before = {place: found for place in places if (found := kept.get(key(*place))) is not None and found.serves(asked)}
    done: list[Piece] = [(*place, piece.found) for place, piece in before.items()]
    if len(done) == len(places):
        return done

    def work() -> Iterator[Piece]:
        yield from done
        try:
            columns = [network.column for network in networks]
            for p, n, part, found in pieces(asked, photos, columns, done, lambda: elsewhere.ELSEWHERE.doing):
                kept.put(key(p, n, part), _Found(found))
                yield p, n, part, found
        except (ValueError, OSError) as error:
            while True:  # the sentence that says why, in place of the rest
                yield 0, 0, 0, {"error": str(error)}

    return long_task.in_pieces(
        "paper", (*map(key, *zip(*places, strict=True)), asked.show), len(places), work,
        start=_("Make the figure"), again=_("Make it again"), unit=_("parts"),
    )  # fmt: skip


def _picture(view: Scene, name: str) -> Picture:
    own = choose_photo.own_photos()
    if name == view.photo.name:
        sample = name in {one.name for one in list_samples()}
        word = name if sample else view.photo.file_name
        return Picture(view.photo.file_name, view.photo.image, word, view.photo.tensor, view.kept_square)
    if name in own:
        return Picture(own[name].file_name, own[name].image, own[name].file_name)
    return named_photo(name)


def _shown(view: Scene, made: PaperFigure, make: Make, photos: int, networks: int) -> None:
    """The figure, its files, its caption and its command; ``make`` draws it with the photos at their own resolution."""
    # Streamlit remembers buttons, and they must not hold on to a person's photo.
    held: dict[str, Make] = st.session_state.setdefault(_MADE, {})
    forgetting.keeps(_MADE, held)
    held["figure"], held["preview"] = make, lambda: made
    with st.container(key="paper"):
        pictures.picture(
            view.shown, "figure", partial(_drawn, held), _PREVIEW, smooth=True,
            alt=counted("The figure of {count} photo and {networks} networks", "The figure of {count} photos and {networks} networks",
                        photos, networks=networks),
        )  # fmt: skip
    width, height = (25.4 * side for side in made.get_size_inches())
    st.caption(
        _(
            "{width:.0f} × {height:.0f} mm; text is text, and photos are at their own resolution.",
            width=width,
            height=height,
        )
    )
    with st.container(horizontal=True):
        for label, kind, dpi in (
            ("PDF", "pdf", None), ("SVG", "svg", None), (_("PNG, 300 dpi"), "png", 300), (_("PNG, 600 dpi"), "png", 600),
        ):  # fmt: skip
            st.download_button(
                label, in_this_language(partial(_bytes, held, kind, dpi)),
                f"{takeaway.file_name('figure', view.shown)}.{kind}", _MIME[kind], on_click="ignore",
                icon=":material/download:", key=f"paper-{kind}-{dpi}", type="primary" if kind == "pdf" else "secondary",
            )  # fmt: skip
        st.download_button(
            _("Description (JSON)"), made.description.json(), "figure.json", "application/json", on_click="ignore",
            key="paper-json", icon=":material/data_object:",
            help=_("Makes the same figure again: python -m simam_viz figure --from figure.json --out figure.pdf")
            if made.caption.command and not made.description.code
            else _("Opens here again by *Open a description*."),
        )  # fmt: skip
    st.subheader(_("Caption and command"))
    plain, latex, markdown, command = st.tabs([_("Text"), "LaTeX", "Markdown", _("Command")])
    plain.code(made.caption.text, language=None, wrap_lines=True)
    latex.code(made.caption.latex, language="latex", wrap_lines=True)
    markdown.code(made.caption.markdown, language="markdown", wrap_lines=True)
    if made.caption.command:
        command.code(made.caption.command, language="bash", wrap_lines=True)
    else:
        command.info(_(BY_PYTHON), icon=":material/terminal:")


def _drawn(held: dict[str, Make], width: int) -> Image.Image:
    figure = held["preview" if width <= _PREVIEW else "figure"]()
    return Image.open(io.BytesIO(formats.written(figure, "png", width / figure.get_figwidth()))).convert("RGB")


def _bytes(held: dict[str, Make], kind: str, dpi: float | None) -> bytes:
    if "figure" not in held:
        raise RuntimeError("This session is over.")
    return formats.written(held["figure"](), kind, dpi)
