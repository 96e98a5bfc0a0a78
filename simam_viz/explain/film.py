"""The λ film: what one photo does in one network at every stop of λ, in few enough bytes to follow a finger.

A stop is reduced to what a screen draws of it: for every block the mean weight over channels and Grad-CAM, in 8 bits between
their own least and greatest value, and the leading classes. Stops are computed in small batches, so that little memory is
taken while a film is made, and each is what :func:`simam_viz.analyze` gives at its λ but for those 8 bits.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..checkpoints.loaded import LoadedCheckpoint
from ..checkpoints.loading import class_said
from ..modules.weighing import Kind
from ..networks.lambdas import Times
from ..photos.squares import Square
from .analysis import Place, Region, analyze_lambdas
from .blocks import Analysis
from .inputs import Given

Stop = float | Times | None
"""A λ of all SimAM modules, each one's own multiplied, or each one's own."""

ANSWERS = 5
"""So many leading classes are kept of a stop."""
MOST_BYTES = 768 * 2**10
"""So much the maps of a film may take; where all stops would take more, fewer are made."""
MOST_CHANNELS = 5 * 2**20
"""So much the maps of a block's channels may take, where a film is of these; and so much of them is sent to a browser:"""
MOST_TILES = 400 * 2**10
MOST_VIEW = 224
"""The longer side of the grey picture that maps are laid over, in pixels."""
_WHILE_MADE = 144 * 2**20
"""Bytes that all batches that run at the same time may take."""
_FOR_EACH_FEATURE = 8
"""A pass, its graph and its gradients take about so many times what enters its attention."""
_MOST_AT_ONCE = 12


@dataclass(frozen=True, eq=False)
class Levels:
    """A map (h, w) in 8 bits: its values are ``low`` + level · (``high`` − ``low``) / 255."""

    levels: NDArray[np.uint8]
    low: float
    high: float

    @property
    def values(self) -> NDArray[np.float32]:
        """The map (h, w), off by at most half a level."""
        return (self.low + self.levels.astype(np.float32) * ((self.high - self.low) / 255)).astype(np.float32)


def in_levels(values: Tensor) -> Levels:
    """A map (h, w), or maps of any shape, in 8 bits between its least and its greatest value."""
    found = values.detach().float().numpy()
    low, high = float(found.min()), float(found.max())
    levels = (found - low) * (255 / (high - low)) if high > low else np.zeros_like(found)
    return Levels(levels.round().astype(np.uint8), low, high)


