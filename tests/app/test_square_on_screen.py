"""The square on screen: from the address, by hand and in numbers; what follows from it, and what does not take it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz.app import squaring
from simam_viz.app.components.square import _said
from simam_viz.app.photo import Photo
from simam_viz.app.server.everybody import ANALYSES
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.photos.samples import list_samples
from simam_viz.photos.transforms import Transforms
from tests.helpers.image_bombs import encoded
from tests.helpers.pages import checked, drop, open_page, text

FIRST = next(sample for sample in list_samples() if sample.name == "espresso-cup")


def shown(app: AppTest) -> dict[str, Any]:
    """What Python says to the component."""
    (component,) = [one for one in app.get("bidi_component") if one.proto.component_name == "simam_viz.square"]
    data: dict[str, Any]
    [data] = json.loads(component.proto.json)
    return data


def answer(app: AppTest) -> str:
    return next(one.value for one in app.markdown if "The network says" in one.value)


def test_an_address_asks_for_a_square_and_everything_shows_it() -> None:
    app = open_page("app.py", photo=FIRST.name, square="180,40,300")
    assert shown(app)["square"] == [180, 40, 300]
    assert "a square of 300 × 300 of the photo's pixels from column 180 and row 40 on" in text(app)
    name, share = simam_viz.analyze(
        simam_viz.load_checkpoint(simam_viz.list_checkpoints()[0].name), FIRST.image(), square=(180, 40, 300)
    ).top(1)[0][1:]
    assert simam_viz.checkpoints.loading.short_name(name) in answer(app) and f"{share:.1%}" in answer(app)
    assert app.number_input(key="square-side").value == 300


def test_numbers_move_it_and_nothing_leads_out_of_the_photo() -> None:
    app = open_page("app.py", photo=FIRST.name)
    usual = shown(app)["square"]
    assert "square" not in app.query_params
    checked(app.number_input(key="square-left").set_value(5).run())
    assert app.query_params["square"] == f"5,0,{usual[2]}" and shown(app)["square"] == [5, 0, usual[2]]
    checked(app.button(key="square-whole").click().run())
    assert app.query_params["square"] == "whole" and "mean colour" in text(app)
    checked(app.button(key="square-usual").click().run())
    assert "square" not in app.query_params and shown(app)["square"] == usual


@pytest.mark.parametrize("square", ["1,2", "0,0,9999", "-5,0,100", "a", "0,0,0", "1e3,0,5"])
def test_a_square_that_the_photo_does_not_have_is_said(square: str) -> None:
    app = open_page("app.py", photo=FIRST.name, square=square)
    assert any("does not exist here" in caption.value and "square" in caption.value for caption in app.caption)
    assert shown(app)["square"] == shown(app)["usual"]


@pytest.mark.long
def test_another_photo_keeps_the_whole_and_lets_a_place_go() -> None:
    app = open_page("app.py", photo=FIRST.name, square="180,40,300")
    checked(app.selectbox(key="control-photo").select_index(2).run())
    assert "square" not in app.query_params
    checked(app.button(key="square-whole").click().run())
    checked(app.selectbox(key="control-photo").select_index(3).run())
    assert app.query_params["square"] == "whole"


def test_the_square_of_a_photo_that_is_not_here_is_kept_for_it() -> None:
    app = open_page("app.py", photo="upload-0123456789abcdef", square="1,2,30")
    assert shown(app)["square"] == shown(app)["usual"], "a sample stands in, and has no such square"
    assert app.query_params["square"] == "1,2,30" and not any("does not exist" in one.value for one in app.caption)


@pytest.mark.long
def test_squares_are_in_the_pixels_of_the_file() -> None:
    """The app keeps a smaller copy of a large photo; address, numbers and report speak of the file."""
    image = FIRST.image().resize((2400, 1600))
    app = drop(open_page("app.py"), "uploader", "a.png", encoded(image, "PNG"))
    assert (shown(app)["width"], shown(app)["height"]) == image.size
    checked(app.number_input(key="square-side").set_value(800).run())
    left, top, side = shown(app)["square"]
    assert side == 800 and app.query_params["square"] == f"{left:g},{top:g},800"
    report = app.session_state["takeaway"].made("report").decode()
    assert f"--square={left:g},{top:g},800" in report and "a square of 800 × 800 of the photo" in report
    # What is looked at is the same part of the copy: cut from the file, it looks alike.
    (seen,) = [one.view for one in app.session_state["analyses"]._results.values()][-1:]
    own = image.crop((left, top, left + 800, top + 800)).resize(seen.size)
    assert np.abs(np.asarray(seen).astype(int) - np.asarray(own)).mean() < 4


def test_every_page_sees_the_square() -> None:
    app = open_page("pages/attention_maps.py", photo=FIRST.name, square="whole")
    *_before, analysis = ANALYSES._kept._results.values()
    assert analysis.view == Transforms(160).view(FIRST.image(), square="whole")
    assert app.query_params["square"] == "whole"


def test_detectors_and_tensors_are_not_offered_one(loaded: LoadedCheckpoint) -> None:
    photo = Photo("a", "a", "", "a", FIRST.image(), "a")
    assert squaring.offered(photo, loaded)
    assert not squaring.offered(replace(photo, tensor=torch.zeros(1, 3, 8, 8)), loaded)
    assert not squaring.offered(photo, replace(loaded, transforms=Transforms(640, fit="letterbox")))


@pytest.mark.parametrize(
    "sent",
    [None, 3, {}, {"square": [1, 2, 3]}, {"square": [1, 2], "revision": 1}, {"square": "abc", "revision": 1},
     {"square": [1, 2, float("nan")], "revision": 1}, {"square": [1, 2, "3"], "revision": 1}, {"square": [1, 2, 3], "revision": "x"}],
)  # fmt: skip
def test_a_browser_may_send_anything(sent: object) -> None:
    assert _said(sent) is None
    assert _said({"square": [1, -2.5, 3], "revision": 4}) == (4, (1.0, -2.5, 3.0))
