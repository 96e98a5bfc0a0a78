"""Networks: torchvision's names and numbers, and SimAM where the paper puts it."""

from __future__ import annotations

import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import Bottleneck

import simam_viz
from simam_viz import attention, create_model, insert_simam
from simam_viz.explain.variants import with_attention
from simam_viz.modules.simam import SimAM
from simam_viz.networks.architectures import ARCHITECTURES, residual_blocks
from simam_viz.networks.counting import multiply_adds
from simam_viz.networks.lambdas import set_e_lambda
from simam_viz.networks.shared import shared_copy


def reference(arch: str, num_classes: int) -> nn.Module:
    return getattr(torchvision.models, arch)(weights=None, num_classes=num_classes)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["simam", "none"])
def test_parameter_names_and_shapes_are_torchvisions(arch: str, kind: str) -> None:
    with torch.device("meta"):
        ours, theirs = create_model(arch, kind, 10), reference(arch, 10)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    simams = [m for m in ours.modules() if isinstance(m, SimAM)]
    assert len(simams) == (len(residual_blocks(ours)) if kind == "simam" else 0)


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "resnext50_32x4d", "mobilenet_v2"])
def test_plain_network_is_torchvisions(arch: str) -> None:
    theirs, ours = reference(arch, 7).eval(), create_model(arch, "none", 7).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_simam_sits_after_the_second_convolution(arch: str) -> None:
    """Against torchvision's network with the published formula put behind conv2 by a hook."""
    theirs, ours = reference(arch, 7).eval(), create_model(arch, "simam", 7, e_lambda=0.05).eval()
    ours.load_state_dict(theirs.state_dict())
    for block in residual_blocks(theirs).values():
        block.conv2.register_forward_hook(lambda module, inputs, x: x * attention(x, 0.05))
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_blocks_are_in_network_order() -> None:
    names = list(residual_blocks(create_model("resnet34", "simam", 2)))
    assert names[:4] == ["layer1.0", "layer1.1", "layer1.2", "layer2.0"] and len(names) == 16
    assert all(isinstance(b, Bottleneck) for b in residual_blocks(create_model("resnet50", "none", 2)).values())


