"""TorchScript in a network of one's own: run as it is, never looked into, and told."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import nn

import simam_viz
from simam_viz.networks.shared import private_copy, shared_copy
from tests.helpers.small_networks import alone, small

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # PyTorch itself calls TorchScript deprecated, and warns of what is traced


class Counting(nn.Module):
    """Writes into a buffer in every pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(128, 256, 3, 2, 1), nn.BatchNorm2d(256)
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        return self.norm(self.conv(x))


def with_a_part(way: str) -> nn.Module:
    model = small("resnet18").model
    if way == "traced":
        model.layer3 = torch.jit.trace(model.layer3, torch.randn(1, 128, 8, 8))
    else:
        model.layer3 = torch.jit.script(Counting())
    return model.eval()


@pytest.mark.parametrize("way", ["traced", "scripted"])
def test_a_part_is_run_as_it_is_and_told(way: str, noise: Image.Image) -> None:
    model = with_a_part(way)
    network = simam_viz.wrap(model, input_size=64, verbose=False)
    assert "Not looked into: layer3, which is TorchScript." in repr(network)
    analysis = simam_viz.analyze(network, noise)
    assert [block.name for block in analysis.blocks] == [f"layer{stage}.{i}" for stage in (1, 2, 4) for i in (0, 1)]
    with torch.no_grad():
        torch.testing.assert_close(analysis.logits, model(network.transforms(noise)[None])[0])
    for at_one, e_lambda in zip(simam_viz.analyze_lambdas(network, noise, [1e-3, 1.0]), (1e-3, 1.0), strict=True):
        torch.testing.assert_close(at_one.logits, alone(network, noise, e_lambda))
    compared = simam_viz.compare(network, noise)  # which asks whether the networks share their weights
    assert not torch.allclose(compared["on"].logits, compared["off"].logits)


def test_a_copy_shares_the_weights_of_torchscript_and_leaves_the_original_as_it_is() -> None:
    model = with_a_part("scripted").train()
    memory = [weight.data_ptr() for weight in model.layer3.parameters()]
    shared, private = shared_copy(model), private_copy(model)
    for copy in (shared, private):
        assert [weight.data_ptr() for weight in copy.layer3.parameters()] == memory
        assert not any(weight.requires_grad for weight in copy.parameters()) and not copy.layer3.norm.training
    assert model.layer3.norm.training and all(weight.requires_grad for weight in model.layer3.parameters())
    private(torch.zeros(1, 3, 64, 64))
    assert private.layer3.passes == 1 and model.layer3.passes == shared.layer3.passes == 0


def test_a_whole_network_is_refused_in_one_sentence() -> None:
    traced = torch.jit.trace(small("resnet18").model.requires_grad_(False), torch.randn(1, 3, 64, 64))
    with pytest.raises(ValueError, match=r"This network is TorchScript.*give wrap the module that it was made of"):
        simam_viz.wrap(traced, input_size=64)


@pytest.mark.parametrize("learns", [True, False])
def test_a_network_with_simam_can_be_traced(learns: bool) -> None:
    model = small("resnet18").model.requires_grad_(learns)
    traced = torch.jit.trace(model, torch.randn(1, 3, 64, 64))
    x = torch.randn(3, 3, 96, 80)
    torch.testing.assert_close(traced(x), model(x), rtol=1e-4, atol=1e-5)
    if learns:  # and its gradients are those of the network
        for made in (traced, model):
            made.zero_grad()
            made(x)[:, 1].sum().backward()
        for mine, theirs in zip(traced.parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-5)
