"""SimAM made uniform, or taken away, in one block at a time."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..checkpoints.loading import LoadedCheckpoint
from ..modules.simam import FixedMeanSimAM, SimAM, UniformSimAM
from ..networks import answers
from ..networks.architectures import residual_blocks
from ..networks.lambdas import set_e_lambda
from ..networks.places import attending_modules
from ..networks.shared import own_buffers, replace_modules, shared_copy
from ..photos.images import ImageSource, check_input_size
from ..wording import _
from .blocks import IMPOSSIBLE
from .recording import distinct_uses
from .variants import with_attention


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
    image: ImageSource,
    e_lambda: float | None = None,
    target: int | None = None,
    input_size: int | None = None,
    *,
    fixed_mean: bool = False,
) -> Ablation:
    """The probability of the target with attention uniform, or off, in one block at a time; all other blocks as they are.

    One forward pass: the batch begins with the photo alone and grows by two at every block, where one copy goes on with
    uniform attention and one without, so what lies before that block is computed once. Arguments as
    :func:`simam_viz.compare` takes them.

    Raises:
        ValueError: the network has no SimAM, or as :func:`simam_viz.analyze`.
    """
    if input_size is not None:
        check_input_size(input_size)
    model = shared_copy(with_attention(loaded, "on", fixed_mean).model)
    own_buffers(model)
    set_e_lambda(model, e_lambda)
    blocks = {
        name: block
        for name, block in residual_blocks(model).items()
        if any(isinstance(module, SimAM) for module in block.modules())
    }
    within = {module for block in blocks.values() for module in block.modules()}
    alone = {m: name for m, name in attending_modules(model).items() if isinstance(m, SimAM) and m not in within}
    if not blocks and not alone:
        raise ValueError(_("This network has no SimAM that could be taken out of a block."))
    entered: list[str] = []
    for name, block in blocks.items():
        block.register_forward_pre_hook(partial(_with_two_copies, name, entered))
    replace_modules(model, SimAM, _Ablated)
    for module in list(model.modules()):  # behind a block, or outside of any
        if isinstance(module, _Ablated) and module.on in alone:
            module.register_forward_pre_hook(partial(_with_two_copies, alone[module.on], entered))
    view = loaded.transforms.view(image, input_size)
    with torch.no_grad():
        probabilities = answers.probabilities(model(loaded.transforms.tensor(view)[None]))
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


class _Ablated(nn.Module):
    """SimAM for all of a batch but its last two entries: uniform for one, nothing for the other."""

    def __init__(self, simam: SimAM) -> None:
        super().__init__()
        self.on = simam
        # At a fixed mean, uniform weights are those means.
        self.uniform = UniformSimAM(simam.scale_e_lambda if isinstance(simam, FixedMeanSimAM) else simam.e_lambda)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.on(x[:-2]), self.uniform(x[-2:-1]), x[-1:]])
