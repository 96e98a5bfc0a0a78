"""The mathematics against derivations that share no code with it: loops and linear algebra in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from simam_viz import SimAM, attention, energy, importance
from simam_viz.modules.refining import Refine, RefineWithWeights, in_parts
from simam_viz.modules.simam import EachSimAM, UniformSimAM

LAMBDAS = (1e-6, 1e-4, 0.1, 10.0)


def energy_by_minimising_eq_2(channel: np.ndarray, e_lambda: float) -> np.ndarray:
    """The minimum of Eq. 2 over (w, b) for every neuron, with the channel's μ and σ² standing for the others'.

    e(w, b) = (w² σ² + (−1 − (wμ + b))²) + (1 − (wt + b))² + λw²; its two partial derivatives are linear in w and b.
    """
    mean = channel.mean()
    variance = ((channel - mean) ** 2).sum() / (channel.size - 1)
    result = np.empty(channel.size)
    for i, t in enumerate(channel.ravel()):
        normal = np.array([[variance + mean**2 + t**2 + e_lambda, mean + t], [mean + t, 2.0]])
        w, b = np.linalg.solve(normal, np.array([t - mean, 0.0]))
        result[i] = w**2 * variance + (-1 - (w * mean + b)) ** 2 + (1 - (w * t + b)) ** 2 + e_lambda * w**2
    return result.reshape(channel.shape)


@pytest.fixture(params=[(2, 3, 9, 9), (1, 4, 2, 2), (1, 2, 1, 7), (1, 5, 14, 14)], ids=str)
def maps(request: pytest.FixtureRequest) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(request.param, generator=generator, dtype=torch.float64) * 3 + 1


@pytest.mark.parametrize("e_lambda", LAMBDAS)
def test_energy_is_the_minimum_of_eq_2(maps: torch.Tensor, e_lambda: float) -> None:
    expected = np.stack([[energy_by_minimising_eq_2(c, e_lambda) for c in n] for n in maps.numpy()])
    np.testing.assert_allclose(energy(maps, e_lambda), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        energy(maps.float(), e_lambda), expected, rtol=1e-4 if e_lambda < 1e-3 else 1e-5, atol=1e-6
    )


@pytest.mark.parametrize("e_lambda", LAMBDAS)
def test_importance_and_attention_follow_from_the_energy(maps: torch.Tensor, e_lambda: float) -> None:
    torch.testing.assert_close(importance(maps, e_lambda), 1 / energy(maps, e_lambda), rtol=1e-9, atol=0)
    torch.testing.assert_close(attention(maps, e_lambda), 1 / (1 + (-1 / energy(maps, e_lambda)).exp()))


@pytest.mark.parametrize("e_lambda", LAMBDAS)
def test_bounds(maps: torch.Tensor, e_lambda: float) -> None:
    m = maps.shape[2] * maps.shape[3]
    e, i, a = (f(maps, e_lambda) for f in (energy, importance, attention))
    assert e.min() > 0 and e.max() <= 2
    assert i.min() >= 0.5 and i.max() <= 0.5 + (m - 1) ** 2 / (4 * m) + 1e-9
    assert a.min() >= 1 / (1 + math.exp(-0.5)) - 1e-9 and a.max() <= 1
    mean = i.mean(dim=(2, 3))
    variance = maps.var(dim=(2, 3))
    torch.testing.assert_close(mean, 0.5 + (m - 1) / (4 * m) * variance / (variance + e_lambda))
    assert (a.mean(dim=(2, 3)) < 0.6792).all()


def test_a_neuron_below_the_mean_counts_as_much_as_one_above() -> None:
    x = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    x[0, 0, 0, 0], x[0, 0, 2, 2] = 2.0, -2.0
    a = attention(x, 0.1)
    assert a[0, 0, 0, 0] == a[0, 0, 2, 2] > a[0, 0, 1, 1]


def test_no_weight_of_a_2_by_2_map_passes_0_743() -> None:
    x = torch.tensor([[[[1e3, 0.0], [0.0, 0.0]]]])
    assert attention(x, 1e-6).max() == pytest.approx(0.743, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e4])
def test_a_map_of_one_neuron_gets_the_floor(value: float) -> None:
    x = torch.full((2, 3, 1, 1), value)
    assert torch.equal(energy(x, 0.1), torch.full_like(x, 2.0))
    torch.testing.assert_close(attention(x, 0.1), torch.full_like(x, 0.6224593))
    torch.testing.assert_close(SimAM(0.1)(x), x * 0.6224593)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_keeps_its_dtype_and_float32_statistics(dtype: torch.dtype) -> None:
    x = torch.randn(2, 8, 14, 14, generator=torch.Generator().manual_seed(1)) + 20
    low = x.to(dtype)
    for function in (energy, importance, attention):
        result = function(low, 0.1)
        assert result.dtype == dtype
        torch.testing.assert_close(result.float(), function(low.float(), 0.1), rtol=2e-2, atol=1e-3)
    assert SimAM(0.1)(low).dtype == dtype
    torch.testing.assert_close(SimAM(0.1)(low).float(), SimAM(0.1)(low.float()), rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize("e_lambda", [0, -1, float("nan"), float("inf")])
def test_lambda_must_be_above_zero(e_lambda: float) -> None:
    for call in (lambda: energy(torch.zeros(1, 1, 2, 2), e_lambda), lambda: SimAM(e_lambda)):
        with pytest.raises(ValueError, match="above 0"):
            call()


def test_only_maps() -> None:
    for function in (lambda x: energy(x, 0.1), SimAM(0.1)):
        with pytest.raises(ValueError, match="N, C, H, W"):
            function(torch.zeros(3, 4))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_module_multiplies_by_the_attention(maps: torch.Tensor, memory_format: torch.memory_format) -> None:
    x = maps.to(memory_format=memory_format)
    torch.testing.assert_close(SimAM(0.1)(x), maps * attention(maps, 0.1))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 2, 1, 1), (1, 2, 1, 2)])
@pytest.mark.parametrize("e_lambda", [1e-3, 0.1])
def test_gradient(shape: tuple[int, ...], e_lambda: float) -> None:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: Refine.apply(x, e_lambda), x)
    assert torch.autograd.gradcheck(lambda x: RefineWithWeights.apply(x, e_lambda)[0], x)
    assert torch.autograd.gradgradcheck(lambda x: RefineWithWeights.apply(x, e_lambda)[0], x)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [1.0, 1e20])  # whose squares float32 does not hold
@pytest.mark.parametrize("each", [None, (1e-4, 0.1, 3.0)])
def test_weights_come_with_what_they_refine(
    memory_format: torch.memory_format, dtype: torch.dtype, scale: float, each: tuple[float, ...] | None
) -> None:
    generator = torch.Generator().manual_seed(8)
    x, grad = (torch.randn(3, 4, 6, 5, generator=generator).to(dtype, memory_format=memory_format) for _ in range(2))
    x = x.mul_(scale).requires_grad_()
    lambdas = each or (0.1,) * 3
    module = SimAM(0.1) if each is None else EachSimAM([SimAM(e_lambda) for e_lambda in each])
    refined, weights = module.with_weights(x)
    with torch.no_grad():
        both_plain = module.with_weights(x)
        wide = x.double() if dtype is torch.float64 else x.float()
        expected = torch.cat([attention(one, e) for one, e in zip(wide.split(1), lambdas, strict=True)])
    assert weights.dtype == wide.dtype and not weights.requires_grad and refined.dtype == dtype
    for found in (weights, both_plain[1]):
        torch.testing.assert_close(found, expected)
    once = module(x)
    for found in (refined, both_plain[0]):
        torch.testing.assert_close(found, once)
    torch.testing.assert_close(torch.autograd.grad(refined, x, grad)[0], torch.autograd.grad(once, x, grad)[0])


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("images", [1, 2, 5])
def test_parts_of_a_batch_give_what_the_whole_gives(
    memory_format: torch.memory_format, dtype: torch.dtype, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(5)
    x, grad = (torch.randn(5, 4, 6, 6, generator=generator).to(dtype, memory_format=memory_format) for _ in range(2))
    x.requires_grad_()

    def both() -> tuple[torch.Tensor, ...]:
        refined = SimAM(0.1)(x)
        with_weights, weights = SimAM(0.1).with_weights(x)
        gradients = (torch.autograd.grad(one, x, grad)[0].to(dtype) for one in (refined, with_weights))
        with torch.no_grad():
            return refined, *gradients, weights.to(dtype), SimAM(0.1)(x)

    whole = both()
    wide = (
        2 if dtype is torch.bfloat16 else 1
    )  # so many images at once, or half of them where wider numbers are made besides
    monkeypatch.setattr("simam_viz.modules.refining._PART", wide * images * x[0].numel())
    calls = []
    in_parts(lambda part: calls.append(len(part)) or (part,), x)
    assert calls == {1: [1] * 5, 2: [2, 2, 1], 5: [5]}[images]
    for part, expected in zip(both(), whole, strict=True):
        torch.testing.assert_close(part, expected)
        assert part.stride() == expected.stride() and part.dtype == dtype


def test_uniform_keeps_each_channels_mean_weight_and_no_place() -> None:
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    weights = UniformSimAM(0.1).weights(x)
    torch.testing.assert_close(weights.mean(dim=(2, 3)), attention(x, 0.1).mean(dim=(2, 3)))
    assert (weights.amax(dim=(2, 3)) - weights.amin(dim=(2, 3)) == 0).all()
    torch.testing.assert_close(UniformSimAM(0.1)(x), x * weights)
