"""A real Chromium and what a visitor does in it; nothing outside this folder needs Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.helpers.browser import App, visiting

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium. Without one, browser tests are skipped; with SIMAM_VIZ_REQUIRE_BROWSER set, that is an error."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium is installed (on Debian: apt-get install chromium)"
        if os.environ.get("SIMAM_VIZ_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    # What is expected comes at once on a quiet machine; on a busy one the browser itself may take many seconds to draw it.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield instance
        instance.close()


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser, which knows Streamlit's scripts from the tab before."""
    found = browser.new_context()
    yield found
    found.close()


@pytest.fixture
def app(context: BrowserContext, server: str, tmp_path: Path) -> Iterator[App]:
    yield from visiting(context, server, tmp_path)


@pytest.fixture
def fresh_app(context: BrowserContext, fresh_server: str, tmp_path: Path) -> Iterator[App]:
    """The same on a server that nobody has visited."""
    yield from visiting(context, fresh_server, tmp_path)
