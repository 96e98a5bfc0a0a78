"""The ``evaluate`` command: how often a checkpoint is right, written into its card."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..checkpoints import opening
from ..checkpoints.loading import LoadedCheckpoint, find_checkpoint, load_checkpoint
from ..checkpoints.store import BUNDLED_FOLDER, list_checkpoints
from ..checkpoints.torchvision_weights import terminal_bar
from ..evaluation.accuracy import accuracy_entry, left_out_sentences, note_accuracy, places
from ..evaluation.data_sets import labelled_photos
from ..evaluation.image_sets import LabelledImages, LabelledPhotos
from ..evaluation.tiny_imagenet import check_tiny_classes, is_tiny_imagenet, load_training_data, load_validation
from ..evaluation.unfinished import Unfinished
from ..networks.shared import weights_hash
from ..photos.bombs import ImageError
from ..photos.images import check_input_size
from ..training.allocator import keep_freed_memory
from ..version import VERSION
from ..wording import _, later, together
from .arguments import Commands, add_checkpoint, add_tiny_imagenet, add_workers, chosen_network, chosen_workers

_MEASURED = {
    "validation": later("{network}, {images} validation images at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %"),
    "held-out": later("{network}, {images} held-out images at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %"),
}


def register(commands: Commands) -> None:
    """Add ``evaluate`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "evaluate",
        help=_("top-1 and top-5 accuracy of a checkpoint on Tiny ImageNet or on a folder of photos for each class"),
        description=_(
            "Measure a checkpoint on the validation images of Tiny ImageNet, or on any folder that holds one folder "
            "of photos for each class, in float32 and with the preprocessing that the app uses; and write it into its card."
        ),
    )
    add_tiny_imagenet(parser)
    add_checkpoint(parser)
    parser.add_argument("--split", choices=tuple(_MEASURED), default="validation")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PX", help=_("input sizes (default: the checkpoint's own)")
    )
    add_workers(parser)
    opening.add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    asked = opening.asked(arguments)
    path = None if asked else find_checkpoint(arguments.checkpoint or list_checkpoints()[0].name, terminal_bar())
    loaded = chosen_network(arguments) if path is None else load_checkpoint(path)
    sizes: list[int] = arguments.size or [loaded.transforms.input_size]
    for px in sizes:
        check_input_size(px)
    images = _images(arguments, loaded)
    no_photos = images.no_photos if isinstance(images, LabelledPhotos) else ()
    entries: dict[int, dict[str, Any]] = {}
    for px in sizes:
        with (
            chosen_workers(arguments) as doing,
            Unfinished(arguments.cache / "unfinished", _identity(loaded, px)) as kept,
        ):
            measured = places(loaded, images, px, doing=doing, kept=kept)
            found = list(tqdm(measured, total=len(images), unit=" " + _("images"), mininterval=0.5))
            kept.done()
        read = [place for place in found if isinstance(place, int)]
        left_out = left_out_sentences([error for error in found if isinstance(error, ImageError)], no_photos)
        if not read:
            raise ValueError(together(_("There is no photo to measure on."), *left_out))
        how = f"python -m simam_viz evaluate on {arguments.data.resolve().name}, float32"
        entries[px] = entry = accuracy_entry(read, px, how)
        print(
            _(
                _MEASURED[arguments.split],
                network=loaded.name,
                images=entry["images"],
                px=px,
                top1=entry["top1"],
                top5=entry["top5"],
            )
        )
    for sentence in left_out:  # the same at every size
        print(sentence, file=sys.stderr)
    if arguments.split == "validation" and path is not None:
        _note(path, loaded, entries.get(loaded.transforms.input_size) or entries[sizes[0]])


def _identity(loaded: LoadedCheckpoint, px: int) -> dict[str, Any]:
    """All that the place of an image depends on, but for the image."""
    transforms, output = repr(loaded.transforms), loaded.output.kind
    return {
        "simam_viz": VERSION,
        "weights": weights_hash(loaded.model),
        "px": px,
        "transforms": transforms,
        "output": output,
    }


def _images(arguments: argparse.Namespace, loaded: LoadedCheckpoint) -> LabelledImages:
    """What is measured on: Tiny ImageNet's images decoded, since they are many, and photos of any other data set as they are."""
    if not is_tiny_imagenet(arguments.data):
        if arguments.split == "held-out":
            raise ValueError(_("Only Tiny ImageNet has held-out images."))
        return labelled_photos(arguments.data, loaded)
    check_tiny_classes(arguments.data, loaded)
    if arguments.split == "validation":
        return load_validation(arguments.data, arguments.cache)
    return load_training_data(arguments.data, arguments.cache, arguments.held_out).held_out


def _note(path: Path, loaded: LoadedCheckpoint, entry: dict[str, Any]) -> None:
    """Write what was measured into the checkpoint's card; what the bundled ones say was measured when they were made."""
    if path.parent == BUNDLED_FOLDER:
        print(_("Its card stays as it is: this checkpoint came with the app."), file=sys.stderr)
    else:
        print(_("Written into {card}.", card=note_accuracy(path, loaded, entry).name), file=sys.stderr)
