"""A YOLO with SimAM by its yaml. ultralytics is of the test environment alone: its licence is another."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.project import ROOT

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="ultralytics is not installed")


def check(name: str, folder: Path) -> None:
    """In a process of its own, whose settings ultralytics keeps in ``folder``; it installs nothing by itself."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.helpers.yolo", name],
        cwd=ROOT,
        env=os.environ | {"YOLO_CONFIG_DIR": str(folder), "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def test_simam_in_a_yolo(tmp_path: Path) -> None:
    check("simam", tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo11n.yaml", "yolov8n-seg.yaml"])
def test_yolos_as_they_are(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)
