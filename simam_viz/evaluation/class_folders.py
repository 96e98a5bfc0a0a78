"""A folder with one folder of photos for each class, and which class each of them is."""

from __future__ import annotations

from pathlib import Path

from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS

from ..checkpoints.loading import LoadedCheckpoint
from ..photos.images import SUFFIXES
from ..wording import _, enumeration
from .image_sets import LabelledPhotos


def photos_in_class_folders(root: Path, loaded: LoadedCheckpoint) -> LabelledPhotos:
    """The photos in the folders of ``root`` or, if it has one, of its folder ``val``.

    Such a folder is called by the WordNet id of its class, if the card has those, or by one of the class's names. Folders of
    any other names count in sorted order, as torchvision's ``ImageFolder`` counts them, if there is one for every class and
    the network has an output for each. Of the other files there, hidden ones count for nothing.

    Raises:
        ValueError: there are no such folders, one is empty, or they are not the checkpoint's classes.
    """
    root = root / "val" if (root / "val").is_dir() else root
    try:
        folder = ImageFolder(str(root), is_valid_file=lambda path: is_photo(Path(path)) or not _is_hidden(Path(path)))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            _("{folder} is neither Tiny ImageNet nor a folder with one folder of photos for each class.", folder=root)
        ) from None
    classes = _class_indices(folder.classes, loaded)
    if classes is None:
        raise ValueError(
            _(
                "The {folders} folders of {folder} are not the {classes} classes of {network}: they begin with {first}.",
                folders=len(folder.classes),
                folder=root,
                classes=len(loaded.categories),
                network=loaded.name,
                first=enumeration(folder.classes[:3]),
            )
        )
    files = [(Path(path), classes[index]) for path, index in folder.samples]
    photos = tuple((path, label) for path, label in files if is_photo(path))
    if not photos:
        raise ValueError(
            _(
                "There is no photo in the folders of {folder}; photos are known by {endings}.",
                folder=root,
                endings=enumeration(SUFFIXES),
            )
        )
    return LabelledPhotos(photos, tuple(str(path.relative_to(root)) for path, _label in files if not is_photo(path)))


def is_photo(path: Path) -> bool:
    """Whether a file's name ends like those of photos."""
    return path.suffix.lower() in {*SUFFIXES, *IMG_EXTENSIONS}


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


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
