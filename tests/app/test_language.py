"""Whoever speaks another language finds no English left: every sentence on the page went through ``_``."""

from __future__ import annotations

import pytest

from simam_viz.app import zoo
from simam_viz.checkpoints import loading
from tests.helpers.made_up_language import outside, spoken_everywhere, texts, unsaid
from tests.helpers.pages import open_page


@pytest.fixture
def brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread speaks the made-up language, those of pages too."""
    spoken_everywhere(monkeypatch)


@pytest.mark.usefixtures("brackets")
@pytest.mark.parametrize(
    "view",
    [
        pytest.param({}, id="first"),
        pytest.param({"photo": "upload-0123456789abcdef", "lambda": "0.3", "nonsense": "1"}, id="absent"),
        pytest.param({"checkpoint": "resnet18-tinyimagenet", "size": "96"}, id="twin"),
    ],
)
def test_the_sidebar_is_said_in_the_language_of_the_page(view: dict[str, str]) -> None:
    app = open_page("app.py", **view)
    told = [*app.info, *app.error, *(caption for caption in app.caption if "link_off" in caption.value)]
    assert len(told) == (2 if "photo" in view else 0) and not [notice.value for notice in told if outside(notice.value)]
    for toggle in ("camera-on", "own-checkpoint-on"):
        app.toggle(key=toggle).set_value(True)
    app.run()
    assert len(list(texts(app.sidebar))) > 25
    assert not unsaid(app.sidebar)
    assert app.title[0].value == "⟦Overview⟧"
    words = {"trained", "default"} if view.get("checkpoint") else {"trained"}
    assert any(f"({word})⟧" in option for word in words for option in app.select_slider(key="control-lambda").options)


def test_the_language_of_whoever_waits_does_not_load_a_network_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def load(path: str) -> loading.LoadedCheckpoint:
        loaded.append(path)
        return loading.load_checkpoint(path)

    monkeypatch.setattr(zoo, "load_checkpoint", load)
    zoo._loader("").clear()
    choice = next(iter(zoo.choices().values()))
    first = zoo.load(choice)
    spoken_everywhere(monkeypatch)
    assert zoo.load(choice).model is first.model and len(loaded) == 1
