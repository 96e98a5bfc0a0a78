"""Everything runs where the weights are, and what comes out lies in the processor's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

import simam_viz
from simam_viz import Analysis
from tests.helpers import attention_zoo as zoo
from tests.helpers import elsewhere
from tests.helpers.attention_zoo import Small, seeded

PHOTO = Image.effect_noise((64, 64), 90).convert("RGB")


def on_the_processor(analysis: Analysis) -> None:
    assert analysis.logits.is_cpu and type(analysis.logits) is torch.Tensor
    for block in analysis.blocks:
        for name in ("features", "activations", "gradients", "attention", "refined", "variances", "cam"):
            tensor = getattr(block, name)
            assert tensor.is_cpu and type(tensor) is torch.Tensor, (block.name, name)


def all_of_it(model: nn.Module, **options: Any) -> dict[str, Any]:
    """Everything that is computed of one photo."""
    network = simam_viz.wrap(model, input_size=64, verbose=False, **options)
    found: dict[str, Any] = {"analyses": simam_viz.compare(network, PHOTO)}
    on = found["analyses"]["on"]
    found["one"] = simam_viz.analyze(network, PHOTO, against=(on.target + 1) % 5)
    found["tensor"] = simam_viz.analyze(network, network.transforms(PHOTO)[None])
    found["ablation"] = simam_viz.ablate_blocks(network, PHOTO)
    maps = {"cam": on.blocks[0].cam}
    found["measured"] = [dict(simam_viz.faithfulness(network, a, maps))["cam"] for a in (on, found["tensor"])]
    return found


MIDDLES: list[Callable[[], nn.Module]] = [zoo.Retyped, lambda: zoo.SqueezeExcite(16), lambda: zoo.CBAM(16)]


@pytest.mark.parametrize("make", MIDDLES)
def test_nothing_is_left_behind(make: Callable[[], nn.Module]) -> None:
    here = all_of_it(seeded(lambda: Small(make())))
    with elsewhere.device() as moved:
        there = all_of_it(moved(seeded(lambda: Small(make()))))
        for analysis in (*there["analyses"].values(), there["one"], there["tensor"]):
            on_the_processor(analysis)
    for mode, analysis in here["analyses"].items():
        other = there["analyses"][mode]
        torch.testing.assert_close(other.logits, analysis.logits, rtol=1e-4, atol=1e-6)
        for ours, theirs in zip(other.blocks, analysis.blocks, strict=True):
            torch.testing.assert_close(ours.attention, theirs.attention, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(ours.cam, theirs.cam, rtol=1e-3, atol=1e-4)
    assert there["ablation"].off == pytest.approx(here["ablation"].off, rel=1e-4)
    for ours, theirs in zip(there["measured"], here["measured"], strict=True):
        torch.testing.assert_close(ours.deletion, theirs.deletion, rtol=1e-4, atol=1e-6)
    assert there["tensor"].given.is_cpu


def test_pixels_and_embeddings() -> None:
    class Maps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention, self.out = nn.Conv2d(3, 8, 3, 2, 1), zoo.Retyped(), nn.Conv2d(8, 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.attention(self.first(x)))

    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[:20, :20] = True
    with elsewhere.device() as moved:
        network = simam_viz.wrap(moved(seeded(Maps)), input_size=64, verbose=False)
        for region in (mask, (3, 4)):
            on_the_processor(simam_viz.analyze(network, PHOTO, region=region))
        network = simam_viz.wrap(
            moved(seeded(lambda: Small(zoo.Retyped()))), input_size=64, verbose=False, output="embedding"
        )
        on_the_processor(simam_viz.analyze(network, PHOTO, reference=PHOTO))


def test_the_device_notices_what_is_left_behind() -> None:
    with elsewhere.device():
        there = torch.ones(3).to(elsewhere.DEVICE)
        assert not there.is_cpu and (there * 2).tolist() == [2, 2, 2] and (there + torch.tensor(1.0)).cpu().is_cpu
        with pytest.raises(elsewhere.LeftBehind):
            there + torch.ones(3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
def test_cuda() -> None:
    here, there = (
        all_of_it(seeded(lambda: Small(zoo.CBAM(16))).to(device), device=device)["analyses"]["on"]
        for device in ("cpu", "cuda")
    )
    on_the_processor(there)
    torch.testing.assert_close(there.logits, here.logits, rtol=1e-2, atol=1e-3)
