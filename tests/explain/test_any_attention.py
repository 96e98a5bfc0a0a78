"""Attention of every kind under every variant, on maps of every number of dimensions, measured and told."""

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

import simam_viz
from simam_viz import Analysis, LoadedCheckpoint, Times
from simam_viz.explain.blocks import QUANTITIES
from simam_viz.explain.cam import METHODS
from simam_viz.explain.inspection import most_emphasised, summarise
from simam_viz.explain.sweep import reduced
from simam_viz.explain.variants import MODES, with_attention
from tests.helpers import attention_zoo as zoo
from tests.helpers.attention_zoo import Small, seeded
from tests.helpers.observed import check_blocks, uses

PHOTO = Image.effect_noise((64, 64), 90).convert("RGB")


def wrapped(model: nn.Module, **options: Any) -> LoadedCheckpoint:
    if "example" not in options:
        options.setdefault("input_size", 64)
    return simam_viz.wrap(model.eval(), verbose=False, **options)


class Other(nn.Module):
    """Takes the place of an attention module: what a test says comes out of it."""

    def __init__(self, attention: nn.Module, gives: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.attention, self.gives = attention, gives

    def forward(self, x: Tensor) -> Tensor:
        before = x.clone()
        return self.gives(before, self.attention(x) / before)


EVERY_KIND: list[tuple[Callable[[], nn.Module], list[str]]] = [
    (zoo.Retyped, ["simam"]),
    (lambda: zoo.SqueezeExcite(16, in_place=True), ["channel"]),
    (zoo.SpatialGate, ["position"]),
    (lambda: zoo.Coordinates(16), ["gate"]),
    (lambda: zoo.CBAM(16), ["channel", "position"]),
]


@pytest.mark.parametrize(("make", "kinds"), EVERY_KIND)
def test_on_uniform_and_off(make: Callable[[], nn.Module], kinds: list[str]) -> None:
    def model(gives: Callable[[Tensor, Tensor], Tensor]) -> nn.Module:
        whole = seeded(lambda: Small(make()))
        whole.first.bias.data += 5  # nothing is 0, so that a test can divide by it
        inner = {"ChannelGate", "SpatialGate"} & {name for name, _ in whole.middle.named_children()}
        for name in inner:
            setattr(whole.middle, name, Other(getattr(whole.middle, name), gives))
        if not inner:
            whole.middle = Other(whole.middle, gives)
        return whole

    whole = seeded(lambda: Small(make()))
    whole.first.bias.data += 5
    network = wrapped(whole)
    found = simam_viz.compare(network, PHOTO)
    assert tuple(found) == MODES
    x = network.transforms(PHOTO)[None]
    expected = {
        "on": whole(x),
        "uniform": model(lambda x, w: x * w.mean((2, 3), keepdim=True))(x),
        "off": model(lambda x, w: x)(x),
    }
    for mode, analysis in found.items():
        torch.testing.assert_close(analysis.logits, expected[mode][0].detach(), rtol=1e-4, atol=1e-5)
        assert [block.kind for block in analysis.blocks] == kinds
        alone = simam_viz.analyze(with_attention(network, mode), PHOTO, target=analysis.target)
        for block, same in zip(analysis.blocks, alone.blocks, strict=True):
            assert block.name == same.name and block.hypothetical == same.hypothetical == (mode == "off")
            torch.testing.assert_close(block.cam, same.cam, rtol=1e-3, atol=1e-4)
            if mode == "uniform":
                assert float(block.attention.flatten(1).std(dim=1).max()) < 1e-5
    differ = not torch.allclose(found["off"].logits, found["on"].logits, atol=1e-6)
    assert differ and found["on"].attends and not found["off"].attends


@pytest.mark.parametrize(("make", "kinds"), EVERY_KIND)
def test_one_taken_out_at_a_time(make: Callable[[], nn.Module], kinds: list[str]) -> None:
    network = wrapped(seeded(lambda: Small(make())))
    whole = simam_viz.compare(network, PHOTO)
    found = simam_viz.ablate_blocks(network, PHOTO)
    assert len(found.off) == len(kinds)
    if len(kinds) == 1:
        for mode, by_block in (("uniform", found.uniform), ("off", found.off)):
            expected = float(whole[mode].probabilities[found.target])
            assert list(by_block.values()) == [pytest.approx(expected, rel=1e-4)]
    assert found.on == pytest.approx(float(whole["on"].probabilities[found.target]), rel=1e-4)


@pytest.mark.parametrize(("make", "kinds"), EVERY_KIND)
def test_what_a_block_can_be_asked(make: Callable[[], nn.Module], kinds: list[str]) -> None:
    analysis = simam_viz.analyze(wrapped(seeded(lambda: Small(make()))), PHOTO)
    for block, kind in zip(analysis.blocks, kinds, strict=True):
        assert all(block.quantity(name).shape == block.features.shape for name in block.quantities)
        summary = summarise(block)
        assert summary.mean_weight == pytest.approx(float(block.attention.mean()))
        if kind == "simam":
            assert block.quantities == QUANTITIES and reduced(analysis).contrasts
            continue
        assert block.e_lambda is None and "energy" not in block.quantities
        with pytest.raises(ValueError, match="is not SimAM"):
            block.energy  # noqa: B018
        with pytest.raises(ValueError, match="no SimAM"):
            reduced(analysis)
        by_position = block.attention.flatten(1)
        assert (kind == "channel") == bool(torch.equal(by_position, by_position[:, :1].expand_as(by_position)))
        assert (kind == "position") == bool(
            torch.equal(block.attention, block.attention[:1].expand_as(block.attention))
        )
    assert len(most_emphasised(analysis, 5)) == 5


def test_a_module_used_twice_is_two_blocks() -> None:
    class Twice(nn.Module):
        def __init__(self, attention: nn.Module) -> None:
            super().__init__()
            self.stem, self.neck = nn.Conv2d(3, 16, 3, 2, 1), attention
            self.conv, self.head = nn.Conv2d(16, 16, 3, 2, 1), nn.Linear(16, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.neck(F.relu(self.conv(self.neck(F.relu(self.stem(x)))))).mean((2, 3)))

    for make in (zoo.Retyped, lambda: zoo.SqueezeExcite(16)):
        model = seeded(lambda make=make: Twice(make()))
        network = wrapped(model)
        analysis = simam_viz.analyze(network, PHOTO)
        check_blocks(analysis, model, ["neck"], network.transforms(PHOTO)[None])
        assert [block.name for block in analysis.blocks] == ["neck", "neck, 2nd use"]


def test_dead_channels_have_the_weights_of_the_network() -> None:
    model = seeded(lambda: Small(zoo.SqueezeExcite(16)))
    model.first.bias.data[:6] = -50
    network = wrapped(model)
    (block,) = simam_viz.analyze(network, PHOTO).blocks
    assert not block.features[:6].any()
    with torch.no_grad():
        expected = model.middle.fc(block.features[None].mean((2, 3)))[0]
    torch.testing.assert_close(block.attention[:, 3, 3], expected, rtol=1e-4, atol=1e-6)


# Other numbers of dimensions.


class Speaker(nn.Module):
    def __init__(self, middle: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.bn = nn.Conv1d(20, 16, 5, stride=2), nn.BatchNorm1d(16)
        self.attention, self.second, self.head = (
            middle or zoo.AnyDimensions(1e-3),
            nn.Conv1d(16, 16, 3),
            nn.Linear(32, 6),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(self.attention(self.bn(F.relu(self.first(x))))))
        return self.head(torch.cat([x.mean(2), x.std(2)], 1))


def test_a_network_of_sound() -> None:
    model, x = seeded(Speaker), torch.randn(1, 20, 90)
    network = wrapped(model, example=x)
    analysis = simam_viz.analyze(network, x)
    check_blocks(analysis, model, ["attention"], x)
    (block,) = analysis.blocks
    assert block.features.shape == (16, 43) and block.cam.shape == (43,) and block.e_lambda == 1e-3
    grad_cam = (block.gradients.mean(1)[:, None] * block.activations).sum(0).relu()
    torch.testing.assert_close(block.cam * block.cam_max, grad_cam, rtol=1e-4, atol=1e-7)
    (flat,) = analysis.pictures().blocks
    for name in ("features", "attention", "refined", "energy", "importance"):
        torch.testing.assert_close(getattr(flat, name), getattr(block, name)[:, None])
    assert flat.cam.shape == (1, 43) and torch.equal(flat.variances, block.variances)
    assert simam_viz.compare(network, x)["off"].logits.shape == (6,)
    with pytest.raises(ValueError, match="measured on pictures"):
        dict(simam_viz.faithfulness(network, analysis, {"cam": block.cam}))


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.attention = nn.Conv3d(1, 8, 3, 1, 1), zoo.AnyDimensions(0.01)
        self.second, self.head = nn.Conv3d(8, 8, 3, 2, 1), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.second(self.attention(F.relu(self.first(x))))).mean((2, 3, 4)))


