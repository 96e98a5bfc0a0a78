"""The command line: ``python -m simam_viz analyze | checkpoints | train | card | evaluate | faithful``."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from tqdm import tqdm

from . import quiet
from .checkpoints.loading import CheckpointError, list_checkpoints, load_checkpoint
from .checkpoints.torchvision_weights import published, terminal_bar
from .cli import train as training
from .explain.blocks import OWN_LAMBDAS
from .export import folder
from .photos.images import SUFFIXES, ImageError, check_input_size, read_file

_NAMED = 10
"""Files that are left out are named up to so many."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code. What a person got wrong ends in one sentence on the error stream."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no λ still gets the rest
    options = _parser().parse_args(arguments)
    quiet.quieten()
    try:
        options.run(options)
    except (ImageError, CheckpointError, ValueError, OSError) as error:
        print(f"simam_viz: {_sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("simam_viz: stopped. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130  # what shells give a command that Ctrl-C ended
    return 0


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    if isinstance(error, FileNotFoundError):
        return f"There is no file or folder {error.filename}; check its name."
    return f"{error.filename} cannot be read or written: {error.strerror}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simam_viz", description="See SimAM's attention in a network.")
    commands = parser.add_subparsers(title="commands", required=True)

    command = commands.add_parser("analyze", help="one photo, or a folder of them, through one network")
    command.add_argument("photo", type=Path, help="a photo, or a folder of photos (goes on where it was broken off)")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    command.add_argument("--checkpoint", default=None, help="a name from 'checkpoints', or a file (default: bundled)")
    command.add_argument(
        "--lambda", dest="e_lambda", type=float, default=None, help="λ of every block (default: each as trained)"
    )
    command.add_argument("--target", default=None, help="class for Grad-CAM, by name or index (default: predicted)")
    command.add_argument("--size", type=int, default=None, help="side of the network's input in pixels")
    command.add_argument(
        "--report", action="store_true", help="also write report.html, every picture, table (CSV) and tensor (NPZ)"
    )
    command.set_defaults(run=_analyze)

    command = commands.add_parser("checkpoints", help="list what can be loaded by name")
    command.set_defaults(run=_checkpoints)

    training.register(commands)
    return parser


def _analyze(options: argparse.Namespace) -> None:
    photo: Path = options.photo
    if options.size is not None:
        check_input_size(options.size)
    data = None if photo.is_dir() else read_file(photo)
    loaded = load_checkpoint(options.checkpoint or list_checkpoints()[0].name, progress=terminal_bar())
    if loaded.remarks:
        print(f"Of this network: {'; '.join(loaded.remarks)}. Read its attention as hypothetical.", file=sys.stderr)
    target = None if options.target is None else _class_index(options.target, loaded.categories)
    job = folder.Job(loaded, folder.Settings(options.e_lambda, target, options.size, options.report))
    if data is None:
        _analyze_folder(job, photo, options.out)
        return
    done = job.do(data, photo.name, options.out)
    for notice in done.notices:
        print(notice, file=sys.stderr)
    for _, name, probability in done.analysis.top(5):
        print(f"{probability:7.2%}  {name}")
    for name in dict.fromkeys(path.relative_to(options.out).parts[0] for path in done.paths):
        print(options.out / name)


def _analyze_folder(job: folder.Job, photos_folder: Path, out: Path) -> None:
    photos = folder.photos_in(photos_folder, out)
    left_out = folder.left_out(photos_folder, out)
    if not photos:
        told = f" {_told_of(left_out)}" if left_out else ""
        raise ValueError(f"There is no photo in {photos_folder}; photos are known by {', '.join(SUFFIXES)}.{told}")
    with tqdm(total=len(photos), unit="photo", file=sys.stderr) as bar:

        def tell(outcome: folder.Outcome) -> None:
            if outcome.error:
                bar.write(f"{outcome.photo}: {outcome.error}", file=sys.stderr)
            bar.update()

        outcomes = folder.run(job, photos, photos_folder, out, tell)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(f"{len(outcomes) - failed} of {len(outcomes)} photos analysed, {skipped} of them before.")
    print(out / folder.SUMMARY)
    if left_out:
        print(_told_of(left_out), file=sys.stderr)
    if failed == len(outcomes):
        raise ImageError("None of these files is a photo that can be read here.")


def _told_of(left_out: list[str]) -> str:
    more = f" and {len(left_out) - _NAMED:,} more" if len(left_out) > _NAMED else ""
    return f"Left out, since their endings are not those of photos: {', '.join(left_out[:_NAMED])}{more}."


def _checkpoints(options: argparse.Namespace) -> None:
    for info in list_checkpoints():
        accuracy, own = info.card.accuracy, info.card.e_lambda
        measured = f", top-1 {accuracy.top1} %, top-5 {accuracy.top5} %" if accuracy else ""
        told = OWN_LAMBDAS if isinstance(own, dict) else f"λ = {own:g}" if own is not None else ""
        trained = f"; {told}" if told and info.trained_with_simam is not False else ""
        print(f"{info.name}\n    {info.title}{trained}{measured}\n    {info.path}")
        if info.trained_with_simam is False:
            print("    never trained with SimAM: read its weights as hypothetical")
    print(f"torchvision's, downloaded on first use; none was trained with SimAM:\n    {', '.join(published())}")


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
