"""Batches to train on, made from decoded images."""

from __future__ import annotations

import math

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
    mean = torch.tensor(MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(3, 1, 1)
    return images.permute(0, 3, 1, 2).div(255).sub_(mean).div_(std)


def enlarge(images: Tensor, px: int) -> Tensor:
    """Images (N, H, W, 3) of uint8 → network input (N, 3, px, px), interpolated like the training images."""
    x = F.interpolate(normalise(images), size=(px, px), mode="bilinear", align_corners=False, antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def augment(
    images: Tensor, px: int, area: tuple[float, float], aspect: tuple[float, float], random_numbers: torch.Generator
) -> Tensor:
    """A random crop of every image, flipped half of the time and enlarged: (N, H, W, 3) of uint8 → (N, 3, px, px).

    One affine grid for the batch does it all. ``area`` and ``aspect`` bound the crop's share of the image and its
    width over its height; a crop that is longer than the image goes on in its mirror image. ``random_numbers`` are the
    CPU's whatever device the images are on, so that every device sees the same crops.
    """
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=random_numbers)

    share = uniform(*area)
    ratio = uniform(math.log(aspect[0]), math.log(aspect[1])).exp()
    width, height = (share * ratio).sqrt(), (share / ratio).sqrt()
    # In the grid's units the image reaches from -1 to 1, so |1 - width| is how far the crop's centre may move.
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 2] = uniform(-1, 1) * (1 - width).abs()
    theta[:, 1, 2] = uniform(-1, 1) * (1 - height).abs()
    theta[:, 0, 0] = width * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = height
    grid = F.affine_grid(theta.to(images.device), [count, 3, px, px], align_corners=False)
    x = F.grid_sample(normalise(images), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)
