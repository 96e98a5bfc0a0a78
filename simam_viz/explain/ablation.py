"""SimAM made uniform, or taken away, in one block at a time."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..checkpoints.loaded import LoadedCheckpoint
from ..modules.simam import FixedMeanSimAM, UniformSimAM
from ..modules.weighing import Removed, Weighing
from ..networks.answers import Question
from ..networks.architectures import residual_blocks
from ..networks.lambdas import Times, set_e_lambda
from ..networks.places import attending_modules
from ..networks.shared import own_buffers, replace_modules, shared_copy
from ..wording import _
from .blocks import IMPOSSIBLE
from .inputs import Given, prepared
from .recording import distinct_uses
from .variants import uniform, with_attention


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
    model = shared_copy(with_attention(loaded, "on", fixed_mean).model)
    own_buffers(model)
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
    entered: list[str] = []
    for name, block in blocks.items():
        block.register_forward_pre_hook(partial(_with_two_copies, name, entered))
    replace_modules(model, Weighing, lambda module: _Ablated(module) if module in attending else module)
    for module in list(model.modules()):  # behind a block, or outside of any
        if isinstance(module, _Ablated) and module.on in alone:
            module.register_forward_pre_hook(partial(_with_two_copies, alone[module.on], entered))
    output, given = loaded.output, prepared(loaded.transforms, image, input_size)
    with torch.no_grad():
        probabilities = output.probabilities(output.logits(model(given.tensor), question)).cpu()
    names = distinct_uses(entered)
    classes = probabilities.shape[1]
    target = int(probabilities[0].argmax()) if target is None else operator.index(target)
    if not 0 <= target < classes:
        raise ValueError(
            _("There is no class {index}; this network knows classes 0 to {last}.", index=target, last=classes - 1)
        )
    on, *rest = probabilities[:, target].tolist()
    return Ablation(target, on, dict(zip(names, rest[0::2], strict=True)), dict(zip(names, rest[1::2], strict=True)))


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
        # At a fixed mean, uniform weights are those means.
        self.uniform = (
            UniformSimAM(attention.scale_e_lambda, attention.correction)
            if isinstance(attention, FixedMeanSimAM)
            else uniform(attention)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.on(x[:-2]), self.uniform(x[-2:-1]), x[-1:]])
