"""A network whose SimAM modules keep different λ: each keeps its own until somebody gives them one, and every screen says so."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image

import simam_viz
from simam_viz import SimAM, attention
from simam_viz.app import lambdas, sidebar
from simam_viz.app.pages import PAGES
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw import charts, render
from simam_viz.explain import metrics, survey
from simam_viz.explain.blocks import OWN_LAMBDAS
from simam_viz.explain.variants import with_attention
from simam_viz.export import folder, report
from simam_viz.export.tables import every_table, summary
from simam_viz.export.tensors import every_tensor
from simam_viz.networks.architectures import residual_blocks
from simam_viz.networks.shared import shared_copy
from tests.helpers.pages import checked, finished, open_page, text

LOW, HIGH = 1e-4, 10.0


@pytest.fixture
def mixed(loaded: LoadedCheckpoint) -> LoadedCheckpoint:
    """The bundled network, as if its first four blocks had been trained at another λ than the others."""
    model = shared_copy(loaded.model)
    for number, block in enumerate(residual_blocks(model).values()):
        block.simam.e_lambda = HIGH if number < 4 else LOW
    return dataclasses.replace(simam_viz.wrap(model, loaded.categories, 96), name=loaded.name, card=loaded.card)


def own(loaded: LoadedCheckpoint, image: Image.Image, size: int) -> torch.Tensor:
    """The network's logits by itself."""
    with torch.no_grad():
        return loaded.model(loaded.transforms.tensor(loaded.transforms.view(image, size))[None])[0]


