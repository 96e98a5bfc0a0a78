"""The ``analyze`` command: one photo, or a folder of them, through one network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from ..checkpoints import opening
from ..checkpoints.loading import class_index
from ..cluster.doing import Doing
from ..export import folder
from ..export.files import write
from ..photos.bombs import ImageError
from ..photos.images import SUFFIXES, check_input_size, read_file
from ..wording import _, enumeration, labelled, semicolon, together
from .arguments import Commands, add_square, add_workers, chosen_network, chosen_workers, parsed_lambda

_NAMED = 10
"""Files that are left out are named up to so many."""


def register(commands: Commands) -> None:
    """Add ``analyze`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser("analyze", help=_("one photo, or a folder of them, through one network"))
    parser.add_argument("photo", type=Path, help=_("a photo, or a folder of photos (goes on where it was broken off)"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=_("folder for the results"))
    parser.add_argument("--checkpoint", default=None, help=_("a name from 'checkpoints', or a file (default: bundled)"))
    parser.add_argument(
        "--lambda",
        dest="e_lambda",
        type=parsed_lambda,
        default=None,
        help=_("λ of every block, or x10: ten times each one's own (default: each as trained)"),
    )
    parser.add_argument("--target", default=None, help=_("class for Grad-CAM, by name or index (default: predicted)"))
    parser.add_argument("--size", type=int, default=None, help=_("side of the network's input in pixels"))
    add_square(parser)
    parser.add_argument(
        "--report", action="store_true", help=_("also write report.html, every picture, table (CSV) and tensor (NPZ)")
    )
    add_workers(parser)
    opening.add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    photo: Path = arguments.photo
    if arguments.size is not None:
        check_input_size(arguments.size)
    data = None if photo.is_dir() else read_file(photo)
    loaded = chosen_network(arguments)
    if loaded.remarks:
        told = _(
            "Of this network: {remarks}. Read its attention as hypothetical.", remarks=semicolon().join(loaded.remarks)
        )
        print(told, file=sys.stderr)
    target = None if arguments.target is None else class_index(arguments.target, loaded.categories)
    asked = folder.Settings(arguments.e_lambda, target, arguments.size, arguments.report, arguments.square)
    job = folder.Job(loaded, asked)
    if data is None:
        with chosen_workers(arguments) as doing:
            _analyze_folder(job, photo, arguments.out, doing)
        return
    made = job.make(data, photo.name)
    with folder.alone_in(arguments.out):
        paths = write(made.files, arguments.out)
    for notice in made.answer["notices"]:
        print(notice, file=sys.stderr)
    for best in made.answer["top5"]:
        print(
            f"{best['probability']:7.2%}  {best['name']}"
            if "probability" in best
            else f"{best['value']:10.4g}  {best['name']}"
        )
    for name in dict.fromkeys(path.relative_to(arguments.out).parts[0] for path in paths):
        print(arguments.out / name)


def _analyze_folder(job: folder.Job, photos_folder: Path, out: Path, doing: Doing) -> None:
    photos = folder.photos_in(photos_folder, out)
    left_out = folder.left_out(photos_folder, out)
    if not photos:
        told = [
            _(
                "There is no photo in {folder}; photos are known by {endings}.",
                folder=photos_folder,
                endings=enumeration(SUFFIXES),
            )
        ]
        raise ValueError(together(*told, *([_told_of(left_out)] if left_out else [])))
    with tqdm(total=len(photos), unit=_("photo"), file=sys.stderr, delay=0.2) as bar:

        def tell(outcome: folder.Outcome) -> None:
            if outcome.error:
                bar.delay = 0  # a line draws the bar, which would else not be ended where all is done before its time
                bar.write(labelled(outcome.photo, outcome.error), file=sys.stderr)
            bar.update()

        outcomes = folder.run(job, photos, photos_folder, out, tell, doing)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    told_of_all = _(
        "{done} of {all} photos analysed, {skipped} of them before.",
        done=len(outcomes) - failed,
        all=len(outcomes),
        skipped=skipped,
    )
    print(told_of_all)
    print(out / folder.SUMMARY)
    if left_out:
        print(_told_of(left_out), file=sys.stderr)
    if failed == len(outcomes):
        raise ImageError(_("None of these files is a photo that can be read here."))


def _told_of(left_out: list[str]) -> str:
    names = enumeration(left_out[:_NAMED])
    if len(left_out) <= _NAMED:
        return _("Left out, since their endings are not those of photos: {names}.", names=names)
    return _(
        "Left out, since their endings are not those of photos: {names} and {more:,} more.",
        names=names,
        more=len(left_out) - _NAMED,
    )
