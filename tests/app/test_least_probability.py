"""No faithfulness score where a network gives the class less than 10 % on the whole photo: it would favour a broken network."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.explain import metrics, survey
from simam_viz.explain.variants import MODES, with_attention
from simam_viz.photos.samples import list_samples
from tests.helpers.findings import measured, through
from tests.helpers.pages import finished, open_page, text

PAGE = "pages/gradcam_comparison.py"
WHY = "the network gives the class less than 10 %"
CORAL = "coral-reef"  # with SimAM switched off, the bundled network gives it 7 %


@pytest.mark.parametrize(
    ("probability", "counts"), [(0.0, False), (0.03, False), (0.0999, False), (0.10, True), (0.9, True)]
)
def test_one_map(probability: float, counts: bool) -> None:
    found = measured(0.4, probability, 0.25)
    assert found.counts == counts
    assert found.insertion == pytest.approx(0.4), "the curves are what they are"
    if counts:
        assert (found.score, found.drop) == pytest.approx((0.4, 0.25))
        assert metrics.mean([found]).photos == 1 and metrics.gain([(found, found)]) == 0
    else:
        assert math.isnan(found.score) and math.isnan(found.drop)
        assert metrics.mean([found]) is None and metrics.gain([(found, found)]) is None


def test_a_photo_that_does_not_count_moves_no_mean() -> None:
    good, noise, random = measured(0.4, 0.5), measured(0.9, 0.03), measured(0.1, 0.5)
    assert metrics.mean([good, noise, noise]) == metrics.mean([good])
    assert metrics.gain([(good, random), (noise, measured(0.0, 0.03))]) == pytest.approx(0.3 / 0.5)
    assert metrics.mean([]) is None and metrics.gain([]) is None


def test_a_broken_network_has_no_headline() -> None:
    """Over its own 3 %, chance outdoes the network that knows the class."""
    map_ = torch.eye(2)
    whole = through("on", [0.2, 0.3, 0.1], [0.9, 0.8, 0.9], map_)
    broken = through("off", [0.03, 0.02, 0.02], [0.03, 0.04, 0.03], map_)
    rows = {(row.network, row.map_name): row for row in survey.table(whole + broken)}
    assert rows["on", "Grad-CAM"].gain == pytest.approx(0.6 / 2.6) and rows["on", "Grad-CAM"].mean.photos == 3
    assert rows["off", "Grad-CAM"].gain is None and rows["off", "Grad-CAM"].mean is None
    assert rows["off", "Grad-CAM"].asked == 3
    told = survey.versus(whole + broken, "on", "off", "Grad-CAM")
    assert (told.photos, told.gain, told.drop) == (0, None, None)
    assert told.correlations == pytest.approx([1.0] * 3), "where the two look can be said all the same"
    assert survey.lead_sentences(told, "on", "off") == [
        "There is no photo on which both were measured: on and off must give its class 10 % or more."
    ]


def test_two_networks_are_compared_over_photos_that_both_know() -> None:
    map_ = torch.eye(2)
    ours = through("on", [0.2, 0.3, 0.1], [0.9, 0.05, 0.9], map_)
    theirs = through("twin", [0.3, 0.3, 0.9], [0.9, 0.8, 0.09], map_)
    told = survey.versus(ours + theirs, "on", "twin", "Grad-CAM")
    assert told.photos == 1 and told.gain.value == pytest.approx((0.2 - 0.3) / 0.9)
    rows = {row.network: row for row in survey.table(ours + theirs) if row.map_name == "Grad-CAM"}
    assert (rows["on"].mean.photos, rows["twin"].mean.photos) == (2, 2)


def test_the_sentence_says_the_number() -> None:
    assert metrics.TOO_UNSURE.endswith(f" {metrics.least_in_words()}")


def test_it_is_not_even_measured(loaded: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    probabilities = metrics.Probe._probabilities
    monkeypatch.setattr(metrics.Probe, "_probabilities", lambda *a: passes.append(1) or probabilities(*a))
    sample = next(sample for sample in list_samples() if sample.name == CORAL)
    target = loaded.categories.index(sample.classes[0])
    analyses = simam_viz.compare(loaded, sample.image(), target=target, input_size=96)
    networks = {variant: (with_attention(loaded, variant), None) for variant in MODES}
    subject = survey.Subject(CORAL, sample.image(), target)
    found = list(survey.findings(networks, [subject], "layer3.0", ["Grad-CAM"], 96, steps=2))
    for variant in MODES:
        knows = float(analyses[variant].probabilities[target]) >= 0.10
        assert {f.trouble for f in found if f.network == variant} == {"" if knows else WHY}
        assert {f.measures is not None for f in found if f.network == variant} == {knows}
    assert not float(analyses["off"].probabilities[target]) >= 0.10 and len(passes) == 2 * 4


def test_the_page_says_why() -> None:
    app = finished(
        open_page(
            PAGE, size="96", block="layer3.0", look="faithful", photo=CORAL, columns="off", **{"class": "coral reef"}
        ),
        "faithful-photo",
    )
    assert f"- Switched off: not measured ({WHY})" in text(app)
    assert f"Where {WHY} on the whole photo, there is no score" in text(app)
    table = app.dataframe[0].value
    off = table[table["network"] == "Switched off"]
    assert set(off["not measured"]) == {WHY} and off["better than random by"].isna().all()
    on = table[table["network"] == "Attention on"]
    assert not on["better than random by"].isna().any()


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], photo: Image.Image) -> None:
    for number, sample in enumerate(s for s in list_samples() if s.name in (CORAL, "chelsea-the-cat")):
        (tmp_path / sample.classes[0].split(",")[0]).mkdir()
        sample.image().save(tmp_path / sample.classes[0].split(",")[0] / f"{number}.png")
    arguments = ["faithful", "--data", str(tmp_path), "--size", "96", "--networks", "on", "off"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "A photo counts for a network that gives its class at least 10 %" in out
    assert f"0 of 2  simam_resnet18-tinyimagenet, off, Grad-CAM: {WHY}" in out or "class impossible" in out
    assert "Is its map more faithful? 0 photos can be put to both." in out
    assert "There is no photo on which both were measured" in out
