"""What an image file's own structure promises, read before any decoder sees it.

Decoders take their time: a million empty parts, a hundred scans over the same pixels, or a table of ten million numbers cost
seconds and gigabytes before the first pixel. Each walk here stops as soon as that is clear. What is merely damaged is
left to the decoder.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from ..wording import _, later

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
MAX_ITEMS = 5_000
"""Pictures, tiles and properties of one AVIF or HEIC file: decoders look through all of them again and again."""
MAX_PROFILE = 4 * 2**20
"""Bytes of a colour profile. Those of screens and cameras have some hundreds, those of printing presses up to two million."""

_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_BYTES = {1, 2, 6, 7}
_WIDTH, _HEIGHT, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 277, 322, 323
_SUBFILE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50706
_PLACES = {273, 279, 324, 325}  # where strips and tiles lie, and how long they are
# A marker among a scan's data, where FF 00 is a byte of it, FF D0 to D7 are restarts, and FF FF is padding.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_PARENTS = {b"meta", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_COUNTS = {b"iloc", b"iinf", b"ipma"}
_SAMPLE_COUNTS = {b"stsz": 8, b"stz2": 8, b"stts": 4, b"stsc": 4, b"stco": 4, b"co64": 4, b"ctts": 4, b"stss": 4}

_PARTS = later("This image file has too many parts to be a photo; save it anew in another program and try again.")
_PADDING = later("This image file has too much padding to be a photo; save it anew in another program and try again.")
_EXIF = later("This image file has too much Exif data to be a photo; save it anew in another program and try again.")
_SCANS = later("This image file has too many scans to be a photo; save it anew in another program and try again.")
_PACKED = later(
    "This image file has too many run-length packed pixels to be a photo; save it anew in another program and try again."
)
_TABLES = later("This image file has too long tables to be a photo; save it anew in another program and try again.")
_STRIPS = later("This image file has too many strips to be a photo; save it anew in another program and try again.")
_TILES = later("This image file has too large tiles to be a photo; save it anew in another program and try again.")
_COLOURS = later("This image file has too many colours to be a photo; save it anew in another program and try again.")
_PICTURES = later("This image file has too many pictures to be a photo; save it anew in another program and try again.")


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
        elif data[4:8] == b"ftyp":
            _check_boxes(data)
    except (struct.error, IndexError, OverflowError):
        pass  # its structure leads past its end: the decoder says so


def check_size(width: int, height: int) -> None:
    """Refuse more than :data:`MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise ImageError(
            _(
                "This image has {width:,} × {height:,} pixels; choose one with at most 50 million in all.",
                width=width,
                height=height,
            )
        )


def _at_most(limit: int, value: int, otherwise: str) -> None:
    if value > limit:
        raise ImageError(_(otherwise))


def _check_png(data: bytes) -> None:
    position, parts = 8, 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        parts += 1
        _at_most(MAX_PARTS, parts, _PARTS)
        if kind == b"IHDR":
            check_size(*struct.unpack_from(">II", data, position + 8))
        elif kind == b"eXIf":
            _at_most(MAX_EXIF, length, _EXIF)
        elif kind == b"IEND":
            break
        position += 12 + length


def _check_jpeg(data: bytes) -> None:
    position, parts, junk, exif, pixels = 2, 0, 0, 0, 0
    while position + 1 < len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (0x00, 0xFF):
            junk += 1
            _at_most(MAX_JUNK, junk, _PADDING)
            position += 1
            continue
        parts += 1
        _at_most(MAX_PARTS, parts, _PARTS)
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
            _at_most(MAX_EXIF, exif, _EXIF)
        elif marker == 0xDA:
            _check_scans(data, position - 2, pixels)
            break
        position += length


def _check_scans(data: bytes, position: int, pixels: int) -> None:
    """Count the scans of the first picture alone: behind its end, phones store a video or further pictures."""
    scans = parts = 0
    while found := _MARKER.search(data, position):
        marker, position = data[found.end() - 1], found.end()
        parts += 1
        _at_most(MAX_PARTS, parts, _PARTS)
        if marker == 0xD9:
            break
        if marker in (0x01, 0xD8):
            continue
        if marker == 0xDA:
            scans += 1
            _at_most(MAX_SCANNED, pixels * scans, _SCANS)
        (length,) = struct.unpack_from(">H", data, position)
        position += length


def _check_gif(data: bytes) -> None:
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    parts = 0
    while True:
        parts += 1
        _at_most(MAX_PARTS, parts, _PARTS)
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
                _at_most(MAX_PARTS, parts, _PARTS)
            position += 1


def gif_goes_on(data: bytes) -> bool:
    """Whether a second picture follows the first of a GIF, as far as ten times :data:`MAX_PARTS` of its parts tell."""
    try:
        position, pictures = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0), 0
        steps = iter(range(10 * MAX_PARTS))
        for _ in steps:
            kind = data[position]
            if kind == 0x2C:
                pictures += 1
                flags = data[position + 9]
                position += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            elif kind == 0x21:
                position += 2
            else:
                return False
            if pictures == 2:
                return True
            for _ in steps:
                length = data[position]
                position += 1 + length
                if not length:
                    break
    except IndexError:
        pass  # cut short: the decoder says so
    return False


def _check_webp(data: bytes) -> None:
    position, parts = 12, 0
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        parts += 1
        _at_most(MAX_PARTS, parts, _PARTS)
        if kind == b"VP8X":
            check_size(_three(data, start + 4) + 1, _three(data, start + 7) + 1)
        elif kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, start + 6)
            check_size(width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, start + 1)
            check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        elif kind == b"EXIF":
            _at_most(MAX_EXIF, length, _EXIF)
        position = start + length + length % 2


def png_header(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Where the parts that stand before a PNG's pixels lie, by kind: start and length. Nothing for other files."""
    found: dict[bytes, tuple[int, int]] = {}
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        position = 8
        while position + 8 <= len(data):
            length, kind = struct.unpack_from(">I4s", data, position)
            if kind in (b"IDAT", b"IEND"):
                break
            found.setdefault(kind, (position + 8, length))
            position += 12 + length
    return found


def without_png_profile(data: bytes) -> tuple[bytes, bytes | None]:
    """A PNG without its colour profile, and that profile unpacked: ``None`` where there is none, empty if it is damaged.

    Pillow would refuse the whole photo for a damaged or a large one, or drop it without a word.
    """
    start, length = png_header(data).get(b"iCCP", (0, 0))
    if not start:
        return data, None
    try:
        packed = data.index(b"\0", start, start + min(length, 80)) + 2
        unpacking = zlib.decompressobj()
        profile = unpacking.decompress(data[packed : start + length], MAX_PROFILE)
        whole = unpacking.eof
    except (ValueError, zlib.error):
        whole = False
    return data[: start - 8] + data[start + length + 4 :], profile if whole else b""


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
        _at_most(MAX_RUN_LENGTH_PIXELS, max(abs(width * height), len(data)), _PACKED)


def _check_tiff(data: bytes) -> None:
    found: dict[int, int] = {}
    total = numbers = 0
    for tag, kind, count, value in _directory(data):
        size = count * _TIFF_SIZES.get(kind, 1)
        total += size
        numbers += 0 if kind in _TIFF_BYTES else count
        _at_most(len(data), total, _TABLES)
        _at_most(MAX_NUMBERS, numbers, _TABLES)
        if tag in _PLACES:
            _at_most(MAX_STRIPS, count, _STRIPS)
        if count == 1:
            found.setdefault(tag, value)
    check_size(found.get(_WIDTH, 0), found.get(_HEIGHT, 0))
    _at_most(MAX_PIXELS, found.get(_TILE_WIDTH, 0) * found.get(_TILE_HEIGHT, 0), _TILES)
    _at_most(32, found.get(_SAMPLES, 0), _COLOURS)


def is_camera_raw(data: bytes) -> bool:
    """Whether a TIFF is a camera's raw file, whose first picture is nothing but its thumbnail."""
    try:
        entries = {tag: value for tag, _, _, value in _directory(data)} if data[:2] in (b"II", b"MM") else {}
    except (struct.error, OverflowError, ImageError):
        return False
    return _DNG_VERSION in entries or bool(entries.get(_SUBFILE, 0) & 1 and _SUB_DIRECTORIES in entries)


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
    _at_most(MAX_PARTS, entries, _PARTS)
    for position in range(first, first + entries * (entry.size + values.size), entry.size + values.size):
        tag, kind, count = entry.unpack_from(data, position)
        at = position + entry.size
        if count == 1 and _TIFF_SIZES.get(kind) in (1, 2):  # small values stand at the left
            (value,) = struct.unpack_from(order + "BH"[_TIFF_SIZES[kind] - 1], data, at)
        else:
            (value,) = values.unpack_from(data, at)
        yield tag, kind, count, value


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of every box of an AVIF or HEIC file that describes its pictures, those within others too."""
    within, parts = [(0, len(data))], 0
    while within:
        position, end = within.pop()
        while position + 8 <= end:
            length, kind = struct.unpack_from(">I4s", data, position)
            start = position + 8
            if length == 1:
                (length,) = struct.unpack_from(">Q", data, start)
                start += 8
            stop = end if length == 0 else position + length
            if stop < start:
                break
            parts += 1
            _at_most(MAX_PARTS, parts, _PARTS)
            yield kind, start, min(stop, end)
            if kind in _PARENTS:
                within.append((start + 4 * (kind == b"meta"), min(stop, end)))  # meta begins with its version
            position = stop


def _check_boxes(data: bytes) -> None:
    items = 0
    for kind, start, end in boxes(data):
        if kind == b"ispe":
            check_size(*struct.unpack_from(">II", data, start + 4))
        elif kind in _COUNTS:
            _at_most(MAX_ITEMS, _item_count(data, kind, start), _PICTURES)
        elif kind == b"iref":
            _at_most(16 * MAX_ITEMS, end - start, _PICTURES)
        elif kind in _SAMPLE_COUNTS:
            (samples,) = struct.unpack_from(">I", data, start + _SAMPLE_COUNTS[kind])
            _at_most(MAX_PARTS, samples, _PICTURES)
        items += kind not in _PARENTS
        _at_most(MAX_ITEMS, items, _PARTS)


def _item_count(data: bytes, kind: bytes, start: int) -> int:
    """How many entries a box claims to have, in the place where its version puts that number."""
    version = data[start]
    if kind == b"iloc":
        return int.from_bytes(data[start + 6 : start + (8 if version < 2 else 10)])
    if kind == b"ipma" or version:
        return int.from_bytes(data[start + 4 : start + 8])
    return int.from_bytes(data[start + 4 : start + 6])


def nclx(data: bytes) -> tuple[int, int] | None:
    """Colour primaries and transfer function that an AVIF or HEIC file states by number (ITU-T H.273).

    ``None`` where it states none, or several that differ.
    """
    found = set()
    if data[4:8] == b"ftyp":
        for kind, start, end in boxes(data):
            if kind == b"colr" and data[start : start + 4] == b"nclx" and end - start >= 8:
                found.add(struct.unpack_from(">HH", data, start + 4))
    return found.pop() if len(found) == 1 else None
