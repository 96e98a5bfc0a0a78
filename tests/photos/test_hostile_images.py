"""Images of every kind and mode, whole and damaged, and files built to cost: an RGB image or one plain sentence, always."""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from simam_viz import ImageError, open_image
from simam_viz.quiet import quieten
from tests.helpers.colour_files import P3, cmyk_profile, colour_png, deep_tiff, grey_profile, profile
from tests.helpers.damage import DRAWN, KINDS, MODES, ORIENTATION, blank, damaged, encoded, image_files
from tests.helpers.image_bombs import BOMBS, MEGABYTE, png_chunk

# Pytest puts its own filters of warnings over the app's.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

# These cost seconds to build and open; ``python -m tests.long images`` tries all of them under limits of memory and time.
SLOW = ("packed profile", "packed tile", "more pixels", "scans", "jpeg within", "many chunks", "fewer pixels", "a million texts",
        "a million entries")  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def as_in_the_app() -> None:
    quieten()


def opened(data: bytes) -> Image.Image | str:
    """The image, or the sentence; anything else is a failure."""
    try:
        image = open_image(data)
    except ImageError as error:
        sentence = str(error)
        assert sentence.endswith(".") and "\n" not in sentence and 20 < len(sentence) < 300
        return sentence
    assert image.mode == "RGB" and min(image.size) >= 1
    assert len(image.tobytes()) == 3 * image.width * image.height
    return image


@DRAWN
@given(image_files())
def test_every_whole_file_opens_upright(file: tuple[bytes, str, tuple[int, int]]) -> None:
    data, _, size = file
    image = opened(data)
    assert not isinstance(image, str), image
    assert image.size == size


@DRAWN
@given(damaged(image_files().map(lambda file: file[0])))
@example(b"\xff\xd8")
@example(b"BM")
@example(b"II*\0")
@example(b"MM\0+" + bytes(12))
@example(b"II+\0" + b"\xff" * 20)
@example(b"RIFF\0\0\0\0WEBPVP8X")
@example(b"GIF89a")
def test_a_damaged_file_is_an_image_or_a_sentence(data: bytes) -> None:
    opened(data)


def seeds_of_meaning() -> list[bytes]:
    """Files that say something of their colours, their depth or their transparency; and the newer kinds."""
    small, deep = Image.new("RGB", (9, 5), "red"), np.full((5, 9, 3), 3000, np.uint16)
    chunks = [png_chunk(b"sBIT", b"\x0c\x0c\x0c"), png_chunk(b"tRNS", b"\x0b\xb8" * 3), png_chunk(b"cICP", b"\x0c\x0d\0\1"),
              png_chunk(b"gAMA", bytes([0, 0, 200, 0])), png_chunk(b"cHRM", bytes([0, 0, 100, 0] * 8))]  # fmt: skip
    files = [colour_png(deep, chunk) for chunk in chunks] + [
        colour_png(deep[..., 0], chunks[0]),
        colour_png(deep[..., :2]),
    ]
    files += [encoded(small, kind, icc_profile=profile(P3)) for kind in ("JPEG", "TIFF", "WEBP", "AVIF", "PNG")]
    files += [
        encoded(Image.new("CMYK", (9, 5)), "TIFF", icc_profile=cmyk_profile()),
        deep_tiff(deep),
        deep_tiff(deep, packed=True),
    ]
    files.append(encoded(Image.new("L", (9, 5)), "PNG", icc_profile=grey_profile(1.8)))
    files.append(encoded(small, "GIF", save_all=True, append_images=[Image.new("RGB", (9, 5))]))
    files.append(encoded(small, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 5))]))
    several = encoded(small.convert("RGBA"), "AVIF", save_all=True, append_images=[Image.new("RGBA", (9, 5))])
    return [*files, several]


@DRAWN
@given(damaged(st.sampled_from(seeds_of_meaning())))
def test_a_damaged_file_that_says_what_it_means(data: bytes) -> None:
    opened(data)


