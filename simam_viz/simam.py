"""SimAM as a module: multiply every neuron by its 3-D attention weight (Eq. 6)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from .formulas import IMPORTANCE_FLOOR, attention, check_e_lambda


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
        return _Refine.apply(x, check_e_lambda(self.e_lambda))

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


class _Refine(torch.autograd.Function):
    """``x · sigmoid(1/e*)`` with its gradient by hand: autograd would keep six maps the size of x, this keeps x alone.

    With s = sigmoid(u), u = d²·c + ½, c = 1/(4(σ² + λ)), M neurons and q = grad · x · s(1 − s) = ∂L/∂u:
    ∂L/∂x_i = grad_i·s_i + 2c·(q_i·d_i − mean_j(q_j·d_j)) − d_i · 8c²/(M − 1) · Σ_j q_j·d_j².

    On a CPU the batch goes through tile by tile, so that the temporaries of one tile stay in the cache.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, e_lambda: float) -> Tensor:
        neurons = x.shape[2] * x.shape[3]
        out = torch.empty_like(x)
        means, curvatures = [], []
        for x_part, out_part in _tiles(x, out):
            wide = _wide(x_part)
            # Two plain sums: torch.var_mean is an order of magnitude slower on channels_last tensors.
            mean = wide.mean(dim=(2, 3), keepdim=True)
            squares = (wide - mean).square_()
            variance = squares.sum(dim=(2, 3), keepdim=True) / max(neurons - 1, 1)
            curvature = 0.25 / (variance + e_lambda)
            weights = squares.mul_(curvature).add_(IMPORTANCE_FLOOR).sigmoid_()
            torch.mul(weights, wide, out=out_part)
            means.append(mean)
            curvatures.append(curvature)
        ctx.save_for_backward(x, torch.cat(means), torch.cat(curvatures))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        x, means, curvatures = ctx.saved_tensors
        neurons = x.shape[2] * x.shape[3]
        out = torch.empty_like(x)
        for x_part, out_part, grad_part, mean, curvature in _tiles(x, out, grad, means, curvatures):
            wide = _wide(x_part)
            deviation = wide - mean
            weights = deviation.square().mul_(curvature).add_(IMPORTANCE_FLOOR).sigmoid_()
            direct = _wide(grad_part) * weights
            through = (1 - weights).mul_(direct).mul_(wide).mul_(deviation)
            first = through.mean(dim=(2, 3), keepdim=True)
            second = (through * deviation).sum(dim=(2, 3), keepdim=True)
            second.mul_(8 * curvature.square() / max(neurons - 1, 1))
            through.sub_(first).mul_(2 * curvature)
            torch.sub(direct.add_(through), deviation.mul_(second), out=out_part)
        return out, None


_TILE = 1 << 18
"""Neurons in a tile: one temporary of a tile is 1 MiB in float32, what the cache of one CPU core holds."""


def _tiles(x: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """``x`` and ``others`` cut along the batch into tiles of whole images (one tile on anything but a CPU)."""
    images = max(_TILE // max(x.shape[1:].numel(), 1), 1) if x.device.type == "cpu" else max(len(x), 1)
    return zip(*(tensor.split(images) for tensor in (x, *others)), strict=True)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
