"""A module that runs several times in a pass: every use is shown, with features, weights and heat maps of its own."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

import simam_viz
from simam_viz import SimAM, attention
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain.recording import distinct_uses
from simam_viz.explain.variants import MODES, with_attention
from simam_viz.networks.architectures import SimAMBasicBlock

IMAGE = Image.effect_noise((64, 64), 90).convert("RGB")


class Neck(nn.Module):
    """One SimAM used twice, outside of any residual block; what follows it writes into what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)
        self.simam = SimAM(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x += self.simam(x)
        return self.simam(x=self.second(torch.relu_(x))).relu_()


class TwiceInABlock(SimAMBasicBlock):
    """SimAM after either convolution of a residual block."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.simam(self.conv1(x))))
        return self.relu(self.bn2(self.simam(self.conv2(out))) + x)


class ConvolutionTwice(BasicBlock):
    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv2(x))))) + x)


class Network(nn.Module):
    """What is tried, as the middle of a network; ``passes`` times."""

    def __init__(self, middle: nn.Module, passes: int = 1) -> None:
        super().__init__()
        self.stem, self.middle, self.passes = nn.Conv2d(3, 4, 3, 2, 1), middle, passes
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(self.passes):
            x = self.middle(x)
        return self.head(x.mean((2, 3)))


class WithNeck(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neck, self.head = Neck(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.neck(x).mean((2, 3)))


def one_simam_in_all_blocks() -> nn.Module:
    blocks = [SimAMBasicBlock(4, 4) for _ in range(3)]
    for block in blocks:
        block.simam = blocks[0].simam
    return nn.Sequential(*blocks)


def one_block_in_two_places() -> nn.Module:
    model = simam_viz.create_model("resnet18", "simam", 5)
    model.layer1[1] = model.layer1[0]
    return model


CASES = {
    "neck": (WithNeck, ["neck.simam", "neck.simam, 2nd use"]),
    "a residual block": (lambda: Network(SimAMBasicBlock(4, 4), 3), ["middle", "middle, 2nd use", "middle, 3rd use"]),
    "within a block": (lambda: Network(TwiceInABlock(4, 4)), ["middle.simam", "middle.simam, 2nd use"]),
    "within a block, twice": (
        lambda: Network(TwiceInABlock(4, 4), 2),
        ["middle.simam", "middle.simam, 2nd use", "middle.simam, 3rd use", "middle.simam, 4th use"],
    ),
    "one SimAM in all blocks": (
        lambda: Network(one_simam_in_all_blocks()), ["middle.0", "middle.1", "middle.2"],
    ),
    "one block in two places": (
        one_block_in_two_places,
        ["layer1.0", "layer1.0, 2nd use", "layer2.0", "layer2.1", "layer3.0", "layer3.1", "layer4.0", "layer4.1"],
    ),
    "a plain residual block": (lambda: Network(BasicBlock(4, 4), 2), ["middle", "middle, 2nd use"]),
    "a plain convolution": (lambda: Network(ConvolutionTwice(4, 4)), ["middle.conv2", "middle.conv2, 2nd use"]),
    "an inserted SimAM": (
        lambda: Network(simam_viz.insert_simam(nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU(True)), "0"), 2),
        ["middle.0", "middle.0, 2nd use"],
    ),
}  # fmt: skip


def case(name: str) -> tuple[LoadedCheckpoint, list[str]]:
    torch.manual_seed(1)
    make, names = CASES[name]
    model = make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return simam_viz.wrap(model, input_size=64), names


def seen(loaded: LoadedCheckpoint, name: str, target: int) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """By an independent pass: the logits, and for each use what SimAM gets, what is explained, and its gradient."""
    model, features, outputs = loaded.model, [], []
    simams = [m for m in model.modules() if isinstance(m, SimAM)]
    convolutions = [m.conv2 for m in model.modules() if isinstance(m, BasicBlock)]
    within = [m for m in model.modules() if isinstance(m, (BasicBlock, Neck))]
    own = not within
    waiting = []
    watched = simams or convolutions
    handles = []

    def keep_features(module: nn.Module, inputs: tuple[Tensor, ...], named: dict, output: Tensor) -> Tensor | None:
        features.append((output if not simams else (*inputs, *named.values())[0]).detach().clone())
        waiting.append(module)
        return keep_output(module, inputs, output) if own else None

    def keep_output(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        output = output.clone()
        (output if output.requires_grad else output.requires_grad_()).retain_grad()
        outputs.extend([output] * (1 if own else len(waiting)))
        waiting.clear()
        return output.clone()

    handles += [module.register_forward_hook(keep_features, with_kwargs=True) for module in dict.fromkeys(watched)]
    if not own:
        handles += [module.register_forward_hook(keep_output) for module in within]
    model.requires_grad_(False)
    with torch.enable_grad():
        logits = model(loaded.transforms(IMAGE)[None])[0]
        logits[target].backward()
    for handle in handles:
        handle.remove()
    return logits.detach(), features, [o.detach() for o in outputs], [o.grad for o in outputs]


@pytest.mark.parametrize("name", CASES)
def test_every_use_is_shown_with_what_is_its_own(name: str) -> None:
    loaded, names = case(name)
    analysis = simam_viz.analyze(loaded, IMAGE, target=2)
    logits, features, outputs, gradients = seen(loaded, name, 2)
    torch.testing.assert_close(analysis.logits, logits)
    assert [block.name for block in analysis.blocks] == names and len(features) == len(outputs) == len(names)
    for block, entered, output, gradient in zip(analysis.blocks, features, outputs, gradients, strict=True):
        torch.testing.assert_close(block.features, entered[0])
        torch.testing.assert_close(block.attention, attention(entered, block.e_lambda)[0])
        torch.testing.assert_close(block.activations, output[0])
        torch.testing.assert_close(block.gradients, gradient[0])
    assert len({float(block.features.sum()) for block in analysis.blocks}) == len(names)
    together = "within" in name or name in ("a plain convolution", "neck")  # in one block, and so explained there
    assert together or len({float(block.gradients.sum()) for block in analysis.blocks}) >= len(names) - 1


@pytest.mark.parametrize("name", [name for name in CASES if "plain" not in name])
def test_every_attention_in_one_batch_is_what_each_is_alone(name: str) -> None:
    loaded, names = case(name)
    for variant, together in simam_viz.compare(loaded, IMAGE, 0.3, target=1).items():
        alone = simam_viz.analyze(with_attention(loaded, variant), IMAGE, None if variant == "off" else 0.3, target=1)
        torch.testing.assert_close(together.logits, alone.logits, rtol=1e-4, atol=1e-5)
        assert [block.name for block in together.blocks] == [block.name for block in alone.blocks] == names
        for ours, theirs in zip(together.blocks, alone.blocks, strict=True):
            torch.testing.assert_close(ours.attention, theirs.attention)
            torch.testing.assert_close(ours.gradients, theirs.gradients, rtol=1e-3, atol=1e-5)
    assert tuple(simam_viz.compare(loaded, IMAGE)) == MODES
    low, high = simam_viz.analyze_lambdas(loaded, IMAGE, [1e-6, 10.0])
    for e_lambda, got in ((1e-6, low), (10.0, high)):
        torch.testing.assert_close(got.logits, simam_viz.analyze(loaded, IMAGE, e_lambda).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["a residual block", "one SimAM in all blocks", "one block in two places"])
def test_ablation_of_every_use(name: str) -> None:
    loaded, names = case(name)
    found = simam_viz.ablate_blocks(loaded, IMAGE, target=3)
    assert list(found.uniform) == list(found.off) == names
    assert len(set(found.off.values())) == len(names)
    assert found.on == pytest.approx(float(simam_viz.analyze(loaded, IMAGE, target=3).probabilities[3]), rel=1e-4)


def test_hooks_and_forwards_of_ones_own_count_in_a_batch() -> None:
    def hooked(model: nn.Module) -> None:
        model.layer1[0].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))

    def own_forward(model: nn.Module) -> None:
        model.relu.forward = lambda x: x.clamp(min=-1)

    def attended(model: nn.Module) -> None:
        model.layer1[0].conv2 = nn.Sequential(model.layer1[0].conv2, SimAM(0.1))

    def again(model: nn.Module) -> None:
        model.layer2[1] = model.layer2[0].conv2

    for change in (hooked, own_forward, attended, again):
        torch.manual_seed(0)
        model = simam_viz.create_model("resnet18", "simam", 5).eval()
        change(model)
        loaded = simam_viz.wrap(model, input_size=64)
        with torch.no_grad():
            expected = model(loaded.transforms(IMAGE)[None])[0]
        for got in simam_viz.analyze_lambdas(loaded, IMAGE, [None, 0.1]):
            torch.testing.assert_close(got.logits, expected, rtol=1e-4, atol=1e-5)


def test_a_simam_that_plays_no_part() -> None:
    model = Network(SimAMBasicBlock(4, 4))
    model.aside = SimAM()
    analysis = simam_viz.analyze(simam_viz.wrap(model.eval(), input_size=64), IMAGE)
    assert [block.name for block in analysis.blocks] == ["middle"]
    model.passes = 0
    with pytest.raises(ValueError, match="None of this network's attention modules took part"):
        simam_viz.analyze(simam_viz.wrap(model, input_size=64), IMAGE)


class Branch(nn.Module):
    """SimAM whose result is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.simam, self.head = nn.Conv2d(3, 4, 3, 2, 1), SimAM(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        self.simam(x)
        return self.head(x.mean((2, 3)))


class Detached(Network):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


def test_where_no_gradient_reaches() -> None:
    with pytest.raises(ValueError, match="switches gradients off"):
        simam_viz.analyze(simam_viz.wrap(Detached(SimAMBasicBlock(4, 4)).eval(), input_size=64), IMAGE)
    with pytest.raises(ValueError, match="does not depend on what its attention gives"):
        simam_viz.analyze(simam_viz.wrap(Branch().eval(), input_size=64), IMAGE)


def test_names_of_uses() -> None:
    assert distinct_uses(["a", "b", "a", "a"]) == ["a", "b", "a, 2nd use", "a, 3rd use"]
    many = distinct_uses(["a"] * 23)
    assert [many[n - 1].split(", ")[1] for n in (4, 11, 12, 13, 21, 22, 23)] == [
        "4th use", "11th use", "12th use", "13th use", "21st use", "22nd use", "23rd use",
    ]  # fmt: skip
