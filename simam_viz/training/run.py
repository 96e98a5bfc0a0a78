"""One network in training: everything random in it depends on seed and step alone, whatever number of processes train it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from ..evaluation.accuracy import Answers, predict, top_k_accuracy
from ..evaluation.image_sets import PhotoSet
from ..evaluation.tiny_imagenet import TrainingData
from ..wording import _
from .batches import cropped, crops_of_squares, draw, enlarge, flips, generator, number_of, shifts
from .captured import Captured
from .curves import Epoch
from .feeding import Request, fed
from .network import Design, Start, new_network
from .precision import Precision, autocast, native_precision
from .processes import Processes, part
from .randomness import random_state, set_random_state
from .recipe import Recipe

# Streams of random numbers, so that no two uses share any.
_ORDER, _AUGMENTATION, _DROPOUT = 0, 1, 2

_MEASURED_AT_ONCE = 250

Drawn = tuple[Tensor, Tensor, Tensor]
"""Images (n, H, W, 3) of uint8, labels (n,) and crops (n, 2, 3), on the device."""


@dataclass
class Run:
    """One network in training. Its whole state is :meth:`state`; everything random depends on seed and step alone.

    Of several processes each has a run of its own, and trains on its share of every batch.

    Raises:
        ValueError: there are too few images for a batch, or a batch has too few for all its shares.
    """

    data: TrainingData
    recipe: Recipe
    design: Design
    precision: Precision = field(default_factory=native_precision)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Precision and device of this session. A run may go on in others on another machine; ``hardware`` then tells all."""
    start: Start | None = None
    processes: Processes = field(default_factory=Processes)
    accumulate: int = 1
    """In how many parts a process takes its share of a batch, one after the other, so that it fits into memory."""
    workers: int = 0
    """Processes that decode photos ahead of their turn."""
    step: int = 0
    seconds: float = 0.0
    """For how long it was trained and measured; the time of a step is added by whoever waits for it."""
    loss_sum: float | Tensor = 0.0
    """Sum of the losses of the steps taken in this epoch; a tensor while it is on a device that need not be waited for."""
    epochs: list[Epoch] = field(default_factory=list)
    hardware: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each kind of machine and precision that the run has been on."""

    def __post_init__(self) -> None:
        self._check_batch()
        torch.manual_seed(self.recipe.seed)
        classes, e_lambda = len(self.data.categories), self.recipe.e_lambda
        model, self.begun_anew = new_network(self.design, classes, e_lambda, self.start)
        # Made on the CPU, with its random numbers, and only then moved.
        self.model: nn.Module = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.model).requires_grad_(False).eval()
        """The network with the running average of the weights: what is kept in the end. It begins at the start."""
        decayed = [p for p in self.model.parameters() if p.dim() > 1 or self.recipe.decay_everything]
        others = [p for p in self.model.parameters() if p.dim() <= 1 and not self.recipe.decay_everything]
        self.optimizer = torch.optim.SGD(
            [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.recipe.peak_rate,
            momentum=self.recipe.momentum,
            nesterov=self.recipe.nesterov,
            fused=self.device.type == "cuda",
        )
        whole = self.processes.count == 1 and self.accumulate == 1
        self._gradients = Captured(self._backward) if whole and self.device.type == "cuda" else self._backward
        images = self.data.training
        self._side = 0 if isinstance(images, PhotoSet) else images.take(np.arange(1))[0].shape[1]
        """Of decoded images, in pixels; 0 for photos, which are decoded to the size that is wanted."""
        self._order: tuple[int, np.ndarray] = -1, np.empty(0, np.int64)
        self._coming: tuple[int, Iterator[Drawn]] = -1, iter(())

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
        return next(self._batches([step]))

    def take_step(self) -> Tensor:
        """Train on the next batch and return the loss, (), on the device, which may not have come to its end."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate(self.step, self.steps)
        self.model.train()
        px, shares = self._px(self.step), self._own_share()
        if self.processes.count == 1 and self.accumulate == 1:
            loss = self._gradients(px, *next(shares))
        else:
            loss = self._gradients_of_shares(px, shares)
        self.optimizer.step()
        move = get_ema_multi_avg_fn(self.recipe.averaging_at(self.step))
        move([*self.average.parameters()], [*self.model.parameters()], 0)
        self.step += 1
        self.loss_sum = self.loss_sum + loss.double()
        return loss

    def finish_epoch(self) -> Epoch:
        """Measure the averaged network on the held-out images and begin a new epoch's account."""
        begun = time.monotonic()
        epoch = self.step // self.steps_an_epoch - 1
        px = self.recipe.px(epoch)
        with autocast(self.precision, self.device):
            self._collect_statistics(epoch)
            places = self._places(px)
        top1, top5 = top_k_accuracy(places, 1), top_k_accuracy(places, 5)
        self.seconds += time.monotonic() - begun
        row = Epoch(epoch + 1, px, self.seconds, float(self.loss_sum) / self.steps_an_epoch, top1, top5)
        self.epochs.append(row)
        self.loss_sum = 0.0
        return row

    def state(self) -> dict[str, Any]:
        """Everything needed to go on, of plain types and tensors; the same whatever number of processes there are."""
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
            "random": random_state(self.device),
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
        set_random_state(state.get("random", {}), self.device)

    def _check_batch(self) -> None:
        size, shares = self.recipe.batch_size, self.processes.count * self.accumulate
        if len(self.data.training) < size:
            raise ValueError(
                _("{images} images to train on make no batch of {batch}.", images=len(self.data.training), batch=size)
            )
        if size < 2 * shares:
            raise ValueError(
                _(
                    "A batch of {batch} cannot be shared by {processes} processes in {parts} parts each: batch norm needs two "
                    "images in each.",
                    batch=size,
                    processes=self.processes.count,
                    parts=self.accumulate,
                )
            )
        if not len(self.data.held_out):
            raise ValueError(_("There is no image to measure on."))

    # What is trained on.

    def _px(self, step: int) -> int:
        return self.recipe.px(step // self.steps_an_epoch)

    def _own_share(self) -> Iterator[Drawn]:
        """What of the next step's batch is this process's, in as many parts as it takes it in."""
        if self._coming[0] != self.step:
            own = self._slices()
            self._coming = self.step, self._drawn((step, each) for step in range(self.step, self.steps) for each in own)
        coming = self._coming[1]
        self._coming = self.step + 1, coming
        return (next(coming) for _part in range(self.accumulate))

    def _slices(self) -> list[slice]:
        """The places in any batch that are this process's, part by part."""
        own = part(self.recipe.batch_size, self.processes.rank, self.processes.count)
        parts = (part(own.stop - own.start, number, self.accumulate) for number in range(self.accumulate))
        return [slice(own.start + each.start, own.start + each.stop) for each in parts]

    def _drawn(self, asked: Iterable[tuple[int, slice]]) -> Iterator[Drawn]:
        """Parts of the batches of some steps, in order."""
        crops: list[Tensor] = []  # of what was asked for and has not come yet

        def requests() -> Iterator[Request]:
            for step, places in asked:
                request, affine = self._requested(step, places)
                crops.append(affine)
                yield request

        for images, labels in fed(self.data.training, requests(), self.workers):
            yield images.to(self.device), labels.to(self.device), crops.pop(0).to(self.device)

    def _requested(self, step: int, places: slice) -> tuple[Request, Tensor]:
        """Part of a step's batch, and the crops (n, 2, 3) that are still to be made of it."""
        epoch, position = divmod(step, self.steps_an_epoch)
        if self._order[0] != epoch:
            shuffled = torch.randperm(len(self.data.training), generator=generator(self.recipe.seed, _ORDER, epoch))
            self._order = epoch, shuffled.numpy()
        size, px = self.recipe.batch_size, self.recipe.px(epoch)
        indices = self._order[1][position * size : (position + 1) * size][places]
        random_numbers = generator(self.recipe.seed, _AUGMENTATION, step)
        drawn = draw(size, self.recipe.crop_area, self.recipe.crop_aspect, random_numbers)[places]
        if self.recipe.padding:
            return Request(indices, px), shifts(drawn, self.recipe.padding, self._side or px)
        if isinstance(self.data.training, PhotoSet):
            return Request(indices, px, drawn), flips(drawn)
        return Request(indices, px), crops_of_squares(drawn)

    def _input(self, images: Tensor, crops: Tensor, px: int) -> Tensor:
        return cropped(images, crops, px, self.recipe.mean, self.recipe.std, black_around=self.recipe.padding > 0)

    def _batches(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Whole batches of some steps."""
        steps = list(steps)
        everything = slice(0, self.recipe.batch_size)
        for step, (images, labels, crops) in zip(steps, self._drawn([(s, everything) for s in steps]), strict=True):
            yield self._input(images, crops, self._px(step)), labels

    # How.

    @cached_property
    def _trained(self) -> nn.Module:
        """The network; of several processes, connected to theirs. They connect when all of them take their first step."""
        return self.model if self.processes.count == 1 else DistributedDataParallel(self.model)

    def _loss(self, px: int, images: Tensor, labels: Tensor, crops: Tensor) -> Tensor:
        x = self._input(images, crops, px)
        with autocast(self.precision, self.device):
            logits: Tensor = self._trained(x)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def _backward(self, px: int, images: Tensor, labels: Tensor, crops: Tensor) -> Tensor:
        """Leave the gradients of the loss on a batch in the weights, and return the loss."""
        self.optimizer.zero_grad()
        loss = self._loss(px, images, labels, crops)
        loss.backward()
        return loss.detach()

    def _gradients_of_shares(self, px: int, shares: Iterable[Drawn]) -> Tensor:
        """As :meth:`_backward` of the whole batch, where every process has its share of it, in parts."""
        self.optimizer.zero_grad()
        torch.manual_seed(number_of(self.recipe.seed, _DROPOUT, self.step, self.processes.rank))
        total = torch.zeros((), device=self.device)
        for number, (images, labels, crops) in enumerate(shares, start=1):
            network, last = self._trained, number == self.accumulate
            with (
                contextlib.nullcontext()
                if last or not isinstance(network, DistributedDataParallel)
                else network.no_sync()
            ):
                loss = self._loss(px, images, labels, crops) * (len(labels) / self.recipe.batch_size)
                # Gradients are averaged over the processes, and ours are parts of a sum.
                (loss * self.processes.count).backward()
            total += loss.detach()
        return self.processes.summed(total)

    # What came of it.

    def _collect_statistics(self, epoch: int) -> None:
        """Batch-norm statistics of the averaged network: those that were collected in training belong to other weights."""
        if not self.recipe.statistics_batches:
            for own, theirs in zip(self.average.buffers(), self.model.buffers(), strict=True):
                own.copy_(self.processes.of_first(theirs))
            return
        first = epoch * self.steps_an_epoch
        steps = range(first, first + min(self.recipe.statistics_batches, self.steps_an_epoch))
        own_steps = steps[self.processes.rank :: self.processes.count]
        update_bn((x for x, _labels in self._batches(own_steps)), self.average)
        if self.processes.count == 1:
            return
        for norm in (module for module in self.average.modules() if isinstance(module, _BatchNorm)):
            for mean in (norm.running_mean, norm.running_var):
                if mean is not None:  # over the batches that were this process's
                    self.processes.summed(mean.mul_(len(own_steps) / len(steps)))

    def _places(self, px: int) -> list[int]:
        """Of each held-out image, the place of its true class."""
        held_out = self.data.held_out
        own = part(len(held_out), self.processes.rank, self.processes.count)
        starts = range(own.start, own.stop, _MEASURED_AT_ONCE)
        indices = [np.arange(start, min(start + _MEASURED_AT_ONCE, own.stop)) for start in starts]
        requests = (Request(each, px, centre=self.recipe.centre) for each in indices)
        places = torch.zeros(len(held_out), dtype=torch.int64)
        if indices:
            shown = fed(held_out, requests, self.workers)
            mean, std = self.recipe.mean, self.recipe.std
            logits = predict(
                self.average, (enlarge(images.to(self.device), px, mean, std) for images, _labels in shown)
            )
            places[own] = torch.tensor(Answers(logits, torch.from_numpy(held_out.labels[own])).places)
        found: list[int] = self.processes.summed(places).tolist()
        return found

    def _identity(self) -> str:
        """What must be the same for a state to fit."""
        network: dict[str, Any] = {
            "arch": self.design.arch,
            "attention": self.design.attention,
            "classes": len(self.data.categories),
        }
        if self.design.simam_at != Design.simam_at:
            network["simam_at"] = self.design.simam_at
        if self.start is not None:
            network["start"] = self.start.sha256
        return json.dumps({**network, **self.recipe.settings()}, sort_keys=True)
