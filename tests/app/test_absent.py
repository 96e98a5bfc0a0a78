"""What a link shows and is not here: said above the picture, on every page and on a phone, with the button that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from simam_viz import create_model
from simam_viz.app.pages import PAGES
from simam_viz.photos.samples import list_samples
from tests.helpers.authors_networks import saved
from tests.helpers.image_bombs import encoded
from tests.helpers.pages import checked, open_page
from tests.helpers.uploads import PHOTO, digest

pytestmark = pytest.mark.usefixtures("own_folder")
OTHER = encoded(Image.new("RGB", (90, 90), "red"), "PNG")


@pytest.fixture(scope="module")
def file() -> bytes:
    return saved(create_model("resnet18", "simam", num_classes=5).state_dict()).getvalue()


def body(app: AppTest) -> list[str]:
    """What is said on the page itself, and not in the sidebar."""
    return [info.value.replace("\\", "") for info in app.main.info]


def labels(app: AppTest) -> list[str]:
    return [uploader.proto.label for uploader in app.main.get("file_uploader")]


def upload(app: AppTest, label: str, name: str, data: bytes) -> AppTest:
    place = next(uploader for uploader in app.main.get("file_uploader") if uploader.proto.label == label)
    return checked(place.set_value((name, data, "application/octet-stream")).run())


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES)
def test_every_page_asks_for_it_above_all_else(path: str) -> None:
    app = open_page(path, photo="upload-0123456789abcdef", checkpoint="own-0123456789abcdef")
    assert any("shows an uploaded photo, which is not here" in sentence for sentence in body(app))
    assert any("shows an uploaded checkpoint, which is not here" in sentence for sentence in body(app))
    assert {"The photo of this link", "The checkpoint of this link"} <= set(labels(app))
    kinds = [element.type for element in app.main if element.type != "unknown"]
    shown = [
        kinds.index(kind) for kind in ("subheader", "header", "imgs", "markdown", "segmented_control") if kind in kinds
    ]
    assert kinds.index("title") < kinds.index("info") < min(shown), kinds


def test_what_has_a_name_is_asked_for_by_it() -> None:
    app = open_page("app.py", photo="my cat", checkpoint="mine")
    assert any("shows the photo “my cat”, which is not here" in sentence for sentence in body(app))
    assert any("shows the checkpoint “mine”, which is not here" in sentence for sentence in body(app))


@pytest.mark.parametrize(
    "view", [{"photo": "my cat"}, {"checkpoint": "mine"}, {"photo": "upload-0", "checkpoint": "own-0"}]
)
def test_it_is_asked_for_until_it_is_there_or_another_is_chosen(view: dict[str, str]) -> None:
    app = open_page("app.py", **view, **{"lambda": "0.5"})
    told = body(app)
    assert len(told) == len(view)
    checked(app.selectbox(key="control-size").select(128).run())
    checked(app.switch_page("pages/energy_histograms.py").run())
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    assert body(app) == told
    if "photo" in view:
        checked(app.selectbox(key="control-photo").select(list_samples()[1].name).run())
    if "checkpoint" in view:
        checked(app.selectbox(key="control-checkpoint").select("resnet18-tinyimagenet").run())
    assert body(app) == []


def test_the_photo_of_the_link_is_brought_and_another_does_not_pass_for_it() -> None:
    asked = f"upload-{digest(PHOTO)}"
    app = open_page("app.py", photo=asked, **{"lambda": "0.5"})
    upload(app, "The photo of this link", "other.png", OTHER)
    assert body(app) == [
        "other.png is not the file that the link was made with: another photo, or another copy of the same one."
    ]
    assert app.session_state["view"]["photo"] == f"upload-{digest(OTHER)}"
    app = open_page("app.py", photo=asked, **{"lambda": "0.5"})
    upload(app, "The photo of this link", "notes.png", b"no photo")
    assert "shows an uploaded photo" in body(app)[0] and any("notes" in error.value for error in app.main.error)
    upload(app, "The photo of this link", "right.png", PHOTO)
    assert body(app) == [] and app.session_state["view"] == {"photo": asked, "lambda": "0.5"}
    assert not app.main.error


def test_the_checkpoint_of_the_link_comes_with_what_the_link_says_of_it(file: bytes) -> None:
    asked = f"own-{digest(file)}"
    view = {"checkpoint": asked, "lambda": "0.5", "size": "128", "class": "class 3"}
    app = open_page("app.py", **view)
    assert any("asks for class “class 3”" in caption.value for caption in app.main.caption)
    upload(app, "The checkpoint of this link", "mine.pt", file)
    assert body(app) == [] and app.session_state["view"] == view
    assert app.selectbox(key="control-class").value == 3
    upload_another = open_page("app.py", **{**view, "checkpoint": "own-0123456789abcdef"})
    upload(upload_another, "The checkpoint of this link", "mine.pt", file)
    assert body(upload_another) == ["mine.pt is not the file that the link was made with."]
    by_name = open_page("app.py", **{**view, "checkpoint": "mine"})
    upload(by_name, "The checkpoint of this link", "mine.pt", file)
    assert body(by_name) == ["mine.pt stands for “mine” of the link: whether it is the same network cannot be told."]
    assert by_name.session_state["view"] == view


def test_a_damaged_checkpoint_is_told_of_where_its_pictures_would_be(tmp_path: Path) -> None:
    (tmp_path / "weights" / "broken.pt").write_bytes(b"PK nothing")
    app = open_page("app.py", checkpoint="broken")
    assert "“broken” cannot be used" in body(app)[0] and "damaged" in app.main.error[0].value
    checked(app.selectbox(key="control-size").select(128).run())
    assert "“broken” cannot be used" in body(app)[0]
