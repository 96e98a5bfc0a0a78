"""What the numbers of an image mean as colours → sRGB, which is what the networks were trained on.

A file says what they mean by an ICC profile, by numbers (a PNG's cICP, gAMA and cHRM, the nclx of AVIF and HEIC), or by an
Exif entry (cameras set to Adobe RGB). What says nothing is sRGB.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from ..wording import _
from .bombs import MAX_PROFILE

Point = tuple[float, float]
"""A colour as x, y of CIE 1931."""

_D65: Point = (0.3127, 0.3290)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_SRGB_PRIMARIES: tuple[Point, ...] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
# By their numbers in ITU-T H.273. The curves of television (1, 6, 14, 15) are shown like sRGB's by every browser.
_PRIMARIES: dict[int, tuple[Point, ...]] = {
    1: _SRGB_PRIMARIES,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_PRIMARY_NAMES = {1: "sRGB", 9: "BT.2020", 12: "Display P3"}
_CURVES: dict[int, tuple[float, ...]] = dict.fromkeys((1, 6, 13, 14, 15), _SRGB_CURVE) | {
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
}
_UNSTATED = 2
_HIGH_DYNAMIC_RANGE = {16, 18}
_ADOBE_RGB: tuple[Point, ...] = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_EXIF, _INTEROPERABILITY, _COLOUR_SPACE, _RULE = 0x8769, 0xA005, 0xA001, 1

_SPACES = {"RGB": b"RGB ", "RGBA": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}
_CLASSES = {b"scnr", b"mntr", b"prtr", b"spac"}
_MAX_STEPS = 16
"""Steps of a profile's floating-point recipe, each of which is taken for every colour: real ones have fewer than ten."""
_SEEN = 1
"""Grey levels by which a profile must change some colour to be worth a conversion."""


class ProfileError(ValueError):
    """A colour profile that cannot be applied; the message is one sentence that says why, and what is done instead."""


@dataclass(frozen=True)
class Meaning:
    """What an image's numbers mean: an ICC profile, and what to call it."""

    profile: bytes
    name: str = ""
    """Empty where the profile itself knows, or where it was made by a PNG's gamma and primaries."""
    by_gamma: bool = False
    """Whether it was made by a PNG's gamma and primaries."""


def meaning(image: Image.Image) -> tuple[Meaning | None, str]:
    """What ``image`` and the entries of its file say about its colours, the most telling first; ``None`` is sRGB.

    And a sentence about what was said but is not understood.
    """
    info = image.info
    if stated := info.get("cicp"):
        return _by_numbers(*stated)
    if (profile := info.get("icc_profile")) is not None:
        return Meaning(profile), ""
    if "srgb" in info:
        return None, ""
    if image.format == "PNG" and ("gamma" in info or "chromaticity" in info):
        return _by_gamma(info.get("gamma"), info.get("chromaticity"))
    if isinstance(stated := info.get("nclx_profile"), dict):
        return _by_numbers(stated.get("color_primaries"), stated.get("transfer_characteristics"))
    if _is_adobe_rgb(image):
        return Meaning(matrix_profile(_ADOBE_RGB, (563 / 256,)), "Adobe RGB"), ""
    return None, ""


def to_srgb(image: Image.Image, meant: Meaning) -> tuple[Image.Image, str]:
    """The image (RGB, RGBA, L, LA or CMYK) in sRGB, changed in place where it can be, and a sentence on what it was in.

    The sentence is empty where the conversion would change nothing that can be seen: the image is then as it was.

    Raises:
        ProfileError: the profile is damaged, or not one for such an image.
    """
    if image.mode == "LA":
        grey, alpha = image.split()
        converted, told = to_srgb(grey, meant)
        if told:
            converted.putalpha(alpha)
        return (converted if told else image), told
    check_profile(meant.profile, _SPACES[image.mode])
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(meant.profile))
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), image.mode, image.mode if image.mode == "RGBA" else "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        if _changes_nothing(transform):
            return image, ""
        told = _converted(meant, source)
        if transform.output_mode == image.mode:
            transform.apply_in_place(image)
            return image, told
        return transform.apply(image), told
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        raise ProfileError(_damaged()) from None


def check_profile(profile: bytes, space: bytes) -> None:
    """``ProfileError`` unless a profile is one for numbers of this colour space, and of the size and build of a profile."""
    if not isinstance(profile, bytes) or len(profile) < 132 or profile[36:40] != b"acsp":
        raise ProfileError(_damaged())
    if len(profile) > MAX_PROFILE:
        raise ProfileError(
            _(
                "Its colour profile is larger than any profile of a camera or a screen: it was ignored, and the photo read as sRGB."
            )
        )
    if profile[12:16] not in _CLASSES:
        raise ProfileError(_("Its colour profile is not one of a device: it was ignored, and the photo read as sRGB."))
    if profile[16:20] != space:
        raise ProfileError(
            _(
                "Its colour profile is for numbers of another kind than this photo's: it was ignored, and the photo read as sRGB."
            )
        )
    (count,) = struct.unpack_from(">I", profile, 128)
    for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        name, start = struct.unpack_from(">4sI", profile, at)
        steps = profile[start + 12 : start + 16] if profile[start : start + 4] == b"mpet" else b""
        if name.startswith(b"D2B") and int.from_bytes(steps) > _MAX_STEPS:
            raise ProfileError(
                _(
                    "Its colour profile takes more steps than any profile of a camera or a screen: it was ignored, and the "
                    "photo read as sRGB."
                )
            )


