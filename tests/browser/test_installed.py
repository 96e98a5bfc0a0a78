"""The app of an installed wheel, from a folder that knows no clone."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from simam_viz.wording import enumeration
from tests.helpers.browser import visiting
from tests.helpers.installed import install_wheel
from tests.helpers.reading import _
from tools.served import served

NOT_HERE = (
    "Not here: {names}, trained alike. They come with the project's repository: put their files, each with its card, into the "
    "weights folder."
)


@pytest.mark.long
def test_the_app_runs_from_the_wheel_and_says_what_did_not_come_along(context: BrowserContext, tmp_path: Path) -> None:
    installed = install_wheel(tmp_path)

    def command(port: int) -> list[str | Path]:
        return [installed.programs / "simam-viz", "app", "--port", str(port)]

    log = tmp_path / "log"
    with served(log, command, installed.folder, installed.environment()) as app:
        for visitor in visiting(context, app.address, tmp_path):
            visitor.open("?photo=chelsea-the-cat&size=128")
            visitor.settled("Overview")
            visitor.film()
            visitor.go("Grad-CAM comparison")
            siblings = (f"{kind}_resnet18-tinyimagenet" for kind in ("se", "cbam", "eca"))
            said = _(NOT_HERE, names=enumeration(siblings))
            expect(visitor.page.get_by_text(said)).to_be_visible()
            visitor.go("Models")
            expect(visitor.page.get_by_text(said)).to_be_visible()
            expect(visitor.page.get_by_text("data/simam_viz/weights")).to_be_visible()
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(20) == 0
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")
