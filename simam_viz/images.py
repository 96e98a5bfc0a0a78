"""Bytes nobody can trust → an upright RGB image, and the square of it that a network sees."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from . import containers
from .containers import ImageError

MAX_BYTES = 20 * 2**20
# Decoders warn about every oddity of a file; what matters ends as an ImageError. Set once: filters are not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\..*")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
logging.getLogger("PIL").setLevel(logging.CRITICAL)

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


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
    containers.check(data)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        containers.check_size(*image.size)
        image.load()
        # From here on in place, and each picture freed as soon as the next one stands: 50 megapixels are 200 MB.
        ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image)
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
    """The centre square of ``image``, resized to ``size`` × ``size``: bilinear and antialiased.

    Networks are trained on images that were interpolated so, torchvision's, the authors' and the bundled ones.
    It is cropped before it is resized, so a very long image costs no more than a square one.
    """
    return image.crop(centre_square(*image.size)).resize((size, size), Image.Resampling.BILINEAR)


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
        except ValueError:
            raise ImageError("This is no path of a file; choose a photo.") from None
    else:
        try:
            data = source.read(MAX_BYTES + 1)
        except (OSError, ValueError):
            raise ImageError("This file can no longer be read; choose it again.") from None
        if not isinstance(data, bytes):
            raise ImageError("This file was opened as text; open it in binary mode.")
    if len(data) > MAX_BYTES:
        raise ImageError("This file is larger than 20 MB; choose a smaller one.")
    return data


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _to_eight_bits(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return white


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey levels beyond eight bits: 16-bit data by its top byte, anything else stretched from its least to its most."""
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65535):
        values /= 257
    elif low < 0 or high > 255 or (image.mode == "F" and high <= 1):
        largest = max(abs(low), abs(high)) or 1.0
        values /= largest  # first: the difference of the largest numbers is no number
        values -= low / largest
        values *= 255 / ((high - low) / largest or 1.0)
    return Image.fromarray(values.round(out=values).clip(0, 255, out=values).astype(np.uint8))


def _silence_libtiff() -> None:
    """libtiff writes about every bad line of a file to the server's log, past Python; on Linux it can be told not to."""
    with contextlib.suppress(OSError, AttributeError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
        for path in {line.split(maxsplit=5)[-1] for line in maps.splitlines() if "/libtiff" in line}:
            library = ctypes.CDLL(path)
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)


_silence_libtiff()
