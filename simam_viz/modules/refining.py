"""x · sigmoid(1/e*) in as little memory as it takes, and its derivatives, for training and for ``torch.func``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .formulas import IMPORTANCE_FLOOR, channel_statistics, overflowed, positions, spatial

_PART = 2**20
"""Neurons that are worked on at once: with a whole batch, every operation would go through main memory."""

_FLOORS = {
    dtype: torch.full((), IMPORTANCE_FLOOR, dtype=dtype, device="cpu") for dtype in (torch.float32, torch.float64)
}


def refined_with_statistics(
    x: Tensor, e_lambda: float | Tensor, followed: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """``x · sigmoid(1/e*)``, and the statistics of :func:`weights_with_statistics`, whose map is also that of the result."""
    wide = _wide(x)
    weights, mean, inverse = weights_with_statistics(wide, e_lambda, followed)
    refined = weights.mul_(wide)
    return refined if refined.dtype is x.dtype else refined.to(x.dtype), mean, inverse


def refined_with_weights(x: Tensor, e_lambda: float | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``x · sigmoid(1/e*)``, and what :func:`weights_with_statistics` gives: one map more than without the weights.

    They are at least float32, and float64 only where x is.
    """
    wide = _wide(x)
    weights, mean, inverse = weights_with_statistics(wide, e_lambda)
    return (weights * wide).to(x.dtype), weights.to(wide.dtype), mean, inverse


def weights_with_statistics(
    wide: Tensor, e_lambda: float | Tensor, followed: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """``sigmoid(1/e*)``, every channel's mean μ, and q = 1/((M − 1)(σ² + λ)): 1/e* = (M − 1)/4 · d²·q + ½.

    Of maps in float32 or float64. One new map, which holds d², 1/e* and the weights by turns. With ``followed``, in operations alone that
    forward-mode differentiation and ``torch.func.vmap`` can follow. λ is one number, or one for each image, (N, 1, 1, 1).
    """
    # On the small maps of deep layers PyTorch's calls take longer than its arithmetic, so there is none that can be spared: sums
    # and not torch.var_mean or mean, no ``to`` without need.
    dims, neurons = spatial(wide), positions(wide)
    mean = wide.sum(dim=dims, keepdim=True).mul_(1 / max(neurons, 1))
    work = (wide - mean).pow_(2)
    others = max(neurons - 1, 1)
    squares = work.sum(dim=dims, keepdim=True)
    if wide.dtype is torch.float32 and overflowed(squares):
        return weights_with_statistics(wide.double(), e_lambda, followed)
    inverse = squares.add_(others * e_lambda).reciprocal_()
    if followed or work.is_contiguous() or not work.is_cpu:
        work.mul_(inverse * (others / 4)).add_(IMPORTANCE_FLOOR)
    else:  # one pass is quicker where channels lie side by side, and slower where each has a stretch of memory
        torch.addcmul(_FLOORS[work.dtype], work, inverse, value=others / 4, out=work)
    return work.sigmoid_(), mean, inverse


class _Refinement(torch.autograd.Function):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        """Forward-mode differentiation."""
        (x,) = ctx.saved_tensors
        return _differential(tangent, x, ctx.e_lambda)


class Refine(_Refinement):
    """:func:`refined_with_statistics` with its gradient by hand: autograd would keep six maps the size of x, this keeps x alone.

    Where the gradient is itself to be differentiated, it is written in operations that autograd follows.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, e_lambda: float | Tensor) -> Tensor:
        """The refined maps, of the shape of ``x`` (N, C, H, W), at one λ or at one for each image, (N, 1, 1, 1)."""
        refined, mean, inverse = at_lambda_in_parts(refined_with_statistics, x, e_lambda)
        ctx.e_lambda, ctx.statistics = e_lambda, (mean, inverse)
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return refined

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """∂L/∂x from ∂L/∂(refined x)."""
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody may ask for the gradient of this gradient
            return _differentiable_gradient(grad, x, ctx.e_lambda), None
        (gradient,) = in_parts(_gradient, grad, x, *ctx.statistics)
        return gradient, None


class RefineWithWeights(torch.autograd.Function):
    """:class:`Refine` that gives the weights as well, and has them at hand in its backward pass, in the memory of one more map."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, e_lambda: float | Tensor) -> tuple[Tensor, Tensor]:
        """The refined maps and the weights, both of the shape of ``x``; λ as there."""
        refined, weights, mean, inverse = at_lambda_in_parts(refined_with_weights, x, e_lambda)
        ctx.mark_non_differentiable(weights)
        ctx.set_materialize_grads(False)  # or else zeros are made for what has no gradient
        ctx.e_lambda, ctx.known = e_lambda, (mean, inverse, weights)
        ctx.save_for_backward(x)
        return refined, weights

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, _of_weights: None) -> tuple[Tensor | None, None]:
        """∂L/∂x from ∂L/∂(refined x)."""
        if grad is None:
            return None, None
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _differentiable_gradient(grad, x, ctx.e_lambda), None
        (gradient,) = in_parts(_gradient, grad, x, *ctx.known)
        return gradient, None


