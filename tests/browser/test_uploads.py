"""What the browser itself says of a file, before and after the app has looked at it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from simam_viz.wording import tag
from tests.helpers.image_bombs import encoded, ftyp
from tests.helpers.reading import _, pattern

PDF = "This is a PDF document, which is not read here; save the picture in it as JPEG or PNG and choose that."
SMALL = "The photo's centre square has {side} × {side} pixels only: it is enlarged to {size} × {size} for the network."


@pytest.mark.long
@pytest.mark.usefixtures("language")
def test_the_browser_says_in_words_why_it_refuses_a_file(server: str, browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale=tag())
    page.goto(server)
    uploader = page.get_by_test_id("stSidebar").get_by_test_id("stFileUploader").first
    expect(uploader).to_be_visible(timeout=60_000)
    assert not uploader.locator("input[type=file]").get_attribute("accept"), "no file is greyed out"
    refused = {
        "IMG_0001.HEIC": (ftyp(b"heic", b"mif1"), "HEIC"),
        "paper.pdf": (b"%PDF-1.7\n", _(PDF)),
    }
    for name, (data, words) in refused.items():
        (tmp_path / name).write_bytes(data)
        uploader.locator("input[type=file]").set_input_files(tmp_path / name)
        alert = page.get_by_test_id("stSidebar").get_by_role("alert")
        expect(alert).to_contain_text(words, timeout=30_000)
        expect(alert).to_contain_text(name)
    # What is larger than the app takes never leaves the browser; Streamlit's part says so itself, in English.
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(21 * 2**20)
    uploader.locator("input[type=file]").set_input_files(tmp_path / "large.jpg")
    said = uploader.get_by_role("alert")
    expect(said).to_contain_text("20.0MB or smaller", timeout=30_000)
    assert said.bounding_box()["height"] > 10, "it stands there to be read, and not under the mouse alone"
    (tmp_path / "small.jfif").write_bytes(encoded(Image.new("RGB", (20, 20), "green"), "JPEG"))
    uploader.locator("input[type=file]").set_input_files(tmp_path / "small.jfif")
    told = page.get_by_test_id("stSidebar").get_by_text(pattern(SMALL, side=20))
    expect(told).to_be_visible(timeout=30_000)
    page.screenshot(path=tmp_path / "screen.png", full_page=True)
    page.close()
