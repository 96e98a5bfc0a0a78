"""How often a network is right on labelled images, whatever their source, and the entry that says so in its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..checkpoints.loading import LoadedCheckpoint
from ..checkpoints.store import read_card, write_card
from ..cluster.doing import HERE, Doing, in_order
from ..networks.answers import CLASSES, Output
from ..photos.bombs import ImageError
from ..photos.images import check_input_size
from ..wording import _
from .image_sets import LabelledImage, LabelledPhotos, Unopened
from .unfinished import Unfinished

_PLACES = 5


@dataclass(frozen=True)
class Answers:
    """What a network says of n images."""

    logits: Tensor
    """(n, K), float32, on the CPU."""
    labels: Tensor
    """The true classes, (n,)."""

    @property
    def places(self) -> list[int]:
        """The place of each image's true class: 0 is top-1, below 5 top-5, and 5 stands for the rest."""
        classes = CLASSES.explained(self.logits)
        hits = classes.topk(min(_PLACES, classes.shape[1]), dim=1).indices == self.labels[:, None]
        return torch.where(hits.any(dim=1), hits.int().argmax(dim=1), _PLACES).tolist()


def evaluate(
    loaded: LoadedCheckpoint, images: Iterable[LabelledImage], input_size: int, at_once: int = 32
) -> Iterator[Answers | ImageError]:
    """The network's answers to all ``images`` in order, batch by batch, so that whoever asks can stop in between.

    SimAM runs as the network has it, at the λ of the checkpoint, in float32 and with the checkpoint's own preprocessing. Of an
    image that cannot be read, its error comes instead, ahead of its batch.

    Args:
        loaded: from :func:`simam_viz.load_checkpoint`; its model is in evaluation mode.
        images: from :mod:`.image_sets`; each is read when its turn comes.
        input_size: side of the network's input in pixels.
        at_once: images in a batch.

    Raises:
        ValueError: the input size is below 32 or above 4,096 pixels, or the network does not answer with one class an image.
    """
    _check_classes(loaded)
    for batch in network_inputs(loaded, images, input_size, at_once):
        if isinstance(batch, ImageError):
            yield batch
        else:
            inputs, labels = batch
            yield Answers(predict(loaded.model, [inputs], loaded.output), labels)


def places(
    loaded: LoadedCheckpoint,
    images: Iterable[LabelledImage],
    input_size: int,
    at_once: int = 32,
    doing: Doing = HERE,
    kept: Unfinished | None = None,
) -> Iterator[int | ImageError]:
    """As :func:`evaluate`, one for each image: the place of its true class (:attr:`Answers.places`), or its error.

    Args:
        doing: who does it, ``at_once`` images at a time.
        kept: what was found before is taken from here, and what is found is kept here.
    """
    check_input_size(input_size)
    _check_classes(loaded)
    unopened = images.unopened() if isinstance(images, LabelledPhotos) else iter(images)

    def begun(batch: Sequence[_Source]) -> Callable[[], list[int | str]]:
        of = _digest(batch)
        if kept is not None and (found := kept.get(of)) is not None:
            return partial(list, found)
        placed = doing.later(_places_of, loaded, batch, input_size)

        def finished() -> list[int | str]:
            found = placed()
            if kept is not None:
                kept.note(of, found)
            return found

        return finished

    batches = iter(lambda: tuple(islice(unopened, at_once)), ())
    for found in in_order(map(begun, batches), doing.ahead):
        for place in found:
            yield place if isinstance(place, int) else ImageError(place)


_Source = tuple[Unopened | Image.Image | ImageError, int]


def _places_of(loaded: LoadedCheckpoint, batch: Sequence[_Source], input_size: int) -> list[int | str]:
    """What :func:`places` says of a batch, as plain values: the sentences of those that cannot be read come first."""
    found: list[int | str] = []
    for answers in evaluate(loaded, map(_opened, batch), input_size, len(batch)):
        found += [str(answers)] if isinstance(answers, ImageError) else answers.places
    return found


