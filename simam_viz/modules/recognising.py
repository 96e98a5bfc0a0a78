"""Anybody's attention module, known by what it does to random numbers and not by its name.

A module that multiplies every neuron by a weight gives 0 wherever it gets 0, whatever the other neurons are. Attention also
looks at the others: what it does to a neuron changes with them, where an activation's does not. And it sees how strong they
are, which a normalisation does not, or its weights lie between 0 and 1. Of what is left, r = output / input are the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from .simam import SimAM
from .weighing import Kind

_LARGEST, _LEAST = 16, 4
"""The side of the maps of random numbers; what can be told shows on small ones."""
_AGREES = 1e-5
"""SimAM is taken for ours if their outputs differ by no more."""


@dataclass(frozen=True)
class Recognised:
    """What a module was recognised as."""

    kind: Kind
    e_lambda: float | None = None
    """Of SimAM."""
    correction: Literal[0, 1] = 1
    """Of SimAM: what it divides σ² by, M less this."""


@torch.no_grad()
def recognise(module: nn.Module, shape: Sequence[int], dtype: torch.dtype = torch.float64) -> Recognised | None:
    """What kind of attention ``module`` is; ``None`` if it is none, or one that this does not tell.

    Args:
        module: in evaluation mode, on the CPU, its floating-point numbers of ``dtype``; it is called several times.
        shape: of what it gets, (N, C, H, W), or with another number of spatial dimensions.
        dtype: float64, or float32 where the module cannot compute in float64.

    Raises:
        Whatever the module raises at such numbers.
    """
    small = (shape[1], *(min(max(side, _LEAST), _LARGEST) for side in shape[2:]))
    try:
        return _recognise(module, small, dtype)
    except Exception:
        if small == tuple(shape[1:]):
            raise
        return _recognise(module, tuple(shape[1:]), dtype)


def gives_zero_for_zero(module: nn.Module, sides: Sequence[int], dtype: torch.dtype = torch.float64) -> bool:
    """Whether a module gives (N, C, H, W) for (N, C, H, W), and 0 wherever it gets 0 among other numbers.

    Args:
        module: as :func:`recognise` takes it.
        sides: (C, H, W).
        dtype: as there.
    """
    x = _numbers(sides, dtype, 1)
    silent = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.3
    given = module(x.masked_fill(silent, 0))
    if not isinstance(given, Tensor) or given.shape != x.shape or not bool(given.isfinite().all()):
        return False
    return float(given[silent].abs().max()) <= _tolerance(dtype) * float(given.abs().max())


def _recognise(module: nn.Module, sides: tuple[int, ...], dtype: torch.dtype) -> Recognised | None:
    near = _tolerance(dtype)
    if not gives_zero_for_zero(module, sides, dtype):
        return None
    x = _numbers(sides, dtype, 3)
    given = module(x.clone())
    weights = given / x
    size = float(weights.abs().mean())
    if not 0 < size < float("inf") or float(weights.std()) <= near * size:
        return None
    if (simam := _as_simam(module, x, weights, near)) is not None:
        return simam
    other = torch.rand(x.shape, generator=torch.Generator().manual_seed(4)) < 0.5
    mixed = module(torch.where(other, _numbers(sides, dtype, 5), x))
    moved = (mixed - given)[~other].abs().max()
    if float(moved) <= near * float(given.abs().max()):
        return None  # an activation
    doubled = module(2 * x)
    if float((doubled - given).abs().max()) <= 1e-3 * float(given.abs().max()):
        return None  # a normalisation
    bounded = bool(((weights >= 0) & (weights <= 1)).all())
    if not bounded and float((doubled - 2 * given).abs().max()) <= 1e-3 * float(given.abs().max()):
        return None  # of responses by each other, as ConvNeXt V2 has it
    places = tuple(range(2, x.dim()))
    if float(weights.std(dim=places).max()) <= near * size:
        # What is the same for both images was learned, and is no attention to any.
        return Recognised("channel") if float((weights[0] - weights[1]).abs().max()) > near * size else None
    if x.shape[1] > 1 and float(weights.std(dim=1).max()) <= near * size:
        return Recognised("position") if float((weights[0] - weights[1]).abs().max()) > near * size else None
    return Recognised("gate")


def _as_simam(module: nn.Module, x: Tensor, weights: Tensor, near: float) -> Recognised | None:
    """With d²/(4(logit(r) − ½)) = σ² + λ all over every channel, it is SimAM (Eqs. 5 and 6 of the paper), and this is its λ."""
    if not bool(((weights > 0.5) & (weights <= 1)).all()):
        return None
    x, weights = x.double().flatten(2), weights.double().flatten(2)
    variances, squares = x.var(dim=2), (x - x.mean(dim=2, keepdim=True)).square()
    # Where the neuron is close to its channel's mean, or its weight to 1, rounding would speak.
    counts = (squares > 0.2 * variances[..., None]) & (weights < 0.999)
    if not bool(counts.any(dim=2).all()):
        return None
    sums = squares / (4 * (weights.logit() - 0.5))
    middle = torch.where(counts, sums, torch.nan).nanmedian(dim=2).values
    if float(((sums / middle[..., None] - 1).abs() * counts).max()) > max(1e4 * near, 1e-6):
        return None
    m = x.shape[2]
    for correction, share in ((1, 1.0), (0, (m - 1) / m)):
        rests = middle - share * variances
        e_lambda = float(rests.flatten()[variances.argmin()])  # where λ weighs most
        if not 1e-30 < e_lambda < 1e30:
            continue
        e_lambda = _plain(e_lambda)
        ours = SimAM(e_lambda, correction)  # type: ignore[arg-type]
        maps = x.view(2, x.shape[1], -1)
        if float((ours(maps) - maps * weights).abs().max()) <= _AGREES:
            return Recognised("simam", e_lambda, ours.correction)
    return None


def _plain(e_lambda: float) -> float:
    """λ without the last digits that only rounding put there."""
    short = float(f"{e_lambda:.3g}")
    return short if abs(short / e_lambda - 1) < 1e-3 else e_lambda


def _tolerance(dtype: torch.dtype) -> float:
    return 1e-9 if dtype is torch.float64 else 1e-5


def _numbers(sides: Sequence[int], dtype: torch.dtype, seed: int) -> Tensor:
    """Two images of random numbers, (2, C, H, W): channels of different variance and mean, none of them 0."""
    generator = torch.Generator().manual_seed(seed)
    per_channel = (2, sides[0], *[1] * (len(sides) - 1))
    numbers = torch.randn((2, *sides), generator=generator, dtype=torch.float64)
    spread = torch.empty(per_channel, dtype=torch.float64).uniform_(-2.5, 0.5, generator=generator).exp()
    shift = torch.randn(per_channel, generator=generator, dtype=torch.float64)
    numbers = numbers * spread + shift * spread
    return numbers.where(numbers.abs() > 1e-6, torch.full_like(numbers, 1e-3)).to(dtype)
