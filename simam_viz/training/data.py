"""Tiny ImageNet in its official folder layout, kept decoded in memory-mapped files, and batches made from it."""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..accuracy import read_wnids

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

HELD_OUT = Path(__file__).with_name("held_out.txt")
"""The committed list of training images that are never trained on: every choice is made on them."""

HELD_OUT_PER_CLASS = 25
_IMAGES_PER_CLASS = 500
_HELD_OUT_SEED = 0


@dataclass(frozen=True)
class ImageSet:
    """Decoded images (N, side, side, 3) of uint8 and their class numbers (N,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """The images (n, side, side, 3) of uint8 and labels (n,) at ``indices``."""
        return torch.from_numpy(self.images[indices]), torch.from_numpy(self.labels[indices])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


@dataclass(frozen=True)
class TrainingData:
    """The training images, those held out, and for each class its WordNet id and name."""

    training: ImageSet
    held_out: ImageSet
    wnids: tuple[str, ...]
    categories: tuple[str, ...]


def load_training_data(root: Path, cache: Path, held_out: Path = HELD_OUT) -> TrainingData:
    """Read ``root``/train, decoding it once into ``cache``, and set the images on the ``held_out`` list apart.

    Raises:
        FileNotFoundError: ``root`` is not a Tiny ImageNet folder, or a listed image is not in it.
    """
    wnids = read_wnids(root)
    files = {wnid: sorted(path.name for path in (root / "train" / wnid / "images").iterdir()) for wnid in wnids}
    paths = [root / "train" / wnid / "images" / name for wnid in wnids for name in files[wnid]]
    labels = np.array([label for label, wnid in enumerate(wnids) for _ in files[wnid]], dtype=np.int64)
    index = {path.stem: i for i, path in enumerate(paths)}
    apart = [f"{wnid}_{number}" for wnid, numbers in read_held_out(held_out).items() for number in numbers]
    missing = [name for name in apart if name not in index]
    if missing:
        raise FileNotFoundError(f"{len(missing)} held-out images are not in {root}/train, among them {missing[0]}.")
    is_apart = np.zeros(len(paths), dtype=bool)
    is_apart[[index[name] for name in apart]] = True
    images = _decoded(paths, _cache_file(root, cache, "train"))
    # The part to train on stays memory-mapped as a whole: its order is shuffled through indices anyway.
    return TrainingData(
        training=_Subset.of(images, labels, np.flatnonzero(~is_apart)),
        held_out=ImageSet(images[is_apart], labels[is_apart]),
        wnids=wnids,
        categories=read_categories(root, wnids),
    )


def load_validation(root: Path, cache: Path) -> ImageSet:
    """Read the official validation images in the order of ``val_annotations.txt``, decoding them once into ``cache``."""
    numbers = {wnid: number for number, wnid in enumerate(read_wnids(root))}
    rows = [line.split("\t") for line in (root / "val" / "val_annotations.txt").read_text().splitlines()]
    images = _decoded([root / "val" / "images" / row[0] for row in rows], _cache_file(root, cache, "val"))
    return ImageSet(images, np.array([numbers[row[1]] for row in rows], dtype=np.int64))


def read_boxes(root: Path) -> Tensor:
    """The box of each official validation image's object, in the same order: (left, top, right, bottom) in its pixels."""
    rows = [line.split("\t") for line in (root / "val" / "val_annotations.txt").read_text().splitlines()]
    return torch.tensor([[int(edge) for edge in row[2:6]] for row in rows])


def read_categories(root: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """The class names that belong to ``wnids``."""
    names = dict(line.split("\t", 1) for line in (root / "words.txt").read_text().splitlines())
    return tuple(names[wnid] for wnid in wnids)


def choose_held_out(wnid: str) -> list[int]:
    """The numbers of the images of one class that are held out: fixed by a seed, whatever the other classes are."""
    chosen = random.Random(f"{_HELD_OUT_SEED}/{wnid}").sample(range(_IMAGES_PER_CLASS), HELD_OUT_PER_CLASS)
    return sorted(chosen)


def read_held_out(path: Path = HELD_OUT) -> dict[str, list[int]]:
    """The held-out image numbers of every class; a line reads ``n01443537 3 17 …`` for n01443537_3.JPEG and so on."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {wnid: [int(number) for number in numbers] for wnid, *numbers in rows}


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


@dataclass(frozen=True)
class _Subset(ImageSet):
    """Some images of a bigger, memory-mapped array."""

    rows: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> _Subset:
        return cls(images, labels[rows], rows)

    def take(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.images[self.rows[indices]]), torch.from_numpy(self.labels[indices])


def _cache_file(root: Path, cache: Path, part: str) -> Path:
    key = hashlib.sha256(str(root.resolve()).encode() + (root / "wnids.txt").read_bytes()).hexdigest()[:16]
    return cache / f"{part}-{key}.npy"


def _decoded(paths: list[Path], file: Path) -> np.ndarray:
    """The images at ``paths`` as one memory-mapped array (N, side, side, 3), read from ``file`` or written there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(paths[0]) as first:
            shape = (len(paths), first.height, first.width, 3)
        unfinished = file.with_suffix(f".{os.getpid()}.tmp")
        array = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
        for i, path in enumerate(paths):
            with Image.open(path) as image:
                array[i] = np.asarray(image.convert("RGB"))
        array.flush()
        unfinished.replace(file)
    images = np.load(file, mmap_mode="r")
    if len(images) != len(paths):
        raise ValueError(f"{file} was made from {len(images)} images, but there are {len(paths)} now: delete it.")
    return images
