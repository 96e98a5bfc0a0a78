"""Which part of a photo a network sees: a square that somebody chose, moved, enlarged, or around the whole photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from PIL import Image, ImageStat

from ..wording import _
from .bombs import ImageError

Placed = tuple[float, float, float]
"""Left, top and side in the photo's pixels. It may reach beyond the photo: there the network sees the photo's mean colour."""
Square = Placed | Literal["whole"]
"""A square of a photo, or the least one around all of it."""
WHOLE: Literal["whole"] = "whole"
SMALLEST = 16
"""The side of the smallest square that :func:`clamped` gives, in pixels, of a photo that has so many."""
Size = tuple[int, int]
"""Width and height of a photo."""


def parse(text: str) -> Square:
    """A square from its text, ``"whole"`` or ``"left,top,side"`` in whole pixels; ``ValueError`` for anything else."""
    if text.strip() == WHOLE:
        return WHOLE
    try:
        left, top, side = (int(number) for number in text.split(","))
    except ValueError:
        raise ValueError(
            _("A square is LEFT,TOP,SIDE in the photo's pixels, or whole; {text!r} is neither.", text=text[:60])
        ) from None
    return left, top, side


def text(square: Square) -> str:
    """What :func:`parse` reads, in whole pixels."""
    return WHOLE if isinstance(square, str) else ",".join(str(round(number)) for number in square)


def middle(size: Size) -> Placed:
    """The largest square in the middle of a photo, which networks see where nobody chose another."""
    width, height = size
    side = min(size)
    return (width - side) // 2, (height - side) // 2, side


def whole(size: Size) -> Placed:
    """The least square around all of a photo, its middle in the photo's."""
    width, height = size
    side = max(size)
    return -((side - width) // 2), -((side - height) // 2), side


def placed(square: Square, size: Size) -> Placed:
    """Where a square lies on a photo of this size.

    Raises:
        ImageError: it has no side, or nothing of the photo lies in it.
    """
    if isinstance(square, str):
        return whole(size)
    left, top, side = square
    (width, height) = size
    inside = left < width and top < height and left + side > 0 and top + side > 0
    if not (all(map(math.isfinite, square)) and side > 0 and inside):
        raise ImageError(
            _(
                "The square {square} holds nothing of this photo, which has {width} × {height} pixels.",
                square=", ".join(f"{number:g}" for number in square),
                width=width,
                height=height,
            )
        )
    return square


def clamped(square: Placed, size: Size) -> Placed:
    """The nearest square, in whole pixels, that cuts the photo or holds all of it, in each direction; any numbers will do."""
    left, top, side = (number if math.isfinite(number) else 0.0 for number in square)
    side = round(min(max(side, min(SMALLEST, *size)), max(size)))

    def within(start: float, length: int) -> int:
        low, high = sorted((0, length - side))
        return round(min(max(start, low), high))

    return within(left, size[0]), within(top, size[1]), side


def scaled(square: Square, size: Size, to: Size) -> Square:
    """The same part of the same photo at another size."""
    if isinstance(square, str) or size == to:
        return square
    left, top, side = square
    across, down = to[0] / size[0], to[1] / size[1]
    return left * across, top * down, side * (across + down) / 2


def box(square: Placed) -> tuple[float, float, float, float]:
    """A square as left, top, right, bottom."""
    left, top, side = square
    return left, top, left + side, top + side


def mean_colour(photo: Image.Image) -> tuple[int, int, int]:
    """Of all pixels of an RGB image."""
    red, green, blue = (round(value) for value in ImageStat.Stat(photo).mean)
    return red, green, blue


def cut(
    photo: Image.Image,
    part: Sequence[float],
    size: Size,
    resampling: Image.Resampling,
    around: tuple[int, int, int] | None = None,
) -> Image.Image:
    """A part of a photo (left, top, right, bottom in its pixels) at another size.

    The photo is cropped before it is resized, so that nothing beside the part has any share in it, and a very long photo costs
    no more than a short one. Beyond the photo lies the colour ``around``, by default the photo's mean.
    """
    left, top, right, bottom = part
    edges = max(left, 0.0), max(top, 0.0), min(right, photo.width), min(bottom, photo.height)
    outer = math.floor(edges[0]), math.floor(edges[1]), math.ceil(edges[2]), math.ceil(edges[3])
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    x, y = min(round((edges[0] - left) * across), size[0] - 1), min(round((edges[1] - top) * down), size[1] - 1)
    inner = max(1, round((edges[2] - left) * across) - x), max(1, round((edges[3] - top) * down) - y)
    within = edges[0] - outer[0], edges[1] - outer[1], edges[2] - outer[0], edges[3] - outer[1]
    seen = photo.crop(outer).resize(inner, resampling, box=within)
    if seen.size == size:
        return seen
    canvas = Image.new("RGB", size, mean_colour(photo) if around is None else around)
    canvas.paste(seen, (x, y))
    return canvas
