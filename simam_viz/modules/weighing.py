"""What all attention modules have in common here: each neuron of a feature map times a weight that the module computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..wording import later

Kind = Literal["simam", "channel", "position", "gate"]
"""What attention weights range over: SimAM's, one for each neuron in closed form; one a channel; one a position; any other."""

IN_WORDS: dict[Kind, str] = {
    "simam": "SimAM",
    "channel": later("one weight a channel"),
    "position": later("one weight a position"),
    "gate": later("a gate"),
}
"""Each kind as it is told; :func:`simam_viz.wording._` shows it."""


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_hooked(module: nn.Module) -> bool:
    """Whether anybody's hook runs in a pass through the module itself."""
    state = vars(module)  # there is no other way to know
    return any(map(state.__getitem__, _HOOKS))


class Weighing(nn.Module):
    """A module x → x · w(x) over feature maps (N, C, H, W), or maps of another number of spatial dimensions."""

    kind: Kind

    def weights(self, x: Tensor) -> Tensor:
        """The weight that every neuron of ``x`` is multiplied by, of the shape of ``x``."""
        raise NotImplementedError


class Gate(Weighing):
    """Anybody's attention module, left as it is, whose weights are read off what it does.

    Args:
        module: takes a feature map (N, C, H, W) and returns it with every neuron multiplied by a weight.
        kind: what its weights range over.
    """

    def __init__(self, module: nn.Module, kind: Kind) -> None:
        super().__init__()
        self.module, self.kind = module, kind

    def forward(self, x: Tensor) -> Tensor:
        """What the module gives for ``x``."""
        weighed: Tensor = self.module(x)
        return weighed

    def weights(self, x: Tensor) -> Tensor:
        """As :meth:`Weighing.weights`.

        Where x is not 0, a weight is output / input. Where it is, ∂output/∂input: with y = x · w(x), ∂y_i/∂x_j is w_i for
        j = i and x_i · ∂w_i/∂x_j besides, which is 0 there. So one backward pass from the zeros alone gives all of theirs.
        """
        with torch.inference_mode(False), torch.enable_grad():
            # From the outside, so that inference tensors and graphs of others stay out of it.
            like = next((p for p in self.module.parameters() if p.is_floating_point()), x)
            entered = x.detach().to(device=like.device, dtype=like.dtype, copy=True).requires_grad_()
            given = self.module(entered.clone())  # which may work in place
            weights = given.detach() / entered.detach()
            silent = entered.detach() == 0
            if bool(silent.any()):
                (slopes,) = torch.autograd.grad(given, entered, silent.to(given.dtype))
                weights = torch.where(silent, slopes, weights)
        return self._as_its_kind(weights, entered.detach()).to(x)

    def _as_its_kind(self, weights: Tensor, x: Tensor) -> Tensor:
        """One number a channel, or a position, taken where the input is largest and rounding least."""
        if self.kind == "channel":
            flat = weights.flatten(2)
            largest = x.abs().flatten(2).argmax(dim=2, keepdim=True)
            return flat.gather(2, largest).expand_as(flat).reshape(weights.shape)
        if self.kind == "position":
            largest = x.abs().argmax(dim=1, keepdim=True)
            return weights.gather(1, largest).expand_as(weights)
        return weights


class Uniform(Weighing):
    """Another module's weights without selection in space: each channel is scaled by their mean over positions."""

    def __init__(self, each_its_own: Weighing) -> None:
        super().__init__()
        self.each_its_own, self.kind = each_its_own, each_its_own.kind

    def weights(self, x: Tensor) -> Tensor:
        """The mean weight of its channel for every neuron of ``x``."""
        weights = self.each_its_own.weights(x)
        return weights.mean(dim=tuple(range(2, x.dim())), keepdim=True).expand_as(weights)

    def forward(self, x: Tensor) -> Tensor:
        """``x``, times its weights; those that were read off a foreign module count as constants in a backward pass."""
        return x * self.weights(x)


class Removed(Weighing):
    """What comes in goes out: the place where an attention module was taken out of a network.

    Args:
        kind: of the module that stood there.
        e_lambda: the λ that it had, of SimAM alone.
        correction: as :class:`simam_viz.SimAM` has it.
    """

    def __init__(self, kind: Kind, e_lambda: float | None = None, correction: Literal[0, 1] = 1) -> None:
        super().__init__()
        self.kind, self.e_lambda, self.correction = kind, e_lambda, correction

    def weights(self, x: Tensor) -> Tensor:
        """All 1."""
        return torch.ones_like(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` itself."""
        return x


class Each(Weighing):
    """A batch of which every image has an attention of its own; one image alone goes through each, and leaves as a batch.

    Args:
        each: what works on each image, in the order of the batch; at least one.
    """

    def __init__(self, each: Sequence[Weighing]) -> None:
        super().__init__()
        self.kind = each[0].kind
        # Not among the module's children: to a network, this is one module.
        self.each = tuple(each)

    def weights(self, x: Tensor) -> Tensor:
        """As :meth:`Weighing.weights`, image by image."""
        return torch.cat([one.weights(part) for one, part in zip(self.each, self._parts(x), strict=True)])

    def forward(self, x: Tensor) -> Tensor:
        """Each image of ``x`` (N, C, H, W), or its only one, through the module that is its own: (N, C, H, W)."""
        return torch.cat([one(part) for one, part in zip(self.each, self._parts(x), strict=True)])

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(x.expand(len(self.each), *x.shape[1:]), 1)
