"""docs/derivation.md: every labelled identity, symbolically (sympy) and on random channels in double precision."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
import pytest
import sympy as sp
import torch

import simam_viz
from simam_viz.modules import formulas
from tests.helpers.project import ROOT

w, b, t, lam = sp.symbols("w b t lambda", real=True)
y_t, y_o = sp.symbols("y_t y_o", real=True)
OTHERS = sp.symbols("x1:5", real=True)  # four others: M = 5
N, M = len(OTHERS), len(OTHERS) + 1
mu_t = sum(OTHERS) / N
var_t = sum((x - mu_t) ** 2 for x in OTHERS) / N
delta = t - mu_t
mu = (sum(OTHERS) + t) / M
var = (sum((x - mu) ** 2 for x in OTHERS) + (t - mu) ** 2) / N
d = t - mu
A = var_t + lam

eq_1 = (y_t - (w * t + b)) ** 2 + sum((y_o - (w * x + b)) ** 2 for x in OTHERS) / N
eq_2 = sum((-1 - (w * x + b)) ** 2 for x in OTHERS) / N + (1 - (w * t + b)) ** 2 + lam * w**2
w_star = 2 * delta / (delta**2 + 2 * A)
b_star = -(t + mu_t) * w_star / 2
e_star = 4 * A / (delta**2 + 2 * A)
r = 1 - delta * w_star / 2

# Each label's identities: pairs of expressions that must be equal.
IDENTITIES = {
    "D2": [(eq_2, eq_1.subs({y_t: 1, y_o: -1}) + lam * w**2)],
    "D3": [(sum((-1 - (w * x + b)) ** 2 for x in OTHERS) / N, w**2 * var_t + (1 + w * mu_t + b) ** 2)],
    "D4": [
        (sp.diff(eq_2, b), 2 * (1 + w * mu_t + b) - 2 * (1 - w * t - b)),
        (sp.diff(eq_2, b), 4 * b + 2 * (t + mu_t) * w),
    ],
    "D5": [(sp.diff(eq_2, b).subs(b, -(t + mu_t) * w / 2), 0)],
    "D6": [(sp.diff(eq_2, w), 2 * w * var_t + 2 * mu_t * (1 + w * mu_t + b) - 2 * t * (1 - w * t - b) + 2 * lam * w)],
    "D7": [
        (1 + w * mu_t - (t + mu_t) * w / 2, 1 - delta * w / 2),
        (1 - w * t + (t + mu_t) * w / 2, 1 - delta * w / 2),
    ],
    "D8": [
        (sp.diff(eq_2, w).subs({w: w_star, b: b_star}), 0),
        (sp.diff(eq_2, w).subs(b, -(t + mu_t) * w / 2), 2 * w * A - 2 * delta * (1 - delta * w / 2)),
        (w_star * A, delta * (1 - delta * w_star / 2)),
        (w_star * (A + delta**2 / 2), delta),
    ],
    "D9": [(sp.diff(eq_2, w, 2) * sp.diff(eq_2, b, 2) - sp.diff(eq_2, w, b) ** 2, 8 * A + 4 * delta**2)],
    "D10": [(r, 2 * A / (delta**2 + 2 * A))],
    "D11": [
        (2 * r**2 + A * w_star**2, (8 * A**2 + 4 * A * delta**2) / (delta**2 + 2 * A) ** 2),
        (2 * r**2 + A * w_star**2, e_star),
        (eq_2.subs({w: w_star, b: b_star}), e_star),
    ],
    "D12": [
        (eq_2.subs({w: -w_star, b: (t + mu_t) * w_star / 2}), e_star + 4 * delta * w_star),
        (4 * delta * w_star, 8 * delta**2 / (delta**2 + 2 * A)),
    ],
    "D13": [
        (mu_t, mu - d / (M - 1)),
        (delta, sp.Rational(M, M - 1) * d),
        (var_t, var - sp.Rational(M, (M - 1) ** 2) * d**2),
    ],
    "D14": [
        (
            1 / e_star,
            sp.Rational(1, 2)
            + sp.Rational(M, M - 1) ** 2 * d**2 / (4 * (var - sp.Rational(M, (M - 1) ** 2) * d**2 + lam)),
        )
    ],
    "D15": [((d**2 + 2 * var + 2 * lam) / (4 * (var + lam)), d**2 / (4 * (var + lam)) + sp.Rational(1, 2))],
    # What the bound leaves over is λ's and σ_t²'s, neither of which is below zero.
    "D16": [
        (
            sp.Rational((M - 1) ** 2, 4 * M) - d**2 / (4 * (var + lam)),
            sp.Rational((M - 1) ** 2, 4 * M) * (var_t + lam) / (var + lam),
        )
    ],
    "D17": [
        (
            sum(((x - mu) ** 2) / (4 * (var + lam)) + sp.Rational(1, 2) for x in (*OTHERS, t)) / M,
            sp.Rational(1, 2) + sp.Rational(M - 1, 4 * M) * var / (var + lam),
        )
    ],
}
DEFINITIONS = {"D1", "D18"}


@pytest.mark.parametrize("label", IDENTITIES)
def test_identity_holds_symbolically(label: str) -> None:
    for left, right in IDENTITIES[label]:
        assert sp.cancel(sp.together(left - right)) == 0


@pytest.mark.parametrize("label", IDENTITIES)
def test_identity_holds_on_random_channels(label: str) -> None:
    """In double precision; Eqs. 1 and 2 and the closed form among them are those of :mod:`simam_viz.modules.formulas`."""
    rng = np.random.default_rng(2)
    symbols = (w, b, t, lam, y_t, y_o, *OTHERS)
    for left, right in IDENTITIES[label]:
        sides = sp.lambdify(symbols, [sp.sympify(left), sp.sympify(right)], "numpy")
        for _ in range(300):
            values = rng.normal(size=len(symbols))
            values[3] = 10 ** rng.uniform(-4, 1)
            first, second = sides(*values)
            assert first == pytest.approx(second, rel=1e-8, abs=1e-8)


def test_definitions_are_what_the_package_computes() -> None:
    """D1, D2 and D8 to D11 written out here, and Eq. 6 (D18), against the public functions."""
    rng = np.random.default_rng(3)
    symbols = (w, b, t, lam, y_t, y_o, *OTHERS)
    ours = sp.lambdify(symbols, [eq_1, eq_2, w_star, b_star, e_star], "numpy")
    for _ in range(300):
        values = rng.normal(size=len(symbols))
        values[3] = 10 ** rng.uniform(-4, 1)
        slope, offset, target, e_lambda, for_target, for_others, *rest = values.tolist()
        one, others = torch.tensor(target, dtype=torch.float64), torch.tensor(rest, dtype=torch.float64)
        line = torch.tensor([slope, offset], dtype=torch.float64)
        theirs = (
            formulas.labelling_error(*line, one, others, for_target, for_others),
            formulas.energy_landscape(*line, one, others, e_lambda),
            *formulas.optimal_line(one, others, e_lambda),
        )
        assert [float(value) for value in theirs] == pytest.approx(ours(*values), rel=1e-9, abs=1e-12)
        channel = torch.tensor([target, *rest], dtype=torch.float64)[None, None, None]
        inverse = float(formulas.importance(channel, e_lambda)[0, 0, 0, 0])
        refined = simam_viz.SimAM(e_lambda)(channel)[0, 0, 0, 0]
        assert float(refined) == pytest.approx(target / (1 + math.exp(-inverse)))


def test_a_wrong_identity_would_be_noticed() -> None:
    left, right = IDENTITIES["D11"][2]
    assert sp.cancel(sp.together(left.subs(w, -w) - right * 2)) != 0


def test_every_displayed_identity_has_a_check() -> None:
    labels = re.findall(
        r"^\*\*\((D\d+)\)\*\* \$\$", (ROOT / "docs" / "derivation.md").read_text(encoding="utf-8"), re.M
    )
    assert len(labels) == len(set(labels)) and set(labels) == set(IDENTITIES) | DEFINITIONS
    assert (ROOT / "docs" / "derivation.md").read_text(encoding="utf-8").count("$$") == 2 * len(labels)


def random_channels(count: int = 2000) -> Iterator[tuple[torch.Tensor, torch.Tensor, float]]:
    """Channels of 2 to 200 neurons, of any scale and offset; (target, others, λ)."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        values = rng.normal(size=rng.integers(2, 200)) * 10 ** rng.uniform(-2, 2) + rng.normal() * 3
        yield torch.tensor(values[0]), torch.tensor(values[1:]), float(10 ** rng.uniform(-6, 1))


