"""Every page through Streamlit's own test harness: alone, from the front door, and with garbage in the address."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz.app import sidebar, state
from simam_viz.app.lambdas import lambda_stops
from simam_viz.app.pages import PAGES
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw.before_after import most_changed
from simam_viz.draw.render import percent
from simam_viz.lesson.derivation import Derivation
from simam_viz.lesson.presets import preset_channel
from simam_viz.lesson.saying import DIGITS, DIGITS_OF, said
from simam_viz.lesson.scenes import SCENES, values_of
from simam_viz.photos.samples import list_samples
from tests.helpers.pages import checked, open_page

TITLES = {path: title for path, (title, _) in PAGES.items()}


def title(app: AppTest) -> str:
    return app.title[0].value


@pytest.mark.parametrize("path", PAGES)
def test_every_page_runs_on_its_own(path: str) -> None:
    app = open_page(path)
    assert title(app) == TITLES[path] and not app.error


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_a_shared_view_whole(path: str) -> None:
    view = {
        "photo": list_samples()[1].name,
        "lambda": "0.003",
        "class": "lemon",
        "size": "128",
        "block": "layer3.1",
        "channel": "9",
    }
    app = open_page(path, **view)
    assert app.selectbox(key="control-photo").value == view["photo"]
    assert app.select_slider(key="control-lambda").value == 0.003
    assert simam_viz.load_checkpoint(simam_viz.list_checkpoints()[0].name).categories[
        app.selectbox(key="control-class").value
    ] == "lemon"  # fmt: skip
    assert app.selectbox(key="control-size").value == 128
    if path not in ("app.py", "pages/energy_function.py", "pages/lambda_sweep.py", "pages/models.py"):
        assert app.selectbox(key="control-block").value == "layer3.1"
    if path == "pages/attention_maps.py":
        assert app.number_input(key="control-channel").value == 9
    assert app.session_state["view"] == view


@pytest.mark.long
def test_changing_page_loses_nothing() -> None:
    app = open_page("app.py")
    sample = list_samples()[2].name
    checked(app.selectbox(key="control-photo").select(sample).run())
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    checked(app.selectbox(key="control-class").select(14).run())
    checked(app.switch_page("pages/attention_maps.py").run())
    checked(app.selectbox(key="control-block").select("layer2.1").run())
    checked(app.number_input(key="control-channel").set_value(77).run())
    for path in ("pages/gradcam_comparison.py", "app.py", "pages/energy_histograms.py", "pages/attention_maps.py"):
        checked(app.switch_page(path).run())
        assert title(app) == TITLES[path]
        assert app.selectbox(key="control-photo").value == sample
        assert app.select_slider(key="control-lambda").value == 1.0
        assert app.selectbox(key="control-class").value == 14
        view = app.session_state["view"]
        assert (view["block"], view["channel"], view["lambda"]) == ("layer2.1", "77", "1")
    assert app.selectbox(key="control-block").value == "layer2.1"
    assert app.number_input(key="control-channel").value == 77
    checked(app.selectbox(key="control-block").select("layer1.1").run())
    assert app.number_input(key="control-channel").value == 0, "another block begins at its first channel"


@pytest.mark.parametrize("trained", [0.1, 1e-4, 0.0123])
def test_lambda_runs_from_1e_6_to_10_and_stops_at_the_trained_value(trained: float) -> None:
    stops = lambda_stops(trained)
    assert stops[0] == 1e-6 and stops[-1] == 10 and trained in stops and stops == sorted(set(stops))
    assert max(b / a for a, b in itertools.pairwise(stops)) < 1.7


def test_one_click_back_to_the_trained_lambda() -> None:
    app = open_page("app.py", **{"lambda": "5"})
    assert not app.button(key="trained-lambda").disabled
    checked(app.button(key="trained-lambda").click().run())
    assert app.select_slider(key="control-lambda").value == 0.1
    assert app.button(key="trained-lambda").disabled
    assert "lambda" not in app.session_state["view"]


def test_a_link_may_ask_for_a_lambda_between_the_stops() -> None:
    assert open_page("app.py", **{"lambda": "0.0371"}).select_slider(key="control-lambda").value == 0.0371


def test_lambda_changes_what_the_page_says() -> None:
    app = open_page("pages/energy_histograms.py", block="layer2.0")
    before = [metric.value for metric in app.metric]
    checked(app.select_slider(key="control-lambda").set_value(10.0).run())
    after = [metric.value for metric in app.metric]
    assert before[0] == after[0] and before[1] != after[1] and before[3] != after[3]


@pytest.mark.parametrize(
    "text", ["![](http://evil.example/a.png)", "[click](http://evil.example)", ":red[x] $x^2$ `y`"]
)
def test_a_link_cannot_put_markdown_on_the_page(text: str) -> None:
    app = open_page("app.py", size=text)
    caption = next(c.value for c in app.caption if "does not exist here" in c.value)
    assert text not in caption and "](" not in caption
    assert state.plain("a b-1.png") == r"a b\-1\.png"


def test_somebody_elses_upload_is_asked_for() -> None:
    app = open_page("app.py", photo="upload-0123456789abcdef", **{"lambda": "1"})
    assert "Upload that photo" in app.info[0].value
    assert app.session_state["view"] == {"photo": "upload-0123456789abcdef", "lambda": "1"}


def test_three_lines_say_what_the_network_is_and_the_rest_stands_on_models(loaded: LoadedCheckpoint) -> None:
    app = open_page("app.py")
    assert not app.main.expander
    (said,) = (text.value for text in app.main.markdown if state.plain(loaded.card.title) in text.value)
    assert len(said.splitlines()) == 2 and f"{loaded.card['accuracy']['top1']:.1f} % top-1" in said
    app = open_page("pages/models.py")
    text = " ".join(markdown.value for markdown in app.main.markdown)
    assert all(name in text for name in ("lemon", "espresso", "school bus"))
    assert f"{loaded.card['accuracy']['top1']:.1f} % top-1" in text


def test_before_and_after_say_both_answers_and_where(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page("app.py", size="96")
    compared = simam_viz.compare(loaded, photo, input_size=96)
    said = " ".join(part.proto.body for part in app.get("html"))
    for title, name in (("Without attention", "off"), ("With attention", "on")):
        _index, answer, share = compared[name].top(1)[0]
        assert f"{title}: {answer.split(',')[0]} {percent(share)}" in said
    block = compared["on"].blocks[most_changed(compared["on"], compared["off"])].name
    assert any(f"at **{block}**, where attention changes it most" in caption.value for caption in app.caption)


def test_without_attention_there_is_no_before_and_after() -> None:
    app = open_page("app.py", size="64", checkpoint="resnet18-tinyimagenet")
    assert not any("Before and after" in title.value for title in app.subheader)


def steps(app: AppTest) -> str:
    return " ".join(formula.value for formula in app.latex)


def with_steps(**view: str) -> AppTest:
    """The lesson with the derivation below its scenes opened."""
    app = open_page("pages/energy_function.py", **view)
    app.session_state["lesson-steps"] = True
    return checked(app.run())


def told(app: AppTest, what: str = "said") -> dict[str, Any]:
    """What the scenes were told."""
    found = [json.loads(part.proto.json)[0] for part in app.get("bidi_component") if part.proto.json]
    return next(data[what] for data in found if what in data)


def test_the_scenes_stand_alone_where_no_script_runs() -> None:
    app = open_page("pages/energy_function.py", toy="dark-spot", **{"lambda": "0.5"})
    words = next(part.proto.body for part in app.get("html") if "<section" in part.proto.body)
    d = Derivation(preset_channel("dark-spot"), 4, 4, 0.5)
    values = values_of(d)
    for scene in SCENES:
        assert scene.title in words and said(values[scene.answer], DIGITS_OF.get(scene.answer, DIGITS)) in words
    assert not app.latex, "what is closed costs nothing"


def test_the_page_has_few_words_before_anything_is_opened() -> None:
    """All eight scenes together; only one of them is seen at a time."""
    app = open_page("pages/energy_function.py")
    scenes = re.sub(r"<[^>]+>", " ", next(p.proto.body for p in app.get("html") if "<section" in p.proto.body))
    said_beside = [
        told(app, "words")[name] for name in ("back", "next", "lecture", "exercise", "drop", "undo", "brush")
    ]
    titles = [expander.label for expander in app.expander]
    assert len(" ".join([scenes, *said_beside, *titles]).split()) <= 900


def test_the_derivation_follows_preset_value_and_lambda() -> None:
    app = with_steps(toy="spike")
    first = steps(app)
    assert r"M=81" in first and "t=3 " in first
    assert "t=2 " in steps(with_steps(edits="4,4,2"))
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    assert steps(app) != first and dict(told(app)["stops"])[1.0] == "1"
    assert told(app)["stops"][told(app)["stop"]][0] == 1.0
    app = with_steps(toy="dark-spot", **{"lambda": "1"})
    assert "t=-1.5 " in steps(app)
    # The line that is drawn has the exact energy, SimAM the shared one: the page says both.
    dark = Derivation(preset_channel("dark-spot"), 4, 4, 1.0)
    caption = next(caption.value for caption in app.caption if "This least energy" in caption.value)
    assert f"{dark.closed_form.energy:.4g}" in caption and f"{dark.energy:.4g}" in caption
    app = with_steps(toy="flat")
    assert r"\frac{1}{e^*}=\frac{0^2}" in steps(app) and any("sign does not matter" in c.value for c in app.caption)
    assert any("For the neuron in hand λ/σ² = ∞" in text.value for text in app.markdown)


def test_the_lesson_opens_on_a_neuron_of_the_photo(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    view = {"neuron": "photo", "block": "layer3.0", "channel": "17", "row": "2", "column": "8", "lambda": "0.5"}
    app = open_page("pages/energy_function.py", **view)
    block = simam_viz.analyze(loaded, photo, e_lambda=0.5).block("layer3.0")
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Weight"] == f"{block.attention[17, 2, 8]:.5f}"
    assert float(metrics["Energy e*"]) == pytest.approx(float(block.energy[17, 2, 8]), rel=1e-3)
    assert float(metrics["Target t"]) == pytest.approx(float(block.features[17, 2, 8]), rel=1e-3)
    assert rf"M={block.features[0].numel()}" in steps(app)
    # And so does its last scene.
    assert told(app)["scene"] == "photo"
    shown = told(app, "photo")
    assert (shown["block"], shown["number"], shown["row"], shown["column"]) == ("layer3.0", 17, 2, 8)
    # Computed without a pass backward, features are rounded otherwise.
    assert (
        shown["channel"] == pytest.approx(block.features[17].flatten().tolist(), abs=1e-5) and shown["e_lambda"] == 0.5
    )
    assert shown["channel"][shown["target"]] == pytest.approx(float(block.features[17, 2, 8]), abs=1e-5)


def test_a_channel_of_one_neuron_gives_way_to_the_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a network for 32 px images, whose last maps are 1 × 1: there are no others to tell the neuron from."""
    monkeypatch.setattr(sidebar, "choose_input_size", lambda loaded: 32)
    app = open_page("pages/energy_function.py", neuron="photo", block="layer4.1")
    assert "one single neuron" in app.info[0].value and "M=81" in steps(app)
    assert "one single neuron" in told(app, "photo")["sentence"]


