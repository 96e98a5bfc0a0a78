"""A training run that can be killed at any time and goes on where it was."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from ..evaluation.accuracy import Answers, predict, top_k_accuracy
from ..evaluation.tiny_imagenet import TrainingData
from ..networks.architectures import Attention, create_model
from ..networks.places import simam_lambdas
from ..wording import _
from ..writing import written_whole
from .batches import cropped, draw_crops, enlarge, generator
from .captured import Captured
from .curves import Epoch, write_csv, write_png
from .precision import Precision, autocast, native_precision
from .recipe import Recipe

# Streams of random numbers, so that no two uses share any.
_ORDER, _AUGMENTATION = 0, 1

_MEASURED_AT_ONCE = 250


@dataclass(frozen=True)
class Progress:
    """Where a run is, for whoever shows it."""

    epoch: int
    epochs: int
    px: int
    step: int
    steps: int
    loss: float
    images_per_second: float
    seconds_left: float


@dataclass
class Run:
    """One network in training. Its whole state is :meth:`state`; everything random depends on seed and step alone."""

    data: TrainingData
    recipe: Recipe
    arch: str
    attention: Attention
    precision: Precision = field(default_factory=native_precision)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Precision and device of this session. A run may go on in others on another machine; ``hardware`` then tells all."""
    step: int = 0
    seconds: float = 0.0
    loss_sum: float | Tensor = 0.0
    """Sum of the losses of the steps taken in this epoch; a tensor while it is on a device that need not be waited for."""
    epochs: list[Epoch] = field(default_factory=list)
    hardware: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each kind of machine and precision that the run has been on."""

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        model = create_model(self.arch, self.attention, len(self.data.categories), self.recipe.e_lambda)
        # Made on the CPU, with its random numbers, and only then moved.
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.average = deepcopy(self.model).requires_grad_(False).eval()
        """The network with the running average of the weights: what is kept in the end. It begins at the random start."""
        decayed = [parameter for parameter in self.model.parameters() if parameter.dim() > 1]
        others = [parameter for parameter in self.model.parameters() if parameter.dim() <= 1]
        self.optimizer = torch.optim.SGD(
            [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.recipe.peak_rate,
            momentum=self.recipe.momentum,
            nesterov=True,
            fused=self.device.type == "cuda",
        )
        self._gradients = Captured(self._backward) if self.device.type == "cuda" else self._backward
        self._order: tuple[int, np.ndarray] = -1, np.empty(0, np.int64)

    @property
    def steps_an_epoch(self) -> int:
        """Whole batches that the training images make."""
        return len(self.data.training) // self.recipe.batch_size

    @property
    def steps(self) -> int:
        """In all epochs."""
        return self.steps_an_epoch * self.recipe.epochs

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Input (batch, 3, px, px) and labels (batch,) of a step, on the device: a pure function of seed and step."""
        images, labels, crops = self._drawn(step)
        return cropped(images, crops, self._px(step)), labels

    def take_step(self) -> Tensor:
        """Train on the next batch and return the loss, (), on the device."""
        begun = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate(self.step, self.steps)
        self.model.train()
        loss = self._gradients(self._px(self.step), *self._drawn(self.step))
        self.optimizer.step()
        move = get_ema_multi_avg_fn(self.recipe.averaging_at(self.step))
        move([*self.average.parameters()], [*self.model.parameters()], 0)
        self.step += 1
        self.loss_sum = self.loss_sum + loss.double()
        self.seconds += time.monotonic() - begun
        return loss

    def finish_epoch(self) -> Epoch:
        """Measure the averaged network on the held-out images and begin a new epoch's account."""
        begun = time.monotonic()
        epoch = self.step // self.steps_an_epoch - 1
        px = self.recipe.px(epoch)
        first = epoch * self.steps_an_epoch
        steps = range(first, first + min(self.recipe.statistics_batches, self.steps_an_epoch))
        with autocast(self.precision, self.device):
            # Those that were collected in training belong to other weights.
            update_bn((self.batch(step)[0] for step in steps), self.average)
            batches = self.data.held_out.batches(_MEASURED_AT_ONCE)
            logits = predict(self.average, (enlarge(images.to(self.device), px) for images, _labels in batches))
        places = Answers(logits, torch.from_numpy(self.data.held_out.labels)).places
        top1, top5 = top_k_accuracy(places, 1), top_k_accuracy(places, 5)
        self.seconds += time.monotonic() - begun
        row = Epoch(epoch + 1, px, self.seconds, float(self.loss_sum) / self.steps_an_epoch, top1, top5)
        self.epochs.append(row)
        self.loss_sum = 0.0
        return row

    def state(self) -> dict[str, Any]:
        """Everything needed to go on, of plain types and tensors."""
        return {
            "identity": self._identity(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "loss_sum": float(self.loss_sum),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "hardware": self.hardware,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from ``state``.

        Raises:
            ValueError: it belongs to another network or another recipe.
        """
        if state["identity"] != self._identity():
            raise ValueError(
                _(
                    "The state there belongs to another run: {other}, not {own}.",
                    other=state["identity"],
                    own=self._identity(),
                )
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.seconds = state["seconds"]
        self.loss_sum = state["loss_sum"]
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self.hardware = state["hardware"]

    def _px(self, step: int) -> int:
        return self.recipe.px(step // self.steps_an_epoch)

    def _drawn(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images (batch, H, W, 3) of uint8, labels (batch,) and crops (batch, 2, 3) of a step, on the device."""
        epoch, position = divmod(step, self.steps_an_epoch)
        if self._order[0] != epoch:
            shuffled = torch.randperm(len(self.data.training), generator=generator(self.recipe.seed, _ORDER, epoch))
            self._order = epoch, shuffled.numpy()
        start = position * self.recipe.batch_size
        images, labels = self.data.training.take(self._order[1][start : start + self.recipe.batch_size])
        random_numbers = generator(self.recipe.seed, _AUGMENTATION, step)
        crops = draw_crops(len(labels), self.recipe.crop_area, self.recipe.crop_aspect, random_numbers)
        return images.to(self.device), labels.to(self.device), crops.to(self.device)

    def _backward(self, px: int, images: Tensor, labels: Tensor, crops: Tensor) -> Tensor:
        """Leave the gradients of the loss on a batch in the weights, and return the loss."""
        x = cropped(images, crops, px)
        self.optimizer.zero_grad()
        with autocast(self.precision, self.device):
            logits = self.model(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
        loss.backward()
        return loss.detach()

    def _identity(self) -> str:
        """What must be the same for a state to fit."""
        network = {"arch": self.arch, "attention": self.attention, "classes": len(self.data.categories)}
        return json.dumps({**network, **asdict(self.recipe)}, sort_keys=True)


def train(
    run: Run, out: Path, save_every: float = 240.0, report: Callable[[Progress], None] = lambda progress: None
) -> None:
    """Train ``run`` to its end, going on from the state in ``out`` if there is one.

    Leaves in ``out``: ``state.pt``, written at least every ``save_every`` seconds; ``curves.csv`` and ``curves.png``
    after every epoch; at the end ``final.safetensors``, the averaged weights, and ``run.json``, how they came about.
    """
    out.mkdir(parents=True, exist_ok=True)
    state_file = out / "state.pt"
    if state_file.exists():
        run.load_state(torch.load(state_file, map_location=run.device, weights_only=True))
    machine = {**describe_hardware(run.device), "precision": run.precision}
    if run.step < run.steps and machine not in run.hardware:
        run.hardware.append(machine)
    _write_curves(run, out)
    saved = time.monotonic()
    pace = _Pace()
    while run.step < run.steps:
        before = run.seconds
        loss = run.take_step().item()
        report(pace.progress(run, loss, run.seconds - before))
        at_end = run.step % run.steps_an_epoch == 0
        if at_end:
            run.finish_epoch()
        if at_end or time.monotonic() - saved >= save_every:
            with written_whole(state_file) as unfinished:
                torch.save(run.state(), unfinished)
            saved = time.monotonic()
        if at_end:
            _write_curves(run, out)
    _write_result(run, out)


def describe_hardware(device: torch.device) -> dict[str, Any]:
    """Processor, threads, PyTorch version and, where another device than the CPU computes, that: for the card."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    facts = {"processor": processor, "threads": torch.get_num_threads(), "torch": str(torch.__version__)}
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
    elif device.type != "cpu":
        facts["device"] = device.type
    return facts


class _Pace:
    """How fast this session goes, in steps of images of any size, by :func:`_cost`."""

    def __init__(self) -> None:
        self.seconds_a_unit = 0.0

    def progress(self, run: Run, loss: float, seconds: float) -> Progress:
        """``run`` after a step that took so many ``seconds`` and had this ``loss``."""
        recipe = run.recipe
        epoch, position = divmod(run.step - 1, run.steps_an_epoch)
        px = recipe.px(epoch)
        latest = seconds / _cost(px)
        self.seconds_a_unit = 0.95 * self.seconds_a_unit + 0.05 * latest if self.seconds_a_unit else latest
        epochs_left = sum(_cost(recipe.px(number)) for number in range(epoch + 1, recipe.epochs))
        units_left = epochs_left * run.steps_an_epoch + _cost(px) * (run.steps_an_epoch - position - 1)
        return Progress(
            epoch=epoch + 1,
            epochs=recipe.epochs,
            px=px,
            step=position + 1,
            steps=run.steps_an_epoch,
            loss=loss,
            images_per_second=recipe.batch_size / (self.seconds_a_unit * _cost(px)),
            seconds_left=self.seconds_a_unit * units_left,
        )


def _cost(px: int) -> int:
    """What a step at ``px`` costs beside other sizes: its pixels, and a share that is the same at every size.

    Fitted to measured rates, on two cores with bfloat16, of 230, 165, 110 and 70 images/s at 64, 96, 128 and 160 px.
    """
    return px**2 + 5000


def _write_curves(run: Run, out: Path) -> None:
    write_csv(run.epochs, out / "curves.csv")
    title = _("{arch}, attention: {attention}", arch=run.arch, attention=run.attention)
    write_png(run.epochs, title, out / "curves.png")


def _write_result(run: Run, out: Path) -> None:
    weights = {name: tensor.cpu().contiguous() for name, tensor in run.average.state_dict().items()}
    save_file(weights, out / "final.safetensors")
    facts = {
        "arch": run.arch,
        "attention": run.attention,
        "simam_at": list(simam_lambdas(run.average)),
        "recipe": asdict(run.recipe),
        "wnids": run.data.wnids,
        "categories": run.data.categories,
        "training_images": len(run.data.training),
        "held_out_images": len(run.data.held_out),
        "seconds": run.seconds,
        "hardware": run.hardware,
        "curves": [asdict(epoch) for epoch in run.epochs],
    }
    (out / "run.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
