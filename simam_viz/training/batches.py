"""Batches to train on, made from decoded images."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def generator(*key: int) -> torch.Generator:
    """Random numbers that depend on ``key`` alone, such as (seed, stream, step)."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1))


def normalise(images: Tensor) -> Tensor:
    """Images (N, H, W, 3) of uint8 → network input (N, 3, H, W), on the same device."""
    mean, std = _mean_and_std(images.device)
    return images.permute(0, 3, 1, 2).div(255).sub_(mean).div_(std)


def enlarge(images: Tensor, px: int) -> Tensor:
    """Images (N, H, W, 3) of uint8 → network input (N, 3, px, px), interpolated like the training images."""
    x = F.interpolate(normalise(images), size=(px, px), mode="bilinear", align_corners=False, antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def draw_crops(
    count: int, area: tuple[float, float], aspect: tuple[float, float], random_numbers: torch.Generator
) -> Tensor:
    """Random crops of ``count`` images, flipped half of the time: affine maps (count, 2, 3), as grids take them, on the CPU.

    ``area`` and ``aspect`` bound the crop's share of the image and its width over its height. ``random_numbers`` are the
    CPU's whatever device the images are on, so that every device sees the same crops.
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=random_numbers)

    share = uniform(*area)
    ratio = uniform(math.log(aspect[0]), math.log(aspect[1])).exp()
    width, height = (share * ratio).sqrt(), (share / ratio).sqrt()
    # In the grid's units the image reaches from -1 to 1, so |1 - width| is how far the crop's centre may move.
    crops = torch.zeros(count, 2, 3)
    crops[:, 0, 2] = uniform(-1, 1) * (1 - width).abs()
    crops[:, 1, 2] = uniform(-1, 1) * (1 - height).abs()
    crops[:, 0, 0] = width * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    crops[:, 1, 1] = height
    return crops


def cropped(images: Tensor, crops: Tensor, px: int) -> Tensor:
    """:func:`draw_crops`' crops of images (N, H, W, 3) of uint8, enlarged: network input (N, 3, px, px) on their device.

    One affine grid for the batch does it all. A crop that is longer than the image goes on in its mirror image.
    """
    grid = F.affine_grid(crops, [len(images), 3, px, px], align_corners=False)
    x = F.grid_sample(normalise(images), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)


@lru_cache
def _mean_and_std(device: torch.device) -> tuple[Tensor, Tensor]:
    """Copied to a device once: within a captured step nothing may come from the CPU."""
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, STD))
    return mean, std