class RefineUnderTransforms(_Refinement):
    """The same as the transforms of ``torch.func`` want it; PyTorch takes longer to call it, so training does not."""

    @staticmethod
    def forward(x: Tensor, e_lambda: float) -> Tensor:
        """As that of :class:`Refine`."""
        return refined_with_statistics(x, e_lambda)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        """Keep what the derivatives need."""
        x, ctx.e_lambda = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """∂L/∂x from ∂L/∂(refined x)."""
        (x,) = ctx.saved_tensors
        return _differentiable_gradient(grad, x, ctx.e_lambda), None

    @staticmethod
    def vmap(info: object, in_dims: tuple[int, None], x: Tensor, e_lambda: float) -> tuple[Tensor, int]:
        """Several batches as one."""
        # Images do not depend on each other: what is mapped over is one more dimension of the batch.
        x = x.movedim(in_dims[0], 0)
        return RefineUnderTransforms.apply(x.flatten(0, 1), e_lambda).unflatten(0, x.shape[:2]), 0


def _gradient(grad: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, weights: Tensor | None = None) -> tuple[Tensor]:
    """∂L/∂x from ∂L/∂(refined x), and what :func:`weights_with_statistics` gives: the weights only where they were kept.

    With c = q·(M − 1)/4, s = sigmoid(u), u = d²·c + ½, M neurons and p = 2c · grad · x · s(1 − s) · d = ∂L/∂u · ∂u/∂d:
    ∂L/∂x_i = grad_i·s_i + p_i − mean_j(p_j) − d_i · 4c/(M − 1) · Σ_j p_j·d_j.
    """
    wide, grad = _wide(x), _wide(grad)
    deviation, curvature = wide - mean, inverse * (max(positions(x) - 1, 1) / 4)
    # What float32 does not hold is worked out in float64, and no weights were kept in that.
    if weights is not None and weights.dtype is deviation.dtype:
        direct, closed = grad * weights, 1 - weights
    else:
        weights = deviation.square().mul_(curvature).add_(IMPORTANCE_FLOOR).sigmoid_()
        direct, closed = grad * weights, weights.neg_().add_(1)
    # p, in the memory of 1 − s: grad·s · x · (1 − s) · d · 2c
    through = closed.mul_(direct).mul_(wide).mul_(deviation).mul_(curvature.mul(2))
    shift = through.mean(dim=spatial(x), keepdim=True)
    pull = (through * deviation).sum(dim=spatial(x), keepdim=True)
    pull.mul_(curvature).mul_(4 / max(positions(x) - 1, 1))
    through.sub_(shift).addcmul_(deviation, pull, value=-1)
    return (direct.add_(through).to(x.dtype),)


def _differentiable_gradient(grad: Tensor, x: Tensor, e_lambda: float | Tensor) -> Tensor:
    """:func:`_gradient` without its short ways: a function of ``grad`` and ``x`` that can be differentiated again."""
    deviation, curvature, weights, slope = _derivatives(x, e_lambda)
    grad = _wide(grad)
    through = grad * slope
    pull = (through * deviation).sum(dim=spatial(x), keepdim=True) * curvature * (4 / max(positions(x) - 1, 1))
    return (grad * weights + through - through.mean(dim=spatial(x), keepdim=True) - deviation * pull).to(x.dtype)


def _differential(tangent: Tensor, x: Tensor, e_lambda: float | Tensor) -> Tensor:
    """How the refined x moves if x moves along ``tangent``: the transpose of :func:`_differentiable_gradient`."""
    deviation, curvature, weights, slope = _derivatives(x, e_lambda)
    tangent = _wide(tangent)
    moved = tangent - tangent.mean(dim=spatial(x), keepdim=True)
    pull = (deviation * moved).sum(dim=spatial(x), keepdim=True) * curvature * (4 / max(positions(x) - 1, 1))
    return (tangent * weights + slope * (moved - deviation * pull)).to(x.dtype)


def _derivatives(x: Tensor, e_lambda: float | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """d, c, the weights s = sigmoid(d²·c + ½), and x · s(1 − s) · 2c·d: the slope of x·s by d where c stays as it is."""
    mean, variance = channel_statistics(x)
    wide = _wide(x)
    deviation = wide - mean
    curvature = 1 / (4 * (variance + e_lambda))
    weights = (deviation.square() * curvature + IMPORTANCE_FLOOR).sigmoid()
    return deviation, curvature, weights, wide * weights * (1 - weights) * 2 * curvature * deviation


def in_parts(work: Callable[..., tuple[Tensor, ...]], *batches: Tensor) -> tuple[Tensor, ...]:
    """What ``work`` gives for ``batches`` whose images do not depend on each other, on the processor so many at a time.

    Not where it is compiled, and is to serve batches of any size.
    """
    first = batches[0]
    if torch.compiler.is_compiling() or not first.is_cpu:
        return work(*batches)
    at_once = _PART // 2 if first.element_size() < 4 else _PART  # of narrow numbers, wide ones are made besides
    if first.numel() <= 2 * at_once:
        return work(*batches)
    images = max(at_once // first[0].numel(), 1)
    parts = zip(*(batch.split(images) for batch in batches), strict=True)
    return tuple(torch.cat(results) for results in zip(*(work(*part) for part in parts), strict=True))


def at_lambda_in_parts(
    work: Callable[..., tuple[Tensor, ...]], x: Tensor, e_lambda: float | Tensor
) -> tuple[Tensor, ...]:
    """:func:`in_parts` of what works at one λ, or at one for each image, (N, 1, 1, 1)."""
    if isinstance(e_lambda, Tensor):
        return in_parts(work, x, e_lambda)
    return in_parts(lambda part: work(part, e_lambda), x)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
