"""A photo or a tensor as the input of one network, and a picture of that input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from simam_viz.photos.transforms import IMAGENET_MEAN, IMAGENET_STD, Transforms

WIDE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8))
PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


def pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def test_the_middle_square_normalised() -> None:
    x = Transforms(60)(WIDE)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(x * std + mean, pixels(WIDE.crop((30, 0, 90, 60))), rtol=1e-4, atol=1e-5)


def test_detectors_see_the_whole_photo_on_grey() -> None:
    x = Transforms(120, **PLAIN, fit="letterbox")(WIDE)
    assert x.shape == (3, 120, 120)
    torch.testing.assert_close(x[:, 30:90], pixels(WIDE))
    assert torch.equal(x[:, :30], torch.full((3, 30, 120), 114 / 255)) and torch.equal(x[:, 90:], x[:, :30])


def test_an_input_that_is_not_square() -> None:
    transforms = Transforms(60, **PLAIN, shape=(60, 30))
    assert transforms.size() == (60, 30) and transforms.size(120) == (120, 60)
    torch.testing.assert_close(transforms(WIDE), pixels(WIDE.crop((45, 0, 75, 60))))


def test_a_crop_and_another_interpolation() -> None:
    x = Transforms(30, **PLAIN, crop=0.5)(WIDE)
    torch.testing.assert_close(x, pixels(WIDE.crop((45, 15, 75, 45))))
    sharp, soft = (Transforms(90, **PLAIN, crop=0.99, interpolation=name)(WIDE) for name in ("bicubic", "bilinear"))
    assert sharp.std() > soft.std() * 1.02


def test_grey_and_number_formats() -> None:
    grey = Transforms(60, mean=(0.5,), std=(0.25,), dtype=torch.float64)
    x = grey(WIDE)
    assert grey.takes_photos and x.shape == (1, 60, 60) and x.dtype is torch.float64
    expected = (np.array(WIDE.crop((30, 0, 90, 60)).convert("L")) / 255 - 0.5) / 0.25
    torch.testing.assert_close(x[0], torch.from_numpy(expected), rtol=1e-5, atol=1e-6)
    assert not Transforms(60, mean=(0.0,) * 12, std=(1.0,) * 12).takes_photos
    with pytest.raises(ValueError, match="12 × 60 × 60, which no photo is"):
        Transforms(60, mean=(0.0,) * 12, std=(1.0,) * 12)(WIDE)
    with pytest.raises(ValueError, match="40 × 100, which no photo is"):
        Transforms(100, mean=(0.0,) * 40, std=(1.0,) * 40, shape=(100,))(WIDE)


@pytest.mark.parametrize(
    ("shape", "taken", "refused", "said"),
    [
        (None, (1, 3, 20, 40), (2, 3, 20, 40), "(1, 3, H, W)"),
        ((8,), (1, 3, 50), (1, 3, 5, 5), "(1, 3, W)"),
        ((4, 8, 8), (1, 3, 2, 9, 9), (1, 4, 2, 9, 9), "(1, 3, D, H, W)"),
    ],
)
def test_tensors_are_taken_as_they_are(
    shape: tuple[int, ...] | None, taken: tuple[int, ...], refused: tuple[int, ...], said: str
) -> None:
    transforms = Transforms(8, shape=shape, dtype=torch.float64)
    x = torch.randn(taken)
    found = transforms.given(x)
    assert found.dtype is torch.float64 and torch.equal(found.float(), x)
    for other in (torch.randn(refused), x[0]):  # one without the dimension of a batch may as well be a photo
        with pytest.raises(ValueError, match="takes tensors of shape") as caught:
            transforms.given(other)
        assert said in str(caught.value)


def test_the_picture_of_a_photos_tensor_is_the_photo() -> None:
    transforms = Transforms(60)
    picture, caption = transforms.picture(transforms(WIDE))
    assert caption == "" and np.array_equal(np.array(picture), np.array(WIDE.crop((30, 0, 90, 60))))


@pytest.mark.parametrize(
    ("x", "size", "said"),
    [
        (torch.linspace(-3, 5, 12 * 6 * 8).view(12, 6, 8), (8, 6), "the mean of 12 channels"),
        (torch.linspace(-3, 5, 3 * 6 * 8).view(3, 6, 8), (8, 6), "the mean of 3 channels"),
        (torch.linspace(-3, 5, 48).view(1, 6, 8), (8, 6), "black is -3, white 5"),
        (torch.linspace(-3, 5, 40 * 20).view(40, 20), (20, 1), "the mean of 40 channels"),
        (torch.linspace(-3, 5, 2 * 5 * 6 * 8).view(2, 5, 6, 8), (8, 6), "slice 2 of 5, the mean of 2 channels"),
    ],
)
def test_pictures_of_other_tensors_say_what_they_are(x: torch.Tensor, size: tuple[int, int], said: str) -> None:
    picture, caption = Transforms(8).picture(x)
    assert picture.size == size and said in caption and caption.endswith(".")
    values = np.array(picture)
    assert values.min() == 0 and values.max() == 255
    middle = x[:, x.shape[1] // 2] if x.dim() == 4 else x[:, None] if x.dim() == 2 else x
    grey = middle.mean(0).numpy()
    assert np.unravel_index(values[..., 0].argmax(), grey.shape) == np.unravel_index(grey.argmax(), grey.shape)
    flat, _caption = Transforms(8).picture(torch.full((12, 4, 4), 7.0))
    assert np.array(flat).max() == 0
