"""Data sets of labelled photos: where one's own lie, and which photo shows which of a network's classes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..checkpoints.loading import LoadedCheckpoint
from ..paths import own_folder
from .class_folders import photos_in_class_folders
from .image_sets import LabelledPhotos
from .tiny_imagenet import check_tiny_classes, is_tiny_imagenet, validation_photos


def data_folder() -> Path:
    """The folder of one's own data sets, one in each folder of it: ``SIMAM_VIZ_DATA``, else as ``own_folder`` says."""
    return Path(os.environ.get("SIMAM_VIZ_DATA") or own_folder("data"))


def list_data_sets() -> dict[str, Path]:
    """The folders in :func:`data_folder` by name."""
    with contextlib.suppress(OSError):
        return {
            path.name: path
            for path in sorted(data_folder().iterdir())
            if path.is_dir() and not path.name.startswith(".")
        }
    return {}


def labelled_photos(root: Path, loaded: LoadedCheckpoint) -> LabelledPhotos:
    """The validation photos of ``root`` with their numbers among a checkpoint's classes.

    ``root`` has the official layout of Tiny ImageNet, or holds (itself, or its folder ``val``) a folder of photos for each
    class, as :func:`.class_folders.photos_in_class_folders` reads them.

    Raises:
        ValueError: there are no such folders, or they are not the checkpoint's classes.
        OSError: a file of the layout cannot be read.
    """
    if not is_tiny_imagenet(root):
        return photos_in_class_folders(root, loaded)
    check_tiny_classes(root, loaded)
    return LabelledPhotos(tuple(validation_photos(root)))
