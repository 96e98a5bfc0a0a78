"""What tests of the app share: Streamlit's own test harness runs pages where the project lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simam_viz.app import zoo
from tests.helpers.project import ROOT


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of one's own weights."""
    (folder := tmp_path / "weights").mkdir()
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(folder))
    yield folder
    zoo._loader("").clear()  # one cache for all languages
