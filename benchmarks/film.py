"""λ under the finger: what a drag, its end, a new photo and many people cost, in a real Chromium and on the server.

A move is a step that is drawn during a drag; twenty moves are one drag of twenty steps, with one release at its end.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from simam_viz.photos.samples import list_samples

from .browser import FLAGS, chromium
from .measure import Budget, Row, durations, missing, peer
from .server import Server, running
from .sessions import Session

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GROUP = "film"
STEPS = 20
"""Of one drag."""
PEOPLE = 16
TODAY = 5.6
"""Moves a second that sixteen people got before there were films."""
READY = {128: 2.0, 160: 3.0}
"""Seconds from a photo to its film, by the side of the input."""

WATCH = """
globalThis.steps = []; let begun = 0, painted = 0;
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...a) {
  put.apply(this, a);
  if (begun && ++painted === 8) { steps.push(performance.now() - begun); begun = 0; }
};
addEventListener('input', (event) => { begun = event.timeStamp; painted = 0; }, true);
"""
REST = """() => { const before = location.search, start = performance.now();
  globalThis.rested = new Promise((done) => { const look = () =>
    location.search !== before && document.querySelector('[data-test-script-state=notRunning]')
      ? done((performance.now() - start) / 1000) : setTimeout(look, 4); look(); }); }"""
WHOLE = """(before) => { const roots = [...document.querySelectorAll('.st-key-film-map *')].map((one) => one.shadowRoot);
  const film = roots.map((root) => root?.querySelector('[data-testid=film]')).find(Boolean);
  return film?.dataset.ready === 'true' && film.dataset.film !== before; }"""


def rows(quick: bool) -> list[Row]:
    playwright, path = peer("playwright.sync_api"), chromium()
    found = []
    if playwright is None or path is None:
        found.append(
            missing(GROUP, "rows of the browser", "needs playwright and Chromium (on Debian: apt-get install chromium)")
        )
    else:
        with playwright.sync_playwright() as started, running() as server:
            browser = started.chromium.launch(executable_path=path, args=FLAGS)
            found += _in_a_browser(browser, server, drags=2 if quick else 10, photos=2 if quick else 8)
            browser.close()
    if peer("websockets") is None:
        return [*found, missing(GROUP, "rows of the server", "the package websockets is not installed")]
    with running() as server:
        found.append(asyncio.run(_many(server, releases=2 if quick else 10)))
    with running(warm=False) as server:
        found += asyncio.run(_processor(server))
    return found


def _in_a_browser(browser: Browser, server: Server, drags: int, photos: int) -> list[Row]:
    found = []
    with _visitor(browser) as (page, received):
        page.goto(server.address)
        _ready(page)
        megabytes = sum(received) / 1e6
        budget = Budget("≤", 0.9)
        found.append(
            Row(GROUP, "Overview: all that the server sends, film included", megabytes, "MB", budgets=(budget,))
        )
        steps, releases = [], []
        for drag in range(drags):
            released = _drag(page, leftwards=drag % 2 == 0)
            releases.append(released)
            steps += [ms / 1000 for ms in page.evaluate("steps.splice(0)")]
        found += [
            durations(
                GROUP, "λ dragged → all eight pictures changed", steps, Budget("≤", 0.0153), Budget("≤", 0.0306, "high")
            ),
            durations(
                GROUP, "λ let go → address and the whole page", releases, Budget("≤", 0.315), Budget("≤", 0.72, "high")
            ),
        ]
        for side, seconds in READY.items():
            page.goto(f"{server.address}/?size={side}")
            _ready(page)
            _until_idle(server)  # what is made beforehand for everybody is made once in a server's life
            times = [_new_photo(page, side * 100 + number) for number in range(photos)]
            found.append(
                durations(GROUP, f"a photo of one's own → its film, at {side} px", times, Budget("≤", 0.9 * seconds))
            )
    return found


@contextmanager
def _visitor(browser: Browser) -> Iterator[tuple[Page, list[int]]]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script(WATCH)
    page = context.new_page()
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    yield page, received
    context.close()


def _ready(page: Page) -> None:
    page.locator("[data-testid=film][data-ready=true]").wait_for(timeout=120_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=120_000)
    page.wait_for_timeout(1000)


def _drag(page: Page, leftwards: bool) -> float:
    """One drag of twenty steps; the seconds from its end until the page is at rest at the new λ."""
    box = page.locator("[data-testid=film] input[type=range]").bounding_box()
    assert box is not None
    start, end = (0.75, 0.25) if leftwards else (0.3, 0.8)
    row = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], row)
    page.mouse.down()
    for step in range(1, STEPS + 1):
        page.mouse.move(box["x"] + (start + (end - start) * step / STEPS) * box["width"], row)
        page.wait_for_timeout(50)
    page.evaluate(REST)
    page.mouse.up()
    seconds: float = page.evaluate("rested")
    page.wait_for_timeout(500)
    return seconds


def _new_photo(page: Page, seed: int) -> float:
    """Seconds from a photo that nobody has shown before until its film is whole."""
    film = page.locator("[data-testid=film]")
    before = film.get_attribute("data-film")
    start = time.perf_counter()
    file = {"name": f"{seed}.jpg", "mimeType": "image/jpeg", "buffer": own_photo(seed)}
    page.get_by_test_id("stSidebar").get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(file)
    # At every frame: a locator waits for up to half a second between two looks.
    page.wait_for_function(WHOLE, arg=before, timeout=120_000)
    seconds = time.perf_counter() - start
    page.wait_for_timeout(1500)
    return seconds


def own_photo(seed: int) -> bytes:
    """A photo like nobody else's: a sample, turned on a ground of its own, as JPEG."""
    samples = list_samples()
    turned = samples[seed % len(samples)].image().convert("RGB").rotate(seed % 360, fillcolor=(seed % 256, 90, 120))
    data = io.BytesIO()
    turned.resize((480, 360), Image.Resampling.BICUBIC).save(data, "JPEG", quality=90)
    return data.getvalue()


