"""One visitor's tab in a real Chromium: what it shows, down to the pixels, and what went wrong in it."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Position, Request, expect

from simam_viz.draw import render
from tests.helpers.reading import _

Pixels = NDArray[np.uint8]
"""(H, W, 3), as the browser got them."""

CHART = """(place) => {  // the instance that Streamlit's component keeps of a chart
    const fiber = Object.keys(place).find(name => name.startsWith('__reactFiber$'));
    for (let part = place[fiber]; part; part = part.return)
        for (let hook = part.memoizedState; hook && typeof hook === 'object'; hook = hook.next)
            if (hook.memoizedState?.current?.convertToPixel) return hook.memoizedState.current;
}"""

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
"""All that a page says: its texts and the names of its controls, in components, too."""


class App:
    """One visitor's browser tab, and what went wrong in it."""

    def __init__(self, page: Page, address: str, screenshot: Path) -> None:
        self.page, self.address, self.screenshot = page, address, screenshot
        self.problems: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        # Before it knows where the app lies, Streamlit's page looks for the server beside a deep link's own path. And a
        # browser may still ask for a picture that the server dropped when its page was left; whether the pictures that
        # should be there are there, ``pixels`` finds out for each.
        harmless = "/_stcore/" in text or "/media/" in text
        if message.type == "error" and not harmless:
            self.problems.append(text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, self.address.replace("http", "ws"), "data:", "blob:")):
            self.problems.append(f"asked the network for {request.url}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}/{path}")

    def go(self, title: str) -> None:
        """Go to the page that the code calls so."""
        self.page.get_by_test_id("stSidebar").get_by_role("link", name=_(title), exact=True).click()
        self.settled(title)

    def settled(self, title: str) -> None:
        """Wait until the page that the code calls so is there whole."""
        heading = self.page.get_by_test_id("stMain").get_by_role("heading", name=_(title), exact=True)
        expect(heading).to_be_visible(timeout=60_000)
        self.idle()

    def told(self) -> list[str]:
        """All that the page says, components and the names of controls included."""
        return self.page.evaluate(TOLD)

    def idle(self) -> None:
        expect(self.page.locator("[data-test-script-state=notRunning]")).to_have_count(1, timeout=60_000)
        assert self.page.get_by_test_id("stException").count() == 0

    def pixels(self, name: str) -> Pixels:
        """The picture called ``name`` as the browser received it."""
        image = self.page.locator(f".st-key-picture-{name.replace('.', '-')} img")
        assert image.get_attribute("alt")
        kind, _, data = image.get_attribute("src").partition(",")
        assert kind in ("data:image/png;base64", "data:image/jpeg;base64")
        return decoded(base64.b64decode(data))

    def pictures(self) -> dict[str, Pixels]:
        """All pictures on the page, by their names."""
        self.idle()
        places = self.page.locator("[class*=st-key-picture-]")
        keys = [re.search(r"st-key-picture-(\S+)", place.get_attribute("class"))[1] for place in places.all()]
        return {key: self.pixels(key) for key in keys}

    def changed(self, before: dict[str, Pixels]) -> set[str]:
        """Names of the pictures that are not what they were."""
        now = self.pictures()
        assert set(now) == set(before)
        return {name for name, picture in now.items() if not np.array_equal(picture, before[name])}

    def shows(self, name: str, expected: Image.Image) -> None:
        """Wait until the picture called ``name`` is ``expected``, but for rounding between two runs of the network."""

        def shown() -> bool:
            image = self.page.locator(f".st-key-picture-{name.replace('.', '-')} img")
            sent_as_jpeg = image.get_attribute("src").startswith("data:image/jpeg")
            return alike(self.pixels(name), decoded(render.jpeg(expected)) if sent_as_jpeg else expected)

        self.until(shown, f"{name} is not the picture that analyze's arrays give")

    def until(self, condition: Callable[[], bool], message: str) -> None:
        end = time.monotonic() + 30
        trouble: object = ""
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except Exception as error:  # the picture is being replaced
                trouble = error
            self.page.wait_for_timeout(100)
        self.page.screenshot(path=self.screenshot)
        pytest.fail(f"{message}; see {self.screenshot}. {trouble}")

    def choose(self, label: str, option: str | re.Pattern[str], *, exact: bool = False, typed: str = "") -> None:
        """Choose from a menu, or from what is left of it when something was ``typed``: a long one shows only a part.

        A page that is still being drawn closes a menu that has just been opened: open it again.
        """
        menu = self.page.get_by_test_id("stMain").get_by_role("combobox", name=label)
        wanted = self.page.get_by_role("option", name=option, exact=exact)

        def chosen() -> bool:
            if not wanted.count():
                menu.click(timeout=10_000)
                if typed:
                    menu.fill(typed)
            wanted.click(timeout=4_000)
            return True

        self.until(chosen, f"The menu {label} offers no {option}")

    def chart(self, key: str) -> Locator:
        """The chart of this key, in view."""
        place = self.page.locator(f".st-key-{key} [_echarts_instance_]")
        place.scroll_into_view_if_needed()
        return place

    def asked(self, place: Locator, question: str) -> Any:
        """What ECharts' own ``chart`` in this place answers to an expression in JavaScript, once it has come to rest."""
        resting = "chart?.getZr().animation.isFinished()"
        answer = f"place => {{ const chart = ({CHART})(place); return {resting} ? [{question}] : null; }}"
        said: list[Any] = []

        def said_it() -> bool:
            said[:] = place.evaluate(answer) or []
            return bool(said)

        self.until(said_it, "the chart does not come to rest")
        return said[0]

    def cell(self, key: str, row: int, column: int) -> tuple[Locator, Position]:
        """A clickable map, and where in it a cell lies, as ECharts itself says."""
        place = self.chart(key)
        x, y = self.asked(place, f"chart.convertToPixel({{xAxisIndex: 0, yAxisIndex: 0}}, [{column}, {row}])")
        return place, {"x": x, "y": y}

    def charts(self) -> list[str]:
        """Everything that the charts of the page draw, as JSON."""
        self.idle()
        places = self.page.get_by_test_id("stMain").locator("[_echarts_instance_]").all()
        return [self.asked(place, "JSON.stringify(chart.getOption())") for place in places]

    def redrawn(self, before: list[str], first: int) -> list[str]:
        """The charts of the page, once the first so many are not what they were."""
        self.until(
            lambda: all(one != other for one, other in zip(self.charts()[:first], before[:first], strict=True)),
            "a chart stays as it was",
        )
        return self.charts()

    def parameters(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def move_lambda(self, key: str) -> None:
        """Press a key on the slider of λ: on the page where the browser draws one there, else in the sidebar."""
        if self.page.locator(".st-key-film-row, .st-key-film").count():
            expect(self.page.locator("html[data-film=here]")).to_have_count(1, timeout=20_000)
        self.slider.press(key)

    def rest(self) -> None:
        """Wait until a move that the browser says after a pause has been said and answered."""
        for _time in range(2):
            self.idle()
            self.page.wait_for_timeout(600)
        self.idle()

    @property
    def slider(self) -> Locator:
        """The slider of λ that is seen."""
        labels = (_("λ, from 1e-6 to 10"), _("Each block's own λ, times"))
        named = ", ".join(f'[aria-label="{label}"]' for label in labels)
        return self.page.locator(f"input[type=range]:visible:is({named})")

    def film(self) -> Locator:
        """The network as the browser draws it, once its film is whole."""
        film = self.page.locator("[data-testid=film][data-ready=true]")
        expect(film).to_be_visible(timeout=60_000)
        return film

    def live(self) -> dict[str, Pixels]:
        """The pictures that the browser draws itself, by their block, at the λ that is asked for."""
        data = "canvas => canvas.toDataURL('image/png').split(',')[1]"
        places = self.page.locator("[data-testid=film] canvas[data-block]").all()
        return {place.get_attribute("data-block"): decoded(base64.b64decode(place.evaluate(data))) for place in places}

    def draws(self, expected: dict[str, Image.Image]) -> None:
        """Wait until the browser draws these pictures, but for the 8 bits of their maps."""

        def drawn() -> bool:
            found = self.live()
            return found.keys() == expected.keys() and all(alike(found[name], expected[name]) for name in expected)

        self.until(drawn, "the browser does not draw what analyze's arrays give")


def decoded(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def alike(first: Pixels | Image.Image, second: Pixels | Image.Image) -> bool:
    a, b = (np.asarray(x.convert("RGB")) if isinstance(x, Image.Image) else x for x in (first, second))
    if a.shape != b.shape:
        return False
    difference = np.abs(a.astype(int) - b.astype(int)).max(axis=2)
    return bool(difference.mean() < 0.5 and (difference > 8).mean() < 0.002)


def visiting(browser: Browser | BrowserContext, address: str, folder: Path) -> Iterator[App]:
    page = browser.new_page()
    # The browser of the tests before: a sidebar that was shut on a phone would be shut here, too.
    page.add_init_script("if (!window.name) { window.name = 'a new visitor'; try { localStorage.clear(); } catch {} }")
    page.set_viewport_size({"width": 1400, "height": 1000})
    visitor = App(page, address, folder / "failure.png")
    yield visitor
    page.close()
    assert visitor.problems == []
