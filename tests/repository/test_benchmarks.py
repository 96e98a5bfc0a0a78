"""The benchmarks run and say what they measured; how fast anything is, no test says."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import measure, scale_people
from benchmarks.measure import Budget, Row, durations, missing, ratio
from benchmarks.server import Server
from tests.helpers.project import ROOT


@pytest.mark.long
def test_a_quick_run_writes_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "benchmarks.json"
    arguments = ["--quick", "--only", "rendering", "--json", str(path)]
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["quick"] is True and written["machine"]["cores"] >= 1
    names = [row["name"] for row in written["rows"]]
    assert any("grid of 512 maps" in name for name in names) and any("matplotlib subplots" in name for name in names)
    for row in written["rows"]:
        assert (
            row["group"] == "rendering" and row["low"] <= row["median"] <= row["high"] and row["name"] in result.stdout
        )
        assert (row["met"] is None) == (not row["budgets"])


def test_a_row_holds_its_figure_against_its_budget() -> None:
    times = {"ours": [1.0, 2.0, 3.0], "peer": [2.0, 2.0, 2.0]}
    assert ratio("g", "n", times, "ours", "peer", Budget("≤", 1.0)).met is True
    assert ratio("g", "n", times, "peer", "ours", Budget("≥", 1.5)).met is False
    late = [0.1] * 18 + [2.0] * 2
    assert durations("g", "n", late, Budget("≤", 0.5)).met is True
    assert durations("g", "n", late, Budget("≤", 0.5), Budget("≤", 1.0, "high")).met is False
    unmeasured = missing("g", "n", "not installed")
    assert unmeasured.met is None and "not installed" in command.line(unmeasured)
    assert Row("g", "n", 1.0, "s").met is None


@pytest.mark.parametrize("group", command.GROUPS)
def test_every_group_can_be_asked_for(group: str) -> None:
    assert callable(__import__(f"benchmarks.{group}", fromlist=["rows"]).rows)


def test_peers_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import analysis, networks

    monkeypatch.setattr(analysis, "peer", lambda module: None)
    rows = analysis.against_all("bundled", networks.bundled(), 64, 1)
    assert [row.median is None for row in rows] == [False] + [True] * 6 + [False] * 2
    assert all("not installed" in row.note for row in rows[1:-2])


def test_a_round_on_a_slowed_machine_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the round said; and only as long as there is patience."""
    yardstick = iter([1.0, 1.0, 1.0] * 2 + [5.0, 5.0, 5.0] + [1.0, 1.0, 1.0] * 50)
    pace = measure.Pace(patience=1e9)
    monkeypatch.setattr(measure, "PACE", pace)
    monkeypatch.setattr(pace, "_seconds", lambda: next(yardstick))
    calls = []
    times = measure.interleaved({"a": lambda: calls.append("a"), "b": lambda: time.sleep(1e-4)}, 4, 1e-9)
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 4, "b": 4}
    assert len(calls) == 2 + 4 and pace.waited >= 0.2, "slow when the second round was to begin: it waited"

    yardstick = iter([1.0, 1.0, 1.0] + [5.0, 5.0, 5.0] + [1.0, 1.0, 1.0] * 50)
    calls.clear()
    measure.interleaved({"a": lambda: calls.append("a")}, 4, 1e-9)
    assert len(calls) == 2 + 5, "slow when the first round ended: it is taken again"

    monkeypatch.setattr(pace, "patience", 0.0)
    monkeypatch.setattr(pace, "_seconds", lambda: pytest.fail("nobody waits, so nobody asks"))
    measure.interleaved({"a": lambda: None}, 1)


def test_whoever_plays_the_people_understands_what_pages_send(server: str) -> None:
    """Each answer is checked against what ``analyze`` gives."""
    row = asyncio.run(scale_people._throughput(Server(server, 0, 0.0), 1, shared=False, releases=1))
    assert row.median > 0 and "2 answers" in row.note
