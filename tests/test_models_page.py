"""The Models page and the sidebar's checkpoints: what one is told of a file, and what one can say of it."""

from __future__ import annotations

import gc
import json
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz import create_model, torchvision_weights
from simam_viz.models import count_parameters
from simam_viz.samples import list_samples
from simam_viz.ui import networks, sidebar

from .authors_networks import authors_checkpoint, authors_network, saved
from .conftest import ROOT
from .served_weights import publish, serving
from .test_checkpoints import NAN, changed
from .test_pages import checked, open_page

PAGE = "pages/models.py"


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    yield
    networks._load.clear()


@pytest.fixture(scope="module")
def authors_file() -> bytes:
    return saved(authors_checkpoint(authors_network("resnet18", classes=5), "resnet18")).getvalue()


def open_models(**parameters: str) -> AppTest:
    """The page as one comes to it from the front door, so that other pages can be gone to."""
    return checked(open_page("app.py", **parameters).switch_page(PAGE).run())


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def everything(app: AppTest) -> str:
    texts = [*app.markdown, *app.caption, *app.error, *app.info, *app.success, *app.subheader]
    return " ".join(text.value for text in texts)


def field(app: AppTest, kind: str, label: str):
    return next(each for each in getattr(app, kind) if each.label == label)


def upload(app: AppTest, name: str, content: bytes, place: str = "page") -> AppTest:
    uploader = next(each for each in app.file_uploader if place in (each.key or "") and "checkpoint" in each.key)
    return checked(uploader.upload(name, content).run())


def test_the_bundled_network_in_numbers(loaded: simam_viz.LoadedCheckpoint) -> None:
    app = open_page(PAGE)
    told = metrics(app)
    assert told["Architecture"] == "resnet18" and told["Trained with SimAM"] == "yes" and told["Classes"] == "200"
    assert told["Parameters"] == f"{count_parameters(loaded.model) / 1e6:.2f} M"
    assert told["Multiply–adds at 160 px"] == "0.925 G" and told["File"] == f"{loaded.size / 1e6:.1f} MB"
    table = app.dataframe[0].value
    assert list(table["in use"]) == [True] + [False] * (len(table) - 1)
    assert table["top-1 (%)"][0] == loaded.card["accuracy"]["top1"]
    assert not any("describe" in (button.key or "") for button in app.button), "a bundled card stands"
    checked(app.button(key="run-samples").click().run())
    assert "photos of a class it knows have that class" in everything(app)
    assert "trained **with SimAM**" in everything(app)
    lines = [m.value for m in app.markdown if m.value.startswith("1. ")]
    assert len(lines) == len(list_samples()) and all(line.count("1. ") == 5 for line in lines)
    top = simam_viz.analyze(loaded, list_samples()[0].image()).top(1)[0]
    assert top[1].split(",")[0] in lines[0]


def test_an_upload_in_the_authors_format(authors_file: bytes) -> None:
    app = upload(open_models(size="128"), "checkpoint.pth.tar", authors_file)
    name = app.session_state["view"]["checkpoint"]
    assert name.startswith("own-") and app.selectbox(key="control-checkpoint").value == name
    told = metrics(app)
    assert told["Classes"] == "5" and told["Trained with SimAM"] == "yes" and told["Input size"] == "224 px"
    assert any("122 of the network's 122 tensors came from the file" in expander.label for expander in app.expander)
    assert "DataParallel" in everything(app) and "one Sequential with the second convolution" in everything(app)
    assert "Assumed until you say otherwise: λ, the input size, the normalisation, the class names." in everything(app)

    field(app, "text_input", "Name").input("Mine")
    field(app, "number_input", "λ it was trained with").set_value(0.02)
    field(app, "number_input", "Input size in pixels").set_value(96)
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("a\nb\nc\nd\ne\n")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert "kept for this session" in everything(app)
    told = metrics(app)
    assert told["Trained λ"] == "0.02" and told["Input size"] == "96 px" and "Mine" in app.subheader[1].value
    assert app.select_slider(key="control-lambda").value == 0.02 and app.selectbox(key="control-size").value == 96
    assert "It can only answer with one of these: a; b; c; d; e." in everything(app)

    # Every other page works with it, and says nothing against it.
    checked(app.switch_page("app.py").run())
    assert "5 classes this network knows" in everything(app) and "saw SimAM" not in everything(app)
    checked(app.switch_page(PAGE).run())
    checked(app.button(key=f"drop-{name}").click().run())
    assert app.selectbox(key="control-checkpoint").value == simam_viz.list_checkpoints()[0].name


