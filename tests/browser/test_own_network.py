"""Networks of one's own in the app, from the command line: a detector whose box is chosen, and what is wrong with another."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from simam_viz.photos.samples import list_samples
from tests.helpers.browser import App, visiting
from tests.helpers.project import ROOT
from tests.helpers.reading import _
from tests.helpers.server import running

YOLO = ROOT / "tests" / "helpers" / "yolo_simam.py"


@pytest.fixture
def yolo(context: BrowserContext, tmp_path: Path) -> Iterator[App]:
    if importlib.util.find_spec("ultralytics") is None:  # to import it changes Pillow for all tests of this process
        pytest.skip("ultralytics is not installed")
    with running(tmp_path, "--", "--network", f"{YOLO}:make", "--input-size", "320") as address:
        yield from visiting(context, address, tmp_path)


def found_by_the_network() -> list[list[float]]:
    """Where its boxes lie, from a process of its own."""
    program = (
        "import json, sys, simam_viz; from simam_viz.networks.constructors import constructor; "
        "network = simam_viz.wrap(constructor(sys.argv[1])(), input_size=320, verbose=False); "
        "print(json.dumps([box.place for box in simam_viz.analyze(network, sys.argv[2]).boxes]))"
    )
    words = [sys.executable, "-c", program, f"{YOLO}:make", str(list_samples()[0].path)]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout
    return json.loads(told.splitlines()[-1])


def test_a_box_of_a_yolo_with_simam_is_chosen_and_explained(yolo: App) -> None:
    yolo.open("")
    yolo.settled("Overview")
    sidebar = yolo.page.get_by_test_id("stSidebar")
    best = _("Of each class, its best box is explained; click one on the Overview.")
    expect(sidebar.get_by_text(best)).to_be_visible()
    film = yolo.film()
    weights = yolo.live()
    assert weights.keys() == {"model.5", "model.8"}
    film.get_by_role("radio", name=_("Grad-CAM")).click()
    yolo.until(lambda: all((yolo.live()[name] != weights[name]).any() for name in weights), "Grad-CAM is not drawn")
    yolo.idle()
    before = yolo.pixels("boxes")
    place = yolo.page.locator(".st-key-cells-boxes [_echarts_instance_]")
    place.scroll_into_view_if_needed()
    left, top, right, bottom = found_by_the_network()[2]
    frame = place.bounding_box()
    assert frame is not None
    x, y = ((low + high) / 2 / 320 for low, high in ((left, right), (top, bottom)))
    yolo.page.mouse.click(frame["x"] + frame["width"] * x, frame["y"] + frame["height"] * y)
    expect(yolo.page).to_have_url(re.compile(r"[?&]box=\d+"))
    number = int(yolo.parameters()["box"])
    expect(sidebar.get_by_text(_("Box {number} of the photo is explained.", number=number + 1))).to_be_visible()
    yolo.until(lambda: (yolo.pixels("boxes") != before).any(), "the chosen box is not marked")
    yolo.go("Attention maps")
    yolo.settled("Attention maps")
    assert yolo.parameters()["box"] == str(number)
    main = yolo.page.get_by_test_id("stMain")
    expect(main.get_by_text(_("**What leaves the attention**: features × weights."))).to_be_visible()
    expect(main.get_by_text(_("Energy e*")).first).to_be_visible()
    yolo.go("Grad-CAM comparison")
    yolo.settled("Grad-CAM comparison")
    assert {"cam-on", "cam-uniform", "cam-off"} <= set(yolo.pictures())


@pytest.mark.long
def test_a_constructor_that_fails_is_said_and_the_app_stays_up(context: BrowserContext, tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text("def make():\n    raise RuntimeError('no such layer')\n")
    with running(tmp_path, "--", "--network", f"{code}:make") as address:
        for visitor in visiting(context, address, tmp_path):
            visitor.open("")
            visitor.settled("Overview")
            told = visitor.page.get_by_test_id("stSidebar").get_by_test_id("stAlert")
            expect(told).to_contain_text(_("The network of the command line cannot be opened."))
            expect(told).to_contain_text("no such layer")
