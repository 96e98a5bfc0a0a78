"""Images with the numbers of their classes: decoded ones in memory, and photos that are read when their turn comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..photos import squares
from ..photos.bombs import ImageError
from ..photos.images import open_image, read_file
from ..wording import labelled

LabelledPhoto = tuple[Path, int]
"""A photo's file and the number of its class."""

LabelledImage = tuple[Image.Image | ImageError, int]
"""An image, or why it cannot be read, and the number of its class."""


@dataclass(frozen=True)
class Unopened:
    """A photo as the bytes of its file, to be opened by whoever needs it."""

    name: str
    """Its folder and name, for sentences."""
    data: bytes

    def opened(self) -> Image.Image:
        """The photo; :class:`simam_viz.ImageError`, which begins with its name, if it cannot be read."""
        try:
            return open_image(self.data)
        except ImageError as error:
            raise ImageError(labelled(self.name, error)) from None


class LabelledImages(Protocol):
    """Images of any source, one after the other, always in the same order."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[LabelledImage]: ...


class Batches(Protocol):
    """Decoded images of which any can be taken at any time."""

    @property
    def labels(self) -> np.ndarray | Tensor:
        """Their class numbers (N,)."""
        ...

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """The images (n, side, side, 3) of uint8 and labels (n,) at ``indices``."""
        ...


@dataclass(frozen=True)
class LabelledPhotos:
    """Files of photos, of any size and kind."""

    photos: tuple[LabelledPhoto, ...]
    no_photos: tuple[str, ...] = ()
    """The files among them that do not count, since their names do not end like those of photos."""

    def __len__(self) -> int:
        return len(self.photos)

    def __iter__(self) -> Iterator[LabelledImage]:
        for path, label in self.photos:
            try:
                yield open_photo(path), label
            except ImageError as error:
                yield error, label

    def unopened(self) -> Iterator[tuple[Unopened | ImageError, int]]:
        """The same as they lie on disk."""
        for path, label in self.photos:
            try:
                yield unopened(path), label
            except ImageError as error:
                yield error, label


@dataclass(frozen=True)
class ImageSet:
    """Decoded images (N, side, side, 3) of uint8 and their class numbers (N,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[LabelledImage]:
        for images, labels in self.batches(1):
            yield Image.fromarray(images[0].numpy()), int(labels)

    def take(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """The images (n, side, side, 3) of uint8 and labels (n,) at ``indices``."""
        return torch.from_numpy(self.images[indices]), torch.from_numpy(self.labels[indices])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


@dataclass(frozen=True)
class ImageSubset(ImageSet):
    """Some images of a bigger, memory-mapped array."""

    rows: np.ndarray
    """Where each stands in ``images``."""

    def take(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """As :meth:`ImageSet.take`."""
        return torch.from_numpy(self.images[self.rows[indices]]), torch.from_numpy(self.labels[indices])


Box = tuple[float, float, float, float]
"""Left, top, right, bottom in a photo's pixels."""


@dataclass(frozen=True)
class PhotoSet:
    """Photos of any size that are decoded when their turn comes: for sets that do not fit into memory."""

    files: np.ndarray
    """Their paths (N,) as bytes: a list of a million would be copied into every process that reads from it."""
    labels: np.ndarray
    """Their class numbers (N,)."""

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[LabelledImage]:
        return iter(LabelledPhotos(tuple((self.path(i), int(label)) for i, label in enumerate(self.labels))))

    def path(self, index: int) -> Path:
        """Of one photo."""
        return Path(os.fsdecode(bytes(self.files[index])))

    def square(self, index: int, part: Callable[[int, int], Box], px: int) -> np.ndarray:
        """A part of a photo, at ``px`` × ``px`` pixels, whatever its shape: (px, px, 3) of uint8.

        Args:
            index: of the photo.
            part: (width, height) → which part.
            px: side of the square; bilinear and antialiased.

        Raises:
            ImageError: the photo cannot be read.
        """
        photo = open_photo(self.path(index))
        return np.asarray(squares.cut(photo, part(*photo.size), (px, px), Image.Resampling.BILINEAR))


class ImagesOnDevice:
    """An :class:`ImageSet` that was copied to a device once, so that batches need no copying."""

    def __init__(self, images: ImageSet, device: torch.device) -> None:
        self.images, self.labels = (tensor.to(device) for tensor in images.take(np.arange(len(images))))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """As :meth:`ImageSet.take`, on the device."""
        chosen = torch.from_numpy(indices).to(self.labels.device)
        return self.images[chosen], self.labels[chosen]


def unopened(path: Path) -> Unopened:
    """One photo of many; :class:`simam_viz.ImageError`, which begins with its folder and name, if its file is none or too large."""
    name = f"{path.parent.name}/{path.name}"
    try:
        return Unopened(name, read_file(path))
    except ImageError as error:
        raise ImageError(labelled(name, error)) from None


def open_photo(path: Path) -> Image.Image:
    """:func:`simam_viz.open_image` for one photo of many: what it raises begins with the photo's folder and name."""
    return unopened(path).opened()
