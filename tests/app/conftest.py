"""What tests of the app share: Streamlit's own test harness runs pages where the project lies."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from simam_viz.app import zoo
from simam_viz.app.server.films import Studio
from tests.helpers.project import ROOT


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """Streamlit's harness looks through everything that is installed for components, once a page: that takes longer than the page."""
    scan = manifest_scanner.scan_component_manifests
    manifest_scanner.scan_component_manifests = functools.cache(scan)
    yield
    manifest_scanner.scan_component_manifests = scan


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
