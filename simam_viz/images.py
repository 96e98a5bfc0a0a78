"""Bytes nobody can trust → an upright RGB image, and the square of it that a network sees."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
# Decoders warn about every oddity of a file; what matters ends as an ImageError. Set once: filters are not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\..*")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


class ImageError(ValueError):
    """The image cannot be used; the message is one plain sentence for the person who chose it."""


def open_image(source: bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO) -> Image.Image:
    """Read an image as RGB, upright by its EXIF rotation, transparency over white.

    Args:
        source: the file's bytes, its path, or a binary file object. PNG, JPEG, WebP, BMP, GIF (first frame) or TIFF;
            at most 20 MB and 50 megapixels, both checked before decoding.

    Raises:
        ImageError: anything that is not such an image.
    """
    data = _read(source)
    if not data:
        raise ImageError("This file is empty; choose a photo.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"This image has {width:,} × {height:,} pixels; choose one with at most 50 million in all."
            )
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError("This image has far more than 50 million pixels; choose a smaller one.") from None
    except Image.UnidentifiedImageError:
        raise ImageError(
            "This file is not an image that can be read here; choose a PNG, JPEG, WebP, BMP, GIF or TIFF."
        ) from None
    except Exception:  # decoders raise whatever they like at damaged data
        raise ImageError("This image is damaged or cut short and cannot be decoded; choose another file.") from None


def centre_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest centred square of a width × height image, as (left, top, right, bottom)."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def square_view(image: Image.Image, size: int) -> Image.Image:
    """The centre square of ``image``, resized to ``size`` × ``size`` (bicubic, antialiased).

    It is cropped before it is resized, so a very long image costs no more than a square one.
    """
    return image.crop(centre_square(*image.size)).resize((size, size), Image.Resampling.BICUBIC)


def shrunk(image: Image.Image, max_pixels: int) -> Image.Image:
    """The image itself, or a smaller one of about ``max_pixels`` where it has more."""
    width, height = image.size
    ratio = (max_pixels / (width * height)) ** 0.5
    if ratio >= 1:
        return image
    return image.resize(
        (max(1, int(width * ratio)), max(1, int(height * ratio))), Image.Resampling.LANCZOS, reducing_gap=2.0
    )


def _read(source: bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ImageError(f"The file {source} cannot be read: {error.strerror}.") from None
    else:
        data = source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError("This file is larger than 20 MB; choose a smaller one.")
    return data


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey levels beyond eight bits: 16-bit data by its top byte, anything else stretched from its least to its most."""
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.min() >= 0 and 255 < values.max() <= 65535):
        values /= 257
    elif values.min() < 0 or values.max() > 255 or (image.mode == "F" and values.max() <= 1):
        values -= values.min()
        values *= 255 / max(float(values.max()), float(np.finfo(np.float32).tiny))
    return Image.fromarray(values.round(out=values).clip(0, 255, out=values).astype(np.uint8))
