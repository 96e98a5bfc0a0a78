"""What the app says of a photo: what was done to it, and in words why it takes none of another kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT
from tests.helpers.image_bombs import encoded
from tests.photos.test_photos import ftyp


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.chdir(ROOT)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    app.file_uploader(key="uploader").set_value((name, data, "")).run()
    assert not app.exception
    return app


def test_what_was_done_to_a_photo_stands_beside_it(app: AppTest) -> None:
    image = Image.new("RGBA", (20, 20), (200, 0, 0, 100))
    upload(app, "small.png", encoded(image, "PNG"))
    for place in (app.sidebar, app.main):
        told = " ".join(caption.value for caption in place.caption).replace("\\", "")
        assert "transparent parts were filled with white" in told
        assert "20 × 20 pixels only: it is enlarged to 160 × 160" in told
    # On the other pages the sidebar says it.
    app.switch_page("pages/attention_maps.py").run()
    assert any("filled with white" in caption.value for caption in app.sidebar.caption)
    # A sample has nothing to be said about.
    app.selectbox(key="control-photo").select_index(0).run()
    assert not any("filled with white" in caption.value or "pixels only" in caption.value for caption in app.caption)


def test_deep_data_is_said_to_be(app: AppTest) -> None:
    grey = Image.fromarray(np.linspace(0, 4000, 200 * 300).reshape(200, 300).astype(np.uint16))
    upload(app, "microscope.tif", encoded(grey, "TIFF"))
    assert any("12-bit" in caption.value.replace("\\", "") for caption in app.sidebar.caption)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("IMG_0001.HEIC", ftyp(b"heic", b"mif1"), "Most Compatible"),
        ("paper.pdf", b"%PDF-1.7\n", "a PDF document"),
        ("clip.mov", ftyp(b"qt  "), "a video"),
        ("notes.txt", b"these are notes", "not an image"),
        ("", b"these are notes", "not an image"),
    ],
)
def test_any_ending_is_taken_and_refused_in_words(
    app: AppTest, name: str, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simam_viz.photos.images._reads_heic", lambda: False)
    before = [text.value for text in app.markdown]
    upload(app, name, data)
    (error,) = app.error
    assert words in error.value.replace("\\", "")
    assert [text.value for text in app.markdown] == before, "what was on screen stays"


def test_a_photo_of_any_ending_is_taken(app: AppTest) -> None:
    for name in ("photo.jfif", "photo.JPE", "photo", "photo.avif"):
        upload(app, name, encoded(Image.new("RGB", (200, 200), "green"), "AVIF" if "avif" in name else "JPEG"))
        assert not app.error and app.session_state["view"]["photo"].startswith("upload-")


def test_the_browser_says_in_words_why_it_refuses_a_file(server: str, browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(server)
    uploader = page.get_by_test_id("stSidebar").get_by_test_id("stFileUploader").first
    expect(uploader).to_be_visible(timeout=60_000)
    assert not uploader.locator("input[type=file]").get_attribute("accept"), "no file is greyed out"
    refused = {
        "IMG_0001.HEIC": (ftyp(b"heic", b"mif1"), "HEIC"),
        "paper.pdf": (b"%PDF-1.7\n", "This is a PDF document"),
    }
    for name, (data, words) in refused.items():
        (tmp_path / name).write_bytes(data)
        uploader.locator("input[type=file]").set_input_files(tmp_path / name)
        alert = page.get_by_test_id("stSidebar").get_by_role("alert")
        expect(alert).to_contain_text(words, timeout=30_000)
        expect(alert).to_contain_text(name)
    # What is larger than the app takes never leaves the browser; it says so itself.
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(21 * 2**20)
    uploader.locator("input[type=file]").set_input_files(tmp_path / "large.jpg")
    said = uploader.get_by_role("alert")
    expect(said).to_contain_text("20.0MB or smaller", timeout=30_000)
    assert said.bounding_box()["height"] > 10, "it stands there to be read, and not under the mouse alone"
    (tmp_path / "small.jfif").write_bytes(encoded(Image.new("RGB", (20, 20), "green"), "JPEG"))
    uploader.locator("input[type=file]").set_input_files(tmp_path / "small.jfif")
    told = page.get_by_test_id("stSidebar").get_by_text("20 × 20 pixels only")
    expect(told).to_be_visible(timeout=30_000)
    page.screenshot(path=tmp_path / "screen.png", full_page=True)
    page.close()
