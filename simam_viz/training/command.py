"""The ``train`` command."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any, get_args

from ..models import ARCHITECTURES, Attention
from .data import HELD_OUT, load_training_data
from .memory import keep_freed_memory
from .recipe import Recipe
from .run import Progress, Run, train


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add ``train`` to a parser's sub-commands; ``arguments.run(arguments)`` then does it and returns an exit code."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on Tiny ImageNet",
        description="Train a network on Tiny ImageNet by the bundled checkpoints' recipe. Run again after an "
        "interruption, the same command goes on from the state in its output folder.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="the folder with wnids.txt and train/")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where state, curves and weights go")
    parser.add_argument("--arch", choices=ARCHITECTURES, default="resnet18")
    parser.add_argument("--attention", choices=get_args(Attention), default="simam")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="DIR", help="decoded images (default: %(default)s)"
    )
    parser.add_argument(
        "--held-out", type=Path, default=HELD_OUT, metavar="FILE", help="images to measure on (default: bundled list)"
    )
    parser.set_defaults(run=_train)


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simam_viz"


def format_progress(progress: Progress) -> str:
    minutes = round(progress.seconds_left / 60)
    return (
        f"epoch {progress.epoch}/{progress.epochs} · {progress.px} px · step {progress.step}/{progress.steps} · "
        f"loss {progress.loss:.3f} · {progress.images_per_second:.0f} images/s · "
        f"{minutes // 60} h {minutes % 60:02d} min left"
    )


def _train(arguments: argparse.Namespace) -> int:
    keep_freed_memory()
    data = load_training_data(arguments.data, arguments.cache, arguments.held_out)
    run = Run(data, Recipe(seed=arguments.seed), arguments.arch, arguments.attention)
    train(run, arguments.out, report=_Printer(seconds=15))
    for epoch in run.epochs[-1:]:
        print(f"held-out images: top-1 {epoch.top1:.2f} %, top-5 {epoch.top5:.2f} % at {epoch.px} px")
    return 0


class _Printer:
    """Prints progress every few seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.printed = float("-inf")

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.printed >= self.seconds or progress.step == progress.steps:
            print(format_progress(progress), flush=True)
            self.printed = now
