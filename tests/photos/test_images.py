"""Images nobody can trust: every kind that is offered opens, everything else is one plain sentence."""

from __future__ import annotations

import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from simam_viz import ImageError, open_image
from simam_viz.photos.images import MAX_BYTES, centre_square, shrunk, square_view


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Image.Image:
    ramp = np.linspace(0, 255, 40 * 30 * 3).reshape(30, 40, 3)
    return Image.fromarray(ramp.astype(np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_formats(kind: str, picture: Image.Image, tmp_path: Path) -> None:
    data = encoded(picture, kind)
    path = tmp_path / "picture"
    path.write_bytes(data)
    for source in (data, path, str(path), io.BytesIO(data)):
        image = open_image(source)
        assert image.mode == "RGB" and image.size == (40, 30)
    assert np.abs(np.asarray(image, int) - np.asarray(picture, int)).mean() < 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F"])
def test_modes(mode: str, picture: Image.Image) -> None:
    source = picture.convert("L").convert(mode) if mode in ("I", "I;16", "F") else picture.convert(mode)
    kind = "TIFF" if mode in ("CMYK", "YCbCr", "LAB", "F", "I") else "PNG"
    image = open_image(encoded(source, kind))
    assert image.mode == "RGB" and image.size == (40, 30)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    grey = Image.fromarray(np.array([[0, 32896, 65535]], dtype=np.uint16))
    assert np.asarray(open_image(encoded(grey, "PNG")))[0, :, 0].tolist() == [0, 128, 255]


def test_upright_by_exif() -> None:
    image = Image.new("RGB", (40, 20), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(encoded(image, "JPEG", exif=exif)).size == (20, 40)


def test_transparency_lies_over_white() -> None:
    assert open_image(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")).getpixel((1, 1)) == (255, 255, 255)
    assert open_image(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 255)), "PNG")).getpixel((1, 1)) == (255, 0, 0)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"hello, this is a text", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "(not an image|damaged)"),
        (b"\x00" * (MAX_BYTES + 1), "larger than 20 MB"),
        (encoded(Image.new("1", (10_000, 6_000)), "PNG"), "50 million"),
        (encoded(Image.new("RGB", (60, 60)), "PPM"), "not an image"),
    ],
    ids=["empty", "text", "header only", "too large", "too many pixels", "format not offered"],
)
def test_what_is_no_photo_is_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence) as caught:
        open_image(data)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(ImageError):
        open_image(data[: len(data) // 2])


def test_a_decompression_bomb_is_refused_before_decoding(picture: Image.Image) -> None:
    data = bytearray(encoded(picture, "BMP"))
    data[18:26] = (30_000).to_bytes(4, "little") * 2
    with pytest.raises(ImageError, match="50 million"):
        open_image(bytes(data))


def test_no_warning_filter_is_left_behind(picture: Image.Image) -> None:
    data = encoded(picture, "PNG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_image, [data] * 100))
    assert warnings.filters == before


def test_shrinking() -> None:
    assert shrunk(Image.new("RGB", (400, 300)), 200_000).size == (400, 300)
    width, height = shrunk(Image.new("RGB", (4000, 3000)), 200_000).size
    assert 150_000 < width * height <= 200_000 and width / height == pytest.approx(4 / 3, abs=0.01)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        open_image(tmp_path / "nothing.png")


@pytest.mark.parametrize("size", [160, 40])
def test_views_are_resized_as_torchvision_does(photo: Image.Image, size: int) -> None:
    square = photo.crop(centre_square(*photo.size)).resize((64, 64))
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1).float()
    expected = torchvision.transforms.functional.resize(pixels, [size, size], antialias=True)
    got = torch.from_numpy(np.array(square_view(square, size))).permute(2, 0, 1)
    assert (got - expected).abs().max() < 1.01, "more than the rounding to whole grey levels in both directions"


def test_the_centre_square_is_cropped_before_it_is_enlarged() -> None:
    assert centre_square(100, 40) == (30, 0, 70, 40)
    assert square_view(Image.new("RGB", (1, 30_000), "red"), 224).size == (224, 224)
    halves = Image.new("RGB", (90, 30), "red")
    halves.paste("blue", (30, 0, 60, 30))
    assert np.asarray(square_view(halves, 60)).reshape(-1, 3).min(axis=0).tolist() == [0, 0, 255]