def test_every_module_keeps_its_own(mixed: LoadedCheckpoint, loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    assert mixed.e_lambda is None and simam_viz.wrap(loaded.model).e_lambda == 0.1
    analysis = simam_viz.analyze(mixed, photo)
    torch.testing.assert_close(analysis.logits, own(mixed, photo, 96), rtol=1e-4, atol=1e-4)
    assert analysis.e_lambda is None and analysis.lambda_text == OWN_LAMBDAS
    assert [block.e_lambda for block in analysis.blocks] == [HIGH] * 4 + [LOW] * 4
    for block in analysis.blocks:
        torch.testing.assert_close(block.attention, attention(block.features[None], block.e_lambda)[0])
        torch.testing.assert_close(block.energy, simam_viz.energy(block.features[None], block.e_lambda)[0])
    assert [m.e_lambda for m in mixed.model.modules() if isinstance(m, SimAM)] == [HIGH] * 4 + [LOW] * 4


def test_a_number_is_given_to_all(mixed: LoadedCheckpoint, loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    given, expected = (simam_viz.analyze(network, photo, 0.1, input_size=96) for network in (mixed, loaded))
    torch.testing.assert_close(given.logits, expected.logits)
    assert given.e_lambda == 0.1 and {block.e_lambda for block in given.blocks} == {0.1}
    each, one, again = simam_viz.analyze_lambdas(mixed, photo, [None, 0.1, None])
    assert (each.e_lambda, one.e_lambda, again.e_lambda) == (None, 0.1, None)
    torch.testing.assert_close(each.logits, simam_viz.analyze(mixed, photo).logits, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(one.logits, given.logits, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(again.logits, each.logits, rtol=1e-3, atol=1e-4)


def test_the_model_itself_says_its_lambda_and_not_what_is_written_beside_it(photo: Image.Image) -> None:
    torch.manual_seed(0)
    model = simam_viz.create_model("resnet18", "simam", 4, e_lambda=3.0).eval()
    loaded = dataclasses.replace(simam_viz.wrap(model, list("abcd"), 64), e_lambda=0.1)
    analysis = simam_viz.analyze(loaded, photo)
    assert analysis.e_lambda == 3.0
    torch.testing.assert_close(analysis.logits, own(loaded, photo, 64), rtol=1e-4, atol=1e-5)


def test_what_is_compared_keeps_every_block_its_own(mixed: LoadedCheckpoint, photo: Image.Image) -> None:
    analyses = simam_viz.compare(mixed, photo)
    torch.testing.assert_close(analyses["on"].logits, own(mixed, photo, 96), rtol=1e-3, atol=1e-3)
    for variant, analysis in analyses.items():
        alone = simam_viz.analyze(with_attention(mixed, variant), photo, target=analysis.target)
        torch.testing.assert_close(analysis.logits, alone.logits, rtol=1e-3, atol=1e-3)
        for got in (analysis, alone):
            assert got.e_lambda is None and [b.e_lambda for b in got.blocks] == [HIGH] * 4 + [LOW] * 4
    first = analyses["uniform"].blocks[0]
    mean = attention(first.features[None], HIGH)[0].mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(first.attention, mean.expand_as(first.features))


def test_a_fixed_mean_is_that_of_each_modules_own_lambda(mixed: LoadedCheckpoint, photo: Image.Image) -> None:
    as_it_is, fixed = (simam_viz.compare(mixed, photo, None, 8, fixed_mean=on) for on in (False, True))
    for column in ("on", "uniform", "off"):
        torch.testing.assert_close(fixed[column].logits, as_it_is[column].logits, rtol=1e-3, atol=1e-3)
    moved = simam_viz.compare(mixed, photo, 0.5, 8, fixed_mean=True)
    for block, trained in ((moved["on"].blocks[0], HIGH), (moved["on"].blocks[7], LOW)):
        weights, means = attention(block.features[None], 0.5)[0], attention(block.features[None], trained)[0]
        torch.testing.assert_close(block.attention.mean((1, 2)), means.mean((1, 2)))
        scale = means.mean((1, 2), keepdim=True) / weights.mean((1, 2), keepdim=True)
        torch.testing.assert_close(block.attention, weights * scale)
    torch.testing.assert_close(moved["uniform"].logits, as_it_is["uniform"].logits, rtol=1e-3, atol=1e-3)


def test_ablation_leaves_all_other_blocks_their_own(mixed: LoadedCheckpoint, photo: Image.Image) -> None:
    found = simam_viz.ablate_blocks(mixed, photo, target=8)
    assert found.on == pytest.approx(float(simam_viz.analyze(mixed, photo, target=8).probabilities[8]), rel=1e-3)
    model = shared_copy(mixed.model)
    model.layer1[0].simam = torch.nn.Identity()
    without = simam_viz.analyze(dataclasses.replace(mixed, model=model), photo, target=8)
    assert found.off["layer1.0"] == pytest.approx(float(without.probabilities[8]), rel=1e-3)
    fixed = simam_viz.ablate_blocks(mixed, photo, target=8, fixed_mean=True)
    assert fixed.uniform == pytest.approx(found.uniform, rel=1e-3)
    assert simam_viz.ablate_blocks(mixed, photo, 0.1, 8).on != pytest.approx(found.on, rel=1e-5)


def test_what_hides_parts_of_the_photo_keeps_them_too(mixed: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(mixed, photo)
    ((_, measures),) = simam_viz.faithfulness(mixed, analysis, {"cam": analysis.blocks[6].cam}, 2)
    assert measures.probability == pytest.approx(float(analysis.probabilities[analysis.target]), rel=1e-3)
    networks = {"own": (mixed, None), "one": (mixed, 0.1)}
    found = list(survey.findings(networks, [survey.Subject("p", photo, 8)], "layer4.0", ["Grad-CAM"], steps=2))
    right = [float(simam_viz.analyze(mixed, photo, at, 8).probabilities[8]) for at in (None, 0.1)]
    assert [f.measures.probability for f in found[::3] if f.measures] == pytest.approx(
        [p for p in right if p >= metrics.LEAST_PROBABILITY], rel=1e-3
    )


def test_files_say_each_blocks_own(mixed: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(mixed, photo)
    said = summary(analysis, mixed)
    assert said["e_lambda"] is None and said["blocks"]["layer1.0"]["e_lambda"] == HIGH
    assert [row["λ"] for row in every_table(analysis)["blocks"]] == [HIGH] * 4 + [LOW] * 4
    explanation = str(every_tensor(analysis, mixed)["explanation"])
    assert "each block's own λ: layer1.0 10, " in explanation and "layer4.1 0.0001; target" in explanation
    page = report.html(analysis, mixed, photo, "photo").decode()
    assert "each block&#39;s own" in page or "each block's own" in page
    assert "<td>10</td>" in page and "--lambda" not in page
    moved = report.html(simam_viz.analyze(mixed, photo, 0.5), mixed, photo, "photo").decode()
    assert "0.5 (each block was trained with its own)" in moved
    assert report.command(simam_viz.analyze(mixed, photo, 0.5), mixed) == "", "no command makes what a program has"
    of_a_file = dataclasses.replace(mixed, found=None)
    assert "--lambda 0.5 --target" in report.command(simam_viz.analyze(of_a_file, photo, 0.5), of_a_file)
    assert render.overview(analysis).size and charts.weight_distributions(analysis)
    one = simam_viz.analyze(mixed, photo, 0.5)
    assert "λ" not in every_table(one)["blocks"][0] and "e_lambda" not in summary(one, mixed)["blocks"]["layer1.0"]


def test_a_folder_is_done_again_when_one_blocks_lambda_changes(
    mixed: LoadedCheckpoint, photo: Image.Image, tmp_path: Path
) -> None:
    photo.resize((96, 96)).save(tmp_path / "a.png")
    out = tmp_path / "out"

    def run(loaded: LoadedCheckpoint) -> folder.Outcome:
        return folder.run(folder.Job(loaded, folder.Settings()), [tmp_path / "a.png"], tmp_path, out)[0]

    assert not run(mixed).skipped and run(mixed).skipped
    assert run(mixed).row["λ"] == OWN_LAMBDAS and OWN_LAMBDAS in (out / folder.SUMMARY).read_text(encoding="utf-8-sig")
    assert json.loads((out / "a.png" / folder.ANSWER).read_text())["e_lambda"] is None
    other = shared_copy(mixed.model)
    other.layer4[1].simam.e_lambda = 0.2
    assert not run(dataclasses.replace(mixed, model=other)).skipped


# The screens.


@pytest.fixture
def on_screen(mixed: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> LoadedCheckpoint:
    monkeypatch.setattr(sidebar, "choose_checkpoint", lambda: mixed)
    st.cache_resource.clear()
    yield mixed
    st.cache_resource.clear()


@pytest.mark.parametrize(
    "path", [path if at % 2 == 0 else pytest.param(path, marks=pytest.mark.long) for at, path in enumerate(PAGES)]
)
def test_every_page_says_it(path: str, on_screen: LoadedCheckpoint) -> None:
    app = open_page(path)
    slider = app.select_slider(key="control-lambda")
    assert slider.value == lambdas.EACH_ITS_OWN and slider.options[:2] == [lambdas.EACH_ITS_OWN, "1e-06"]
    back = app.button(key="trained-lambda")
    assert back.label == "Back to each block's own λ" and back.disabled
    assert "lambda" not in app.session_state["view"]
    assert not app.error and "None" not in text(app)
    checked(slider.set_value(0.5).run())
    assert app.session_state["view"]["lambda"] == "0.5" and not app.button(key="trained-lambda").disabled
    checked(app.button(key="trained-lambda").click().run())
    assert app.select_slider(key="control-lambda").value == lambdas.EACH_ITS_OWN
    assert "lambda" not in app.session_state["view"]
    checked(app.select_slider(key="control-lambda").set_value(2.0).run())
    checked(app.select_slider(key="control-lambda").set_value(lambdas.EACH_ITS_OWN).run())
    assert "lambda" not in app.session_state["view"]


def test_a_link_may_ask_for_one_lambda(on_screen: LoadedCheckpoint) -> None:
    assert open_page("app.py", **{"lambda": "0.0371"}).select_slider(key="control-lambda").value == 0.0371
    assert open_page("app.py", **{"lambda": "own"}).select_slider(key="control-lambda").value == lambdas.EACH_ITS_OWN


def test_the_overview_shows_what_the_network_itself_says(on_screen: LoadedCheckpoint, photo: Image.Image) -> None:
    _, name, probability = simam_viz.analyze(on_screen, photo).top(1)[0]
    app = open_page("app.py")
    assert f"The network says: {name.split(',')[0]} ({render.percent(probability)})" in text(app)
    assert "at each block's own λ" in text(app)


def test_numbers_of_one_block_are_at_its_own_lambda(on_screen: LoadedCheckpoint, photo: Image.Image) -> None:
    block = simam_viz.analyze(on_screen, photo).block("layer3.1")
    view = {"block": "layer3.1", "channel": "3", "row": "2", "column": "4"}
    app = open_page("pages/attention_maps.py", level="channel", **view)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Weight"] == f"{block.attention[3, 2, 4]:.5f}"
    assert "0.0001" in app.latex[0].value or "10^{-4}" in app.latex[0].value
    lesson = open_page("pages/energy_function.py", neuron="photo", **view)
    assert "At λ = 0.0001 (this block's own): the slider" in text(lesson)
    shown = {metric.label: metric.value for metric in lesson.metric}
    assert shown["Weight"] == f"{block.attention[3, 2, 4]:.5f}"
    lesson.segmented_control(key="control-neuron").set_value("toy").run()
    assert "At λ = 0.1 (every block has its own" in text(lesson)
    histograms = open_page("pages/energy_histograms.py", block="layer3.1")
    assert "Neurons of layer3.1 at λ = 0.0001" in text(histograms)
    median = float(block.variances.median()) / LOW
    assert {m.label: m.value for m in histograms.metric}["Median variance over λ"] == f"{median:.3g}"
    other = open_page("pages/energy_histograms.py", block="layer1.0", compare="trained", **{"lambda": "0.5"})
    assert "at λ = 0.5, compared with λ = 10 (" in text(other)


@pytest.mark.long
def test_the_sweep_has_a_point_that_is_the_network_as_it_is(on_screen: LoadedCheckpoint, photo: Image.Image) -> None:
    app = finished(open_page("pages/lambda_sweep.py"), "sweep")
    _, name, probability = simam_viz.analyze(on_screen, photo).top(1)[0]
    assert (
        f"With each block's own λ, the network says **{name.split(',')[0]}** ({render.percent(probability)})"
        in text(app)
    )
    assert "The five most probable classes at each block's own λ" in text(app)
    table = app.dataframe[0].value
    assert len(table) == len(lambdas.lambda_stops()) and np.isfinite(table["λ"]).all()
    right = simam_viz.analyze(on_screen, photo, float(table["λ"][7])).top(1)[0][2]
    assert table["probability"][7] == pytest.approx(right, rel=1e-2)


@pytest.mark.long
@pytest.mark.parametrize("look", ["maps", "blocks", "ablation", "faithful"])
def test_the_comparison(look: str, on_screen: LoadedCheckpoint, photo: Image.Image) -> None:
    app = open_page("pages/gradcam_comparison.py", look=look, block="layer4.0")
    on = simam_viz.analyze(on_screen, photo)
    assert render.percent(float(on.probabilities.max())) in text(app) or look == "faithful"
    checked(app.toggle(key="control-fixed-mean").set_value(True).run())
    assert "λ is each block's own λ, so fixing the mean weight changes nothing" in text(app)


def test_the_models_page(on_screen: LoadedCheckpoint) -> None:
    app = open_page("pages/models.py")
    values = {metric.label: metric.value for metric in app.metric}
    assert lambdas.EACH_ITS_OWN in values.values()


@pytest.mark.long
def test_the_files_to_take_home(on_screen: LoadedCheckpoint) -> None:
    app = open_page("app.py")
    now = app.session_state["takeaway"]
    assert b"each block" in now.made("report") and now.made("tables") and now.made("tensors") and now.made("pictures")
