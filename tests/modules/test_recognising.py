"""Attention is told by what a module does to random numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from simam_viz import SimAM
from simam_viz.modules.gates import ECA, SqueezeExcitation
from simam_viz.modules.recognising import Recognised, recognise
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import seeded

C = 16


def told(module: nn.Module, shape: tuple[int, ...] = (1, C, 12, 20)) -> Recognised | None:
    return recognise(module.double().eval(), shape)


@pytest.mark.parametrize("e_lambda", [1e-6, 1e-4, 0.1, 3.0])
def test_simam_and_its_lambda(e_lambda: float) -> None:
    assert told(zoo.Retyped(e_lambda=e_lambda)) == Recognised("simam", pytest.approx(e_lambda, rel=1e-6))
    for shape in ((1, C, 50), (1, C, 4, 6, 5)):
        assert told(zoo.AnyDimensions(e_lambda), shape) == Recognised("simam", pytest.approx(e_lambda, rel=1e-6))


def test_simam_in_its_varieties() -> None:
    assert told(zoo.OfThePaper()) == Recognised("simam", 0.02, 0)
    assert told(zoo.Learned(0.03)) == Recognised("simam", pytest.approx(0.03, rel=1e-3))
    assert told(zoo.InPlace()) == Recognised("simam", 0.01)
    assert told(SimAM(0.5)) == Recognised("simam", 0.5)


def test_float32_is_enough_where_a_module_takes_nothing_else() -> None:
    class Picky(zoo.Retyped):
        def forward(self, x: Tensor) -> Tensor:
            assert x.dtype is torch.float32
            return super().forward(x)

    with pytest.raises(AssertionError):
        recognise(Picky(e_lambda=0.1).eval(), (1, C, 12, 12))
    found = recognise(Picky(e_lambda=0.1).eval(), (1, C, 12, 12), torch.float32)
    assert found is not None and found.kind == "simam" and found.e_lambda == pytest.approx(0.1, rel=1e-2)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: zoo.SqueezeExcite(C), "channel"),
        (lambda: zoo.SqueezeExcite(C, in_place=True), "channel"),
        (lambda: zoo.EfficientChannels(), "channel"),
        (lambda: zoo.ChannelGate(C), "channel"),
        (lambda: SqueezeExcitation(C, 4), "channel"),
        (lambda: ECA(C), "channel"),
        (lambda: zoo.SpatialGate(), "position"),
        (lambda: zoo.CBAM(C), "gate"),
        (lambda: zoo.CBAMOfWeights(C), "gate"),
        (lambda: zoo.Coordinates(C), "gate"),
        (lambda: zoo.ScSE(C), "gate"),
    ],
)
def test_gates(make: type[nn.Module], kind: str) -> None:
    assert told(seeded(make)) == Recognised(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: zoo.ResponseNorm(C),
        lambda: zoo.LayerNorm2d(C),
        lambda: zoo.RMSNorm2d(C),
        lambda: zoo.SiLU(),
        lambda: zoo.LayerScale(C),
        lambda: zoo.ScaledBlock(C),
        lambda: nn.Identity(),
        lambda: nn.Hardswish(),
        lambda: nn.Conv2d(C, C, 3, padding=1),
        lambda: nn.GroupNorm(4, C),
    ],
)
def test_what_is_none(make: type[nn.Module]) -> None:
    assert told(seeded(make)) is None


def test_a_weight_that_was_learned_and_never_changes_is_no_attention() -> None:
    class Prior(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.linspace(0.1, 0.9, x.shape[1], dtype=x.dtype).view(1, -1, 1, 1)

    assert told(Prior()) is None


def test_almost_simam_is_a_gate_and_not_simam() -> None:
    class Sharper(zoo.Retyped):
        def forward(self, x: Tensor) -> Tensor:
            d = (x - x.mean((2, 3), keepdim=True)).pow(2)
            return x * torch.sigmoid(d / (2 * (d.mean((2, 3), keepdim=True) + self.e_lambda)) + 0.5)

    assert told(Sharper()) == Recognised("gate")


def test_what_takes_other_numbers_raises() -> None:
    with pytest.raises(RuntimeError):
        told(nn.Conv2d(3, 3, 1))
