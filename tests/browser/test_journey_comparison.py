"""A journey through the Grad-CAM comparison in a real Chromium: from two heat maps to a figure on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, expect

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint, class_said
from simam_viz.draw import render
from simam_viz.explain import cam
from simam_viz.explain.metrics import least_in_words
from simam_viz.photos.samples import list_samples
from tests.helpers.browser import App, visiting
from tests.helpers.reading import _, pattern, read
from tests.helpers.server import running
from tests.helpers.twins import TWIN, folder_with_twin, put_default

BETTER = (
    "How much better than a random map is the {method} of {explained}? Measured as insertion − deletion, over the probability of "
    "the class on the whole photo, so that networks can be compared where they know the class at all:"
)
CORRELATE = "The two maps correlate by {correlation:.2f} (1: the same places, 0: unrelated, below 0: opposite)."


def show(app: App, part: str) -> None:
    app.page.get_by_test_id("stMain").get_by_role("radio", name=_(part), exact=True).click()


@pytest.mark.long
def test_from_two_heat_maps_to_a_figure(app: App, loaded: LoadedCheckpoint) -> None:
    sample = list_samples()[1]
    app.open(f"gradcam_comparison?photo={sample.name}&size=96&block=layer3.0&columns=uniform,off,twin")
    app.settled("Grad-CAM comparison")
    app.choose(_("Method"), "LayerCAM", exact=True, typed="LayerCAM")
    app.choose(_("Contrast with"), class_said("jellyfish"), exact=True, typed="jellyfish")
    against = loaded.categories.index("jellyfish")
    target = simam_viz.analyze(loaded, sample.image(), input_size=96).target
    analyses = simam_viz.compare(loaded, sample.image(), None, target, 96, against)
    maps = {name: analysis.block("layer3.0").heat_map("LayerCAM").values for name, analysis in analyses.items()}
    view = analyses["on"].view
    for name, values in maps.items():
        app.shows(f"cam-{name}", render.overlay(view, values, render.CAM_SCALE, 480))
    off = _("Switched off")
    app.choose(_("Second"), off, exact=True, typed=off)
    app.shows("difference", render.difference(view, maps["on"], maps["off"], render.DIFFERENCE_SCALE, 480))
    asked = {"photo": sample.name, "size": "96", "block": "layer3.0", "method": "LayerCAM", "against": "jellyfish",
             "second": "off", "columns": "uniform,off,twin"}  # fmt: skip
    app.until(lambda: app.parameters() == asked, "the address does not say what was chosen")

    # The address opens the same view for somebody else.
    app.page.reload()
    app.settled("Grad-CAM comparison")
    app.shows("difference", render.difference(view, maps["on"], maps["off"], render.DIFFERENCE_SCALE, 480))

    show(app, "Every block")
    for block in analyses["uniform"].blocks[::3]:
        heat = block.heat_map("LayerCAM").values
        app.shows(f"strip-uniform-{block.name}", render.overlay(view, heat, render.CAM_SCALE, 224))

    # Long work begins when it is asked for, stops when it is told to, and goes on where it was.
    show(app, "Faithfulness")
    app.page.get_by_role("button", name=_("Measure"), exact=True).click()
    app.page.get_by_role("button", name=_("Stop here")).click(timeout=20_000)
    expect(app.page.get_by_text(pattern("Stopped after {done} of {total} {unit}."))).to_be_visible(timeout=20_000)
    better = app.page.get_by_text(pattern(BETTER))
    assert better.count() == 0 or app.page.get_by_text(_("Go on")).count() == 1
    app.page.get_by_role("button", name=_("Go on"), exact=True).click()
    expect(better).to_be_visible(timeout=90_000)
    expect(app.page.get_by_role("button", name=_("Once more"), exact=True)).to_be_visible(timeout=90_000)
    expect(app.page.get_by_test_id("stMain").locator(".st-key-deletion-curves canvas").first).to_be_visible()


@pytest.fixture
def twins(context: BrowserContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app whose weights folder holds two checkpoints with cards that name each other, and one without a twin."""
    (folder := tmp_path / "weights").mkdir()
    put_default(folder_with_twin(folder, "with-simam"), "alone")
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(folder))
    with running(tmp_path) as address:
        yield from visiting(context, address, tmp_path)
    log = (tmp_path / "server.log").read_text(errors="replace")
    assert "Traceback" not in log, log


@pytest.mark.long
def test_an_uploaded_photo_through_a_network_and_its_twin(twins: App, tmp_path: Path) -> None:
    twins.open("gradcam_comparison?size=96&block=layer3.0&checkpoint=with-simam&columns=uniform,off,twin")
    twins.settled("Grad-CAM comparison")
    path = tmp_path / "my photo.png"
    # A photo for which each of them has a heat map.
    next(one for one in list_samples() if one.name == "coral-reef").image().transpose(
        Image.Transpose.FLIP_LEFT_RIGHT
    ).resize((400, 300)).save(path)
    twins.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(path)
    ours, plain = (simam_viz.load_checkpoint(name) for name in ("with-simam", TWIN))
    image = simam_viz.open_image(path)
    analyses = simam_viz.compare(ours, image, input_size=96, twin=plain)
    assert list(analyses) == ["on", "uniform", "off", "twin"] and not analyses["twin"].impossible
    maps = {name: analysis.block("layer3.0").cam for name, analysis in analyses.items()}
    view = analyses["on"].view
    for name, values in maps.items():
        twins.shows(f"cam-{name}", render.overlay(view, values, render.CAM_SCALE, 480))
    twins.shows("difference", render.difference(view, maps["on"], maps["twin"], render.DIFFERENCE_SCALE, 480))
    expect(twins.page.get_by_text(_("The twin's column is missing."))).to_have_count(0)

    # Does SimAM look elsewhere than the twin, and is that heat map more faithful?
    show(twins, "Faithfulness")
    twins.page.get_by_role("button", name=_("Measure"), exact=True).click()
    answer = twins.page.locator("p", has_text=_("**Does it look elsewhere than the twin?**"))
    expect(answer).to_be_visible(timeout=90_000)
    twins.idle()
    related = float(read(CORRELATE, answer.inner_text())["correlation"])
    assert related == pytest.approx(cam.correlation(maps["on"], maps["twin"]), abs=0.02)
    # The twin here has random weights: it knows no class well enough for a score, and the page says so.
    assert float(analyses["twin"].probabilities.max()) < simam_viz.explain.metrics.LEAST_PROBABILITY
    why = _("the network gives the class less than 10 %")
    told = _("- {network}: not measured ({why})", network=_("The twin"), why=why)
    expect(twins.page.locator("li", has_text=told)).to_be_visible()
    pair = {"first": f"“{_('Attention on')}”", "second": f"“{_('The twin')}”"}
    told = "There is no photo on which both were measured: {first} and {second} must give its class {share} or more."
    expect(twins.page.locator("li", has_text=_(told, **pair, share=least_in_words()))).to_be_visible()

    # Another network has no such column; those that were trained alike are offered instead.
    twins.open("gradcam_comparison?size=96&block=layer3.0&checkpoint=alone&columns=uniform,off")
    expect(twins.page.get_by_role("button", name=_("Without attention"))).to_be_visible(timeout=60_000)
    expect(twins.page.locator(".st-key-picture-cam-twin")).to_have_count(0)