@DRAWN
@given(
    damaged(st.sampled_from([profile(P3), grey_profile(1.8), cmyk_profile()])), st.sampled_from(["RGB", "L", "CMYK"])
)
def test_a_damaged_profile(damage: bytes, mode: str) -> None:
    data = encoded(Image.new(mode, (9, 5), 0), "TIFF", icc_profile=damage or b"x")
    assert not isinstance(opened(data), str)


@DRAWN
@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x20\0\0\0WEBP", b"BM", b"II*\0\x08\0\0\0", b"MM\0*"]),
       st.binary(max_size=400))  # fmt: skip
def test_bytes_behind_a_true_beginning(start: bytes, rest: bytes) -> None:
    opened(start + rest)


@pytest.mark.parametrize("kind", KINDS)
def test_every_mode(kind: str) -> None:
    """Each mode that a kind can hold opens in its own colours."""
    held = 0
    for mode in MODES:
        if data := encoded(blank(mode, (5, 3), 1 if mode == "1" else 200), kind, **KINDS[kind][0]):
            held += 1
            image = opened(data)
            assert not isinstance(image, str) and image.size == (5, 3), (mode, image)
            if mode in ("L", "RGB", "RGBX"):
                assert abs(int(np.asarray(image).mean()) - 200) <= 3, mode
    assert held >= 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_every_rotation(kind: str, orientation: int) -> None:
    """The corner that was painted red is found where the rotation says."""
    stored = Image.new("RGB", (48, 32), "white")
    stored.paste("red", (0, 0, 16, 16))
    block = Image.Exif()
    block[ORIENTATION] = orientation
    image = opened(encoded(stored, kind, exif=block))
    assert image.size == ((48, 32) if orientation < 5 else (32, 48))
    red = np.asarray(image, int)[..., 1] < 128
    rows, columns = np.nonzero(red)
    place = (rows.mean() > image.height / 2, columns.mean() > image.width / 2)
    # Row 0 and column 0 of what is stored lie, for each value of the tag: top/bottom, left/right (Exif 2.3, 4.6.4 A).
    assert (
        place == {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF"])
def test_thin_images(kind: str, size: tuple[int, int]) -> None:
    assert opened(encoded(Image.new("RGB", size, "green"), kind)).size == size


def test_a_thin_image_that_webp_cannot_hold() -> None:
    assert opened(encoded(Image.new("RGB", (1, 16_383), "green"), "WEBP")).size == (1, 16_383)


@pytest.mark.parametrize("colour", ["black", "white"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_colour(kind: str, colour: str) -> None:
    pixels = np.asarray(opened(encoded(Image.new("RGB", (20, 10), colour), kind)))
    assert np.ptp(pixels) <= 2 and abs(int(pixels[0, 0, 0]) - (255 if colour == "white" else 0)) <= 2


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF"])
def test_the_first_of_many_pictures(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert opened(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([float("nan"), float("inf"), 0.0], [0, 0, 0]),
        ([0.0, 1e-45, 0.0], [0, 255, 0]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
    ],
    ids=["unit", "extreme", "no numbers", "subnormal", "bytes"],
)
def test_grey_levels_of_floats(values: list[float], expected: list[int]) -> None:
    data = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.asarray(open_image(data))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("name", [name for name in BOMBS if not any(part in name for part in SLOW)])
def test_files_that_cost_more_than_they_look(
    name: str, capfd: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        result = opened(BOMBS[name]())
    assert isinstance(result, str) or max(result.size) <= 64
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_nothing_is_decoded_of_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    large = Image.new("1", (10_000, 5_001))
    files = [encoded(large, kind) for kind in ("PNG", "GIF", "BMP", "TIFF")]
    monkeypatch.setattr(Image, "open", fail)
    for data in files:
        with pytest.raises(ImageError, match="50 million"):
            open_image(data)
    with pytest.raises(ImageError, match="20 MB"):
        open_image(bytes(20 * MEGABYTE + 1))


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    closed = io.BytesIO(b"x")
    closed.close()
    for source in (closed, io.StringIO("text"), tmp_path, "a\0b", str(tmp_path / "none")):
        with pytest.raises(ImageError):
            open_image(source)
