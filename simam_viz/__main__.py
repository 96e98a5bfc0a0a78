"""The command line: ``python -m simam_viz analyze | checkpoints | train | evaluate``."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from . import export
from .analysis import analyze
from .checkpoints import CheckpointError, list_checkpoints, load_checkpoint
from .images import ImageError, open_image
from .training import command as training


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code. What a person got wrong ends in one sentence on the error stream."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no λ still gets the rest
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ImageError, CheckpointError, ValueError, OSError) as error:
        print(f"simam_viz: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simam_viz", description="See SimAM's attention in a network.")
    commands = parser.add_subparsers(title="commands", required=True)

    command = commands.add_parser("analyze", help="one photo through one network: pictures, weights, top-5")
    command.add_argument("photo", type=Path)
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    command.add_argument("--checkpoint", default=None, help="a name from 'checkpoints', or a file (default: bundled)")
    command.add_argument("--lambda", dest="e_lambda", type=float, default=None, help="λ (default: as trained)")
    command.add_argument("--target", default=None, help="class for Grad-CAM, by name or index (default: predicted)")
    command.add_argument("--size", type=int, default=None, help="side of the network's input in pixels")
    command.set_defaults(run=_analyze)

    command = commands.add_parser("checkpoints", help="list what can be loaded by name")
    command.set_defaults(run=_checkpoints)

    training.register(commands)
    return parser


def _analyze(options: argparse.Namespace) -> None:
    image = open_image(options.photo)
    loaded = load_checkpoint(options.checkpoint or list_checkpoints()[0].name)
    if not loaded.trained_with_simam:
        print(
            "Nothing says that these weights were trained with SimAM: read its weights as hypothetical.",
            file=sys.stderr,
        )
    target = None if options.target is None else _class_index(options.target, loaded.categories)
    analysis = analyze(loaded, image, options.e_lambda, target, options.size)
    for _, name, probability in analysis.top(5):
        print(f"{probability:7.2%}  {name}")
    for path in export.write(analysis, options.out, loaded.name):
        print(path)


def _checkpoints(options: argparse.Namespace) -> None:
    for info in list_checkpoints():
        accuracy = info.card.get("accuracy", {})
        measured = f", top-1 {accuracy['top1']} %, top-5 {accuracy['top5']} %" if accuracy else ""
        print(
            f"{info.name}\n    {info.card.get('title', '')}; λ = {info.card.get('e_lambda')}{measured}\n    {info.path}"
        )


def _class_index(asked: str, categories: tuple[str, ...]) -> int:
    if asked.isdecimal():
        return int(asked)
    wanted = asked.strip().lower()
    for index, category in enumerate(categories):
        if wanted in [synonym.strip().lower() for synonym in (category, *category.split(","))]:
            return index
    raise ValueError(f"There is no class called {asked!r} in this checkpoint; the app lists the classes it knows.")


if __name__ == "__main__":
    sys.exit(main())
