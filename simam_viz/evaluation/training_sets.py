"""Whatever can be trained on: Tiny ImageNet, CIFAR's binary files, or a folder of photos for each class."""

from __future__ import annotations

from pathlib import Path

import torch

from ..wording import _
from .cifar import is_cifar, load_cifar
from .photo_folders import load_photo_folders
from .tiny_imagenet import HELD_OUT, TrainingData, is_tiny_imagenet, load_training_data


def load_any(
    root: Path,
    cache: Path,
    held_out: Path = HELD_OUT,
    val: Path | None = None,
    device: torch.device | None = None,
) -> TrainingData:
    """The images at ``root``, by the layout that is found there.

    Args:
        root: Tiny ImageNet or CIFAR's binary files as they were published, or photos, one folder a class.
        cache: where Tiny ImageNet's decoded images are kept.
        held_out: which of Tiny ImageNet's images are never trained on.
        val: a folder of photos to measure on, which has a folder for each class too.
        device: where data sets that are kept decoded are copied to.

    Raises:
        ValueError: it is none of these, or not as it was published.
        OSError: a file cannot be read.
    """
    published = is_tiny_imagenet(root) or is_cifar(root)
    if published and val is not None:
        raise ValueError(_("--val goes with folders of photos; {folder} brings images to measure on.", folder=root))
    if is_tiny_imagenet(root):
        return load_training_data(root, cache, held_out, device)
    return load_cifar(root, device) if published else load_photo_folders(root, val)