@dataclass(frozen=True, eq=False)
class Stack:
    """Maps (C, h, w) in 8 bits, each between its own least and greatest value, (C,)."""

    levels: NDArray[np.uint8]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def __getitem__(self, index: int) -> Levels:
        """One of them."""
        return Levels(self.levels[index], float(self.low[index]), float(self.high[index]))

    @property
    def values(self) -> NDArray[np.float32]:
        """The maps (C, h, w), each off by at most half of its levels."""
        span = (self.high - self.low)[:, None, None]
        return (self.low[:, None, None] + self.levels.astype(np.float32) * (span / 255)).astype(np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, and on the way to a browser."""
        return self.levels.nbytes + self.low.nbytes + self.high.nbytes


def stacked(values: Tensor) -> Stack:
    """Maps (C, h, w) in 8 bits, each as :func:`in_levels` would have it."""
    found = values.detach().float().numpy()
    low, high = found.min(axis=(1, 2)), found.max(axis=(1, 2))
    span = np.where(high > low, high - low, 1)[:, None, None]
    return Stack(((found - low[:, None, None]) * (255 / span)).round().astype(np.uint8), low, high)


@dataclass(frozen=True, eq=False)
class Frame:
    """One stop of a film."""

    target: int
    """The class that Grad-CAM explains: the one that was asked for, or what this stop's λ predicts."""
    said: float
    """What the network says of it."""
    answers: tuple[tuple[int, float], ...]
    """The leading classes by their index, the first first, with what the network says of them."""
    weights: tuple[Levels, ...]
    """Of every block, the mean weight over channels."""
    cams: tuple[Levels, ...]
    """Of every block, Grad-CAM over its own maximum; none where it was not asked for."""
    cam_maxima: tuple[float, ...]
    """That maximum, in logits; 0 where no position speaks for the class."""
    channels: Stack | None = None
    """Of a film of one block's channels: the attention weights of each; then there are no blocks."""
    maps: tuple[Levels, ...] = ()
    """Of a film of heat maps side by side (:mod:`~simam_viz.explain.compared_film`): each; then there are no blocks either."""


def frame(analysis: Analysis, block: str | None = None) -> Frame:
    """What a film keeps of one analysis, whose maps are pictures (:meth:`Analysis.pictures`): of all blocks, or one's channels."""
    blocks = analysis.blocks if block is None else ()
    explained = [one.heat_map("Grad-CAM") for one in blocks if one.has_heat_maps]
    return Frame(
        analysis.target,
        float(analysis.said[analysis.target]),
        tuple((index, value) for index, _name, value in analysis.top(ANSWERS)),
        tuple(in_levels(block.attention.mean(dim=0)) for block in blocks),
        tuple(in_levels(heat.values) for heat in explained),
        tuple(heat.maximum for heat in explained),
        None if block is None else stacked(analysis.block(block).attention),
    )


@dataclass(frozen=True, eq=False)
class Station:
    """A block of the network, as far as λ does not change it."""

    name: str
    kind: Kind
    hypothetical: bool
    shape: tuple[int, ...]
    """Channels, rows, columns of what enters its attention."""


@dataclass(frozen=True, eq=False)
class Film:
    """Stops of λ, in the order of the slider, with what they share."""

    view: Image.Image
    """The crop that the network saw."""
    categories: tuple[str, ...]
    """All of them; few are sent."""
    chances: bool
    """Whether what the network says are probabilities."""
    stations: tuple[Station, ...]
    frames: dict[Stop, Frame]

    @property
    def nbytes(self) -> int:
        """Bytes of memory that its maps take."""
        maps = (levels for one in self.frames.values() for levels in (*one.weights, *one.cams, *one.maps))
        stacks = (one.channels.nbytes for one in self.frames.values() if one.channels is not None)
        return sum(map_.levels.nbytes for map_ in maps) + sum(stacks)

    def with_frames(self, more: dict[Stop, Frame], order: Sequence[Stop]) -> Film:
        """The same with ``more`` stops, those of ``order`` in its order and all others behind."""
        frames = self.frames | more
        behind = [stop for stop in frames if stop not in order]
        there = {stop: frames[stop] for stop in [*order, *behind] if stop in frames}
        return replace(self, frames=there)

    def only(self, stop: Stop) -> Film:
        """The same with one of its stops alone."""
        return self.at([stop])

    def at(self, stops: Sequence[Stop]) -> Film:
        """The same with these of its stops alone."""
        return replace(self, frames={stop: self.frames[stop] for stop in stops})

    def of_channel(self, index: int) -> Film:
        """Of a film of channels, one of them."""
        return replace(self, frames={stop: _one_channel(one, index) for stop, one in self.frames.items()})


def _one_channel(of_all: Frame, index: int) -> Frame:
    stack = of_all.channels
    assert stack is not None
    here = slice(index, index + 1)
    return replace(of_all, channels=Stack(stack.levels[here], stack.low[here], stack.high[here]))


def film_of(analysis: Analysis, at: Stop, block: str | None = None) -> Film:
    """A film of a single stop, which is ``at`` and what this analysis is of; its maps are pictures.

    With a ``block``, it is of that block's channels, and of nothing else.
    """
    stations = tuple(
        Station(one.name, one.kind, one.hypothetical, tuple(one.features.shape))
        for one in (analysis.blocks if block is None else ())
    )
    chances = analysis.output.has_probabilities
    return Film(analysis.view, analysis.categories, chances, stations, {at: frame(analysis, block)})


def filmed(
    loaded: LoadedCheckpoint,
    image: Given,
    stops: Sequence[Stop],
    *,
    target: int | None = None,
    input_size: int | None = None,
    share: float | None = None,
    region: Region | None = None,
    box: Place | None = None,
    reference: Given | None = None,
    square: Square | None = None,
    block: str | None = None,
    cams: bool = True,
) -> list[Frame]:
    """Some stops of a film (of one ``block``'s channels, if it is named), as one batch.

    Without a target, Grad-CAM of each stop is of the class that it predicts. Without ``cams``, and of channels, there is none, and
    the stops take half as long. Other arguments and errors as of :func:`simam_viz.explain.analysis.analyze_lambdas`, and ``share``
    as :meth:`simam_viz.explain.blocks.Analysis.pictures` takes it.
    """
    asked: dict[str, Any] = {"region": region, "box": box, "reference": reference, "square": square}
    explained = cams and block is None
    found = analyze_lambdas(loaded, image, stops, target, input_size, **asked, heat_maps=explained)
    return [frame(analysis.pictures(share), block) for analysis in found]


def bytes_each(film: Film) -> int:
    """How many bytes one stop of it takes."""
    return film.nbytes // len(film.frames)


def at_once(analysis: Analysis) -> int:
    """How many stops may run at the same time, in all batches: fewer where one of them, such as this, takes much memory."""
    entered = sum(block.features.nbytes for block in analysis.blocks)
    return max(1, min(_MOST_AT_ONCE, _WHILE_MADE // (_FOR_EACH_FEATURE * max(entered, 1))))


def stops_that_fit(stops: Sequence[Stop], bytes_each: int, most: int = MOST_BYTES) -> list[Stop]:
    """As many of the stops as ``most`` bytes hold, evenly among them, both ends included."""
    count = min(len(stops), max(2, most // max(bytes_each, 1)))
    return [stops[round(index)] for index in np.linspace(0, len(stops) - 1, count)]


def with_own(fitting: Sequence[Stop], own: Stop, order: Sequence[Stop]) -> list[Stop]:
    """The same stops of ``order`` with the network's own among them, in the place of the inner one that is nearest to it."""
    if own in fitting or own not in order or len(fitting) < 3:
        return list(fitting)
    leaves = nearest_first(fitting[1:-1], own, order)[0]
    return [own if stop == leaves else stop for stop in fitting]


def nearest_first(stops: Sequence[Stop], at: Stop, order: Sequence[Stop]) -> list[Stop]:
    """``stops`` by how far from ``at`` they lie in ``order``, which holds them all."""
    place = {stop: index for index, stop in enumerate(order)}
    here = place.get(at, len(order) // 2)
    return sorted(stops, key=lambda stop: (abs(place[stop] - here), place[stop]))


def stages(places: Sequence[Station]) -> list[int]:
    """For every block, the number of its stage: a run of blocks whose maps have one size."""
    found: list[int] = []
    for before, place in zip([None, *places], places, strict=False):
        new = before is not None and before.shape[1:] != place.shape[1:]
        found.append((found[-1] if found else 0) + new)
    return found


def encoded(film: Film, key_of: dict[Stop, str], about: dict[str, Any]) -> bytes:
    """A film as bytes: the length of a header (4, little-endian), the header as JSON, then 8 bits a cell.

    After the header come the grey view, row by row; then of every stop the weights of every block, the Grad-CAM of every block
    where it has that, the maps side by side, and of its channels the least values and the greatest (float32, little-endian) and
    the maps; then the view in colour, as JPEG.
    The header's ``name`` is that of all the rest: equal bytes, equal name.

    Args:
        film: what to send.
        key_of: what each of its stops is called in the browser.
        about: goes into the header as it is.
    """
    grey = _small(film.view).convert("L")
    frames = list(film.frames.values())
    parts = [np.asarray(grey).tobytes(), *(part for one in frames for part in _parts(one)), _jpeg(_small(film.view))]
    classes = {index for one in frames for index in (one.target, *(index for index, _said in one.answers))}
    first = frames[0]
    header: dict[str, Any] = {
        **about,
        "view": [grey.width, grey.height],
        "chances": film.chances,
        "channels": [0, 0, 0] if first.channels is None else first.channels.levels.shape,
        "cams": next(([levels.levels.shape for levels in one.cams] for one in frames if one.cams), []),
        "maps": [levels.levels.shape for levels in first.maps],
        "classes": {index: class_said(film.categories[index]) for index in sorted(classes)},
        "blocks": [
            {
                "name": place.name, "kind": place.kind, "hypothetical": place.hypothetical, "shape": place.shape, "stage": stage,
                "weights": weights.levels.shape,
            }
            for place, stage, weights in zip(film.stations, stages(film.stations), first.weights, strict=True)
        ],
        "stops": [
            {
                "key": key_of[stop], "target": one.target, "said": one.said, "answers": one.answers,
                "weights": [[levels.low, levels.high] for levels in one.weights],
                "cams": [[levels.low, levels.high] for levels in one.cams],
                "maxima": one.cam_maxima, "maps": [[levels.low, levels.high] for levels in one.maps],
            }
            for stop, one in film.frames.items()
        ],
    }  # fmt: skip
    body = b"".join(parts)
    told = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    name = hashlib.sha256(told.encode() + body).hexdigest()[:16]
    head = json.dumps({"name": name, **header}, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<I", len(head)) + head + body


def _parts(one: Frame) -> list[bytes]:
    maps = [levels.levels.tobytes() for levels in (*one.weights, *one.cams, *one.maps)]
    if one.channels is None:
        return maps
    ends = [end.astype("<f4").tobytes() for end in (one.channels.low, one.channels.high)]
    return [*maps, *ends, one.channels.levels.tobytes()]


def _small(view: Image.Image) -> Image.Image:
    longer = max(view.size)
    if longer <= MOST_VIEW:
        return view.convert("RGB")
    width, height = (max(1, round(side * MOST_VIEW / longer)) for side in view.size)
    return view.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
