"""Photos in folders of classes and CIFAR's binary files, made up, small enough to train on within a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SMALL = ("--arch", "authors:cifar/resnet20", "--precision", "float32", "--image-size", "32", "--workers", "0")
"""The smallest network that can be trained, and as few processes as possible."""


def make_photos(root: Path, classes: int = 2, photos: int = 8) -> Path:
    """Photos of many shapes, ``photos`` in a folder for each class: of one grey each, which tells the photo."""
    for number in range(classes):
        folder = root / f"class_{number}"
        folder.mkdir(parents=True)
        for i in range(photos):
            grey = 10 * (number * photos + i)
            Image.new("RGB", (40 + 7 * i, 60 - 3 * i), (grey,) * 3).save(folder / f"{i}.png")
    return root


def make_cifar_10(folder: Path, images: int = 8) -> np.ndarray:
    """Its six binary files, ``images`` in each, and the names; gives all images (N, 32, 32, 3), the tested ones last."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(0)
    made = []
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        pixels = numbers.integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
        labels = np.arange(images, dtype=np.uint8)[:, None] % 10
        planes = pixels.transpose(0, 3, 1, 2).reshape(images, -1)
        (folder / name).write_bytes(np.concatenate([labels, planes], axis=1).tobytes())
        made.append(pixels)
    (folder / "batches.meta.txt").write_text("\n".join(f"thing_{i}" for i in range(10)) + "\n\n")
    return np.concatenate(made)
