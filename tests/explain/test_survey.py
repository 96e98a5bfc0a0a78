"""Several photos through several networks: what is compared with what, and how sure a lead is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain import survey, variants
from tests.helpers.findings import through
from tests.helpers.made_up_language import bracketed


def test_a_class_is_not_contrasted_with_itself(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    """Of several photos, one may show the class that all are contrasted with: that one is said to be left out."""
    predicted = simam_viz.analyze(loaded, photo, input_size=64).target
    photos = [
        survey.Subject("named", photo, predicted),
        survey.Subject("predicted", photo, None),
        survey.Subject("other", photo, 71),
    ]
    networks = {"one": (loaded, 0.1)}
    found = list(survey.findings(networks, photos, "layer4.0", ["LayerCAM"], 64, against=predicted, steps=2))
    troubles = {name: {f.trouble for f in found if f.photo == name} for name in ("named", "predicted")}
    assert troubles == {name: {"class contrasted with itself"} for name in troubles}
    assert all(f.measures is None for f in found if f.photo != "other")
    rather = simam_viz.analyze(loaded, photo, 0.1, 71, 64, predicted).block("layer4.0").heat_map("LayerCAM").values
    (map_,) = (f.values for f in found if (f.photo, f.map_name) == ("other", "LayerCAM"))
    torch.testing.assert_close(map_, rather, rtol=1e-3, atol=1e-3)


def test_only_photos_that_all_were_measured_on_are_compared() -> None:
    map_ = torch.eye(2)
    ours, theirs = (through(network, [0.3] * 3, [0.5] * 3, map_) for network in ("on", "twin"))
    impossible = [
        dataclasses.replace(f, measures=None, trouble="class impossible") if f.photo == "1" else f for f in theirs
    ]
    assert {f.photo for f in survey.measured_everywhere(ours + impossible)} == {"0", "2"}
    assert survey.measured_everywhere(ours) == ours
    # Stopped before the last control of the last photo: none of that photo's numbers count.
    assert {f.photo for f in survey.measured_everywhere(ours[:-1])} == {"0", "1"}
    first, *_ = survey.table(ours[:1])
    assert (first.asked, first.mean, first.gain) == (1, None, None)
    rows = survey.table(ours + impossible)
    assert [(row.network, row.map_name) for row in rows[:2]] == [("on", "Grad-CAM"), ("on", "random")]
    assert [(row.asked, row.mean.photos) for row in rows] == [(3, 3)] * 3 + [(3, 2)] * 3
    assert [row.gain for row in rows] == [pytest.approx(0.6), 0, 0] * 2


def test_all_networks_get_the_same_input_size(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    """The first one's own: maps of two sizes could not be compared, place by place."""
    other = dataclasses.replace(loaded, transforms=dataclasses.replace(loaded.transforms, input_size=96))
    networks = {"other": (other, 0.1), "own": (loaded, 0.1)}
    found = list(survey.findings(networks, [survey.Subject("a", photo, 8)], "layer3.1", ["Grad-CAM"], steps=1))
    assert {f.values.shape for f in found} == {(6, 6)}


def test_one_network_versus_another() -> None:
    near, far = torch.tensor([[1.0, 0.5], [0.2, 0.0]]), torch.tensor([[0.9, 0.6], [0.0, 0.1]])
    ours = through("on", [0.3, 0.1, 0.4], [0.5, 0.5, 1.0], near)
    theirs = through("twin", [0.1, 0.2, 0.2], [0.5, 0.25, 0.25], far, drop=0.5)
    told = survey.versus(ours + theirs, "on", "twin", "Grad-CAM")
    assert (told.photos, told.gain.value, told.drop.value) == (3, pytest.approx(0.8 / 2 - 0.5 / 1), pytest.approx(-0.5))
    assert told.gain.interval is None and not told.gain.decided, "three photos give no interval"
    assert told.correlations == [pytest.approx(np.corrcoef(near.flatten(), far.flatten())[0, 1], abs=1e-5)] * 3
    assert survey.lead_sentences(told, "SimAM", "the twin") == [
        "Better than a random map by, SimAM minus the twin: −0.100; 3 photos do not tell which does better.",
        "Average drop (less is better), SimAM minus the twin: −50.0 points; 3 photos do not tell which does better.",
    ]
    flat = through("twin", [0.1] * 3, [0.5] * 3, torch.ones(2, 2))
    told = survey.versus(ours + flat, "on", "twin", "Grad-CAM")
    assert told.correlations == [] and "cannot be correlated" in survey.places_sentence(told)
    # Stopped before the twin's last control; and a network that was not measured at all.
    assert survey.versus(ours + theirs[:-1], "on", "twin", "Grad-CAM").photos == 2
    assert survey.versus(ours, "on", "twin", "Grad-CAM") is None
    # Worse than chance is never called faithful; one photo is called one photo.
    poor = [through(network, [score], [0.5], near) for network, score in (("on", -0.1), ("twin", -0.2))]
    told = survey.versus(poor[0] + poor[1], "on", "twin", "Grad-CAM")
    assert "neither map is better than a random one" in survey.lead_sentences(told, "a", "b")[0]
    good = [through(network, [score], [0.5], near) for network, score in (("on", 0.1), ("twin", 0.2))]
    told = survey.versus(good[0] + good[1], "on", "twin", "Grad-CAM")
    assert survey.lead_sentences(told, "a", "b")[0].endswith("−0.200; on this photo b does better.")
    assert survey.lead_sentences(told, "a", "b")[1].endswith("both alike.")


