"""Image files built to cost more than they look: in time, in memory, or by promising what is not there."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

MEGABYTE = 2**20
# Just under the 20 MB and 50 megapixels that the app takes.
ROOM = 19 * MEGABYTE
WIDE, HIGH = 10_000, 5_000


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes, width: int = 8, height: int = 8, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND")


def png_pixels(size: int) -> bytes:
    return png_chunk(b"IDAT", zlib.compress(bytes(size), 1))


def tiny_png() -> bytes:
    return png_pixels(8 * (1 + 8 * 3))


def tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"", big: bool = False) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value or offset) each, and ``tail`` behind it."""
    if big:
        body = struct.pack("<Q", len(entries)) + b"".join(struct.pack("<HHQQ", *entry) for entry in entries) + bytes(8)
        return b"II\x2b\x00\x08\x00\x00\x00" + struct.pack("<Q", 16) + body + tail
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"II\x2a\x00" + struct.pack("<I", 8) + body + tail


def tiff_of(width: int, height: int, *more: tuple[int, int, int, int], tail: bytes = b"", big: bool = False) -> bytes:
    entries = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1),
               278: (4, 1, height), 273: (4, 1, 0), 279: (4, 1, width * height)}  # fmt: skip
    entries |= {tag: rest for tag, *rest in more}
    return tiff([(tag, *rest) for tag, rest in sorted(entries.items())], tail, big)


def exif(entries: int, size: int) -> bytes:
    """An Exif block whose every entry claims the same ``size`` bytes."""
    body = tiff([(1000 + number, 7, size, 8) for number in range(entries)])
    return body + bytes(max(0, size - len(body)))


