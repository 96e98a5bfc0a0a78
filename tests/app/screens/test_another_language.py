"""Every screen in a language that marks what it says: what is not marked was not said through ``_``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import streamlit as st

from simam_viz.app.pages import PAGES
from tests.helpers.made_up_language import outside, spoken_everywhere
from tests.helpers.pages import finished, open_page


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # As the default: every run of a page is a thread of its own.
    spoken_everywhere(monkeypatch)
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.mark.parametrize(
    "page", [page if at % 2 == 0 else pytest.param(page, marks=pytest.mark.long) for at, page in enumerate(PAGES)]
)
def test_every_heading_is_said(page: str) -> None:
    app = open_page(page, size="96", neuron="photo")  # the lesson's derivation stands open, too
    headings = [element.value for element in (*app.header, *app.subheader)]
    numbers = [metric.label for metric in app.metric if not metric.label.startswith(("μ", "σ", "z ="))]
    starts = [button.label for button in app.button if button.key.endswith("-start")]
    assert headings + numbers + starts
    assert [text for text in headings + numbers + starts if "⟦" not in text] == []


def test_the_drawing_of_a_network_is_said() -> None:
    app = open_page("pages/models.py", size="96")
    drawn = next(html.proto.body for html in app.get("html") if "network-map" in html.proto.body)
    heads = re.findall(r"<strong>(.*?)</strong>", drawn)
    assert len(heads) == 10 and not [head for head in heads if outside(head)]
    assert 'aria-label="⟦' in drawn and "⟦one of {count} classes⟧" not in drawn and "classes⟧" in drawn


@pytest.mark.long
def test_what_was_measured_is_found_again_whatever_it_is_called() -> None:
    app = open_page("pages/gradcam_comparison.py", size="96", block="layer3.0", look="faithful")
    table = finished(app, "faithful-photo").dataframe[0].value
    assert list(table["⟦map⟧"])[1:3] == ["⟦Random map⟧", "⟦Centre blob⟧"]
    assert table["⟦insertion⟧"].notna().any()
    told = next(element.value for element in app.markdown if "random map is the" in element.value)
    assert "not measured" not in told.split("\n")[1]


def test_every_word_of_the_lesson_is_said() -> None:
    app = open_page("pages/energy_function.py", size="96", scene="channel")
    given = [json.loads(part.proto.json)[0] for part in app.get("bidi_component") if part.proto.json]
    stage = next(data for data in given if "scenes" in data)
    told = [
        text for scene in stage["scenes"] for text in (scene["title"], scene["words"], scene["label"], scene["aside"])
    ]
    told += [text for exercise in stage["exercises"] for text in (exercise["task"], *exercise["verdicts"].values())]
    told += [text for words in stage["words"].values() for text in ([words] if isinstance(words, str) else words)]
    told += [preset["title"] for preset in stage["presets"].values()]
    told += [next(data["photo"] for data in given if "photo" in data)["note"]]
    assert len(told) > 80 and not [text for text in told if text and outside(text)]
