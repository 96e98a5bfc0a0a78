"""The weights of anybody's attention module are those that it multiplies by, where there is nothing to multiply, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from simam_viz.modules.weighing import Each, Gate, Removed, Uniform, Weighing
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import seeded

Own = Callable[[nn.Module, Tensor], Tensor]


def of_cbam(module: nn.Module, x: Tensor) -> Tensor:
    return module.ca(x) * module.sa(module.ca(x) * x)


GATES: list[tuple[Callable[[], nn.Module], str, Own]] = [
    (lambda: zoo.SqueezeExcite(8), "channel", lambda m, x: m.fc(x.mean((2, 3)))[..., None, None]),
    (lambda: zoo.SqueezeExcite(8, in_place=True), "channel", lambda m, x: m.fc(x.mean((2, 3)))[..., None, None]),
    (lambda: zoo.CBAMOfWeights(8), "gate", of_cbam),
    (lambda: zoo.ScSE(8), "gate", lambda m, x: m.cSE(x) + m.sSE(x)),
]


def some_features() -> Tensor:
    """After a ReLU, with a channel and a position where nothing is left."""
    x = torch.randn(2, 8, 6, 5, generator=torch.Generator().manual_seed(1)).relu()
    x[:, 3], x[:, :, 2, 2] = 0, 0
    return x


@pytest.mark.parametrize(("make", "kind", "own"), GATES)
def test_weights_are_those_of_the_module(make: Callable[[], nn.Module], kind: str, own: Own) -> None:
    module, x = seeded(make), some_features()
    gate = Gate(module, kind)  # type: ignore[arg-type]
    with torch.no_grad():
        expected = own(module, x.clone()).expand_as(x)
    assert (x == 0).float().mean() > 0.5
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(gate.weights(x), expected, rtol=1e-4, atol=1e-6)
    before = x.clone()
    gate.weights(x)
    assert torch.equal(x, before), "even a module that works in place leaves the features"
    torch.testing.assert_close(gate(x.clone()).detach(), x * expected)


def test_weights_of_a_position() -> None:
    module, x = seeded(zoo.SpatialGate), some_features()
    weights = Gate(module, "position").weights(x)
    pooled = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
    expected = torch.sigmoid(module.spatial(pooled) * 5).detach().expand_as(x)
    there = (x != 0).any(dim=1, keepdim=True).expand_as(x)
    torch.testing.assert_close(weights[there], expected[there], rtol=1e-4, atol=1e-6)
    assert torch.equal(weights, weights[:, :1].expand_as(weights))


def test_weights_are_read_in_the_modules_format_and_given_in_that_of_the_features() -> None:
    module, x = seeded(zoo.SqueezeExcite, 8).to(torch.bfloat16), some_features()
    weights = Gate(module, "channel").weights(x)
    assert weights.dtype is torch.float32
    torch.testing.assert_close(weights, GATES[0][2](module.float(), x).detach().expand_as(x), rtol=2e-2, atol=1e-2)


def test_uniform_weights_are_the_means_over_positions() -> None:
    x = some_features()
    gate = Gate(seeded(zoo.ScSE, 8), "gate")
    uniform = Uniform(gate)
    means = gate.weights(x).mean((2, 3), keepdim=True).expand_as(x)
    torch.testing.assert_close(uniform.weights(x), means)
    torch.testing.assert_close(uniform(x), x * means)
    assert uniform.kind == "gate" and gate.weights(x).std() > means.std() > 0


@pytest.mark.parametrize("kind", ["simam", "channel", "position", "gate"])
def test_what_was_taken_out_is_the_identity(kind: str) -> None:
    x, out = some_features(), Removed(kind)  # type: ignore[arg-type]
    assert out(x) is x and torch.equal(out.weights(x), torch.ones_like(x)) and out.kind == kind


def test_each_image_has_its_own() -> None:
    gates: list[Weighing] = [Gate(seeded(zoo.SqueezeExcite, 8, seed=i), "channel") for i in range(2)]
    each, x = Each([*gates, Removed("channel")]), some_features()[:1]
    given = each(x)
    assert given.shape[0] == 3 and torch.equal(given[2:], x)
    for i, gate in enumerate(gates):
        torch.testing.assert_close(given[i : i + 1], gate(x))
        torch.testing.assert_close(each.weights(x.expand(3, -1, -1, -1))[i : i + 1], gate.weights(x))
