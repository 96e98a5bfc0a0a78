"""From a data set to batches on a device: a pure function of what is asked for, whoever decodes it and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..evaluation.image_sets import Batches, Box, PhotoSet
from ..photos.bombs import ImageError
from .batches import box_of_photo

Fed = tuple[Tensor, Tensor]
"""Images (n, side, side, 3) of uint8 and labels (n,)."""


@dataclass(frozen=True)
class Request:
    """Some images of a data set."""

    indices: np.ndarray
    px: int
    """The side that photos are decoded to."""
    drawn: Tensor | None = None
    """Crops of photos, (n, 5), from :func:`.batches.draw`; ``None`` is their middle."""
    centre: float = 1.0
    """Share of the centre square's side that is looked at, where it is the middle."""


def fed(source: Batches | PhotoSet, requests: Iterable[Request], workers: int = 0) -> Iterator[Fed]:
    """What is asked for, in order; ``workers`` processes decode photos ahead of their turn.

    Raises:
        ImageError: a photo cannot be read.
    """
    if not isinstance(source, PhotoSet):
        for request in requests:
            yield source.take(request.indices)
        return
    # A worker makes a whole batch; requests may be without end, so they are drawn as they are needed.
    loader = DataLoader(
        _Decoded(source),
        sampler=_Once(requests),
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator(),  # else it draws from the random numbers of dropout
    )
    for batch in loader:
        if isinstance(batch, str):
            raise ImageError(batch)
        images, labels = batch
        yield images, labels


class _Once:
    """An iterable that may be asked for its iterator."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = requests

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)


class _Decoded(Dataset["Fed | str"]):
    """Requests → photos decoded and cut."""

    def __init__(self, photos: PhotoSet) -> None:
        self._photos = photos

    def __getitem__(self, request: Request) -> Fed | str:
        # What a worker raises comes with its traceback in the message: a sentence goes as a value.
        try:
            squares = [
                self._photos.square(index, _part(request, number), request.px)
                for number, index in enumerate(request.indices.tolist())
            ]
        except ImageError as error:
            return str(error)
        return torch.from_numpy(np.stack(squares)), torch.from_numpy(self._photos.labels[request.indices])


def _part(request: Request, number: int) -> partial[Box]:
    if request.drawn is None:
        return partial(_middle, request.centre)
    return partial(box_of_photo, request.drawn[number].tolist())


def _middle(centre: float, width: int, height: int) -> Box:
    side = centre * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
