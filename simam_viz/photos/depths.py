"""Values of more than eight bits → the eight that a picture has here, by what their file says of them or by their greatest.

Never by a stretch to the greatest value: a dark photo stays dark.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from PIL import Image, ImageFile

from ..wording import _

_MAX_SAMPLE_VALUE, _BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 281, 258, 262, 339
_UNSIGNED = 1
# What cameras and scanners make; the last two for 32-bit data alone.
_DEPTHS = (10, 12, 14, 16, 24, 32)
_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def grey(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """A decoded image of mode I, F or I;16 as L, or LA where one level of it is transparent, and sentences on how it was read."""
    transparent = image.info.get("transparency")
    if image.mode == "F":
        levels, said = _of_floats(np.array(image, dtype=np.float32))
    else:
        values = np.asarray(image)
        if image.mode == "I":
            tags = getattr(image, "tag_v2", {})
            if tags.get(_BITS_PER_SAMPLE) == (32,) and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,):
                values = values.view(np.uint32)
        levels, said = _of_integers(values, stated_bits(image))
    if _black_is_highest(image):
        np.subtract(255, levels, out=levels)
    picture = Image.fromarray(levels)
    if isinstance(transparent, int) and image.mode != "F":
        picture.putalpha(Image.fromarray(np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8)))
    return picture, said


def array(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """An array of uint16, (H, W), (H, W, 3) or (H, W, 4), as uint8, and sentences on how it was read."""
    if values.ndim == 2 or values.shape[2] == 3:
        return _of_integers(values, None)
    levels, said = _of_integers(values[..., :3], None)
    return np.dstack([levels, _of_integers(values[..., 3], None)[0]]), said


def is_deep_colour(image: ImageFile.ImageFile) -> bool:
    """Whether a file that is opened and not decoded yet has 16 bits for each colour, of which Pillow will keep the upper eight."""
    kinds = {_raw_mode(tile).rpartition(";")[0] for tile in image.tile if ";16" in _raw_mode(tile)}
    return image.mode in ("RGB", "RGBA") and bool(kinds) and kinds <= {"RGB", "RGBA", "RGBX", "LA"}


def colour(image: Image.Image, reopened: Callable[[], ImageFile.ImageFile]) -> tuple[Image.Image, list[str]]:
    """16-bit colour by all its bits, where the upper eight that Pillow decoded do not do; else the image itself.

    They do not where they are all small, or where one colour counts as transparent.

    Args:
        image: decoded from a file for which :func:`is_deep_colour` held.
        reopened: opens that file once more.
    """
    transparent = image.info.get("transparency")
    if transparent is None:
        extrema = cast("tuple[tuple[int, int], ...]", image.getextrema())  # of several bands
        if max(high for _least, high in extrema[:3]) >= 128:
            return image, []
    other = reopened()
    one_grey = any(_raw_mode(tile).startswith("LA") for tile in other.tile)
    other.tile = [tile._replace(args=_of_lower_half(tile)) for tile in other.tile]
    other.load()
    # Pillow can tell the halves of a grey and its alpha apart only as four bands; of colour it now gives the lower halves.
    halves = [("R", "G"), ("B", "A")] if one_grey else [(band, band) for band in image.getbands()]
    uppers = other if one_grey else image

    def values(upper: str, lower: str) -> np.ndarray:
        high = np.asarray(uppers.getchannel(upper)).astype(np.uint16)
        high <<= 8
        high |= np.asarray(other.getchannel(lower))
        return high

    of_alpha = halves.pop() if one_grey or image.mode == "RGBA" else None
    greatest = max(int(values(*half).max()) for half in halves)
    bits = _bits(greatest, stated_bits(image))
    bands = [Image.fromarray(_scaled(values(*half), bits)) for half in halves]
    if of_alpha:
        alpha = values(*of_alpha)
        bands.append(Image.fromarray(_scaled(alpha, _bits(int(alpha.max()), stated_bits(image)))))
    elif isinstance(transparent, tuple):
        matches = np.logical_and.reduce(
            [values(*half) == level for half, level in zip(halves, transparent, strict=True)]
        )
        bands.append(Image.fromarray(np.where(matches, 0, 255).astype(np.uint8)))
    picture = Image.merge({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(bands)], bands)
    picture.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return picture, _said(greatest, bits, 16)


def stated_bits(image: Image.Image) -> int | None:
    """How many bits of each value count by a PNG's sBIT or a TIFF's MaxSampleValue, or are stored; ``None`` if nothing says."""
    if isinstance(bits := image.info.get("sbit"), int):
        return bits
    tags = getattr(image, "tag_v2", {})
    greatest = tags.get(_MAX_SAMPLE_VALUE)
    numbers = greatest if isinstance(greatest, tuple) else (greatest,)
    if all(isinstance(number, int) and number > 0 for number in numbers):
        return int(max(numbers)).bit_length()
    stored = tags.get(_BITS_PER_SAMPLE)
    return int(stored[0]) if isinstance(stored, tuple) and stored and stored[0] in (10, 12, 14) else None


def _bits(greatest: int, stated: int | None) -> int:
    """The depth of data: as stated, unless a value does not fit, else the least usual one that holds the greatest."""
    if stated and greatest < 1 << stated:
        return stated
    return next(bits for bits in _DEPTHS if greatest < 1 << bits)


def _of_integers(values: np.ndarray, stated: int | None) -> tuple[np.ndarray, list[str]]:
    low, high = int(values.min()), int(values.max())
    if low < 0:
        return _stretched(values.astype(np.float32))
    held = 16 if values.dtype.itemsize == 2 else 32
    bits = 8 if held == 32 and high < 256 and not stated else _bits(high, stated)
    return _scaled(values, bits), _said(high, bits, held)


def _of_floats(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    said = []
    if not np.isfinite(values).all():
        said = [_("Some of its values are no numbers (NaN) or infinite: they were read as 0.")]
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535 or 0 < high < 1 / 255:
        levels, stretched = _stretched(values)
        return levels, said + stretched
    if high <= 1:
        white = 1
    else:
        white = 255 if high <= 255 else (1 << _bits(int(high), None)) - 1
        said.append(
            _(
                "Its values reach {greatest:,.6g}: they were read as going from 0, black, to {white:,}, white.",
                greatest=high,
                white=white,
            )
        )
    values *= 255 / white
    return _rounded(values), said


def _stretched(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.zeros(values.shape, np.uint8), [
            _("All its values are {value:.6g}, which is no level of grey: it is shown black.", value=low)
        ]
    largest = max(abs(low), abs(high))
    values /= largest  # first: the difference of the largest numbers is no number
    values -= low / largest
    values *= 255 / ((high - low) / largest)
    return _rounded(values), [
        _(
            "Its values go from {least:.6g} to {greatest:.6g}: the least was made black and the greatest white.",
            least=low,
            greatest=high,
        )
    ]


def _scaled(values: np.ndarray, bits: int) -> np.ndarray:
    white = (1 << bits) - 1
    if values.dtype.itemsize > 2:
        values = values.astype(np.float32)
        values *= 255 / white
        return _rounded(values)
    table: np.ndarray = (np.arange(65536) * (255 / white)).round().clip(0, 255).astype(np.uint8)
    levels: np.ndarray = table[values]
    return levels


def _rounded(values: np.ndarray) -> np.ndarray:
    return values.round(out=values).clip(0, 255, out=values).astype(np.uint8)


def _said(greatest: int, bits: int, held: int) -> list[str]:
    if bits == held or not greatest:
        return []
    return [
        _(
            "Its values reach {greatest:,} and were read as {bits}-bit data, in which white is {white:,}.",
            greatest=greatest,
            bits=bits,
            white=(1 << bits) - 1,
        )
    ]


def _black_is_highest(image: Image.Image) -> bool:
    """A TIFF of more than eight bits whose white is 0: Pillow turns only those of eight round."""
    return getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0


def _raw_mode(tile: ImageFile._Tile) -> str:
    """How a part of a file that is not decoded yet stores its values."""
    return tile.args if isinstance(tile.args, str) else str(tile.args[0]) if tile.args else ""


def _of_lower_half(tile: ImageFile._Tile) -> tuple[Any, ...] | str:
    """What makes Pillow take the lower byte of each value for the upper one."""
    raw = _raw_mode(tile)
    other = "RGBA" if raw.startswith("LA") else raw[:-1] + _SWAPPED[raw[-1]]
    return (other, *tile.args[1:]) if isinstance(tile.args, tuple) else other