def test_a_shared_small_channel() -> None:
    app = with_steps(toy="noise", at="0,3", edits="0,3,4.2;8,8,-1", scene="weight", lecture="dark")
    shown = told(app)
    assert "t=4.2 " in steps(app)
    assert [shown[name] for name in ("toy", "at", "edits", "scene", "lecture")] == [
        "noise",
        "0,3",
        "0,3,4.2;8,8,-1",
        "weight",
        "dark",
    ]


def test_garbage_in_the_lessons_address() -> None:
    garbage = {"toy": "x", "at": "9,0", "edits": "0,0,99", "neuron": "?", "scene": "9", "lecture": "loud"}
    app = open_page("pages/energy_function.py", **garbage)
    shown = told(app)
    assert [shown[name] for name in ("toy", "at", "edits", "scene", "lecture")] == ["spike", "", "", "stand-out", ""]
    assert not app.session_state["view"]
    heard = [caption.value for caption in app.caption if "does not exist here" in caption.value]
    assert all(any(f"asks for {name} “" in each for each in heard) for name in garbage)


def test_attention_maps_from_the_network_to_a_neuron(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo)
    app = open_page("pages/attention_maps.py", level="network")
    blocks, neurons = (frame.value for frame in app.dataframe)
    assert list(blocks["block"]) == [block.name for block in analysis.blocks]
    assert blocks["standard deviation"][3] == pytest.approx(
        float(analysis.blocks[3].attention.std(correction=0)), rel=1e-4
    )
    first = neurons.iloc[0]
    importances = max(float(block.importance.max()) for block in analysis.blocks)
    assert first["importance"] == pytest.approx(importances, rel=1e-4)
    checked(app.segmented_control(key="control-level").set_value("block").run())
    assert any("dimensions" in heading.value for heading in app.subheader)
    checked(app.button(key="measure-latency").click().run())
    table = app.table[0].value
    assert list(table["module"]) == ["SE", "CBAM", "ECA", "SimAM"] and all(float(ms) > 0 for ms in table["time (ms)"])
    checked(app.segmented_control(key="control-level").set_value("channel").run())
    metrics = {metric.label: metric.value for metric in app.metric}
    block = analysis.block("layer3.1")
    assert metrics["Weight"] == f"{block.attention[0, 5, 5]:.5f}"
    rank = int((block.importance > block.importance[0, 5, 5]).sum()) + 1
    assert metrics["Of 25,600 in block"] == f"No. {rank:,}"


