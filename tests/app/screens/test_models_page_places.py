"""The Models page asks for what a file does not say: which network, where SimAM stood, whose forward pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz import insert_simam, load_checkpoint
from simam_viz.app.screens.models.trying import evidence_sentence
from simam_viz.networks.places import simam_lambdas, usual_places
from tests.helpers.authors_networks import saved
from tests.helpers.models_page import PAGE, everything, field, metrics, open_models, samples_run, upload
from tests.helpers.pages import checked, open_page
from tests.helpers.small_networks import network, other, weights

pytestmark = pytest.mark.usefixtures("own_folder")


def own(app: AppTest) -> simam_viz.checkpoints.loading.LoadedCheckpoint:
    return app.session_state["own-checkpoints"][app.session_state["view"]["checkpoint"]]


@pytest.mark.parametrize("place", ["page", "sidebar"])
def test_an_upload_of_two_networks_is_asked_about(place: str) -> None:
    app = open_models(size="128")
    if place == "sidebar":
        checked(app.toggle(key="own-checkpoint-on").set_value(True).run())
    upload(app, "both.pth", saved({"student": weights(), "teacher": other()}).getvalue(), place)
    assert "This file holds 2 networks: student, teacher" in everything(app).replace("\\", "")
    checked(app.selectbox(key=f"which-part-{place}").set_value("teacher").run())
    checked(app.button(key=f"take-part-{place}").click().run())
    assert not app.error and own(app).card["part"] == "teacher"
    torch.testing.assert_close(own(app).model.fc.weight, other()["fc.weight"])


def test_a_file_of_two_networks_in_the_folder_is_asked_about(own_folder: Path) -> None:
    torch.save({"model": weights(), "model_ema": other()}, own_folder / "both.pt")
    app = open_page(PAGE, checkpoint="both", size="128")
    assert metrics(app)["Classes"] == "200", "until then, the one that always works"
    checked(app.selectbox(key="which-part-page").set_value("model").run())
    checked(app.button(key="take-part-page").click().run())
    assert not app.error and app.selectbox(key="control-checkpoint").value == "both"
    assert json.loads((own_folder / "both.json").read_text()) == {"part": "model"}
    torch.testing.assert_close(load_checkpoint("both").model.fc.weight, weights()["fc.weight"])


def test_where_simam_stood_is_asked_and_marked_until_it_is_said(own_folder: Path) -> None:
    torch.save(weights(), own_folder / "mine.pt")
    for path in ("app.py", "pages/attention_maps.py", "pages/lambda_sweep.py", PAGE):
        app = open_page(path, checkpoint="mine", size="128")
        assert any("Where SimAM stands is assumed" in badge.value for badge in app.sidebar.markdown), path
    assert "That is assumed" in everything(app) and "Forward pass assumed to be torchvision's" in everything(app)
    field(app, "selectbox", "Was it trained with SimAM?").select("Yes")
    field(app, "selectbox", "SimAM stands").select("behind the last batch norm of every block, before the sum")
    field(app, "selectbox", "Its forward pass").select("torchvision's")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    loaded = load_checkpoint("mine")
    assert tuple(simam_lambdas(loaded.model)) == usual_places("resnet18")["norm"] and not loaded.assumed
    assert not any("assumed" in badge.value for badge in app.sidebar.markdown)
    assert "Forward pass assumed" not in everything(app)
    field(app, "selectbox", "SimAM stands").select("behind the layers written below")
    field(app, "text_area", "Layers or blocks that SimAM stands behind, one name a line").input(
        "layer4.1\nlayer3.0.bn1\n"
    )
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert set(simam_lambdas(load_checkpoint("mine").model)) == {"layer4.1", "layer3.0.bn1"}
    app = open_page("pages/attention_maps.py", checkpoint="mine", size="128")
    assert app.selectbox(key="control-block").options, "and every page can show it"


@pytest.mark.long
def test_what_the_names_show_is_not_asked() -> None:
    file = saved(insert_simam(network(), r"layer4\.\d\.conv2").state_dict()).getvalue()
    app = upload(open_models(size="128"), "partly.pth", file)
    assert field(app, "selectbox", "SimAM stands").options == ["where the names of the tensors show it"]
    assert not any("stands is assumed" in badge.value for badge in app.sidebar.markdown)
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert own(app).card["simam_at"] == ["layer4.0.conv2", "layer4.1.conv2"]


@pytest.mark.long
def test_weights_that_were_never_trained_get_no_verdict() -> None:
    fresh = simam_viz.create_model("resnet18", "none", 4).state_dict()
    app = upload(open_models(size="128"), "fresh.pth", saved(fresh).getvalue())
    samples_run(app)
    assert "These weights were never trained" in everything(app) and "trained **with" not in everything(app)
    assert "doublings" not in everything(app)


@pytest.mark.long
def test_evidence_does_not_claim_to_know_of_places_that_it_cannot_see() -> None:
    app = upload(open_models(size="128"), "mine.pth", saved(weights()).getvalue())
    samples_run(app)
    assert "leaves no trace that this could see" in everything(app) and "-fold with SimAM in between" in everything(app)
    places = {"simam_at": list(usual_places("resnet18")["norm"])}
    elsewhere = simam_viz.checkpoints.loading.with_card(load_checkpoint(saved(weights())), places)
    evidence = simam_viz.explain.evidence.training_evidence(elsewhere, [])
    assert evidence.elsewhere and evidence.verdict is None
    assert "does not tell" in evidence_sentence(elsewhere, evidence)
