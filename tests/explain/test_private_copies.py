"""What a pass runs on: a private copy that shares with the network what no pass changes, and no more."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType

import pytest
import torch
from PIL import Image
from torch import nn

import simam_viz
from simam_viz import insert_simam
from simam_viz.checkpoints.loaded import LoadedCheckpoint
from simam_viz.explain.batching import one_model
from simam_viz.explain.variants import with_attention
from tests.helpers.small_networks import alone, small


def test_lambda_and_off_reach_simam_whose_forward_pass_was_replaced(noise: Image.Image) -> None:
    loaded = small("resnet18")
    plain = simam_viz.analyze(with_attention(loaded, "off"), noise)
    for module in loaded.model.modules():
        if isinstance(module, simam_viz.SimAM):
            module.forward = MethodType(lambda self, x: x * self.weights(x), module)
    found = simam_viz.analyze_lambdas(loaded, noise, [1e-4, 3.0])
    for analysis, e_lambda in zip(found, (1e-4, 3.0), strict=True):
        torch.testing.assert_close(analysis.logits, alone(loaded, noise, e_lambda))
    torch.testing.assert_close(simam_viz.analyze(with_attention(loaded, "off"), noise).logits, plain.logits)


def originals_hooked(loaded: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """Modules of the network itself, and not of a copy, that are given a hook from now on."""
    own, hooked = set(loaded.model.modules()), []
    for way in ("register_forward_hook", "register_forward_pre_hook"):
        register = getattr(nn.Module, way)

        def watched(module: nn.Module, *given: object, register: Callable = register, **named: object) -> object:
            if module in own:
                hooked.append(module)
            return register(module, *given, **named)

        monkeypatch.setattr(nn.Module, way, watched)
    return hooked


@pytest.mark.parametrize(
    "case", ["as it is", "off", "without SimAM", "a layer by its name", "hooked", "in another place"]
)
def test_no_hook_is_put_on_a_layer_that_the_copy_shares(
    case: str, noise: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = small("resnet18", "none" if case == "without SimAM" else "simam")
    if case == "off":
        loaded = with_attention(loaded, "off")
    if case == "a layer by its name":
        loaded = simam_viz.wrap(loaded.model, input_size=64, layers=["layer2.0.conv1", "layer3.1.relu"])
    if case == "hooked":
        loaded.model.layer1[0].conv1.register_forward_hook(lambda module, inputs, output: output * 2)
    if case == "in another place":
        loaded = simam_viz.wrap(insert_simam(small("resnet18", "none").model, r"layer\d\.0\.conv1"), input_size=64)
    loaded.model.requires_grad_(False)  # as that of a checkpoint
    hooked = originals_hooked(loaded, monkeypatch)
    found = simam_viz.analyze(loaded, noise)
    assert found.blocks and not hooked
    torch.testing.assert_close(found.logits, alone(loaded, noise))


def test_layers_that_no_pass_changes_are_shared_in_our_networks_alone() -> None:
    ours = small("resnet18")
    ours.model.requires_grad_(False)
    copy, _ours = one_model([(ours, None)])
    assert copy.layer1[0].conv1 is ours.model.layer1[0].conv1 and copy.layer1[0] is not ours.model.layer1[0]
    assert copy.layer1[0].simam is not ours.model.layer1[0].simam
    ours.model.layer1[
        0
    ].conv1.weight.requires_grad_()  # somebody trains it: no backward pass of ours asks for its gradient
    ours.model.layer1[0].bn1.train()
    copy, _ours = one_model([(ours, None)])
    for name in ("conv1", "bn1"):
        assert getattr(copy.layer1[0], name) is not getattr(ours.model.layer1[0], name)
    assert not copy.layer1[0].bn1.training and not copy.layer1[0].conv1.weight.requires_grad
    ours.model.layer1[0].forward = MethodType(
        type(ours.model.layer1[0]).forward, ours.model.layer1[0]
    )  # it may do anything
    copy, known = one_model([(ours, None)])
    assert not known and not set(copy.modules()) & set(ours.model.modules())