def test_what_is_compared_stays_english_in_every_language(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    with bracketed():
        subject = survey.Subject("espresso", photo, 8)
        found = list(
            survey.findings({"one": (loaded, 0.1)}, [subject], "layer4.0", ["Grad-CAM"], 64, against=8, steps=2)
        )
        compared = {variant.name: variant.title for variant in variants.variants(loaded)}
        near = torch.tensor([[1.0, 0.5], [0.2, 0.0]])
        one = through("on", [0.3], [0.5], near) + through("twin", [0.1], [0.5], near)
        told = survey.lead_sentences(survey.versus(one, "on", "twin", "Grad-CAM"), "a", "b")
    assert {f.trouble for f in found} == {survey.SAME_CLASS}
    assert compared == {"on": "⟦Attention on⟧", "uniform": "⟦Uniform over positions⟧", "off": "⟦Switched off⟧"}
    assert told[0] == "⟦Better than a random map by, a minus b: +0.400; ⟦on this photo a does better⟧.⟧"


def leading(ahead: float, photos: int, random: np.random.Generator) -> tuple[survey.Versus, list[np.ndarray]]:
    """Two networks measured on photos drawn by chance; the first is ahead by so much."""
    probabilities = random.uniform(0.2, 1, (2, photos))
    scores = probabilities * random.normal([[0.4 + ahead], [0.4]], 0.2, (2, photos))
    found = [
        one
        for network, score, probability in zip(("on", "twin"), scores, probabilities, strict=True)
        for one in through(network, list(score), list(probability), torch.eye(2))
    ]
    return survey.versus(found, "on", "twin", "Grad-CAM"), [scores[0], probabilities[0], scores[1], probabilities[1]]


@pytest.mark.parametrize(("ahead", "said"), [(0.0, "do not tell"), (0.3, "these a does"), (-0.3, "these b does")])
def test_the_interval_over_many_photos_is_that_of_scipy(ahead: float, said: str) -> None:
    random = np.random.default_rng(3)
    told, data = leading(ahead, 200, random)

    def lead(s: np.ndarray, p: np.ndarray, t: np.ndarray, q: np.ndarray, axis: int) -> np.ndarray:
        return s.sum(axis) / p.sum(axis) - t.sum(axis) / q.sum(axis)

    expected = scipy.stats.bootstrap(data, lead, paired=True, method="BCa", n_resamples=5_000, rng=random)
    assert told.gain.value == pytest.approx(lead(*data, axis=0), abs=1e-5)
    assert told.gain.interval == pytest.approx(tuple(expected.confidence_interval), abs=0.006)
    assert told.gain.decided is (ahead != 0)
    assert said in survey.lead_sentences(told, "a", "b")[0]


@pytest.mark.long
def test_the_interval_of_few_photos_holds_the_truth_nearly_as_often_as_it_says() -> None:
    """Where percentiles of the same bootstrap would hold it 87 times of 100."""
    random = np.random.default_rng(5)
    held = []
    for _ in range(200):
        told, _ = leading(0.1, 8, random)
        low, high = told.gain.interval
        held.append(low <= 0.1 <= high)
    assert 0.9 <= np.mean(held) <= 0.99
