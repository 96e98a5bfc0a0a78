"""torch.hub finds the networks by their architectures, and the weights that come along."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import hubconf
import simam_viz
from simam_viz.networks.architectures import ARCHITECTURES, residual_blocks
from tests.helpers.project import ROOT


def load(name: str, **options: Any) -> torch.nn.Module:
    return torch.hub.load(str(ROOT), name, source="local", **options)


def test_what_the_hub_lists_are_the_architectures() -> None:
    listed = {name for name in dir(hubconf) if callable(getattr(hubconf, name)) and not name.startswith("_")}
    assert listed == {f"simam_{arch}" for arch in ARCHITECTURES}


def test_a_fresh_network_and_a_trained_one() -> None:
    fresh = load("simam_resnet18", num_classes=3, e_lambda=0.5).eval()
    assert fresh(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert {module.e_lambda for module in fresh.modules() if isinstance(module, simam_viz.SimAM)} == {0.5}
    gated = load("simam_resnet18", attention="se", num_classes=3)
    assert all(hasattr(block, "attention") for block in residual_blocks(gated).values())
    trained, ours = (
        load("simam_resnet18", pretrained=True),
        simam_viz.load_checkpoint("simam_resnet18-tinyimagenet").model,
    )
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    weights = trained.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in ours.state_dict().items())
    assert all(tensor.is_contiguous() for tensor in weights.values()), "whoever saves them in safetensors needs them so"
    with torch.no_grad():
        torch.testing.assert_close(trained(x), ours(x), rtol=1e-4, atol=1e-5)


def test_weights_that_do_not_come_along_are_refused() -> None:
    with pytest.raises(ValueError, match="No trained weights of resnet50"):
        load("simam_resnet50", pretrained=True)
