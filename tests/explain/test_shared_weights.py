"""What is analysed in one batch shares its weights, and what was prepared was prepared for them: anything else is refused."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from PIL import Image
from torch import nn

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain.variants import MODES, with_attention
from simam_viz.networks.shared import shared_copy

IMAGE = Image.effect_noise((80, 80), 90).convert("RGB")


def made(seed: int, attention: str = "simam", arch: str = "resnet18") -> LoadedCheckpoint:
    torch.manual_seed(seed)
    model = simam_viz.create_model(arch, attention, 5).eval()
    return simam_viz.wrap(model, input_size=64)


def changed(loaded: LoadedCheckpoint, change: str) -> LoadedCheckpoint:
    """The same network, but for one thing."""
    model = copy.deepcopy(loaded.model) if "own" in change else shared_copy(loaded.model)
    if change == "another bias":
        model.fc.bias = nn.Parameter(model.fc.bias.detach().clone())
    if change == "another mean of a batch norm":
        model.layer4[0].bn1.running_mean = model.layer4[0].bn1.running_mean.clone()
    if change == "a buffer more":
        model.register_buffer("more", torch.zeros(1))
    if change == "another activation":
        model.layer2[0].relu = nn.ReLU6()
    if change == "a view of a weight":
        model.fc.weight = nn.Parameter(model.fc.weight.detach()[[1, 0, 2, 3, 4]])
    return dataclasses.replace(loaded, model=model)


CHANGES = [
    "an own copy", "another bias", "another mean of a batch norm", "a buffer more", "another activation", "a view of a weight",
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_networks_that_do_not_share_all_their_weights_are_refused(change: str) -> None:
    loaded = made(0)
    for networks in ((loaded, changed(loaded, change)), (loaded, loaded, changed(loaded, change))):
        with pytest.raises(ValueError, match="do not share their weights"):
            simam_viz.analyze_together([(network, 0.1) for network in networks], IMAGE)


@pytest.mark.parametrize("other", [made(1), made(0, "none"), made(0, "se"), made(0, arch="resnet34")])
def test_other_networks_are_refused(other: LoadedCheckpoint) -> None:
    for networks in ((made(0), other), (other, made(0))):
        with pytest.raises(ValueError, match="do not share their weights"):
            simam_viz.analyze_together([(network, None) for network in networks], IMAGE)


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v2"])
def test_what_shares_its_weights_is_taken(arch: str) -> None:
    loaded = made(0, arch=arch)
    again = simam_viz.wrap(shared_copy(loaded.model), input_size=64)
    networks = [loaded, again, *(with_attention(loaded, variant) for variant in MODES)]
    together = simam_viz.analyze_together([(network, 0.1) for network in networks], IMAGE)
    for network, got in zip(networks, together, strict=True):
        alone = simam_viz.analyze(network, IMAGE, 0.1)
        torch.testing.assert_close(got.logits, alone.logits, rtol=1e-3, atol=1e-4)
