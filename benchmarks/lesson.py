"""The lesson in a real Chromium: how long until its opening picture stands, and until a drag is drawn.

A drag is measured inside the page by its own clock: from the pointer's move, as the browser gives it to the page, to the end of the
frame in which curve, formula and numbers have changed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .browser import FLAGS, chromium
from .measure import Budget, Row, durations, missing, peer
from .server import running

if TYPE_CHECKING:
    from playwright.sync_api import Page

GROUP = "lesson"
SCENES = {
    "line": "Left end of the line",
    "best-line": "A line, as a point of the bowl",
    "lambda": "λ",
    "one-pass": "Value of the target",
    "weight": "Value of the target",
    "channel": "The channel:",
}
"""What is dragged in each, by the beginning of its name."""

# The first moment at which the stage holds a picture, seen once a frame.
OPENING = """
window.opened = null;
const look = () => {
  const stages = [...document.querySelectorAll('.stBidiComponent, [data-testid=stBidiComponentRegular], [class*=Bidi] *')];
  const drawn = stages.some(node => node.shadowRoot?.querySelector('.picture svg, .picture canvas'));
  if (drawn) window.opened = performance.now(); else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""

# From a pointer's move, when the page is given it, to the end of the frame that shows what follows from it. What the scene shows is
# compared between moves, outside of what is timed.
WATCH = """
window.taken = [];
window.changed = 0;
const find = root => root.querySelector('.lesson') ?? [...root.querySelectorAll('*')].map(
  node => node.shadowRoot && find(node.shadowRoot)).find(Boolean);
window.shown = () => { const body = find(document);
  return body.querySelector('.formula').textContent + body.querySelector('.picture').innerHTML; };
let last = shown();
addEventListener('pointermove', () => {
  if (!window.dragging) return;
  const begun = performance.now();
  requestAnimationFrame(() => {
    const over = new MessageChannel();
    over.port1.onmessage = () => {
      taken.push((performance.now() - begun) / 1000);
      const now = shown();
      changed += now !== last;
      last = now;
    };
    over.port2.postMessage(0);
  });
}, true);
"""


def rows(quick: bool) -> list[Row]:
    playwright, path = peer("playwright.sync_api"), chromium()
    if playwright is None or path is None:
        return [missing(GROUP, "every row", "needs playwright and Chromium (on Debian: apt-get install chromium)")]
    visits, moves = (2, 20) if quick else (12, 120)
    with playwright.sync_playwright() as started, running() as server:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(OPENING)
        openings: list[float] = []
        for visit in range(visits + 1):
            page.goto(f"{server.address}/energy_function")
            page.wait_for_function("window.opened !== null", timeout=120_000)
            if visit:  # the server's own first page is another group's
                openings.append(page.evaluate("window.opened / 1000"))
        found = [durations(GROUP, "address entered → opening picture", openings, Budget("≤", 2))]
        found += [_drag(page, server.address, scene, name, moves) for scene, name in SCENES.items()]
        browser.close()
    return found


def _drag(page: Page, address: str, scene: str, name: str, moves: int) -> Row:
    page.goto(f"{address}/energy_function?scene={scene}")
    page.locator(".lesson .picture svg").first.wait_for(timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    handle = page.locator(".lesson .picture [role=slider]").and_(page.locator(f"[aria-label^='{name}']")).first
    box = handle.bounding_box()
    if box is None:
        return missing(GROUP, f"drag in the scene {scene} → drawn", "there is nothing to drag")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(WATCH)
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("window.dragging = true")
    for move in range(moves):
        before = page.evaluate("taken.length")
        page.mouse.move(x + 40 * math.sin(move), y + 40 * math.cos(move))
        page.wait_for_function("before => taken.length > before", arg=before)
    page.evaluate("window.dragging = false")
    page.mouse.up()
    seconds, changed = page.evaluate("[taken, changed]")
    note = f"{changed} of {len(seconds)} moves changed what is shown"
    return durations(GROUP, f"drag in the scene {scene} → drawn", seconds, Budget("≤", 0.017), note=note)
