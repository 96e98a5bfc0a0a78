"""Labelled photos in a folder for each class, read as they are needed; and progress on the way through any images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..checkpoints.loading import LoadedCheckpoint, Transforms
from .accuracy import labelled_photos, open_photo
from .tiny_imagenet import ImageSet

_AT_ONCE = 32


@dataclass(frozen=True)
class FolderImages(ImageSet):
    """Photos of any size, cropped and resized to what a checkpoint's network sees when they are read."""

    paths: tuple[Path, ...]
    transforms: Transforms
    px: int

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = min(size, _AT_ONCE)  # photos take more room than the 64 px images that ``size`` is meant for
        for start in range(0, len(self), size):
            views = [
                self.transforms.view(open_photo(path), self.px).convert("RGB")
                for path in self.paths[start : start + size]
            ]
            pixels = torch.from_numpy(np.stack([np.asarray(view) for view in views]))
            yield pixels, torch.from_numpy(self.labels[start : start + size])


def load_folder(root: Path, loaded: LoadedCheckpoint, px: int) -> FolderImages:
    """The photos of :func:`simam_viz.evaluation.accuracy.labelled_photos`, for a checkpoint's network."""
    photos = labelled_photos(root, loaded)
    labels = np.array([label for _, label in photos], dtype=np.int64)
    return FolderImages(np.empty(0, dtype=np.uint8), labels, tuple(path for path, _ in photos), loaded.transforms, px)


class Watched:
    """Images whose batches move a progress bar on the error stream."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        with tqdm(total=len(self._images), unit=" images", mininterval=0.5) as bar:
            for batch, labels in self._images.batches(size):
                yield batch, labels
                bar.update(len(labels))
