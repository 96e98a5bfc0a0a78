"""The ``train`` and ``evaluate`` commands."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any, get_args

import torch
from PIL import Image
from torch import Tensor

from ..checkpoints import Transforms, list_checkpoints, load_checkpoint
from ..models import ARCHITECTURES, Attention
from .data import HELD_OUT, load_training_data, load_validation, read_wnids
from .evaluation import accuracy, predict
from .memory import keep_freed_memory
from .recipe import Recipe
from .run import Progress, Run, train


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add ``train`` and ``evaluate`` to a parser's sub-commands; ``arguments.run(arguments)`` then does the work."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on Tiny ImageNet",
        description="Train a network on Tiny ImageNet by the bundled checkpoints' recipe. Run again after an "
        "interruption, the same command goes on from the state in its output folder.",
    )
    _add_data_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where state, curves and weights go")
    parser.add_argument("--arch", choices=ARCHITECTURES, default="resnet18")
    parser.add_argument("--attention", choices=get_args(Attention), default="simam")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_train)

    parser = subparsers.add_parser(
        "evaluate",
        help="top-1 and top-5 accuracy of a checkpoint on Tiny ImageNet",
        description="Measure a checkpoint on Tiny ImageNet, in float32 and with the preprocessing that the app uses.",
    )
    _add_data_arguments(parser)
    parser.add_argument("--checkpoint", metavar="NAME", help="a bundled name or a file (default: the bundled default)")
    parser.add_argument("--split", choices=("validation", "held-out"), default="validation")
    parser.add_argument("--size", type=int, nargs="+", metavar="PX", help="input sizes (default: the checkpoint's own)")
    parser.set_defaults(run=_evaluate)


def _add_data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, metavar="PATH", help="Tiny ImageNet: wnids.txt, train/, val/"
    )
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="DIR", help="decoded images (default: %(default)s)"
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        default=HELD_OUT,
        metavar="FILE",
        help="images never trained on (default: bundled list)",
    )


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simam_viz"


def format_progress(progress: Progress) -> str:
    minutes = round(progress.seconds_left / 60)
    return (
        f"epoch {progress.epoch}/{progress.epochs} · {progress.px} px · step {progress.step}/{progress.steps} · "
        f"loss {progress.loss:.3f} · {progress.images_per_second:.0f} images/s · "
        f"{minutes // 60} h {minutes % 60:02d} min left"
    )


def _train(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    data = load_training_data(arguments.data, arguments.cache, arguments.held_out)
    run = Run(data, Recipe(seed=arguments.seed), arguments.arch, arguments.attention)
    train(run, arguments.out, report=_Printer(seconds=15))
    for epoch in run.epochs[-1:]:
        print(f"held-out images: top-1 {epoch.top1:.2f} %, top-5 {epoch.top5:.2f} % at {epoch.px} px")


def _evaluate(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    loaded = load_checkpoint(arguments.checkpoint or list_checkpoints()[0].name)
    wnids = read_wnids(arguments.data)
    if tuple(loaded.card.get("wnids", wnids)) != wnids or len(loaded.categories) != len(wnids):
        raise ValueError(f"{loaded.name} does not have the classes of {arguments.data}, in their order.")
    if arguments.split == "validation":
        images = load_validation(arguments.data, arguments.cache)
    else:
        images = load_training_data(arguments.data, arguments.cache, arguments.held_out).held_out
    model = loaded.model.to(memory_format=torch.channels_last)
    for px in arguments.size or [loaded.transforms.input_size]:
        logits = predict(model, images, lambda batch, px=px: _as_in_the_app(batch, loaded.transforms, px))
        top1, top5 = accuracy(logits, images)
        print(
            f"{loaded.name}, {len(images)} {arguments.split} images at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %"
        )


def _as_in_the_app(batch: Tensor, transforms: Transforms, px: int) -> Tensor:
    """Images (n, side, side, 3) of uint8 → network input (n, 3, px, px), by the checkpoint's own preprocessing."""
    views = (transforms.view(Image.fromarray(image), px) for image in batch.numpy())
    return torch.stack([transforms.tensor(view) for view in views]).contiguous(memory_format=torch.channels_last)


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
