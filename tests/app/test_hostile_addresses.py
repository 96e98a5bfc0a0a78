"""Whatever the address bar holds, every page opens on a sane default and says in a sentence what it left out."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from simam_viz.app import state
from simam_viz.app.scene import PAGES
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
