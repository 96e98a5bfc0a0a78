"""What a figure shows, computed: every photo through every network, piece by piece, and kept in plain values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from torch import Tensor

from ...checkpoints.loaded import LoadedCheckpoint
from ...checkpoints.loading import class_index, class_said
from ...cluster.doing import HERE, Doing
from ...explain.analysis import Place, analyze_lambdas
from ...explain.blocks import Analysis
from ...explain.recording import Run
from ...explain.survey import IMPOSSIBLE_CLASS, contrasted
from ...networks.lambdas import Times
from ...photos.images import check_input_size
from ...wording import _, later, semicolon
from .alone import one_thread
from .description import Description
from .sources import Picture, named_photo, seen

STOPS = (*(float(f"{mantissa}e{exponent}") for exponent in range(-6, 1) for mantissa in (1, 2, 5)), 10.0)
"""The values of λ along which a figure draws a probability."""
_AT_ONCE = 4
NO_ENERGY = later("no SimAM, no energy")
NO_ATTENTION = later("no attention here")
NO_LAMBDA = later("no SimAM, no λ")
ALL_ZERO = later("map all zero")

Piece = tuple[int, int, int, dict[str, Any]]
"""The numbers of the photo, of the network and of the part (0: all but the λ sweep), and what was found there: tensors, numbers
and texts only, so that it can be kept."""


@dataclass(frozen=True, eq=False)
class Column:
    """A network to show."""

    title: str
    run: Callable[[], Run]
    """Gives it, with its λ, whenever it is needed."""


@dataclass(eq=False)
class Look:
    """One photo through one network."""

    maps: dict[str, Tensor] = field(default_factory=dict)
    """By a quantity's word, (h, w); of a histogram, the values of all neurons."""
    troubles: dict[str, str] = field(default_factory=dict)
    """By a quantity's word, why there is nothing to draw, in English."""
    sweep: list[tuple[float, float]] = field(default_factory=list)
    """λ, and what the network says of the class there."""
    facts: dict[str, Any] = field(default_factory=dict)
    """``box``: the part of the photo that the network saw, in its pixels, which may reach beyond it; ``shape``: width and height
    of the input; ``target``, ``said``, ``predicted``; ``blocks`` and ``kinds`` by a quantity's word; and of the network
    ``title``, ``weights``, ``e_lambda``, ``remarks``, ``hypothetical``, ``whole``, ``probabilities``."""


Looks = dict[tuple[int, int], Look]
"""By the numbers of photo and network."""


