"""A link that shows what is not here, in a real browser and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import App
from tests.helpers.reading import _, in_both, pattern
from tests.helpers.uploads import PHOTO, digest

ASKED_FOR = "Upload that photo to see the same view; until then, a sample: {title}."


@in_both
def test_what_a_move_finds_missing_is_said(app: App) -> None:
    """The first to look for the other block is a fragment, which may not begin to write outside itself."""
    app.open("energy_histograms?other=layer9.9")
    app.settled("Energy histograms")
    app.page.get_by_test_id("stMain").get_by_text(_("another block"), exact=True).click()
    absent = pattern("The link asks for {entry} {text}, which does not exist here.", text="“layer9.9”")
    expect(app.page.get_by_text(absent)).to_be_visible(timeout=20_000)
    app.idle()


@pytest.mark.long
def test_on_a_phone_the_photo_is_asked_for_where_it_is_seen(app: App, tmp_path: Path) -> None:
    app.page.set_viewport_size({"width": 390, "height": 844})
    path = tmp_path / "mine.png"
    path.write_bytes(PHOTO)
    app.open(f"?photo=upload-{digest(PHOTO)}&lambda=1")
    app.settled("Overview")
    expect(app.page.get_by_text(pattern(ASKED_FOR))).to_be_in_viewport()
    place = app.page.get_by_test_id("stMain").get_by_test_id("stFileUploader")
    expect(place).to_be_in_viewport()
    place.locator("input[type=file]").set_input_files(path)
    expect(app.page.get_by_text(pattern(ASKED_FOR))).to_have_count(0, timeout=20_000)
    app.idle()
    assert app.parameters() == {"photo": f"upload-{digest(PHOTO)}", "lambda": "1"}
