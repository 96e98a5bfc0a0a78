"""A visitor whose browser prefers Chinese: every page, and no English sentence on it but names and Streamlit's own words."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from simam_viz.app.pages import PAGES
from simam_viz.checkpoints.store import list_checkpoints
from simam_viz.photos.samples import list_samples
from simam_viz.wording import catalogue, speaking
from tests.helpers.browser import App
from tests.helpers.chinese import english

pytestmark = pytest.mark.parametrize("language", ["zh"], indirect=True)
STREAMLITS_OWN = (
    *(
        "per file",
        "file upload",
        "Download as PNG",
        "Download as CSV",
        "Copy to clipboard",
        "Link to heading",
        "warning icon",
    ),
    *(
        "Choose an option",
        "Selected values",
        "Clear selection",
        "Clear all",
        "Clear value",
        "Show dropdown",
        "Help for",
    ),
    *("Skip to main content", "Main menu", "Collapse sidebar", "Expand sidebar"),
)
"""What Streamlit says in English whatever the language of the page; our labels beside them say the same in Chinese."""
TOLD = """() => {
    const found = [], seen = node => {
        if (node.nodeType === Node.TEXT_NODE) {
            const text = node.textContent.trim(), at = node.parentElement;
            const shown = text && at?.closest && !at.closest("style, script, code, math, .katex, pre");
            if (shown && at.getClientRects().length) found.push(text);
            return;
        }
        for (const name of ["aria-label", "alt", "title", "placeholder"])
            if (node.getAttribute?.(name)) found.push(node.getAttribute(name));
        for (const child of [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes]) seen(child);
    };
    seen(document.body);
    return found;
}"""
CLIPPED = """() => [...document.querySelectorAll("button, label, h1, h2, h3, [data-testid=stMetricValue], th, figcaption, summary")]
    .filter(one => one.getClientRects().length && getComputedStyle(one).overflow !== "visible" && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.innerText.trim()).filter(Boolean)"""
AUTHORS = [sample.author for sample in list_samples()]
CLASSES = list_checkpoints()[0].card.categories or ()
NAMES = sorted({name for one in CLASSES for name in (one, *one.split(", ")) if " " in name}, key=len, reverse=True)


def left(app: App) -> list[str]:
    """English words in a row on the page."""
    found = []
    for text in app.page.evaluate(TOLD):
        for name in (*STREAMLITS_OWN, *AUTHORS, *NAMES):
            text = text.replace(name, "·")
        found += english(text)
    return found


def test_every_page_is_in_chinese_and_the_switch_loses_nothing(app: App) -> None:
    app.page.set_viewport_size({"width": 1280, "height": 720})
    app.open("?size=96&lambda=0.003&photo=coral-reef")
    app.settled("Overview")
    assert app.page.evaluate("document.documentElement.lang") == "zh-CN"
    for title, _icon in list(PAGES.values())[1:]:
        app.go(title)
        assert left(app) == [], title
    app.go("Overview")
    assert left(app) == [] and "lang" not in app.page.url
    app.page.get_by_text("English", exact=True).click()
    with speaking(catalogue("en")):
        app.settled("Overview")
    asked = {"size": ["96"], "lambda": ["0.003"], "photo": ["coral-reef"]}
    assert parse_qs(urlsplit(app.page.url).query) == asked | {"lang": ["en"]}
    assert app.page.title().startswith("Overview") and app.page.evaluate("document.documentElement.lang") == "en"
    app.page.get_by_text("简体中文", exact=True).click()
    app.settled("Overview")
    assert left(app) == [] and parse_qs(urlsplit(app.page.url).query) == asked | {"lang": ["zh"]}


@pytest.mark.long
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_no_chinese_text_is_clipped(app: App, width: int, height: int) -> None:
    app.page.set_viewport_size({"width": width, "height": height})
    for path, (title, _icon) in PAGES.items():
        app.open("" if path == "app.py" else Path(path).stem)
        app.settled(title)
        assert app.page.evaluate(CLIPPED) == [], title
        assert app.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), title
