"""A visitor whose browser prefers Chinese: every page, and no English sentence on it but names and Streamlit's own words."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from simam_viz.app.pages import PAGES
from simam_viz.wording import catalogue, speaking
from tests.helpers.browser import App
from tests.helpers.chinese import left_of

pytestmark = pytest.mark.parametrize("language", ["zh"], indirect=True)
CLIPPED = """() => [...document.querySelectorAll("button, label, h1, h2, h3, [data-testid=stMetricValue], th, figcaption, summary")]
    .filter(one => one.getClientRects().length && getComputedStyle(one).overflow !== "visible" && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.innerText.trim()).filter(Boolean)"""


def test_every_page_is_in_chinese_and_the_switch_loses_nothing(app: App) -> None:
    app.page.set_viewport_size({"width": 1280, "height": 720})
    app.open("?size=96&lambda=0.003&photo=coral-reef")
    app.settled("Overview")
    assert app.page.evaluate("document.documentElement.lang") == "zh-CN"
    for title, _icon in list(PAGES.values())[1:]:
        app.go(title)
        assert left_of(app.told()) == [], title
    app.go("Overview")
    assert left_of(app.told()) == [] and "lang" not in app.page.url
    app.page.get_by_text("English", exact=True).click()
    with speaking(catalogue("en")):
        app.settled("Overview")
    asked = {"size": ["96"], "lambda": ["0.003"], "photo": ["coral-reef"]}
    assert parse_qs(urlsplit(app.page.url).query) == asked | {"lang": ["en"]}
    assert app.page.title().startswith("Overview") and app.page.evaluate("document.documentElement.lang") == "en"
    app.page.get_by_text("简体中文", exact=True).click()
    app.settled("Overview")
    app.until(lambda: left_of(app.told()) == [], "English is left")
    assert parse_qs(urlsplit(app.page.url).query) == asked | {"lang": ["zh"]}


@pytest.mark.long
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_no_chinese_text_is_clipped(app: App, width: int, height: int) -> None:
    app.page.set_viewport_size({"width": width, "height": height})
    for path, (title, _icon) in PAGES.items():
        app.open("" if path == "app.py" else Path(path).stem)
        app.settled(title)
        assert app.page.evaluate(CLIPPED) == [], title
        assert app.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), title
