"""The ``checkpoints`` command: what can be loaded by name."""

from __future__ import annotations

import argparse

from ..checkpoints.store import CheckpointInfo, list_checkpoints
from ..checkpoints.torchvision_weights import published
from ..explain.blocks import lambda_text
from ..wording import _, comma, enumeration
from .arguments import Commands


def register(commands: Commands) -> None:
    """Add ``checkpoints`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser("checkpoints", help=_("list what can be loaded by name"))
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    for info in list_checkpoints():
        print(info.name)
        print(f"    {_described(info)}")
        print(f"    {info.path}")
        if info.trained_with_simam is False:
            print("    " + _("never trained with SimAM: read its weights as hypothetical"))
    print(_("torchvision's, downloaded on first use; none was trained with SimAM:"))
    print(f"    {enumeration(published())}")


def _described(info: CheckpointInfo) -> str:
    """Its title, its λ and how good it is, as far as its card says."""
    accuracy, own = info.card.accuracy, info.card.e_lambda
    told = info.title
    if own is not None and info.trained_with_simam is not False:
        told += f"; {lambda_text(None if isinstance(own, dict) else own)}"
    if accuracy:
        told += comma() + _("top-1 {top1} %, top-5 {top5} %", top1=accuracy.top1, top5=accuracy.top5)
    return told
