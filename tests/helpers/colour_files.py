"""Colour profiles, and files of deep data as Pillow cannot write them."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from simam_viz.photos.colours import matrix_profile
from tests.helpers.image_bombs import png, png_chunk

ADOBE = (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 563 / 256)
P3 = (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), None)
REC2020 = (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), None)
PROPHOTO = (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), 1.8)
SRGB = (((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), None)
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)


def profile(space: tuple, white: tuple[float, float] = D65) -> bytes:
    primaries, gamma = space
    curve = (gamma,) if gamma else (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return matrix_profile(primaries, curve, white)


def grey_profile(gamma: float) -> bytes:
    """As scanners and Photoshop write them: a curve and nothing else."""
    d50 = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1, 0.8249)))
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    at = 128 + 4 + 24
    table = struct.pack(">I4sII4sII", 2, b"wtpt", at, len(d50), b"kTRC", at + len(d50), len(curve))
    head = struct.pack(">I4sI4s4s4s", at + len(d50) + len(curve), b"", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    return (head + bytes(12) + b"acsp").ljust(68, b"\0").ljust(128, b"\0") + table + d50 + curve


def colour_png(values: np.ndarray, *chunks: bytes) -> bytes:
    height, width = values.shape[:2]
    kinds = {2: 0, 3: {2: 4, 3: 2, 4: 6}.get(values.shape[-1])}
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    data = png_chunk(b"IDAT", zlib.compress(rows))
    return png(*chunks, data, width=width, height=height, depth=16, colour=kinds[values.ndim])


def cmyk_profile() -> bytes:
    """A printer's profile with a table of two steps an ink: grey, L* = 25 × (4 − the inks' sum), black from there on."""
    inks = np.indices((2, 2, 2, 2)).sum(axis=0).ravel()
    lab = np.zeros((16, 3))
    lab[:, 0] = (100 - 25 * inks).clip(0)
    numbers = np.column_stack([lab[:, 0] / 100 * 65280, *(np.full(16, 32768),) * 2]).round().astype(">u2").tobytes()
    ramp = np.array([0, 65535], ">u2").tobytes()
    table = (
        b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    )
    table += struct.pack(">HH", 2, 2) + ramp * 4 + numbers + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1, 0.8249)))
    parts = {b"wtpt": white, b"A2B0": table, b"A2B1": table}
    at, listed, body = 132 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, part in parts.items():
        part += bytes(-len(part) % 4)
        listed += struct.pack(">4sII", name, at + len(body), len(part))
        body += part
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ") + bytes(12) + b"acsp"
    return (head.ljust(68, b"\0") + white[8:]).ljust(128, b"\0") + listed + body


def deep_tiff(
    values: np.ndarray, packed: bool = False, order: str = "<", tags: tuple = (), photometric: int | None = None
) -> bytes:
    """A 16-bit TIFF of one strip, as Pillow cannot write it in colour. ``tags``: further short entries (tag, value)."""
    height, width, bands = values.shape
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    entries = {256: [width], 257: [height], 258: [16] * bands, 259: [8 if packed else 1], 277: [bands], 278: [height]}
    entries |= {262: [(2 if bands == 3 else 1) if photometric is None else photometric], 273: [0], 279: [len(data)]}
    entries |= {tag: [value] * bands for tag, value in tags}
    start = 8 + 2 + 12 * len(entries) + 4
    tail, rows = b"", b""
    for tag, numbers in sorted(entries.items()):
        if len(numbers) > 2:
            value = struct.pack(order + "I", start + len(tail))
            tail += struct.pack(f"{order}{len(numbers)}H", *numbers)
            rows += struct.pack(order + "HHI", tag, 3, len(numbers)) + value
        else:
            rows += struct.pack(order + "HHI", tag, 4 if tag in (273, 279) else 3, len(numbers))
            if tag == 273:
                rows += b"HERE"
            elif tag == 279:
                rows += struct.pack(order + "I", *numbers)
            else:
                rows += struct.pack(f"{order}{len(numbers)}H", *numbers).ljust(4, b"\0")
    rows = rows.replace(b"HERE", struct.pack(order + "I", start + len(tail)))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return head + struct.pack(order + "H", len(entries)) + rows + bytes(4) + tail + data
