"""What is taken home and what stands side by side, as a real browser lays it out."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from simam_viz.checkpoints.loading import class_said
from simam_viz.photos.samples import list_samples
from tests.helpers.browser import App
from tests.helpers.reading import _

SAVE_BUTTON = """(button => {
    const box = button.getBoundingRect().clone();
    box.applyTransform(button.transform);
    return {x: box.x + box.width / 2, y: box.y + box.height / 2};
})(chart.getZr().storage.getDisplayList(true).find(shape => shape.__title === {title}))"""
"""Where ECharts draws it, in pixels from the chart's corner."""


def test_a_chart_saves_one_file_named_after_what_it_holds(app: App) -> None:
    app.open("energy_histograms?block=layer2.1")
    app.settled("Energy histograms")
    chart = app.page.locator(".st-key-histogram-attention-weight")
    chart.scroll_into_view_if_needed()
    chart.hover()
    expect(chart.get_by_role("button", name="Fullscreen")).to_be_visible()

    def shown() -> list[str]:
        boxes = ((button, button.bounding_box() or {"width": 0}) for button in chart.get_by_role("button").all())
        return [button.get_attribute("aria-label").split(":")[0] for button, box in boxes if box["width"] > 2]

    app.until(lambda: shown() == ["Fullscreen"], "Streamlit's own button for a picture stands there, too")

    def reached_by_keys() -> bool:
        chart.get_by_role("button", name="Download as PNG").focus()
        app.page.keyboard.press("Shift+Tab")
        app.page.keyboard.press("Tab")
        return chart.get_by_role("button", name="Download as PNG").bounding_box()["width"] > 10

    app.until(reached_by_keys, "by the keyboard, the browser's own is there")
    place = app.chart("histogram-attention-weight")
    corner = app.asked(place, SAVE_BUTTON.replace("{title}", repr(_("Save as PNG"))))
    with app.page.expect_download(timeout=20_000) as waiting:
        place.click(position={"x": corner["x"], "y": corner["y"]})
    assert waiting.value.suggested_filename == f"simam-{list_samples()[0].name}-layer2.1-attention-weight-histogram.png"


@pytest.mark.long
@pytest.mark.parametrize(
    "view", ["gradcam_comparison", pytest.param("gradcam_comparison?look=ablation", marks=pytest.mark.long)]
)
def test_no_column_of_a_report_is_cut_off(app: App, view: str, tmp_path: Path) -> None:
    app.open(f"{view}&size=96" if "?" in view else f"{view}?size=96")
    app.settled("Grad-CAM comparison")
    app.page.get_by_role("button", name=_("Take it home")).click()
    with app.page.expect_download(timeout=60_000) as waiting:
        app.page.get_by_role("button", name=_("Report (HTML)")).click()
    waiting.value.save_as(tmp_path / "report.html")
    page = app.page.context.browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    tables = page.evaluate("[...document.querySelectorAll('.wide')].map(e => e.scrollWidth - e.clientWidth)")
    assert len(tables) >= 4 and max(tables) <= 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.close()


def tops(places: Locator) -> list[int]:
    return [round(place.bounding_box()["y"]) for place in places.all()]


@pytest.mark.long
def test_what_is_compared_stands_side_by_side(app: App) -> None:
    app.page.set_viewport_size({"width": 1280, "height": 720})
    app.open("gradcam_comparison")
    app.settled("Grad-CAM comparison")
    cards = app.page.locator("[class*=st-key-picture-cam-]")
    expect(cards).to_have_count(5)

    def in_one_row() -> bool:  # not before the page has come to rest
        return len(set(tops(cards))) == 1

    app.until(in_one_row, "the cards do not stand in one row")
    app.open("gradcam_comparison?look=blocks")
    app.settled("Grad-CAM comparison")
    for column in ("on", "twin", "se", "cbam", "eca"):
        blocks = app.page.locator(f"[class*=st-key-picture-strip-{column}-]")
        expect(blocks).to_have_count(8)
        assert len(set(tops(blocks))) == 1
    # A phone has room for a strip below another, and pages through the cards.
    app.page.set_viewport_size({"width": 390, "height": 844})
    strip = app.page.locator("[class*=st-key-picture-strip-on-]")

    def two_rows() -> bool:
        rows = tops(strip)
        return [rows.count(top) for top in sorted(set(rows))] == [4, 4]

    app.until(two_rows, "the strip does not break into two rows")
    app.open("gradcam_comparison")
    app.settled("Grad-CAM comparison")
    app.until(in_one_row, "the cards cannot be paged through")
    assert min(card.bounding_box()["width"] for card in cards.all()) > 250
    expect(cards.nth(4)).not_to_be_in_viewport()
    cards.nth(4).scroll_into_view_if_needed()
    expect(cards.nth(4)).to_be_in_viewport()


@pytest.mark.long
def test_a_menu_finds_what_was_typed_and_nothing_else(app: App) -> None:
    app.open("")
    app.settled("Overview")
    menu = app.page.get_by_test_id("stSidebar").get_by_role("combobox", name=_("Target class"))
    menu.click()
    menu.fill("spoon")
    expect(app.page.get_by_role("option")).to_have_text([class_said("wooden spoon", whole=True)])
