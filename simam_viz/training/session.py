"""A run from its state on disk to its end: it can be killed at any time, and goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from ..networks.named import is_named
from ..networks.places import simam_lambdas
from ..wording import _, why
from ..writing import alone, clear_unfinished, write_whole, written_whole
from .curves import write_csv, write_png
from .description import card_of_run
from .events import Events
from .hardware import describe_hardware
from .pace import Pace, Progress
from .run import Run
from .setups import Setup, as_yaml

Report = Callable[[Progress], None]

_DRAWN_EVERY = 10.0
"""Seconds between two drawings of the curves, each of which takes a fifth of one: a short epoch would wait for it."""


def train(
    run: Run, out: Path, save_every: float = 240.0, report: Report = lambda progress: None, tensorboard: bool = False
) -> None:
    """Train ``run`` to its end, going on from the state in ``out`` if there is one.

    Leaves in ``out``: ``recipe.yaml``; ``state.pt``, written at least every ``save_every`` seconds; ``curves.csv`` after every
    epoch, and ``curves.png`` with it, but not more often than every ten seconds; at the end ``final.safetensors``, the averaged
    weights, ``final.json``, with which the app opens them, and ``run.json``, how they came about. Of several processes the first
    writes and reports.

    Raises:
        ValueError: the state there is another run's, or another run is writing there now.
        OSError: something could not be written; what was there before is whole.
    """
    with ExitStack() as stack:
        if run.processes.first:
            run.processes.in_turn(lambda: _opened(stack, run, out))
        else:
            run.processes.in_turn(lambda: _go_on(run, out))
        first = run.processes.first
        events = stack.enter_context(Events(out / "tensorboard", run.step)) if tensorboard and first else None
        saved, drawn, pace = time.monotonic(), float("-inf"), Pace()
        while run.step < run.steps:
            begun = time.monotonic()
            loss = run.take_step().item()  # a GPU is still at work when a step returns: this waits for it
            took = time.monotonic() - begun
            run.seconds += took
            if first:
                report(pace.progress(run, loss, took))
            if events is not None:
                with _told(out / "tensorboard"):
                    events.tell_step(run, loss)
            at_end = run.step % run.steps_an_epoch == 0
            if at_end:
                run.finish_epoch()
            if not first:
                continue
            if at_end or time.monotonic() - saved >= save_every:
                if events is not None:  # before the state: what is told beyond it is void, what is not told is lost
                    with _told(out / "tensorboard"):
                        events.tell_all(run, at_end)
                _save(run, out)
                saved = time.monotonic()
            if at_end:
                _write_numbers(run, out)
            if at_end and (time.monotonic() - drawn >= _DRAWN_EVERY or run.step == run.steps):
                _draw_curves(run, out)
                drawn = time.monotonic()
        if first:
            _write_result(run, out)


def _opened(stack: ExitStack, run: Run, out: Path) -> None:
    """Take the folder for this run alone, and go on from what is there."""
    out.mkdir(parents=True, exist_ok=True)
    otherwise = _("Another run is writing into {folder}: let it end, or name another folder with --out.", folder=out)
    stack.enter_context(alone(out / ".lock", otherwise))
    clear_unfinished(out)
    _go_on(run, out)
    with _told(out / "recipe.yaml"):
        write_whole(out / "recipe.yaml", as_yaml(Setup(run.design, run.recipe)).encode())
    _write_numbers(run, out)
    _draw_curves(run, out)


def _go_on(run: Run, out: Path) -> None:
    state_file = out / "state.pt"
    if state_file.exists():
        run.load_state(torch.load(state_file, map_location=run.device, weights_only=True))
    machine = {**describe_hardware(run.device), "precision": run.precision}
    if run.processes.count > 1:
        machine["processes"] = run.processes.count
    if run.accumulate > 1:
        machine["accumulate"] = run.accumulate
    if run.step < run.steps and machine not in run.hardware:
        run.hardware.append(machine)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """What keeps ``file`` from being written, in one sentence."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # PyTorch's writer hides the one in the other
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise OSError(
            _(
                "{file} could not be written ({reason}). What was saved before is whole: make room, and the same command goes "
                "on from there.",
                file=file,
                reason=why(cause) or cause,
            )
        ) from error


def _save(run: Run, out: Path) -> None:
    file = out / "state.pt"
    with _told(file), written_whole(file) as unfinished, unfinished.open("wb") as stream:
        torch.save(run.state(), stream)


def _write_numbers(run: Run, out: Path) -> None:
    with _told(out / "curves.csv"):
        write_csv(run.epochs, out / "curves.csv")


def _draw_curves(run: Run, out: Path) -> None:
    title = _("{arch}, attention: {attention}", arch=run.design.arch, attention=run.design.attention)
    with _told(out / "curves.png"):
        write_png(run.epochs, title, out / "curves.png")


def _write_result(run: Run, out: Path) -> None:
    weights = {name: tensor.cpu().contiguous() for name, tensor in run.average.state_dict().items()}
    facts: dict[str, Any] = {
        "arch": run.design.arch,
        "attention": run.design.attention,
        "simam_at": list(simam_lambdas(run.average)),
        "data": run.data.source,
        "recipe": run.recipe.settings(),
        "wnids": run.data.wnids,
        "categories": run.data.categories,
        "training_images": len(run.data.training),
        "held_out_images": len(run.data.held_out),
        "seconds": run.seconds,
        "hardware": run.hardware,
        "curves": [asdict(epoch) for epoch in run.epochs],
    }
    if run.start is not None:
        facts["start"] = {"name": run.start.name, "sha256": run.start.sha256, "begun_anew": run.begun_anew}
    contents = {"final.safetensors": safetensors.torch.save(weights), "run.json": _as_json(facts)}
    if not is_named(run.design.arch):
        contents["final.json"] = _as_json(card_of_run(facts, run.recipe))
    for name, content in contents.items():
        with _told(out / name):
            write_whole(out / name, content)


def _as_json(facts: dict[str, Any]) -> bytes:
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()
