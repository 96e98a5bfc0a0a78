"""When something is missing, damaged, too large or stopped: one sentence, nothing half done, and the app goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from simam_viz.app.pages import PAGES
from simam_viz.checkpoints import store
from tests.helpers.pages import drop
from tests.helpers.project import ROOT

WEIGHTS = ROOT / "assets" / "weights"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Weights that a test may spoil."""
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    monkeypatch.setattr(store, "BUNDLED_FOLDER", folder)
    st.cache_resource.clear()
    return folder


def missing(folder: Path) -> None:
    shutil.rmtree(folder)


def cut_short(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100_000])


def empty(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        path.write_bytes(b"")


def no_card(folder: Path) -> None:
    for path in folder.glob("*.json"):
        path.write_text("{not json")


@pytest.mark.parametrize("spoil", [missing, cut_short, empty, no_card], ids=lambda spoil: spoil.__name__)
def test_weights_missing_or_damaged_at_the_start(spoil: Callable[[Path], None], folder: Path) -> None:
    spoil(folder)
    for path in ("app.py", "pages/lambda_sweep.py"):
        app = AppTest.from_file(str(ROOT / path), default_timeout=120).run()
        assert not app.exception and app.title[0].value == PAGES[path][0]
        assert app.error[0].value.startswith("The network cannot be loaded. ")
        assert "\n" not in app.error[0].value and len(app.error) == 1
    # Mended, the same session goes on.
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(WEIGHTS, folder)
    st.cache_resource.clear()
    app.run()
    assert not app.exception and not app.error


def test_a_file_too_large_changes_nothing_on_screen() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    before = [text.value for text in app.markdown]
    drop(app, "uploader", "huge.png", bytes(20 * 2**20 + 1), "image/png")
    assert not app.exception and "larger than 20 MB" in app.error[0].value
    assert [text.value for text in app.markdown] == before


def test_a_sweep_stopped_in_the_middle_keeps_what_it_has_and_goes_on() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["size"] = "96"
    app.run().switch_page("pages/lambda_sweep.py").run().button(key="sweep-start").click().run()
    app.button(key="sweep-stop").click().run()
    assert not app.exception and any("Stopped after" in caption.value for caption in app.caption)
    task = app.session_state["task-sweep"]
    done = len(task.results)
    assert 0 < done < task.total and not task.running
    app.button(key="sweep-start").click().run()
    assert len(task.results) > done, "it goes on where it was"
    # Another page in the middle of it.
    app.switch_page("app.py").run()
    assert not app.exception and any("The network says" in text.value for text in app.markdown)
