"""Faithfulness measures against torchcam's and pytorch-grad-cam's, and against sums done by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence, IncreaseInConfidence
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from torch import Tensor, nn
from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

import simam_viz
from simam_viz import Analysis
from simam_viz.checkpoints.loading import LoadedCheckpoint, Transforms
from simam_viz.explain import metrics
from simam_viz.explain.cam import METHODS, enlarged


@pytest.fixture(scope="module")
def analysis(loaded: LoadedCheckpoint, photo: Image.Image) -> Analysis:
    return simam_viz.analyze(loaded, photo, input_size=64)


@pytest.fixture(scope="module")
def maps(analysis: Analysis) -> dict[str, Tensor]:
    """Every method at one block, one method at every block, and the controls."""
    found = {f"layer3.0 {method}": analysis.block("layer3.0").heat_map(method).values for method in METHODS}
    found |= {f"{block.name} LayerCAM": block.heat_map("LayerCAM").values for block in analysis.blocks}
    return found | metrics.controls((8, 8))


class Given:
    """A stand-in for torchcam's extractors that returns one given map."""

    def __init__(self, model: nn.Module, map_: Tensor) -> None:
        self.model, self.map = model, map_

    def __call__(self, *_: object, **__: object) -> list[Tensor]:
        return [self.map[None].clone()]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    def _hooks_off(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@pytest.mark.long
def test_torchcam(loaded: LoadedCheckpoint, analysis: Analysis, maps: dict[str, Tensor]) -> None:
    x = loaded.transforms.tensor(analysis.view)
    temperature = loaded.output.temperature

    def calibrated(logits: Tensor, dim: int = -1) -> Tensor:
        return (logits / temperature).softmax(dim)

    assert len(maps) == 4 + 7 + 2
    # Curves as fine as the page draws them for one block and the controls, coarse ones for the others: it is the same code.
    fine = {name for name in maps if name in metrics.CONTROLS or name.startswith("layer3.0")}
    steps = {name: metrics.STEPS if name in fine else 4 for name in maps}
    ours = {}
    for count in (metrics.STEPS, 4):
        those = {name: map_ for name, map_ in maps.items() if steps[name] == count}
        found = dict(metrics.faithfulness(loaded, analysis, those, count))
        assert list(found) == list(those)
        ours |= found
    for name, map_ in maps.items():
        given = Given(loaded.model, map_)
        grey = DeletionInsertionMetric(given, calibrated, steps=steps[name])
        sharp = DeletionInsertionMetric(given, calibrated, steps=steps[name], baseline=metrics.blurred(x)[None])
        change = ClassificationMetric(given, calibrated)
        for metric in (grey, sharp, change):
            metric.update(x[None], analysis.target)
        assert ours[name].deletion == pytest.approx(grey.summary()["deletion_auc"], abs=2e-5)
        assert ours[name].insertion == pytest.approx(sharp.summary()["insertion_auc"], abs=2e-5)
        assert ours[name].drop == pytest.approx(change.summary()["avg_drop"], abs=1e-4)
        assert ours[name].increased == bool(change.summary()["conf_increase"])
    assert len({round(m.deletion, 4) for m in ours.values()}) > 5, "maps that differ are told apart"


def test_pytorch_grad_cam(loaded: LoadedCheckpoint, analysis: Analysis, maps: dict[str, Tensor]) -> None:
    """It reports the lost probability itself, not the share that is lost."""
    x = loaded.transforms.tensor(analysis.view)[None]
    targets = [ClassifierOutputSoftmaxTarget(analysis.target)]

    def calibrated(inputs: Tensor) -> Tensor:
        logits: Tensor = loaded.model(inputs) / loaded.output.temperature
        return logits

    for name, ours in metrics.faithfulness(loaded, analysis, maps, steps=1):
        shown = enlarged(maps[name], 64)[None].numpy()
        lost = DropInConfidence()(x, shown, targets, calibrated)[0]
        assert ours.drop * ours.probability == pytest.approx(float(lost), abs=1e-5)
        assert ours.increased == bool(IncreaseInConfidence()(x, shown, targets, calibrated)[0])


class Bright(nn.Module):
    """Two classes; the first one's logit is the sum of the first colour over the picture."""

    def forward(self, x: Tensor) -> Tensor:
        total = x[:, 0].sum(dim=(1, 2))
        return torch.stack([total, torch.zeros_like(total)], dim=1)


def toy(pixels: Tensor) -> tuple[LoadedCheckpoint, Analysis]:
    picture = Image.fromarray((pixels[..., None].repeat(1, 1, 3) * 255).byte().numpy())
    loaded = LoadedCheckpoint("toy", Bright(), Transforms(4, (0, 0, 0), (1, 1, 1)), ("bright", "dark"), 0.1)
    return loaded, Analysis(picture, torch.zeros(2), 0, 0.1, False, ("bright", "dark"), ())


def test_curves_by_hand() -> None:
    pixels = torch.zeros(4, 4)
    pixels[1, 2], pixels[3, 0] = 1.0, 0.4
    loaded, analysis = toy(pixels)
    value = loaded.transforms.tensor(analysis.view)[0]
    map_ = torch.zeros(4, 4)
    map_[1, 2], map_[3, 0], map_[0, 0] = 1.0, 0.5, 0.25
    zeros = torch.zeros(3, 4, 4)
    ((_, found),) = metrics.faithfulness(loaded, analysis, {"map": map_}, 16, (zeros, zeros))
    first, second = float(value[1, 2]), float(value[3, 0])

    def bright(total: float) -> float:
        return 1 / (1 + np.exp(-total))

    deletion = [bright(first + second), bright(second), *[bright(0)] * 15]
    insertion = [bright(0), bright(first), *[bright(first + second)] * 15]
    np.testing.assert_allclose(found.fractions, np.arange(17) / 16)
    np.testing.assert_allclose(found.deletion_curve, deletion, rtol=1e-5)
    np.testing.assert_allclose(found.insertion_curve, insertion, rtol=1e-5)
    assert found.deletion == pytest.approx(sum((a + b) / 2 / 16 for a, b in itertools.pairwise(deletion)))
    assert found.insertion == pytest.approx(np.trapezoid(insertion, dx=1 / 16), rel=1e-5)
    masked = bright(first + second / 2)
    assert found.masked_probability == pytest.approx(masked, rel=1e-5)
    assert found.drop == pytest.approx((deletion[0] - masked) / deletion[0], rel=1e-4) and not found.increased
    ((_, reverse),) = metrics.faithfulness(loaded, analysis, {"map": 1 - map_}, 16, (zeros, zeros))
    assert reverse.deletion > found.deletion and reverse.insertion < found.insertion


def test_equal_places_are_taken_from_the_upper_left() -> None:
    pixels = torch.linspace(0, 1, 16).view(4, 4)
    loaded, analysis = toy(pixels)
    zeros = torch.zeros(3, 4, 4)
    ((_, found),) = metrics.faithfulness(loaded, analysis, {"flat": torch.ones(4, 4)}, 4, (zeros, zeros))
    values = loaded.transforms.tensor(analysis.view)[0]
    for step in range(5):
        left = float(values[step:].sum())
        assert float(found.deletion_curve[step]) == pytest.approx(1 / (1 + np.exp(-left)), rel=1e-5)


def test_it_measures_at_the_analysis_lambda(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    other = simam_viz.analyze(loaded, photo, e_lambda=5.0, target=3, input_size=64)
    map_ = {"map": other.blocks[5].cam}
    ((_, found),) = metrics.faithfulness(loaded, other, map_, 2)
    assert found.probability == pytest.approx(float(other.probabilities[3]), rel=1e-4)
    (_, default), *_ = metrics.faithfulness(loaded, dataclasses.replace(other, e_lambda=0.1), map_, 2)
    assert default.probability != pytest.approx(found.probability, rel=1e-2)


def test_it_can_be_stopped_between_maps(
    loaded: LoadedCheckpoint, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = []
    probabilities = metrics.Probe._probabilities
    monkeypatch.setattr(metrics.Probe, "_probabilities", lambda *a: inputs.append(len(a[1])) or probabilities(*a))
    work = metrics.faithfulness(loaded, analysis, metrics.controls((4, 4)), 2)
    assert not inputs
    assert next(work)[0] == "random" and inputs == [3, 3]
    work.close()
    assert inputs == [3, 3]


def test_controls_are_always_the_same() -> None:
    first, again = metrics.controls((10, 10)), metrics.controls((10, 10))
    assert all(torch.equal(first[name], again[name]) for name in ("random", "centre"))
    blob = first["centre"]
    torch.testing.assert_close(blob, blob.flip(0).T)
    assert float(blob.max()) == 1 and float(blob[0, 0]) < 0.05
    # σ is a quarter of the side: two cells from the middle line of ten, exp(−½ (0.2 / 0.25)²).
    assert float(blob[7, 5] / blob[5, 5]) == pytest.approx(np.exp(-(0.25**2 - 0.05**2) / 0.125), rel=1e-5)


def test_means() -> None:
    def measure(probability: float, masked: float, level: float) -> metrics.Faithfulness:
        ends = torch.tensor([0.0, 1.0])
        return metrics.Faithfulness(ends, torch.full((2,), level), torch.full((2,), 2 * level), probability, masked)

    good, poor = measure(0.8, 0.4, 0.1), measure(0.5, 0.6, 0.3)
    found = metrics.mean([good, poor])
    assert (found.photos, found.increase) == (2, 0.5)
    assert (found.probability, found.deletion, found.insertion, found.drop) == pytest.approx((0.65, 0.2, 0.4, 0.25))
    # Scores 0.1 and 0.3 beside 0.05 and 0.05: (0.05 + 0.25) over (0.8 + 0.5).
    random = measure(0.8, 0.4, 0.05)
    assert random.score == pytest.approx(0.05)
    assert metrics.gain([(good, random), (poor, random)]) == pytest.approx(0.3 / 1.3)
    assert metrics.gain([(measure(1e-6, 0, 0.0), measure(1e-6, 0, 1e-6)), (good, random)]) == pytest.approx(
        0.05 / 0.8, rel=1e-3
    )
