"""How often a network is right: data sets of labelled photos, and the place of the true class in each photo's answer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS

from ..checkpoints.loading import LoadedCheckpoint
from ..networks import answers
from ..paths import ROOT
from ..photos.images import SUFFIXES, ImageError, check_input_size, open_image
from .tiny_imagenet import check_tiny_classes, is_tiny_imagenet, read_wnids

_AT_ONCE = 8
"""Photos in one pass: more gain little on a processor, and keep whoever wants to stop waiting."""
_PLACES = 5

LabelledPhoto = tuple[Path, int]
"""A photo and the number of its class."""


def data_folder() -> Path:
    """The folder of one's own data sets, one in each folder of it: ``SIMAM_VIZ_DATA``, or ``data`` beside ``app.py``."""
    return Path(os.environ.get("SIMAM_VIZ_DATA") or ROOT / "data")


def list_data_sets() -> dict[str, Path]:
    """The folders in :func:`data_folder` by name."""
    with contextlib.suppress(OSError):
        return {
            path.name: path
            for path in sorted(data_folder().iterdir())
            if path.is_dir() and not path.name.startswith(".")
        }
    return {}


def labelled_photos(root: Path, loaded: LoadedCheckpoint) -> list[LabelledPhoto]:
    """The validation photos of ``root`` with their numbers among a checkpoint's classes.

    ``root`` has the official layout of Tiny ImageNet, or holds (itself, or its folder ``val``) a folder of photos for each
    class. Such a folder is called by the WordNet id of its class, if the card has those, or by one of the class's names.
    Folders of any other names count in sorted order, as torchvision's ``ImageFolder`` counts them, if there is one for every
    class and the network has an output for each.

    Raises:
        ValueError: there are no such folders, or they are not the checkpoint's classes.
        OSError: a file of the layout cannot be read.
    """
    if not is_tiny_imagenet(root):
        return _in_class_folders(root, loaded)
    check_tiny_classes(root, loaded)
    numbers = {wnid: number for number, wnid in enumerate(read_wnids(root))}
    rows = [line.split("\t") for line in (root / "val" / "val_annotations.txt").read_text().splitlines()]
    try:
        return [(root / "val" / "images" / row[0], numbers[row[1]]) for row in rows]
    except (KeyError, IndexError):
        raise ValueError(f"val_annotations.txt of {root.name} names a class that is not in its wnids.txt.") from None


def open_photo(path: Path) -> Image.Image:
    """:func:`simam_viz.open_image` for one photo of many: what it raises begins with the photo's folder and name."""
    try:
        return open_image(path)
    except ImageError as error:
        raise ImageError(f"{path.parent.name}/{path.name}: {error}") from None


def places(loaded: LoadedCheckpoint, photos: Sequence[LabelledPhoto], input_size: int) -> Iterator[int | ImageError]:
    """For each photo in turn, the place of its true class in the answer: 0 is top-1, below 5 top-5, and 5 stands for the rest.

    SimAM runs as the network has it, at the λ of the checkpoint. Photos are read when their turn comes; one that cannot be
    read gives its error instead. ``ValueError`` for an input size below 32 or above 4,096 pixels.
    """
    check_input_size(input_size)
    for start in range(0, len(photos), _AT_ONCE):
        found: list[int | ImageError] = []
        inputs = []
        for path, label in photos[start : start + _AT_ONCE]:
            try:
                inputs.append(loaded.transforms.tensor(loaded.transforms.view(open_photo(path), input_size)))
                found.append(label)
            except ImageError as error:
                found.append(error)
        if inputs:
            with torch.inference_mode():
                logits = loaded.model(torch.stack(inputs))
            scores = answers.scores(logits)
            likeliest = iter(scores.topk(min(_PLACES, scores.shape[1]), dim=1).indices.tolist())
        for label in found:
            yield label if isinstance(label, ImageError) else _place(label, next(likeliest))


def _place(label: int, answer: list[int]) -> int:
    return answer.index(label) if label in answer else _PLACES


def accuracy_entry(found: Sequence[int], input_size: int, how: str) -> dict[str, Any]:
    """The places that :func:`places` found, at least one, as the entry ``accuracy`` of a card, in percent."""

    def share(below: int) -> float:
        return round(100 * sum(place < below for place in found) / len(found), 2)

    return {"top1": share(1), "top5": share(_PLACES), "images": len(found), "input_size": input_size, "how": how}


def _in_class_folders(root: Path, loaded: LoadedCheckpoint) -> list[LabelledPhoto]:
    try:
        folder = ImageFolder(str(root / "val" if (root / "val").is_dir() else root), is_valid_file=_is_photo)
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
    return [(Path(path), classes[index]) for path, index in folder.samples]


def _is_photo(path: str) -> bool:
    return Path(path).suffix.lower() in {*SUFFIXES, *IMG_EXTENSIONS}


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
    # Which of two folders is the yes of one output, their order does not tell.
    counts = len(folders) == len(loaded.categories) and loaded.card.get("num_classes") != 1
    return list(range(len(folders))) if counts else None


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())
