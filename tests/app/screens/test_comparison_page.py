"""The Grad-CAM comparison page through Streamlit's test harness: every part of it, with and without a twin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import streamlit as st
from PIL import Image

import simam_viz
from simam_viz.checkpoints import store
from simam_viz.checkpoints.loading import LoadedCheckpoint, load_checkpoint, short_name
from simam_viz.draw import charts, render
from simam_viz.explain import cam, metrics, variants
from simam_viz.explain.ablation import ablate_blocks
from simam_viz.explain.analysis import analyze_together
from simam_viz.explain.blocks import Analysis
from simam_viz.explain.variants import compare
from simam_viz.photos.samples import list_samples
from tests.helpers.pages import checked, finished, open_page, text
from tests.helpers.twins import TWIN, folder_with_twin, put_default

PAGE = "pages/gradcam_comparison.py"
NO_TWIN = "The twin's column is missing."


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadedCheckpoint]:
    """The app finds a twin beside the default checkpoint."""
    monkeypatch.setattr(store, "BUNDLED_FOLDER", folder_with_twin(tmp_path))
    st.cache_resource.clear()
    yield load_checkpoint(TWIN)
    st.cache_resource.clear()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The default checkpoint has no twin."""
    monkeypatch.setattr(store, "BUNDLED_FOLDER", put_default(tmp_path))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.mark.usefixtures("alone")
