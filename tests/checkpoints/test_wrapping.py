"""Anybody's network: what is found in it is what it does, and what cannot be understood is refused at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

import simam_viz
from simam_viz import LoadedCheckpoint
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import Small, seeded
from tests.helpers.observed import check_blocks

PIXELS = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(2))
PHOTO = Image.effect_noise((80, 64), 90).convert("RGB")


def wrapped(model: nn.Module, **options: Any) -> LoadedCheckpoint:
    options = {"verbose": False} | options
    if "example" not in options:
        options.setdefault("input_size", 64)
    return simam_viz.wrap(model.eval(), **options)


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (zoo.Retyped, ["simam"]),
        (zoo.OfThePaper, ["simam"]),
        (zoo.Learned, ["simam"]),
        (zoo.InPlace, ["simam"]),
        (lambda: zoo.SqueezeExcite(16), ["channel"]),
        (lambda: zoo.SqueezeExcite(16, in_place=True), ["channel"]),
        (zoo.EfficientChannels, ["channel"]),
        (zoo.SpatialGate, ["position"]),
        (lambda: zoo.CBAM(16), ["channel", "position"]),
        (lambda: zoo.CBAMOfWeights(16), ["gate"]),
        (lambda: zoo.Coordinates(16), ["gate"]),
        (lambda: zoo.ScSE(16), ["gate"]),
    ],
)
def test_attention_in_a_network_of_ones_own(make: Callable[[], nn.Module], kinds: list[str]) -> None:
    model = seeded(lambda: Small(make()))
    network = wrapped(model)
    assert network.found is not None
    assert [site.kind for site in network.found.sites] == kinds
    x = network.transforms(PHOTO)[None]
    analysis = simam_viz.analyze(network, PHOTO)
    answer = check_blocks(analysis, model, [site.name for site in network.found.sites], x)
    assert [block.kind for block in analysis.blocks] == kinds
    torch.testing.assert_close(analysis.logits, answer[0], rtol=1e-4, atol=1e-6)
    if kinds == ["simam"]:
        assert analysis.blocks[0].e_lambda == pytest.approx(float(getattr(make(), "e_lambda", 0.03)), rel=1e-3)
        moved = simam_viz.analyze(network, PHOTO, e_lambda=10.0)
        assert not torch.allclose(moved.logits, analysis.logits, atol=1e-6)
        ten = simam_viz.analyze(network, PHOTO, e_lambda=simam_viz.Times(10))
        assert ten.blocks[0].e_lambda == pytest.approx(10 * analysis.blocks[0].e_lambda)


def with_retyped(behind: str, e_lambda: float) -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(num_classes=7)
    for block in model.modules():
        if isinstance(block, BasicBlock):
            nn.init.ones_(block.bn2.weight)
            setattr(block, behind, nn.Sequential(getattr(block, behind), zoo.Retyped(e_lambda=e_lambda)))
    return model


@pytest.mark.parametrize(("behind", "e_lambda"), [("conv2", 1e-4), ("bn2", 0.1)])
def test_retyped_simam_in_torchvisions_resnet(behind: str, e_lambda: float) -> None:
    model = seeded(with_retyped, behind, e_lambda)
    network = wrapped(model)
    assert network.found is not None and network.e_lambda == e_lambda
    names = [site.name for site in network.found.sites]
    assert len(names) == 8 and names[3] == f"layer2.1.{behind}.1"
    analysis = simam_viz.analyze(network, PHOTO)
    answer = check_blocks(analysis, model, names, network.transforms(PHOTO)[None])
    torch.testing.assert_close(analysis.logits, answer[0], rtol=1e-3, atol=1e-4)
    # Heat maps are taken where the residual block around each ends.
    assert [block.name for block in analysis.blocks] == [f"layer{i}.{k}" for i in (1, 2, 3, 4) for k in (0, 1)]


def test_looking_into_a_resnet50_takes_at_most_two_passes() -> None:
    calls: list[int] = []

    class Counts(torchvision.models.ResNet):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(len(x))
            return super().forward(x)

    model = seeded(Counts, Bottleneck, [3, 4, 6, 3], num_classes=5)
    runs: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, Bottleneck):
            module.conv2 = nn.Sequential(module.conv2, zoo.Retyped())
            module.register_forward_hook(lambda *_, name=name: runs.update({name: runs.get(name, 0) + 1}))
    network = wrapped(model)
    assert network.found is not None and len(network.found.sites) == 16
    assert len(calls) <= 2 and set(runs.values()) == {1}, "blocks that add their input are not tried one by one"


def test_without_attention_it_is_said_to_be_hypothetical() -> None:
    network = wrapped(seeded(torchvision.models.resnet18, num_classes=4))
    analysis = simam_viz.analyze(network, PHOTO)
    assert not network.attends and not analysis.attends and all(block.hypothetical for block in analysis.blocks)
    assert "No attention" in repr(network) and len(analysis.blocks) == 8


def test_weights_that_are_used_elsewhere_are_told() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.ca = nn.Conv2d(16, 16, 3, padding=1), zoo.ChannelWeights(16)

        def forward(self, x: Tensor) -> Tensor:
            out = self.conv(x)
            return F.relu(x + self.ca(out) * out)

    said = repr(wrapped(seeded(lambda: Small(Block()))))
    assert "Not understood: middle.ca:" in said
    assert "Not understood" not in repr(wrapped(seeded(lambda: Small(zoo.CBAMOfWeights(16)))))


def test_one_channel_that_is_not_square() -> None:
    model, x = seeded(lambda: Small(zoo.Retyped(), channels=1)), torch.rand(1, 1, 80, 200)
    network = wrapped(model, example=x)
    analysis = simam_viz.analyze(network, x)
    answer = check_blocks(analysis, model, ["middle"], x)
    torch.testing.assert_close(analysis.logits, answer[0])
    assert analysis.blocks[0].features.shape == (16, 40, 100) and analysis.view.size == (200, 80)
    assert analysis.blocks[0].cam.shape == (40, 100) and "black is" in analysis.view_caption


def test_twelve_channels() -> None:
    model, x = seeded(lambda: Small(zoo.SqueezeExcite(16), channels=12)), torch.randn(1, 12, 48, 48)
    network = wrapped(model, example=x)
    check_blocks(simam_viz.analyze(network, x), model, ["middle"], x)
    with pytest.raises(ValueError, match="12 × 48 × 48, which no photo is"):
        simam_viz.analyze(network, PHOTO)
    with pytest.raises(ValueError, match=r"\(1, 12, H, W\), not \(1, 3, 48, 48\)"):
        simam_viz.analyze(network, torch.rand(1, 3, 48, 48))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [zoo.Retyped, lambda: zoo.SqueezeExcite(16), lambda: zoo.CBAM(16)])
def test_the_input_follows_the_networks_number_format(dtype: torch.dtype, make: Callable[[], nn.Module]) -> None:
    model = seeded(lambda: Small(make())).to(dtype)
    network = wrapped(model)
    assert network.found is not None
    analysis = simam_viz.analyze(network, PHOTO)
    assert analysis.logits.isfinite().all() and analysis.blocks[0].cam.isfinite().all()
    rtol = 1e-4 if dtype is torch.float64 else 3e-2
    check_blocks(
        analysis, model, [site.name for site in network.found.sites], network.transforms(PHOTO)[None], rtol=rtol
    )


class Says(nn.Module):
    """The same network, answering in another way."""

    def __init__(self, says: Callable[[Tensor], Any], middle: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.says = Small(zoo.Retyped() if middle is None else middle), says

    def forward(self, x: Tensor) -> Any:
        return self.says(self.network(x))


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (lambda y: {"logits": y}, "classes"),
        (lambda y: (y, None), "classes"),
        (lambda y: y.softmax(1), "classes"),
        (lambda y: y[:, :, None, None].expand(-1, -1, 8, 8), "pixels"),
        (lambda y: y.sigmoid(), "labels"),
    ],
)
def test_answers_of_five_classes(says: Callable[[Tensor], Any], kind: str) -> None:
    model = seeded(Says, says)
    network = wrapped(model)
    analysis = simam_viz.analyze(network, PHOTO)
    assert network.output.kind == kind and len(analysis.top(3)) == 3
    with torch.no_grad():
        inner = model.network(network.transforms(PHOTO)[None])[0]
    torch.testing.assert_close(analysis.logits - analysis.logits[0], inner - inner[0], rtol=1e-3, atol=1e-5)
    assert analysis.target == int(inner.argmax())


def test_a_softmax_is_explained_by_its_logarithm() -> None:
    middle = zoo.SqueezeExcite(16)
    soft = simam_viz.analyze(wrapped(seeded(Says, lambda y: y.softmax(1), middle)), PHOTO, target=1)
    logs = simam_viz.analyze(wrapped(seeded(Says, lambda y: y.log_softmax(1), middle)), PHOTO, target=1)
    assert logs.blocks[0].gradients.abs().max() > 0
    torch.testing.assert_close(soft.blocks[0].gradients, logs.blocks[0].gradients, rtol=1e-3, atol=1e-9)


def test_one_number_a_photo() -> None:
    for says in (lambda y: y[:, 0], lambda y: y[:, :1]):
        network = wrapped(seeded(Says, says), output="regression")
        analysis = simam_viz.analyze(network, PHOTO)
        assert analysis.logits.shape == (1,) and analysis.top() == [(0, "value 0", float(analysis.logits[0]))]
        with pytest.raises(ValueError, match="no probabilities"):
            analysis.probabilities  # noqa: B018
        with pytest.raises(ValueError, match="contrasted"):
            simam_viz.analyze(network, PHOTO, against=0)


def test_an_embedding_is_compared_with_a_second_photo() -> None:
    model = seeded(Says, lambda y: F.normalize(y, dim=1))
    network = wrapped(model, output="embedding")
    other = Image.effect_noise((64, 64), 30).convert("RGB")
    analysis = simam_viz.analyze(network, PHOTO, reference=other)
    with torch.no_grad():
        one, two = (model(network.transforms(photo)[None])[0] for photo in (PHOTO, other))
    torch.testing.assert_close(analysis.logits[0], one @ two, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="reference="):
        simam_viz.analyze(network, PHOTO)
    with pytest.raises(ValueError, match="Only an embedding"):
        simam_viz.analyze(wrapped(seeded(Says, lambda y: y)), PHOTO, reference=other)


class UNet(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), zoo.Retyped())
        self.up, self.out = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.out(torch.cat([x, F.relu(self.up(self.deep(x)))], 1))


@pytest.mark.parametrize("classes", [1, 3])
def test_a_unet(classes: int) -> None:
    model = seeded(UNet, classes)
    network = wrapped(model)
    x = network.transforms(PHOTO)[None]
    with torch.no_grad():
        maps = model(x)[0]
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[8:16, 40:60] = True
    for region, expected in (
        (None, maps.mean((1, 2))),
        ((3, 63), maps[:, 3, 63]),
        (mask, maps[:, mask].mean(1)),
    ):
        analysis = simam_viz.analyze(network, PHOTO, region=region)
        torch.testing.assert_close(analysis.logits, expected, rtol=1e-4, atol=1e-6)
        assert len(analysis.probabilities) == max(classes, 2)
        check_blocks(analysis, model, ["deep.2"], x)
    # One pixel is decided by what lies around it.
    pixel = simam_viz.analyze(network, PHOTO, region=(20, 20)).blocks[0].gradients.abs().sum(0)
    assert pixel[10, 10] > 0 and (pixel > 1e-3 * pixel.max()).sum() < 10


def test_layers_choose_where_heat_maps_are_taken() -> None:
    model = seeded(torchvision.models.resnet18, num_classes=4)
    network = wrapped(model, layers=["layer2", "layer4.1.conv1"])
    analysis = simam_viz.analyze(network, PHOTO)
    assert [block.name for block in analysis.blocks] == ["layer2", "layer4.1.conv1"]
    assert [tuple(block.cam.shape) for block in analysis.blocks] == [(8, 8), (2, 2)]
    assert [b.name for b in simam_viz.analyze(wrapped(model, layers="layer3"), PHOTO).blocks] == ["layer3"]
    for layers, said in (("neck", "no module called 'neck'"), ("fc", "fc returns no feature map")):
        with pytest.raises(ValueError, match=said):
            wrapped(model, layers=layers)


def test_names_that_the_network_carries() -> None:
    model = seeded(lambda: Small(zoo.Retyped()))
    model.names = {i: name for i, name in enumerate("abcde")}
    assert wrapped(model).categories == tuple("abcde")
    assert wrapped(model, categories=list("vwxyz")).categories == tuple("vwxyz")
    model.names = {0: "only one"}
    assert wrapped(model).categories[1] == "class 1"


def test_what_was_found_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    network = wrapped(seeded(lambda: Small(zoo.Retyped())), verbose=True)
    said = capsys.readouterr().out
    assert said.strip() == repr(network)
    for part in (
        "1 attention module",
        "middle: SimAM, λ = 0.0001",
        "3 × 64 × 64, float32 on cpu",
        "softmax",
        "Assumed:",
    ):
        assert part in said


def token_network() -> nn.Module:
    return torchvision.models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=3
    )


class Silent(Small):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda: Small(zoo.Retyped()), {"categories": ["a", "b", "c"]}, "3 names are given.*5 scores"),
        (lambda: Says(lambda y: y.sum(1)), {"output": "classes"}, "one number a photo"),
        (lambda: Says(lambda y: y.argmax(1)), {}, "one number a photo"),
        (lambda: Says(lambda y: {"a": y, "b": y}), {}, "returns a, b, of which none"),
        (lambda: Says(lambda y: None), {}, "NoneType"),
        (lambda: Silent(zoo.Retyped()), {}, "no gradient"),
        (token_network, {}, "SimAM has no place in this network"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 4)), {}, "SimAM has no place in this network"),
        (lambda: Small(zoo.Retyped(), channels=7), {"example": torch.rand(1, 3, 64, 64)}, "does not run on an input"),
        (lambda: Small(zoo.Retyped()), {"example": torch.rand(2, 3, 64, 64)}, "example must be"),
        (lambda: Small(zoo.Retyped()), {"mean": [0.5]}, "a number for each of the 3 channels"),
        (lambda: Small(zoo.Retyped()), {"output": "segments"}, "output must be one of"),
        (lambda: Small(zoo.Retyped()), {"output": "boxes"}, "not understood as boxes"),
    ],
)
def test_what_cannot_be_understood_is_refused(make: Callable[[], nn.Module], options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        wrapped(seeded(make), **options)
    assert re.search(r"[.…]$", str(caught.value)) and "\n" not in str(caught.value)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(TypeError, match="Module is needed"):
        simam_viz.wrap(torch.relu)  # type: ignore[arg-type]


def test_the_network_is_left_as_it_is() -> None:
    model = seeded(lambda: Small(zoo.InPlace())).train()
    names, state = [n for n, _ in model.named_modules()], {k: v.clone() for k, v in model.state_dict().items()}
    network = simam_viz.wrap(model, input_size=64, verbose=False)
    simam_viz.analyze(network, PHOTO)
    assert model.training and all(module.training for module in model.modules())
    assert [n for n, _ in model.named_modules()] == names and isinstance(model.middle, zoo.InPlace)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
