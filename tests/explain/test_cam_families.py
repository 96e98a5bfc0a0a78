"""Heat maps at any layer of networks that are not ours, against pytorch-grad-cam at the same layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pytorch_grad_cam import GradCAM, HiResCAM, LayerCAM
from torch import nn
from torchvision.models.resnet import BasicBlock

import simam_viz
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import seeded

PHOTO = Image.effect_noise((64, 64), 90).convert("RGB")
TARGET = 3
models = torchvision.models


def se_resnet() -> nn.Module:
    model = models.resnet18(num_classes=6)
    for block in model.modules():
        if isinstance(block, BasicBlock):
            block.bn2 = nn.Sequential(block.bn2, zoo.SqueezeExcite(block.bn2.num_features))
    return model


def small_vgg() -> nn.Module:
    layers = models.vgg.make_layers([16, "M", 16, 16, "M", 512], batch_norm=True)
    model = models.VGG(layers, num_classes=6, init_weights=False)
    model.classifier = nn.Linear(512 * 7 * 7, 6)  # its own has 120 million weights
    return model


def timms(name: str) -> nn.Module:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    made: nn.Module = timm.create_model(name, num_classes=6)
    return made


SMALL: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "ConvNeXt": (
        lambda: models.ConvNeXt([models.convnext.CNBlockConfig(16, 32, 2), models.convnext.CNBlockConfig(32, None, 2)], num_classes=6),
        ["features.0", "features.1.1", "features.2", "features.3.0.block.0", "features.3"],
    ),
    "DenseNet": (
        lambda: models.DenseNet(8, (2, 3, 2), 16, num_classes=6),
        ["features.denseblock1", "features.transition1.conv", "features.denseblock2.denselayer2", "features.norm5"],
    ),
    "SE-ResNet": (se_resnet, ["layer1.0", "layer2.1.bn2.1", "layer3.0.conv1", "layer4"]),
    "VGG": (
        small_vgg,
        ["features.0", "features.3", "features.9", "features.13"],
    ),
}  # fmt: skip
WHOLE: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "EfficientNet": (lambda: models.efficientnet_b0(num_classes=6), ["features.1.0", "features.3.1.block.2", "features.6", "features.8"]),
    "RegNet": (lambda: models.regnet_y_400mf(num_classes=6), ["stem", "trunk_output.block2.block2-1", "trunk_output.block4"]),
    "ConvNeXt": (lambda: models.convnext_tiny(num_classes=6), ["features.1", "features.3.1", "features.5.4", "features.7"]),
    "DenseNet": (lambda: models.densenet121(num_classes=6), ["features.denseblock2", "features.transition2.conv", "features.norm5"]),
    "VGG": (lambda: models.vgg11_bn(num_classes=6), ["features.4", "features.13", "features.27"]),
    "timm's SE-ResNet": (lambda: timms("seresnet50"), ["layer1.2", "layer2.0.se", "layer3", "layer4.2"]),
}  # fmt: skip


def check_family(make: Callable[[], nn.Module], layers: list[str]) -> None:
    """Layers are named in the order in which they run."""
    model = seeded(make).double()  # in single precision, gradients behind a layer norm cancel to the last digit
    for name, parameter in model.named_parameters():
        if "layer_scale" in name:  # as trained ones: each block leaves a trace
            nn.init.ones_(parameter)
    network = simam_viz.wrap(model, input_size=64, layers=layers, verbose=False)
    analysis = simam_viz.analyze(network, PHOTO, target=TARGET)
    x, target = network.transforms(PHOTO)[None], [lambda logits: logits[TARGET]]
    targets, activations = [model.get_submodule(layer) for layer in layers], {}
    for layer, module in zip(layers, targets, strict=True):
        # pytorch-grad-cam keeps the layer's output itself, which the next layer may overwrite.
        module.register_forward_hook(lambda m, i, y, layer=layer: activations.update({layer: y.detach().clone()}))
    with GradCAM(model=model, target_layers=targets) as tool:
        tool(x, target)
        gradients = dict(zip(layers, tool.activations_and_grads.gradients, strict=True))
    shown = 0
    for method, kind in {"Grad-CAM": GradCAM, "HiResCAM": HiResCAM, "LayerCAM": LayerCAM}.items():
        with kind(model=model, target_layers=targets) as tool:
            for layer in layers:
                a, g = activations[layer].numpy(), gradients[layer].numpy()
                theirs = torch.from_numpy(np.maximum(tool.get_cam_image(x, None, target, a, g, False)[0], 0))
                most = float(theirs.max())
                # Attention within a chosen layer gives its name to the block; several are all explained there.
                there = [b for b in analysis.blocks if b.name == layer]
                there = there or [b for b in analysis.blocks if b.name.startswith(f"{layer}.")]
                for heat in (block.heat_map(method) for block in there):
                    torch.testing.assert_close(heat.values * heat.maximum, theirs, rtol=1e-4, atol=1e-6 * most)
                assert there
                shown += most > 0
    assert shown > 2 * len(layers)


@pytest.mark.parametrize("family", SMALL)
def test_heat_maps_of_a_family(family: str) -> None:
    check_family(*SMALL[family])


@pytest.mark.long
@pytest.mark.parametrize("family", WHOLE)
def test_heat_maps_of_a_whole_network(family: str) -> None:
    check_family(*WHOLE[family])


def test_attention_in_a_chosen_layer_is_shown_with_its_heat_map() -> None:
    model = seeded(se_resnet)
    analysis = simam_viz.analyze(simam_viz.wrap(model, input_size=64, layers="layer2", verbose=False), PHOTO)
    kinds = {block.kind for block in analysis.blocks if not block.hypothetical}
    assert kinds == {"channel"}
