"""The ``train`` command: a network on any images with labels, in one process or in those that torchrun starts."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch

from ..evaluation.training_sets import load_any
from ..networks.architectures import ARCHITECTURES, Attention
from ..training.allocator import keep_freed_memory
from ..training.events import check_tensorboard
from ..training.network import SIMAM_AT, read_start
from ..training.pace import Progress
from ..training.precision import Precision, native_precision
from ..training.processes import Processes, own_cores, own_device, started_together
from ..training.recipe import Recipe, checked, checked_stage, format_stages, parse_stages
from ..training.run import Run
from ..training.session import train
from ..training.setups import SETUPS, Setup, read_setup
from ..wording import _, enumeration, later
from .arguments import Commands, add_tiny_imagenet

_DATA = later(
    "Tiny ImageNet (wnids.txt, train/), CIFAR's binary files, or a folder with one folder of photos for each class"
)


def register(commands: Commands) -> None:
    """Add ``train`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "train",
        help=_("train a network on Tiny ImageNet, CIFAR or photos of your own"),
        description=_(
            "Train a network on images with labels, by default by the bundled checkpoints' recipe. Run again after an "
            "interruption, the same command goes on from the state in its output folder. Several processes, one a GPU, are "
            "started by torchrun --nproc_per_node=2 -m simam_viz train …"
        ),
    )
    add_tiny_imagenet(parser, _DATA)
    parser.add_argument(
        "--val", type=Path, metavar="DIR", help=_("photos to measure on (default: val/, else a tenth of each class)")
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=_("where state, curves and weights go"))
    _add_network(parser)
    _add_recipe(parser)
    _add_session(parser)
    parser.set_defaults(run=_run)


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(_("the network"))
    group.add_argument(
        "--arch",
        metavar="NAME",
        help=_(
            "{known}, or authors:NAME, timm:NAME, torchvision:NAME (default: resnet18)",
            known=enumeration(ARCHITECTURES),
        ),
    )
    group.add_argument("--attention", choices=get_args(Attention), help=_("(default: simam)"))
    group.add_argument(
        "--simam-at",
        metavar="PATTERN",
        help=_(
            "the convolutions of a network of timm or torchvision that SimAM follows, by their names (default: {pattern})",
            pattern=SIMAM_AT,
        ),
    )
    group.add_argument("--lambda", dest="e_lambda", type=float, metavar="λ", help=_("λ of every SimAM (default: 0.1)"))
    group.add_argument(
        "--init",
        metavar="NAME",
        help=_("weights to begin with: a bundled name or a file; the last layer begins anew where the classes differ"),
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(_("the recipe"), _("What is said here goes before what --recipe says."))
    group.add_argument(
        "--recipe",
        metavar="NAME",
        help=_("a YAML file, or settings that were published: {known}", known=enumeration(SETUPS)),
    )
    group.add_argument(
        "--stages",
        metavar="PXxEPOCHS,…",
        help=_("image size and epochs of each stage (default: {stages})", stages=format_stages(Recipe.stages)),
    )
    group.add_argument("--image-size", type=int, metavar="PX", help=_("the same size in all epochs"))
    group.add_argument("--epochs", type=int, metavar="N", help=_("all of them at one image size"))
    group.add_argument(
        "--batch", dest="batch_size", type=int, metavar="N", help=_("images in a batch, over all processes")
    )
    group.add_argument("--rate", dest="peak_rate", type=float, metavar="X", help=_("the highest learning rate"))
    group.add_argument("--weight-decay", type=float, metavar="X", help=_("of the weights, at each step"))
    group.add_argument("--seed", type=int)


def _add_session(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(_("this session"), _("A run may go on with others."))
    group.add_argument(
        "--precision",
        choices=("auto", *get_args(Precision)),
        default="auto",
        help=_("bfloat16 or float32 (default: the faster one on this machine, by trying both)"),
    )
    group.add_argument(
        "--device",
        type=_device,
        default="cpu",
        metavar="NAME",
        help=_("cpu, cuda, mps … (default: cpu); random numbers are the CPU's on all"),
    )
    group.add_argument(
        "--accumulate",
        type=_above_zero,
        default=1,
        metavar="K",
        help=_("take a process's share of a batch in so many parts, so that it fits into memory (default: 1)"),
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=_("processes that decode photos, for each process that trains (default: its share of the cores)"),
    )
    group.add_argument("--tensorboard", action="store_true", help=_("log for TensorBoard too, into DIR/tensorboard"))


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


def _above_zero(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(_("It must be at least 1, not {number}.", number=number))
    return number


def _run(arguments: argparse.Namespace) -> None:
    setup = _setup(arguments)
    keep_freed_memory()
    with started_together() as processes:
        _train(arguments, setup, processes)


def _train(arguments: argparse.Namespace, setup: Setup, processes: Processes) -> None:
    run = processes.in_turn(lambda: _made(arguments, setup, processes))
    run.precision = processes.from_first(run.precision)
    if run.begun_anew and processes.first:
        told = _(
            "{name} tells other classes apart: {tensors} begin anew.",
            name=arguments.init,
            tensors=enumeration(run.begun_anew),
        )
        print(told, file=sys.stderr)
    train(run, arguments.out, report=_Printer(seconds=15), tensorboard=arguments.tensorboard)
    for epoch in run.epochs[-1:] if processes.first else ():
        told = _(
            "held-out images: top-1 {top1:.2f} %, top-5 {top5:.2f} % at {px} px",
            top1=epoch.top1,
            top5=epoch.top5,
            px=epoch.px,
        )
        print(told)


def _made(arguments: argparse.Namespace, setup: Setup, processes: Processes) -> Run:
    if arguments.tensorboard:
        check_tensorboard()
    device = own_device(arguments.device)
    kept_on = device if device.type == "cuda" else None
    data = load_any(arguments.data, arguments.cache, arguments.held_out, arguments.val, kept_on)
    precision: Precision = native_precision(device) if arguments.precision == "auto" else arguments.precision
    return Run(
        data,
        setup.recipe,
        setup.design,
        precision,
        device,
        read_start(arguments.init) if arguments.init else None,
        processes,
        arguments.accumulate,
        own_cores() if arguments.workers is None else arguments.workers,
    )


def _setup(arguments: argparse.Namespace) -> Setup:
    """The recipe that is asked for, and what else was said in its place."""
    setup = read_setup(arguments.recipe) if arguments.recipe else Setup(recipe=Recipe())

    def said(*names: str) -> dict[str, Any]:
        return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}

    recipe = replace(setup.recipe, **said("e_lambda", "batch_size", "peak_rate", "weight_decay", "seed"))
    if arguments.stages is not None:
        if arguments.epochs is not None or arguments.image_size is not None:
            raise ValueError(_("--stages says size and epochs; leave out --epochs and --image-size."))
        recipe = replace(recipe, stages=parse_stages(arguments.stages))
    elif arguments.epochs is not None or arguments.image_size is not None:
        px = recipe.stages[-1][0] if arguments.image_size is None else arguments.image_size
        epochs = recipe.epochs if arguments.epochs is None else arguments.epochs
        recipe = replace(recipe, stages=(checked_stage(px, epochs),))
    return Setup(replace(setup.design, **said("arch", "attention", "simam_at")), checked(recipe))


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
