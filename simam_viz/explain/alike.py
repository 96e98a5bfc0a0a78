"""Stops of λ that a screen cannot tell apart: where two of them look alike, those between them need no pass of their own.

The weight of a neuron falls steadily while λ rises (Eq. 5), and hardly at all as long as λ is small beside the variances: there,
a third of the slider shows the same pictures. So a film is made as a coarse one that gets finer where anything changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..networks.lambdas import Times
from .film import Frame, Levels, Stack, Stop

_LEVELS = 1.5
"""So far two maps may be apart, in the levels of 8 bits: rounding alone puts them one apart."""
_SAID = 5e-4
"""So far what the network says of a class may be apart: half of the last digit that is shown of a probability."""
_MAXIMUM = 0.01
"""So far the maxima of Grad-CAM may be apart, as a share of the greater."""
_ROUNDING = 1e-6
"""Of float32, where a map is flat."""
_COARSEST = 8


def look_alike(one: Frame, other: Frame) -> bool:
    """Whether nothing of two stops differs by more than what 8 bits and the digits shown can say."""
    mine, theirs = dict(one.answers), dict(other.answers)
    return (
        one.target == other.target
        and mine.keys() == theirs.keys()
        and all(abs(mine[index] - theirs[index]) <= _SAID for index in mine)
        and abs(one.said - other.said) <= _SAID
        and np.allclose(one.cam_maxima, other.cam_maxima, rtol=_MAXIMUM, atol=0)
        and len(_maps(one)) == len(_maps(other))
        and all(map(_maps_alike, _maps(one), _maps(other)))
        and _channels_alike(one.channels, other.channels)
    )


def between(frames: Mapping[Stop, Frame], row: Sequence[Stop], left: Collection[Stop]) -> dict[Stop, Frame]:
    """What stops of ``row`` look like that lie between two of ``frames`` that look alike: each as the nearer one.

    Args:
        frames: what is there.
        row: stops in the order of the slider.
        left: those that may be told this way.
    """
    multiplied = any(isinstance(stop, Times) for stop in row)
    # Where λ itself is moved, each module's own lies beside the slider's values, and not between them.
    row = [stop for stop in row if multiplied or stop is not None]
    there = [place for place, stop in enumerate(row) if stop in frames]
    if len({bool(frame.cams) for frame in frames.values()}) > 1:
        # Grad-CAM is there of some alone: it is neither compared nor told of others.
        frames = {stop: replace(frame, cams=(), cam_maxima=()) for stop, frame in frames.items()}
    found = {}
    for low, high in pairwise(there):
        inside = range(low + 1, high)
        if not inside or any(row[place] not in left for place in inside):
            continue
        if look_alike(frames[row[low]], frames[row[high]]):
            found.update({row[at]: frames[row[low if at - low <= high - at else high]] for at in inside})
    return found


def coarse_first(wanted: Sequence[Stop], row: Sequence[Stop]) -> list[Stop]:
    """``wanted`` with every eighth of ``row`` first, then every fourth, then every second; among each, in their own order."""
    step = {stop: _step(place) for place, stop in enumerate(row)} | {row[-1]: _COARSEST}
    return sorted(wanted, key=lambda stop: -step[stop])


def _step(place: int) -> int:
    step = _COARSEST
    while place % step:
        step //= 2
    return step


def _maps(one: Frame) -> tuple[Levels, ...]:
    return (*one.weights, *one.cams, *one.maps)


def _maps_alike(one: Levels, other: Levels) -> bool:
    return _near(one.values, other.values, np.float32(max(one.high - one.low, other.high - other.low)))


def _channels_alike(one: Stack | None, other: Stack | None) -> bool:
    if one is None or other is None:
        return one is other
    return _near(one.values, other.values, np.maximum(one.high - one.low, other.high - other.low)[:, None, None])


def _near(one: NDArray[np.float32], other: NDArray[np.float32], span: NDArray[np.float32] | np.float32) -> bool:
    return one.shape == other.shape and bool((np.abs(one - other) <= _LEVELS / 255 * span + _ROUNDING).all())
