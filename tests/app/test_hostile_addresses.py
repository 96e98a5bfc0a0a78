"""Whatever the address bar holds, every page opens on a sane default and says in a sentence what it left out."""

from __future__ import annotations

import itertools
import re

import pytest
from streamlit.testing.v1 import AppTest

from simam_viz.app import state
from simam_viz.app.pages import PAGES
from tests.helpers.damage import GARBAGE
from tests.helpers.project import ROOT


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


def controls(app: AppTest) -> set[str]:
    """The entries of the view that the page has a control for."""
    kinds = (app.selectbox, app.select_slider, app.slider, app.number_input, app.segmented_control, app.toggle)
    keys = [str(control.key) for kind in kinds for control in kind]
    return {key.removeprefix("control-") for key in keys if key.startswith("control-")}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_with_garbage_in_every_parameter(path: str) -> None:
    """What becomes of which text, the tests of :mod:`state` say; this one, that every page asks it."""
    kinds = itertools.islice(itertools.cycle(GARBAGE.values()), list(PAGES).index(path), None)
    garbage = dict(zip(state.NAMES, kinds, strict=False))
    app = opened(path, garbage)
    said, drawn = notices(app), controls(app)
    assert {"photo", "checkpoint", "size", "lambda", "class"} <= drawn
    for name in drawn:
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
