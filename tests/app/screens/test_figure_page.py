"""The page Figure: what is chosen is what is drawn, the address holds it, and other pages put into it what they show."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from simam_viz.app.screens import paper_figure
from simam_viz.draw.paper.description import Description
from simam_viz.draw.paper.formats import PaperFigure
from simam_viz.photos.samples import list_samples
from tests.helpers.pages import checked, drop, finished, open_page, text

PAGE = "pages/figure.py"
BLOCKS = ("1.0", "1.1", "2.0", "2.1", "3.0", "3.1", "4.0", "4.1")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[PaperFigure]:
    """Every figure that the page draws."""
    figures: list[PaperFigure] = []
    compose = paper_figure.composed

    def composed(*arguments: object, **more: object) -> PaperFigure:
        figures.append(compose(*arguments, **more))
        return figures[-1]

    monkeypatch.setattr(paper_figure, "composed", composed)
    return figures


def code(app: AppTest) -> str:
    return "\n".join(element.value for element in app.code)


def test_what_is_chosen_is_drawn_and_the_command_says_it(made: list[PaperFigure]) -> None:
    view = {"size": "96", "block": "layer3.0", "networks": "on,off", "panels": "photo,cam,difference", "width": "88"}
    app = open_page(PAGE, **view)
    assert (not made and not app.get("download_button")) or all(
        b.key.startswith("take-") for b in app.get("download_button")
    )
    finished(app, "paper")
    assert made[-1].description.show == ("photo", "cam", "difference")
    assert made[-1].get_figwidth() == pytest.approx(88 / 25.4)
    command = re.search(r"python -m simam_viz figure .*", code(app))[0]
    for said in (
        list_samples()[0].name,
        "--networks on,off",
        "--show photo,cam,difference",
        "--block layer3.0",
        "--size 96",
        "--width 88",
    ):
        assert said in command
    assert r"\includegraphics[width=88mm]" in code(app)
    # What is only drawn otherwise is drawn at once.
    checked(app.selectbox(key="control-drawn").set_value("both").run())
    assert made[-1].description.drawn == "both" and not any(b.key == "paper-stop" for b in app.button)
    keys = {button.key for button in app.get("download_button")}
    assert {"paper-pdf-None", "paper-svg-None", "paper-png-300", "paper-png-600", "paper-json"} <= keys


def test_what_makes_no_sense_is_said(made: list[PaperFigure]) -> None:
    app = open_page(PAGE, panels="cam,difference")
    assert [error.value for error in app.error] == ["A difference takes two networks: name a second one."]
    app = open_page(PAGE, panels="cam,colour")
    assert not app.error and "does not exist here" in text(app)
    app = finished(open_page(PAGE, size="96", panels="weight:7@layer9"), "paper")
    assert "There is no block 'layer9'" in app.error[0].value and not made


@pytest.mark.parametrize(
    ("path", "view", "panels"),
    [
        ("app.py", {}, "photo,weight,cam"),
        ("pages/attention_maps.py", {"level": "channel", "block": "layer3.0", "channel": "7"},
         "photo,feature:7@layer3.0,weight:7@layer3.0"),
        ("pages/energy_histograms.py", {"block": "layer3.0"}, "photo,histogram@layer3.0,histogram:weight@layer3.0"),
        ("pages/lambda_sweep.py", {}, "photo,sweep"),
        ("pages/attention_maps.py", {"level": "network"}, ",".join(["photo", *(f"weight@layer{n}" for n in BLOCKS)])),
        ("pages/models.py", {}, "photo,weight,cam"),
    ],
)  # fmt: skip
def test_what_a_page_shows_goes_into_the_figure(path: str, view: dict[str, str], panels: str) -> None:
    app = open_page(path, size="96", **view)
    checked(app.button(key="leap-pages/figure.py").click().run())
    assert app.session_state["view"]["panels"] == panels
    assert app.session_state["view"]["photos"] == list_samples()[0].name


@pytest.mark.long
def test_order_and_names_are_a_list(made: list[PaperFigure]) -> None:
    app = finished(open_page(PAGE, size="96", panels="photo,weight,cam", networks="on,off"), "paper")
    drawn = len(made)
    checked(app.button(key="paper-up-panels-cam").click().run())
    assert app.session_state["view"]["panels"] == "photo,cam,weight"
    assert made[-1].description.show == ("photo", "cam", "weight") and len(made) > drawn, "nothing is computed anew"
    checked(app.button(key="paper-down-networks-on").click().run())
    assert app.session_state["view"]["networks"] == "off,on"
    checked(app.button(key="paper-down-networks-off").click().run())
    checked(app.text_input(key="paper-name-networks-on").set_value("Ours & 注意力").run())
    assert made[-1].description.names == {"on": "Ours & 注意力"} and "--name 'on=Ours & 注意力'" in code(app)
    assert "Ours & 注意力" in made[-1].caption.text and r"Ours \& 注意力" in made[-1].caption.latex
    # The address opens the same figure.
    again = finished(open_page(PAGE, **app.session_state["view"]), "paper")
    assert not again.error and made[-1].description == made[-2].description


@pytest.mark.long
def test_a_description_is_opened(made: list[PaperFigure], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Description(
        photos=("honey-bee", "not here.jpg"), networks=("on", "uniform"), show=("photo", "weight:max@layer2.1"), size=96 + 32,
        e_lambda=0.5, target="bee", names={"on": "A"}, width=88.0, letters="A", photo="colour", own_range=True, bars=False,
    )  # fmt: skip
    app = open_page(PAGE)
    drop(app, "paper-description", "a.json", asked.json().encode())
    assert any("not here" in info.value and "jpg" in info.value for info in app.info)
    finished(app, "paper")
    made_now = made[-1].description
    assert made_now.photos == ("honey-bee",)
    kept = {name: value for name, value in asked.changed().items() if name != "photos"}
    assert {name: made_now.changed().get(name) for name in kept if name != "target"} == {
        name: value for name, value in kept.items() if name != "target"
    }
    assert made_now.target.startswith("bee")
    before = dict(app.session_state["view"])
    for data, told in (
        (b"[1, 2", "describes no figure"),
        (b'{"colour": 1}', "has no setting"),
        (b"\xff\xfe\x00", "describes"),
    ):
        drop(app, "paper-description", "b.json", data)
        assert [told in error.value for error in app.error] == [True] and app.session_state["view"] == before
