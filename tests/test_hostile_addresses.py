"""Whatever the address bar holds, every page opens on a sane default and says in a sentence what it left out."""

from __future__ import annotations

import contextlib
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from simam_viz.app import sidebar, state
from simam_viz.app.scene import PAGES
from simam_viz.app.screens.energy_function import steps as lesson_parts
from simam_viz.app.widgets import choose
from simam_viz.lesson.presets import SIDE

from .conftest import ROOT
from .damage import DRAWN

GARBAGE = {
    "long": "x" * 10_000,
    "control characters": "\x00\x1b[31m\u202e\n",
    "markup": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "Markdown": "![a](http://evil.example) :red[$x$]",
    "digits": "9" * 900,
    "nan": "nan",
    "minus": "-1",
    "huge": "1e99",
    "empty": "",
}


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def opened(path: str, parameters: dict[str, str | list[str]]) -> AppTest:
    app = AppTest.from_file(str(ROOT / path), default_timeout=120)
    for name, text in parameters.items():
        app.query_params[name] = text
    app.run()
    assert not app.exception, [error.message for error in app.exception]
    assert app.title[0].value == PAGES[path][0] and not app.error
    return app


def notices(app: AppTest) -> list[str]:
    return [caption.value for caption in app.caption if ":material/link_off:" in caption.value]


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("path", PAGES)
def test_every_parameter_with_garbage_at_once(path: str, kind: str) -> None:
    app = opened(path, dict.fromkeys(state.NAMES, GARBAGE[kind]))
    said = notices(app)
    # What the sidebar of every page reads.
    for name in ("photo", "checkpoint", "size", "lambda", "class"):
        assert any(f"asks for {name} “" in sentence and "does not exist here" in sentence for sentence in said), name
        assert name not in app.session_state["view"]
    for sentence in said:
        assert len(sentence) < 300 and sentence.count("\n") == 0
        assert not re.search(r"(?<!\\)<|!\[|\]\(|\x00|\x1b", sentence)
    assert app.select_slider(key="control-lambda").value == 0.1


def test_an_unknown_and_a_repeated_parameter_are_named() -> None:
    app = opened("app.py", {"colour": "red", "a*b": "1", "lambda": ["1", "0.5"]})
    said = " ".join(notices(app))
    assert "“colour”" in said and r"“a\*b”" in said and "lambda more than once" in said
    assert app.select_slider(key="control-lambda").value == 0.5
    app.run()
    assert app.session_state["view"] == {"lambda": "0.5"}


def test_a_good_link_says_nothing() -> None:
    assert notices(opened("app.py", {"lambda": "0.5", "size": "128"})) == []


def test_what_was_ignored_is_not_said_again_after_the_next_move() -> None:
    app = opened("app.py", {"lambda": "soft"})
    assert notices(app)
    app.select_slider(key="control-lambda").set_value(1.0).run()
    assert not notices(app)


NAMED = st.one_of(st.sampled_from(state.NAMES), st.text(max_size=20))
TEXTS = st.one_of(
    st.text(max_size=50), st.sampled_from(sorted(GARBAGE.values())), st.floats().map(str), st.integers().map(str)
)


@DRAWN
@given(st.dictionaries(NAMED, st.lists(TEXTS, max_size=3), max_size=8))
def test_what_is_left_of_an_address_is_short_and_printable(parameters: dict[str, list[str]]) -> None:
    view, sentences = state.sifted(parameters)
    for name, text in view.items():
        assert name in state.NAMES and text == parameters[name][-1] and text.isprintable() and len(text) <= 1000
    left_out = {name for name, texts in parameters.items() if texts} - set(view)
    assert bool(sentences) >= bool(left_out)
    assert all(sentence.isprintable() and len(sentence) < 400 for sentence in sentences)


@DRAWN
@given(st.text(max_size=100))
def test_plain_text_is_never_markdown(text: str) -> None:
    assert not re.search(r"(?<!\\)(\\\\)*[!-/:-@\[\]^-`{-~]", state.plain(text))
    assert state.plain(text).isprintable()


@DRAWN
@given(TEXTS)
def test_parsers_give_a_value_in_range_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 1e-6 <= sidebar.parse_lambda(text) <= 10
    with contextlib.suppress(ValueError):
        assert math.isfinite(choose.finite(text))
    with contextlib.suppress(ValueError):
        assert 0 <= choose.below(7)(text) < 7


@DRAWN
@given(st.one_of(TEXTS, st.lists(st.integers(-1, 10).map(str), max_size=4).map(",".join),
                 st.lists(st.floats(-6, 6).map(lambda value: f"1,2,{value}"), max_size=4).map(";".join)))  # fmt: skip
def test_parsers_of_the_lesson(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(0 <= index < SIDE for index in lesson_parts._parse_place(text))
    with contextlib.suppress(ValueError):
        for place, value in lesson_parts._parse_edits(text).items():
            assert all(0 <= index < SIDE for index in place) and -5 <= value <= 5
