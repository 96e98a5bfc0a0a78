"""Batches to train on, made from decoded images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Channels = tuple[float, float, float]
"""A number for red, green and blue each."""

MEAN: Channels = (0.485, 0.456, 0.406)
STD: Channels = (0.229, 0.224, 0.225)
"""ImageNet's."""


def generator(*key: int) -> torch.Generator:
    """Random numbers that depend on ``key`` alone, such as (seed, stream, step)."""
    return torch.Generator().manual_seed(number_of(*key))


def number_of(*key: int) -> int:
    """A seed that depends on ``key`` alone."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def normalise(images: Tensor, mean: Channels = MEAN, std: Channels = STD) -> Tensor:
    """Images (N, H, W, 3) of uint8 → network input (N, 3, H, W), on the same device."""
    return _normalised(images.permute(0, 3, 1, 2).div(255), mean, std)


def enlarge(images: Tensor, px: int, mean: Channels = MEAN, std: Channels = STD) -> Tensor:
    """Images (N, H, W, 3) of uint8 → network input (N, 3, px, px), interpolated like the training images."""
    x = F.interpolate(normalise(images, mean, std), size=(px, px), mode="bilinear", align_corners=False, antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def draw(count: int, area: tuple[float, float], aspect: tuple[float, float], random_numbers: torch.Generator) -> Tensor:
    """Random crops of ``count`` images as numbers (count, 5).

    They are the crop's share of the image's area, its width over its height, where it lies across and down (from -1 to 1
    within what is left), and whether it is flipped (1 or 0). ``area`` and ``aspect`` bound the first two.
    ``random_numbers`` are the CPU's whatever device the images are on, so that every device sees the same crops.
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=random_numbers)

    share = uniform(*area)
    ratio = uniform(math.log(aspect[0]), math.log(aspect[1])).exp()
    across, down = uniform(-1, 1), uniform(-1, 1)
    return torch.stack([share, ratio, across, down, (uniform(0, 1) < 0.5).float()], dim=1)


def crops_of_squares(drawn: Tensor) -> Tensor:
    """:func:`draw`'s crops of square images: affine maps (count, 2, 3), as grids take them, on the CPU."""
    share, ratio, across, down, flipped = drawn.unbind(1)
    width, height = (share * ratio).sqrt(), (share / ratio).sqrt()
    # In the grid's units the image reaches from -1 to 1, so |1 - width| is how far the crop's centre may move.
    crops = torch.zeros(len(drawn), 2, 3)
    crops[:, 0, 2] = across * (1 - width).abs()
    crops[:, 1, 2] = down * (1 - height).abs()
    crops[:, 0, 0] = width * _sign(flipped)
    crops[:, 1, 1] = height
    return crops


def shifts(drawn: Tensor, padding: int, side: int) -> Tensor:
    """Crops of a square's own size (pixels) after it was padded by so many pixels all around: affine maps (count, 2, 3)."""
    # Each of the 2 · padding + 1 places in either direction is as likely as another.
    pixels = ((drawn[:, 2:4] + 1) / 2 * (2 * padding + 1)).floor().clamp(max=2 * padding) - padding
    crops = flips(drawn)
    crops[:, :, 2] = pixels * 2 / side
    return crops


def flips(drawn: Tensor) -> Tensor:
    """Of :func:`draw`'s crops the flips alone: affine maps (count, 2, 3)."""
    crops = torch.zeros(len(drawn), 2, 3)
    crops[:, 0, 0] = _sign(drawn[:, 4])
    crops[:, 1, 1] = 1
    return crops


def box_of_photo(drawn: Sequence[float], width: int, height: int) -> tuple[float, float, float, float]:
    """One of :func:`draw`'s crops of a photo of any shape: left, top, right, bottom in its pixels.

    What would reach beyond the photo is cut to its edge.
    """
    share, ratio, across, down, _flipped = drawn
    area = share * width * height
    w, h = min(math.sqrt(area * ratio), width), min(math.sqrt(area / ratio), height)
    left, top = (1 + across) / 2 * (width - w), (1 + down) / 2 * (height - h)
    return left, top, left + w, top + h


def cropped(
    images: Tensor, crops: Tensor, px: int, mean: Channels = MEAN, std: Channels = STD, black_around: bool = False
) -> Tensor:
    """Crops (affine maps) of images (N, H, W, 3) of uint8, enlarged: network input (N, 3, px, px) on their device.

    One affine grid for the batch does it all. A crop that is longer than the image goes on in its mirror image or, where
    that is asked for, in black.
    """
    grid = F.affine_grid(crops, [len(images), 3, px, px], align_corners=False)
    if black_around:
        shown = images.permute(0, 3, 1, 2).div(255)
        x = F.grid_sample(shown, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        x = _normalised(x, mean, std)
    else:
        shown = normalise(images, mean, std)
        x = F.grid_sample(shown, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)


def _sign(flipped: Tensor) -> Tensor:
    return torch.where(flipped > 0, -1.0, 1.0)


def _normalised(x: Tensor, mean: Channels, std: Channels) -> Tensor:
    mean_there, std_there = _mean_and_std(x.device, mean, std)
    return x.sub_(mean_there).div_(std_there)


@lru_cache
def _mean_and_std(device: torch.device, mean: Channels, std: Channels) -> tuple[Tensor, Tensor]:
    """Copied to a device once: within a captured step nothing may come from the CPU."""
    mean_there, std_there = (torch.tensor(values, device=device).view(3, 1, 1) for values in (mean, std))
    return mean_there, std_there
