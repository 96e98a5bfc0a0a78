"""A real Chromium and what a visitor does in it; nothing outside this folder needs Playwright."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from simam_viz.wording import ENGLISH, LANGUAGES, catalogue, speaking, tag
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


@pytest.fixture(params=[code if code == ENGLISH else pytest.param(code, marks=pytest.mark.long) for code in LANGUAGES])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    """What a visitor reads: every journey is made in English, and in others by the long form (some by the short one, too)."""
    with speaking(catalogue(request.param)):
        yield request.param


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Callable[[str], BrowserContext]:
    """For each language, one person's browser, which prefers it and knows Streamlit's scripts from the tab before."""
    return functools.cache(lambda locale: browser.new_context(locale=locale))


@pytest.fixture
def context(contexts: Callable[[str], BrowserContext], language: str) -> BrowserContext:
    return contexts(tag())  # what the language is called by a browser


@pytest.fixture
def app(context: BrowserContext, server: str, tmp_path: Path) -> Iterator[App]:
    yield from visiting(context, server, tmp_path)


@pytest.fixture
def fresh_app(context: BrowserContext, fresh_server: str, tmp_path: Path) -> Iterator[App]:
    """The same on a server that nobody has visited."""
    yield from visiting(context, fresh_server, tmp_path)
