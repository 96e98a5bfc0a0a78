"""Labelled photos in a folder for each class, read as they are needed; and progress on the way through any images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import ImageFolder
from tqdm import tqdm

from ..checkpoints import LoadedCheckpoint, Transforms
from ..images import open_image
from .data import ImageSet

_AT_ONCE = 32


def is_tiny_imagenet(root: Path) -> bool:
    """Whether ``root`` has the official layout of Tiny ImageNet."""
    return (root / "wnids.txt").is_file()


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
                self.transforms.view(open_image(path), self.px).convert("RGB")
                for path in self.paths[start : start + size]
            ]
            pixels = torch.from_numpy(np.stack([np.asarray(view) for view in views]))
            yield pixels, torch.from_numpy(self.labels[start : start + size])


def load_folder(root: Path, loaded: LoadedCheckpoint, px: int) -> FolderImages:
    """The photos under ``root`` (or ``root``/val), a folder for each class, for a checkpoint's network.

    A folder is called by the WordNet id of its class, if the card has those, or by one of the class's names. Folders of any
    other names count in sorted order, as torchvision's ``ImageFolder`` counts them, if there is one for every class.

    Raises:
        ValueError: there are no such folders, or they are not the checkpoint's classes.
    """
    try:
        folder = ImageFolder(str(root / "val" if (root / "val").is_dir() else root))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"{root} is neither Tiny ImageNet nor a folder with one folder of photos for each class."
        ) from None
    classes = _class_indices(folder.classes, loaded)
    if classes is None:
        raise ValueError(
            f"The {len(folder.classes)} folders of {root} are not the {len(loaded.categories)} classes of {loaded.name}: "
            f"they begin with {', '.join(folder.classes[:3])}."
        )
    labels = np.array([classes[index] for _, index in folder.samples], dtype=np.int64)
    paths = tuple(Path(path) for path, _ in folder.samples)
    return FolderImages(np.empty(0, dtype=np.uint8), labels, paths, loaded.transforms, px)


def _class_indices(folders: list[str], loaded: LoadedCheckpoint) -> list[int] | None:
    wnids = {wnid: index for index, wnid in enumerate(loaded.card.get("wnids") or ())}
    if all(folder in wnids for folder in folders):
        return [wnids[folder] for folder in folders]
    names: dict[str, set[int]] = {}
    for index, category in enumerate(loaded.categories):
        for name in (category, *category.split(",")):
            names.setdefault(_plain(name), set()).add(index)
    found = [names.get(_plain(folder), set()) for folder in folders]
    if all(len(indices) == 1 for indices in found):
        return [index for indices in found for index in indices]
    return list(range(len(folders))) if len(folders) == len(loaded.categories) else None


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


class Watched:
    """Images whose batches move a progress bar on the error stream."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        with tqdm(total=len(self._images), unit=" images", mininterval=0.5) as bar:
            for batch, labels in self._images.batches(size):
                yield batch, labels
                bar.update(len(labels))
