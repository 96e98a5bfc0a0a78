"""What attention changes, in one number and in one picture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image
from torch import Tensor

from ..explain.blocks import Analysis
from . import render
from .render import CAM_SCALE, COMMON_SCALES, DIFFERENCE_SCALE, Scale

_GAP = 3


def visible_difference(on: Analysis, off: Analysis, least: Analysis, greatest: Analysis) -> float:
    """How much of what a person sees of one photo changes with attention and with λ: from 0, nothing, to 1, all of it.

    Half of it is what the pictures show: the mean over blocks and positions of the change of their 8-bit levels, as a share of
    255, of three kinds of pictures: Grad-CAM with attention on and off, Grad-CAM and mean weight at both ends of λ. The other
    half is what the network says: the share of probability that moves to other classes, with attention off and from one end of λ
    to the other.

    Args:
        on, off: with attention, and with it removed; both explain one class.
        least, greatest: at the smallest and at the largest λ; both explain that class, too.
    """
    weights = render.mean_weights(least), render.mean_weights(greatest)
    pictures = [
        _levels_apart(_cams(on), _cams(off), CAM_SCALE),
        _levels_apart(_cams(least), _cams(greatest), CAM_SCALE),
        _levels_apart(*weights, COMMON_SCALES["mean weight"]),
    ]
    answers = [_probability_moved(on, off), _probability_moved(least, greatest)]
    return float(np.mean([np.mean(pictures), np.mean(answers)]))


def most_changed(on: Analysis, off: Analysis) -> int:
    """The block, by its number, whose Grad-CAM differs most between two analyses of one photo, in the mean over positions."""
    changes = [float((a - b).abs().mean()) for a, b in zip(_cams(on), _cams(off), strict=True)]
    return int(np.argmax(changes))


def before_and_after(view: Image.Image, before: Tensor, after: Tensor, size: int) -> Image.Image:
    """Two heat maps (h, w) in [0, 1] over the photo in grey, and where the second is higher or lower than the first.

    Three squares side by side, ``size`` pixels wide in all.
    """
    panel = (size - 2 * _GAP) // 3
    panels = [
        render.overlay(view, before, CAM_SCALE, panel),
        render.overlay(view, after, CAM_SCALE, panel),
        render.difference(view, after, before, DIFFERENCE_SCALE, panel),
    ]
    width, height = panels[0].size
    sheet = Image.new("RGB", (3 * width + 2 * _GAP, height), "white")
    for number, picture in enumerate(panels):
        sheet.paste(picture, (number * (width + _GAP), 0))
    return sheet


def _cams(analysis: Analysis) -> list[Tensor]:
    return [block.cam for block in analysis.blocks]


def _levels_apart(first: Iterable[Tensor], second: Iterable[Tensor], scale: Scale) -> float:
    """The mean over blocks of how far the colours of two maps lie apart, as a share of all colours there are."""
    pairs = zip(first, second, strict=True)
    apart = [np.abs(render.levels_of(a, scale).astype(int) - render.levels_of(b, scale)).mean() / 255 for a, b in pairs]
    return float(np.mean(apart))


def _probability_moved(first: Analysis, second: Analysis) -> float:
    """The share of probability that one answer gives to other classes than the other: half the sum of all differences."""
    return float((first.probabilities - second.probabilities).abs().sum()) / 2
