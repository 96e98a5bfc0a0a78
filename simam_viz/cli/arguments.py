"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from ..checkpoints import opening
from ..checkpoints.loaded import LoadedCheckpoint, on_device
from ..checkpoints.loading import load_checkpoint
from ..checkpoints.store import list_checkpoints
from ..checkpoints.torchvision_weights import terminal_bar
from ..cluster.doing import Doing
from ..cluster.joining import workers
from ..evaluation.tiny_imagenet import HELD_OUT
from ..networks.lambdas import Times
from ..photos.squares import Square, parse
from ..wording import _, later

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What a parser's ``add_subparsers`` gives; argparse has no public name for it."""

_TINY_IMAGENET = later("Tiny ImageNet: wnids.txt, train/, val/")


def add_data_set(parser: argparse.ArgumentParser, data: str = _TINY_IMAGENET) -> None:
    """``--data``, which ``data`` describes in English."""
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help=_(data))


def add_tiny_imagenet(parser: argparse.ArgumentParser, data: str = _TINY_IMAGENET) -> None:
    """``--data``, and where Tiny ImageNet's decoded images and the list of its held-out ones are."""
    add_data_set(parser, data)
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="DIR", help=_("decoded images (default: %(default)s)")
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        default=HELD_OUT,
        metavar="FILE",
        help=_("images never trained on (default: bundled list)"),
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """``--checkpoint``."""
    parser.add_argument(
        "--checkpoint", metavar="NAME", help=_("a bundled name or a file (default: the bundled default)")
    )


def add_square(parser: argparse.ArgumentParser) -> None:
    """``--square``."""
    parser.add_argument(
        "--square",
        type=parsed_square,
        default=None,
        metavar="LEFT,TOP,SIDE",
        help=_(
            "the part of the photo that the network sees, in its pixels, which may reach beyond it (--square=-40,0,300); or whole "
            "(default: its middle)"
        ),
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """``--ray`` and ``--processes``; :func:`chosen_workers` reads them."""
    group = parser.add_argument_group(_("who does the work"))
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help=_(
            "a Ray cluster: local starts one on this machine, auto takes the one it belongs to, any other is an address, such as "
            "ray://head:10001 (default: what SIMAM_VIZ_RAY says, else none)"
        ),
    )
    group.add_argument(
        "--processes", type=int, default=1, metavar="N", help=_("so many processes of this machine (default: this one)")
    )


@contextlib.contextmanager
def chosen_workers(arguments: argparse.Namespace) -> Iterator[Doing]:
    """Who does the work within, by :func:`add_workers`. That they are lost is told on the error stream.

    Raises:
        LostError: there are no such workers.
        ValueError: the arguments do not go together.
    """
    processes: int = arguments.processes
    ray = arguments.ray or (None if processes > 1 else os.environ.get("SIMAM_VIZ_RAY"))
    if processes < 1:
        raise ValueError(_("--processes must be at least 1."))
    if (ray or processes > 1) and getattr(arguments, "device", None) not in (None, "cpu"):
        raise ValueError(_("--ray and --processes compute on processors: leave --device out."))
    with workers(ray, processes, lambda sentence: print(sentence, file=sys.stderr)) as doing:
        yield doing


def parsed_square(text: str) -> Square:
    """A square of a photo, or “whole”."""
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def chosen_network(arguments: argparse.Namespace) -> LoadedCheckpoint:
    """The network of ``--network``, else of ``--checkpoint``, else the bundled default; what was found in the first is told.

    Raises:
        ValueError: it cannot be made or understood, or both are named.
        CheckpointError: its file cannot be opened.
    """
    asked = opening.asked(arguments)
    if asked is None:
        loaded = load_checkpoint(arguments.checkpoint or list_checkpoints()[0].name, progress=terminal_bar())
        return on_device(loaded, arguments.device) if arguments.device else loaded
    if arguments.checkpoint:
        raise ValueError(_("--checkpoint and --network name a network each; leave one of them out."))
    loaded = opening.Maker(asked).as_made()
    print(repr(loaded), file=sys.stderr)
    return loaded


def parsed_lambda(text: str) -> float | Times:
    """λ for all SimAM modules, or “x10”, ten times what each has."""
    if text[:1] in ("x", "×"):
        return Times(float(text[1:]))
    return float(text)


def default_cache() -> Path:
    """The folder of decoded images where none is named, below the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simam_viz"
