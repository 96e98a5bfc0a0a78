"""SimAM as a module: multiply every neuron by its 3-D attention weight (Eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, TypeGuard

import torch
from torch import Tensor, nn

from . import formulas
from .formulas import attention, check_e_lambda, spatial
from .refining import (
    Refine,
    RefineUnderTransforms,
    RefineWithWeights,
    at_lambda_in_parts,
    refined_with_statistics,
    refined_with_weights,
)
from .weighing import Each, Kind, Weighing, is_hooked


class SimAM(Weighing):
    """Parameter-free attention ``x · sigmoid(1/e*)`` over feature maps (N, C, H, W); shape and dtype are kept.

    Maps of a 1-D or 3-D convolution, (N, C, L) or (N, C, D, H, W), are weighed in the same way.

    Args:
        e_lambda: the paper's λ > 0. The authors train with 0.1 on ImageNet and 1e-4 on CIFAR.
        correction: σ² is divided by M less this: 1 is the authors' code, 0 the paper as printed.

    Raises:
        ValueError: λ is not a number above 0 within the range that :func:`simam_viz.modules.formulas.check_e_lambda` takes, or the
            input has no dimension beside images and channels.

    Source: Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML
    2021, Eqs. 5 and 6.
    """

    kind: Kind = "simam"

    def __init__(self, e_lambda: float = 1e-4, correction: Literal[0, 1] = 1) -> None:
        super().__init__()
        self.e_lambda, self.correction = check_e_lambda(e_lambda), correction

    def weights(self, x: Tensor) -> Tensor:
        """The weight that :meth:`forward` gives every neuron of ``x``, (N, C, H, W)."""
        return attention(x, self.e_lambda, self.correction)

    def energy(self, x: Tensor) -> Tensor:
        """e* of every neuron of ``x``, (N, C, H, W), at this module's λ."""
        return formulas.energy(x, self.e_lambda, self.correction)

    def importance(self, x: Tensor) -> Tensor:
        """1/e* of every neuron of ``x``, (N, C, H, W), at this module's λ."""
        return formulas.importance(x, self.e_lambda, self.correction)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), refined."""
        e_lambda = check_e_lambda(self.e_lambda)
        if self.correction != 1 or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return x * self.weights(x)  # in PyTorch's operations alone, which a trace can keep
        if torch.is_grad_enabled() and x.requires_grad:
            try:
                refined: Tensor = Refine.apply(x, e_lambda)
            except RuntimeError:  # torch.func's transforms take the other one alone
                refined = RefineUnderTransforms.apply(x, e_lambda)
            return refined
        work = partial(refined_with_statistics, followed=not torch.is_inference_mode_enabled())
        return at_lambda_in_parts(work, x, e_lambda)[0]

    def with_weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What :meth:`forward` gives for ``x``, and the weights: together quicker than one after the other."""
        return _with_weights(x, check_e_lambda(self.e_lambda))

    def extra_repr(self) -> str:
        """What stands in brackets where a network is printed."""
        return f"e_lambda={self.e_lambda:g}"


class UniformSimAM(SimAM):
    """SimAM without selection in space: each channel is scaled by the mean of its weights over positions.

    The scale that reaches the next layer stays what it was on average, so a comparison with :class:`SimAM` shows
    what *where* the weights lie does, and not what their size does.
    """

    def weights(self, x: Tensor) -> Tensor:
        """The mean weight of its channel for every neuron of ``x``, (N, C, H, W)."""
        return super().weights(x).mean(dim=spatial(x), keepdim=True).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), times its weights."""
        return x * self.weights(x)


class FixedMeanSimAM(SimAM):
    """SimAM at one λ whose channels keep the mean weight that they have at another.

    λ also changes a channel's mean weight, a scale that batch norm feels. Here each channel's weights are rescaled so
    that their mean is the one that the same features get at ``scale_e_lambda``, the λ the network was trained with: what
    is left of a change of λ is where the weights lie. A rescaled weight may fall below 0.622 or pass 1.
    """

    def __init__(self, e_lambda: float, scale_e_lambda: float, correction: Literal[0, 1] = 1) -> None:
        super().__init__(e_lambda, correction)
        self.scale_e_lambda = check_e_lambda(scale_e_lambda)

    def weights(self, x: Tensor) -> Tensor:
        """The rescaled weight of every neuron of ``x``, (N, C, H, W)."""
        weights, trained = super().weights(x), attention(x, self.scale_e_lambda, self.correction)
        dims = spatial(x)
        return weights * (trained.mean(dim=dims, keepdim=True) / weights.mean(dim=dims, keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), times its weights."""
        return x * self.weights(x)


class EachSimAM(Each):
    """A batch of which every image has a λ of its own, refined as one: quicker than image by image, to the same result.

    Args:
        each: a SimAM for each image, for which :func:`is_plain` holds.
    """

    each: tuple[SimAM, ...]

    def forward(self, x: Tensor) -> Tensor:
        """Each image of ``x`` (N, C, H, W), or its only one, refined at the λ that is its own: (N, C, H, W)."""
        x, e_lambda = self._each_its_own(x)
        if torch.is_grad_enabled() and x.requires_grad:
            refined: Tensor = Refine.apply(x, e_lambda)
            return refined
        return at_lambda_in_parts(refined_with_statistics, x, e_lambda)[0]

    def with_weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As that of :class:`SimAM`."""
        return _with_weights(*self._each_its_own(x))

    def _each_its_own(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The batch, and the λ of each of its images."""
        own = [check_e_lambda(one.e_lambda) for one in self.each]
        wide = torch.promote_types(x.dtype, torch.float32)  # half of one holds no small λ
        e_lambda = torch.tensor(own, dtype=wide).to(x.device).view(-1, *[1] * (x.dim() - 1))
        return x.expand(len(own), *x.shape[1:]), e_lambda


def _with_weights(x: Tensor, e_lambda: float | Tensor) -> tuple[Tensor, Tensor]:
    if torch.is_grad_enabled() and x.requires_grad:
        refined, weights = RefineWithWeights.apply(x, e_lambda)
        return refined, weights
    refined, weights, *_statistics = at_lambda_in_parts(refined_with_weights, x, e_lambda)
    return refined, weights


def tells_weights(module: nn.Module) -> TypeGuard[SimAM | EachSimAM]:
    """Whether a module's ``with_weights`` gives what its forward pass does: not if that is another's, was replaced, or has hooks."""
    return (isinstance(module, EachSimAM) or is_plain(module)) and "forward" not in vars(module)


def is_plain(module: nn.Module) -> TypeGuard[SimAM]:
    """Whether a module is SimAM as the authors have it, and what it gives depends on nothing but its input and its λ."""
    return type(module) is SimAM and module.correction == 1 and not is_hooked(module)


def each_its_own(each: Sequence[Weighing]) -> Each:
    """What takes a batch through one module for each image, as one where that can be."""
    return EachSimAM(each) if all(map(is_plain, each)) else Each(each)
