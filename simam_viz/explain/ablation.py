"""SimAM made uniform, or taken away, in one block at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoints.loaded import LoadedCheckpoint
from ..modules.simam import FixedMeanSimAM, UniformSimAM
from ..modules.weighing import Removed, Weighing
from ..networks.answers import Question
from ..networks.architectures import is_ours, residual_blocks
from ..networks.lambdas import Times, set_e_lambda
from ..networks.places import attending_modules, weighing_modules
from ..networks.shared import private_copy, replace_modules
from ..photos.squares import Square
from ..wording import _
from .blocks import IMPOSSIBLE
from .inputs import Given, Input, prepared
from .recording import distinct_uses
from .variants import uniform, with_attention

_AT_ONCE = 8


@dataclass(frozen=True)
class Ablation:
    """What SimAM in one block at a time does to the probability of one class."""

    target: int
    on: float
    """Its probability with SimAM on in every block."""
    uniform: dict[str, float]
    """By block: its probability with SimAM uniform over positions in that block alone."""
    off: dict[str, float]
    """By block: its probability with SimAM removed from that block alone."""

    def impossible(self, classes: int) -> bool:
        """Whether the network finds the class impossible (:data:`simam_viz.explain.blocks.IMPOSSIBLE`) among so many.

        And nothing that is done to one block lifts it to what guessing would give it.
        """
        best = max(self.on, *self.uniform.values(), *self.off.values())
        return self.on < IMPOSSIBLE / classes and best < 1 / classes


def ablate_blocks(
    loaded: LoadedCheckpoint,
    image: Given,
    e_lambda: float | Times | None = None,
    target: int | None = None,
    input_size: int | None = None,
    *,
    fixed_mean: bool = False,
    question: Question | None = None,
    square: Square | None = None,
) -> Ablation:
    """The probability of the target with attention uniform, or off, in one block at a time; all other blocks as they are.

    One forward pass: the batch begins with the photo alone and grows by two at every block, where one copy goes on with
    uniform attention and one without, so what lies before that block is computed once. Arguments as
    :func:`simam_viz.compare` takes them.

    Raises:
        ValueError: the network has no attention or answers with no probabilities, or as :func:`simam_viz.analyze`.
    """
    if not loaded.output.has_probabilities:
        raise ValueError(_("This network answers with no probabilities, which taking attention out could change."))
    model = private_copy(with_attention(loaded, "on", fixed_mean).model)
    set_e_lambda(model, e_lambda)
    attending = {m: name for m, name in attending_modules(model).items() if _works(m)}
    blocks = {
        name: block
        for name, block in residual_blocks(model).items()
        if any(module in attending for module in block.modules())
    }
    within = {module for block in blocks.values() for module in block.modules()}
    alone = {m: name for m, name in attending.items() if m not in within}
    if not attending:
        raise ValueError(_("This network has no attention that could be taken out of a block."))
    output, given = loaded.output, prepared(loaded.transforms, image, input_size, square)
    if not is_ours(model):
        probabilities, names = _one_by_one(
            model, _units(loaded, model), lambda answer: output.probabilities(output.logits(answer, question)), given
        )
        return _ablation(probabilities, names, target)
    entered: list[str] = []
    for name, block in blocks.items():
        block.register_forward_pre_hook(partial(_with_two_copies, name, entered))
    replace_modules(model, Weighing, lambda module: _Ablated(module) if module in attending else module)
    for module in list(model.modules()):  # behind a block, or outside of any
        if isinstance(module, _Ablated) and module.on in alone:
            module.register_forward_pre_hook(partial(_with_two_copies, alone[module.on], entered))
    with torch.no_grad():
        probabilities = output.probabilities(output.logits(model(given.tensor), question)).cpu()
    return _ablation(probabilities, distinct_uses(entered), target)


def _units(loaded: LoadedCheckpoint, model: nn.Module) -> dict[str, str]:
    """What is changed as one, and what it is called: the innermost layers around attention, and modules of it in none."""
    layers = list(residual_blocks(model)) if loaded.layers is None else list(loaded.layers.names)
    called = attending_modules(model)
    units = {}
    for name, module in weighing_modules(model).items():
        if _works(module):
            around = [layer for layer in layers if name == layer or name.startswith(f"{layer}.")]
            unit = max(around, key=len, default=name)
            units[unit] = unit if around else called[module]
    return units


def _ablation(probabilities: Tensor, names: Sequence[str], target: int | None) -> Ablation:
    """From probabilities (1 + 2B, K): of the network as it is, and of each block made uniform, then off."""
    classes = probabilities.shape[1]
    target = int(probabilities[0].argmax()) if target is None else operator.index(target)
    if not 0 <= target < classes:
        raise ValueError(
            _("There is no class {index}; this network knows classes 0 to {last}.", index=target, last=classes - 1)
        )
    on, *rest = probabilities[:, target].tolist()
    return Ablation(target, on, dict(zip(names, rest[0::2], strict=True)), dict(zip(names, rest[1::2], strict=True)))


class _Plan:
    """Which unit, a layer or a module that stands alone, is running, and which is to be changed for which image."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        """The units in the order in which they began to run; one that ran twice is there twice."""
        self.changes: list[tuple[int, bool]] = []
        """For each image of the batch the number of the unit to be changed (−1 for none), and whether to uniform or off."""
        self._running: list[int] = []

    @property
    def running(self) -> int:
        """The number of the innermost unit that runs."""
        return self._running[-1] if self._running else -1

    def watch(self, unit: nn.Module, name: str) -> None:
        def enter(unit: nn.Module, inputs: object) -> None:
            self._running.append(len(self.entered))
            self.entered.append(name)

        def leave(unit: nn.Module, inputs: object, output: object) -> None:
            self._running.pop()

        unit.register_forward_pre_hook(enter)
        unit.register_forward_hook(leave)


class _Planned(nn.Module):
    """Attention that is changed for the images of which the plan says so."""

    def __init__(self, attention: Weighing, plan: _Plan) -> None:
        super().__init__()
        self.on, self.uniform, self._plan = attention, _uniform(attention), plan

    def forward(self, x: Tensor) -> Tensor:
        if not self._plan.changes:
            on: Tensor = self.on(x)
            return on
        parts = []
        for part, (unit, off) in zip(x.split(1), self._plan.changes, strict=True):
            changed = unit == self._plan.running
            parts.append(part if changed and off else (self.uniform if changed else self.on)(part))
        return torch.cat(parts)


def _one_by_one(
    model: nn.Module, units: Mapping[str, str], read: Callable[[Any], Tensor], given: Input
) -> tuple[Tensor, list[str]]:
    """The probabilities (1 + 2B, K) with each of B units in turn uniform, then off, in passes of a few images, and their names.

    Nothing is known of a network that is not ours: what lies before a block may be met again behind it.
    """
    plan = _Plan()
    replace_modules(model, Weighing, lambda module: _Planned(module, plan) if _works(module) else module)
    for name, called in units.items():
        plan.watch(model.get_submodule(name), called)
    with torch.no_grad():
        found = [read(model(given.tensor)).cpu()]
        names, plan.entered = plan.entered, []
        changes = [(unit, off) for unit in range(len(names)) for off in (False, True)]
        for first in range(0, len(changes), _AT_ONCE):
            plan.changes, plan.entered = changes[first : first + _AT_ONCE], []
            batch = given.tensor.expand(len(plan.changes), *given.tensor.shape[1:])
            found.append(read(model(batch)).cpu())
    return torch.cat(found), distinct_uses(names)


def _uniform(attention: Weighing) -> Weighing:
    """The same, uniform over positions; at a fixed mean, uniform weights are those means."""
    if isinstance(attention, FixedMeanSimAM):
        return UniformSimAM(attention.scale_e_lambda, attention.correction)
    return uniform(attention)


def _with_two_copies(name: str, entered: list[str], block: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    """Append the untouched photo twice to what enters a block, and the block's name to those of the blocks entered."""
    entered.append(name)
    (x,) = inputs
    return torch.cat([x, x[:1], x[:1]])


def _works(module: nn.Module) -> bool:
    return isinstance(module, Weighing) and not isinstance(module, Removed)


class _Ablated(nn.Module):
    """Attention for all of a batch but its last two entries: uniform for one, nothing for the other."""

    def __init__(self, attention: Weighing) -> None:
        super().__init__()
        self.on = attention
        self.uniform = _uniform(attention)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.on(x[:-2]), self.uniform(x[-2:-1]), x[-1:]])
