"""SimAM as a module: multiply every neuron by its 3-D attention weight (Eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .formulas import attention, check_e_lambda
from .refining import Refine, RefineUnderTransforms, refined_with_statistics


class SimAM(nn.Module):
    """Parameter-free attention ``x · sigmoid(1/e*)`` over feature maps (N, C, H, W); shape and dtype are kept.

    Args:
        e_lambda: the paper's λ > 0. The authors train with 0.1 on ImageNet and 1e-4 on CIFAR.

    Raises:
        ValueError: λ is not a number above 0 within the range that :func:`simam_viz.modules.formulas.check_e_lambda` takes, or the
            input does not have four dimensions.

    Source: Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML
    2021, Eqs. 5 and 6.
    """

    def __init__(self, e_lambda: float = 1e-4) -> None:
        super().__init__()
        self.e_lambda = check_e_lambda(e_lambda)

    def weights(self, x: Tensor) -> Tensor:
        """The weight that :meth:`forward` gives every neuron of ``x``, (N, C, H, W)."""
        return attention(x, self.e_lambda)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), refined."""
        if x.dim() != 4:
            raise ValueError(f"SimAM works on feature maps of shape (N, C, H, W), not on shape {tuple(x.shape)}.")
        e_lambda = check_e_lambda(self.e_lambda)
        if torch.is_grad_enabled() and x.requires_grad:
            try:
                refined: Tensor = Refine.apply(x, e_lambda)
            except RuntimeError:  # torch.func's transforms take the other one alone
                refined = RefineUnderTransforms.apply(x, e_lambda)
            return refined
        return refined_with_statistics(x, e_lambda, followed=not torch.is_inference_mode_enabled())[0]

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
        return super().weights(x).mean(dim=(2, 3), keepdim=True).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), times its weights."""
        return x * self.weights(x)


class FixedMeanSimAM(SimAM):
    """SimAM at one λ whose channels keep the mean weight that they have at another.

    λ also changes a channel's mean weight, a scale that batch norm feels. Here each channel's weights are rescaled so
    that their mean is the one that the same features get at ``scale_e_lambda``, the λ the network was trained with: what
    is left of a change of λ is where the weights lie. A rescaled weight may fall below 0.622 or pass 1.
    """

    def __init__(self, e_lambda: float, scale_e_lambda: float) -> None:
        super().__init__(e_lambda)
        self.scale_e_lambda = check_e_lambda(scale_e_lambda)

    def weights(self, x: Tensor) -> Tensor:
        """The rescaled weight of every neuron of ``x``, (N, C, H, W)."""
        weights, trained = super().weights(x), attention(x, self.scale_e_lambda)
        return weights * (trained.mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), times its weights."""
        return x * self.weights(x)


class RemovedSimAM(nn.Module):
    """What comes in goes out: the place where SimAM was taken out of a network; it remembers the λ that SimAM had there."""

    def __init__(self, e_lambda: float) -> None:
        super().__init__()
        self.e_lambda = check_e_lambda(e_lambda)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` itself."""
        return x


class EachSimAM(SimAM):
    """A batch of which every image has an attention of its own; one image alone goes through each, and leaves as a batch.

    Args:
        each: what works on each image, in the order of the batch: a :class:`SimAM`, or anything else that keeps the shape.

    Raises:
        ValueError: none of them is a :class:`SimAM`.
    """

    def __init__(self, each: Sequence[nn.Module]) -> None:
        simams = [one for one in each if isinstance(one, SimAM)]
        if not simams:
            raise ValueError("At least one image of the batch must have SimAM.")
        super().__init__(simams[0].e_lambda)
        # Not among the module's children: to a network, this is one SimAM.
        self.each = tuple(each)

    def weights(self, x: Tensor) -> Tensor:
        """As :meth:`SimAM.weights`; all 1 for an image that has no SimAM."""
        return torch.cat(
            [
                one.weights(part) if isinstance(one, SimAM) else torch.ones_like(part)
                for one, part in zip(self.each, self._parts(x), strict=True)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Each image of ``x`` (N, C, H, W), or its only one, through the module that is its own: (N, C, H, W)."""
        return torch.cat([one(part) for one, part in zip(self.each, self._parts(x), strict=True)])

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(x.expand(len(self.each), *x.shape[1:]), 1)
