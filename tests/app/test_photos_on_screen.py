"""What the app says of a photo: what was done to it, and in words why it takes none of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from simam_viz.app import keeping
from tests.helpers.image_bombs import encoded, ftyp
from tests.helpers.pages import drop
from tests.helpers.project import ROOT


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    return drop(app, "uploader", name, data)


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


def test_an_uploader_holds_no_file_that_the_next_would_replace(app: AppTest) -> None:
    """A browser says twice that a file replaces another, and of two runs that begin at once the second may be lost."""
    kept = (encoded(Image.new("RGB", (90, 90), colour), "PNG") for colour in ("teal", "red"))
    for name, data in zip(
        ("first.png", "notes.txt", "second.png"), (next(kept), b"these are notes", next(kept)), strict=True
    ):
        (before,) = (uploader.key for uploader in app.sidebar.file_uploader)
        upload(app, name, data)
        assert len(app.error) == (name == "notes.txt")
        assert before not in {uploader.key for uploader in app.file_uploader}
        assert all(uploader.value is None for uploader in app.file_uploader)
    assert app.session_state["view"]["photo"] == keeping.name_of(encoded(Image.new("RGB", (90, 90), "red"), "PNG"))


def test_what_is_wrong_with_a_file_is_said_where_it_was_dropped(app: AppTest) -> None:
    for place, in_sidebar in (("door-photo", 0), ("uploader", 1)):
        drop(app, place, "notes.txt", b"these are notes")
        assert len(app.error) == 1 and len(app.sidebar.error) == in_sidebar
