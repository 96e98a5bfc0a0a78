"""The ``card`` command: a finished run becomes a checkpoint that ships."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..training.allocator import keep_freed_memory
from ..training.publishing import make_cards
from ..wording import _
from .arguments import Commands, add_tiny_imagenet


def register(commands: Commands) -> None:
    """Add ``card`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "card",
        help=_("turn finished runs into checkpoints that ship, with their cards"),
        description=_(
            "Write the weights of finished runs in half precision, each with a card with everything measured: one default "
            "input size for all is chosen on the held-out images (and on sharp photos), a temperature is fitted on the "
            "held-out images, and then the official validation images are read once. If the folder holds cards of networks "
            "trained alike with another attention, the cards name each other."
        ),
    )
    add_tiny_imagenet(parser)
    parser.add_argument(
        "--run", type=Path, nargs="+", required=True, dest="run_folders", metavar="DIR", help=_("where train wrote")
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=_("folder for all files: assets/weights")
    )
    parser.add_argument(
        "--sharp", type=Path, metavar="DIR", help=_("full-size photos, one folder for each class, with SOURCES.txt")
    )
    parser.add_argument("--name", help=_("of the checkpoint (default: from architecture and attention)"))
    parser.add_argument("--again", action="store_true", help=_("read the validation images again for the same file"))
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    if arguments.name and len(arguments.run_folders) > 1:
        raise ValueError(_("--name is the name of one checkpoint; these runs have several."))
    paths = make_cards(
        arguments.run_folders,
        arguments.data,
        arguments.cache,
        arguments.held_out,
        arguments.out,
        arguments.name,
        arguments.again,
        arguments.sharp,
    )
    for path in paths:
        card = json.loads(path.read_text(encoding="utf-8"))
        measured = card["accuracy"]
        print(
            _(
                "{card}: top-1 {top1:.2f} %, top-5 {top5:.2f} % on {images:,} validation images at {px} px",
                card=path,
                top1=measured["top1"],
                top5=measured["top5"],
                images=measured["images"],
                px=measured["input_size"],
            )
        )
        for difference in card.get("sibling_differences") or filter(None, [card.get("twin_difference")]):
            print(
                _(
                    "{first} minus {second}: {difference:+.2f} points of top-1 ({low:+.2f} to {high:+.2f})",
                    first=difference["first"],
                    second=difference["second"],
                    difference=difference["difference"],
                    low=difference["low"],
                    high=difference["high"],
                )
            )
