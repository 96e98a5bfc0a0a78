"""A folder of photos through one network: every photo's results, and one table of all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ..checkpoints.loading import LoadedCheckpoint
from ..cluster.doing import HERE, Doing, GaveUpError, in_order
from ..explain.analysis import analyze
from ..explain.blocks import OWN_LAMBDAS
from ..modules.simam import SimAM
from ..networks.lambdas import Times
from ..networks.shared import weights_hash
from ..photos import squares
from ..photos.bombs import ImageError
from ..photos.images import SUFFIXES, enlargement, read_file, read_photo
from ..photos.squares import Square
from ..version import VERSION
from ..wording import _
from ..writing import alone, clear_unfinished
from .files import basic_files, full_files, write
from .tables import Row, csv_bytes, summary

ANSWER = "top5.json"
SUMMARY = "summary.csv"
LEFT_OUT = "left-out.txt"
LOCK = ".simam-viz.lock"


@dataclass(frozen=True)
class Settings:
    """What is done with every photo; ``None`` as :func:`simam_viz.analyze` takes it."""

    e_lambda: float | Times | None = None
    target: int | None = None
    input_size: int | None = None
    full: bool = False
    """Whether to write the report with all pictures, tables and tensors."""
    square: Square | None = None
    """The same of every photo, in its pixels."""


@dataclass(frozen=True)
class Outcome:
    """What became of one photo."""

    photo: str
    answer: dict[str, Any] | None
    error: str = ""
    skipped: bool = False
    """It had been done before, with the same settings."""

    @property
    def row(self) -> Row:
        """Its line in the summary."""
        row: Row = {"photo": self.photo, "error": self.error, "notices": ""}
        if self.answer is not None:
            best, target = self.answer["top5"][0], self.answer["target"]
            said = "probability" if "probability" in best else "value"
            row |= {
                "notices": " ".join(self.answer.get("notices", ())),
                "predicted class": best["name"], said: best[said], "target": target["name"], f"target {said}": target[said],
                "λ": OWN_LAMBDAS if self.answer["e_lambda"] is None else self.answer["e_lambda"],
                "input size": self.answer["input_size"],
            }  # fmt: skip
            for name, numbers in self.answer["blocks"].items():
                row[f"mean weight {name}"] = numbers["mean_weight"]
                row[f"standard deviation {name}"] = numbers["spread"]
        return row


def photos_in(folder: Path, out: Path) -> list[Path]:
    """All photos in ``folder`` and below by the ends of their names, in order; those below ``out`` left out."""
    return [path for path in _files_in(folder, out) if path.suffix.lower() in SUFFIXES]


def left_out(folder: Path, out: Path) -> list[str]:
    """The names of all other files there; hidden ones count for nothing."""
    return [
        path.relative_to(folder).as_posix()
        for path in _files_in(folder, out)
        if path.suffix.lower() not in SUFFIXES and not path.name.startswith(".")
    ]


def _files_in(folder: Path, out: Path) -> list[Path]:
    out = out.resolve()
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.resolve().is_relative_to(out))


@dataclass(frozen=True)
class Made:
    """What came of one photo."""

    answer: dict[str, Any]
    """What ``top5.json`` says."""
    files: dict[str, bytes]
    """All that is to be written, by name; the answer last."""


@dataclass(frozen=True)
class Job:
    """One network and what it is asked of every photo."""

    loaded: LoadedCheckpoint
    settings: Settings

    @cached_property
    def _weights_sha256(self) -> str:
        return weights_hash(self.loaded.model)

    @property
    def _e_lambda(self) -> float | list[float]:
        """λ as it is asked for, or as the network has it: those of all its SimAM modules where they differ."""
        asked = self.settings.e_lambda
        if isinstance(asked, (int, float)):
            return asked
        factor = asked.factor if isinstance(asked, Times) else 1.0
        if self.loaded.e_lambda is not None:
            return self.loaded.e_lambda * factor
        return [module.e_lambda * factor for module in self.loaded.model.modules() if isinstance(module, SimAM)]

    def identity(self, photo: bytes) -> dict[str, object]:
        """What must be the same for results to be the same."""
        return {
            "simam_viz": VERSION,
            "photo_sha256": hashlib.sha256(photo).hexdigest(),
            "weights_sha256": self._weights_sha256,
            "e_lambda": self._e_lambda,
            "target": self.settings.target,
            "input_size": self.settings.input_size or self.loaded.transforms.input_size,
            "report": self.settings.full,
            "square": None if self.settings.square is None else squares.text(self.settings.square),
        }

    def make(self, photo: bytes, title: str) -> Made:
        """Analyse one photo. Nothing is written, so any process may do it.

        Raises:
            ImageError: it is no photo.
            ValueError: the settings do not fit the network.
        """
        settings = self.settings
        read = read_photo(photo)
        asked, square = (settings.e_lambda, settings.target, settings.input_size), settings.square
        analysis = analyze(self.loaded, read.image, *asked, square=square).pictures()
        told = self.loaded.transforms.plain or square is not None
        enlarged = enlargement(read.image, analysis.view.width, square) if told else ""
        notices = tuple(filter(None, (*read.notices, enlarged, *map(_, analysis.notices))))
        answer = summary(analysis, self.loaded) | {"notices": notices, "made_from": self.identity(photo)}
        files = full_files(analysis, self.loaded, read.image, title, notices) if settings.full else {}
        return Made(answer, files | basic_files(analysis, self.loaded, answer))


def run(
    job: Job,
    photos: list[Path],
    folder: Path,
    out: Path,
    report_progress: Callable[[Outcome], None] = lambda outcome: None,
    doing: Doing = HERE,
) -> list[Outcome]:
    """Analyse ``photos`` of ``folder`` into folders below ``out`` that bear their names, in their order.

    What an earlier run with the same settings has finished is not done again. A file that is no photo does not end the
    run. ``summary.csv`` has a line for each photo so far, also when the run is broken off; ``left-out.txt`` names the files
    that were not looked at. Whoever is ``doing`` it, everything is written here.

    Raises:
        ValueError: another run is writing into ``out``.
        OSError: ``out`` cannot be written to, or the disk is full.
    """
    outcomes: list[Outcome] = []
    begun = (_begun(job, photo, photo.relative_to(folder), out, doing) for photo in photos)
    with alone_in(out):
        try:
            for outcome in in_order(begun, doing.ahead):
                outcomes.append(outcome)
                report_progress(outcome)
        finally:
            if outcomes:
                rows = [outcome.row for outcome in outcomes]
                widest: Row = max(rows, key=len)
                files = {SUMMARY: csv_bytes([dict.fromkeys(widest, "") | row for row in rows])}
                others = left_out(folder, out)
                write(files | ({LEFT_OUT: "\n".join([*others, ""]).encode()} if others else {}), out)
    return outcomes


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """No other run writes into ``out`` within, and what one that was killed had not finished is gone.

    Raises:
        ValueError: another run does.
        OSError: ``out`` cannot be written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    otherwise = _("Another run is writing into {folder}: wait until it is done, or name another folder.", folder=out)
    with alone(out / LOCK, otherwise):
        clear_unfinished(out)
        yield


def _begun(job: Job, photo: Path, name: Path, out: Path, doing: Doing) -> Callable[[], Outcome]:
    """Begin one photo; what is returned waits for what came of it, and writes that."""
    try:
        data = read_file(photo)
    except ImageError as error:
        return partial(Outcome, name.as_posix(), None, str(error))
    before, identity = read_answer(out / name), job.identity(data)  # of the network, told once for all workers
    if before is not None and before.get("made_from") == identity:
        return partial(Outcome, name.as_posix(), before, skipped=True)
    made = doing.later(job.make, data, photo.name)

    def finished() -> Outcome:
        try:
            write(made().files, out / name)
        except (ImageError, GaveUpError) as error:
            return Outcome(name.as_posix(), None, str(error))
        return Outcome(name.as_posix(), read_answer(out / name))

    return finished


def read_answer(folder: Path) -> dict[str, Any] | None:
    """The answer in a folder of results; ``None`` if there is none. It is always the last file to be written."""
    try:
        answer = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
