"""What a person waits for, in a real Chromium: a move of λ, the first page of a fresh app, a change of page.

"Updated" is the last change of a picture's address, of any text of the page, or of a chart after the key press; the
page is settled once nothing has changed for a while and Streamlit's script has ended. Changes are noted inside the page by a
MutationObserver and the browser's own clock, so that looking costs nothing. A chart is a canvas: Streamlit hands it new
values within a task of their arrival, and what it draws shows no sign in the document; its ``drawImage`` and ``fillRect`` calls
are noted instead, and the ``putImageData`` of the map on the Overview.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simam_viz.app.pages import PAGES
from tools.served import ROOT

from .measure import Budget, Row, durations, missing, peer
from .server import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET_MS = 600
SILENT = 3
"""Moves without a change after which λ counts as having no effect on a page."""
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip

WATCH = """
window.bench = {pressed: 0, last: 0, changes: 0};
for (const kind of ['keydown', 'pointerdown'])
  addEventListener(kind, () => { bench.pressed = performance.now(); bench.last = 0; bench.changes = 0; }, true);
const note = () => { bench.last = performance.now(); bench.changes += 1; };
const start = () => new MutationObserver(found => {
  for (const m of found) {
    const at = m.target.nodeType === 1 ? m.target : m.target.parentElement;
    const place = at && at.closest('[data-testid=stMain]');
    if (!place) continue;
    if (m.type === 'attributes' ? at.tagName === 'IMG' : true) { note(); break; }
  }
}).observe(document.documentElement, {subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['src']});
if (document.documentElement) start(); else addEventListener('DOMContentLoaded', start);
for (const name of ['drawImage', 'fillRect', 'fill', 'fillText', 'stroke', 'putImageData']) {
  const draw = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...a) {
    if (this.canvas.isConnected) note();
    return draw.apply(this, a);
  };
}
"""
SETTLED = """quiet => document.querySelector('[data-test-script-state=notRunning]')
  && (bench.last || performance.now() - bench.pressed > 15000) && performance.now() - Math.max(bench.last, bench.pressed) > quiet"""


def rows(quick: bool) -> list[Row]:
    playwright, path = peer("playwright.sync_api"), chromium()
    if playwright is None or path is None:
        return [missing("browser", "every row", "needs playwright and Chromium (on Debian: apt-get install chromium)")]
    moves, starts = (5, 1) if quick else (30, 3)
    found = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        colds = [_cold_start(browser) for _ in range(starts)]
        found.append(durations("browser", "streamlit run → first analysed sample", colds, Budget("≤", 7.2)))
        with running() as server, _visitor(browser) as page:
            page.goto(server.address)
            _ready(page, "Overview")
            changes: list[float] = []
            for index, (title, _) in enumerate(PAGES.values()):
                if index:
                    changes.append(_change_page(page, title))
                found.append(_lambda_moves(page, title, moves))
            found += _clicks(page, server.address, moves)
            found.append(
                durations("browser", "change of page → everything on it", changes, note="each page for the first time")
            )
        browser.close()
    return [*found, *_imports()]


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def _visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.add_init_script(WATCH)
    yield context.new_page()
    context.close()


def _ready(page: Page, title: str) -> None:
    """The page stands: heading, script at rest, nothing changed for a while."""
    heading = page.get_by_test_id("stMain").get_by_role("heading", name=title, exact=True)
    heading.wait_for(timeout=120_000)
    page.wait_for_function(SETTLED, arg=QUIET_MS, timeout=120_000)


def _cold_start(browser: Browser) -> float:
    """Seconds from ``streamlit run`` to the last change of the first page, opened as soon as the server answers."""
    with running() as server, _visitor(browser) as page:
        page.goto(server.address)
        opened = time.perf_counter() - page.evaluate("performance.now()") / 1000
        page.locator("[data-testid=film] canvas[data-block]").first.wait_for(timeout=120_000)
        _ready(page, "Overview")
        return opened + page.evaluate("bench.last") / 1000 - server.started


def _change_page(page: Page, title: str) -> float:
    link = page.get_by_test_id("stSidebar").get_by_role("link", name=title, exact=True)
    link.wait_for()
    link.evaluate("link => { bench.pressed = performance.now(); bench.last = 0; link.click(); }")
    _ready(page, title)
    return page.evaluate("(bench.last - bench.pressed) / 1000")


def _lambda_moves(page: Page, title: str, moves: int) -> Row:
    """λ moved by a key, stop by stop down from the trained one."""
    name = f"λ moved → last change on {title}"
    slider = page.locator("input[type=range][aria-label^='λ, from']:visible")
    if not slider.count():
        return missing("browser", name, "this page has no λ slider")
    seconds, silent = [], 0
    for move in range(moves):
        if silent == move == SILENT:
            return missing("browser", name, f"λ changes nothing on it: {SILENT} moves, each watched for 15 s")
        # A value that this page has not shown yet. Thirty stops lie below the trained λ = 0.1.
        slider.press("ArrowLeft")
        page.wait_for_function(SETTLED, arg=QUIET_MS, timeout=60_000)
        if page.evaluate("bench.last > bench.pressed"):
            seconds.append(page.evaluate("(bench.last - bench.pressed) / 1000"))
        else:
            silent += 1
    back = page.get_by_role("button", name="Back to the trained λ")
    back.evaluate("button => { bench.pressed = performance.now(); bench.last = 0; button.click(); }")
    page.wait_for_function(SETTLED, arg=QUIET_MS, timeout=60_000)
    note = f"{silent} of {moves} moves changed nothing" if silent else ""
    return durations("browser", name, seconds, Budget("≤", 0.5), Budget("≤", 1.0, "high"), note=note)


NUMBERS = """() => [...document.querySelectorAll('[data-testid=stMain] :is(h3, [data-testid=stMetricValue])')]
  .map(place => place.textContent).join('|')"""
"""The channel and all numbers of the neuron, as they stand on the page Attention maps."""


def _clicks(page: Page, address: str, clicks: int) -> list[Row]:
    """Clicks on tiles and on neurons of Attention maps: until the numbers are those of what was clicked, and until all is drawn."""
    page.goto(f"{address}/attention_maps?block=layer2.1")
    _ready(page, "Attention maps")
    found = []
    for what, count, place in (
        ("a tile", 128, lambda index: page.locator(f'.st-key-channels-mosaic [data-ready] button[data-tile="{index}"]')),
        ("a neuron", 400, lambda _index: page.locator("[class*=st-key-pick-] [_echarts_instance_]")),
    ):  # fmt: skip
        numbers, last = [], []
        for click in range(clicks):
            target = place((5 + 7 * click) % count)
            target.scroll_into_view_if_needed()
            page.wait_for_timeout(QUIET_MS)
            page.evaluate(
                "() => { const now = " + NUMBERS + "; const old = now(); bench.numbers = 0;"
                "  const look = () => { if (now() !== old) bench.numbers = performance.now(); else requestAnimationFrame(look); };"
                "  look(); }"
            )
            box = target.bounding_box()
            assert box is not None
            # Of a chart, another neuron each time: well within its axes.
            share = (
                (0.5, 0.5)
                if what == "a tile"
                else (0.2 + 0.6 * (click * 7 % 16) / 16, 0.15 + 0.5 * (click * 5 % 11) / 11)
            )
            page.mouse.click(box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"])
            page.wait_for_function(SETTLED, arg=QUIET_MS, timeout=60_000)
            times = page.evaluate("[(bench.numbers - bench.pressed) / 1000, (bench.last - bench.pressed) / 1000]")
            if times[0] > 0:  # else it was the neuron that was chosen before
                numbers.append(times[0])
                last.append(times[1])
        found.append(durations("browser", f"{what} clicked → its numbers", numbers, Budget("≤", 0.5)))
        found.append(durations("browser", f"{what} clicked → last change on Attention maps", last))
    return found


def _imports() -> list[Row]:
    """What the first page imports: seconds in a fresh interpreter, and the dearest packages in the note."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import streamlit, simam_viz.app.scene, simam_viz.draw.charts"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    costs: dict[str, int] = {}
    total = 0
    for line in result.stderr.splitlines():
        if not line.startswith("import time:"):
            continue  # a warning of what is imported
        own, _, name = (part.strip() for part in line.removeprefix("import time:").split("|"))
        if own.isdigit():
            total += int(own)
            package = name.split(".")[0]
            costs[package] = costs.get(package, 0) + int(own)
    dearest = sorted(costs.items(), key=lambda item: -item[1])[:8]
    note = "of it " + ", ".join(f"{name} {cost / 1e6:.2f}" for name, cost in dearest)
    return [Row("browser", "imports of the first page, with -X importtime", total / 1e6, "s", note=note)]
