"""Charts can be read on a light screen, on paper and on a dark screen: AA of WCAG 2.2."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from simam_viz.draw import charts
from simam_viz.draw.charts.specification import contrast, seen_on
from simam_viz.lesson.derivation import Derivation
from simam_viz.lesson.presets import preset_channel
from tests.helpers.project import ROOT

SPIKE = Derivation(preset_channel("spike"), 4, 4, 0.1)
VALUES = torch.rand(40, generator=torch.Generator().manual_seed(2))
SPECS = {
    "probabilities": charts.probabilities(["a", "b"], [0.7, 0.3]),
    "ablation": charts.ablation(["a", "b"], {"off": [0.1, -0.2], "uniform": [0.0, 0.1]}),
    "curves": charts.curves({name: [0.1, 0.9] for name in "abcdef"}, [0.0, 1.0], "share", faint=("e", "f")),
    "along λ": charts.along_lambda({name: [0.1, 0.9] for name in "abcdefgh"}, [0.1, 1.0], "weight", {"trained": 0.1}),
    "histogram": charts.histogram({"a": VALUES, "b": VALUES / 2}, "weight", 0, 1, marks={"λ": 0.1}),
    "variances": charts.variances(VALUES, VALUES < 0.5, {"λ": 0.1, "own": 0.2}, -3, 1),
    "learning": charts.learning_curves([{"epoch": 1, "px": 64, "top1": 40, "top5": 60, "train_loss": 2.0}]),
    "line": charts.number_line(SPIKE),
    "importance": charts.importance_curves((0.0, 0.1, 1.0, 10.0), 2.0, 0.5),
    "contours": charts.energy_contours(SPIKE),
}


def coloured(part: Any, words: bool = False) -> Iterator[tuple[str, bool]]:
    """Every colour in a chart, and whether it is one of words."""
    if isinstance(part, list):
        for one in part:
            yield from coloured(one, words)
    if isinstance(part, dict):
        for name, inner in part.items():
            if name in ("color", "borderColor") and isinstance(inner, str) and inner.startswith("#"):
                yield inner, words
            yield from coloured(inner, words or name in ("label", "axisLabel", "nameTextStyle", "textStyle"))


@pytest.mark.parametrize("background", [charts.PAPER, charts.SCREEN])
@pytest.mark.parametrize("name", SPECS)
def test_lines_and_words_stand_out(name: str, background: str) -> None:
    found = list(coloured(charts.readable(SPECS[name], background)))
    assert any(words for _colour, words in found) and not all(words for _colour, words in found)
    for colour, words in found:
        assert contrast(colour, background) >= (4.5 if words else 3)


def test_contrast_is_wcags() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


def test_what_stands_out_already_stays_as_it_is() -> None:
    assert seen_on("#ffffff", "#5b4bd6", 4.5) == "#5b4bd6"
    assert seen_on("#ffffff", "#ffff00", 3) != "#ffff00"


def test_a_heat_maps_colours_are_its_scales() -> None:
    from simam_viz.draw.render import COMMON_SCALES

    spec = charts.clickable_map(torch.rand(4, 4), COMMON_SCALES["attention weight"], (0, 0))
    assert charts.readable(spec, charts.SCREEN)["visualMap"]["inRange"] == spec["visualMap"]["inRange"]


def test_charts_lie_on_the_colours_that_the_app_has() -> None:
    themes = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert "primaryColor" not in themes, "it would keep the app light for whoever's system is dark"
    assert (themes["light"]["backgroundColor"], themes["dark"]["backgroundColor"]) == (charts.PAPER, charts.SCREEN)
    for theme in (themes["light"], themes["dark"]):
        assert contrast(theme["primaryColor"], theme["backgroundColor"]) >= 4.5
    assert contrast(themes["dark"]["primaryColor"], charts.SCREEN) >= 4.5  # words on a button are as dark as the page
