"""What a file is that is no photo to be read here, by its first bytes, and what to do about it."""

from __future__ import annotations

from ..wording import _, later
from . import bombs
from .bombs import ImageError

HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
AVIF_BRANDS = {b"avif", b"avis"}
# Brands of still pictures in general: the compatible brands say whose.
_PICTURE_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}

_RAW = later("This is a camera's raw file, which is not read here; develop it into a JPEG and choose that.")
_JPEG_XL = later("This is a JPEG XL image, which is not read here; export it as JPEG or PNG and choose that.")
_JPEG_2000 = later("This is a JPEG 2000 image, which is not read here; export it as JPEG or PNG and choose that.")
_VIDEO = later("This is a video or a sound, which is not read here; save a single picture of it and choose that.")
_ARCHIVE = later(
    "This is an archive, which is not read here; unpack it and choose one photo of it; weights of a network go to Bring your "
    "own."
)
_PHOTOSHOP = later("This is a Photoshop file, which is not read here; export it as JPEG or PNG and choose that.")
_DRAWING = later(
    "This is a drawing made of shapes and not of pixels (SVG), which is not read here; export it as PNG and choose that."
)
_WEB_PAGE = later(
    "This is a web page and not the picture that it shows, which is not read here; save the picture itself."
)
_DOCUMENT = later(
    "This is a PDF document, which is not read here; save the picture in it as JPEG or PNG and choose that."
)
_POSTSCRIPT = later("This is a PostScript document, which is not read here; export it as PNG and choose that.")

_BEGINNINGS = {
    b"%PDF": _DOCUMENT,
    b"%!PS": _POSTSCRIPT,
    b"8BPS": _PHOTOSHOP,
    b"\xff\x0a": _JPEG_XL,
    b"\0\0\0\x0cJXL \r\n\x87\n": _JPEG_XL,
    b"\0\0\0\x0cjP  \r\n\x87\n": _JPEG_2000,
    b"\xff\x4f\xff\x51": _JPEG_2000,
    b"FUJIFILMCCD-RAW": _RAW,
    b"IIRO": _RAW,
    b"IIRS": _RAW,
    b"MMOR": _RAW,
    b"IIU\0": _RAW,
    b"FOVb": _RAW,
    b"\0MRM": _RAW,
    b"\x1aE\xdf\xa3": _VIDEO,
    b"\0\0\x01\xba": _VIDEO,
    b"OggS": _VIDEO,
    b"ID3": _VIDEO,
    b"PK\x03\x04": _ARCHIVE,
    b"\x1f\x8b": _ARCHIVE,
    b"Rar!": _ARCHIVE,
    b"7z\xbc\xaf\x27\x1c": _ARCHIVE,
}


def check(data: bytes) -> None:
    """Refuse what is known to be no photo, or one of a kind that is not read here.

    Raises:
        ImageError: it says what the file is and what to do.
    """
    if known := _known(data):
        raise ImageError(_(known))


def is_heic(data: bytes) -> bool:
    """Whether the file is HEIC, the format in which iPhones store photos."""
    return data[4:8] == b"ftyp" and _brand(data) == b"heic"


def _known(data: bytes) -> str | None:
    for beginning, known in _BEGINNINGS.items():
        if data.startswith(beginning):
            return known
    if data[4:8] == b"ftyp" and (brand := _brand(data)) not in (b"heic", b"avif"):
        return _RAW if brand == b"crx " else _VIDEO
    if data[4:8] in (b"moov", b"mdat", b"wide") or (data[:4] == b"RIFF" and data[8:12] in (b"AVI ", b"WAVE")):
        return _VIDEO
    if (data[:2] == b"II" and data[8:10] == b"CR") or bombs.is_camera_raw(data):
        return _RAW
    return _text(data)


def _brand(data: bytes) -> bytes:
    """``heic``, ``avif``, or the brand that the file begins with."""
    major = data[8:12]
    end = min(int.from_bytes(data[:4]), 400)
    brands = [major, *(data[at : at + 4] for at in range(16, end, 4) if major in _PICTURE_BRANDS)]
    for brand in brands:
        if brand in HEIC_BRANDS or brand in AVIF_BRANDS:
            return b"heic" if brand in HEIC_BRANDS else b"avif"
    return major


def _text(data: bytes) -> str | None:
    start = data[:2000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start.startswith(b"<"):
        return None
    if b"<svg" in start:
        return _DRAWING
    return _WEB_PAGE if b"<html" in start or start.startswith(b"<!doctype html") else None