def test_a_volume_slice_by_slice() -> None:
    model, x = seeded(Volume), torch.rand(1, 1, 6, 16, 12)
    network = wrapped(model, example=x)
    analysis = simam_viz.analyze(network, x)
    check_blocks(analysis, model, ["attention"], x)
    (block,) = analysis.blocks
    assert block.cam.shape == (6, 16, 12) and analysis.view.size == (12, 16)
    for index, at in ((None, 3), (0, 0), (5, 5)):
        (one,) = analysis.pictures(index).blocks
        assert one.features.dim() == 3
        for name in ("features", "attention", "refined", "energy", "importance"):
            assert torch.equal(getattr(one, name), getattr(block, name)[:, at]), name
        for method in METHODS:
            assert torch.equal(one.heat_map(method).values, block.heat_map(method).values[at])
        assert one.cam_max == block.cam_max


@pytest.mark.long
def test_a_network_of_films() -> None:
    model, x = seeded(torchvision.models.video.r3d_18, num_classes=5), torch.randn(1, 3, 8, 48, 48)
    analysis = simam_viz.analyze(wrapped(model, example=x), x)
    assert len(analysis.blocks) == 8 and all(block.hypothetical for block in analysis.blocks)
    torch.testing.assert_close(analysis.logits, model(x)[0].detach(), rtol=1e-4, atol=1e-4)
    assert all(block.features.dim() == 3 for block in analysis.pictures().blocks)


