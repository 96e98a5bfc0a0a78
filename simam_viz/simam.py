"""SimAM as a module: multiply every neuron by its 3-D attention weight (Eq. 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from .formulas import IMPORTANCE_FLOOR, attention, check_e_lambda

_PART = 2**20
"""Neurons that are worked on at once in training: with a whole batch, every operation would go through main memory."""


class SimAM(nn.Module):
    """Parameter-free attention ``x · sigmoid(1/e*)`` over feature maps (N, C, H, W); shape and dtype are kept.

    Args:
        e_lambda: the paper's λ > 0. The authors train with 0.1 on ImageNet and 1e-4 on CIFAR.

    Raises:
        ValueError: λ is not a finite number above 0, or the input does not have four dimensions.

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
        if x.dim() != 4:
            raise ValueError(f"SimAM works on feature maps of shape (N, C, H, W), not on shape {tuple(x.shape)}.")
        e_lambda = check_e_lambda(self.e_lambda)
        if torch.is_grad_enabled() and x.requires_grad:
            return _Refine.apply(x, e_lambda)
        return _refined(x, e_lambda)[0]

    def extra_repr(self) -> str:
        return f"e_lambda={self.e_lambda:g}"


class UniformSimAM(SimAM):
    """SimAM without selection in space: each channel is scaled by the mean of its weights over positions.

    The scale that reaches the next layer stays what it was on average, so a comparison with :class:`SimAM` shows
    what *where* the weights lie does, and not what their size does.
    """

    def weights(self, x: Tensor) -> Tensor:
        return super().weights(x).mean(dim=(2, 3), keepdim=True).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
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
        weights, trained = super().weights(x), attention(x, self.scale_e_lambda)
        return weights * (trained.mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights(x)


class EachSimAM(SimAM):
    """A batch of which every image has an attention of its own.

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
        parts = zip(self.each, x.split(1), strict=True)
        return torch.cat(
            [one.weights(part) if isinstance(one, SimAM) else torch.ones_like(part) for one, part in parts]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([one(part) for one, part in zip(self.each, x.split(1), strict=True)])


def _refined(x: Tensor, e_lambda: float) -> tuple[Tensor, Tensor, Tensor]:
    """``x · sigmoid(1/e*)``, every channel's mean μ, and its curvature c = 1/(4(σ² + λ)): 1/e* = d²·c + ½.

    One new map, which holds d², 1/e*, the weights and the result by turns.
    """
    wide = _wide(x)
    # Two plain sums: torch.var_mean is several times slower on the small maps of deep layers, and on channels_last ones.
    mean = wide.mean(dim=(2, 3), keepdim=True)
    work = (wide - mean).square_()
    others = max(x.shape[2] * x.shape[3] - 1, 1)
    curvature = work.sum(dim=(2, 3), keepdim=True).add_(others * e_lambda).reciprocal_().mul_(others / 4)
    if work.is_contiguous():
        work.mul_(curvature).add_(IMPORTANCE_FLOOR)
    else:  # one pass is quicker where channels lie side by side, and slower where each has a stretch of memory
        torch.addcmul(work.new_tensor(IMPORTANCE_FLOOR), work, curvature, out=work)
    refined = work.sigmoid_().mul_(wide)
    return refined.to(x.dtype), mean, curvature


class _Refine(torch.autograd.Function):
    """:func:`_refined` with its gradient by hand: autograd would keep six maps the size of x, this keeps x alone."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, e_lambda: float) -> Tensor:
        refined, mean, curvature = _in_parts(lambda part: _refined(part, e_lambda), x)
        ctx.save_for_backward(x, mean, curvature)
        return refined

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (gradient,) = _in_parts(_gradient, grad, *ctx.saved_tensors)
        return gradient, None


def _gradient(grad: Tensor, x: Tensor, mean: Tensor, curvature: Tensor) -> tuple[Tensor]:
    """∂L/∂x from ∂L/∂(refined x), and the statistics that :func:`_refined` gives.

    With s = sigmoid(u), u = d²·c + ½, M neurons and q = grad · x · s(1 − s) = ∂L/∂u:
    ∂L/∂x_i = grad_i·s_i + 2c·(q_i·d_i − mean_j(q_j·d_j)) − d_i · 8c²/(M − 1) · Σ_j q_j·d_j².
    """
    wide, grad = _wide(x), _wide(grad)
    deviation = wide - mean
    weights = deviation.square().mul_(curvature).add_(IMPORTANCE_FLOOR).sigmoid_()
    direct = grad * weights
    # q·d, in the memory of the weights: grad·s · x · (1 − s) · d
    through = weights.neg_().add_(1).mul_(direct).mul_(wide).mul_(deviation)
    shift = through.mean(dim=(2, 3), keepdim=True)
    pull = (through * deviation).sum(dim=(2, 3), keepdim=True)
    pull.mul_(curvature).mul_(4 / max(x.shape[2] * x.shape[3] - 1, 1))
    # What is left is direct + 2c · (through − shift − pull · d).
    through.sub_(shift).sub_(deviation.mul_(pull)).mul_(curvature.mul(2))
    return (direct.add_(through).to(x.dtype),)


def _in_parts(work: Callable[..., tuple[Tensor, ...]], *batches: Tensor) -> tuple[Tensor, ...]:
    """What ``work`` gives for ``batches`` whose images do not depend on each other, of so many images at a time."""
    if batches[0].numel() <= 2 * _PART:
        return work(*batches)
    images = max(_PART // batches[0][0].numel(), 1)
    parts = zip(*(batch.split(images) for batch in batches), strict=True)
    return tuple(torch.cat(results) for results in zip(*(work(*part) for part in parts), strict=True))


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
