"""The recipe: every number that shapes a training run, fixed before it starts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..wording import _
from .batches import MEAN, STD, Channels

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
    nesterov: bool = True
    decay_everything: bool = False
    """Whether weight decay is applied to biases and norms too."""
    drops: tuple[int, ...] = ()
    """Epochs, counted from 0, with which the rate falls to a tenth; with none it falls along a cosine."""
    padding: int = 0
    """Where above 0: pixels by which an image is padded with black, whose own size is then cropped out of it; no other crops."""
    centre: float = 1.0
    """Share of the centre square's side that is looked at where photos are measured."""
    mean: Channels = MEAN
    """Of the input's normalisation, by channel, and ``std`` as well."""
    std: Channels = STD

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
        if self.drops:
            epoch = step * self.epochs // steps
            return self.peak_rate * 0.1 ** sum(epoch >= drop for drop in self.drops)
        return self.peak_rate * (1 + math.cos(math.pi * (step - warm_up_steps) / (steps - warm_up_steps))) / 2

    def averaging_at(self, step: int) -> float:
        """The running average's memory at step 0, 1, …: short at first, so that it forgets the random start."""
        return min(self.averaging, (step + 1) / (step + 10))

    def settings(self) -> dict[str, Any]:
        """As plain values, by which runs are told apart; a setting that came later is left out where it changes nothing."""
        usual = {field.name: field.default for field in fields(Recipe)}
        return {name: value for name, value in asdict(self).items() if name not in _CAME_LATER or value != usual[name]}


_CAME_LATER = frozenset({"nesterov", "decay_everything", "drops", "padding", "centre", "mean", "std"})
"""States and cards that were written before are as good as ever."""


def checked(recipe: Recipe) -> Recipe:
    """The recipe itself, if every number in it makes sense.

    Raises:
        ValueError: one does not; the message names it.
    """
    for name, value, sensible, wanted in (
        ("batch_size", recipe.batch_size, recipe.batch_size >= 2, "2…"),
        ("peak_rate", recipe.peak_rate, 0 < recipe.peak_rate < math.inf, "> 0"),
        ("warm_up", recipe.warm_up, 0 <= recipe.warm_up < 1, "0 ≤ … < 1"),
        ("momentum", recipe.momentum, 0 <= recipe.momentum < 1, "0 ≤ … < 1"),
        ("nesterov", recipe.nesterov, recipe.momentum > 0 or not recipe.nesterov, "false"),
        ("weight_decay", recipe.weight_decay, 0 <= recipe.weight_decay < math.inf, "≥ 0"),
        ("label_smoothing", recipe.label_smoothing, 0 <= recipe.label_smoothing < 1, "0 ≤ … < 1"),
        ("crop_area", recipe.crop_area, 0 < recipe.crop_area[0] <= recipe.crop_area[1] <= 1, "0 < a ≤ b ≤ 1"),
        ("crop_aspect", recipe.crop_aspect, 0 < recipe.crop_aspect[0] <= recipe.crop_aspect[1] < 100, "0 < a ≤ b"),
        ("averaging", recipe.averaging, 0 <= recipe.averaging < 1, "0 ≤ … < 1"),
        ("statistics_batches", recipe.statistics_batches, recipe.statistics_batches >= 0, "0…"),
        ("e_lambda", recipe.e_lambda, 0 < recipe.e_lambda < math.inf, "> 0"),
        ("seed", recipe.seed, 0 <= recipe.seed < 2**63, "0…"),
        ("drops", recipe.drops, all(drop > 0 for drop in recipe.drops), "1…"),
        ("padding", recipe.padding, 0 <= recipe.padding <= SMALLEST, f"0…{SMALLEST}"),
        ("centre", recipe.centre, 0.1 <= recipe.centre <= 1, "0.1…1"),
        ("std", recipe.std, all(value > 0 for value in recipe.std), "> 0"),
    ):
        if not sensible:
            raise ValueError(_("{name} must be {wanted}, not {value}.", name=name, wanted=wanted, value=value))
    return recipe


def settings_in_words(recipe: Recipe) -> str:
    """The recipe as a card tells it."""
    stages = ", ".join(f"{epochs} at {px} px" for px, epochs in recipe.stages)
    nesterov = "Nesterov momentum" if recipe.nesterov else "momentum"
    warm = f" over the first {100 * recipe.warm_up:g} % of the steps" if recipe.warm_up else ""
    fall = (
        f"falling to a tenth with each of the epochs {', '.join(map(str, recipe.drops))}"
        if recipe.drops
        else "then cosine to 0"
    )
    spared = "" if recipe.decay_everything else " except on biases and norms"
    crops = (
        f"crop of its own size from the image padded by {recipe.padding} black pixels"
        if recipe.padding
        else f"random resized crop (area {recipe.crop_area[0]:g}–{recipe.crop_area[1]:g}, reflection padding)"
    )
    average = (
        f"running average of the weights ({recipe.averaging:g} a step)"
        if recipe.averaging
        else "the last step's weights"
    )
    statistics = ", batch-norm statistics computed anew for it" if recipe.statistics_batches else ""
    return (
        f"{recipe.epochs} epochs ({stages}); batch {recipe.batch_size}; SGD with {nesterov} {recipe.momentum:g}, rate up to "
        f"{recipe.peak_rate:g}{warm}, {fall}; weight decay {recipe.weight_decay:g}{spared}; label smoothing "
        f"{recipe.label_smoothing:g}; {crops} and flip; {average}{statistics}."
    )


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
        stages.append(checked_stage(int(match[1]), int(match[2])))
    return tuple(stages)


def checked_stage(px: int, epochs: int) -> tuple[int, int]:
    """An image size and so many epochs at it.

    Raises:
        ValueError: one is out of range.
    """
    if not SMALLEST <= px <= LARGEST:
        raise ValueError(
            _("A stage's images must be {least} to {most} pixels wide, not {px}.", least=SMALLEST, most=LARGEST, px=px)
        )
    if not 1 <= epochs <= 1000:
        raise ValueError(_("A stage must have 1 to 1000 epochs, not {epochs}.", epochs=epochs))
    return px, epochs


def format_stages(stages: Iterable[tuple[int, int]]) -> str:
    """What :func:`parse_stages` reads."""
    return ",".join(f"{px}x{epochs}" for px, epochs in stages)
