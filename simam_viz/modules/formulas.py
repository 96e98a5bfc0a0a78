"""The mathematics of SimAM (Yang et al., ICML 2021) as pure tensor functions.

Shapes: ``x`` is (N, C, H, W), or has one spatial dimension or three; every function returns a tensor of that shape and dtype.
For one channel of M = H·W neurons, μ and σ² are its mean and its variance over M − 1 (as in the authors' code; the paper
divides by M), and d = t − μ for a neuron t. ``e_lambda`` is the paper's λ.

bfloat16 and float16 inputs are computed in float32 and cast back: their squares would lose the small differences that
the formula is about. Where features are so large that their squares leave the range of float32 (from about 1e17 on), all
is computed in float64 and cast back.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..wording import _

IMPORTANCE_FLOOR = 0.5
"""The least importance any neuron can have: 1/e* of a neuron that equals its channel's mean."""

ATTENTION_FLOOR = 1.0 / (1.0 + math.exp(-IMPORTANCE_FLOOR))
"""The least weight any neuron can have, σ(½) ≈ 0.622: SimAM favours some neurons and never closes one."""

MEAN_ATTENTION_CEILING = 1.0 / (1.0 + math.exp(-0.75))
"""What the mean weight of a channel stays below, σ(¾): the mean of 1/e* is below ¾, and σ is concave above 0."""


LEAST_E_LAMBDA, GREATEST_E_LAMBDA = 1e-30, 1e30
"""The λ that are taken. float32 holds (M − 1)·λ and its inverse well within its range for them, on maps of a million
neurons too; what is used in practice lies between 1e-6 and 10."""


def check_e_lambda(e_lambda: float) -> float:
    """Return λ as a float; raise ``ValueError`` unless it lies from :data:`LEAST_E_LAMBDA` to :data:`GREATEST_E_LAMBDA`."""
    value = float(e_lambda)
    if not LEAST_E_LAMBDA <= value <= GREATEST_E_LAMBDA:
        raise ValueError(
            _(
                "λ must be a number above 0, from {least:g} to {greatest:g}, not {e_lambda!r}.",
                least=LEAST_E_LAMBDA,
                greatest=GREATEST_E_LAMBDA,
                e_lambda=e_lambda,
            )
        )
    return value


def overflowed(squares: Tensor) -> bool:
    """Whether sums of squares left the range of their number format, as far as their values can be looked at.

    On another device than the processor they are not: every look would make the two wait for each other.
    """
    if not squares.is_cpu or torch.compiler.is_compiling():
        return False
    try:
        return float(squares.max()) == math.inf
    except RuntimeError:  # an empty batch; or, under torch.func's transforms, a tensor that stands for many
        return False


def spatial(x: Tensor) -> tuple[int, ...]:
    """The dimensions of ``x`` that range over positions: all from the third on; ``ValueError`` where there is none."""
    dims = x.dim()
    if dims < 3:
        raise ValueError(f"SimAM works on feature maps of shape (N, C, H, W), not on shape {tuple(x.shape)}.")
    return (2, 3) if dims == 4 else tuple(range(2, dims))


def positions(x: Tensor) -> int:
    """M, the number of neurons in each channel of ``x``."""
    return math.prod(x.shape[2:])


def channel_statistics(x: Tensor, correction: int = 1) -> tuple[Tensor, Tensor]:
    """Mean μ and variance σ² (over M − ``correction``) of every channel, each (N, C, 1, 1).

    In float32; in float64 where x is, or where float32 does not hold its squares.
    A 1 × 1 map has one neuron and no spread: its variance is 0 by definition here.
    """
    mean, _squares, variance = _deviations(x, correction)
    return mean, variance


def energy(x: Tensor, e_lambda: float, correction: int = 1) -> Tensor:
    """Minimal energy e_t* of every neuron (Eq. 5): 4(σ² + λ) / (d² + 2σ² + 2λ), in (0, 2]. Low means distinctive.

    With ``correction=0``, σ² is divided by M, as the paper prints it; so in the two functions that follow.
    """
    e_lambda = check_e_lambda(e_lambda)
    _mean, squares, variance = _deviations(x, correction)
    spread = variance + e_lambda
    return (4 * spread / (squares + 2 * spread)).to(x.dtype)


def importance(x: Tensor, e_lambda: float, correction: int = 1) -> Tensor:
    """Importance 1/e_t* of every neuron: d² / (4(σ² + λ)) + ½, at least ½."""
    return _importance(x, e_lambda, correction).to(x.dtype)


