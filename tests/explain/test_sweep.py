"""The λ sweep: what it keeps of an analysis, and where the prediction flips."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw import charts
from simam_viz.explain.sweep import Flip, Point, flips, leading_classes, reduced, table
from simam_viz.explain.variants import with_attention


def point(e_lambda: float, *probabilities: float) -> Point:
    return Point(e_lambda, torch.tensor(probabilities), {}, {}, {})


def test_a_point_keeps_what_the_analysis_says(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo, e_lambda=0.7, target=3, input_size=96)
    kept = reduced(analysis)
    assert kept.e_lambda == 0.7 and kept.predicted == analysis.top(1)[0][0]
    for block in analysis.blocks:
        weights = block.attention.numpy()
        assert kept.contrasts[block.name] == pytest.approx(weights.std(), rel=1e-4)
        assert kept.mean_weights[block.name] == pytest.approx(weights.mean(), rel=1e-5)
        assert torch.equal(kept.cams[block.name], block.cam)


def test_contrast_falls_as_lambda_rises(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    points = [reduced(simam_viz.analyze(loaded, photo, e_lambda=e, target=0, input_size=96)) for e in (1e-6, 1.0, 1e4)]
    first = [p.contrasts["layer1.0"] for p in points]
    assert first[0] > first[1] > first[2] and first[2] < 1e-4


def test_a_network_without_simam_has_no_lambda(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    with pytest.raises(ValueError, match="no SimAM"):
        reduced(simam_viz.analyze(with_attention(loaded, "off"), photo, input_size=96))


def test_flips_lie_between_neighbours_that_differ() -> None:
    points = [point(0.1, 0.9, 0.1, 0), point(0.2, 0.6, 0.4, 0), point(0.3, 0.3, 0.7, 0), point(0.5, 0.1, 0.2, 0.7)]
    assert flips(points) == [Flip(0.2, 0.3, 0, 1), Flip(0.3, 0.5, 1, 2)]
    assert flips(points[:2]) == [] and flips([]) == []


def test_leading_classes_are_those_at_one_lambda_and_all_that_ever_win() -> None:
    points = [point(0.1, 0.5, 0.3, 0.15, 0.05), point(1.0, 0.12, 0.2, 0.08, 0.6)]
    assert leading_classes(points, points[0], 2) == [0, 1, 3]
    assert leading_classes(points, points[1], 9) == [3, 1, 0, 2]


def test_the_table_holds_what_the_charts_show() -> None:
    points = [Point(e, torch.tensor([0.25, 0.75]), {"layer1.0": 0.5}, {"layer1.0": 0.625}, {}) for e in (0.1, 1.0)]
    rows = table(points, ["cat", "dog"], [0])
    assert [row["λ"] for row in rows] == [0.1, 1.0]
    rest = {
        "predicted class": "dog",
        "probability": 0.75,
        "p(cat)": 0.25,
        "contrast layer1.0": 0.5,
        "mean weight layer1.0": 0.625,
    }
    assert rows[1] == {"λ": 1.0} | rest


def test_the_chart_has_every_line_and_mark() -> None:
    spec = charts.along_lambda({"a": [0.1, 0.2], "b": [0.3, 0.4]}, [1e-6, 10.0], "probability", {"λ": 0.1}, high=1.0)
    assert [series["name"] for series in spec["series"]] == ["a", "b"]
    assert spec["series"][1]["data"] == [[-6, 0.3], [1, 0.4]]
    assert spec["series"][0]["markLine"]["data"][0]["xAxis"] == -1
