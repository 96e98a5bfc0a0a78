"""CIFAR-10 and CIFAR-100 in their published binary files; their Python version is a pickle, and never opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..wording import _
from .image_sets import ImageSet, ImagesOnDevice
from .tiny_imagenet import TrainingData

_SIDE = 32


@dataclass(frozen=True)
class _Layout:
    """One of the two data sets: a record is its labels, a byte each, then the red, green and blue pixels by rows."""

    folder: str
    """What its archive unpacks to."""
    training: tuple[str, ...]
    test: str
    names: str
    classes: int
    labels: int
    """Bytes of labels before an image; the last is the class."""


_LAYOUTS = (
    _Layout(
        "cifar-10-batches-bin",
        tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test_batch.bin",
        "batches.meta.txt",
        10,
        1,
    ),
    _Layout("cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt", 100, 2),
)
_PICKLES = (
    "data_batch_1",
    "cifar-10-batches-py",
    "cifar-100-python",
    "cifar-10-python.tar.gz",
    "cifar-100-python.tar.gz",
)


def is_cifar(root: Path) -> bool:
    """Whether the unpacked binary files lie in ``root``, or in the folder in it that their archive unpacks to.

    Raises:
        ValueError: what lies there is the Python version.
    """
    if _found(root) is not None:
        return True
    pickled = [name for name in _PICKLES if (root / name).exists()]
    if pickled or root.name in _PICKLES or all((root / name).is_file() for name in ("train", "test", "meta")):
        raise ValueError(
            _(
                "{folder} holds CIFAR's Python version, a pickle, which is never opened here: take the binary version "
                "(cifar-10-binary.tar.gz or cifar-100-binary.tar.gz) and unpack it.",
                folder=root,
            )
        )
    return False


def load_cifar(root: Path, device: torch.device | None = None) -> TrainingData:
    """The training images, and the official test images as those held out.

    With a ``device``, the images to train on are copied there.

    Raises:
        ValueError: a file is damaged.
        FileNotFoundError: one is missing.
    """
    found = _found(root)
    assert found is not None, "is_cifar says so"
    folder, layout = found
    parts = [_images(folder / name, layout) for name in layout.training]
    training = ImageSet(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    names = (folder / layout.names).read_text(encoding="utf-8").split()
    if len(names) != layout.classes:
        raise _damaged(folder / layout.names)
    return TrainingData(
        training=training if device is None else ImagesOnDevice(training, device),
        held_out=ImageSet(*_images(folder / layout.test, layout)),
        wnids=(),
        categories=tuple(name.replace("_", " ") for name in names),
        source=f"CIFAR-{layout.classes}",
    )


def _found(root: Path) -> tuple[Path, _Layout] | None:
    for layout in _LAYOUTS:
        for folder in (root, root / layout.folder):
            if (folder / layout.training[0]).is_file() and (folder / layout.test).is_file():
                return folder, layout
    return None


def _images(file: Path, layout: _Layout) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) of uint8 and class numbers (N,) of one file."""
    record = layout.labels + 3 * _SIDE**2
    size = file.stat().st_size
    if not size or size % record:
        raise _damaged(file)
    records = np.fromfile(file, dtype=np.uint8).reshape(-1, record)
    labels = records[:, layout.labels - 1].astype(np.int64)
    if labels.max() >= layout.classes:
        raise _damaged(file)
    planes = records[:, layout.labels :].reshape(-1, 3, _SIDE, _SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _damaged(file: Path) -> ValueError:
    return ValueError(_("{file} is not as CIFAR's binary version was published; unpack its archive again.", file=file))
