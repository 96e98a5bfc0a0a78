"""Every page in a real browser: axe-core, the keyboard alone, 320 pixels, less motion, a phone's sidebar."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Literal, TypeVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from simam_viz.app.pages import PAGES
from simam_viz.wording import tag
from tests.helpers.reading import _

pytestmark = pytest.mark.usefixtures(
    "language"
)  # the names of controls, and how wide they are, are those of a language
T = TypeVar("T")
TITLES = [title for title, _icon in PAGES.values()]
VIEWS = {
    **{
        path.removeprefix("pages/").removesuffix(".py").replace("app", ""): title for path, (title, _i) in PAGES.items()
    },
    "attention_maps?level=network": "Attention maps",
    "attention_maps?level=block": "Attention maps",
}
SHORT_FORM = ("",)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

# Findings that lie in Streamlit's own parts, each with the reason why they are not ours to mend.
NOT_OURS = {
    # Boxes that scroll (formulas, tables, containers with a height) get no tabindex, nor can we give them one. Chromium (since
    # 130) and Firefox put such boxes into the tab order by themselves; ``test_a_box_that_scrolls…`` proves it.
    "scrollable-region-focusable",
}


def opened(page: Page, address: str, title: str) -> None:
    page.goto(address)
    settled(page, title)


def settled(page: Page, title: str) -> None:
    heading = page.get_by_test_id("stMain").get_by_role("heading", name=_(title), exact=True, level=1)
    expect(heading).to_be_visible(timeout=60_000)
    expect(page.locator("[data-test-script-state=notRunning]")).to_have_count(1, timeout=60_000)
    expect(page.locator("[data-stale=true]")).to_have_count(
        0, timeout=20_000
    )  # half transparent until it is drawn again


def serious(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    return [
        f"{finding['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for finding in found
        if finding["impact"] in ("serious", "critical") and finding["id"] not in NOT_OURS
        for node in finding["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate(
        """() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]
                 .map(box => box.scrollWidth - box.clientWidth))"""
    )


def until(answer: Callable[[], T], right: T, seconds: float = 20) -> T:
    """The answer, once it is right or after so many seconds."""
    end = time.monotonic() + seconds
    while (found := answer()) != right and time.monotonic() < end:
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("view", "title"),
    [pytest.param(*view, marks=[] if view[0] in SHORT_FORM else [pytest.mark.long]) for view in VIEWS.items()],
)
def test_axe_finds_nothing_serious_and_nothing_is_cut_at_320_pixels(
    view: str, title: str, scheme: Literal["light", "dark"], browser: Browser, server: str
) -> None:
    # Without fading: half-way through, nothing has the contrast that it will have.
    look = {"reduced_motion": "reduce", "color_scheme": scheme, "locale": tag()}
    page = browser.new_page(viewport={"width": 1400, "height": 900}, **look)
    opened(page, f"{server}/{view}", title)
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme") == scheme
    findings = until(lambda: serious(page), [])  # a page may still be taking on its colours
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    page.set_viewport_size({"width": 320, "height": 640})
    wide = until(lambda: max(0, overflow(page)), 0)
    page.close()
    assert (findings, wide) == ([], 0)


def tab_until(page: Page, condition: str, most: int = 60) -> None:
    """Press Tab until the focused element fulfils a condition in JavaScript."""
    for _press in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"(() => {{ const e = document.activeElement; return {condition}; }})()"):
            return
    raise AssertionError(f"the keyboard never reached {condition}")


@pytest.mark.long
def test_the_keyboard_alone_reaches_every_page_and_every_control(browser: Browser, server: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900}, reduced_motion="reduce", locale=tag())
    opened(page, server, TITLES[0])
    for title in [*TITLES[1:], TITLES[0]]:
        page.evaluate("document.activeElement.blur()")
        # From the link that was followed to one above it, the way leads through the whole page.
        tab_until(page, f"e.closest('[data-testid=stPageLink]')?.innerText.includes({_(title)!r})", 200)
        ring = page.evaluate("(s => s.outlineStyle + s.boxShadow)(getComputedStyle(document.activeElement))")
        assert ring != "nonenone", "where the keyboard is must be seen"
        page.keyboard.press("Enter")
        settled(page, title)
        # Whatever can be pressed, typed into or moved is in the tab order.
        # (A number's + and − are its arrow keys, a list's arrow is its field.)
        left_out = page.evaluate(
            """() => [...document.querySelectorAll('[data-testid=stMain] :is(button, input, [role=slider], a[href])')]
                .filter(e => e.checkVisibility() && e.tabIndex < 0 && !e.disabled)
                .filter(e => e.type !== 'file' && e.type !== 'radio' && e.getAttribute('role') !== 'radio')
                .filter(e => !e.closest('[data-testid=stNumberInput], [data-testid=stElementToolbar]'))
                .filter(e => e.getAttribute('aria-haspopup') !== 'listbox')
                // What was chosen of many is let go by Backspace in their field.
                .filter(e => !e.matches('[data-testid=stMultiSelect] [aria-label^="Remove "]'))
                // Of tiles one is in the order, and the arrow keys lead to the others.
                .filter(e => !(e.dataset.tile && e.closest('.tiles-grid').querySelector('[tabindex="0"]')))
                .map(e => e.outerHTML.slice(0, 200))"""
        )
        assert left_out == [], title
    # λ by the arrow keys.
    page.evaluate("document.activeElement.blur()")
    tab_until(page, "e.shadowRoot?.activeElement?.type === 'range'")
    page.keyboard.press("End")
    expect(page).to_have_url(lambda_is("10"), timeout=20_000)
    # Less motion: nothing on the page moves for longer than a blink.
    slowest = page.evaluate(
        """() => Math.max(...[...document.querySelectorAll('*')].map(e => getComputedStyle(e)).flatMap(
               style => [style.transitionDuration, style.animationDuration]).flatMap(s => s.split(',')).map(parseFloat))"""
    )
    assert slowest <= 0.001
    page.close()


def lambda_is(text: str) -> re.Pattern[str]:
    return re.compile(rf"lambda={re.escape(text)}(&|$)")


@pytest.mark.long
def test_a_box_that_scrolls_is_reached_and_scrolled_by_keyboard(browser: Browser, server: str) -> None:
    page = browser.new_page(viewport={"width": 200, "height": 900}, locale=tag())
    opened(page, f"{server}/energy_function?neuron=toy", "Energy function")
    # A formula that is wider than its box.
    box = "e.closest('.katex-display, [data-testid=stMarkdownContainer]')"
    tab_until(page, f"{box} !== null && {box}.scrollWidth > {box}.clientWidth + 20", 120)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(e => {box}.scrollLeft > 0)(document.activeElement)", timeout=10_000)
    page.close()


def unfolded(page: Page, control: Locator) -> Locator:
    """Open the sidebar by a tap; ``control`` lies in it."""
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(control).to_be_in_viewport()
    return control


def test_on_a_phone_the_sidebar_gets_out_of_the_way(browser: Browser, server: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale=tag())
    sidebar = page.get_by_test_id("stSidebar")
    opened(page, server, "Overview")
    for title in ("Energy histograms", "Overview"):
        unfolded(page, sidebar.get_by_role("link", name=_(title), exact=True)).click()
        settled(page, title)
        expect(sidebar.get_by_role("link", name=_(title), exact=True)).not_to_be_in_viewport()
    # But a control in it leaves it open.
    unfolded(page, sidebar.get_by_role("link", name=_("Energy histograms"), exact=True)).click()
    settled(page, "Energy histograms")
    unfolded(page, sidebar.get_by_role("link", name=_("Energy histograms"), exact=True))
    sidebar.get_by_role("slider").press("End")
    expect(page).to_have_url(lambda_is("10"), timeout=20_000)
    settled(page, "Energy histograms")
    assert sidebar.evaluate("e => e.getBoundingClientRect().right") > 0
    page.close()
