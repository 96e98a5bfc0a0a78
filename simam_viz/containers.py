"""What an image file's own structure promises, read before any decoder sees it.

Decoders take their time: a million empty parts, a hundred scans over the same pixels, or a table of ten million numbers cost
seconds and gigabytes before the first pixel. Each walk here stops as soon as that is clear. What is merely damaged is
left to the decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAX_PIXELS = 50_000_000
MAX_PARTS = 50_000
"""Chunks, segments or blocks of one file. Photos have tens, at most some thousands of them."""
MAX_JUNK = 2**16
MAX_EXIF = 2**20
MAX_SCANNED = 1_500_000_000
"""Pixels × scans of a progressive JPEG: 30 scans of 50 megapixels, where encoders make about ten."""
MAX_RUN_LENGTH_PIXELS = 8_000_000
"""A run-length BMP is unpacked byte by byte."""
MAX_NUMBERS = 1_000_000
"""Numbers in the tables of a TIFF's directory."""
MAX_STRIPS = 100_000

_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_BYTES = {1, 2, 6, 7}
_WIDTH, _HEIGHT, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 277, 322, 323
_PLACES = {273, 279, 324, 325}  # where strips and tiles lie, and how long they are


class ImageError(ValueError):
    """The image cannot be used; the message is one plain sentence for the person who chose it."""


def check(data: bytes) -> None:
    """Refuse a file that would cost far more than its photo is worth.

    Raises:
        ImageError: more than :data:`MAX_PIXELS`, or one of the limits above.
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            _check_png(data)
        elif data.startswith(b"\xff\xd8"):
            _check_jpeg(data)
        elif data.startswith(b"GIF8"):
            _check_gif(data)
        elif data.startswith(b"RIFF"):
            _check_webp(data)
        elif data.startswith(b"BM"):
            _check_bmp(data)
        elif data[:2] in (b"II", b"MM"):
            _check_tiff(data)
    except (struct.error, IndexError, OverflowError):
        pass  # its structure leads past its end: the decoder says so


def check_size(width: int, height: int) -> None:
    """Refuse more than :data:`MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise ImageError(f"This image has {width:,} × {height:,} pixels; choose one with at most 50 million in all.")


def _at_most(limit: int, value: int, what: str) -> None:
    if value > limit:
        raise ImageError(
            f"This image file has too {what} to be a photo; save it anew in another program and try again."
        )


def _check_png(data: bytes) -> None:
    position, parts = 8, 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        parts += 1
        _at_most(MAX_PARTS, parts, "many parts")
        if kind == b"IHDR":
            check_size(*struct.unpack_from(">II", data, position + 8))
        elif kind == b"eXIf":
            _at_most(MAX_EXIF, length, "much Exif data")
        elif kind == b"IEND":
            break
        position += 12 + length


def _check_jpeg(data: bytes) -> None:
    position, parts, junk, exif, pixels = 2, 0, 0, 0, 0
    while position + 1 < len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (0x00, 0xFF):
            junk += 1
            _at_most(MAX_JUNK, junk, "much padding")
            position += 1
            continue
        parts += 1
        _at_most(MAX_PARTS, parts, "many parts")
        position += 2
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:
            continue  # these stand alone
        (length,) = struct.unpack_from(">H", data, position)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 3)
            check_size(width, height)
            pixels = max(pixels, width * height)
        elif marker == 0xE1 and data.startswith(b"Exif", position + 2):
            exif += length
            _at_most(MAX_EXIF, exif, "much Exif data")
        elif marker == 0xDA:
            break
        position += length
    _at_most(MAX_SCANNED, pixels * data.count(b"\xff\xda", position - 2), "many scans")


def _check_gif(data: bytes) -> None:
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    parts = 0
    while True:
        parts += 1
        _at_most(MAX_PARTS, parts, "many parts")
        kind = data[position]
        if kind == 0x2C:
            left, top, width, height = struct.unpack_from("<4H", data, position + 1)
            check_size(left + width, top + height)
            check_size(*struct.unpack_from("<HH", data, 6))
            return
        if kind == 0x3B:
            return
        position += 1
        if kind == 0x21:
            position += 1
            while length := data[position]:
                position += 1 + length
                parts += 1
                _at_most(MAX_PARTS, parts, "many parts")
            position += 1


def _check_webp(data: bytes) -> None:
    position, parts = 12, 0
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        parts += 1
        _at_most(MAX_PARTS, parts, "many parts")
        if kind == b"VP8X":
            check_size(_three(data, start + 4) + 1, _three(data, start + 7) + 1)
        elif kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, start + 6)
            check_size(width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, start + 1)
            check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        elif kind == b"EXIF":
            _at_most(MAX_EXIF, length, "much Exif data")
        position = start + length + length % 2


def _three(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 3], "little")


def _check_bmp(data: bytes) -> None:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:
        check_size(*struct.unpack_from("<HH", data, 18))
        return
    width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    check_size(abs(width), abs(height))
    if compression in (1, 2):
        _at_most(MAX_RUN_LENGTH_PIXELS, max(abs(width * height), len(data)), "many run-length packed pixels")


def _check_tiff(data: bytes) -> None:
    found: dict[int, int] = {}
    total = numbers = 0
    for tag, kind, count, value in _directory(data):
        size = count * _TIFF_SIZES.get(kind, 1)
        total += size
        numbers += 0 if kind in _TIFF_BYTES else count
        _at_most(len(data), total, "long tables")
        _at_most(MAX_NUMBERS, numbers, "long tables")
        if tag in _PLACES:
            _at_most(MAX_STRIPS, count, "many strips")
        if count == 1:
            found.setdefault(tag, value)
    check_size(found.get(_WIDTH, 0), found.get(_HEIGHT, 0))
    _at_most(MAX_PIXELS, found.get(_TILE_WIDTH, 0) * found.get(_TILE_HEIGHT, 0), "large tiles")
    _at_most(32, found.get(_SAMPLES, 0), "many colours")


def _directory(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, number of values, and the value or its place, of every entry of the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == 43:
        (start,) = struct.unpack_from(order + "Q", data, 8)
        (entries,) = struct.unpack_from(order + "Q", data, start)
        first, entry, values = start + 8, struct.Struct(order + "HHQ"), struct.Struct(order + "Q")
    else:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        first, entry, values = start + 2, struct.Struct(order + "HHI"), struct.Struct(order + "I")
    _at_most(MAX_PARTS, entries, "many parts")
    for position in range(first, first + entries * (entry.size + values.size), entry.size + values.size):
        tag, kind, count = entry.unpack_from(data, position)
        at = position + entry.size
        if count == 1 and _TIFF_SIZES.get(kind) in (1, 2):  # small values stand at the left
            (value,) = struct.unpack_from(order + "BH"[_TIFF_SIZES[kind] - 1], data, at)
        else:
            (value,) = values.unpack_from(data, at)
        yield tag, kind, count, value
