"""A reload keeps one's own photo: what is said to the tab, what is believed of it, and what *Forget my photo* leaves."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from simam_viz.app import choose_photo, keeping
from simam_viz.app.components import keeper
from tests.helpers.image_bombs import encoded
from tests.helpers.pages import checked, drop, open_page

NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8))
PHOTO = encoded(NOISE, "PNG")


def asked(app: AppTest) -> dict[str, Any]:
    (component,) = [one for one in app.get("bidi_component") if one.proto.component_name == "simam_viz.keeper"]
    data: dict[str, Any]
    [data] = json.loads(component.proto.json)
    return data


def uploaded() -> AppTest:
    return drop(open_page("app.py"), "uploader", "mine.png", PHOTO)


def test_an_upload_is_given_to_the_tab_and_no_sample_is() -> None:
    assert asked(open_page("app.py")) == {"keep": None, "ask": None, "forget": False}
    kept = asked(uploaded())["keep"]
    assert kept == {"name": keeping.name_of(PHOTO), "title": "mine.png", "data": base64.b64encode(PHOTO).decode()}


def test_the_tab_is_asked_for_the_photo_of_its_address() -> None:
    name = keeping.name_of(PHOTO)
    app = open_page("app.py", photo=name, square="5,6,40")
    assert asked(app)["ask"] == name and "Upload that photo" in app.info[0].value, "said until the tab has answered"
    assert asked(open_page("app.py", photo="nothing"))["ask"] is None


def test_what_is_too_large_for_a_tab_is_said_above_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_BYTES", len(PHOTO) - 1)
    app = uploaded()
    assert asked(app)["keep"] is None
    assert [one.value for one in app.info if "after a reload, upload it again" in one.value]
    checked(app.selectbox(key="control-photo").select_index(1).run())
    assert not [one.value for one in app.info if "after a reload" in one.value]


def test_forgotten_photos_are_nowhere() -> None:
    app = uploaded()
    assert app.session_state[choose_photo._UPLOADS] and "photo" in app.query_params
    checked(app.button(key="forget-photo").click().run())
    assert asked(app) == {"keep": None, "ask": None, "forget": True}
    assert "photo" not in app.query_params and not app.session_state[choose_photo._UPLOADS]
    assert not [button for button in app.button if button.key == "forget-photo"]
    left = app.session_state["analyses"]._results
    assert not any(str(key).startswith("upload-") for keys in left for key in keys)
    for name, thing in app.session_state["belongings"].items():
        if isinstance(thing, dict):
            assert "upload-" not in repr(list(thing)), name
    assert all(uploader.value is None for uploader in app.file_uploader)


@pytest.mark.parametrize(
    "said",
    [{}, {"recalled": 3}, {"recalled": {"name": "a", "title": "b"}}, {"recalled": {"name": "a", "title": "b", "data": "not base 64"}},
     {"kept": "x", "forgot": "yes", "missing": 3}, {"kept": {"name": 4, "fits": "no"}}],
)  # fmt: skip
def test_a_browser_may_say_anything(said: dict[str, Any]) -> None:
    assert keeper.read(said) == keeper.Said()


def test_what_a_browser_says_is_read() -> None:
    said = {"forgot": True, "kept": {"name": "a", "fits": True}, "missing": "b",
            "recalled": {"name": "c", "title": "t", "data": base64.b64encode(PHOTO).decode()}}  # fmt: skip
    assert keeper.read(said) == keeper.Said(True, "a", True, "b", keeper.File("c", "t", PHOTO))