def matrix_profile(primaries: tuple[Point, ...], curve: tuple[float, ...], white: Point = _D65) -> bytes:
    """An ICC profile (version 4) of a space that is given by its red, green and blue, its white, and its curve.

    Args:
        primaries: red, green, blue.
        curve: the numbers of a parametric curve: γ alone, or γ, a, b, c, d as sRGB has them.

    Raises:
        ProfileError: no colours can be made of these.
    """
    try:
        columns = np.array([_xyz(*point) for point in primaries]).T
        matrix = columns * np.linalg.solve(columns, _xyz(*white))
        # White is adapted to that of profiles, D50, by the response of the eye's cones (Bradford).
        cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
        d50 = np.array([0.9642, 1, 0.8249])
        matrix = np.linalg.inv(cones) @ np.diag((cones @ d50) / (cones @ _xyz(*white))) @ cones @ matrix
        parts = {b"wtpt": _point(d50)}
        parts |= {name: _point(matrix[:, index]) for index, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
        numbers = struct.pack(f">{len(curve)}i", *(round(number * 65536) for number in curve))
    except (ZeroDivisionError, np.linalg.LinAlgError, struct.error, OverflowError, ValueError):
        raise ProfileError(
            _("Its colour profile makes no sense: it was ignored, and the photo read as sRGB.")
        ) from None
    shared = b"para" + bytes(4) + struct.pack(">HH", 0 if len(curve) == 1 else 3, 0) + numbers
    parts |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), shared)
    at, table, body = 132 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, part in parts.items():
        table += struct.pack(">4sII", name, at + len(body), len(part))
        body += part
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"", 0x04200000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    return (head.ljust(68, b"\0") + _point(d50)[8:]).ljust(128, b"\0") + table + body


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


def _point(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _by_numbers(primaries: object, transfer: object) -> tuple[Meaning | None, str]:
    primaries, transfer = (int(number) if isinstance(number, int) else _UNSTATED for number in (primaries, transfer))
    if transfer in _HIGH_DYNAMIC_RANGE:
        return (
            None,
            _("This photo has a high dynamic range (HDR), which is not read here: its colours are only roughly right."),
        )
    primaries, transfer = 1 if primaries == _UNSTATED else primaries, 13 if transfer == _UNSTATED else transfer
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        return None, _("This photo states a colour space by a number that is not known here: it was read as sRGB.")
    if primaries == 1 and _CURVES[transfer] == _SRGB_CURVE:
        return None, ""
    return Meaning(matrix_profile(_PRIMARIES[primaries], _CURVES[transfer]), _PRIMARY_NAMES[primaries]), ""


def _by_gamma(gamma: float | None, chromaticity: tuple[float, ...] | None) -> tuple[Meaning | None, str]:
    """By a PNG's gAMA and cHRM; a gamma of 1/2.2 on the primaries of sRGB is how sRGB is said there."""
    usual = (_D65, *_SRGB_PRIMARIES)
    points = tuple(zip(chromaticity[::2], chromaticity[1::2], strict=True)) if chromaticity else usual
    if np.allclose(points, usual, atol=0.002) and (gamma is None or abs(gamma - 1 / 2.2) < 0.005):
        return None, ""
    white, *primaries = points
    try:
        curve = _SRGB_CURVE if gamma is None else (1 / gamma,)
        return Meaning(matrix_profile(tuple(primaries), curve, white), by_gamma=True), ""
    except (ProfileError, ZeroDivisionError):
        return None, _("The gamma and primaries that this PNG states make no sense: it was read as sRGB.")


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Cameras say so without a profile: by the DCF rule R03, some by a colour space of 2."""
    try:
        exif = image.getexif()
        if not exif:
            return False
        details = exif.get_ifd(_EXIF)
        rule = exif.get_ifd(_INTEROPERABILITY).get(_RULE)
        return details.get(_COLOUR_SPACE) == 2 or (isinstance(rule, str) and rule.startswith("R03"))
    except Exception:  # Pillow raises whatever the damage leads it to
        return False


@functools.cache
def _lattice(mode: str) -> np.ndarray:
    """Colours from all over a mode's range, as one picture."""
    levels = {"L": 256, "RGB": 17, "RGBA": 17, "CMYK": 5}[mode]
    bands = len(Image.new(mode, (1, 1)).getbands())
    steps = np.linspace(0, 255, levels).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(*[steps] * bands, indexing="ij"), axis=-1)
    return grid.reshape(levels, -1, *([bands] if bands > 1 else []))


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    if transform.input_mode == "CMYK":
        return False
    before = _lattice(transform.input_mode)
    after = np.asarray(transform.apply(Image.fromarray(before)), np.int16)
    return int(np.abs(after - (before if after.ndim == before.ndim else before[..., None])).max()) <= _SEEN


def _converted(meant: Meaning, source: ImageCms.ImageCmsProfile) -> str:
    """The sentence on what a converted image was in."""
    if meant.by_gamma:
        return _("Its colours were converted to sRGB from the gamma and primaries that the PNG states.")
    if name := meant.name or _printable(ImageCms.getProfileDescription(source)):
        return _("Its colours were converted to sRGB from {name}.", name=name)
    return _("Its colours were converted to sRGB from the colour space that it states.")


def _damaged() -> str:
    return _("Its colour profile is damaged: it was ignored, and the photo read as sRGB.")


def _printable(description: str) -> str:
    """A profile's own name as it can stand in a sentence; empty if nothing of it can."""
    printable = "".join(character for character in description if character.isprintable()).strip()
    return printable if len(printable) <= 60 else f"{printable[:59]}…"
