"""Takes the screenshots of README and docs from the running app: ``python -m docs.screenshots``.

Needs Playwright (``requirements-dev.txt``) and a Chromium. They go to ``assets/screenshots``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tools.served import ROOT, served

FOLDER = ROOT / "assets" / "screenshots"


@dataclass(frozen=True)
class Shot:
    """One screenshot: which page of the app, under which heading, on a screen of which size."""

    address: str
    heading: str
    width: int
    height: int
    dark: bool = False


SHOTS = {
    "overview": Shot("?photo=chelsea-the-cat", "Overview", 1440, 900),
    "overview-dark": Shot("?photo=chelsea-the-cat", "Overview", 1280, 720, dark=True),
    "overview-phone": Shot("?photo=chelsea-the-cat", "Overview", 390, 844),
    "lesson": Shot("energy_function?photo=chelsea-the-cat&scene=line", "Energy function", 1280, 720),
    "comparison": Shot("gradcam_comparison?photo=chelsea-the-cat&block=layer3.1", "Grad-CAM comparison", 1440, 1000),
}


@contextmanager
def serving() -> Iterator[str]:
    """The address of an app of its own."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "log") as app:
        yield app.address


@contextmanager
def browsing() -> Iterator[Browser]:
    """A Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        sys.exit("No Chromium is installed (on Debian: apt-get install chromium).")
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser: Browser, address: str, shot: Shot) -> Page:
    """A page of the app, once all of it is there."""
    page = browser.new_page(
        viewport={"width": shot.width, "height": shot.height}, color_scheme="dark" if shot.dark else "light"
    )
    page.goto(f"{address}/{shot.address}")
    expect(page.get_by_test_id("stMain").get_by_role("heading", name=shot.heading, exact=True)).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_have_count(1)
    if shot.heading == "Overview":
        expect(page.locator("[data-testid=film][data-ready=true]")).to_be_visible()
    page.wait_for_timeout(3000)  # what fades in has done so
    return page


def main() -> None:
    """Take all of them."""
    with serving() as address, browsing() as browser:
        for name, shot in SHOTS.items():
            page = opened(browser, address, shot)
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()
            print(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