class Hand(Session):
    """A visitor without a browser who lets λ go as the browser's own slider does."""

    map = part = at = ""
    """``at``: the stop that the page shows."""
    stops: tuple[str, ...] = ()
    film = b""
    """What the browser would draw from, with that stop at least."""

    def _see(self, delta: object) -> None:
        element = delta.new_element
        if element.WhichOneof("type") == "bidi_component" and element.bidi_component.component_name == "simam_viz.map":
            told = element.bidi_component
            self.map, self.part = told.id, delta.fragment_id
            (data,) = json.loads(told.json or told.mixed.json)
            self.stops, self.at = tuple(stop["key"] for stop in data["stops"]), data["at"]
        elif element.WhichOneof("type") == "bidi_component" and element.bidi_component.bytes:
            self.film = element.bidi_component.bytes
        super()._see(delta)

    async def let_go(self, stop: str) -> float:
        """λ comes to rest at a stop; the seconds until the script has sent everything and ended."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash, state.fragment_id = self.page_hash, self.part
        widget = state.widget_states.widgets.add()
        widget.id = self.map
        widget.json_value = json.dumps({"moved": {"n": time.time_ns() // 1000, "at": stop}})
        return await self._run(message)


async def _many(server: Server, releases: int) -> Row:
    photos = [sample.name for sample in list_samples()]
    people = [await Hand.open(server, photos[index % len(photos)]) for index in range(PEOPLE)]
    _until_idle(server)

    async def one(person: Hand, first: int) -> None:
        for number in range(releases):
            await person.let_go(person.stops[(first * 7 + number * 5) % len(person.stops)])

    start = time.perf_counter()
    await asyncio.gather(*(one(person, index) for index, person in enumerate(people)))
    seconds = time.perf_counter() - start
    for person in people:
        await person.close()
    each_second = PEOPLE * releases * STEPS / seconds
    note = f"{STEPS} steps to a drag, {PEOPLE * releases} drags in {seconds:.1f} s"
    budget = Budget("≥", 3 * TODAY / 0.9)
    return Row(GROUP, f"{PEOPLE} people: moves of λ a second", each_second, "moves/s", budgets=(budget,), note=note)


async def _processor(server: Server) -> list[Row]:
    photos = [sample.name for sample in list_samples()]
    first = await Hand.open(server, photos[0])  # what the process does once is nobody's
    _until_idle(server)
    before = _spent(server)
    for text in first.options[:STEPS]:
        await first.move(text)
    one_by_one = _spent(server) - before
    found = []
    # The film of a sample is everybody's: who comes second takes that of who came first, whose film is made as one's own is.
    seen = ("a photo of one's own", {}), ("a sample that somebody has seen", {})
    with_cams = ("a photo of one's own, Grad-CAM looked at", {"pictures": "gradcam"})
    for whose, view in (*seen, with_cams):
        person = await Hand.open(server, photos[1], **view)
        opened = _spent(server)
        _until_idle(server)
        film = _spent(server) - opened
        before = _spent(server)
        await person.let_go(person.stops[5])
        release = _spent(server) - before
        await person.close()
        note = f"film {film:.2f} s and release {release:.2f} s : {one_by_one:.2f} s for {STEPS} moves, each answered by the server"
        name = f"processor time of {STEPS} moves, film included, {whose} : answered one by one"
        budgets = () if view else (Budget("≤", 0.3),)  # most look at attention, as the page first shows it
        found.append(Row(GROUP, name, (film + release) / one_by_one, "×", budgets=budgets, note=note))
    await first.close()
    return found


def _spent(server: Server) -> float:
    """Seconds of processor time that the server has taken so far (Linux)."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until_idle(server: Server, seconds: float = 60) -> None:
    """Wait until films are made: the server takes next to no processor time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = _spent(server)
        time.sleep(0.7)
        if _spent(server) - before < 0.05:
            return
