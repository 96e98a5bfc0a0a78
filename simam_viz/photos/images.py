"""Bytes nobody can trust, or what Python programs hold → an upright sRGB image, and the square of it that a network sees."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError, features

from ..wording import _, enumeration, why
from . import bombs, colours, depths, kinds, squares
from .bombs import ImageError
from .squares import Square

MAX_BYTES = 20 * 2**20
MIN_INPUT_SIZE, MAX_INPUT_SIZE = 32, 4096
"""The side of a network's input in pixels. A larger one fills the memory of most machines."""
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif", ".hif",
)  # fmt: skip
"""Endings of photos' names, in small letters. What a file holds is known by its contents alone."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
_ORIENTATION = 0x0112

ImageFileSource: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""An image file's bytes, its path, or a binary file object."""
ImageSource: TypeAlias = ImageFileSource | Image.Image | np.ndarray
"""Whatever :func:`read_photo` makes an image of."""


@dataclass(frozen=True)
class ReadPhoto:
    """An image, and what was done to make it of what was given."""

    image: Image.Image
    """RGB, in sRGB, upright."""
    notices: tuple[str, ...] = ()
    """A sentence about each thing that a person might not expect."""


def formats_in_words() -> str:
    """What can be opened here, for sentences: ``"PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF"``."""
    names = ["PNG", "JPEG", "WebP", "BMP", "GIF", "TIFF"]
    names += ["AVIF"] if features.check("avif") else []
    names += ["HEIC"] if _reads_heic() else []
    return _("{formats} or {last_format}", formats=enumeration(names[:-1]), last_format=names[-1])


def open_image(source: ImageSource) -> Image.Image:
    """Read an image as RGB in sRGB, upright by its EXIF rotation, transparency over white.

    Arguments and errors as :func:`read_photo`, which also says what was done.
    """
    return read_photo(source).image


def read_photo(source: ImageSource) -> ReadPhoto:
    """Read an image as RGB in sRGB, upright by its EXIF rotation, transparency over white.

    The numbers of deep data (16 bits and more) are taken for as many bits as their file states, else for the least of 10,
    12, 14, 16 that holds the greatest of them. Of 16-bit colour that Pillow has opened already, it keeps eight bits.

    Args:
        source: a file's bytes, its path, or a binary file object: PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF, and HEIC where
            ``pillow-heif`` is installed; the first picture of several; at most 20 MB and 50 megapixels, both checked
            before decoding. Or a PIL image of any mode, with the rotation, profile and transparency that it brings along;
            one that is plain RGB is given back itself. Or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, of uint16, or of
            floats from 0 to 1.

    Raises:
        ImageError: anything that is not such an image.
        TypeError: ``source`` is none of these.
    """
    if isinstance(source, Image.Image):
        return _guarded(lambda: _from_pillow(source))
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if not isinstance(source, (bytes, bytearray, memoryview, str, os.PathLike)) and not hasattr(source, "read"):
        raise TypeError(
            f"An image is needed: a path, a file's bytes, a PIL image, or a NumPy array (H, W, 3), not {type(source).__name__}."
        )
    data = read_file(source)
    if not data:
        raise ImageError(_("This file is empty; choose a photo."))
    kinds.check(data)
    bombs.check(data)
    return _guarded(lambda: _from_bytes(data))


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
    check_input_size(size, least=1)
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


def check_input_size(size: int, least: int = MIN_INPUT_SIZE) -> None:
    """``ValueError`` for a side of a network's input that is too small to be seen with, or too large for memory."""
    if not least <= size <= MAX_INPUT_SIZE:
        raise ValueError(
            _(
                "The input must be at least {least} pixels wide and at most {most:,}, not {size:,}.",
                least=least,
                most=MAX_INPUT_SIZE,
                size=size,
            )
        )


def enlargement(image: Image.Image, size: int, square: Square | None = None) -> str:
    """A sentence where the square of ``image`` that is seen has fewer pixels than the network's input; empty elsewhere."""
    side = min(image.size) if square is None else round(squares.placed(square, image.size)[2])
    if side >= size:
        return ""
    if square is not None:
        return _(
            "The square has {side} × {side} of the photo's pixels only: it is enlarged to {size} × {size} for the network.",
            side=side,
            size=size,
        )
    return _(
        "The photo's centre square has {side} × {side} pixels only: it is enlarged to {size} × {size} for the network.",
        side=side,
        size=size,
    )


