"""The app in Chinese: every page through, no English sentence left, and nothing of the view goes with a change of language."""

from __future__ import annotations

import re

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from simam_viz.app import language
from simam_viz.app.pages import PAGES
from simam_viz.wording import LANGUAGES, _, catalogue, speaking
from tests.helpers import models_page
from tests.helpers.authors_networks import saved
from tests.helpers.chinese import english_but_classes, texts
from tests.helpers.image_bombs import encoded
from tests.helpers.pages import checked, drop, finished, open_page
from tests.helpers.small_networks import NAN, changed


def left(app: AppTest) -> list[str]:
    """Whatever English words stand in a row on a page, but for the English names of classes."""
    tables = [str(cell) for frame in app.dataframe for cell in (*frame.value.columns, *frame.value.to_numpy().flat)]
    return [words for text in (*texts(app._tree), *tables) for words in english_but_classes(text)]


@pytest.mark.parametrize("page", PAGES)
def test_no_english_sentence_is_left(page: str) -> None:
    app = open_page(page, lang="zh")
    with speaking(catalogue("zh")):
        assert app.title[0].value == _(PAGES[page][0]) != PAGES[page][0]
    assert len(list(texts(app._tree))) > 50
    assert left(app) == []


@pytest.mark.parametrize(
    ("page", "view"),
    [
        ("app.py", {"photo": "upload-0123456789abcdef", "checkpoint": "own-0123456789abcdef", "nonsense": "1"}),
        ("app.py", {"checkpoint": "resnet18-tinyimagenet", "size": "96"}),
        ("pages/energy_function.py", {"neuron": "photo", "scene": "channel", "size": "96"}),
        ("pages/attention_maps.py", {"level": "channel", "channel": "9", "size": "96"}),
        ("pages/figure.py", {"networks": "on,twin", "show": "photo,cam", "size": "96"}),
    ],
)
def test_nor_in_other_views(page: str, view: dict[str, str]) -> None:
    assert left(open_page(page, lang="zh", **view)) == []


def test_the_switch_changes_the_words_and_nothing_else() -> None:
    view = {"photo": "coral-reef", "size": "96", "lambda": "0.003", "class": "lemon", "block": "layer3.1"}
    app = open_page("pages/attention_maps.py", **view)
    app.toggle(key="camera-on").set_value(True)
    before = widgets(checked(app.run()))
    app.segmented_control(key="control-lang").set_value("zh")
    chinese = checked(app.run())
    assert chinese.title[0].value == "注意力图" and left(chinese) == []
    assert {
        name: text if isinstance(text, str) else text[-1] for name, text in chinese.query_params.items()
    } == view | {"lang": "zh"}
    now = widgets(chinese)
    assert now.pop("control-lang") == "zh" and now == {
        name: value for name, value in before.items() if name != "control-lang"
    }
    chinese.segmented_control(key="control-lang").set_value("en")
    with speaking(catalogue("zh")):  # the harness says what is chosen, as the browser does, in the words of the page
        again = checked(chinese.run())
    assert again.title[0].value == "Attention maps" and widgets(again) == before


def widgets(app: AppTest) -> dict[str, object]:
    kinds = ("selectbox", "select_slider", "toggle", "segmented_control", "number_input", "slider")
    return {widget.key: widget.value for kind in kinds for widget in app.get(kind) if widget.key}


@pytest.mark.parametrize(
    ("accepted", "title"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "总览"),
        ("zh-Hant-TW", "总览"),
        ("fr-FR,fr;q=0.9,en;q=0.8,zh;q=0.7", "Overview"),
        ("en;q=0.5,zh;q=0.6", "总览"),
        ("fr", "Overview"),
        ("*", "Overview"),
        ("zh;q=nonsense", "总览"),
    ],
)
def test_without_an_address_the_browser_says_it(accepted: str, title: str) -> None:
    wanted = language.wording.preferred(language.by_weight(accepted)) or "en"
    with speaking(catalogue(wanted)):
        assert _("Overview") == title


def test_an_address_of_no_language_is_told_and_english_is_spoken() -> None:
    app = open_page("app.py", lang="tlh")
    assert app.title[0].value == "Overview"
    assert any("tlh" in caption.value for caption in app.caption)
    assert set(LANGUAGES) == {"en", "zh"}


def test_what_is_taken_home_is_in_the_language_of_the_page() -> None:
    app = open_page("app.py", lang="zh", size="96")
    with speaking(catalogue("zh")):
        report = app.session_state["takeaway"].made("report").decode()
    assert '<html lang="zh-CN">' in report and "网络" in report
    assert not english_but_classes(report.split("<body", 1)[1])


@pytest.mark.long
def test_what_was_measured_is_there_after_a_change_of_language() -> None:
    app = open_page("pages/gradcam_comparison.py", size="96", block="layer3.0", look="faithful")
    measured = finished(app, "faithful-photo").dataframe[0].value
    app.segmented_control(key="control-lang").set_value("zh")
    chinese = checked(app.run())
    said = chinese.dataframe[0].value
    assert said.shape == measured.shape and list(said.columns) != list(measured.columns) and left(chinese) == []
    assert said.select_dtypes("number").to_numpy().tolist() == measured.select_dtypes("number").to_numpy().tolist()


def test_what_was_said_of_a_file_is_said_again_in_the_language_of_the_page() -> None:
    app = models_page.upload(
        models_page.open_models(size="96"), "nan.pth", saved(changed(layer1__0__bn1__bias=NAN)).getvalue()
    )
    transparent = encoded(Image.new("RGBA", (200, 200), (200, 0, 0, 100)), "PNG")
    for name, data in (("clear.png", transparent), ("notes.pdf", b"%PDF-1.7\n")):
        drop(app, "uploader", name, data)
    refused = len(app.error)
    assert refused and len(left(app)) > 100
    app.segmented_control(key="control-lang").set_value("zh")
    chinese = checked(app.run())
    with speaking(catalogue("zh")):
        assert any(
            _("Its transparent parts were filled with white.") in caption.value for caption in chinese.sidebar.caption
        )
    assert left(chinese) == [] and len(chinese.error) == refused
    assert all(re.search("[一-鿿]", error.value) for error in chinese.error)
