"""The ``card`` command: a finished run becomes a checkpoint that ships."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..training.allocator import keep_freed_memory
from ..training.publishing import make_card
from ..wording import _
from .arguments import Commands, add_tiny_imagenet


def register(commands: Commands) -> None:
    """Add ``card`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "card",
        help=_("turn a finished run into a checkpoint that ships, with its card"),
        description=_(
            "Write a finished run's weights in half precision and a card with everything measured: the default "
            "input size is chosen on the held-out images, then the official validation images are read once. If the folder "
            "holds the card of a twin (the same run with the other attention), each card names the other."
        ),
    )
    add_tiny_imagenet(parser)
    parser.add_argument(
        "--run", type=Path, required=True, dest="run_folder", metavar="DIR", help=_("where train wrote")
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=_("folder for both files: assets/weights")
    )
    parser.add_argument("--name", help=_("of the checkpoint (default: from architecture and attention)"))
    parser.add_argument("--again", action="store_true", help=_("read the validation images again for the same file"))
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    path = make_card(
        arguments.run_folder,
        arguments.data,
        arguments.cache,
        arguments.held_out,
        arguments.out,
        arguments.name,
        arguments.again,
    )
    card = json.loads(path.read_text(encoding="utf-8"))
    measured, difference = card["accuracy"], card.get("twin_difference")
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
    if difference:
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