def read_file(source: ImageFileSource) -> bytes:
    """The bytes of an image file of at most 20 MB, of which no more than that is read; :class:`ImageError` otherwise."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ImageError(_("The file {file} cannot be read: {reason}.", file=source, reason=why(error))) from None
        except ValueError:
            raise ImageError(_("This is no path of a file; choose a photo.")) from None
    else:
        try:
            data = source.read(MAX_BYTES + 1)
        except (OSError, ValueError):
            raise ImageError(_("This file can no longer be read; choose it again.")) from None
        if not isinstance(data, bytes):
            raise ImageError(_("This file was opened as text; open it in binary mode."))
    if len(data) > MAX_BYTES:
        raise ImageError(_("This file is larger than 20 MB; choose a smaller one."))
    return data


def _guarded(read: Callable[[], ReadPhoto]) -> ReadPhoto:
    try:
        return read()
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(_("This image has far more than 50 million pixels; choose a smaller one.")) from None
    except UnidentifiedImageError:
        raise ImageError(
            _(
                "This file is not an image that can be read here; choose a photo as {formats}.",
                formats=formats_in_words(),
            )
        ) from None
    except Exception:  # decoders raise whatever they like at damaged data
        raise ImageError(
            _(
                "This image is damaged, cut short or of a rare kind, and cannot be decoded; save it anew in another program "
                "or choose another file."
            )
        ) from None


def _from_bytes(data: bytes) -> ReadPhoto:
    data, profile = bombs.without_png_profile(data)
    image = _opened(data)
    bombs.check_size(*image.size)
    # What Pillow would look for through the whole of a GIF is looked for within limits.
    several = bombs.gif_goes_on(data) if image.format == "GIF" else getattr(image, "is_animated", False)
    notices = [_("The file holds several pictures, of which this is the first.")] if several else []
    image.info |= _png_entries(data) | ({} if profile is None else {"icc_profile": profile})
    if image.format == "AVIF" and (stated := bombs.nclx(data)):
        image.info["nclx_profile"] = dict(zip(("color_primaries", "transfer_characteristics"), stated, strict=True))
    deep = depths.is_deep_colour(image)
    image.load()
    decoded: Image.Image = image
    if deep:
        decoded, said = depths.colour(image, lambda: _opened(data))
        notices += said
    read = _finished(decoded, own=True)
    return ReadPhoto(read.image, (*notices, *read.notices))


def _opened(data: bytes) -> ImageFile.ImageFile:
    """A file that Pillow, or pillow-heif, has opened and not decoded."""
    if not kinds.is_heic(data):
        return Image.open(io.BytesIO(data), formats=FORMATS)
    if not _reads_heic():
        raise ImageError(
            _(
                "This is a HEIC photo, the format in which iPhones store pictures, which is not read here; export it as JPEG, "
                "or let the phone take JPEGs (Settings, Camera, Formats, Most Compatible)."
            )
        )
    # Not among the requirements: only where somebody has installed it.
    import pillow_heif  # type: ignore[import-not-found, unused-ignore]

    try:
        photo: ImageFile.ImageFile = pillow_heif.HeifImageFile(io.BytesIO(data))
        return photo
    except SyntaxError:
        raise ImageError(
            _("This HEIC photo is damaged or cut short and cannot be decoded; choose another file.")
        ) from None


def _reads_heic() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


def _png_entries(data: bytes) -> dict[str | tuple[int, int], Any]:
    """What Pillow leaves out of a PNG: how many bits count, its colour space by numbers, and which grey is transparent."""
    found: dict[str | tuple[int, int], Any] = {}
    parts = bombs.png_header(data)
    start, length = parts.get(b"IHDR", (0, 0))
    if length < 13:
        return found
    depth, colour = data[start + 8], data[start + 9]
    of_colour = {0: 1, 2: 3, 4: 1, 6: 3}.get(colour, 0)  # alpha has a depth of its own
    start, length = parts.get(b"sBIT", (0, 0))
    if depth == 16 and 0 < of_colour <= length:
        found["sbit"] = max(data[start : start + of_colour])
    start, length = parts.get(b"cICP", (0, 0))
    if length == 4:
        found["cicp"] = (data[start], data[start + 1])
    start, length = parts.get(b"tRNS", (0, 0))
    if colour == 0 and depth in (2, 4) and length == 2:
        # Pillow spreads these greys over 0 to 255, but not the one that is transparent.
        found["transparency"] = data[start + 1] * 255 // ((1 << depth) - 1)
    return found


def _from_pillow(image: Image.Image) -> ReadPhoto:
    image.load()
    return _finished(image, own=False)


def _from_array(values: np.ndarray) -> ReadPhoto:
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)) or not values.size:
        if not values.shape:
            raise ImageError(_("An array of one number is no image: give one of (H, W), (H, W, 3) or (H, W, 4)."))
        raise ImageError(
            _(
                "An array of {shape} is no image: give one of (H, W), (H, W, 3) or (H, W, 4).",
                shape=" × ".join(map(str, values.shape)),
            )
        )
    said: list[str] = []
    if values.dtype.kind == "f":
        if not (values.min() >= 0 and values.max() <= 1):  # nor is NaN
            raise ImageError(
                _("An image of floats has values from 0 to 1: divide them by what white is, or give uint8.")
            )
        values = (values * 255).round().astype(np.uint8)
    elif values.dtype.kind == "u" and values.dtype.itemsize == 2:
        values, said = depths.array(values.astype(np.uint16))
    if values.dtype != np.uint8:
        raise ImageError(
            _("An image is an array of uint8, uint16, or floats from 0 to 1, and not of {dtype}.", dtype=values.dtype)
        )
    read = _finished(Image.fromarray(np.ascontiguousarray(values)), own=True)
    return ReadPhoto(read.image, (*said, *read.notices))


def _finished(image: Image.Image, own: bool) -> ReadPhoto:
    """A decoded image of any mode as RGB in sRGB, upright, on white. One that is our ``own`` may be changed in place."""
    meant, not_understood = colours.meaning(image)
    notices = [not_understood] if not_understood else []
    turned = image.getexif().get(_ORIENTATION, 1) != 1
    if not (own or turned or meant or image.has_transparency_data) and image.mode == "RGB":
        return ReadPhoto(image, tuple(notices))
    # From here on in place, and each picture freed as soon as the next one stands: 50 megapixels are 200 MB.
    if turned and own:
        ImageOps.exif_transpose(image, in_place=True)
    elif turned:
        image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image, said = depths.grey(image)
        notices += said
    image = _plain(image, own, bool(meant))
    if meant:
        try:
            image, told = colours.to_srgb(image, meant)
            notices += [told] if told else []
        except colours.ProfileError as error:
            notices.append(str(error))
    elif image.mode == "CMYK":
        notices.append(
            _("It is stored in printing colours (CMYK) without a profile, so its colours are only roughly right.")
        )
    if image.mode in ("LA", "RGBA"):
        extrema = cast("tuple[tuple[int, int], ...]", image.getextrema())  # of several bands, alpha the last
        if extrema[-1][0] < 255:
            notices.append(_("Its transparent parts were filled with white."))
        white = Image.new("RGB", image.size, "white")
        white.paste(image if image.mode == "RGBA" else image.convert("RGBA"), mask=image.getchannel("A"))
        image = white
    elif image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {}  # what the file said of its colours and its rotation holds no longer
    return ReadPhoto(image, tuple(notices))


def _plain(image: Image.Image, own: bool, has_profile: bool) -> Image.Image:
    """The image in one of the modes that hold a photo: RGB, RGBA, CMYK, and L or LA for the sake of a colour profile."""
    grey = has_profile and image.mode in ("1", "L", "LA", "La")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode == "CMYK" or (own and image.mode == "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("LA" if grey else "RGBA")
    return image.convert("L" if grey else "RGB")
