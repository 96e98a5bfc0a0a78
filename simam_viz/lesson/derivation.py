"""Every number on the way from one neuron of one channel to its weight, from Eq. 1 to Eq. 6."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..modules import formulas
from ..wording import _


def _double(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@dataclass(frozen=True)
class Line:
    """A line w·x + b and its energy (Eq. 2)."""

    w: float
    b: float
    energy: float


@dataclass(frozen=True)
class Derivation:
    """Every number on the way from one neuron of one channel to its weight, in double precision.

    Names follow the paper: t is the target neuron, x_i the M − 1 others; a trailing ``_others`` means statistics of the
    others alone (μ_t, σ_t²), without it those of the whole channel (μ, σ²).
    """

    channel: Tensor
    """(H, W), at least two neurons."""
    row: int
    column: int
    e_lambda: float

    def __post_init__(self) -> None:
        formulas.check_e_lambda(self.e_lambda)
        if self.channel.dim() != 2 or self.channel.numel() < 2:
            raise ValueError(_("A channel of at least two neurons is needed: with one alone there are no others."))

    @cached_property
    def t(self) -> float:
        """The target neuron's value."""
        return float(self.channel[self.row, self.column])

    @cached_property
    def others(self) -> Tensor:
        """(M − 1,), in reading order."""
        keep = torch.ones(self.channel.numel(), dtype=torch.bool)
        keep[self.row * self.channel.shape[1] + self.column] = False
        return self.channel.double().flatten()[keep]

    @property
    def neurons(self) -> int:
        """M."""
        return self.channel.numel()

    @cached_property
    def mean_others(self) -> float:
        """μ_t."""
        return float(self.others.mean())

    @cached_property
    def variance_others(self) -> float:
        """σ_t², over the M − 1 others."""
        return float(self.others.var(correction=0))

    @cached_property
    def mean(self) -> float:
        """μ, of the whole channel."""
        return float(self.channel.double().mean())

    @cached_property
    def variance(self) -> float:
        """σ² over M − 1, as in the authors' code."""
        return float(self.channel.double().var())

    @property
    def variance_as_printed(self) -> float:
        """σ² over M, as the paper prints it."""
        return self.variance * (self.neurons - 1) / self.neurons

    @property
    def difference(self) -> float:
        """What the target lies above the mean of the others, t − μ_t."""
        return self.t - self.mean_others

    @property
    def deviation(self) -> float:
        """What the target lies above the mean of its channel, d = t − μ."""
        return self.t - self.mean

    @property
    def z(self) -> float:
        """d/σ, 0 on a flat map."""
        return self.deviation / math.sqrt(self.variance) if self.variance > 0 else 0.0

    @property
    def lambda_share(self) -> float:
        """λ/σ²: how strongly λ flattens the channel; infinite on a flat map."""
        return self.e_lambda / self.variance if self.variance > 0 else math.inf

    def _map(self, function: Callable[[Tensor, float], Tensor]) -> Tensor:
        return function(self.channel.double()[None, None], self.e_lambda)[0, 0]

    @cached_property
    def energies(self) -> Tensor:
        """e* of every neuron of the channel (Eq. 5), (H, W)."""
        return self._map(formulas.energy)

    @cached_property
    def weights(self) -> Tensor:
        """sigmoid(1/e*) of every neuron, (H, W)."""
        return self._map(formulas.attention)

    @cached_property
    def energy(self) -> float:
        """e* by Eq. 5, with shared statistics."""
        return float(self.energies[self.row, self.column])

    @cached_property
    def importance(self) -> float:
        """1/e*."""
        return float(self._map(formulas.importance)[self.row, self.column])

    @cached_property
    def exact_importance(self) -> float:
        """1/e* without sharing."""
        return float(self._map(formulas.exact_importance)[self.row, self.column])

    @cached_property
    def weight(self) -> float:
        """sigmoid(1/e*)."""
        return float(self.weights[self.row, self.column])

    @property
    def refined(self) -> float:
        """What leaves SimAM (Eq. 6)."""
        return self.t * self.weight

    @property
    def rank(self) -> int:
        """Place of the neuron in its channel by weight, 1 for the highest; equals, but for rounding, share theirs."""
        return int((self.energies < self.energy * (1 - 1e-9)).sum()) + 1

    def energy_of(self, w: float, b: float) -> float:
        """Eq. 2 at one line."""
        return float(formulas.energy_landscape(_double(w), _double(b), _double(self.t), self.others, self.e_lambda))

    @cached_property
    def closed_form(self) -> Line:
        """The minimum by Eqs. 3 and 4."""
        w, b, energy = formulas.optimal_line(_double(self.t), self.others, self.e_lambda)
        return Line(float(w), float(b), float(energy))

    @cached_property
    def as_printed(self) -> Line:
        """The point with the minus sign that the paper prints before w*, and b* from it."""
        w = -self.closed_form.w
        b = -(self.t + self.mean_others) * w / 2
        return Line(w, b, self.energy_of(w, b))

    @cached_property
    def numerical(self) -> Line:
        """The minimum found by a search that knows Eq. 2 alone (L-BFGS from the flat line w = b = 0)."""
        line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        search: torch.optim.Optimizer = torch.optim.LBFGS(
            [line], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
        )

        def step() -> float:
            energy = formulas.energy_landscape(line[0], line[1], _double(self.t), self.others, self.e_lambda)
            (line.grad,) = torch.autograd.grad(energy, line)
            return energy.item()

        search.step(step)
        w, b = line.tolist()
        return Line(w, b, self.energy_of(w, b))