def _opened(source: _Source) -> LabelledImage:
    image, label = source
    try:
        return image.opened() if isinstance(image, Unopened) else image, label
    except ImageError as error:
        return error, label


def _digest(batch: Sequence[_Source]) -> str:
    digest = hashlib.sha256()
    for image, label in batch:
        data = image.data if isinstance(image, Unopened) else image.tobytes() if isinstance(image, Image.Image) else b""
        name = image.name if isinstance(image, Unopened) else str(image) if isinstance(image, ImageError) else ""
        digest.update(f"{label} {name} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()


def _check_classes(loaded: LoadedCheckpoint) -> None:
    if loaded.output.kind != "classes":
        raise ValueError(_("Accuracy is counted where a network answers with one class an image; this one does not."))


def network_inputs(
    loaded: LoadedCheckpoint, images: Iterable[LabelledImage], input_size: int, at_once: int
) -> Iterator[tuple[Tensor, Tensor] | ImageError]:
    """Batches of inputs (n, 3, S, S) and labels (n,), as :func:`evaluate` asks the network, and errors of images."""
    check_input_size(input_size)
    batch: list[tuple[Tensor, int]] = []
    for image, label in images:
        if isinstance(image, ImageError):
            yield image
            continue
        batch.append((loaded.transforms.tensor(loaded.transforms.view(image, input_size)), label))
        if len(batch) == at_once:
            yield _stacked(batch)
            batch = []
    if batch:
        yield _stacked(batch)


@torch.inference_mode()
def predict(model: nn.Module, inputs: Iterable[Tensor], output: Output = CLASSES) -> Tensor:
    """Logits (N, K) in float32 on the CPU.

    Args:
        model: in evaluation mode.
        inputs: batches (n, 3, S, S), on the model's device.
        output: how its answers are read.
    """
    return torch.cat([output.logits(model(batch)).float().cpu() for batch in inputs])


def top_k_accuracy(places: Sequence[int], k: int) -> float:
    """Percentage of :attr:`Answers.places` that are among the first ``k``, at most 5."""
    return 100 * sum(place < k for place in places) / len(places)


def accuracy_entry(places: Sequence[int], input_size: int, how: str) -> dict[str, Any]:
    """The entry ``accuracy`` of a card, in percent to two decimals.

    Args:
        places: :attr:`Answers.places` of at least one image.
        input_size: side of the network's input in pixels.
        how: on what data it was measured, and by whom.
    """
    return {
        "top1": round(top_k_accuracy(places, 1), 2),
        "top5": round(top_k_accuracy(places, 5), 2),
        "images": len(places),
        "input_size": input_size,
        "how": how,
    }


def note_accuracy(path: Path, loaded: LoadedCheckpoint, entry: dict[str, Any]) -> Path:
    """Write an :func:`accuracy_entry` into the card beside the checkpoint at ``path``; ``OSError`` where that is not allowed."""
    return write_card(path, read_card(path).entries | loaded.known_places | {"accuracy": entry})


def left_out_sentences(unread: Sequence[ImageError], no_photos: Sequence[str]) -> list[str]:
    """What is said of files in a data set that do not count; empty where all do.

    Args:
        unread: why photos could not be read, each with its name.
        no_photos: names of files that are not called like photos.
    """
    told = []
    if unread:
        told.append(
            _(
                "{files:,} of the files cannot be read and do not count, among them {first}",
                files=len(unread),
                first=unread[0],
            )
        )
    if no_photos:
        told.append(
            _(
                "Left out, since their names do not end like those of photos: {files:,} of the files, among them {first}.",
                files=len(no_photos),
                first=no_photos[0],
            )
        )
    return told


def _stacked(batch: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    return torch.stack([image for image, _label in batch]), torch.tensor([label for _, label in batch])
