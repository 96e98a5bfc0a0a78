"""The lesson: every number on the page, and the exercises' verdicts."""

from __future__ import annotations

import contextvars
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from simam_viz.draw import charts, figures, framing, render
from simam_viz.lesson import katex
from simam_viz.lesson.derivation import Derivation
from simam_viz.lesson.exercises import EXERCISES
from simam_viz.lesson.faq import FAQ
from simam_viz.lesson.mathml import as_text, filled
from simam_viz.lesson.presets import PRESETS, preset_channel
from simam_viz.lesson.saying import DIGITS, DIGITS_OF, said
from simam_viz.lesson.scenes import NAMES, SCENES, values_of
from simam_viz.lesson.written_steps import written_steps
from simam_viz.modules import formulas
from simam_viz.wording import speak
from tests.helpers.made_up_language import BRACKETED, outside

LAMBDAS = (1e-6, 0.1, 10.0)


def derivation(name: str, e_lambda: float = 0.1) -> Derivation:
    return Derivation(preset_channel(name), *PRESETS[name].target, e_lambda)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("e_lambda", LAMBDAS)
def test_closed_form_and_search_meet_and_the_printed_sign_does_not(name: str, e_lambda: float) -> None:
    d = derivation(name, e_lambda)
    best, found = d.closed_form, d.numerical
    assert (found.w, found.b, found.energy) == pytest.approx((best.w, best.b, best.energy), rel=1e-5, abs=1e-6)
    assert d.energy_of(best.w, best.b) == pytest.approx(best.energy)
    assert 1 / d.exact_importance == pytest.approx(best.energy)
    if d.difference:
        assert d.as_printed.energy > 2 >= best.energy
    else:
        assert d.as_printed.energy == best.energy == pytest.approx(2)