def test_a_forgotten_upload_gives_its_memory_back(authors_file: bytes) -> None:
    app = upload(open_models(size="128"), "mine.pth", authors_file)
    own = app.session_state["own-checkpoints"]
    name = app.session_state["view"]["checkpoint"]
    watched = [weakref.ref(own[name].model), weakref.ref(own[name].model.layer4[1].conv2.weight)]
    checked(app.switch_page("app.py").run())  # its analysis is in the session's cache now
    checked(app.switch_page(PAGE).run())
    checked(app.button(key=f"drop-{name}").click().run())
    gc.collect()
    assert not own and all(reference() is None for reference in watched)


def test_answers_that_make_no_sense_change_nothing(authors_file: bytes) -> None:
    app = upload(open_page(PAGE), "mine.pth", authors_file)
    save = lambda: checked(next(b for b in app.button if b.label == "Save").click().run())  # noqa: E731
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("just one")
    save()
    assert "names 1 classes" in everything(app)
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("a\nb\nc\nd\ne")
    field(app, "text_input", "Their standard deviation").input("1, 2")
    save()
    assert "normalisation" in everything(app) and metrics(app)["Classes"] == "5"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"words", "neither safetensors nor"),
        (saved(changed(layer1__0__bn1__bias=NAN)).getvalue(), "2 of the 64 values of layer1"),
        (
            saved(changed(conv1__weight=torch.zeros(64, 3, 3, 3), bn1__bias=None)).getvalue(),
            "one more tensor does not fit",
        ),
    ],
)
@pytest.mark.parametrize("place", ["page", "sidebar"])
def test_what_cannot_be_used_is_said_and_nothing_is_lost(content: bytes, sentence: str, place: str) -> None:
    app = open_models(size="128", **{"lambda": "0.5"})
    if place == "sidebar":
        checked(app.toggle(key="own-checkpoint-on").set_value(True).run())
    upload(app, "![x](bad).pth", content, place)
    errors = " ".join(error.value.replace("\\", "") for error in app.error)
    assert sentence in errors and not any("![x]" in error.value for error in app.error)
    assert app.select_slider(key="control-lambda").value == 0.5 and metrics(app)["Classes"] == "200"
    if "one more" in sentence:
        tables = [frame.value for frame in app.dataframe]
        problems = next(table for table in tables if "what is wrong" in table)
        assert list(problems["tensor"]) == ["conv1.weight", "bn1.bias"]
    checked(app.switch_page("app.py").run())
    assert not app.error, "what was wrong need not be said on another page"


