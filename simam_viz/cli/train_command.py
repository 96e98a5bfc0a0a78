"""The ``train`` command: a network on Tiny ImageNet, by the bundled checkpoints' recipe."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import get_args

import torch

from ..evaluation.tiny_imagenet import load_training_data
from ..networks.architectures import ARCHITECTURES, Attention
from ..training.allocator import keep_freed_memory
from ..training.precision import Precision, native_precision
from ..training.recipe import Recipe, format_stages, parse_stages
from ..training.run import Progress, Run, train
from ..wording import _
from .arguments import Commands, add_tiny_imagenet


def register(commands: Commands) -> None:
    """Add ``train`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "train",
        help=_("train a network on Tiny ImageNet"),
        description=_(
            "Train a network on Tiny ImageNet by the bundled checkpoints' recipe. Run again after an "
            "interruption, the same command goes on from the state in its output folder."
        ),
    )
    add_tiny_imagenet(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=_("where state, curves and weights go"))
    parser.add_argument("--arch", choices=ARCHITECTURES, default="resnet18")
    parser.add_argument("--attention", choices=get_args(Attention), default="simam")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument(
        "--stages",
        default=format_stages(Recipe.stages),
        metavar="PXxEPOCHS,…",
        help=_("image size and epochs of each stage (default: %(default)s)"),
    )
    parser.add_argument(
        "--precision",
        choices=("auto", *get_args(Precision)),
        default="auto",
        help=_("bfloat16 or float32 (default: the faster one on this machine, by trying both)"),
    )
    parser.add_argument(
        "--device",
        type=_device,
        default="cpu",
        metavar="NAME",
        help=_("cpu, cuda, mps … (default: cpu); random numbers are the CPU's on all"),
    )
    parser.set_defaults(run=_run)


def _device(name: str) -> torch.device:
    """A device that this machine has; argparse says the error."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except Exception as error:  # what a missing device raises differs from backend to backend
        raise argparse.ArgumentTypeError(_("PyTorch has no device {name!r} on this machine.", name=name)) from error
    if device.type == "meta":
        raise argparse.ArgumentTypeError(_("On the device 'meta' nothing is computed."))
    return device


def _run(arguments: argparse.Namespace) -> None:
    recipe = Recipe(stages=parse_stages(arguments.stages), seed=arguments.seed)
    keep_freed_memory()
    device = arguments.device if arguments.device.type == "cuda" else None
    data = load_training_data(arguments.data, arguments.cache, arguments.held_out, device)
    precision = native_precision(arguments.device) if arguments.precision == "auto" else arguments.precision
    run = Run(data, recipe, arguments.arch, arguments.attention, precision, arguments.device)
    train(run, arguments.out, report=_Printer(seconds=15))
    for epoch in run.epochs[-1:]:
        told = _(
            "held-out images: top-1 {top1:.2f} %, top-5 {top5:.2f} % at {px} px",
            top1=epoch.top1,
            top5=epoch.top5,
            px=epoch.px,
        )
        print(told)


class _Printer:
    """Prints progress every few seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.printed = float("-inf")

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.printed >= self.seconds or progress.step == progress.steps:
            print(_in_one_line(progress), flush=True)
            self.printed = now


def _in_one_line(progress: Progress) -> str:
    minutes = round(progress.seconds_left / 60)
    return _(
        "epoch {epoch}/{epochs} · {px} px · step {step}/{steps} · loss {loss:.3f} · {rate:.0f} images/s · "
        "{hours} h {minutes:02d} min left",
        epoch=progress.epoch,
        epochs=progress.epochs,
        px=progress.px,
        step=progress.step,
        steps=progress.steps,
        loss=progress.loss,
        rate=progress.images_per_second,
        hours=minutes // 60,
        minutes=minutes % 60,
    )