def test_faithfulness_at_a_multiplied_lambda() -> None:
    """Each SimAM has another λ: what is measured runs at ten times each."""

    class Both(nn.Module):
        def __init__(self, factor: float = 1) -> None:
            super().__init__()
            self.stem, self.a = nn.Conv2d(3, 16, 3, 2, 1), zoo.Retyped(e_lambda=1e-3 * factor)
            self.conv, self.b = nn.Conv2d(16, 16, 3, 2, 1), zoo.Retyped(e_lambda=1e-2 * factor)
            self.head = nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.b(self.conv(self.a(self.stem(x)))).mean((2, 3)))

    network, ten = wrapped(seeded(Both)), wrapped(seeded(Both, 10))
    analysis = simam_viz.analyze(network, PHOTO, Times(10))
    assert analysis.e_lambda is None and [block.e_lambda for block in analysis.blocks] == pytest.approx([0.01, 0.1])
    expected = simam_viz.analyze(ten, PHOTO)
    torch.testing.assert_close(analysis.logits, expected.logits)
    (_, measured), (_, right) = (
        next(iter(simam_viz.faithfulness(n, a, {"cam": expected.blocks[0].cam})))
        for n, a in ((network, analysis), (ten, expected))
    )
    torch.testing.assert_close(measured.deletion, right.deletion, rtol=1e-5, atol=1e-6)
    assert measured.probability != pytest.approx(float(simam_viz.analyze(network, PHOTO).probabilities[0]), abs=1e-7)


# Memory that runs out.


class Narrow(Small):
    """There is memory for so many images at once."""

    most = 1

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError("no memory is left")
        return super().forward(x)


def test_where_memory_runs_out_batches_become_smaller() -> None:
    network, wide = (wrapped(seeded(kind, zoo.Retyped())) for kind in (Narrow, Small))
    found, expected = (simam_viz.compare(n, PHOTO) for n in (network, wide))
    for mode in MODES:
        torch.testing.assert_close(found[mode].logits, expected[mode].logits, rtol=1e-4, atol=1e-6)
        assert found[mode].target == expected["on"].target
        assert len(found[mode].notices) == 1 and "memory" in found[mode].notices[0]
        assert expected[mode].notices == ()
    assert simam_viz.analyze(network, PHOTO).notices == ()
    cam = {"cam": expected["on"].blocks[0].cam}
    (_, ours), (_, theirs) = (next(iter(simam_viz.faithfulness(n, expected["on"], cam))) for n in (network, wide))
    torch.testing.assert_close(ours.deletion, theirs.deletion, rtol=1e-4, atol=1e-6)
    # Where one image is too much already, that is the error.
    network.model.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        simam_viz.analyze(network, PHOTO)


# As a notebook shows it.


def many_blocks() -> Analysis:
    return simam_viz.analyze(wrapped(seeded(torchvision.models.resnet34, num_classes=6)), PHOTO)


def test_an_analysis_in_ten_lines() -> None:
    analysis = simam_viz.analyze(wrapped(seeded(lambda: Small(zoo.CBAM(16)))), PHOTO)
    said = repr(analysis)
    assert (
        analysis.categories[analysis.target] in said
        and "middle.ChannelGate: one weight a channel, 16 × 32 × 32" in said
    )
    assert f"mean weight {float(analysis.blocks[1].attention.mean()):.3f}" in said
    many = repr(many_blocks())
    assert len(many.splitlines()) <= 10 and "and 10 more" in many and "would stand here" in many
    assert len(repr(many_blocks().blocks[0])) < 200


def test_an_analysis_in_a_notebook() -> None:
    html = many_blocks()._repr_html_()
    assert len(html) < 300_000 and html.count("<img ") == 1 + 2 * 12
    assert not re.search(r'src="(?!data:)|<script|http', html)
    sound = wrapped(seeded(Speaker), example=torch.randn(1, 20, 90))
    assert simam_viz.analyze(sound, torch.randn(1, 20, 90))._repr_html_().count("<img ") == 3
    model = seeded(lambda: Small(zoo.Retyped()))
    named = simam_viz.analyze(wrapped(model, categories=["<b>", "b", "c", "d", "e"]), PHOTO, target=0)
    assert "<b>" not in named._repr_html_() and "&lt;b&gt;" in named._repr_html_()


def test_the_tests_own_hooks_see_something() -> None:
    kept, _answer = uses(seeded(lambda: Small(zoo.Retyped())), ["middle"], torch.rand(1, 3, 32, 32))
    assert len(kept) == 1 and not torch.equal(kept[0][1], kept[0][2])