def test_weights_that_never_saw_simam_are_marked_everywhere(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    torch.save(create_model("mobilenet_v2", "none", 6).state_dict(), weights / "plain.pth")
    for card, mark, remark in (
        (None, "Training with SimAM not known", "It is not known whether these weights were trained with SimAM."),
        ({"trained_with_simam": False}, "Weights that never saw SimAM", "These weights never saw SimAM in training."),
        ({"attention": "none"}, "Weights that never saw SimAM", "Hypothetical: this network was run without SimAM."),
    ):
        if card:
            (weights / "plain.json").write_text(json.dumps(card))
        others = (
            () if card else ("pages/attention_maps.py", "pages/energy_histograms.py", "pages/gradcam_comparison.py")
        )
        for path in ("app.py", *others, PAGE):
            app = open_page(path, checkpoint="plain", size="128")
            badges = [m.value for m in app.sidebar.markdown]
            assert any(mark in badge for badge in badges), (path, badges)
            assert path == PAGE or remark in everything(app), path
        assert metrics(app)["Trained with SimAM"] == ("never" if card else "not known")


def test_the_card_is_kept_beside_a_file_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "mine.pt"
    torch.save(create_model("resnet18", "none", 200).state_dict(), path)
    app = open_page(PAGE, checkpoint="mine")
    field(app, "selectbox", "Was it trained with SimAM?").select("No")
    field(app, "selectbox", "Run it").select("without SimAM")
    field(app, "number_input", "Input size in pixels").set_value(64)
    field(app, "selectbox", "Class names").select("Tiny ImageNet's 200, sorted by WordNet id (as ImageFolder does)")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert "The card is saved" in everything(app) and metrics(app)["Trained with SimAM"] == "never"
    card = json.loads(path.with_suffix(".json").read_text())
    assert (
        card["trained_with_simam"] is False
        and card["attention"] == "none"
        and card["categories"][0] == "goldfish, Carassius auratus"
    )
    again = simam_viz.load_checkpoint(path)
    assert not again.assumed and not again.attends
    checked(app.button(key="run-samples").click().run())
    assert len([m for m in app.markdown if m.value.startswith("1. ")]) == len(list_samples())


def test_a_broken_file_in_the_folder_leaves_the_default_working(tmp_path: Path) -> None:
    (tmp_path / "weights" / "broken.pt").write_bytes(b"PK nothing")
    app = open_page("app.py", checkpoint="broken")
    assert "damaged" in app.error[0].value
    assert app.session_state["view"]["checkpoint"] == simam_viz.list_checkpoints()[0].name


def test_the_file_on_the_command_line_opens_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authors_file: bytes
) -> None:
    path = tmp_path / "given.pth"
    path.write_bytes(authors_file)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "app.py"), str(path)])
    app = open_page(PAGE)
    assert app.selectbox(key="control-checkpoint").value == "given" and metrics(app)["Classes"] == "5"
    path.unlink()
    app = open_page("app.py")
    assert "There is no file given" in app.error[0].value.replace("\\", "")
    monkeypatch.setattr(sys, "argv", ["pytest", str(ROOT / "README.md")])
    assert networks.asked_for() is None, "another program's arguments are not ours"


def test_somebody_elses_checkpoint_is_asked_for() -> None:
    app = open_page(PAGE, checkpoint="own-0123456789abcdef")
    assert "Upload that file" in app.info[0].value and metrics(app)["Classes"] == "200"


def test_torchvisions_weights_from_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "served"
    with serving(folder) as address:
        ours = publish(address, folder, monkeypatch)
        app = open_page(PAGE)
        file = folder / "weights.pth"
        whole = file.read_bytes()
        file.unlink()
        checked(app.button(key="torchvision-download").click().run())
        assert "could not be downloaded" in app.error[0].value.replace("\\", "") and metrics(app)["Classes"] == "200"
        file.write_bytes(whole)
        checked(app.button(key="torchvision-download").click().run())
        assert app.selectbox(key="control-checkpoint").value == ours.name
        assert metrics(app)["Classes"] == "1,000" and metrics(app)["Trained with SimAM"] == "never"
        assert "hypothetical" in everything(app)


def test_classes_of_one_name_can_be_told_apart(loaded: simam_viz.LoadedCheckpoint) -> None:
    cranes = replace(loaded, categories=("crane, a bird", "tench", "crane, a machine"))
    assert sidebar.class_names(cranes) == ["crane (0)", "tench", "crane (2)"]
    assert sidebar.class_names(loaded) == [category.split(",")[0] for category in loaded.categories]


def test_loading_blocks_nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While one person's file is being read, another person's network loads and opens."""
    torch.save(create_model("resnet18", "none", 3).state_dict(), tmp_path / "weights" / "slow.pt")
    torch.save(create_model("resnet18", "none", 4).state_dict(), tmp_path / "weights" / "other.pt")
    reading, go_on = threading.Event(), threading.Event()
    load = networks.load_checkpoint

    def slowly(path: str):
        if "slow" in str(path):
            reading.set()
            assert go_on.wait(60)
        return load(path)

    monkeypatch.setattr(networks, "load_checkpoint", slowly)
    results = {}
    thread = threading.Thread(target=lambda: results.update(slow=open_page("app.py", checkpoint="slow", size="128")))
    thread.start()
    try:
        assert reading.wait(60)
        app = open_page("app.py", checkpoint="other", size="128")
        assert "4 classes this network knows" in everything(app) and thread.is_alive()
    finally:
        go_on.set()
        thread.join(120)
    assert "3 classes this network knows" in everything(results["slow"])


def test_published_names_are_all_offered() -> None:
    app = open_page(PAGE)
    assert len(app.selectbox(key="torchvision-name").options) == len(torchvision_weights.published()) >= 12
