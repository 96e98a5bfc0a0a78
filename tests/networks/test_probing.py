"""What one pass through an unknown network shows."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from simam_viz.networks.probing import Pass, probe
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import Small, seeded

X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def seen(middle: nn.Module) -> Pass:
    return probe(seeded(lambda: Small(middle)), X)


def test_one_pass_that_changes_nothing() -> None:
    calls: list[int] = []

    class Counts(Small):
        def __init__(self) -> None:
            super().__init__(zoo.InPlace())
            self.register_buffer("passes", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            self.passes += 1
            return super().forward(x.mul_(0.5))

    model = Counts().train()
    x, before, state = X.clone(), torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    found = probe(model, x)
    assert calls == [1] and torch.equal(x, X) and torch.equal(torch.get_rng_state(), before) and model.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert found.answer.shape == (1, 5) and found.answer.requires_grad
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    "make",
    [
        zoo.Retyped, zoo.OfThePaper, zoo.InPlace, lambda: zoo.SqueezeExcite(16), lambda: zoo.SqueezeExcite(16, True),
        zoo.EfficientChannels, lambda: zoo.ChannelGate(16), zoo.SpatialGate, lambda: zoo.CBAM(16), lambda: zoo.Coordinates(16),
        lambda: zoo.ScSE(16),
    ],
)  # fmt: skip
def test_what_multiplies_its_input(make: type[nn.Module]) -> None:
    assert "middle" in seen(make()).multiplying


@pytest.mark.parametrize(
    "make",
    [
        lambda: zoo.ResponseNorm(16), lambda: zoo.LayerNorm2d(16), lambda: zoo.ScaledBlock(16), nn.Identity, nn.SiLU,
        lambda: nn.Conv2d(16, 16, 1), lambda: nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
    ],
)  # fmt: skip
def test_what_does_not(make: type[nn.Module]) -> None:
    assert "middle" not in seen(make()).multiplying


def test_weights_that_are_multiplied_with_their_input_outside() -> None:
    assert seen(zoo.CBAMOfWeights(16)).weighing == ["middle.ca", "middle.sa"]
    assert seen(zoo.CBAM(16)).weighing == []
    assert seen(zoo.SiLU()).weighing == []

    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = zoo.ChannelWeights(16)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.weights(x)

    assert seen(Unused()).weighing == []


def test_what_adds_its_input() -> None:
    found = probe(seeded(torchvision.models.resnet18, num_classes=4), X)
    assert found.adding == [f"layer{i}.{k}" for i in (1, 2, 3, 4) for k in (0, 1)]
    assert found.maps["layer2.0"] == (1, 128, 4, 4) and not found.tokens
    # A module without modules of its own is a norm or an activation, not a residual block.
    assert seen(zoo.ResponseNorm(16)).adding == [] and seen(zoo.ScaledBlock(16)).adding == ["middle"]


class ChannelsLast(nn.Module):
    """A ConvNeXt's block: a layer norm and a dense layer over the last dimension."""

    def __init__(self, back: bool) -> None:
        super().__init__()
        self.norm, self.dense, self.back = nn.LayerNorm(16), nn.Linear(16, 16), back
        self.act = nn.Sequential(nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.dense(self.norm(x.permute(0, 2, 3, 1))))
        return x + y.permute(0, 3, 1, 2) if self.back else y


def test_maps_whose_channels_are_last_are_no_feature_maps() -> None:
    inside = seen(ChannelsLast(back=True))
    assert "middle" in inside.adding and "middle" in inside.maps and inside.tokens
    assert not {"middle.norm", "middle.dense", "middle.act"} & inside.maps.keys()

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.block, self.head = nn.Conv2d(3, 16, 4, 4), ChannelsLast(back=False), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.gelu(self.block(self.stem(x))).mean((1, 2)))

    assert "block" not in probe(Whole(), X).maps


def test_swin_has_no_feature_maps_and_convnext_has() -> None:
    small = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": [4, 4], "patch_size": [4, 4]}
    for block in ("SwinTransformerBlock", "SwinTransformerBlockV2"):
        kind = getattr(torchvision.models.swin_transformer, block)
        merging = getattr(torchvision.models.swin_transformer, "PatchMerging" + block[20:])
        swin = torchvision.models.SwinTransformer(**small, num_classes=4, block=kind, downsample_layer=merging)
        found = probe(swin, X)
        assert found.tokens and not found.adding, block
