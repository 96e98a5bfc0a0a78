"""Tiny ImageNet in its official folder layout, kept decoded in memory-mapped files, and the images of it that are held out."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint
from ..wording import _
from ..writing import written_whole
from .image_sets import Batches, ImageSet, ImagesOnDevice, ImageSubset, LabelledPhoto, PhotoSet

HELD_OUT = Path(__file__).with_name("held_out.txt")
"""The committed list of training images that are never trained on: every choice is made on them."""

HELD_OUT_PER_CLASS = 25

TINY_IMAGENET = "Tiny ImageNet"

_IMAGES_PER_CLASS = 500

_HELD_OUT_SEED = 0


@dataclass(frozen=True)
class TrainingData:
    """The training images, those held out, and for each class its WordNet id and name."""

    training: Batches | PhotoSet
    held_out: ImageSet | PhotoSet
    wnids: tuple[str, ...]
    """Or the names of the classes' folders; none where the images do not lie in any."""
    categories: tuple[str, ...]
    source: str = TINY_IMAGENET
    """What the data set is called."""


def load_training_data(
    root: Path, cache: Path, held_out: Path = HELD_OUT, device: torch.device | None = None
) -> TrainingData:
    """Read ``root``/train, decoding it once into ``cache``, and set the images on the ``held_out`` list apart.

    With a ``device``, the images to train on are copied there.

    Raises:
        FileNotFoundError: ``root`` is not a Tiny ImageNet folder, or a listed image is not in it.
    """
    wnids = read_wnids(root)
    files = {wnid: sorted(path.name for path in (root / "train" / wnid / "images").iterdir()) for wnid in wnids}
    paths = [root / "train" / wnid / "images" / name for wnid in wnids for name in files[wnid]]
    labels = np.array([label for label, wnid in enumerate(wnids) for _file in files[wnid]], dtype=np.int64)
    index = {path.stem: i for i, path in enumerate(paths)}
    apart = [f"{wnid}_{number}" for wnid, numbers in read_held_out(held_out).items() for number in numbers]
    missing = [name for name in apart if name not in index]
    if missing:
        raise FileNotFoundError(
            _(
                "{images} held-out images are not in {folder}/train, among them {first}.",
                images=len(missing),
                folder=root,
                first=missing[0],
            )
        )
    is_apart = np.zeros(len(paths), dtype=bool)
    is_apart[[index[name] for name in apart]] = True
    images = _decoded(paths, _cache_file(root, cache, "train"))
    # The part to train on stays memory-mapped as a whole: its order is shuffled through indices anyway.
    training = ImageSubset(images, labels[~is_apart], np.flatnonzero(~is_apart))
    return TrainingData(
        training=training if device is None else ImagesOnDevice(training, device),
        held_out=ImageSet(images[is_apart], labels[is_apart]),
        wnids=wnids,
        categories=read_categories(root, wnids),
    )


def validation_photos(root: Path) -> list[LabelledPhoto]:
    """The official validation images in the order of ``val_annotations.txt``, each with the number of its class.

    Raises:
        ValueError: a line names a class that is not in ``wnids.txt``.
    """
    numbers = {wnid: number for number, wnid in enumerate(read_wnids(root))}
    try:
        return [(root / "val" / "images" / name, numbers[wnid]) for name, wnid, *_box in _annotations(root)]
    except (KeyError, ValueError):
        raise ValueError(
            _("val_annotations.txt of {folder} names a class that is not in its wnids.txt.", folder=root.name)
        ) from None


def load_validation(root: Path, cache: Path) -> ImageSet:
    """Read the images of :func:`validation_photos`, decoding them once into ``cache``."""
    photos = validation_photos(root)
    images = _decoded([path for path, _label in photos], _cache_file(root, cache, "val"))
    return ImageSet(images, np.array([label for _, label in photos], dtype=np.int64))


def read_boxes(root: Path) -> Tensor:
    """The box of each official validation image's object, in the same order: (left, top, right, bottom) in its pixels."""
    return torch.tensor([[int(edge) for edge in row[2:6]] for row in _annotations(root)])


def read_categories(root: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """The class names that belong to ``wnids``."""
    names = dict(line.split("\t", 1) for line in (root / "words.txt").read_text().splitlines())
    return tuple(names[wnid] for wnid in wnids)


def choose_held_out(wnid: str) -> list[int]:
    """The numbers of the images of one class that are held out: fixed by a seed, whatever the other classes are."""
    numbers = random.Random(f"{_HELD_OUT_SEED}/{wnid}")  # noqa: S311, nothing is kept secret by them
    return sorted(numbers.sample(range(_IMAGES_PER_CLASS), HELD_OUT_PER_CLASS))


def read_held_out(path: Path = HELD_OUT) -> dict[str, list[int]]:
    """The held-out image numbers of every class; a line reads ``n01443537 3 17 …`` for n01443537_3.JPEG and so on."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {wnid: [int(number) for number in numbers] for wnid, *numbers in rows}


def _annotations(root: Path) -> list[list[str]]:
    """For each validation image its file, its WordNet id and the four edges of its box."""
    return [line.split("\t") for line in (root / "val" / "val_annotations.txt").read_text().splitlines()]


def _cache_file(root: Path, cache: Path, part: str) -> Path:
    key = hashlib.sha256(str(root.resolve()).encode() + (root / "wnids.txt").read_bytes()).hexdigest()[:16]
    return cache / f"{part}-{key}.npy"


def _decoded(paths: list[Path], file: Path) -> np.ndarray:
    """The images at ``paths`` as one memory-mapped array (N, side, side, 3), read from ``file`` or written there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(paths[0]) as first:
            shape = (len(paths), first.height, first.width, 3)
        with written_whole(file) as unfinished:
            array = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
            for i, path in enumerate(paths):
                with Image.open(path) as image:
                    array[i] = np.asarray(image.convert("RGB"))
            array.flush()
    images: np.ndarray = np.load(file, mmap_mode="r")
    if len(images) != len(paths):
        raise ValueError(
            _(
                "{file} was made from {then} images, but there are {now} now: delete it.",
                file=file,
                then=len(images),
                now=len(paths),
            )
        )
    return images


def is_tiny_imagenet(root: Path) -> bool:
    """Whether ``root`` has the official layout of Tiny ImageNet."""
    return (root / "wnids.txt").is_file()


def read_wnids(root: Path) -> tuple[str, ...]:
    """The WordNet ids of Tiny ImageNet's classes, in the order of its ``wnids.txt``."""
    return tuple((root / "wnids.txt").read_text().split())


def check_tiny_classes(root: Path, loaded: LoadedCheckpoint) -> None:
    """``ValueError`` unless a checkpoint tells the classes of the Tiny ImageNet at ``root`` apart, in their order."""
    wnids = read_wnids(root)
    if tuple(loaded.card.get("wnids", wnids)) != wnids or len(loaded.categories) != len(wnids):
        raise ValueError(
            _("{network} does not have the classes of {folder}, in their order.", network=loaded.name, folder=root)
        )
