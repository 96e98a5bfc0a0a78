"""The Models page in its steps: a network drawn as it was understood, its twin beside it, SimAM where somebody ticks it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import torchvision
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz import insert_simam
from simam_viz.app import given
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.networks.authors import catalogue
from tests.helpers.authors_networks import saved
from tests.helpers.models_page import PAGE, everything, field, metrics, open_models, samples_run, upload
from tests.helpers.pages import checked, open_page
from tests.helpers.project import ROOT
from tests.helpers.small_networks import network, other, weights

pytestmark = pytest.mark.usefixtures("own_folder")

OWN_CODE = """
import torch
from torch import nn
from torchvision.models import resnet18

class Retyped(nn.Module):
    def forward(self, x):
        d = (x - x.mean(dim=(2, 3), keepdim=True)).pow(2)
        n = x.shape[2] * x.shape[3] - 1
        return x * torch.sigmoid(d / (4 * (d.sum(dim=(2, 3), keepdim=True) / n + 1e-3)) + 0.5)

class Squeeze(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a = nn.Conv2d(c, c, 1)
    def forward(self, x):
        return x * torch.sigmoid(self.a(x.mean(dim=(2, 3), keepdim=True)))

def mixed():
    torch.manual_seed(0)
    made = resnet18(num_classes=5)
    made.layer1[0].bn2 = nn.Sequential(made.layer1[0].bn2, Squeeze(64))
    made.layer4[1].conv2 = nn.Sequential(made.layer4[1].conv2, Retyped())
    return made

def pixels():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Retyped(), nn.Conv2d(8, 4, 3, padding=1))

def grey():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), Retyped(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )
"""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a person's own code; :func:`start` names one of its networks on the command line."""
    (code := tmp_path / "mine.py").write_text(OWN_CODE)
    yield code
    given._started.cache_clear()


def start(monkeypatch: pytest.MonkeyPatch, code: Path, name: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(ROOT / "app.py"), "--network", f"{code}:{name}"])


def drawing(app: AppTest) -> str:
    return next(html.proto.body for html in app.get("html") if "network-map" in html.proto.body)


def in_use(app: AppTest) -> LoadedCheckpoint:
    return app.session_state["own-checkpoints"][app.session_state["view"]["checkpoint"]]


def ticked(app: AppTest) -> str:
    return next(caption.value for caption in app.caption if caption.value.startswith("SimAM stands behind"))


def test_the_bundled_network_is_drawn_from_its_input_to_its_answer() -> None:
    app = open_page(PAGE)
    drawn = drawing(app)
    assert drawn.count("<li") == 10 and drawn.count("network-simam") == 8 and drawn.count("SimAM, λ = 0.1") == 8
    assert "3 × 160 × 160" in drawn and "one of 200 classes" in drawn and "aria-label" in drawn
    assert drawn.index("layer1.<wbr>0") < drawn.index("layer4.<wbr>1") < drawn.index("Answer")
    assert "Attention works at 8 places." in everything(app) and "Nothing is assumed" in everything(app)
    plain = simam_viz.list_checkpoints()[1].name
    hypothetical = drawing(open_page(PAGE, checkpoint=plain))
    assert hypothetical.count("network-would") == 8 and hypothetical.count("SimAM would stand here") == 8


@pytest.mark.long
def test_of_a_deep_network_each_stage_is_drawn_once(own_folder: Path) -> None:
    torch.save(simam_viz.create_model("resnet50", "simam", 3).state_dict(), own_folder / "deep.pth")
    drawn = drawing(open_page(PAGE, checkpoint="deep", size="128"))
    assert drawn.count("<li") == 6 and "at 6 places" in drawn and "layer3.<wbr>0 to layer3.<wbr>5" in drawn


def test_what_a_file_calls_things_is_text_in_the_drawing() -> None:
    app = upload(open_models(size="128"), "<img src=x onerror=alert(1)>.pth", saved(weights()).getvalue())
    assert "<img" not in drawing(app) and "onerror" not in drawing(app)


def test_a_network_of_a_program(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, started, "mixed")
    app = open_page(PAGE, size="128")
    drawn, told = drawing(app), metrics(app)
    assert "one weight a channel" in drawn and "SimAM, λ = 0.001" in drawn and "one of 5 classes" in drawn
    assert told["Architecture"] == "mixed" and "File" not in told
    assert not any((button.key or "").startswith("drop-") for button in app.button)
    assert "Nothing in the file" not in everything(app) and "behind the second convolution" not in everything(app)
    assert not any("2 attention modules" in code.value for code in app.code) and not app.json, "folded, so not drawn"
    app.session_state["found-lines"] = app.session_state["whole-card"] = True
    assert any("2 attention modules" in code.value for code in checked(app.run()).code) and app.json
    assert "Assumed until you say otherwise: the class names, the normalisation, the input size." in everything(app)
    # What was found is shown, not asked.
    labels = [each.label for each in (*app.selectbox, *app.number_input)]
    assert "SimAM stands" not in labels and "λ it was trained with" not in labels
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("a\nb\nc\nd\ne")
    field(app, "number_input", "Input size in pixels").set_value(96)
    field(app, "selectbox", "Was it trained with SimAM?").select("Yes")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert "This is kept for this session" in everything(app) and "3 × 96 × 96" in drawing(app)
    assert metrics(app)["Trained with SimAM"] == "yes" and "Nothing is assumed of this network" in everything(app)
    assert "It can only answer with one of these: a; b; c; d; e." in everything(app)
    samples_run(app)
    # Nobody else hears of it.
    assert "3 × 224 × 224" in drawing(open_page(PAGE))