def test_channels_are_sorted_and_filtered(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    variances = simam_viz.analyze(loaded, photo).block("layer3.1").variances
    app = open_page("pages/attention_maps.py", sort="variance", least="2")
    headings = [heading.value for heading in app.subheader]
    assert f"{int((variances >= 2).sum())} of 256 channels of layer3.1" in headings
    checked(app.number_input(key="control-least").set_value(1e6).run())
    assert "lower the minimum" in app.info[0].value
    checked(app.selectbox(key="control-sort").select("channel number").run())
    assert "All 256 channels of layer3.1" in [heading.value for heading in app.subheader]
    assert "least" not in app.session_state["view"]


@pytest.mark.parametrize(
    ("page", "view", "name"),
    [
        ("pages/attention_maps.py", {"sort": "variance", "least": "nan"}, "least"),
        ("pages/energy_histograms.py", {"compare": "another", "other": "layer9"}, "other"),
    ],
)
def test_garbage_for_a_control_that_another_brings(page: str, view: dict[str, str], name: str) -> None:
    app = open_page(page, **view)
    assert any(f"asks for {name} “" in caption.value for caption in app.caption)
    assert name not in app.session_state["view"]


def test_histograms_compare() -> None:
    app = open_page("pages/energy_histograms.py", compare="trained")
    assert "Both are the same" in app.info[0].value
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    assert not app.info and any("compared with λ = 0.1 (trained)" in caption.value for caption in app.caption)
    checked(app.segmented_control(key="control-compare").set_value("another").run())
    checked(app.selectbox(key="control-other").select("layer4.1").run())
    assert any("compared with layer4.1" in caption.value for caption in app.caption)
    checked(app.segmented_control(key="control-of").set_value("channel").run())
    assert "other" not in app.session_state["view"] and app.number_input(key="control-other").value == 1


def test_histograms_count_what_lambda_flattens() -> None:
    app = open_page("pages/energy_histograms.py", block="layer2.0", **{"lambda": "10"})
    few = next(text.value for text in app.markdown if "λ flattens" in text.value)
    checked(app.select_slider(key="control-lambda").set_value(1e-6).run())
    none = next(text.value for text in app.markdown if "λ flattens" in text.value)
    assert "λ flattens 0 of the 128" in none and few != none


def test_a_sweep_runs_to_its_end_and_says_where_the_prediction_flips(
    loaded: LoadedCheckpoint, photo: Image.Image
) -> None:
    app = open_page("pages/lambda_sweep.py", size="96")
    assert not app.dataframe
    app.button(key="sweep-start").click().run()
    for _ in range(200):
        if app.dataframe:
            break
        checked(app.run())
    table = app.dataframe[0].value
    assert list(table["λ"]) == lambda_stops(0.1)
    for row in (0, 20, len(table) - 1):
        analysis = simam_viz.analyze(loaded, photo, e_lambda=float(table["λ"][row]), input_size=96)
        _, name, probability = analysis.top(1)[0]
        assert name.startswith(table["predicted class"][row])
        assert table["probability"][row] == pytest.approx(probability, rel=1e-3)
        assert table["mean weight layer3.0"][row] == pytest.approx(
            float(analysis.block("layer3.0").attention.mean()), rel=1e-4
        )
    kept = app.session_state["takeaway"].shown.tables["sweep"]
    assert len(kept) == len(table) and {"contrast layer3.0", "mean weight layer3.0"} < set(kept[0])
    assert sum(name.startswith("p(") for name in kept[0]) >= 5, "what is taken home has the top five, too"
    changes = sum(a != b for a, b in itertools.pairwise(table["predicted class"]))
    text = next(m.value for m in app.markdown if "prediction" in m.value and "flip" in m.value)
    assert text.count("between λ") == changes
    checked(app.selectbox(key="control-photo").select(list_samples()[1].name).run())
    assert not app.dataframe, "what was swept belongs to its photo"
