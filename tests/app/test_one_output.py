"""A network of one output answers yes or no: two probabilities, two classes to explain, on every way and every screen."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
import streamlit as st
import torch
from PIL import Image

import simam_viz
from simam_viz.app import sidebar
from simam_viz.app.pages import PAGES
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.draw import render
from simam_viz.evaluation.accuracy import places
from simam_viz.evaluation.data_sets import labelled_photos
from simam_viz.explain import metrics, survey, sweep
from simam_viz.export import report
from simam_viz.export.tables import every_table, summary
from simam_viz.export.tensors import every_tensor
from simam_viz.networks import answers
from tests.helpers.pages import checked, finished, open_page, text


def made(attention: str = "simam", outputs: int = 1) -> torch.nn.Module:
    torch.manual_seed(3)
    model = simam_viz.create_model("resnet18", attention, outputs).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        model.fc.weight *= 3
    return model


@pytest.fixture
def one() -> LoadedCheckpoint:
    return simam_viz.wrap(made(), input_size=96, trained_with_simam=True)


def test_probabilities_are_those_of_yes_and_no(one: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(one, photo)
    yes = float(analysis.logits.sigmoid()[0])
    assert analysis.logits.shape == (1,) and analysis.categories == one.categories == ("yes", "no")
    assert analysis.probabilities.tolist() == pytest.approx([yes, 1 - yes])
    assert analysis.target == int(yes < 0.5) and analysis.top(5)[0] == pytest.approx(
        (analysis.target, ("yes", "no")[analysis.target], max(yes, 1 - yes))
    )
    assert len(analysis.top(5)) == 2 and not analysis.impossible


@pytest.mark.parametrize("logit", [-120.0, -3.0, 0.0, 2.0, 120.0])
def test_numbers_of_one_output(logit: float) -> None:
    logits = torch.tensor([[logit]])
    exact = torch.tensor([[logit, -logit]], dtype=torch.float64).sigmoid().float()
    torch.testing.assert_close(answers.CLASSES.probabilities(logits), exact)
    assert answers.CLASSES.explained(logits).tolist() == [[logit, -logit]]
    several = torch.tensor([[1.0, 2.0, -1.0]])
    assert answers.CLASSES.explained(several) is several
    torch.testing.assert_close(answers.CLASSES.probabilities(several), several.softmax(1))


def test_no_explains_the_logit_with_the_other_sign(one: LoadedCheckpoint, photo: Image.Image) -> None:
    yes, no = (simam_viz.analyze(one, photo, target=target) for target in (0, 1))
    for ours, theirs in zip(yes.blocks, no.blocks, strict=True):
        torch.testing.assert_close(ours.gradients, -theirs.gradients)
    # A network of two outputs, the logit and its negative, has the same heat maps.
    two = made(outputs=2)
    with torch.no_grad():
        two.load_state_dict(
            one.model.state_dict() | {f"fc.{n}": torch.cat([w, -w]) for n, w in one.model.fc.state_dict().items()}
        )
    for target, analysis in enumerate((yes, no)):
        expected = simam_viz.analyze(simam_viz.wrap(two, input_size=96), photo, target=target)
        for ours, theirs in zip(analysis.blocks, expected.blocks, strict=True):
            torch.testing.assert_close(ours.cam, theirs.cam, rtol=1e-3, atol=1e-3)
            assert ours.cam_max == pytest.approx(theirs.cam_max, rel=1e-3, abs=1e-6)
    with pytest.raises(ValueError, match="no class 2; this network knows classes 0 to 1"):
        simam_viz.analyze(one, photo, target=2)
    with pytest.raises(ValueError, match="yes is the opposite of no already"):
        simam_viz.analyze(one, photo, target=0, against=1)


@pytest.mark.parametrize(
    ("given", "names"),
    [(None, ("yes", "no")), (["defect"], ("defect", "not defect")), (["broken", "whole"], ("broken", "whole"))],
)
def test_names(given: list[str] | None, names: tuple[str, str], photo: Image.Image, tmp_path: Path) -> None:
    assert simam_viz.wrap(made(), given, 96).categories == names
    torch.save(made("none").state_dict(), tmp_path / "mine.pt")
    card = {"title": "Mine", "attention": "none"} | ({"categories": given} if given else {})
    (tmp_path / "mine.json").write_text(json.dumps(card))
    loaded = simam_viz.load_checkpoint(tmp_path / "mine.pt")
    assert loaded.categories == simam_viz.analyze(loaded, photo, input_size=96).categories == names


def test_too_many_names_are_refused(tmp_path: Path) -> None:
    for outputs, names in ((1, ["a", "b", "c"]), (3, ["a", "b"]), (3, ["a"]), (1, [])):
        torch.save(made("none", outputs).state_dict(), tmp_path / "mine.pt")
        (tmp_path / "mine.json").write_text(json.dumps({"title": "Mine", "categories": names}))
        with pytest.raises(simam_viz.CheckpointError, match=f"names {len(names)} classes"):
            simam_viz.load_checkpoint(tmp_path / "mine.pt")


@pytest.mark.parametrize("target", [0, 1])
def test_every_measure_is_of_the_class_that_is_asked_for(
    one: LoadedCheckpoint, photo: Image.Image, target: int
) -> None:
    analysis = simam_viz.analyze(one, photo, target=target)
    right = float(analysis.probabilities[target])
    ((_, measures),) = simam_viz.faithfulness(one, analysis, {"cam": analysis.blocks[5].cam}, 2)
    assert measures.probability == pytest.approx(right, rel=1e-3)
    ablation = simam_viz.ablate_blocks(one, photo, target=target)
    assert ablation.on == pytest.approx(right, rel=1e-3) and len(set(ablation.off.values())) == 8
    analyses = simam_viz.compare(one, photo, target=target)
    assert float(analyses["on"].probabilities[target]) == pytest.approx(right, rel=1e-3)
    subject = survey.Subject("p", photo, target)
    found = list(survey.findings({"one": (one, None)}, [subject], "layer3.0", ["Grad-CAM"], steps=2))
    assert [f.measures is not None for f in found[1:]] == [right >= metrics.LEAST_PROBABILITY] * 2


def test_the_sweep_and_the_files(one: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(one, photo)
    point = sweep.reduced(analysis)
    assert point.predicted == analysis.target and sweep.leading_classes([point], point) == [
        *{point.predicted: 0, 1 - point.predicted: 0}
    ]
    row = sweep.table([point], one.categories, [0, 1])[0]
    assert row["p(yes)"] + row["p(no)"] == pytest.approx(1)
    rows = {row["class"]: row for row in every_table(analysis)["classes"]}
    assert rows["yes"]["logit"] == -rows["no"]["logit"] == pytest.approx(float(analysis.logits[0]))
    arrays = every_tensor(analysis, one)
    assert arrays["logits"].shape == (1,) and arrays["probabilities"].shape == (2,)
    assert "of yes, the sigmoid of the logit, and of no" in str(arrays["explanation"])
    assert len(summary(analysis, one)["top5"]) == 2
    assert f"{float(analysis.probabilities.max()):.1%}".encode() in report.html(analysis, one, photo, "p")
    assert render.overview(analysis).size


def test_how_often_it_is_right(one: LoadedCheckpoint, photo: Image.Image, tmp_path: Path) -> None:
    says = simam_viz.analyze(one, photo).target
    for name in ("yes", "no"):
        (tmp_path / "named" / name).mkdir(parents=True)
        (tmp_path / "numbered" / f"{name}body").mkdir(parents=True)
        for folder in ("named", "numbered"):
            photo.save(tmp_path / folder / (name if folder == "named" else f"{name}body") / "0.png")
    photos = labelled_photos(tmp_path / "named", one)
    assert {path.parent.name: label for path, label in photos.photos} == {"yes": 0, "no": 1}
    assert dict(zip([label for _, label in photos.photos], places(one, photos, 96), strict=True)) == {
        says: 0,
        1 - says: 1,
    }
    card = {"num_classes": 1}
    with pytest.raises(ValueError, match="are not the 2 classes"):
        labelled_photos(tmp_path / "numbered", dataclasses.replace(one, card=card))


@pytest.mark.long
def test_on_the_command_line(photo: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(made("none").state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.json").write_text(json.dumps({"categories": ["defect"], "input_size": 96}))
    photo.save(tmp_path / "a.png")
    command = [
        "analyze",
        str(tmp_path / "a.png"),
        "--checkpoint",
        str(tmp_path / "mine.pt"),
        "--out",
        str(tmp_path / "out"),
    ]
    for asked, index in (("defect", 0), ("not defect", 1), ("1", 1)):
        assert main([*command, "--target", asked, "--report"]) == 0
        answer = json.loads((tmp_path / "out" / "top5.json").read_text())
        assert answer["target"]["index"] == index and answer["target"]["name"] == ["defect", "not defect"][index]
        assert sum(entry["probability"] for entry in answer["top5"]) == pytest.approx(1, abs=1e-5)
    assert "not defect" in capsys.readouterr().out
    assert main([*command, "--target", "2"]) == 2


@pytest.fixture
def on_screen(monkeypatch: pytest.MonkeyPatch) -> LoadedCheckpoint:
    stream = io.BytesIO()
    torch.save(made().state_dict(), stream)
    stream.seek(0)
    first = simam_viz.list_checkpoints()[0].name
    loaded = dataclasses.replace(simam_viz.load_checkpoint(stream), name=first)
    monkeypatch.setattr(sidebar, "choose_checkpoint", lambda: loaded)
    st.cache_resource.clear()
    yield loaded
    st.cache_resource.clear()


@pytest.mark.parametrize(
    "path", [path if at % 2 == 0 else pytest.param(path, marks=pytest.mark.long) for at, path in enumerate(PAGES)]
)
def test_every_page(path: str, on_screen: LoadedCheckpoint) -> None:
    app = open_page(path, size="128")
    assert not app.error
    menu = app.selectbox(key="control-class")
    assert menu.options == ["The predicted class", "no", "yes"]
    checked(menu.select(1).run())
    assert app.session_state["view"]["class"] == "no"


def test_the_overview_says_both(on_screen: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(on_screen, photo, input_size=128)
    app = open_page("app.py", size="128", **{"class": "no"})
    _, name, probability = analysis.top(1)[0]
    assert f"The network says: {name} ({render.percent(probability)})" in text(app)
    assert "Where Grad-CAM finds “no”" in text(app)


@pytest.mark.long
@pytest.mark.parametrize("look", ["maps", "blocks", "ablation", "faithful"])
def test_the_comparison_has_no_contrast_of_yes_with_no(look: str, on_screen: LoadedCheckpoint) -> None:
    app = open_page("pages/gradcam_comparison.py", size="128", look=look, against="no", block="layer3.0")
    assert not any(box.key == "control-against" for box in app.selectbox)
    if look == "faithful":
        finished(app, "faithful-photo")
        assert len(app.dataframe) == 1


def test_the_sweep_page(on_screen: LoadedCheckpoint) -> None:
    app = finished(open_page("pages/lambda_sweep.py", size="128"), "sweep")
    assert {"p(yes)", "p(no)"} <= set(app.dataframe[0].value.columns)
