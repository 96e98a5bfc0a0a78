"""Photos to train on, of any size, one folder a class."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
from torchvision.datasets import ImageFolder

from ..wording import _
from .class_folders import is_photo
from .image_sets import PhotoSet
from .tiny_imagenet import TrainingData

HELD_OUT_SHARE = 0.1
"""Of each class's photos, where no folder is named to measure on."""

_HELD_OUT_SEED = 0


def load_photo_folders(root: Path, val: Path | None = None) -> TrainingData:
    """A folder with one folder of photos for each class, in ``root``/train or in ``root`` itself.

    Measured on are the photos of ``val``, else of ``root``/val, else a tenth of each class, which is then not trained on:
    the same whatever the seed of the run.

    Raises:
        ValueError: there are no such folders, or those of ``val`` are of other classes.
    """
    split = (root / "train").is_dir()
    training = _listed(root / "train" if split else root)
    if val is None and split and (root / "val").is_dir():
        val = root / "val"
    if val is None:
        kept, apart = _split(training)
    else:
        held = _listed(val)
        strangers = sorted(held.keys() - training.keys())
        if strangers:
            raise ValueError(
                _(
                    "{folder} has a folder {name}, which is no class of the training photos.",
                    folder=val,
                    name=strangers[0],
                )
            )
        kept, apart = training, {name: held.get(name, []) for name in training}
    names = tuple(training)
    return TrainingData(
        training=_photo_set(kept), held_out=_photo_set(apart), wnids=names, categories=names, source=root.resolve().name
    )


def _listed(folder: Path) -> dict[str, list[str]]:
    """The photos of each class, in sorted order."""
    try:
        found = ImageFolder(str(folder), is_valid_file=lambda path: is_photo(Path(path)))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            _(
                "{folder} is neither Tiny ImageNet nor CIFAR's binary files, nor a folder with one folder of photos for each "
                "class.",
                folder=folder,
            )
        ) from None
    if len(found.classes) < 2:
        raise ValueError(
            _(
                "{folder} holds one class alone: {name}; there is nothing to tell apart.",
                folder=folder,
                name=found.classes[0],
            )
        )
    listed: dict[str, list[str]] = {name: [] for name in found.classes}
    for path, index in found.samples:
        listed[found.classes[index]].append(path)
    return listed


def _split(photos: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    kept, apart = {}, {}
    for name, paths in photos.items():
        numbers = random.Random(f"{_HELD_OUT_SEED}/{name}")  # noqa: S311, nothing is kept secret by them
        count = max(1, round(HELD_OUT_SHARE * len(paths)))
        if count >= len(paths):
            raise ValueError(
                _("The class {name} has one photo alone, so none can be held out: name a folder with --val.", name=name)
            )
        chosen = set(numbers.sample(range(len(paths)), count))
        apart[name] = [path for number, path in enumerate(paths) if number in chosen]
        kept[name] = [path for number, path in enumerate(paths) if number not in chosen]
    return kept, apart


def _photo_set(photos: dict[str, list[str]]) -> PhotoSet:
    labels = [label for label, paths in enumerate(photos.values()) for _path in paths]
    files = [os.fsencode(path) for paths in photos.values() for path in paths]
    return PhotoSet(np.array(files, dtype=np.bytes_), np.array(labels, dtype=np.int64))
