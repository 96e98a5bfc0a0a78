"""Several photos through several networks: what is compared with what, and how sure a lead is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

import simam_viz
from simam_viz import cam, figures, metrics, survey
from simam_viz.checkpoints import LoadedCheckpoint


def test_a_class_is_not_contrasted_with_itself(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    """Of several photos, one may show the class that all are contrasted with: that one is said to be left out."""
    photos = [
        survey.Subject("espresso", photo, 8),
        survey.Subject("predicted", photo, None),
        survey.Subject("other", photo, 71),
    ]
    networks = {"one": (loaded, 0.1)}
    assert simam_viz.analyze(loaded, photo, input_size=64).target == 8
    found = list(survey.findings(networks, photos, "layer4.0", ["LayerCAM"], 64, against=8, steps=2))
    troubles = {name: {f.trouble for f in found if f.photo == name} for name in ("espresso", "predicted")}
    assert troubles == {name: {"class contrasted with itself"} for name in troubles}
    assert all(f.measures is None for f in found if f.photo != "other")
    rather = simam_viz.analyze(loaded, photo, 0.1, 71, 64, 8).block("layer4.0").heat_map("LayerCAM").values
    (map_,) = (f.values for f in found if (f.photo, f.map_name) == ("other", "LayerCAM"))
    torch.testing.assert_close(map_, rather, rtol=1e-3, atol=1e-3)
    drawn = list(figures.cells(networks, photos, "layer4.0", "LayerCAM", 64, 8))
    assert [cell.trouble for cell in drawn[:2]] == ["class contrasted with itself"] * 2


def test_only_photos_that_all_were_measured_on_are_compared() -> None:
    ends = torch.tensor([0.0, 1.0])
    measures = metrics.Faithfulness(ends, ends, ends, 0.5, 0.5)
    found = [
        survey.Finding(photo, network, "map", ends, "", measures if (photo, network) != ("b", "twin") else None)
        for photo in "abc"
        for network in ("on", "twin")
    ]
    assert [f.photo for f in survey.measured_everywhere(found)] == ["a", "a", "c", "c"]
    assert len(survey.measured_everywhere([f for f in found if f.network == "on"])) == 3


def measured(score: float, probability: float) -> metrics.Faithfulness:
    """Measures with this score (insertion − deletion) and this probability of the whole photo."""
    ends, level = torch.tensor([0.0, 1.0]), torch.full((2,), score)
    return metrics.Faithfulness(ends, torch.zeros(2), level, probability, probability)


def through(network: str, scores: list[float], probabilities: list[float], map_: torch.Tensor) -> list[survey.Finding]:
    """Findings for Grad-CAM of these scores and a random map that scores nothing, for photos 0, 1, 2, …"""
    return [
        survey.Finding(str(photo), network, kind, map_, "", measured(score * (kind == "Grad-CAM"), probability))
        for photo, (score, probability) in enumerate(zip(scores, probabilities, strict=True))
        for kind in ("Grad-CAM", "random")
    ]


def test_one_network_versus_another() -> None:
    near, far = torch.tensor([[1.0, 0.5], [0.2, 0.0]]), torch.tensor([[0.9, 0.6], [0.0, 0.1]])
    ours = through("on", [0.3, 0.1, 0.4], [0.5, 0.5, 1.0], near)
    theirs = through("twin", [0.1, 0.2, 0.2], [0.5, 0.25, 0.25], far)
    # 0.8 / 2 − 0.5 / 1; photo by photo 0.6 > 0.2, 0.2 < 0.8, 0.4 < 0.8.
    told = survey.versus(ours + theirs, "on", "twin", "Grad-CAM")
    assert (told.photos, told.ahead, told.lead) == (3, 1, pytest.approx(-0.1))
    assert told.interval is None and not told.decided, "three photos give no interval"
    assert told.correlations == [pytest.approx(np.corrcoef(near.flatten(), far.flatten())[0, 1], abs=1e-5)] * 3
    flat = through("twin", [0.1] * 3, [0.5] * 3, torch.ones(2, 2))
    assert survey.versus(ours + flat, "on", "twin", "Grad-CAM").correlations == []
    # Stopped before the twin's last random map; and a network that was not measured at all.
    assert survey.versus(ours + theirs[:-1], "on", "twin", "Grad-CAM").photos == 2
    assert survey.versus(ours, "on", "twin", "Grad-CAM") is None
    assert cam.correlation(near, near) == pytest.approx(1)


@pytest.mark.parametrize(("ahead", "decided"), [(0.0, False), (0.3, True), (-0.3, True)])
def test_the_interval_of_a_lead_is_that_of_scipy(ahead: float, decided: bool) -> None:
    random = np.random.default_rng(3)
    probabilities = random.uniform(0.2, 1, (2, 60))
    scores = probabilities * random.normal([[0.4 + ahead], [0.4]], 0.2, (2, 60))
    told = survey.versus(
        through("on", list(scores[0]), list(probabilities[0]), torch.eye(2))
        + through("twin", list(scores[1]), list(probabilities[1]), torch.eye(2)),
        "on",
        "twin",
        "Grad-CAM",
    )

    def lead(s: np.ndarray, p: np.ndarray, t: np.ndarray, q: np.ndarray, axis: int) -> np.ndarray:
        return s.sum(axis) / p.sum(axis) - t.sum(axis) / q.sum(axis)

    data = (scores[0], probabilities[0], scores[1], probabilities[1])
    expected = scipy.stats.bootstrap(data, lead, paired=True, method="percentile", n_resamples=20_000, rng=random)
    assert told.lead == pytest.approx(lead(*data, axis=0), abs=1e-5)
    assert told.interval == pytest.approx(tuple(expected.confidence_interval), abs=0.006)
    assert told.decided is decided