def test_search_finds_the_minimum_of_random_channels() -> None:
    generator = torch.Generator().manual_seed(5)
    for _ in range(50):
        channel = (
            torch.randn(7, 8, generator=generator, dtype=torch.float64) * float(torch.rand(1, generator=generator)) * 20
        )
        d = Derivation(channel, 3, 2, 0.01)
        assert d.numerical.energy == pytest.approx(d.closed_form.energy, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", PRESETS)
def test_numbers_are_those_of_the_public_functions(name: str) -> None:
    d = derivation(name)
    x = preset_channel(name)[None, None]
    place = (0, 0, *PRESETS[name].target)
    assert d.energy == float(formulas.energy(x, 0.1)[place])
    assert d.importance == float(formulas.importance(x, 0.1)[place])
    assert d.weight == float(formulas.attention(x, 0.1)[place])
    assert d.refined == pytest.approx(d.t * d.weight)
    values = x.flatten().tolist()
    assert d.mean == pytest.approx(sum(values) / 81)
    assert d.variance == pytest.approx(sum((v - d.mean) ** 2 for v in values) / 80)
    assert d.variance_as_printed == pytest.approx(sum((v - d.mean) ** 2 for v in values) / 81)
    assert len(d.others) == 80 and d.mean_others == pytest.approx((sum(values) - d.t) / 80)
    assert d.variance_others == pytest.approx(sum((v - d.mean_others) ** 2 for v in d.others.tolist()) / 80)
    assert d.z == pytest.approx(d.deviation / math.sqrt(d.variance) if d.variance else 0)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("e_lambda", LAMBDAS)
def test_a_reader_can_recompute_the_results_from_what_is_on_screen(name: str, e_lambda: float) -> None:
    """Read t, μ_t, σ_t² from the first step as a person would, and follow the formulas to w*, b* and e*."""
    d = derivation(name, e_lambda)
    steps = {step.title: step.numbers for step in written_steps(d)}
    assert len(steps) == 11

    def read(text: str, symbol: str) -> float:
        found = re.search(
            (re.escape(symbol) + "&?=" if symbol else "") + r"(-?[\d.]+)(?: \\times 10\^\{(-?\d+)\})?", text
        )
        assert found, (symbol, text)
        return float(found[1]) * 10 ** int(found[2] or 0)

    def last(title: str, line: int = -1) -> float:
        return read(steps[title].removesuffix(r"\end{aligned}").split(r"\\[4pt]")[line].rsplit("=", 1)[1], "")

    first = steps["The neurons"]
    t, mean, variance = (read(first, symbol) for symbol in ("t", r"\mu_t", r"\sigma_t^2"))
    delta = t - mean
    w = 2 * delta / (delta**2 + 2 * variance + 2 * e_lambda)
    energy = 4 * (variance + e_lambda) / (delta**2 + 2 * variance + 2 * e_lambda)
    best = "Eqs. 3 and 4: the best line"
    assert last(best, 0) == pytest.approx(w, rel=5e-3, abs=1e-3)
    assert last(best) == pytest.approx(-(t + mean) / 2 * w, rel=5e-3, abs=2e-3)
    assert last("The least energy", 0) == pytest.approx(1 - delta * w / 2, rel=5e-3, abs=1e-3)
    assert last("The least energy") == pytest.approx(energy, rel=5e-3, abs=1e-4)
    shared = steps["Eq. 5: one mean and one variance for the whole channel"]
    mu, sigma = read(shared, r"\mu"), read(shared, r"\sigma^2")
    importance = (t - mu) ** 2 / (4 * (sigma + e_lambda)) + 0.5
    assert float(steps["Importance"].rsplit("=", 1)[1]) == pytest.approx(importance, rel=5e-3)
    weight = 1 / (1 + math.exp(-importance))
    assert float(steps["The weight"].rsplit("=", 1)[1]) == pytest.approx(weight, rel=2e-3)
    assert float(steps["Eq. 6: scaling"].rsplit("=", 1)[1]) == pytest.approx(weight * t, rel=5e-3, abs=1e-3)


def test_eq_1_is_filled_with_the_values_of_the_channel() -> None:
    d = Derivation(preset_channel("spike", {(0, 0): -0.3, (8, 8): 0.7}), 4, 4, 0.1)
    numbers = written_steps(d)[1].numbers
    assert r"(y_t-(3\,w+b))^2" in numbers and r"\tfrac{1}{80}\bigl[(y_o-(-0.3\,w+b))^2+\cdots" in numbers
    assert numbers.endswith(r"(y_o-(0.7\,w+b))^2\bigr]\end{aligned}")
    two = Derivation(torch.tensor([[1.0, 2.0]]), 0, 0, 0.1)
    assert r"\tfrac{1}{1}\bigl[(y_o-(2\,w+b))^2\bigr]" in written_steps(two)[1].numbers


def test_bounds_in_prose_are_the_formulas() -> None:
    assert 1 / (1 + math.exp(-0.75)) == formulas.MEAN_ATTENTION_CEILING
    # A channel as near to the bound as any: a mean importance of almost ¾, and all z² alike.
    x = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(500)[None, None, None]
    mean = float(formulas.attention(x, 1e-6).mean())
    assert mean == pytest.approx(formulas.MEAN_ATTENTION_CEILING, abs=1e-3) and mean < formulas.MEAN_ATTENTION_CEILING
    said = " ".join([*FAQ, *FAQ.values()])
    assert said.count(f"{formulas.ATTENTION_FLOOR:.3f}") == 3 and f"{formulas.MEAN_ATTENTION_CEILING:.4f}" in said
    assert all(value in ("0.622", "0.6792") for value in re.findall(r"\b0\.\d+", said)), "no other number stands there"


def test_numbers_in_katex() -> None:
    assert katex.number(0.5) == "0.5" and katex.number(1e-6) == r"1 \times 10^{-6}" and katex.signed(-2.0) == "(-2)"
    assert katex.plus(3.0) == "+3" and katex.plus(-3.0) == "-3"


def test_edits_replace_single_values() -> None:
    plain, edited = preset_channel("spike"), preset_channel("spike", {(0, 1): 4.5})
    assert edited[0, 1] == 4.5 and int((plain != edited).sum()) == 1


def test_one_neuron_has_no_others() -> None:
    with pytest.raises(ValueError, match="two neurons"):
        Derivation(torch.zeros(1, 1), 0, 0, 0.1)


def test_what_exercises_ask_can_be_done_and_what_they_say_is_filled() -> None:
    assert {exercise.scene for exercise in EXERCISES.values()} <= set(NAMES)
    known = set(values_of(derivation("spike")))
    for exercise in EXERCISES.values():
        assert {"right", "wrong"} <= set(exercise.verdicts)
        for words in (exercise.task, *exercise.verdicts.values()):
            assert set(re.findall(r"\{(\w+)\}", words)) <= known
    # The line: there is one well below what is asked for. λ: at a hundredth of the variance all but 1 % is left.
    assert derivation("spike").closed_form.energy < 0.1
    noise = derivation("noise", 10.0)
    powerless = derivation("noise", noise.variance_others / 100)
    nearly = derivation("noise", 1e-9)
    assert powerless.closed_form.energy <= 1.01 * nearly.closed_form.energy < noise.closed_form.energy
    # The weight: at the mean, the floor. And a dark neuron outdoes the spike.
    mean = float(preset_channel("spike").mean())
    lowest = Derivation(preset_channel("spike", {(4, 4): round(mean, 1)}), 4, 4, 0.1)
    assert lowest.weight == pytest.approx(formulas.ATTENTION_FLOOR, abs=5e-4)
    dark = Derivation(preset_channel("spike", {(0, 0): -4.0}), 0, 0, 0.1)
    assert dark.rank == 1 and dark.deviation < 0


def test_scenes_say_true_numbers_and_few_words() -> None:
    d = derivation("spike")
    values = values_of(d, 0.5, -0.2)
    assert len(SCENES) == 8 and len(set(NAMES)) == 8
    for scene in SCENES:
        assert len(scene.words.split()) <= 62, scene.name
        assert scene.answer in values
        formula = filled(scene.formula(), values)
        assert '""></mn>' not in formula and formula.count("<math") <= 3
        places = re.findall(r'<mn data-part="(\w+)" data-value="[a-z]*">([^<]+)</mn>', formula)
        assert places, scene.name
        for name, text in places:
            assert text.strip("()") == said(values[name], DIGITS_OF.get(name, DIGITS))
        assert set(re.findall(r"\{(\w+)\}", scene.aside)) <= set(values)
    said_in_words = " ".join(scene.title + scene.words for scene in SCENES)
    assert f"{formulas.ATTENTION_FLOOR:.3f}" in said_in_words
    assert re.findall(r"\b0\.\d+", said_in_words) == ["0.622", "0.622", "0.679"]
    assert 0.679 < formulas.MEAN_ATTENTION_CEILING < 0.6793 and 1 / formulas.IMPORTANCE_FLOOR == 2
    assert values["e_line"] == pytest.approx(values["miss_target"] + values["miss_others"] + values["charge"])
    assert values["rank"] == 1 and values["exact_importance"] == pytest.approx(1 / values["e_best"])


def test_a_formula_is_read_as_text() -> None:
    values = values_of(derivation("spike"))
    lines = {scene.name: as_text(filled(scene.formula(), values)) for scene in SCENES}
    assert lines["one-pass"].startswith("e* = [4(σ² + λ)] / [(t − μ)² + 2(σ² + λ)]") and lines["one-pass"].endswith(
        "= 0.09637"
    )
    assert "1/2) = 0.99997" in lines["weight"] and "2(t − μ_t)" in lines["best-line"]


def test_numbers_are_said_by_one_rule() -> None:
    assert said(0.04819) == "0.04819" and said(8.71e-5) == "8.71 × 10⁻⁵" and said(-2.5) == "−2.5"
    assert (said(2.5, 1), said(-2.5, 1), said(0.00012345)) == ("3", "−3", "0.0001234")
    assert (said(0.0), said(1e6), said(999_999.0), said(999_900.0)) == ("0", "1 × 10⁶", "1 × 10⁶", "999900")
    assert (said(math.nan), said(math.inf), said(-math.inf)) == ("–", "∞", "−∞")


def test_charts_show_the_derivation() -> None:
    d = derivation("edge")
    map_ = charts.clickable_map(d.channel, render.Scale(-2, 2, "RdBu_r", "x"), (d.row, d.column))
    cells = map_["series"][0]["data"]
    assert len(cells) == 81 and cells[d.row * 9 + d.column]["value"] == [d.column, d.row, d.t, d.t]
    assert map_["visualMap"]["dimension"] == 2, "what is shown gives the colour, not what is only read"
    assert len({cell["name"] for cell in cells}) == 81, "cells of one name would be highlighted together"
    assert not map_["series"][0]["label"]["show"], "a big channel's numbers would not fit its cells"
    written = charts.clickable_map(d.channel, render.Scale(-2, 2, "RdBu_r", "x"), (0, 0), written=True)["series"][0][
        "label"
    ]
    assert written["show"] and written["formatter"] == "{@[2]}", "the value is the third number of a cell"
    line = charts.number_line(d)["series"]
    assert line[1]["data"] == [[d.t, 1]] and len(line[0]["data"]) == 80
    (x0, y0), (x1, y1) = line[2]["data"]
    assert (y1 - y0) / (x1 - x0) == pytest.approx(d.closed_form.w)
    flat = derivation("flat")
    assert katex.ratio(flat.lambda_share) == "∞" and katex.ratio(derivation("spike", 1.0).lambda_share) == "8.13"
    assert charts.importance_curves((1.0,), flat.z, flat.lambda_share)["series"][-1]["data"] == [[0.0, 0.5]]
    curves = charts.importance_curves((0.0, 1.0), d.z, d.lambda_share)["series"]
    assert curves[-1]["data"][0][1] == pytest.approx(d.importance, abs=1e-3)
    picture = np.asarray(figures.figure_picture(charts.energy_surface(d), 640))
    assert picture.shape == (480, 640, 3) and picture.std() > 20


def test_contours_are_lines_of_equal_energy_with_the_three_points() -> None:
    d = derivation("spike")
    contours = charts.energy_contours(d)
    lines = [series for series in contours["series"] if series["type"] == "line"]
    points = [series for series in contours["series"] if series["type"] == "scatter"]
    assert len(lines) >= 16
    for line in lines:
        energies = [d.energy_of(w, b) for w, b in line["data"]]
        named = float(line["name"].removeprefix("energy "))
        # Straight pieces between the points of a grid: the closer to the bottom, the coarser.
        assert energies == pytest.approx([named] * len(energies), rel=0.02, abs=0.05), line["name"]
    expected = [d.closed_form, d.numerical, d.as_printed]
    assert [point["data"] for point in points] == [[[line.w, line.b]] for line in expected]
    for axis, place in ((contours["xAxis"], 0), (contours["yAxis"], 1)):
        assert all(axis["min"] < point["data"][0][place] < axis["max"] for point in points)


def names(spec: Any) -> Iterator[str]:
    """What stands on a chart: the names of its axes, series and cells."""
    for key, value in spec.items() if isinstance(spec, dict) else enumerate(spec):
        if isinstance(value, (dict, list)):
            yield from names(value)
        elif key == "name":
            yield value


def test_steps_and_charts_are_said_in_the_language_of_the_page() -> None:
    d = derivation("blobs")
    scale = render.scale_for("energy", d.energies)

    def said() -> list[str]:
        speak(BRACKETED)
        specs = [
            charts.number_line(d),
            charts.energy_contours(d),
            charts.importance_curves((0.0, 0.1), d.z, d.lambda_share),
            charts.clickable_map(d.channel, scale, (0, 0), {"energy": d.energies}),
            charts.histogram({"⟦a⟧": d.energies, "⟦b⟧": d.weights}, "⟦energy⟧", 0.0, 2.0),
            charts.variances(d.channel.var()[None], torch.tensor([False]), {"λ": 0.1}, -6, 1),
        ]
        steps = [text for step in written_steps(d) for text in (step.title, step.words)]
        return [*names(specs), *steps, framing.seen_in_words(3, 4, 64)]

    texts = contextvars.copy_context().run(said)
    assert len(texts) > 100 and not [text for text in texts if outside(text)]