def count(asked: Description, photos: int, networks: int) -> int:
    """How many pieces a figure takes."""
    sweeps = -(-len(STOPS) // _AT_ONCE) if any(q.kind == "sweep" for q in asked.quantities) else 0
    return photos * networks * (1 + sweeps)


def pieces(
    asked: Description,
    photos: Sequence[Picture],
    columns: Sequence[Column],
    done: Sequence[Piece] = (),
    doing: Callable[[], Doing] = lambda: HERE,
) -> Iterator[Piece]:
    """Every piece of a figure that is not there yet, network by network, so that no more of them are in memory than need be.

    Args:
        asked: the figure.
        photos: its photos.
        columns: its networks; the first has the last word on the class, the block and the input size.
        done: the pieces that are there already.
        doing: says, before every piece, who computes it.

    Raises:
        ValueError: a network lacks a block, a channel or a class, or a setting makes no sense to it; in one sentence.
    """
    if asked.size is not None:
        check_input_size(asked.size)
    there = {(p, n, part) for p, n, part, _found in done}
    first = [look.facts for (_p, n), look in assembled(done).items() if n == 0 and look.facts]
    size = asked.size or (max(first[0]["shape"]) if first else None)
    blocks: dict[str, str] = first[0]["blocks"] if first else {}
    targets: dict[int, dict[str, Any]] = {p: f for p, n, part, f in done if n == 0 and part == 0}
    question: dict[str, Any] = {"region": asked.asked_region}
    if asked.reference:
        question["reference"] = named_photo(asked.reference).image
    each = count(asked, 1, 1)
    jobs = [(n, p, part) for n in range(len(columns)) for p in range(len(photos)) for part in range(each)]
    for n, of_network in itertools.groupby(
        [job for job in jobs if (job[1], job[0], job[2]) not in there], lambda job: job[0]
    ):
        loaded, e_lambda = run = columns[n].run()
        size = size or loaded.transforms.input_size
        for _n, p, part in of_network:
            known = targets.get(p, {})
            said = known.get("class", asked.target)
            target = class_index(said, loaded.categories) if said else None
            box: int | Place | None = tuple(known["place"]) if known.get("place") else asked.box
            asked_for = question | {"box": box, "square": photos[p].square}
            if part:
                stops = STOPS[(part - 1) * _AT_ONCE : part * _AT_ONCE]
                swept = doing().do(_swept, loaded, photos[p].source, stops, target, size, asked_for)
                yield p, n, part, {"sweep": swept}
                continue
            found = doing().do(
                _analysed, asked, loaded, e_lambda, photos[p], target, size, asked_for, columns[n].title, blocks, n == 0
            )
            targets.setdefault(p, found)
            blocks = blocks or found["blocks"]
            yield p, n, part, found
        del loaded, run


def _analysed(
    asked: Description,
    loaded: LoadedCheckpoint,
    e_lambda: float | Times | None,
    photo: Picture,
    target: int | None,
    size: int,
    question: dict[str, Any],
    title: str,
    blocks: dict[str, str],
    first: bool,
) -> dict[str, Any]:
    """One photo through one network, and what the figure shows of it."""
    against = class_index(asked.against, loaded.categories) if asked.against else None
    box = question["box"]
    if isinstance(box, int):
        target = None  # a box has its own
    with one_thread():
        analysis, same_class = contrasted(loaded, photo.source, e_lambda, target, size, against, **question)
        found = looked(asked, analysis, loaded, photo, title, blocks, same_class, first)
    return found | {"place": list(analysis.boxes[box].place)} if isinstance(box, int) else found


def looked(
    asked: Description,
    analysis: Analysis,
    loaded: LoadedCheckpoint,
    photo: Picture,
    title: str,
    blocks: dict[str, str] | None = None,
    same_class: str = "",
    first: bool = True,
) -> dict[str, Any]:
    """What a figure shows of one photo through one network, and what its caption says of it.

    Args:
        asked: the figure.
        analysis: the photo through the network.
        loaded: the network.
        photo: the photo.
        title: what the network is called, for sentences.
        blocks: of the first network, by a quantity's word.
        same_class: the trouble, where the class is contrasted with itself.
        first: whether it is the figure's first network.

    Raises:
        ValueError: it has no such block or channel; in one sentence.
    """
    analysis = analysis.pictures()
    found = _found(asked, analysis, title, blocks or {}, same_class, first)
    return found | _facts(analysis, loaded, photo) | {"class": class_word(analysis.categories, analysis.target)}


def class_word(categories: tuple[str, ...], target: int) -> str:
    """What names a class to every network: its name, or its number where others share that."""
    return categories[target] if class_index(categories[target], categories) == target else str(target)


def _found(
    asked: Description, analysis: Analysis, title: str, blocks: dict[str, str], same_class: str, first: bool
) -> dict[str, Any]:
    """Every map that is asked for, or the trouble with it; with the name and the kind of its block."""
    found: dict[str, Any] = {"maps": {}, "troubles": {}, "kinds": {}, "blocks": {}}
    for quantity in asked.quantities:
        if not (quantity.method or quantity.of_neurons):
            continue
        word = quantity.word
        block = quantity.place(analysis, asked.block or blocks.get(word, ""), title)
        found["blocks"][word], found["kinds"][word] = block.name, block.kind
        trouble = ""
        if quantity.method:
            trouble = ALL_ZERO if block.heat_map(quantity.method).empty else ""
            trouble = same_class or (IMPOSSIBLE_CLASS if analysis.impossible else trouble)
        elif quantity.of_neurons != "feature":
            # What SimAM would do is worth a look in a network that is shown for itself, not beside one that has it.
            trouble = NO_ENERGY if block.kind != "simam" and quantity.of_neurons != "attention weight" else ""
            trouble = NO_ATTENTION if block.hypothetical and not first else trouble
        if trouble:
            found["troubles"][word] = trouble
        else:
            found["maps"][word] = quantity.found(block)
    return found


def _facts(analysis: Analysis, loaded: LoadedCheckpoint, photo: Picture) -> dict[str, Any]:
    """What a caption says of a network and its answer."""
    return {
        "box": list(seen(loaded.transforms, photo, analysis.view.size)), "shape": list(analysis.view.size),
        "target": class_said(analysis.categories[analysis.target]), "said": float(analysis.said[analysis.target]),
        "predicted": class_said(analysis.top(1)[0][1]), "probabilities": analysis.output.has_probabilities,
        "e_lambda": analysis.lambda_text if loaded.has_simam else "", "title": loaded.card.title or loaded.name,
        "weights": _weights(loaded), "remarks": semicolon().join(loaded.remarks),
        "hypothetical": not analysis.attends, "whole": loaded.transforms.fit == "letterbox", "attention": loaded.card.attention or "",
    }  # fmt: skip


def _weights(loaded: LoadedCheckpoint) -> str:
    """Where a network's weights come from, in words."""
    if loaded.sha256:
        return _("{name} (SHA-256 {hash}…)", name=loaded.name, hash=loaded.sha256[:12])
    if loaded.opened_by.get("pretrained"):
        return _("as they are published under its name")
    return _("as its code makes them") if loaded.opened_by else _("as its program gives them")


def _swept(
    loaded: LoadedCheckpoint,
    source: Image.Image | Tensor,
    stops: Sequence[float],
    target: int | None,
    size: int,
    question: dict[str, Any],
) -> list[tuple[float, float]]:
    """What the network says of a class at some λ; nothing where no λ does anything."""
    if not loaded.has_simam:
        return []
    with one_thread():
        found = analyze_lambdas(loaded, source, stops, target, size, **question, heat_maps=False)
    return [(stop, float(a.said[a.target])) for stop, a in zip(stops, found, strict=True)]


def assembled(done: Iterable[Piece]) -> Looks:
    """All pieces that there are, put together."""
    looks: Looks = {}
    for p, n, _part, found in sorted(done, key=lambda piece: piece[:3]):
        look = looks.setdefault((p, n), Look())
        look.sweep += [(float(stop), float(said)) for stop, said in found.get("sweep", ())]
        look.maps |= found.get("maps", {})
        look.troubles |= found.get("troubles", {})
        look.facts |= {name: value for name, value in found.items() if name not in ("sweep", "maps", "troubles")}
    return looks
