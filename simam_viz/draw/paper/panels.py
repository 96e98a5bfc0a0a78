"""The pixels and the colours of one panel: photos and maps at the photo's own resolution."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ...explain.cam import enlarged
from ...photos import squares
from ...wording import _, later
from .. import render
from ..render import Scale
from .description import Description
from .grid import Cell, Grid, arranged
from .looks import NO_ATTENTION, NO_ENERGY, NO_LAMBDA, Look, Looks
from .sources import Picture

_PAPER = (114, 114, 114)
MOST_PIXELS = 120_000_000
"""Of all pictures of a figure together; where there would be more, each becomes smaller, and the caption says so."""
_UNITS = {
    "mean weight": later("mean attention weight (no unit)"),
    "attention weight": later("attention weight (no unit)"),
    "importance": later("importance 1/e* (no unit)"),
    "energy": later("energy e* (no unit)"),
    "feature": later("feature (in units of the activations)"),
    "refined feature": later("refined feature (in units of the activations)"),
}
"""The quantity and its unit, beside the colours."""
_MIXED = {
    "mean weight": (later("SimAM's mean weight (no unit)"), later("others' mean weight (no unit)")),
    "attention weight": (later("SimAM's weight (no unit)"), later("others' weight (no unit)")),
}
"""The same where a figure has a bar for SimAM's weights, which have a floor, and one for others'."""


def with_unit(quantity: str) -> str:
    """A quantity of :class:`simam_viz.draw.render.Scale` with its unit, in the language of whoever asks."""
    return _(_UNITS.get(quantity, quantity))


def over_photo(
    photo: Image.Image, box: Sequence[float], values: Tensor, scale: Scale, most: int, on_grey: bool = False
) -> Image.Image:
    """A map (h, w) over the part of a photo that the network saw, in grey, its longer side at most ``most`` pixels."""
    shrink = min(1.0, most / max(box[2] - box[0], box[3] - box[1]))
    return render.over(cut(photo, box, shrink, on_grey), values, scale)


def cut(photo: Image.Image, box: Sequence[float], shrink: float = 1.0, on_grey: bool = False) -> Image.Image:
    """A part of a photo at its own resolution, or smaller by a factor; beyond the photo lies its mean colour, or a detector's grey."""
    left, top = round(box[0]), round(box[1])
    right, bottom = left + max(1, round(box[2] - box[0])), top + max(1, round(box[3] - box[1]))
    size = max(1, round((right - left) * shrink)), max(1, round((bottom - top) * shrink))
    around = _PAPER if on_grey else None
    return squares.cut(photo.convert("RGB"), (left, top, right, bottom), size, Image.Resampling.LANCZOS, around)


def trouble(cell: Cell, looks: Looks) -> str:
    """Why there is no panel to draw, in words of the reader; empty if there is one."""
    word = cell.quantity.word
    mine = looks.get((cell.photo, cell.network), Look())
    if cell.quantity.kind == "sweep":
        return "" if mine.sweep else _(NO_LAMBDA)
    told = [mine.troubles.get(word, "")]
    if cell.quantity.kind == "difference":
        told.insert(0, looks[cell.photo, 0].troubles.get(word, ""))
    return next((_(sentence) for sentence in told if sentence), "")


def grid(asked: Description, photos: Sequence[str], networks: Sequence[str], looks: Looks) -> Grid:
    """Which panel stands where; what a network does not have, on no photo, takes no room."""
    nothing = {_(told) for told in (NO_ATTENTION, NO_ENERGY, NO_LAMBDA)}
    whole = arranged(asked, photos, networks)
    return arranged(asked, photos, networks, {cell for cell in whole.panels if trouble(cell, looks) in nothing})


def values(cell: Cell, looks: Looks) -> Tensor:
    """The map of a cell, (h, w); of a difference, the first network's minus its own."""
    word = cell.quantity.word
    mine = looks[cell.photo, cell.network].maps[word]
    if cell.quantity.kind != "difference":
        return mine
    first = looks[cell.photo, 0].maps[word]
    if first.shape != mine.shape:
        rows, columns = max(first.shape[0], mine.shape[0]), max(first.shape[1], mine.shape[1])
        first, mine = enlarged(first, (rows, columns)), enlarged(mine, (rows, columns))
    return first - mine


def scales(asked: Description, cells: Sequence[Cell], looks: Looks) -> dict[Cell, Scale]:
    """What the colours of every map mean: one scale for all maps of a kind, unless each is to have its own."""
    there = [cell for cell in cells if cell.quantity.is_map and not trouble(cell, looks)]
    found = {}
    for cell in there:
        alike = [cell] if asked.own_range else [other for other in there if other.quantity.word == cell.quantity.word]
        found[cell] = _scale(asked, cell, looks, alike)
    return found


def _scale(asked: Description, cell: Cell, looks: Looks, alike: Sequence[Cell]) -> Scale:
    quantity = cell.quantity
    if quantity.kind == "cam":
        label = _("{method} (share of its maximum)", method=quantity.method)
        scale = dataclasses.replace(render.CAM_SCALE, label=label)
    elif quantity.kind == "difference":
        reach = float(values(cell, looks).abs().max()) or 1.0 if asked.own_range else 1.0
        label = _("{method}: first network minus this one (shares)", method=quantity.method)
        scale = dataclasses.replace(render.DIFFERENCE_SCALE, low=-reach, high=reach, label=label)
    else:
        name = quantity.of_neurons
        if name == "attention weight" and quantity.part in ("", "mean"):
            name = "mean weight"
        kind = looks[cell.photo, cell.network].facts["kinds"][quantity.word]
        kinds = {other: looks[other.photo, other.network].facts["kinds"][quantity.word] for other in alike}
        same = [values(other, looks).flatten() for other in alike if (kinds[other] == "simam") == (kind == "simam")]
        scale = render.scale_for(name, torch.cat(same), asked.own_range, kind)
        apart = name in _MIXED and len({other == "simam" for other in kinds.values()}) > 1
        scale = dataclasses.replace(scale, label=_(_MIXED[name][kind != "simam"] if apart else _UNITS[name]))
    chosen = asked.signed if quantity.signed else asked.colours
    return dataclasses.replace(scale, colours=chosen or scale.colours, reach="own" if asked.own_range else "common")


def picture(
    asked: Description, cell: Cell, looks: Looks, photos: Sequence[Picture], scale: Scale | None, shrink: float
) -> Image.Image:
    """A photo, or a map over it or by itself, at the photo's own resolution."""
    facts = looks[cell.photo, cell.network].facts
    below = cut(photos[cell.photo].image, facts["box"], shrink, on_grey=facts["whole"])
    if scale is None:
        return below
    opacity = 1.0 if cell.bare else asked.opacity
    return render.over(below, values(cell, looks), scale, opacity, asked.upsampling == "smooth", asked.photo == "grey")


def shrinking(cells: Sequence[Cell], looks: Looks, most: float = MOST_PIXELS) -> float:
    """By what factor pictures must be made smaller, lest a figure have more than ``most`` pixels: 1 for nearly all."""
    total = 0.0
    for cell in cells:
        if cell.quantity.kind in ("histogram", "sweep"):
            continue
        left, top, right, bottom = looks[cell.photo, cell.network].facts["box"]
        total += (right - left) * (bottom - top)
    return float(min(1.0, (most / max(total, 1.0)) ** 0.5))
