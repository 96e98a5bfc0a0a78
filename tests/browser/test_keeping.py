"""A person's own photo over a reload, and after *Forget my photo*, in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from simam_viz.app import keeping
from simam_viz.app.components import source
from simam_viz.checkpoints.loading import LoadedCheckpoint
from tests.helpers.browser import App
from tests.helpers.reading import _, in_english, pattern

ABSENT = "This link shows an uploaded photo, which is not here."
ASKED_FOR = "Upload that photo to see the same view; until then, a sample: {title}."

KEPT = "Object.keys(sessionStorage).filter(name => name.startsWith('simam-viz-photo-'))"


def chosen(page: Page, title: str) -> None:
    """The photo of this title is what the page shows, and no notice says otherwise."""
    expect(page.get_by_test_id("stAlert").filter(has_text=_(ABSENT))).to_have_count(0, timeout=60_000)
    alt = _("The uploaded photo {title}", title=title)
    expect(page.locator(f'.st-key-picture-photo img[alt="{alt}"]')).to_have_count(1, timeout=60_000)


def test_a_reload_keeps_the_photo_and_forgetting_forgets_it(app: App, tmp_path: Path, loaded: LoadedCheckpoint) -> None:
    path = tmp_path / "my-photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)).save(path)
    name = keeping.name_of(path.read_bytes())
    app.open("")
    app.settled("Overview")
    assert app.page.evaluate(KEPT) == [], "no sample is kept"
    app.page.get_by_test_id("stSidebar").get_by_test_id("stFileUploader").first.locator(
        "input[type=file]"
    ).set_input_files(path)
    chosen(app.page, "my-photo.png")
    app.until(lambda: app.page.evaluate(KEPT) == [f"simam-viz-photo-{name}"], "the tab does not keep the photo")
    app.idle()
    before = app.pixels("photo")

    app.page.goto(f"{app.address}/?photo={name}&square=20,10,100")
    chosen(app.page, "my-photo.png")
    app.idle()
    assert app.parameters() == {"photo": name, "square": "20,10,100"}
    app.page.reload()
    chosen(app.page, "my-photo.png")
    app.page.goto(f"{app.address}/?photo={name}")
    chosen(app.page, "my-photo.png")
    app.idle()
    assert (app.pixels("photo") == before).all(), "the very same photo"

    # Another tab of the same browser has none of it.
    with app.page.expect_popup() as popup:
        app.page.evaluate("address => window.open(address, '_blank', 'noopener')", f"{app.address}/?photo={name}")
    other = popup.value
    expect(other.get_by_test_id("stAlert").filter(has_text=_(ABSENT))).to_be_visible(timeout=60_000)
    assert other.evaluate(KEPT) == []
    other.close()

    app.page.get_by_role("button", name=_("Forget my photo")).click()
    app.until(lambda: app.page.evaluate(KEPT) == [], "the tab does not forget the photo")
    app.until(lambda: "photo" not in app.parameters(), "the address still asks for it")
    expect(app.page.get_by_role("button", name=_("Forget my photo"))).to_have_count(0)
    app.page.goto(f"{app.address}/?photo={name}")
    asked_for = app.page.get_by_test_id("stAlert").filter(has_text=pattern(ASKED_FOR))
    expect(asked_for).to_be_visible(timeout=60_000)


@pytest.mark.long
@in_english  # it says nothing
def test_what_a_tab_has_no_room_for(app: App) -> None:
    app.open("")
    app.settled("Overview")
    call = """async ([code, name, ...args]) => {
        const module = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
        return module[name](sessionStorage, ...args);
    }"""
    code, photo = source("keeper.js"), {"name": "a", "title": "A", "data": "x" * 3_000_000}
    assert app.page.evaluate(call, [code, "kept", photo]) is True
    assert app.page.evaluate(call, [code, "kept", photo | {"name": "b"}]) is True, "an older one makes room"
    assert app.page.evaluate(KEPT) == ["simam-viz-photo-b"]
    assert app.page.evaluate(call, [code, "kept", photo | {"name": "c", "data": "x" * 9_000_000}]) is False
    app.page.evaluate("sessionStorage.setItem('simam-viz-photo-d', 'broken'); sessionStorage.setItem('other', 'stays')")
    assert app.page.evaluate(call, [code, "recalled", "d"]) is None
    app.page.evaluate(call, [code, "forgotten"])
    assert app.page.evaluate(KEPT) == [] and app.page.evaluate("sessionStorage.getItem('other')") == "stays"
