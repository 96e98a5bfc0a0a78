"""Colour profiles: a photo is what its file says, whatever the file, its mode, and the way in which it says so."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

import simam_viz
from simam_viz.photos.images import read_photo
from simam_viz.photos.samples import list_samples
from tests.helpers.colour_files import (
    ADOBE,
    D50,
    D65,
    P3,
    PROPHOTO,
    REC2020,
    SRGB,
    cmyk_profile,
    colour_png,
    grey_profile,
    profile,
)
from tests.helpers.image_bombs import encoded, png, png_chunk

SPACES = {"Adobe RGB": ADOBE, "Display P3": P3, "Rec. 2020": REC2020, "ProPhoto": PROPHOTO}


def xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


def to_light(primaries: tuple, white: tuple[float, float] = D65) -> np.ndarray:
    columns = np.array([xyz(*point) for point in primaries]).T
    return columns * np.linalg.solve(columns, xyz(*white))


def stored_in(space: tuple, pixels: np.ndarray) -> np.ndarray:
    """sRGB pixels as a space with a D65 white stores them: worked out here, by no profile."""
    primaries, gamma = space
    values = pixels / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ (np.linalg.inv(to_light(primaries)) @ to_light(SRGB[0])).T, 0, 1)
    values = light ** (1 / gamma) if gamma else srgb_levels(light)
    return (255 * values).round().astype(np.uint8)


def srgb_levels(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def off(image: Image.Image, pixels: np.ndarray) -> float:
    return float(np.abs(np.asarray(image, int) - pixels).mean())


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    photo = next(sample for sample in list_samples() if sample.name == "citrus-slices").image()
    photo.thumbnail((160, 160))
    return np.asarray(photo)


@pytest.mark.parametrize("name", ["Adobe RGB", "Display P3", "Rec. 2020"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_a_photo_in_another_space_is_the_same_photo(name: str, kind: str, pixels: np.ndarray) -> None:
    stored = Image.fromarray(stored_in(SPACES[name], pixels))
    options = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    read = read_photo(encoded(stored, kind, icc_profile=profile(SPACES[name]), **options.get(kind, {})))
    assert off(stored, pixels) > 4, "otherwise this says nothing"
    assert off(read.image, pixels) < 2
    assert (
        [n for n in read.notices if n.startswith("Its colours were converted to sRGB from")] == list(read.notices) != []
    )
    assert not read.image.info, "what has been applied must not be applied again"
    assert simam_viz.open_image(read.image) is read.image


def test_every_mode_that_can_bring_a_profile(pixels: np.ndarray) -> None:
    stored = Image.fromarray(stored_in(ADOBE, pixels))
    alpha = Image.new("L", stored.size, 255)
    alpha.paste(0, (0, 0, 40, 40))
    with_alpha = stored.copy()
    with_alpha.putalpha(alpha)
    read = read_photo(encoded(with_alpha, "PNG", icc_profile=profile(ADOBE)))
    right = pixels.copy()
    right[:40, :40] = 255
    assert off(read.image, right) < 1.5 and len(read.notices) == 2

    palette = stored.quantize(256)
    read = read_photo(encoded(palette, "PNG", icc_profile=profile(ADOBE)))
    plain = read_photo(encoded(palette, "PNG"))
    assert off(read.image, pixels) < off(plain.image, pixels) - 3


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_photos_have_profiles_of_their_own(mode: str) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    right = 255 * srgb_levels((levels / 255) ** 1.8)
    image = Image.fromarray(levels).convert(mode) if mode != "I;16" else Image.fromarray(levels.astype(np.uint16) * 257)
    read = read_photo(encoded(image, "PNG", icc_profile=grey_profile(1.8)))
    assert np.abs(np.asarray(read.image, float) - right[..., None]).max() <= 2
    assert len(read.notices) == 1 and "sRGB" in read.notices[0]


def test_sixteen_bits_of_prophoto() -> None:
    """What photographers export: the conversion of deep data begins at its true depth."""
    grey = np.full((8, 8, 3), 1000, np.uint16)
    grey[7, 7] = 4000  # so these are 12 bits
    data = colour_png(grey, png_chunk(b"iCCP", b"p\0\0" + zlib.compress(profile(PROPHOTO, D50))))
    read = read_photo(data)
    right = 255 * srgb_levels(np.array((1000 / 4095) ** 1.8))
    assert np.abs(np.asarray(read.image)[:7] - right).max() <= 2 and len(read.notices) == 2


def test_printing_colours_by_their_profile() -> None:
    """No CMYK profile is free to ship: this one is made of a table, by which ink darkens as 1 − ink."""
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    read = read_photo(encoded(image, "TIFF", icc_profile=cmyk_profile()))
    assert len(read.notices) == 1 and "converted" in read.notices[0]
    assert np.abs(np.asarray(read.image, int)[0, 0] - [119, 119, 119]).max() <= 3, "L* = 50 for red in this profile"
    without = read_photo(encoded(image, "TIFF"))
    assert "without a profile" in without.notices[0]


def test_srgb_is_left_alone(pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in (own, profile(SRGB)):
        read = read_photo(encoded(image, "PNG", icc_profile=name))
        assert read.notices == () and np.array_equal(read.image, pixels)
    grey = image.convert("L")
    read = read_photo(encoded(grey, "PNG", icc_profile=grey_profile(2.2)))
    assert off(read.image, np.asarray(grey.convert("RGB"))) < 4


def broken(change: Callable[[bytes], bytes]) -> bytes:
    return change(profile(P3))


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"not a profile",
        bytes(500),
        broken(lambda p: p[:200]),
        broken(lambda p: p[:128] + b"\xff" * 60 + p[188:]),
        broken(lambda p: p[:12] + b"link" + p[16:]),
        broken(lambda p: p[:16] + b"CMYK" + p[20:]),
        broken(lambda p: p + bytes(5 * 2**20)),
        grey_profile(2.2),
    ],
    ids=["empty", "text", "zeros", "cut", "tags", "device link", "ink", "large", "grey"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_broken_profile_is_ignored_and_said_to_be(damaged: bytes, kind: str) -> None:
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    # Pillow writes an empty profile as none at all.
    data = encoded(image, kind, icc_profile=damaged) if damaged else png(png_chunk(b"iCCP", b"p\0\0"), small_rows())
    read = read_photo(data)
    assert np.abs(np.asarray(read.image, int)[0, 0] - [200, 100, 50]).max() <= 3
    assert len(read.notices) == 1 and "profile" in read.notices[0] and "ignored" in read.notices[0]


def small_rows() -> bytes:
    return png_chunk(b"IDAT", zlib.compress((b"\0" + bytes([200, 100, 50]) * 8) * 8))


def test_a_profile_for_colours_on_a_grey_photo_is_ignored() -> None:
    read = read_photo(encoded(Image.new("L", (8, 8), 100), "PNG", icc_profile=profile(P3)))
    assert read.image.getpixel((0, 0)) == (100, 100, 100) and "ignored" in read.notices[0]


@pytest.mark.parametrize("damage", ["checksum", "packing"])
def test_a_png_whose_packed_profile_is_damaged_still_opens(damage: str) -> None:
    chunk = bytearray(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(profile(P3))))
    chunk[-1 if damage == "checksum" else 30] ^= 0xFF
    read = read_photo(png(bytes(chunk), small_rows()))
    assert len(read.notices) == 1
    assert ("converted" if damage == "checksum" else "ignored") in read.notices[0]


def recipe_of_many_steps(steps: int) -> bytes:
    """A profile of version 4 whose floating-point recipe takes one step again and again, from eight bytes each."""
    matrix = b"matf" + bytes(4) + struct.pack(">HH12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    start = 16 + 8 * steps
    recipe = (
        b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, steps) + struct.pack(">II", start, len(matrix)) * steps + matrix
    )
    plain = profile(P3)
    (count,) = struct.unpack_from(">I", plain, 128)
    tags = [list(struct.unpack_from(">4sII", plain, 132 + 12 * number)) for number in range(count)]
    for tag in tags:
        tag[1] += 24
    body = plain[132 + 12 * count :]
    at = 132 + 12 * (count + 2) + len(body)
    tags += [[b"D2B0", at, len(recipe)], [b"D2B1", at, len(recipe)]]
    table = struct.pack(">I", len(tags)) + b"".join(struct.pack(">4sII", *tag) for tag in tags)
    return struct.pack(">I", at + len(recipe)) + plain[4:128] + table + body + recipe


def test_a_profile_cannot_cost_seconds() -> None:
    start = time.process_time()
    read = read_photo(encoded(Image.new("RGB", (8, 8)), "TIFF", icc_profile=recipe_of_many_steps(400_000)))
    assert "ignored" in read.notices[0] and time.process_time() - start < 2
    packed = png(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(10**8), 9)), small_rows())
    assert "ignored" in read_photo(packed).notices[0]


def test_a_profile_name_is_harmless_and_short() -> None:
    text = ("A\n" + "b" * 500).encode()
    description = b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79)
    description += bytes(-len(description) % 4)
    plain = profile(ADOBE)
    (count,) = struct.unpack_from(">I", plain, 128)
    tags = [struct.unpack_from(">4sII", plain, 132 + 12 * number) for number in range(count)]
    body = plain[132 + 12 * count :]
    table = b"".join(struct.pack(">4sII", name, at + 12, size) for name, at, size in tags)
    table += struct.pack(">4sII", b"desc", len(plain) + 12, len(description))
    named = struct.pack(">I", len(plain) + 12 + len(description)) + plain[4:128]
    named += struct.pack(">I", count + 1) + table + body + description
    (notice,) = read_photo(encoded(Image.new("RGB", (8, 8), "red"), "PNG", icc_profile=named)).notices
    assert "Ab" in notice and "\n" not in notice and len(notice) < 140 and notice.endswith(".")


def test_what_a_png_says_by_numbers(pixels: np.ndarray) -> None:
    def with_chunks(stored: np.ndarray, *chunks: bytes) -> bytes:
        data = encoded(Image.fromarray(stored), "PNG")
        return data[:33] + b"".join(chunks) + data[33:]

    gamma = lambda value: png_chunk(b"gAMA", struct.pack(">I", round(100_000 * value)))  # noqa: E731
    points = [D65, *ADOBE[0]]
    primaries = png_chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * v) for point in points for v in point)))
    adobe, p3 = stored_in(ADOBE, pixels), stored_in(P3, pixels)
    read = read_photo(with_chunks(adobe, gamma(256 / 563), primaries))
    assert off(read.image, pixels) < 1 and len(read.notices) == 1
    read = read_photo(with_chunks(p3, png_chunk(b"cICP", bytes([12, 13, 0, 1])), png_chunk(b"iCCP", b"p\0\0x")))
    assert off(read.image, pixels) < 1 and "Display P3" in read.notices[0], "cICP goes before everything else"
    # sRGB, said in each of these ways, is left alone.
    for chunk in (
        png_chunk(b"sRGB", b"\0"),
        gamma(0.45455),
        png_chunk(b"cICP", bytes([1, 13, 0, 1])),
        gamma(1.0) + png_chunk(b"sRGB", b"\0"),
    ):
        read = read_photo(with_chunks(pixels, chunk))
        assert read.notices == () and np.array_equal(read.image, pixels)
    # Light as it is, as renderers store it.
    read = read_photo(with_chunks(np.full((8, 8, 3), 55, np.uint8), gamma(1.0)))
    assert read.image.getpixel((0, 0)) == pytest.approx((128, 128, 128), abs=2)
    # What is not understood is said.
    for chunk in (png_chunk(b"cICP", bytes([9, 16, 0, 1])), png_chunk(b"cICP", bytes([77, 13, 0, 1])), gamma(0)):
        read = read_photo(with_chunks(pixels, chunk))
        assert len(read.notices) == 1 and np.array_equal(read.image, pixels)


def test_cameras_set_to_adobe_rgb_say_so_in_exif_alone(pixels: np.ndarray) -> None:
    stored = Image.fromarray(stored_in(ADOBE, pixels))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0xA005)[1] = "R03"
    exif._ifds[0x8769][0xA005] = exif._ifds[0xA005]
    read = read_photo(encoded(stored, "JPEG", quality=98, subsampling=0, exif=exif))
    assert off(read.image, pixels) < 2 and "Adobe RGB" in read.notices[0]
    exif.get_ifd(0xA005)[1] = "R98"
    assert read_photo(encoded(stored, "JPEG", exif=exif)).notices == ()


def test_avif_that_states_display_p3_by_numbers(pixels: np.ndarray) -> None:
    data = bytearray(encoded(Image.fromarray(stored_in(P3, pixels)), "AVIF", quality=100, subsampling="4:4:4"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", 12, 13)
    read = read_photo(bytes(data))
    assert off(read.image, pixels) < 2 and "Display P3" in read.notices[0]


def test_pil_images_bring_their_profile_along(pixels: np.ndarray) -> None:
    data = encoded(Image.fromarray(stored_in(ADOBE, pixels)), "PNG", icc_profile=profile(ADOBE))
    image = Image.open(io.BytesIO(data))
    before = np.array(image)
    assert np.array_equal(simam_viz.open_image(image), simam_viz.open_image(data))
    assert np.array_equal(image, before) and "icc_profile" in image.info, "the caller's image is as it was"
    assert off(simam_viz.open_image(image.convert("RGBA")), pixels) < 1
