"""The ``app`` command: the app in the browser, on a network of one's own if one is named."""

from __future__ import annotations

import argparse
import os

from ..checkpoints import opening
from ..wording import _
from .arguments import Commands, add_checkpoint, chosen_network


def register(commands: Commands) -> None:
    """Add ``app`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser("app", help=_("the app in the browser"))
    add_checkpoint(parser)
    parser.add_argument(
        "--port", type=int, default=8501, help=_("where to serve it, on this machine alone (default: 8501)")
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help=_("a Ray cluster that computes: local, auto or an address (default: SIMAM_VIZ_RAY)"),
    )
    opening.add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from ..app import serving  # Streamlit takes a second to import, which other commands need not wait for

    if arguments.ray:
        os.environ["SIMAM_VIZ_RAY"] = arguments.ray
    serving.show(chosen_network(arguments), port=arguments.port, block=True)