def test_32_pixels_give_finite_logits() -> None:
    """The last stage then has 1 × 1 maps, where the published code divides 0 by 0."""
    with torch.no_grad():
        assert create_model("resnet18", "simam", 5).eval()(torch.randn(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize(
    "arguments",
    [("resnet19",), ("resnet18", "bam"), ("resnet18", "simam", 10, 0.0)],
    ids=["arch", "attention", "lambda"],
)
def test_what_does_not_exist_is_refused(arguments: tuple) -> None:
    with pytest.raises(ValueError):
        create_model(*arguments)


def test_shared_copy_shares_memory_and_nothing_else() -> None:
    model = create_model("resnet18", "simam", 5, e_lambda=0.1)
    copy = shared_copy(model)
    for (name, mine), theirs in zip(copy.state_dict().items(), model.state_dict().values(), strict=True):
        assert mine.data_ptr() == theirs.data_ptr(), name
    set_e_lambda(copy, 5.0)
    copy.layer1[0].register_forward_hook(lambda *_: None)
    assert {m.e_lambda for m in model.modules() if isinstance(m, SimAM)} == {0.1}
    assert not model.layer1[0]._forward_hooks
    assert model.training and not copy.training
    assert all(p.requires_grad for p in model.parameters()) and not any(p.requires_grad for p in copy.parameters())


class Unusual(nn.Module):
    """What a network that somebody brings may hold beside its children."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.again = self.twice
        self.nothing = None
        self.tied = nn.Linear(2, 2)
        self.tied.bias = self.first.bias
        self.hidden = [nn.Conv2d(3, 3, 1), self.first]
        self.settings = {"scale": [1, 2]}
        self.register_module("none", None)
        self.step = self.forward
        self.register_buffer("kept", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.hidden[0](self.again(self.twice(self.first(x)))) + self.kept


def test_shared_copy_of_an_unusual_network_is_what_deepcopy_makes() -> None:
    model = Unusual()
    model.first.register_forward_hook(lambda module, inputs, x: x + 1)
    copy = shared_copy(model)
    assert copy.again is copy.twice is not model.twice
    assert copy.hidden[1] is copy.first is not model.first and copy.hidden[0] is not model.hidden[0]
    assert copy.tied.bias is copy.first.bias and copy.kept is model.kept
    assert copy.settings == model.settings and copy.settings["scale"] is not model.settings["scale"]
    assert copy.step.__self__ is copy and copy.none is None and copy.nothing is None
    assert list(copy.state_dict()) == list(model.state_dict())
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(copy(x), model(x))
    copy.first.register_forward_hook(lambda module, inputs, x: x * 0)
    assert len(model.first._forward_hooks) == 1


def test_simam_follows_the_depthwise_convolution_of_mobilenet() -> None:
    theirs, ours = reference("mobilenet_v2", 7).eval(), create_model("mobilenet_v2", "simam", 7, e_lambda=0.05).eval()
    ours.load_state_dict(theirs.state_dict())
    depthwise = [m for m in theirs.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert len(depthwise) == len(residual_blocks(ours)) == 17
    for convolution in depthwise:
        convolution.register_forward_hook(lambda module, inputs, x: x * attention(x, 0.05))
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arch", ["resnet18", "resnext50_32x4d", "mobilenet_v2"])
def test_multiply_adds(arch: str) -> None:
    model = create_model(arch, "simam", 10).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.randn(1, 3, 64, 64))
    assert multiply_adds(model, 64) == counter.get_total_flops() // 2
    with torch.inference_mode():
        assert multiply_adds(model, 64) == counter.get_total_flops() // 2
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())
    published = {"resnet18": 1.82e9, "resnext50_32x4d": 4.26e9, "mobilenet_v2": 0.31e9}[arch]
    assert multiply_adds(create_model(arch), 224) == pytest.approx(published, rel=0.04)


@pytest.mark.long
def test_multiply_adds_of_every_architecture() -> None:
    """Output neurons times weights of each, summed over convolutions and dense layers."""
    known = {
        "resnet18": 1_814_073_344,
        "resnet34": 3_663_761_408,
        "resnet50": 4_089_184_256,
        "resnet101": 7_801_405_440,
        "resnet152": 11_513_626_624,
        "resnext50_32x4d": 4_230_479_872,
        "mobilenet_v2": 300_774_272,
    }
    with torch.device("meta"):
        assert {arch: multiply_adds(create_model(arch, "none"), 224) for arch in ARCHITECTURES} == known
        assert {arch: multiply_adds(create_model(arch, "simam"), 224) for arch in ARCHITECTURES} == known
        gates = {kind: multiply_adds(create_model("resnet18", kind), 224) for kind in ("se", "cbam", "eca")}
    assert gates == {"se": 1_814_160_384, "cbam": 1_815_063_764, "eca": 1_814_082_688}


def test_multiply_adds_of_the_bundled_networks() -> None:
    for info in simam_viz.list_checkpoints()[:2]:
        loaded = simam_viz.load_checkpoint(info.name)
        found = {px: multiply_adds(loaded.model, px) for px in (64, 160, 224)}
        assert found == {64: 148_148_224, 160: 925_388_800, 224: 1_813_663_744}


# SimAM in any network.

IMAGE = Image.effect_noise((80, 80), 90).convert("RGB")


def test_insertion_makes_our_own_network_from_torchvisions() -> None:
    """Every depthwise convolution of torchvision's MobileNetV2: the same as create_model's network with SimAM."""
    theirs = reference("mobilenet_v2", 5)
    ours = create_model("mobilenet_v2", "simam", 5, 0.03)
    ours.load_state_dict(theirs.state_dict())
    inserted = insert_simam(theirs, lambda convolution: convolution.groups > 1, e_lambda=0.03)
    expected, got = (simam_viz.analyze(simam_viz.wrap(m, input_size=64), IMAGE) for m in (ours, inserted))
    torch.testing.assert_close(got.logits, expected.logits)
    assert [block.name for block in got.blocks] == [block.name for block in expected.blocks] and got.e_lambda == 0.03
    for a, b in zip(got.blocks, expected.blocks, strict=True):
        torch.testing.assert_close(a.attention, b.attention)
        torch.testing.assert_close(a.cam, b.cam, rtol=1e-3, atol=1e-4)


def test_insertion_into_a_densenet() -> None:
    torch.manual_seed(0)
    model = torchvision.models.densenet121(weights=None, num_classes=6).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inserted = insert_simam(model, r".*denselayer\d+\.conv2", e_lambda=0.05)
    shared = {parameter.data_ptr() for parameter in model.parameters()}
    assert {parameter.data_ptr() for parameter in inserted.parameters()} == shared

    analysis = simam_viz.analyze(simam_viz.wrap(inserted, list("abcdef"), 64), IMAGE, target=2)
    seen = {}
    for name, module in model.named_modules():
        if name.endswith("conv2"):
            module.register_forward_hook(
                lambda m, i, x, name=name: seen.update({name: (x, x * attention(x, 0.05))}) or seen[name][1]
            )
    logits = model(simam_viz.wrap(model, 6 * ["x"]).transforms.tensor(analysis.view)[None])[0]
    torch.testing.assert_close(analysis.logits, logits, rtol=1e-4, atol=1e-5)
    assert [block.name for block in analysis.blocks] == list(seen) and len(seen) == 58
    gradients = torch.autograd.grad(logits[2], [refined for _, refined in seen.values()])
    for block, (features, refined), gradient in zip(analysis.blocks, seen.values(), gradients, strict=True):
        torch.testing.assert_close(block.features, features[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(block.refined, refined[0], rtol=1e-4, atol=1e-5)
        cam = (gradient.mean((2, 3), keepdim=True) * refined).sum(1)[0].relu()
        assert block.cam_max == pytest.approx(float(cam.max()), rel=1e-3, abs=1e-6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_insertion_before_layers_that_overwrite_their_input() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    loaded = simam_viz.wrap(insert_simam(model, r"\d"), input_size=32)
    assert loaded.categories == ("class 0", "class 1", "class 2")
    analysis = simam_viz.analyze(loaded, IMAGE)
    assert [block.name for block in analysis.blocks] == ["0", "2"] and analysis.attends
    for block in analysis.blocks:
        assert (block.features < 0).any(), "what enters SimAM was not yet cut off"
        torch.testing.assert_close(block.attention, attention(block.features[None], 0.1)[0])
    off = simam_viz.analyze(with_attention(loaded, "off"), IMAGE)
    assert [block.name for block in off.blocks] == ["0", "2"] and not off.attends
    with torch.no_grad():
        torch.testing.assert_close(off.logits, model(loaded.transforms(IMAGE)[None])[0])
    torch.testing.assert_close(off.blocks[0].features, model[0](loaded.transforms.tensor(off.view)[None])[0])


def test_a_network_that_cannot_be_looked_into() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="SimAM has no place"):
        simam_viz.wrap(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), input_size=32)
    with pytest.raises(ValueError, match="its convolutions are called 0 and so on"):
        insert_simam(model, r"conv\d")
    with pytest.raises(ValueError, match="λ"):
        insert_simam(model, "0", e_lambda=0)
