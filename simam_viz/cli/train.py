"""The ``train``, ``card`` and ``evaluate`` commands; ``faithful`` has a module of its own."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, get_args

import torch

from ..checkpoints.loading import find_checkpoint, list_checkpoints, load_checkpoint
from ..checkpoints.store import BUNDLED_FOLDER, read_card, write_card
from ..checkpoints.torchvision_weights import terminal_bar
from ..evaluation.folders import Watched, load_folder
from ..evaluation.predictions import accuracy, as_in_the_app, predict
from ..evaluation.tiny_imagenet import (
    HELD_OUT,
    check_tiny_classes,
    is_tiny_imagenet,
    load_training_data,
    load_validation,
)
from ..networks.architectures import ARCHITECTURES, Attention
from ..photos.images import check_input_size
from ..training.allocator import keep_freed_memory
from ..training.precision import Precision, native_precision
from ..training.publishing import make_card
from ..training.recipe import Recipe, format_stages, parse_stages
from ..training.run import Progress, Run, train
from . import faithful


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add ``train``, ``card``, ``evaluate`` and ``faithful`` to a parser's sub-commands, each to be run by ``arguments.run(arguments)``."""
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
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument(
        "--stages",
        default=format_stages(Recipe.stages),
        metavar="PXxEPOCHS,…",
        help="image size and epochs of each stage (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=("auto", *get_args(Precision)),
        default="auto",
        help="bfloat16 or float32 (default: the faster one on this machine, by trying both)",
    )
    parser.add_argument(
        "--device",
        type=_device,
        default="cpu",
        metavar="NAME",
        help="cpu, cuda, mps … (default: cpu); random numbers are the CPU's on all",
    )
    parser.set_defaults(run=_train)

    parser = subparsers.add_parser(
        "card",
        help="turn a finished run into a checkpoint that ships, with its card",
        description="Write a finished run's weights in half precision and a card with everything measured: the default "
        "input size is chosen on the held-out images, then the official validation images are read once. If the folder "
        "holds the card of a twin (the same run with the other attention), each card names the other.",
    )
    _add_data_arguments(parser)
    parser.add_argument("--run", type=Path, required=True, dest="run_folder", metavar="DIR", help="where train wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for both files: assets/weights")
    parser.add_argument("--name", help="of the checkpoint (default: from architecture and attention)")
    parser.add_argument("--again", action="store_true", help="read the validation images again for the same file")
    parser.set_defaults(run=_card)

    parser = subparsers.add_parser(
        "evaluate",
        help="top-1 and top-5 accuracy of a checkpoint on Tiny ImageNet or on a folder of photos for each class",
        description="Measure a checkpoint on the validation images of Tiny ImageNet, or on any folder that holds one folder "
        "of photos for each class, in float32 and with the preprocessing that the app uses; and write it into its card.",
    )
    _add_data_arguments(parser)
    parser.add_argument("--checkpoint", metavar="NAME", help="a bundled name or a file (default: the bundled default)")
    parser.add_argument("--split", choices=("validation", "held-out"), default="validation")
    parser.add_argument("--size", type=int, nargs="+", metavar="PX", help="input sizes (default: the checkpoint's own)")
    parser.set_defaults(run=_evaluate)

    faithful.register(subparsers)


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


def _device(name: str) -> torch.device:
    """A device that this machine has; argparse says the error."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except Exception as error:  # what a missing device raises differs from backend to backend
        raise argparse.ArgumentTypeError(f"PyTorch has no device {name!r} on this machine.") from error
    if device.type == "meta":
        raise argparse.ArgumentTypeError("On the device 'meta' nothing is computed.")
    return device


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
    recipe = Recipe(stages=parse_stages(arguments.stages), seed=arguments.seed)
    keep_freed_memory()
    data = load_training_data(arguments.data, arguments.cache, arguments.held_out)
    precision = native_precision(arguments.device) if arguments.precision == "auto" else arguments.precision
    run = Run(data, recipe, arguments.arch, arguments.attention, precision, arguments.device)
    train(run, arguments.out, report=_Printer(seconds=15))
    for epoch in run.epochs[-1:]:
        print(f"held-out images: top-1 {epoch.top1:.2f} %, top-5 {epoch.top5:.2f} % at {epoch.px} px")


def _card(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    path = make_card(
        arguments.run_folder,
        arguments.data,
        arguments.cache,
        arguments.held_out,
        arguments.out,
        arguments.name,
        arguments.again,
    )
    card = json.loads(path.read_text(encoding="utf-8"))
    measured, difference = card["accuracy"], card.get("twin_difference")
    print(
        f"{path}: top-1 {measured['top1']:.2f} %, top-5 {measured['top5']:.2f} % on {measured['images']:,} validation "
        f"images at {measured['input_size']} px"
    )
    if difference:
        print(
            f"{difference['first']} minus {difference['second']}: {difference['difference']:+.2f} points of top-1 "
            f"({difference['low']:+.2f} to {difference['high']:+.2f})"
        )


def _evaluate(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    path = find_checkpoint(arguments.checkpoint or list_checkpoints()[0].name, terminal_bar())
    loaded = load_checkpoint(path)
    tiny = is_tiny_imagenet(arguments.data)
    if tiny:
        check_tiny_classes(arguments.data, loaded)
    elif arguments.split == "held-out":
        raise ValueError("Only Tiny ImageNet has held-out images.")
    for px in arguments.size or ():
        check_input_size(px)
    model = loaded.model.to(memory_format=torch.channels_last)
    measured = {}
    for px in arguments.size or [loaded.transforms.input_size]:
        if not tiny:
            images = load_folder(arguments.data, loaded, px)
        elif arguments.split == "validation":
            images = load_validation(arguments.data, arguments.cache)
        else:
            images = load_training_data(arguments.data, arguments.cache, arguments.held_out).held_out
        logits = predict(model, Watched(images), as_in_the_app(loaded.transforms, px))
        top1, top5 = accuracy(logits, images)
        print(
            f"{loaded.name}, {len(images)} {arguments.split} images at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %"
        )
        how = f"python -m simam_viz evaluate on {arguments.data.resolve().name}, float32"
        measured[px] = {
            "top1": round(top1, 2),
            "top5": round(top5, 2),
            "images": len(images),
            "input_size": px,
            "how": how,
        }
    if arguments.split == "validation":
        noted = measured.get(loaded.transforms.input_size) or next(iter(measured.values()))
        _note(path, loaded.known_places | {"accuracy": noted})


def _note(path: Path, entries: dict[str, Any]) -> None:
    """Write what was measured into the checkpoint's card; what the bundled ones say was measured when they were made."""
    if path.parent == BUNDLED_FOLDER:
        print("Its card stays as it is: this checkpoint came with the app.", file=sys.stderr)
        return
    card = write_card(path, read_card(path) | entries)
    print(f"Written into {card.name}.", file=sys.stderr)


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
