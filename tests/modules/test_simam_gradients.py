"""SimAM as a function that can be differentiated, any number of times, at any λ that is taken."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap

from simam_viz import SimAM, attention, energy, importance
from simam_viz.modules.formulas import GREATEST_E_LAMBDA, LEAST_E_LAMBDA
from simam_viz.modules.simam import EachSimAM, FixedMeanSimAM, UniformSimAM, each_its_own

SHAPES = [(1, 1, 1, 1), (1, 2, 1, 3), (2, 3, 4, 5)]
LAMBDAS = [1e-4, 0.1, 10.0]


def maps(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def plain(x: Tensor, e_lambda: float) -> Tensor:
    """The same in operations that autograd follows by itself."""
    return x * attention(x, e_lambda)


@pytest.mark.parametrize("e_lambda", LAMBDAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_first_and_second_order_are_those_of_small_steps(shape: tuple[int, ...], e_lambda: float) -> None:
    x = maps(shape).requires_grad_()
    assert torch.autograd.gradcheck(SimAM(e_lambda), x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(SimAM(e_lambda), x)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_gradient_penalty_is_what_autograd_makes_of_plain_operations(shape: tuple[int, ...]) -> None:
    def penalty(function: torch.nn.Module) -> Tensor:
        x = maps(shape).requires_grad_()
        (gradient,) = torch.autograd.grad(function(x).pow(3).sum(), x, create_graph=True)
        (gradient.square().sum() + gradient.sum()).backward()
        return x.grad

    torch.testing.assert_close(penalty(SimAM(0.05)), penalty(lambda x: plain(x, 0.05)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_ways_to_the_gradient_agree(dtype: torch.dtype) -> None:
    """The quick one of training, and the one that can be differentiated."""
    x, given = maps((2, 3, 9, 7), dtype).requires_grad_(), maps((2, 3, 9, 7), dtype, seed=1)
    (quick,) = torch.autograd.grad(SimAM(0.1)(x), x, given)
    (slow,) = torch.autograd.grad(SimAM(0.1)(x), x, given, create_graph=True)
    assert quick.dtype == slow.dtype == dtype and quick.grad_fn is None and slow.grad_fn is not None
    tolerance = {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(quick, slow.detach(), **tolerance)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_under_the_transforms_of_torch_func(memory_format: torch.memory_format) -> None:
    simam, x = SimAM(0.1), maps((2, 3, 4, 3)).contiguous(memory_format=memory_format)
    several = torch.stack([x, 2 * x, x + 1])

    def loss(x: Tensor) -> Tensor:
        return simam(x).pow(3).sum()

    def expected(x: Tensor) -> Tensor:
        return plain(x, 0.1).pow(3).sum()

    torch.testing.assert_close(grad(loss)(x), grad(expected)(x))
    torch.testing.assert_close(
        grad(lambda x: grad(loss)(x).square().sum())(x), grad(lambda x: grad(expected)(x).square().sum())(x)
    )
    torch.testing.assert_close(vmap(simam)(several), torch.stack([simam(one) for one in several]))
    torch.testing.assert_close(
        vmap(simam, in_dims=2, out_dims=1)(several.movedim(0, 2)).movedim(1, 0), vmap(simam)(several)
    )
    torch.testing.assert_close(vmap(grad(loss))(several), torch.stack([grad(expected)(one) for one in several]))
    torch.testing.assert_close(jacrev(simam)(x), jacrev(lambda x: plain(x, 0.1))(x))
    torch.testing.assert_close(jacfwd(simam)(x), jacrev(simam)(x))
    torch.testing.assert_close(jvp(simam, (x,), (x + 2,)), jvp(lambda x: plain(x, 0.1), (x,), (x + 2,)))
    with torch.autograd.forward_ad.dual_level():
        moved = torch.autograd.forward_ad.make_dual(x, x + 2)
        tangents = [torch.autograd.forward_ad.unpack_dual(y).tangent for y in (simam(moved), plain(moved, 0.1))]
    torch.testing.assert_close(*tangents)
    torch.testing.assert_close(hessian(loss)(x[:1, :1]), hessian(expected)(x[:1, :1]))
    assert functional_call(simam, {}, (x,)).shape == x.shape


def test_a_channel_of_a_batch_in_parts_has_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    x, given = maps((5, 2, 4, 4)).requires_grad_(), maps((5, 2, 4, 4), seed=1)
    whole = torch.autograd.grad(SimAM(0.1)(x), x, given)[0]
    monkeypatch.setattr("simam_viz.modules.refining._PART", 40)
    torch.testing.assert_close(torch.autograd.grad(SimAM(0.1)(x), x, given)[0], whole)


EACH = (1e-6, 0.1, 3.0)
"""λ of each image of a batch."""


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("at_once", [2**20, 40])
def test_a_lambda_for_each_image_is_image_by_image_at_its_own(
    memory_format: torch.memory_format, dtype: torch.dtype, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simam_viz.modules.refining._PART", at_once)
    x, given = (maps((3, 2, 9, 7), dtype, seed=i).contiguous(memory_format=memory_format) for i in range(2))
    together = each_its_own([SimAM(e_lambda) for e_lambda in EACH])
    assert isinstance(together, EachSimAM)

    def results(refine: Callable[[Tensor], Tensor], x: Tensor, create_graph: bool) -> tuple[Tensor, Tensor]:
        x = x.clone().requires_grad_()
        refined = refine(x)
        return refined.detach(), torch.autograd.grad(refined, x, given[: len(x)], create_graph=create_graph)[0].detach()

    def one_by_one(x: Tensor) -> Tensor:
        return torch.cat([SimAM(e_lambda)(x[i : i + 1]) for i, e_lambda in enumerate(EACH)])

    for create_graph in (False, True):
        for ours, expected in zip(*(results(way, x, create_graph) for way in (together, one_by_one)), strict=True):
            assert ours.dtype == dtype
            torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(together(x), one_by_one(x))
    torch.testing.assert_close(together(x[:1]), one_by_one(x[:1].expand_as(x)))


def test_what_is_more_than_the_authors_simam_goes_image_by_image() -> None:
    watched = SimAM(0.5)
    watched.register_forward_hook(lambda module, inputs, output: 2 * output)
    x = maps((2, 3, 5, 5))
    for other in (watched, SimAM(0.5, correction=0), FixedMeanSimAM(0.5, 0.1)):
        each = each_its_own([SimAM(0.1), other])
        torch.testing.assert_close(each(x), torch.cat([SimAM(0.1)(x[:1]), other(x[1:])]))


@pytest.mark.parametrize("e_lambda", [0.0, -1.0, math.nan, math.inf, 1e-45, 1e-42, 9e37, 1e31, 9e-31])
def test_a_lambda_that_float32_does_not_bear_is_refused_everywhere(e_lambda: float) -> None:
    x = torch.ones(1, 1, 4, 4)
    for use in (energy, importance, attention, lambda x, at: SimAM(at), lambda x, at: FixedMeanSimAM(0.1, at)):
        with pytest.raises(ValueError, match="λ must be a number above 0"):
            use(x, e_lambda)
    simam = SimAM()
    simam.e_lambda = e_lambda
    with pytest.raises(ValueError, match="λ must be a number above 0"):
        simam(x)


@pytest.mark.parametrize("e_lambda", [LEAST_E_LAMBDA, 1e-20, 1e-6, 0.1, 10.0, 1e20, GREATEST_E_LAMBDA])
@pytest.mark.parametrize("size", [1, 2, 7, 224])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-12, 1.0, 1e6, 1e17, 1e18])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_module_and_the_formula_are_one_at_every_lambda_and_size_of_feature(
    e_lambda: float, size: int, scale: float, dtype: torch.dtype
) -> None:
    x = (scale * maps((1, 2, size, size), torch.float32)).to(dtype)
    exact, weights = plain(x.double(), e_lambda), attention(x, e_lambda)
    tolerance = {"rtol": 2e-2, "atol": 0.0} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 0.0}
    torch.testing.assert_close(SimAM(e_lambda)(x).double(), exact, **tolerance)
    torch.testing.assert_close(weights.double(), attention(x.double(), e_lambda), **tolerance)
    for found in (energy(x, e_lambda), importance(x, e_lambda), UniformSimAM(e_lambda)(x)):
        assert found.isfinite().all()
    needed = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(SimAM(e_lambda)(needed).sum(), needed)
    assert gradient.isfinite().all()


def test_an_empty_batch_and_the_gradient_of_nothing() -> None:
    assert SimAM()(torch.ones(0, 2, 3, 3)).shape == (0, 2, 3, 3)
    x = maps((1, 1, 2, 2)).requires_grad_()
    simam = SimAM()
    (gradient,) = torch.autograd.grad(simam(x).sum() * 0, x)
    assert not gradient.any()
