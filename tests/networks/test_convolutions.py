"""Where SimAM may be put in networks that others publish, and where their residual blocks suggest it."""

from __future__ import annotations

import pytest

from simam_viz import create_model
from simam_viz.networks.convolutions import convolutions, outline, usual_places, with_simam_behind
from simam_viz.networks.places import authors_places, simam_lambdas

MANY = 2**30


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "mobilenet_v2"])
def test_the_usual_places_are_the_authors(arch: str) -> None:
    assert usual_places(create_model(arch, "none")) == set(authors_places(create_model(arch, "none")))


@pytest.mark.parametrize(
    ("name", "number", "first"),
    [
        ("torchvision:vgg11", 4, "features.0"),
        ("torchvision:efficientnet_b0", 16, "features.1.0.block.0.0"),
        ("torchvision:convnext_tiny", 18, "features.1.0.block.0"),
        ("torchvision:densenet121", 58, "features.denseblock1.denselayer1.conv2"),
        ("torchvision:regnet_y_400mf", 16, "trunk_output.block1.block1-0.f.b.0"),
        ("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", 15, "backbone.body.1.block.0.0"),
        ("timm:resnet18", 8, "layer1.0.conv2"),
        ("timm:efficientnet_b0", 16, "blocks.0.0.conv_dw"),
    ],
)
def test_other_networks_have_usual_places_too(name: str, number: int, first: str) -> None:
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    usual = [each.name for each in outline(name, MANY) if each.usual]
    assert len(usual) == number and usual[0] == first


def test_where_there_is_no_place_that_is_said() -> None:
    with pytest.raises(ValueError, match="SimAM has no place in this network"):
        outline("torchvision:vit_b_16", MANY)
    with pytest.raises(ValueError, match="645 million"):
        outline("torchvision:regnet_y_128gf", MANY)
    with pytest.raises(ValueError, match="has no convolution called 'nowhere'"):
        with_simam_behind(create_model("resnet18", "none", 3), ["conv1", "nowhere"], 0.1)


def test_simam_stands_behind_the_named_convolutions_alone() -> None:
    model = create_model("resnet18", "none", 3)
    chosen = [each.name for each in convolutions(model)][3:6]
    assert simam_lambdas(with_simam_behind(model, chosen, 0.3)) == dict.fromkeys(chosen, 0.3)
    assert not simam_lambdas(model)