def test_three_columns_and_what_each_says(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page(PAGE, size="96", block="layer3.0", method="LayerCAM")
    why = "card names no network trained by the same recipe without SimAM"
    assert NO_TWIN in text(app) and why in text(app) and "fair comparison" not in text(app)
    analyses = compare(loaded, photo, input_size=96)
    for analysis in analyses.values():
        _, name, probability = analysis.top(1)[0]
        assert f"Prediction: **{name.split(',')[0]}** ({render.percent(probability)})" in text(app)
        share = render.percent(float(analysis.probabilities[analysis.target]))
        assert f"Probability of {short_name(loaded.categories[analysis.target])}: **{share}**" in text(app)
    on, uniform = (analyses[name].block("layer3.0").heat_map("LayerCAM").values for name in ("on", "uniform"))
    metrics_shown = {metric.label: metric.value for metric in app.metric}
    assert metrics_shown["Correlation of the two maps"] == f"{cam.correlation(on, uniform):.3f}"
    assert float(metrics_shown["Mean absolute difference"]) == pytest.approx(
        float((on - uniform).abs().mean()), abs=1e-3
    )
    checked(app.selectbox(key="control-second").select("on").run())
    assert "Both are the same network" in app.info[0].value and not app.metric


def test_what_is_missing_runs_as_one_batch(twin: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """First all columns, then what λ moves: never a pass for each, and none for what the session has."""
    batches: list[list[tuple[float, bool]]] = []

    def spied(networks: list[tuple[LoadedCheckpoint, float]], *args: object, **options: object) -> list[Analysis]:
        analyses = analyze_together(networks, *args, **options)
        batches.append([(analysis.e_lambda, analysis.attends) for analysis in analyses])
        return analyses

    monkeypatch.setattr(variants, "analyze_together", spied)
    app = open_page(PAGE, size="64", photo="espresso-cup")
    assert batches == [[(0.1, True), (0.1, True), (0.1, False)], [(0.1, False)]], "on, uniform and off; then the twin"
    batches.clear()
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    assert batches == [[(1.0, True), (1.0, True)]], "the prediction is the same: off and the twin explain it already"
    batches.clear()
    checked(app.toggle(key="control-fixed-mean").set_value(True).run())
    assert batches == [[(1.0, True), (0.1, True)]], "on and uniform at a fixed mean weight"


@pytest.mark.usefixtures("alone")
def test_a_prediction_that_changes_with_lambda_is_what_all_then_explain(loaded: LoadedCheckpoint) -> None:
    two = [loaded.e_lambda, 1.0]
    photo, size, targets = next(
        (sample.name, size, targets)
        for sample in list_samples()
        for size in (96, 128, 160)
        if len(set(targets := [a.target for a in simam_viz.analyze_lambdas(loaded, sample.image(), two, None, size)]))
        == 2
    )
    app = open_page(PAGE, photo=photo, size=str(size))
    for e_lambda, target in zip(two, targets, strict=True):
        checked(app.select_slider(key="control-lambda").set_value(e_lambda).run())
        assert text(app).count(f"Probability of {short_name(loaded.categories[target])}:") == 3


def test_the_twin_appears_by_itself(twin: LoadedCheckpoint, photo: Image.Image) -> None:
    ours = load_checkpoint(simam_viz.list_checkpoints()[0].name)
    app = open_page(PAGE, size="96")
    assert NO_TWIN not in text(app) and "**The twin**" in text(app)
    analysis = compare(ours, photo, input_size=96, twin=twin)["twin"]
    assert f"Prediction: **{analysis.top(1)[0][1].split(',')[0]}**" in text(app)
    assert (app.selectbox(key="control-first").value, app.selectbox(key="control-second").value) == ("on", "twin")
    # From the twin's side: two columns, and λ moves the other one.
    checked(app.selectbox(key="control-checkpoint").select(TWIN).run())
    assert "The twin, with SimAM" in text(app) and "Switched off" not in text(app)
    checked(app.segmented_control(key="control-look").set_value("ablation").run())
    assert "no SimAM that could be taken out" in app.info[0].value


def test_a_twin_that_cannot_be_used_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with_twin(tmp_path)
    monkeypatch.setattr(store, "BUNDLED_FOLDER", folder)
    st.cache_resource.clear()
    weights, card = (folder / f"{TWIN}.{ending}" for ending in ("safetensors", "json"))
    whole, entries = weights.read_bytes(), json.loads(card.read_text())
    weights.write_bytes(whole[:1000])
    app = open_page(PAGE, size="96")
    assert f"{NO_TWIN} The checkpoint “{TWIN}” cannot be loaded. This safetensors file is cut off" in text(app)
    assert "Switched off" in text(app) and "**The twin**" not in text(app)
    card.write_text(json.dumps(entries | {"twin": "somebody else"}))
    assert f"{NO_TWIN} Its card names “{TWIN}”, but no such checkpoint is here" in text(open_page(PAGE, size="96"))
    # What the cards leave open, the weights tell.
    other = simam_viz.create_model("resnet34", "none", num_classes=200)
    safetensors.torch.save_file(other.state_dict(), weights)
    card.write_text(json.dumps({name: entries[name] for name in ("twin", "attention", "categories")}))
    assert f"{NO_TWIN} The checkpoint “{TWIN}” is another architecture" in text(open_page(PAGE, size="96"))
    st.cache_resource.clear()


def test_a_plain_network_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with_twin(tmp_path)
    for path in folder.glob("simam*"):
        path.unlink()
    monkeypatch.setattr(store, "BUNDLED_FOLDER", folder)
    st.cache_resource.clear()
    app = open_page(PAGE, size="96")
    assert NO_TWIN in text(app) and "This network, without SimAM" in text(app) and not app.metric
    for part in ("blocks", "faithful", "figure"):
        checked(app.segmented_control(key="control-look").set_value(part).run())
    st.cache_resource.clear()


@pytest.mark.long
def test_a_contrast_of_two_classes(loaded: LoadedCheckpoint) -> None:
    photo = next(sample for sample in list_samples() if sample.name == "espresso-cup").image()
    app = open_page(PAGE, size="96", photo="espresso-cup", against="wooden spoon")
    assert "rather than “wooden spoon”" in app.subheader[0].value
    spoon = loaded.categories.index("wooden spoon")
    logits = simam_viz.analyze(loaded, photo, input_size=96).logits
    assert "(in logits)" in text(app) and f"**{float(logits[8] - logits[spoon]):+.2f}**" in text(app)
    checked(app.selectbox(key="control-against").select(8).run())
    assert (
        "cannot be contrasted with itself" in app.info[0].value and app.session_state["view"]["against"] == "espresso"
    )


def test_lambda_at_a_fixed_mean_weight(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page(PAGE, size="96", **{"fixed-mean": "yes"})
    assert "move λ" in text(app)
    checked(app.select_slider(key="control-lambda").set_value(10.0).run())
    on = compare(
        loaded, photo, 10.0, simam_viz.analyze(loaded, photo, 10.0, input_size=96).target, 96, fixed_mean=True
    )["on"]
    assert f"**{on.top(1)[0][1].split(',')[0]}** ({render.percent(on.top(1)[0][2])})" in text(app)
    assert "mean weight fixed" in text(app) and "move λ" not in text(app)


@pytest.mark.long
def test_no_noise_is_drawn(loaded: LoadedCheckpoint) -> None:
    impossible = open_page(PAGE, size="96", **{"class": "volleyball"})
    assert any("finds “volleyball” impossible" in warning.value for warning in impossible.warning)
    assert any("no difference to draw" in info.value for info in impossible.info)
    checked(impossible.segmented_control(key="control-look").set_value("ablation").run())
    assert "changes of next to nothing" in impossible.warning[0].value
    assert (
        "matters most" not in text(impossible)
        and not impossible.get("echarts_chart")
        and len(impossible.dataframe) == 1
    )
    sample, target, block = next(
        (sample.name, target, block.name)
        for sample in list_samples()
        for target, _name, _share in simam_viz.analyze(loaded, sample.image(), input_size=96).top(12)
        if not (analysis := simam_viz.analyze(loaded, sample.image(), target=target, input_size=96)).impossible
        for block in analysis.blocks
        if block.cam_max == 0
    )
    name = short_name(loaded.categories[target])
    empty = open_page(PAGE, photo=sample, size="96", block=block, **{"class": name})
    assert any(w.value.startswith(f"All zero: no place of {block} speaks for “{name}”") for w in empty.warning)
    checked(empty.segmented_control(key="control-look").set_value("blocks").run())
    assert f"{block}: all zero" in text(empty)


def test_ablation(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page(PAGE, size="96", look="ablation", **{"lambda": "1"})
    found = ablate_blocks(loaded, photo, 1.0, input_size=96)
    table = app.dataframe[0].value
    assert list(table["block"]) == list(found.off)
    np.testing.assert_allclose(table["off"], list(found.off.values()), rtol=1e-3)
    np.testing.assert_allclose(
        table["points when uniform"], [100 * (p - found.on) for p in found.uniform.values()], atol=0.01
    )
    assert f"**{render.percent(found.on)}**" in text(app)


def test_networks_trained_alike_stand_beside_it(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page(PAGE, size="96", block="layer4.0")
    shown = [f"**{title}**" for title in ("Attention on", "The twin", "With SE", "With CBAM", "With ECA")]
    assert [m.value for m in app.markdown if m.value in shown] == shown and "Not here" not in text(app)
    siblings = [load_checkpoint(f"{name}_resnet18-tinyimagenet") for name in ("se", "cbam", "eca")]
    target = simam_viz.analyze(loaded, photo, input_size=96).target
    rows = {row["network"]: row for row in app.session_state["takeaway"].shown.tables["comparison"]}
    for title, sibling in zip(("SE", "CBAM", "ECA"), siblings, strict=True):
        analysis = simam_viz.analyze(sibling, photo, target=target, input_size=96)
        assert rows[f"With {title}"]["probability"] == pytest.approx(analysis.top(1)[0][2], rel=1e-3)
    # Which of them are shown stands in the address; none is possible, too.
    some = open_page(PAGE, size="96", columns="off,se")
    titles = ("Attention on", "Switched off", "With SE", "The twin")
    assert [t for t in titles if f"**{t}**" in [m.value for m in some.markdown]] == list(titles[:3])
    one = open_page(PAGE, size="96", columns="alone")
    assert [t for t in titles if f"**{t}**" in [m.value for m in one.markdown]] == ["Attention on"]


@pytest.mark.long
def test_a_network_with_other_attention_is_compared_in_the_same_way() -> None:
    app = open_page(PAGE, size="96", checkpoint="cbam_resnet18-tinyimagenet")
    said = text(app)
    assert "With SimAM" in said and "Without attention" in said and "never saw SimAM" not in said
    assert not any(toggle.label == "λ at a fixed mean weight" for toggle in app.toggle)


def test_attention_that_shares_a_heat_map_is_one_picture_of_its_layer() -> None:
    app = open_page(PAGE, size="96", checkpoint="cbam_resnet18-tinyimagenet", look="blocks", columns="alone")
    layers = [f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)]
    assert list(app.session_state["takeaway"].shown.pictures) == [f"strip-on-{layer}" for layer in layers]


def test_a_missing_sibling_leaves_its_column_out_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for info in store.list_checkpoints():
        for path in (info.path, info.path.with_suffix(".json")):
            if info.card.attention != "cbam":
                (tmp_path / path.name).symlink_to(path)
    (tmp_path / "eca_resnet18-tinyimagenet.safetensors").unlink()
    (tmp_path / "eca_resnet18-tinyimagenet.safetensors").write_bytes(b"damaged")
    monkeypatch.setattr(store, "BUNDLED_FOLDER", tmp_path)
    st.cache_resource.clear()
    app = open_page(PAGE, size="96")
    said = text(app)
    assert "Not here: cbam_resnet18-tinyimagenet, trained alike" in said and "weights folder" in said
    assert "The checkpoint “eca_resnet18-tinyimagenet” cannot be loaded" in said
    assert "**With SE**" in said and "**With CBAM**" not in said and "**With ECA**" not in said
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.mark.usefixtures("alone")
def test_faithfulness_runs_on_demand_and_can_be_stopped(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page(PAGE, size="96", block="layer3.0", look="faithful", methods="all")
    assert not app.dataframe
    app.button(key="faithful-photo-start").click().run()
    if any(button.key == "faithful-photo-stop" for button in app.button):
        app.button(key="faithful-photo-stop").click().run()
        checked(app.run())
        assert any(caption.value.startswith("Stopped after") for caption in app.caption)
        assert app.button(key="faithful-photo-start").label == "Go on"
    table = finished(app, "faithful-photo").dataframe[0].value
    assert len(table) == 3 * 6
    analyses = compare(loaded, photo, input_size=96)
    maps = {name: analyses["on"].block("layer3.0").heat_map(name).values for name in cam.METHODS} | metrics.controls(
        (6, 6)
    )
    for row, (_, expected) in enumerate(metrics.faithfulness(loaded, analyses["on"], maps)):
        for column in ("deletion", "insertion", "drop"):
            assert table[column][row] == pytest.approx(getattr(expected, column), abs=2e-3)
    said = short_name(loaded.categories[analyses["on"].target])
    assert f"How much better than a random map is the Grad-CAM of “{said}”?" in text(app)
    checked(app.selectbox(key="control-block").select("layer4.1").run())
    assert not app.dataframe, "what was measured belongs to its block"


@pytest.mark.long
def test_what_was_stopped_before_the_twin_says_so(twin: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "simam_viz.app.server.long_task._PIECE_SECONDS", 0.001
    )  # one heat map between two looks at the button
    app = open_page(PAGE, size="96", block="layer3.0", look="faithful")
    app.button(key="faithful-photo-start").click().run()
    for _ in range(3):
        app.run()
    app.button(key="faithful-photo-stop").click().run()
    assert "- Attention on: " in text(checked(app.run())) and "- The twin: not measured yet" in text(app)
    assert "both heat maps were measured" in app.info[0].value and "look elsewhere" not in text(app)
    assert "**Does it look elsewhere than the twin?** The two maps correlate by" in text(
        finished(app, "faithful-photo")
    )
    assert "which favours it" in text(app) and "One photo is an anecdote" in text(app)


@pytest.mark.long
def test_faithfulness_over_all_samples(twin: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "LEAST_PROBABILITY", 0.0)  # the twin here knows nothing
    monkeypatch.setattr("simam_viz.app.screens.gradcam_comparison.faithful.list_samples", lambda: list_samples()[:2])
    app = open_page(PAGE, size="96", block="layer3.0", look="faithful", over="samples")
    means, photos = (frame.value for frame in finished(app, "faithful-samples").dataframe)
    app_text = text(app)
    assert list(means["network"])[::3] == ["Attention on", "Uniform over positions", "Switched off", "The twin"]
    assert list(means["map"])[:3] == ["Grad-CAM", "Random map", "Centre blob"]
    ours = load_checkpoint(simam_viz.list_checkpoints()[0].name)
    found, related, pairs = [], [], {"on": [], "twin": []}
    for sample in list_samples()[:2]:
        target = ours.categories.index(sample.classes[0])
        analyses = compare(ours, sample.image(), target=target, input_size=96, twin=twin)
        one, other = (analyses[name].block("layer3.0").cam for name in ("on", "twin"))
        found += [measures for _, measures in metrics.faithfulness(ours, analyses["on"], {"map": one})]
        hidden = analyses["twin"].impossible or float(other.max()) == 0
        related.append(None if hidden else cam.correlation(one, other))
        for name, network in (("on", ours), ("twin", twin)) if not hidden else ():
            maps = {"map": analyses[name].block("layer3.0").cam, "random": metrics.controls((6, 6))["random"]}
            pairs[name].append(tuple(m for _, m in metrics.faithfulness(network, analyses[name], maps)))
    assert means["photos"][0] == "2 of 2"
    assert means["deletion"][0] == pytest.approx(metrics.mean(found).deletion, abs=2e-3)
    assert means["average drop"][0] == pytest.approx(metrics.mean(found).drop, abs=2e-3)
    for shown, expected in zip(photos["The twin"], related, strict=True):
        assert np.isnan(shown) if expected is None else shown == pytest.approx(expected, abs=2e-3)
    # The answer is over the photos that both networks can be asked about, here both or one.
    assert pairs["on"] and "**Does it look elsewhere than the twin?** The two maps correlate by" in app_text
    lead = metrics.gain(pairs["on"]) - metrics.gain(pairs["twin"])
    told = re.search(r"Better than a random map by, “Attention on” minus “The twin”: ([+−]\d+\.\d+); ", app_text)
    assert float(told[1].replace("−", "-")) == pytest.approx(lead, abs=5e-3)
    assert (
        f"{len(pairs['on'])} of 2 photos can be put to both" in app_text and "One photo is an anecdote" not in app_text
    )


def test_the_charts_hold_what_they_are_given() -> None:
    bars = charts.ablation(["a", "b"], {"uniform": [-0.1, 0.02], "off": [0.0, -0.3]})
    assert bars["xAxis"]["data"] == ["a", "b"]
    assert {series["name"]: series["data"] for series in bars["series"]} == {"uniform": [-10, 2], "off": [0, -30]}
    lines = charts.curves({"map": [0.9, 0.1], "random": [0.9, 0.5]}, [0.0, 1.0], "% greyed", ("random",))
    assert [series["data"] for series in lines["series"]] == [[[0, 0.9], [100, 0.1]], [[0, 0.9], [100, 0.5]]]
    assert [series["lineStyle"]["type"] for series in lines["series"]] == ["solid", "dashed"]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("look", "sideways", "maps"), ("method", "ScoreCAM", "maps"), ("against", "unicorn", "maps"), ("fixed-mean", "?", "maps"),
        ("first", "third", "maps"), ("second", "twin", "maps"), ("over", "?", "faithful"), ("methods", "?", "faithful"),
        ("columns", "nobody", "maps"), ("columns", "se,se", "maps"),
    ],
)  # fmt: skip
def test_garbage_in_the_address(name: str, value: str, part: str) -> None:
    app = open_page(PAGE, **({"size": "96"} | ({} if name == "look" else {"look": part}) | {name: value}))
    assert any("does not exist here" in caption.value for caption in app.caption)
    assert name not in app.session_state["view"]