def test_the_closed_form_is_what_least_squares_finds() -> None:
    """D1 and D2, Eqs. 3 and 4 against numpy's least squares: one row a neuron, weighted, and one for λ."""
    for target, others, e_lambda in random_channels():
        n = len(others)
        rows = np.vstack(
            [np.column_stack([others, np.ones(n)]) / np.sqrt(n), [[float(target), 1]], [[np.sqrt(e_lambda), 0]]]
        )
        labels = np.concatenate([-np.ones(n) / np.sqrt(n), [1, 0]])
        (best_w, best_b), *_ = np.linalg.lstsq(rows, labels, rcond=None)
        least = float(((rows @ [best_w, best_b] - labels) ** 2).sum())
        line = formulas.optimal_line(target, others, e_lambda)
        torch.testing.assert_close(line[2].item(), least, rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(line[0].item(), best_w, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(line[1].item(), best_b, rtol=1e-5, atol=1e-6)
        at_minimum = formulas.energy_landscape(line[0], line[1], target, others, e_lambda)
        torch.testing.assert_close(at_minimum, line[2], rtol=1e-7, atol=1e-9)
        channel = torch.cat([target[None], others])[None, None, None]
        assert float(formulas.exact_importance(channel, e_lambda)[0, 0, 0, 0]) == pytest.approx(1 / least, rel=1e-5)
        # Eq. 5 is the same problem with the channel's own μ and σ² in place of the others'.
        mu_c, sigma_c = float(channel.mean()), float(channel.std())
        rows = np.array([[sigma_c, 0], [mu_c, 1], [float(target), 1], [np.sqrt(e_lambda), 0]])
        labels = np.array([0, -1, 1, 0])
        best, *_ = np.linalg.lstsq(rows, labels, rcond=None)
        shared = float(((rows @ best - labels) ** 2).sum())
        assert float(formulas.energy(channel, e_lambda)[0, 0, 0, 0]) == pytest.approx(shared, rel=1e-6, abs=1e-9)
        assert float(formulas.importance(channel, e_lambda)[0, 0, 0, 0]) == pytest.approx(1 / shared, rel=1e-5)


def test_exact_importance_is_the_closed_form_of_every_neuron() -> None:
    """D13 and D14: one pass over the channel gives what each neuron's own statistics give."""
    for target, others, e_lambda in random_channels(300):
        channel = torch.cat([target[None], others])
        exact = formulas.exact_importance(channel[None, None, None], e_lambda).flatten()
        shared = formulas.importance(channel[None, None, None], e_lambda).flatten()
        for index in range(min(len(channel), 8)):
            rest = torch.cat([channel[:index], channel[index + 1 :]])
            energy = formulas.optimal_line(channel[index], rest, e_lambda)[2]
            torch.testing.assert_close(exact[index], 1 / energy, rtol=1e-5, atol=1e-8)
        torch.testing.assert_close(formulas.exact_energy(channel[None, None, None], e_lambda).flatten(), 1 / exact)
        order = shared.argsort()
        assert (exact[order].diff() >= -1e-9 * exact[order][1:]).all(), "shared and exact order a channel alike"
        # D16 and D17
        m = len(channel)
        variance = float(channel.var())
        assert shared.min() >= 0.5 and shared.max() <= 0.5 + (m - 1) ** 2 / (4 * m) * (1 + 1e-9)
        assert float(shared.mean()) == pytest.approx(0.5 + (m - 1) / (4 * m) * variance / (variance + e_lambda))


def test_labelling_error_is_eq_1() -> None:
    generator = torch.Generator().manual_seed(1)
    others = torch.randn(30, generator=generator, dtype=torch.float64)
    target = torch.tensor(1.7, dtype=torch.float64)
    slopes, offsets = (
        torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None],
        torch.linspace(-1, 1, 4, dtype=torch.float64),
    )
    grid = formulas.labelling_error(slopes, offsets, target, others, 2.0, -0.5)
    assert grid.shape == (5, 4)
    for i, slope in enumerate(slopes.flatten().tolist()):
        for j, offset in enumerate(offsets.tolist()):
            expected = (2.0 - (slope * 1.7 + offset)) ** 2 + sum(
                (-0.5 - (slope * x + offset)) ** 2 for x in others.tolist()
            ) / 30
            assert float(grid[i, j]) == pytest.approx(expected)
    landscape = formulas.energy_landscape(slopes, offsets, target, others, 0.3)
    torch.testing.assert_close(landscape, formulas.labelling_error(slopes, offsets, target, others) + 0.3 * slopes**2)


def test_a_lone_spike_exact_and_shared() -> None:
    x = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    x[0, 0, 4, 4] = 1
    assert float(formulas.exact_importance(x, 1e-4)[0, 0, 4, 4]) == pytest.approx(2500, rel=1e-3)
    assert float(formulas.importance(x, 1e-4)[0, 0, 4, 4]) == pytest.approx(20, abs=0.2)
    assert float(formulas.exact_importance(torch.ones(1, 1, 1, 1), 0.1)) == 0.5