def jpeg_segment(marker: int, data: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(parts: bytes) -> bytes:
    plain = encoded(Image.new("RGB", (8, 8)), "JPEG")
    return plain[:2] + parts + plain[2:]


def progressive_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG with one scan again and again: each makes the decoder walk the whole image."""
    data = encoded(Image.new("L", (width, height), 77), "JPEG", progressive=True, quality=30)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def gif(*blocks: bytes, width: int = 8, height: int = 8) -> bytes:
    plain = encoded(Image.new("P", (8, 8)), "GIF")
    at = _frame(plain)
    return plain[:6] + struct.pack("<HH", width, height) + plain[10:at] + b"".join(blocks) + plain[at:]


def _frame(data: bytes) -> int:
    """Where the first frame of a GIF of 8 × 8 begins."""
    return data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 8, 8))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated_webp(width: int, height: int, frames: int) -> bytes:
    plain = encoded(Image.new("RGB", (8, 8)), "WEBP", lossless=True)
    frame = bytes(6) + (7).to_bytes(3, "little") * 2 + (10).to_bytes(3, "little") + b"\x00" + plain[12:]
    canvas = b"\x02\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff((b"VP8X", canvas), (b"ANIM", bytes(6)), *[(b"ANMF", frame)] * frames)


def bmp(width: int, height: int, compression: int, data: bytes, bits: int = 8) -> bytes:
    palette = bytes(4 * 2 ** min(bits, 8)) if bits <= 8 else b""
    offset = 54 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data


def _noise(mode: str) -> Image.Image:
    bands = {"L": (), "RGB": (3,), "RGBA": (4,), "CMYK": (4,)}[mode]
    tile = np.random.default_rng(0).integers(0, 8, (100, 100, *bands), dtype=np.uint8)
    repeats = (HIGH // 100, WIDE // 100, *(1 for _ in bands))
    return Image.fromarray(np.tile(tile, repeats), mode)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png: a million empty chunks": lambda: png(png_chunk(b"aaAa") * (ROOM // 12), tiny_png()),
    "png: a million empty chunks behind the pixels": lambda: png(tiny_png(), png_chunk(b"aaAa") * (ROOM // 12)),
    "png: a million texts": lambda: png(
        *(png_chunk(b"tEXt", b"%d\0x" % number) for number in range(ROOM // 24)), tiny_png()
    ),
    "png: packed texts": lambda: png(
        *[png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))] * 150, tiny_png()
    ),
    "png: packed profile": lambda: png(png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**9), 9)), tiny_png()),
    "png: exif of overlaps": lambda: png(png_chunk(b"eXIf", exif(60_000, 18 * MEGABYTE)), tiny_png()),
    "png: exif of numbers": lambda: png(
        png_chunk(b"eXIf", tiff([(274, 3, 9_000_000, 8)]) + bytes(18 * MEGABYTE)), tiny_png()
    ),
    "png: a million frames": lambda: png(
        png_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), tiny_png(), png_chunk(b"fdAT", bytes(8)) * (ROOM // 20)
    ),
    "png: pixels in a million parts": lambda: png(*[png_chunk(b"IDAT", b"")] * (ROOM // 12), tiny_png()),
    "png: more pixels than promised": lambda: png(png_pixels(10**9)),
    "png: fewer pixels than promised": lambda: png(tiny_png(), width=9_999, height=5_000),
    "png: 2 billion pixels a side": lambda: png(tiny_png(), width=2**31 - 1, height=2**31 - 1),
    "png: no pixels": lambda: png(tiny_png(), width=0, height=0),
    "jpeg: a million segments": lambda: jpeg_with(jpeg_segment(0xE5) * (ROOM // 4)),
    "jpeg: a million comments": lambda: jpeg_with(jpeg_segment(0xFE, b"x") * (ROOM // 5)),
    "jpeg: padding": lambda: jpeg_with(b"\xff" * ROOM),
    "jpeg: junk": lambda: jpeg_with(bytes(ROOM)),
    "jpeg: junk behind a segment": lambda: jpeg_with(jpeg_segment(0xE5) + bytes(ROOM)),
    "jpeg: exif in many parts": lambda: jpeg_with(
        b"".join(
            jpeg_segment(0xE1, b"Exif\0\0" + part) for part in _parts(exif(60_000, 18 * MEGABYTE), 65_000)
        )
    ),
    "jpeg: a million tables": lambda: jpeg_with(jpeg_segment(0xDB, bytes(65)) * (ROOM // 69)),
    "jpeg: 2,000 scans of 50 megapixels": lambda: progressive_scans(WIDE, HIGH, 2_000)[:ROOM],
    "jpeg: 200,000 scans": lambda: progressive_scans(64, 64, 200_000)[:ROOM],
    "jpeg: 65,500 pixels a side": lambda: _jpeg_of_size(65_500, 65_500),
    "gif: a million extensions": lambda: gif(b"\x21\x01\x00" * (ROOM // 3)),
    "gif: a long comment": lambda: gif(b"\x21\xfe" + b"\xff" + (b"c" * 255 + b"\xff") * (ROOM // 256) + b"\x00"),
    "gif: a comment in bytes": lambda: gif(b"\x21\xfe" + b"\x01c" * (ROOM // 2) + b"\x00"),
    "gif: zeros": lambda: gif(bytes(ROOM)),
    "gif: a frame beyond the screen": lambda: _gif_frame_beyond(),
    "gif: 65,535 pixels a side": lambda: gif(width=65_535, height=65_535),
    "webp: a canvas of 268 megapixels": lambda: animated_webp(16_384, 16_384, 1),
    "webp: a canvas of 2^24 a side": lambda: animated_webp(2**24, 2**24, 1),
    "webp: many frames": lambda: animated_webp(8, 8, 200_000),
    "webp: many chunks": lambda: riff(
        (b"VP8X", b"\0" * 4 + b"\7\0\0" * 2), *[(b"XXXX", b"")] * (ROOM // 8), (b"VP8L", bytes(10))
    ),
    "webp: exif of overlaps": lambda: encoded(
        Image.new("RGB", (8, 8)), "WEBP", exif=b"Exif\0\0" + exif(60_000, 18 * MEGABYTE)
    ),
    "jpeg: 30 scans of 50 megapixels": lambda: progressive_scans(WIDE, HIGH, 19),
    "bmp: packed, pixel by pixel": lambda: bmp(WIDE, HIGH, 1, b"\x01\x07" * (ROOM // 2)),
    "bmp: packed, a pixel a line": lambda: bmp(WIDE, HIGH, 1, b"\x01\x07\x00\x00" * HIGH),
    "bmp: packed nibbles": lambda: bmp(WIDE, HIGH, 2, b"\xff\x12" * (WIDE * HIGH // 255), 4),
    "bmp: steps that lead nowhere": lambda: bmp(WIDE, HIGH, 1, b"\x00\x02\x00\x00" * (ROOM // 4)),
    "bmp: minus sizes": lambda: bmp(-(2**31), -(2**31), 0, b""),
    "bmp: 2 billion pixels a side": lambda: bmp(2**31 - 1, 2**31 - 1, 0, b"", 24),
    "tiff: entries that overlap": lambda: tiff(
        [(1000 + number, 7, 18 * MEGABYTE, 8) for number in range(60_000)], bytes(18 * MEGABYTE)
    ),
    "tiff: a million entries": lambda: tiff([(40_000, 1, 1, 0)] * (ROOM // 20), big=True),
    "tiff: a strip a byte": lambda: tiff_of(
        8, 8, (273, 3, 4_000_000, 200), (279, 3, 4_000_000, 200), (278, 4, 1, 1), tail=bytes(9 * MEGABYTE)
    ),
    "tiff: ten million offsets": lambda: tiff_of(8, 8, (273, 3, 9_000_000, 200), tail=bytes(ROOM)),
    "tiff: ten million samples": lambda: tiff_of(8, 8, (258, 3, 9_000_000, 200), tail=bytes(ROOM)),
    "tiff: 65,535 samples a pixel": lambda: tiff_of(
        5_000, 5_000, (277, 3, 1, 65_535), (258, 3, 65_535, 200), tail=bytes(MEGABYTE)
    ),
    "tiff: a gigantic tile": lambda: tiff_of(
        8, 8, (259, 3, 1, 5), (322, 4, 1, 65_536), (323, 4, 1, 65_536), (324, 4, 1, 200), (325, 4, 1, 1000),
        tail=bytes(2000),
    ),
    "tiff: a gigantic packed tile": lambda: _tiff_tile(30_000),
    "tiff: 4 billion pixels a side": lambda: tiff_of(
        2**32 - 1, 2**32 - 1, (279, 4, 1, 9), (273, 4, 1, 200), tail=bytes(2000)
    ),
    "tiff: a directory that leads to itself": lambda: tiff_of(8, 8, (330, 4, 1, 8), tail=bytes(2000))[:-4]
    + b"\x08\0\0\0",
    "tiff: bad fax lines": lambda: tiff_of(
        5_000, 9_000, (258, 3, 1, 1), (259, 3, 1, 3), (273, 4, 1, 200), (279, 4, 1, MEGABYTE),
        tail=bytes(60) + np.random.default_rng(0).bytes(MEGABYTE),
    ),
    "tiff: jpeg within": lambda: encoded(_noise("RGB"), "TIFF", compression="jpeg"),
}  # fmt: skip

# Honest files at the edge of what is taken: these must open.
LARGE: dict[str, Callable[[], bytes]] = {
    "png, RGB": lambda: encoded(_noise("RGB"), "PNG", compress_level=1),
    "png, RGBA": lambda: encoded(_noise("RGBA"), "PNG", compress_level=1),
    "png, palette with transparency": lambda: encoded(
        Image.new("P", (WIDE, HIGH), 3), "PNG", transparency=bytes(range(256))
    ),
    "png, 16-bit grey": lambda: encoded(Image.fromarray(np.zeros((HIGH, WIDE), np.uint16)), "PNG"),
    "png, interlaced": lambda: png(png_chunk(b"IDAT", zlib.compress(bytes(201_000_000), 1)),
                                   width=WIDE, height=HIGH, colour=6, interlaced=1),
    "jpeg": lambda: encoded(_noise("RGB"), "JPEG", quality=20),
    "jpeg, progressive": lambda: encoded(_noise("RGB"), "JPEG", quality=10, progressive=True),
    "jpeg, rotated": lambda: encoded(_noise("RGB"), "JPEG", quality=20, exif=_rotated(6)),
    "jpeg, CMYK": lambda: encoded(_noise("CMYK"), "JPEG", quality=10),
    "webp, lossy": lambda: encoded(_noise("RGB"), "WEBP", quality=20, method=0),
    "webp, lossless with alpha": lambda: encoded(_noise("RGBA"), "WEBP", lossless=True, quality=0, method=0, exact=True),
    "gif": lambda: encoded(_noise("L"), "GIF"),
    "bmp, 1 bit": lambda: encoded(Image.new("1", (WIDE, HIGH)), "BMP"),
    "tiff, LZW": lambda: encoded(_noise("RGB"), "TIFF", compression="tiff_lzw"),
    "tiff, float": lambda: encoded(Image.fromarray(np.zeros((HIGH, WIDE), np.float32)), "TIFF",
                                   compression="tiff_adobe_deflate"),
    "tiff, 32-bit": lambda: encoded(Image.fromarray(np.zeros((HIGH, WIDE), np.int32)), "TIFF",
                                    compression="tiff_adobe_deflate"),
    "tiff, CMYK": lambda: encoded(_noise("CMYK"), "TIFF", compression="tiff_adobe_deflate"),
}  # fmt: skip


def _parts(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _rotated(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def _jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("RGB", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif_frame_beyond() -> bytes:
    data = bytearray(gif())
    at = _frame(data)
    data[at + 1 : at + 9] = struct.pack("<HHHH", 60_000, 60_000, 5_000, 5_000)
    return bytes(data)


def _tiff_tile(side: int) -> bytes:
    tile = zlib.compress(bytes(side * side), 9)
    return tiff_of(8, 8, (259, 3, 1, 8), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 200), (325, 4, 1, len(tile)),
                   tail=bytes(60) + tile)  # fmt: skip


def ftyp(brand: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + brand + bytes(4) + b"".join(compatible) + bytes(200)
