"""The ``checkpoints`` command: what can be loaded by name."""

from __future__ import annotations

import argparse

from ..checkpoints.store import list_checkpoints
from ..checkpoints.torchvision_weights import published
from ..explain.blocks import OWN_LAMBDAS
from .arguments import Commands


def register(commands: Commands) -> None:
    """Add ``checkpoints`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser("checkpoints", help="list what can be loaded by name")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    for info in list_checkpoints():
        accuracy, own = info.card.accuracy, info.card.e_lambda
        measured = f", top-1 {accuracy.top1} %, top-5 {accuracy.top5} %" if accuracy else ""
        told = OWN_LAMBDAS if isinstance(own, dict) else f"λ = {own:g}" if own is not None else ""
        trained = f"; {told}" if told and info.trained_with_simam is not False else ""
        print(f"{info.name}\n    {info.title}{trained}{measured}\n    {info.path}")
        if info.trained_with_simam is False:
            print("    never trained with SimAM: read its weights as hypothetical")
    print(f"torchvision's, downloaded on first use; none was trained with SimAM:\n    {', '.join(published())}")
