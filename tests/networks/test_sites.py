"""Where attention works in a network that nobody here has seen, and the private copy in which it can be steered."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simam_viz import SimAM
from simam_viz.modules.weighing import Gate
from simam_viz.networks.probing import probe
from simam_viz.networks.shared import shared_copy
from simam_viz.networks.sites import Site, Steered, steered
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import Small, seeded

X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def found(model: nn.Module, named: Any = None, x: Tensor = X) -> Steered:
    copy = shared_copy(model)
    return steered(copy, probe(copy, x), named)


def same_answer(model: nn.Module, known: Steered, x: Tensor = X) -> None:
    with torch.no_grad():
        torch.testing.assert_close(known.model(x.clone()), model.eval()(x.clone()), rtol=1e-4, atol=1e-6)


def test_anybodys_simam_becomes_ours_on_the_copy_alone() -> None:
    own = zoo.Retyped(e_lambda=0.02)
    own.f, own.i, own.type, own.np = -1, 7, "SimAM", 0  # what a YOLO reads off its layers
    model = seeded(lambda: Small(own))
    known = found(model)
    assert known.sites == (Site("middle", "simam", 0.02),) and model.middle is own
    made = known.model.middle
    assert type(made) is SimAM and made.e_lambda == 0.02
    assert (made.f, made.i, made.type, made.np) == (-1, 7, "SimAM", 0)
    same_answer(model, known)
    assert known.model.first.weight.data_ptr() == model.first.weight.data_ptr()


def test_any_other_attention_stays_what_it_is_within_a_gate() -> None:
    model = seeded(lambda: Small(zoo.SqueezeExcite(16)))
    known = found(model)
    assert known.sites == (Site("middle", "channel"),)
    made = known.model.middle
    assert isinstance(made, Gate) and isinstance(made.module, zoo.SqueezeExcite)
    assert made.module.fc[0].weight.data_ptr() == model.middle.fc[0].weight.data_ptr()
    same_answer(model, known)


def test_of_nested_attention_the_innermost_counts() -> None:
    model = seeded(lambda: Small(zoo.CBAM(16)))
    known = found(model)
    assert known.sites == (Site("middle.ChannelGate", "channel"), Site("middle.SpatialGate", "position"))
    same_answer(model, known)


def test_our_own_are_known_as_they_are() -> None:
    model = seeded(lambda: Small(SimAM(0.3)))
    known = found(model)
    assert known.sites == (Site("middle", "simam", 0.3, ours=True),)


def test_a_module_that_stands_in_two_places_stays_one() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.one = nn.Conv2d(3, 16, 3, 2), zoo.Retyped(e_lambda=0.1)
            self.other, self.head = self.one, nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.other(F.relu(self.one(self.stem(x)))).mean((2, 3)))

    model = seeded(Twice)
    known = found(model)
    assert [site.name for site in known.sites] == ["one"]
    assert isinstance(known.model.one, SimAM) and known.model.other is known.model.one
    same_answer(model, known)


@pytest.mark.parametrize(
    ("wrapped", "name"),
    [
        (lambda m: nn.Sequential(nn.Conv2d(3, 16, 3), m, nn.AdaptiveAvgPool2d(1), nn.Flatten()), "1"),
        (lambda m: nn.DataParallel(Small(m)), "module.middle"),
    ],
)
def test_names_are_those_of_the_network(wrapped: Any, name: str) -> None:
    model = seeded(wrapped, zoo.Retyped())
    known = found(model)
    assert [site.name for site in known.sites] == [name]
    assert [n for n, _ in known.model.named_modules()] == [
        n for n, _ in model.named_modules() if "middle." not in n and "1.activation" not in n
    ]
    same_answer(model, known)


def test_parametrised_weights_are_no_obstacle() -> None:
    model = seeded(lambda: Small(zoo.SqueezeExcite(16)))
    nn.utils.parametrizations.weight_norm(model.first)
    nn.utils.parametrizations.spectral_norm(model.second)
    known = found(model.eval())
    assert [site.kind for site in known.sites] == ["channel"]
    same_answer(model, known)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_lambda_is_read_exactly_in_any_number_format(dtype: torch.dtype) -> None:
    model = seeded(lambda: Small(zoo.Retyped(e_lambda=3e-4))).to(dtype)
    assert found(model, x=X.to(dtype)).sites == (Site("middle", "simam", 3e-4),)


def test_what_was_looked_at_is_told() -> None:
    known = found(seeded(lambda: Small(zoo.SiLU())))
    assert known.sites == () and known.left == ("middle",)


class Flat(nn.Module):
    """A gate that gives all of these features the same weight, so that nothing tells it from a factor."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x.mean((1, 2, 3), keepdim=True).clamp(0, 0))


def test_what_is_not_recognised_can_be_named() -> None:
    model = seeded(lambda: Small(Flat()))
    assert found(model).sites == ()
    assert found(model, {"middle": "gate"}).sites == (Site("middle", "gate"),)
    # Named as a whole, what is within it is not looked at.
    assert found(seeded(lambda: Small(zoo.CBAM(16))), {"middle": "gate"}).sites == (Site("middle", "gate"),)
    assert found(seeded(lambda: Small(zoo.Retyped())), {"middle": "simam"}).sites == (Site("middle", "simam", 1e-4),)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"middle": "spatial"}, "'spatial' is none of simam, channel, position, gate."),
        ({"neck": "gate"}, "no module called 'neck'."),
        ({"": "gate"}, "no module called ''."),
        ({"middle": "position"}, "middle works as channel does, and not as position."),
        ({"middle": "simam"}, "middle works as channel does, and not as simam."),
        ({"second": "gate"}, "second does not multiply every neuron"),
        ({"first": "simam"}, "first does not compute SimAM's weights"),
    ],
)
def test_what_cannot_be_is_refused(named: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        found(seeded(lambda: Small(zoo.SqueezeExcite(16))), named)
