"""What tests of the app share: Streamlit's own test harness runs pages where the project lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simam_viz.app import zoo
from simam_viz.app.server.films import Studio
from tests.helpers.project import ROOT


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(autouse=True)
def no_films(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No film of λ is made behind a page: no browser is here that could show it, and the next test would wait for it."""
    if request.node.get_closest_marker("films") is None:
        monkeypatch.setattr(Studio, "ask", lambda *_: None)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of one's own weights."""
    (folder := tmp_path / "weights").mkdir()
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(folder))
    yield folder
    zoo._loader("").clear()  # one cache for all languages