def attention(x: Tensor, e_lambda: float, correction: int = 1) -> Tensor:
    """The 3-D attention weights: sigmoid(1/e_t*) (Eq. 6), in [0.622, 1]."""
    return _importance(x, e_lambda, correction).sigmoid_().to(x.dtype)


def exact_energy(x: Tensor, e_lambda: float) -> Tensor:
    """Energy of every neuron at the true minimum of Eq. 2, without sharing statistics; 1 / :func:`exact_importance`."""
    return (1 / _exact_importance(x, e_lambda)).to(x.dtype)


def exact_importance(x: Tensor, e_lambda: float) -> Tensor:
    """1/e* of every neuron where μ_t and σ_t² are those of the *others*, as Eqs. 3 and 4 have it; one pass all the same.

    1/e* = ½ + (M/(M − 1))²·d² / (4(σ² − M·d²/(M − 1)² + λ)). It orders the neurons of a channel as :func:`importance`
    does, and lets a lone spike rise much higher.
    """
    return _exact_importance(x, e_lambda).to(x.dtype)


def labelling_error(
    w: Tensor, b: Tensor, target: Tensor, others: Tensor, y_target: float = 1.0, y_others: float = -1.0
) -> Tensor:
    """Eq. 1: how badly the line w·x + b sends the target to ``y_target`` and the others to ``y_others``.

    Args:
        w, b: slope and offset of the line, of any shapes that broadcast with each other.
        target: the target neuron t, one value.
        others: the M − 1 other neurons x_i of its channel, (M − 1,).

    Returns:
        (y_t − t̂)² + the mean of (y_o − x̂_i)², of the broadcast shape of ``w`` and ``b``.
    """
    w, b = torch.broadcast_tensors(torch.as_tensor(w), torch.as_tensor(b))
    on_target = (y_target - (w * target + b)).square()
    on_others = (y_others - (w[..., None] * others + b[..., None])).square().mean(dim=-1)
    return on_others + on_target


def energy_landscape(w: Tensor, b: Tensor, target: Tensor, others: Tensor, e_lambda: float) -> Tensor:
    """Eq. 2, the energy of the line w·x + b: its :func:`labelling_error` with labels 1 and −1, plus λw²."""
    return labelling_error(w, b, target, others) + check_e_lambda(e_lambda) * torch.as_tensor(w).square()


def optimal_line(target: Tensor, others: Tensor, e_lambda: float) -> tuple[Tensor, Tensor, Tensor]:
    """The line of least energy in closed form (Eqs. 3 and 4): w*, b* and the energy e* there.

    With μ_t and σ_t² (over their number, M − 1) of the others: w* = 2(t − μ_t) / ((t − μ_t)² + 2σ_t² + 2λ) and
    b* = −½(t + μ_t)·w*. The paper prints w* with a minus sign, which is a slip that its author has confirmed.
    """
    e_lambda = check_e_lambda(e_lambda)
    mean, variance = others.mean(), others.var(correction=0)
    difference = target - mean
    denominator = difference.square() + 2 * variance + 2 * e_lambda
    w = 2 * difference / denominator
    return w, -(target + mean) * w / 2, 4 * (variance + e_lambda) / denominator


def _importance(x: Tensor, e_lambda: float, correction: int = 1) -> Tensor:
    e_lambda = check_e_lambda(e_lambda)
    _mean, squares, variance = _deviations(x, correction)
    return (squares / (4 * (variance + e_lambda))).add_(IMPORTANCE_FLOOR)  # a map less to allocate


def _deviations(x: Tensor, correction: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of every channel the mean μ, d² of every neuron, and the variance σ²; see :func:`channel_statistics`."""
    dims = spatial(x)
    x = _at_least_float32(x)
    # Two plain sums: torch.var_mean is several times slower on the small maps of deep layers, and on channels_last ones.
    mean = x.mean(dim=dims, keepdim=True)
    squares = (x - mean).square()
    whole = squares.sum(dim=dims, keepdim=True)
    if x.dtype is torch.float32 and overflowed(whole.detach()):
        return _deviations(x.double(), correction)
    return mean, squares, whole / max(positions(x) - correction, 1)


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _exact_importance(x: Tensor, e_lambda: float) -> Tensor:
    e_lambda = check_e_lambda(e_lambda)
    mean, variance = channel_statistics(x)
    neurons = positions(x)
    if neurons < 2:
        return torch.full_like(mean, IMPORTANCE_FLOOR)
    squares = (_at_least_float32(x) - mean).square()
    # The difference is a variance: rounding must not take it below zero.
    others = (variance - squares * neurons / (neurons - 1) ** 2).clamp_min(0)
    return squares * (neurons / (neurons - 1)) ** 2 / (4 * (others + e_lambda)) + IMPORTANCE_FLOOR
