"""The photos of a figure: by file, or by the name of a sample."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from ...photos.images import open_image
from ...photos.samples import list_samples
from ...photos.squares import Square
from ...photos.transforms import Transforms
from ...wording import _
from .description import Description


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo to show."""

    name: str
    """What stands beside it."""
    image: Image.Image
    word: str
    """What names it in a description: a file, or a sample."""
    given: Tensor | None = None
    """The networks' input, where it is no photo."""
    square: Square | None = None
    """The part of ``image`` that the networks see, in its pixels; ``None``: its middle."""

    @property
    def source(self) -> Image.Image | Tensor:
        """What the networks are given."""
        return self.image if self.given is None else self.given


def named_photo(name: str) -> Picture:
    """A photo by its file, or a sample by its name.

    Raises:
        ImageError: the file is no photo.
        OSError: there is none.
    """
    samples = {sample.name: sample for sample in list_samples()}
    if name in samples and not Path(name).exists():
        return Picture(_(samples[name].title), _sample(name), name)
    return Picture(Path(name).name, open_image(Path(name)), name)


@functools.lru_cache(8)
def _sample(name: str) -> Image.Image:
    return next(sample for sample in list_samples() if sample.name == name).image()


def photos_of(asked: Description) -> list[Picture]:
    """The photos that a description names; ``ValueError`` where it names none."""
    if not asked.photos:
        raise ValueError(_("A figure takes at least one photo."))
    return squared([named_photo(word) for word in asked.photos], asked)


def squared(photos: Sequence[Picture], asked: Description) -> list[Picture]:
    """Photos, each with what of it the networks see."""
    return [dataclasses.replace(photo, square=asked.square_of(number)) for number, photo in enumerate(photos)]


def seen_of(
    transforms: Transforms, photo: Image.Image, view: tuple[int, int], square: Square | None = None
) -> tuple[float, float, float, float]:
    """:func:`seen` of a photo, or of the picture of a tensor, which is the network's input as it is."""
    given = photo.size == view and square is None
    return (0, 0, *view) if given else seen(transforms, Picture("", photo, "", square=square), view)


def seen(transforms: Transforms, photo: Picture, view: tuple[int, int]) -> tuple[float, float, float, float]:
    """Which part of a photo the network's input shows, in the photo's pixels; of a detector's, with the grey around it."""
    width, height = photo.image.size
    if photo.given is not None:
        return 0, 0, width, height
    if transforms.fit == "letterbox":
        scale = min(view[0] / width, view[1] / height)
        beside, above = (view[0] / scale - width) / 2, (view[1] / scale - height) / 2
        return -beside, -above, width + beside, height + above
    return transforms.seen(width, height, max(view), photo.square)
