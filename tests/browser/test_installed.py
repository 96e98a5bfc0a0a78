"""The app of an installed wheel, from a folder that knows no clone."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers.browser import visiting
from tests.helpers.installed import install_wheel


@pytest.mark.long
def test_the_app_runs_from_the_wheel_and_says_what_did_not_come_along(browser: Browser, tmp_path: Path) -> None:
    installed = install_wheel(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [installed.programs / "simam-viz", "app", "--port", str(port)]
    log = (tmp_path / "log").open("w+b")
    process = subprocess.Popen(command, cwd=installed.folder, env=installed.environment(), stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        for visitor in visiting(browser, address, tmp_path):
            visitor.open("?photo=chelsea-the-cat&size=128")
            visitor.settled("Overview")
            visitor.film()
            visitor.go("Grad-CAM comparison")
            said = "Not here: se_resnet18-tinyimagenet, cbam_resnet18-tinyimagenet, eca_resnet18-tinyimagenet"
            expect(visitor.page.get_by_text(said)).to_be_visible()
            visitor.go("Models")
            expect(visitor.page.get_by_text(said)).to_be_visible()
            expect(visitor.page.get_by_text("data/simam_viz/weights")).to_be_visible()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)
    log.seek(0)
    assert "Traceback" not in log.read().decode()
