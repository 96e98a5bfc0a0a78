"""The recipe: every number that shapes a training run, fixed before it starts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..wording import _

SMALLEST, LARGEST = 32, 512
"""Image sizes in pixels that a stage may have: SimAM-ResNets need 32 at least."""


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum over stages of growing image size; the rate warms up, then falls along a cosine."""

    stages: tuple[tuple[int, int], ...] = ((64, 15), (96, 6), (128, 2), (160, 1))
    """Pairs of image size in pixels and epochs."""
    batch_size: int = 256
    peak_rate: float = 0.4
    warm_up: float = 0.15
    """Share of all steps over which the learning rate rises to its peak."""
    momentum: float = 0.9
    weight_decay: float = 3e-4
    """Not applied to biases and norms."""
    label_smoothing: float = 0.1
    crop_area: tuple[float, float] = (0.35, 1.0)
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)
    averaging: float = 0.998
    """What the running average of the weights, which is what is kept in the end, holds on to at each step."""
    statistics_batches: int = 20
    """Training batches from which the averaged network's batch-norm statistics are computed."""
    e_lambda: float = 0.1
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Over all stages."""
        return sum(epochs for _px, epochs in self.stages)

    def px(self, epoch: int) -> int:
        """Image size in pixels of an epoch, counted from 0."""
        for px, epochs in self.stages:
            if epoch < epochs:
                return px
            epoch -= epochs
        raise IndexError("The recipe has no such epoch.")

    def learning_rate(self, step: int, steps: int) -> float:
        """The rate of step 0, 1, … of ``steps`` in all."""
        warm_up_steps = max(round(self.warm_up * steps), 1)
        if step < warm_up_steps:
            return self.peak_rate * (step + 1) / warm_up_steps
        return self.peak_rate * (1 + math.cos(math.pi * (step - warm_up_steps) / (steps - warm_up_steps))) / 2

    def averaging_at(self, step: int) -> float:
        """The running average's memory at step 0, 1, …: short at first, so that it forgets the random start."""
        return min(self.averaging, (step + 1) / (step + 10))


def parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """``"64x14,96x3"`` → 14 epochs at 64 px, then 3 at 96.

    Raises:
        ValueError: it reads otherwise, or a size or number of epochs is out of range.
    """
    stages = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})x([0-9]{1,9})\s*", part)
        if match is None:
            raise ValueError(
                _("The stage {stage!r} is not SIZExEPOCHS; write stages like 64x14,96x3,128x1.", stage=part)
            )
        px, epochs = int(match[1]), int(match[2])
        if not SMALLEST <= px <= LARGEST:
            raise ValueError(
                _(
                    "A stage's images must be {least} to {most} pixels wide, not {px}.",
                    least=SMALLEST,
                    most=LARGEST,
                    px=px,
                )
            )
        if not 1 <= epochs <= 1000:
            raise ValueError(_("A stage must have 1 to 1000 epochs, not {epochs}.", epochs=epochs))
        stages.append((px, epochs))
    return tuple(stages)


def format_stages(stages: Iterable[tuple[int, int]]) -> str:
    """What :func:`parse_stages` reads."""
    return ",".join(f"{px}x{epochs}" for px, epochs in stages)
