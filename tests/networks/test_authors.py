"""The SimAM authors' networks: names, shapes and answers, from written-down facts and by other ways of computing them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simam_viz import SimAM
from simam_viz.networks.authors.attending import Attending
from simam_viz.networks.authors.catalogue import make, names
from simam_viz.networks.authors.cifar import WideResNet
from tests.helpers.authors_networks import PublishedSimAM, authors_network

Table = dict[str, Tensor]


def shaken(model: nn.Module) -> nn.Module:
    """With batch-norm statistics that are not those of the beginning, in evaluation mode."""
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, 0, 0.1)
    return model.eval()


# Parameters of one attention in a block of C channels: SE 2C²/r, CBAM that and biases, 98 of its convolution, 2 of its norm.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("cifar/resnet20", 272_474),
        ("cifar/resnet20-none", 272_474),
        ("cifar/resnet20-se", 272_474 + 3 * 2 * (16 * 1 + 32 * 2 + 64 * 4)),
        ("cifar/resnet20-se4", 272_474 + 3 * 2 * (16 * 4 + 32 * 8 + 64 * 16)),
        ("cifar/resnet20-cbam", 272_474 + 3 * (2 * (16 + 64 + 256) + (17 + 34 + 68) + 3 * 100)),
        ("cifar/resnet32", 466_906),
        ("cifar/resnet56", 855_770),
        ("cifar/resnet110", 1_730_714),
        ("cifar/preresnet20", 272_282),
        ("cifar/preresnet164-bottleneck", 1_703_258),
        ("cifar/wideresnet28x10", 36_479_194),
        ("cifar/mobilenetv2", 2_296_922),
        ("imagenet/resnet18", 11_689_512),
        ("imagenet/resnet50d", 25_576_264),
        ("imagenet/resnet50-se", 25_557_032 + 2 * (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2) // 16),
        ("imagenet/mobilenet_v2", 3_504_872),
    ],
)
def test_parameters(name: str, parameters: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in make(name).parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        (
            "cifar/resnet20",
            {"conv1.weight": (16, 3, 3, 3), "layer2.0.conv2.0.weight": (32, 32, 3, 3), "layer2.0.bn2.weight": (32,)}
            | {"layer2.0.shortcut.0.weight": (32, 16, 1, 1), "layer3.2.bn1.bias": (64,), "linear.weight": (10, 64)},
        ),
        (
            "cifar/resnet20-se",
            {"layer3.0.conv2.weight": (64, 64, 3, 3), "layer3.0.bn2.0.weight": (64,)}
            | {"layer3.0.bn2.1.fc.0.weight": (4, 64), "layer3.0.bn2.1.fc.2.weight": (64, 4)},
        ),
        (
            "cifar/resnet56-bottleneck-cbam8",
            {
                "layer1.5.bn3.1.ChannelGate.mlp.1.weight": (8, 64),
                "layer1.5.bn3.1.ChannelGate.mlp.3.bias": (64,),
                "layer1.5.bn3.1.SpatialGate.spatial.conv.weight": (1, 2, 7, 7),
                "layer1.5.bn3.1.SpatialGate.spatial.bn.running_var": (1,),
            },
        ),
        ("cifar/preresnet20-se", {"layer1.0.conv2.0.weight": (16, 16, 3, 3), "layer1.0.conv2.1.fc.0.weight": (1, 16)}),
        ("cifar/preresnet20", {"layer2.0.shortcut.0.weight": (32, 16, 1, 1), "bn.weight": (64,)}),
        ("cifar/preresnet56-bottleneck-se", {"layer1.0.conv3.1.fc.0.weight": (4, 64), "bn.weight": (256,)}),
        (
            "cifar/wideresnet28x10",
            {"block1.layer.0.convShortcut.weight": (160, 16, 1, 1), "block3.layer.3.conv2.0.weight": (640, 640, 3, 3)}
            | {"bn1.weight": (640,), "fc.weight": (10, 640)},
        ),
        (
            "cifar/mobilenetv2",
            {"layers.1.conv2.0.weight": (96, 1, 3, 3), "layers.0.shortcut.0.weight": (16, 32, 1, 1)}
            | {"layers.16.bn3.weight": (320,), "linear.weight": (10, 1280)},
        ),
        (
            "imagenet/resnet50d",
            {"conv1.6.weight": (64, 32, 3, 3), "layer1.0.downsample.0.weight": (256, 64, 1, 1)}
            | {"layer2.0.downsample.1.weight": (512, 256, 1, 1), "layer4.2.conv2.0.weight": (512, 512, 3, 3)},
        ),
        ("imagenet/mobilenet_v2-se", {"features.1.conv.3.fc.0.weight": (1, 16), "classifier.0.weight": (1000, 1280)}),
        ("imagenet/mobilenet_v2", {"features.2.conv.1.2.running_mean": (96,)}),
    ],
)
def test_names_and_shapes(name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    with torch.device("meta"):
        found = {tensor: tuple(value.shape) for tensor, value in make(name).state_dict().items()}
    assert {tensor: found.get(tensor) for tensor in shapes} == shapes


@pytest.mark.parametrize("one_in", [31, pytest.param(1, marks=pytest.mark.long)])
def test_every_name_makes_a_network_with_its_attention(one_in: int) -> None:
    with torch.device("meta"):
        for name in names()[::one_in]:
            model = make(name, 7)
            lambdas = {module.e_lambda for module in model.modules() if isinstance(module, SimAM)}
            gated = name.endswith(("-none", "-se", "-cbam"))
            assert lambdas == (set() if gated else {1e-4 if name.startswith("cifar") else 0.1}), name
            assert [m for m in model.modules() if isinstance(m, nn.Linear)][-1].out_features == 7
    assert len(names()) == 4 * 31 and len(set(names())) == len(names())


# The same answers by another way: the tensors alone, in the order of operations of the publications.


def norm(table: Table, name: str, x: Tensor) -> Tensor:
    values = (table[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *values)


def conv(table: Table, name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = table.get(f"{name}.weight", table.get(f"{name}.0.weight"))
    assert weight is not None
    x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=x.shape[1] // weight.shape[1])
    return x if f"{name}.weight" in table else PublishedSimAM(1e-4)(x)


def dense(table: Table, name: str, maps: Tensor) -> Tensor:
    return F.linear(maps.mean((2, 3)), table[f"{name}.weight"], table[f"{name}.bias"])


def resnet20(t: Table, x: Tensor) -> Tensor:
    x = norm(t, "bn1", conv(t, "conv1", x)).relu()
    for block in (f"layer{stage}.{number}" for stage in (1, 2, 3) for number in range(3)):
        stride = 2 if block in ("layer2.0", "layer3.0") else 1
        y = norm(t, f"{block}.bn1", conv(t, f"{block}.conv1", x, stride)).relu()
        y = norm(t, f"{block}.bn2", conv(t, f"{block}.conv2", y))
        if stride == 2:
            x = norm(t, f"{block}.shortcut.1", F.conv2d(x, t[f"{block}.shortcut.0.weight"], stride=2))
        x = (x + y).relu()
    return dense(t, "linear", x)


def preresnet20(t: Table, x: Tensor) -> Tensor:
    x = conv(t, "conv1", x)
    for block in (f"layer{stage}.{number}" for stage in (1, 2, 3) for number in range(3)):
        stride = 2 if block in ("layer2.0", "layer3.0") else 1
        y = conv(t, f"{block}.conv1", norm(t, f"{block}.bn1", x).relu(), stride)
        y = conv(t, f"{block}.conv2", norm(t, f"{block}.bn2", y).relu())
        x = y + (F.conv2d(x, t[f"{block}.shortcut.0.weight"], stride=2) if stride == 2 else x)
    return dense(t, "linear", norm(t, "bn", x).relu())


def wide_resnet(t: Table, x: Tensor) -> Tensor:
    x = conv(t, "conv1", x)
    for block in (f"block{stage}.layer.{number}" for stage in (1, 2, 3) for number in range(2)):
        stride = 2 if block in ("block2.layer.0", "block3.layer.0") else 1
        y = norm(t, f"{block}.bn1", x).relu()
        if f"{block}.convShortcut.weight" in t:
            x = conv(t, f"{block}.convShortcut", y, stride)
        y = norm(t, f"{block}.bn2", conv(t, f"{block}.conv1", y, stride)).relu()
        x = x + conv(t, f"{block}.conv2", y)
    return dense(t, "fc", norm(t, "bn1", x).relu())


def mobilenetv2(t: Table, x: Tensor) -> Tensor:
    x = norm(t, "bn1", conv(t, "conv1", x)).relu()
    for number in range(17):
        block = f"layers.{number}"
        stride = 2 if number in (3, 6, 13) else 1
        y = norm(t, f"{block}.bn1", conv(t, f"{block}.conv1", x)).relu()
        y = norm(t, f"{block}.bn2", conv(t, f"{block}.conv2", y, stride)).relu()
        y = norm(t, f"{block}.bn3", conv(t, f"{block}.conv3", y))
        if f"{block}.shortcut.0.weight" in t:
            x = norm(t, f"{block}.shortcut.1", F.conv2d(x, t[f"{block}.shortcut.0.weight"]))
        x = x + y if stride == 1 else y
    return dense(t, "linear", norm(t, "bn2", conv(t, "conv2", x)).relu())


@pytest.mark.parametrize(
    ("make_it", "answer"),
    [
        (lambda: make("cifar/resnet20", 7), resnet20),
        (lambda: make("cifar/preresnet20", 7), preresnet20),
        (lambda: make("cifar/mobilenetv2", 7), mobilenetv2),
        (lambda: WideResNet(16, 2, Attending("simam", 1e-4), 7), wide_resnet),
    ],
    ids=["resnet20", "preresnet20", "mobilenetv2", "wide_resnet"],
)
def test_answers_on_small_images(
    make_it: Callable[[], nn.Module], answer: Callable[[Table, Tensor], Tensor], one_thread: None
) -> None:
    model = shaken(make_it())
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        expected = answer(model.state_dict(), x)
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize(
    "arch", ["mobilenet_v2", *(pytest.param(arch, marks=pytest.mark.long) for arch in ("resnet18", "resnext50_32x4d"))]
)
def test_answers_on_photos(arch: str) -> None:
    theirs, ours = authors_network(arch, classes=5), make(f"imagenet/{arch}", 5).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.long
def test_resnet_50_d_is_that_of_its_other_maker() -> None:
    theirs, ours = shaken(timm.create_model("resnet50d", num_classes=5)), make("imagenet/resnet50d-none", 5).eval()
    renamed = {"layer1.0.downsample.1": "layer1.0.downsample.0", "layer1.0.downsample.2": "layer1.0.downsample.1"}
    table = {}
    for name, tensor in theirs.state_dict().items():
        layer, _dot, leaf = name.rpartition(".")
        table[f"{renamed.get(layer, layer)}.{leaf}"] = tensor
    ours.load_state_dict(table)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_gates_are_modules_that_do_one_thing_each() -> None:
    torch.manual_seed(0)
    model = shaken(make("cifar/resnet20-cbam", 7))
    cbam = model.layer3[0].bn2[1]
    x = torch.randn(2, 64, 6, 6)
    with torch.no_grad():
        channels, positions = cbam.ChannelGate(x) / x, cbam.SpatialGate(x) / x
        torch.testing.assert_close(cbam(x), cbam.SpatialGate(cbam.ChannelGate(x)))
        squeeze = make("cifar/resnet20-se", 7).layer3[0].bn2[1](x) / x
    for gate in (channels, squeeze):
        assert gate.std((2, 3)).max() < 1e-4 < gate.mean((2, 3)).std(1).min()
    assert positions.std(1).max() < 1e-4 < positions.mean(1).std((1, 2)).min()


@pytest.mark.parametrize("name", ["cifar/resnet20", "imagenet/resnet18"])
def test_no_nan_where_a_map_is_a_single_neuron(name: str) -> None:
    """The authors' own code divides 0 by 0 there."""
    model = make(name, 4).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 32 if name.startswith("imagenet") else 4, 32)[..., :4]).isfinite().all()


@pytest.mark.parametrize("name", ["cifar/resnet21", "resnet20", "cifar/resnet20-se17", "cifar/resnet20-eca"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"closest names are .*resnet"):
        make(name)
