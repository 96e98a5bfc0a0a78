"""Other people's networks as they are, of torchvision and timm: what is found in them, and that it is what they do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
import torchvision
from PIL import Image

import simam_viz
from tests.helpers.attention_zoo import seeded
from tests.helpers.observed import check_blocks

PHOTO = Image.effect_noise((96, 80), 90).convert("RGB")
models = torchvision.models

CLASSIFIERS: dict[str, dict[str, int]] = {
    "resnet18": {}, "convnext_tiny": {}, "densenet121": {}, "vgg11_bn": {}, "shufflenet_v2_x0_5": {}, "squeezenet1_1": {},
    "mnasnet0_5": {}, "googlenet": {}, "inception_v3": {}, "alexnet": {}, "efficientnet_b0": {"channel": 16},
    "regnet_y_400mf": {"channel": 16}, "mobilenet_v3_small": {"channel": 9},
}  # fmt: skip
TIMMS = {
    "resnet50": {}, "seresnet50": {"channel": 16}, "ecaresnet50t": {"channel": 16}, "efficientnet_b0": {"channel": 16},
    "convnext_atto": {}, "convnextv2_atto": {}, "regnety_002": {"channel": 13}, "mobilenetv4_conv_small": {},
}  # fmt: skip


def check(model: torch.nn.Module, kinds: dict[str, int], **options: Any) -> None:
    network = simam_viz.wrap(model, verbose=False, **options)
    assert network.found is not None
    sites = network.found.sites
    assert Counter(site.kind for site in sites) == Counter(kinds)
    analysis = simam_viz.analyze(network, PHOTO)
    x = network.transforms(PHOTO)[None]
    if sites:
        check_blocks(analysis, model, [site.name for site in sites], x)
    else:
        assert len(analysis.blocks) >= 3 and not analysis.attends
    with torch.no_grad():
        torch.testing.assert_close(analysis.logits, model(x)[0], rtol=1e-3, atol=1e-4)
    assert any(block.cam_max > 0 for block in analysis.blocks)


@pytest.mark.long
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_torchvisions_classifiers(name: str) -> None:
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    check(seeded(getattr(models, name), num_classes=7, **more), CLASSIFIERS[name], input_size=128)


@pytest.mark.long
@pytest.mark.parametrize("name", TIMMS)
def test_timms(name: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    check(seeded(timm.create_model, name, num_classes=7), TIMMS[name], input_size=128)


@pytest.mark.long
@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t", "vit_b_32"])
def test_networks_without_feature_maps_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="SimAM has no place in this network"):
        simam_viz.wrap(seeded(getattr(models, name), num_classes=7), verbose=False)


@pytest.mark.long
@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"])
def test_torchvisions_segmentation(name: str) -> None:
    model = seeded(getattr(models.segmentation, name), weights=None, weights_backbone=None, num_classes=4)
    network = simam_viz.wrap(model, input_size=96, verbose=False)
    assert network.output.kind == "pixels"
    analysis = simam_viz.analyze(network, PHOTO, region=(50, 40))
    with torch.no_grad():
        maps = model(network.transforms(PHOTO)[None])["out"][0]
    torch.testing.assert_close(analysis.logits, maps[:, 50, 40], rtol=1e-3, atol=1e-4)


DETECTORS = [
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn",
    "fcos_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
]


@pytest.mark.long
@pytest.mark.parametrize("name", DETECTORS)
def test_torchvisions_detectors(name: str) -> None:
    size = {} if "ssd" in name else {"min_size": 128, "max_size": 128}
    model = seeded(getattr(models.detection, name), weights=None, weights_backbone=None, num_classes=4, **size)
    before = [getattr(module, "score_thresh", None) for module in model.modules()]
    network = simam_viz.wrap(model, input_size=128, verbose=False)
    assert network.output.kind == "boxes" and network.output.classes == 4 and network.transforms.fit == "letterbox"
    assert [getattr(module, "score_thresh", None) for module in model.modules()] == before
    analysis = simam_viz.analyze(network, PHOTO)
    assert analysis.boxes and analysis.box is not None and analysis.box.label == analysis.target
    assert analysis.box.score == pytest.approx(float(analysis.probabilities[analysis.target]), abs=1e-5)
    last = simam_viz.analyze(network, PHOTO, box=len(analysis.boxes) - 1)
    assert last.box is not None and last.box.label == analysis.boxes[-1].label
    assert last.box.place == pytest.approx(analysis.boxes[-1].place, abs=0.1)
