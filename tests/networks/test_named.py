"""Networks by name: what is known of them before they are made, and that nothing is downloaded unasked."""

from __future__ import annotations

import importlib
import socket
from typing import Any

import pytest
import timm
import torch
from torchvision.models import ResNet50_Weights, get_model_weights

from simam_viz.networks.named import is_named, named, names

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def test_a_classifier_of_torchvision() -> None:
    found = named("torchvision:resnet50")
    assert found.name == "torchvision:resnet50" and found.output == "classes" and found.published
    assert (found.num_classes, found.input_size, found.interpolation) == (1000, (224, 224), "bilinear")
    assert found.mean == (0.485, 0.456, 0.406) and found.std == (0.229, 0.224, 0.225)
    assert found.crop == pytest.approx(224 / 232)
    assert found.categories == tuple(ResNet50_Weights.DEFAULT.meta["categories"])
    told = found.in_words
    assert "1,000 classes" in told and "224 × 224" in told and "96.55 % of the shorter side" in told and "0.485" in told
    with torch.device("meta"):
        model = found.make(7)
    assert model.fc.out_features == 7 and not model.training


def test_a_classifier_of_timm() -> None:
    found = named("timm:resnet18.a1_in1k")
    facts = timm.get_pretrained_cfg("resnet18.a1_in1k")
    assert (found.num_classes, found.input_size) == (1000, (224, 224))
    assert (found.mean, found.std, found.crop, found.interpolation) == (
        *(facts.mean, facts.std, facts.crop_pct, facts.interpolation),
    )
    assert (found.crop, found.interpolation) == (0.95, "bicubic")
    assert found.categories is not None and found.categories[0] == "tench" and found.published
    assert found.make().fc.out_features == 1000
    assert named("timm:resnet18").make(3).fc.out_features == 3


def test_other_input_and_other_classes_of_timm() -> None:
    inception = named("timm:inception_v3.tf_in1k")
    assert inception.input_size == (299, 299) and inception.mean == (0.5, 0.5, 0.5)
    large = named("timm:convnext_tiny.in12k")
    assert large.num_classes == 11_821 and large.categories is not None and len(large.categories) == 11_821
    features = named("timm:vit_small_patch14_dinov2.lvd142m")
    assert features.output == "embedding" and features.categories is None and "features" in features.in_words


def test_a_detector() -> None:
    found = named("torchvision:fasterrcnn_resnet50_fpn")
    assert (found.output, found.num_classes, found.crop, found.mean, found.std) == ("boxes", 91, None, None, None)
    assert found.input_size == (800, 800) and "itself" in found.in_words and "whole photo" in found.in_words
    assert named("torchvision:ssd300_vgg16").input_size == (300, 300)
    small = named("torchvision:ssdlite320_mobilenet_v3_large")
    assert small.input_size == (320, 320)
    model = small.make(4)
    model.topk_candidates = 10
    with torch.no_grad():
        (answer,) = model([torch.rand(3, 64, 64)])
    assert set(answer) == {"boxes", "scores", "labels"} and answer["labels"].max() < 4
    assert (model.transform.min_size, model.transform.max_size) == ((320,), 320)


def test_a_segmenter() -> None:
    found = named("torchvision:lraspp_mobilenet_v3_large")
    assert (found.output, found.num_classes, found.input_size, found.crop) == ("pixels", 21, (520, 520), None)
    assert found.categories is not None and found.categories[8] == "cat"
    with torch.no_grad():
        assert found.make(5)(torch.rand(1, 3, 64, 64))["out"].shape == (1, 5, 64, 64)


def test_the_authors_networks() -> None:
    small, large = named("authors:cifar/resnet20-se"), named("authors:imagenet/resnet50d")
    assert (small.input_size, small.num_classes, small.crop) == ((32, 32), 10, 1.0)
    assert small.mean == (0.4914, 0.4822, 0.4465) and small.std == (0.2023, 0.1994, 0.2010)
    assert small.categories is not None and len(small.categories) == 10 and not small.published
    assert (large.input_size, large.num_classes, large.crop) == ((224, 224), 1000, 0.875)
    assert small.make(100).linear.out_features == 100
    with pytest.raises(ValueError, match="no weights that can be downloaded"):
        small.make(pretrained=True)


def test_one_that_rescales_its_input_says_so() -> None:
    found = named("torchvision:googlenet")
    assert "transform_input" in found.in_words and found.make(5).transform_input


def test_weights_come_only_when_asked_for(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = named("torchvision:squeezenet1_1")
    found.make(3)
    with pytest.raises(ValueError, match=r"squeezenet1_1 could not be had .*no connection"):
        found.make(pretrained=True)
    with pytest.raises(ValueError, match="1000 classes apart, not 3"):
        found.make(3, pretrained=True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torchvision:resnet51", "closest names are .*resnet50"),
        ("timm:resnet51", "closest names are .*resnet50"),
        ("timm:resnet18.no_such_tag", "closest names are .*resnet18"),
        ("timm:hf_hub:somebody/something", "timm has no network"),
        ("torchvision:r3d_18", "takes videos"),
        ("authors:cifar/resnet21", "closest names are .*cifar/resnet20"),
        ("keras:resnet50", "timm:NAME, torchvision:NAME or authors:NAME"),
        ("resnet50", "timm:NAME"),
    ],
)
def test_unknown_names(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        named(name)


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ValueError, match=r"pip install timm"):
        named("timm:resnet18")
    assert named("torchvision:resnet18").num_classes == 1000


def test_whose_name_it_is() -> None:
    assert is_named("timm:x") and is_named("authors:cifar/resnet20")
    assert not is_named("mycode.py:make") and not is_named("timm.py:make") and not is_named("timm")


def test_every_network_of_torchvision_is_described() -> None:
    for name in names("torchvision"):
        found = named(f"torchvision:{name}")
        assert found.categories is not None and len(found.categories) == found.num_classes
        assert found.crop is None or 0.5 < found.crop <= 1
        assert found.in_words


@pytest.mark.long
@pytest.mark.parametrize("name", names("torchvision"))
def test_every_network_of_torchvision_is_made(name: str) -> None:
    found = named(f"torchvision:{name}")
    meta = get_model_weights(name).DEFAULT.meta
    if meta["num_params"] > 1e8:
        pytest.skip("takes gigabytes")
    model = found.make()
    count = sum(parameter.numel() for parameter in model.parameters())
    # Those of a detector with pretrained batch norms count without them.
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)] if found.output == "boxes" else []
    without = {"torchvision:googlenet": 6_379_984}.get(found.name, 0)  # its auxiliary heads, counted without
    assert count - without in (meta["num_params"], meta["num_params"] + sum(2 * norm.num_features for norm in norms))


@pytest.mark.long
def test_every_network_of_timm_is_described() -> None:
    for name in names("timm"):
        found = named(f"timm:{name}")
        assert found.categories is None or len(found.categories) == found.num_classes, name
        assert found.in_words and min(found.input_size) > 0
