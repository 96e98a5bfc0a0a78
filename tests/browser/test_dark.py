"""Dark as well as light: as the system has it, and by choice in the menu at the corner."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, expect

from simam_viz.draw import charts
from simam_viz.draw.charts.specification import BAR_COLOUR, contrast
from tests.helpers.browser import CHART

SCHEME = "getComputedStyle(document.querySelector('.stApp')).colorScheme"
BARS = f"place => ({CHART})(place).getOption().series[0].itemStyle.color"
SAVED_ON = f"place => ({CHART})(place).getOption().toolbox[0].feature.saveAsImage.backgroundColor"


def drawn_for(chart: Locator, background: str) -> str:
    """The colour of the chart's bars, once it is drawn, and saved, on this background."""
    chart.page.wait_for_function(
        f"([place, background]) => ({SAVED_ON})(place) === background", arg=[chart.element_handle(), background]
    )
    return str(chart.evaluate(BARS))


def test_a_dark_system_gets_a_dark_app_and_either_can_be_chosen(browser: Browser, server: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark", reduced_motion="reduce")
    page.goto(f"{server}/energy_histograms")
    chart = page.locator("[class*=st-key-histogram] [_echarts_instance_]").first
    expect(chart).to_be_visible(timeout=60_000)
    assert page.evaluate(SCHEME) == "dark"
    assert contrast(drawn_for(chart, charts.SCREEN), charts.SCREEN) >= 3
    page.get_by_test_id("stMainMenu").click()
    page.get_by_test_id("stMainMenuPopover").get_by_text(re.compile("Light$")).first.click()
    page.keyboard.press("Escape")
    page.wait_for_function(f"{SCHEME} === 'light'")
    # Nothing is touched: what Python coloured is drawn anew by itself.
    assert drawn_for(chart, charts.PAPER) == BAR_COLOUR
    page.close()