def test_what_makes_no_sense_of_a_network_is_not_offered(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, started, "pixels")
    app = open_page(PAGE, size="128")
    assert "one of 4 classes for every pixel" in drawing(app)
    assert not any(button.key == "samples-start" for button in app.button) and "this one does not" in everything(app)
    start(monkeypatch, started, "grey")
    app = open_page(PAGE, size="128")
    assert "1 × 224 × 224" in drawing(app) and "Multiply–adds at 128 px" in metrics(app)
    assert not any(each.label == "Mean of red, green, blue" for each in app.text_input)


@pytest.mark.long
def test_a_file_that_does_not_fit_the_program_is_told_and_its_prefix_dropped(
    started: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start(monkeypatch, started, "mixed")
    own = given.started().maker._make().state_dict()
    wrong = {name: tensor for name, tensor in own.items() if not name.startswith("layer4.1.conv2")}
    wrong["layer4.1.conv2.weight"] = own["layer4.1.conv2.0.weight"]
    app = upload(open_page(PAGE, size="128"), "other.pth", saved(wrong).getvalue())
    told = app.error[0].value.replace("\\", "")
    assert "Missing in the file: layer4.1.conv2.0.weight. Left over in the file: layer4.1.conv2.weight." in told
    problems = next(frame.value for frame in app.dataframe if "what is wrong" in frame.value)
    assert list(problems["what is wrong"]) == ["is missing", "has no place in the network"]
    wrapped = {f"encoder.{name}": tensor for name, tensor in own.items()} | {"projector.weight": torch.zeros(3, 3)}
    upload(app, "wrapped.pth", saved(wrapped).getvalue())
    assert "Left over in the file: projector.weight" in app.error[0].value.replace("\\", "")
    checked(app.button(key="drop-prefix-page-encoder.").click().run())
    assert not app.error and in_use(app).card["title"] == "wrapped.pth"
    upload(app, "mine.pth", saved(own).getvalue())
    assert not app.error and in_use(app).card["title"] == "mine.pth" and "SimAM, λ = 0.001" in drawing(app)
    assert any(button.key.startswith("drop-own-") for button in app.button if button.key)
    assert "say it in step 3" in everything(app)


def test_a_twin_is_dropped_beside_a_file() -> None:
    app = upload(open_models(size="96"), "with.pth", saved(weights()).getvalue())
    first = in_use(app).name
    upload(app, "without.pth", saved(other()).getvalue(), "twin")
    kept = app.session_state["own-checkpoints"]
    second = next(name for name in kept if name != first)
    assert not app.error and app.session_state["view"]["checkpoint"] == first, "the first stays in use"
    assert kept[first].card["twin"] == second and kept[second].card["twin"] == first
    assert kept[first].has_simam and not kept[second].has_simam
    assert kept[first].trained_with_simam is True and kept[second].trained_with_simam is False
    assert "Its twin is **without" in everything(app)

    # What is said of one counts for both.
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("a\nb\nc\nd\ne")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert kept[second].categories == tuple("abcde")
    checked(app.switch_page("pages/gradcam_comparison.py").run())
    assert "The twin's column is missing" not in everything(app)
    assert any("The twin" in markdown.value for markdown in app.markdown)
    checked(app.switch_page(PAGE).run())
    checked(app.button(key=f"drop-{second}").click().run())
    checked(app.switch_page("pages/gradcam_comparison.py").run())
    assert "The twin's column is missing" in everything(app)


@pytest.mark.long
def test_which_of_two_was_trained_with_simam_can_be_said() -> None:
    app = upload(open_models(size="96"), "plain.pth", saved(weights()).getvalue())
    checked(app.button_group(key="twin-which").set_value("the file dropped beside it").run())
    upload(app, "attending.pth", saved(other()).getvalue(), "twin")
    first, second = (
        in_use(app),
        next(n for n in app.session_state["own-checkpoints"].values() if n.card["title"] == "attending.pth"),
    )
    assert not first.has_simam and second.has_simam


@pytest.mark.long
def test_what_is_no_twin_is_refused_in_a_sentence() -> None:
    app = upload(
        open_models(size="96"), "mine.pth", saved(insert_simam(network(), r"layer4\.\d\.conv2").state_dict()).getvalue()
    )
    name = in_use(app).name
    for content, sentence in (
        (
            saved(simam_viz.create_model("resnet34", "none", 5).state_dict()),
            "this file is of resnet34, the network in use of resnet18",
        ),
        (saved(simam_viz.create_model("resnet18", "none", 4).state_dict()), "this file knows 4, the network in use 5"),
        (saved(insert_simam(network(), r"layer4\.\d\.conv2").state_dict()), "the file that is in use already"),
    ):
        upload(app, "second.pth", content.getvalue(), "twin")
        assert sentence in app.error[0].value.replace("\\", ""), sentence
        assert list(app.session_state["own-checkpoints"]) == [name] and in_use(app).card.twin is None


def test_only_a_network_of_ones_own_gets_a_twin_beside_it() -> None:
    app = open_page(PAGE)
    uploader = next(each for each in app.file_uploader if "twin" in each.key)
    assert uploader.proto.disabled and "First bring a network of your own" in everything(app)


def test_simam_goes_where_it_is_ticked() -> None:
    app = open_models(size="96")
    assert ticked(app) == "SimAM stands behind 8 of 20 convolutions."
    checked(app.button(key="ticking-all").click().run())
    assert ticked(app) == "SimAM stands behind 20 of 20 convolutions."
    checked(app.button(key="ticking-none").click().run())
    assert app.button(key="ticking-build").disabled
    checked(app.button(key="ticking-usual").click().run())
    checked(app.number_input(key="ticking-lambda").set_value(0.02).run())
    checked(app.button(key="ticking-build").click().run())
    built = in_use(app)
    assert [(site.name, site.e_lambda) for site in built.found.sites] == [
        (f"layer{stage}.{block}.conv2.1", 0.02) for stage in (1, 2, 3, 4) for block in (0, 1)
    ]
    assert any("Random weights: its answers mean nothing" in badge.value for badge in app.sidebar.markdown)
    assert drawing(app).count("SimAM, λ = 0.02") == 8 and "built here" in app.dataframe[0].value["from"].iloc[-1]
    assert metrics(app)["Architecture"] == "resnet18" and "Forget resnet18" in " ".join(b.label for b in app.button)
    checked(app.switch_page("pages/attention_maps.py").run())
    assert app.select_slider(key="control-lambda").value == 0.02


def test_the_weights_of_a_ticked_network_come_from_a_file_with_or_without_simam(own_folder: Path) -> None:
    torch.manual_seed(3)
    plain = torchvision.models.mobilenet_v3_small(num_classes=4)
    for model, trained in ((plain, None), (insert_simam(plain, r"features\.3\.block\.1\.0"), True)):
        app = open_models(size="96")
        checked(app.selectbox(key="ticking-network-torchvision").set_value("mobilenet_v3_small").run())
        key = "ticking-places-torchvision:mobilenet_v3_small"
        rows = list(next(frame.value for frame in app.dataframe if frame.key == key)["convolution"])
        app.session_state[key] = {
            "selection": {"rows": [rows.index("features.3.block.1.0")], "columns": [], "cells": []}
        }
        checked(app.selectbox(key="ticking-weights-mobilenet_v3_small").set_value("a file of weights").run())
        assert ticked(app).startswith("SimAM stands behind 1 of") and app.button(key="ticking-build").disabled
        upload(app, "small.pth", saved(model.state_dict()).getvalue(), "ticking")
        checked(app.button(key="ticking-build").click().run())
        assert not app.error, [error.value for error in app.error]
        assert len(in_use(app).categories) == 4 and in_use(app).trained_with_simam is trained
        torch.testing.assert_close(in_use(app).model.state_dict()["classifier.3.weight"], plain.classifier[3].weight)


def test_a_network_that_is_too_large_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(PAGE)
    checked(app.selectbox(key="ticking-network-torchvision").set_value("regnet_y_128gf").run())
    assert "million parameters, which is more than this app takes" in app.error[0].value.replace("\\", "")


@pytest.mark.long
def test_a_file_of_the_authors_code_opens_by_name() -> None:
    torch.manual_seed(2)
    file = saved(catalogue.make("cifar/resnet20").state_dict()).getvalue()
    app = open_models(size="32")
    checked(app.selectbox(key="authors-name").set_value("cifar/resnet20").run())
    upload(app, "cifar.pth", file, "authors")
    assert not app.error and in_use(app).e_lambda == 1e-4 and in_use(app).trained_with_simam is True
    assert "one of 10 classes" in drawing(app) and "3 × 32 × 32" in drawing(app)
    upload(app, "plain.pth", saved(catalogue.make("cifar/resnet20-none").state_dict()).getvalue(), "twin")
    assert not app.error and "Its twin is **plain" in everything(app)
