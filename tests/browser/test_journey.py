"""Whole journeys in a real Chromium against a freshly started app, down to the pixels of the pictures."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import simam_viz
from simam_viz.app.pages import PAGES
from simam_viz.app.screens.energy_function.surface import SURFACE_WIDTH
from simam_viz.app.state import ECHO_SECONDS
from simam_viz.checkpoints.loading import LoadedCheckpoint, class_said
from simam_viz.draw import charts, figures, framing, render
from simam_viz.draw.paper import formats, printing
from simam_viz.explain import inspection
from simam_viz.explain.blocks import QUANTITIES
from simam_viz.explain.variants import MODES
from simam_viz.lesson.derivation import Derivation
from simam_viz.lesson.katex import number
from simam_viz.lesson.presets import preset_channel
from simam_viz.networks.geometry import receptive_field
from simam_viz.photos.samples import list_samples
from tests.helpers.browser import App, alike
from tests.helpers.lesson import Stage
from tests.helpers.maps_drawn import attention_drawn, drawn, mosaic_sent
from tests.helpers.reading import _, pattern, read

CHANNEL_PICTURES = {
    "features": "feature",
    "energy": "energy",
    "importance": "importance",
    "weights": "attention weight",
    "refined": "refined feature",
}
TITLES = [title for title, _icon in PAGES.values()]
NO_IMAGE = "This file is not an image that can be read here; choose a photo as {formats}."
FLATTENS = (
    "**λ flattens {flat} of the {channels} channels of {block}**: none of their neurons has a weight more than 1 % above the floor. "
    "{below} of them have a variance below λ. λ is a soft threshold: a lone spike in a channel of small variance may still pass."
)
COMPARED = (
    "Neurons of {part} at λ = {e_lambda:g}, compared with {other}: shares of each, since they may differ in number."
)
WIDTHS = [1400, pytest.param(390, marks=pytest.mark.long)]
"""A window, and a phone on which the same journey is made again."""


def test_alike_tells_pictures_apart(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    block, other = (simam_viz.analyze(loaded, photo, e_lambda=e).blocks[0] for e in (0.1, 1.0))
    pictures = [
        render.heat_map(b.attention[0], render.scale_for("attention weight", b.attention), 480) for b in (block, other)
    ]
    assert alike(pictures[0], pictures[0]) and not alike(*pictures)


def test_from_a_shared_link_to_ones_own_photo(fresh_app: App, loaded: LoadedCheckpoint, tmp_path: Path) -> None:
    app = fresh_app
    # A deep link to a fresh server opens the page whole.
    sample = list_samples()[1]
    app.open(f"attention_maps?photo={sample.name}&lambda=1&block=layer2.0&channel=5&size=128")
    app.settled("Attention maps")
    for title in TITLES:
        expect(app.page.get_by_test_id("stSidebar").get_by_role("link", name=_(title), exact=True)).to_be_visible()
    analysis = simam_viz.analyze(loaded, sample.image(), e_lambda=1, input_size=128)
    shows_channel(app, analysis, "layer2.0", 5)

    # A photo from disk.
    path = tmp_path / "my photo.png"
    list_samples()[0].image().transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((400, 300)).save(path)
    app.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(path)
    image = simam_viz.open_image(path)
    analysis = simam_viz.analyze(loaded, image, e_lambda=1, input_size=128)
    shows_channel(app, analysis, "layer2.0", 5)
    app.idle()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    view = {"photo": f"upload-{digest}", "lambda": "1", "block": "layer2.0", "channel": "5", "size": "128"}
    assert app.parameters() == view

    # λ changes every picture that depends on it.
    before = app.pictures()
    others = {"contrast", "mosaic", "receptive-field", "channel-sides", "channel-overlay"}
    assert set(before) == others | {f"channel-{name}" for name in CHANNEL_PICTURES}
    app.move_lambda("ArrowLeft")
    analysis = simam_viz.analyze(loaded, image, e_lambda=0.7, input_size=128)
    shows_channel(app, analysis, "layer2.0", 5)
    assert app.changed(before) == set(before) - {"receptive-field"}
    view["lambda"] = "0.7"

    # What is no photo: one sentence; the page and the last good result stay.
    bad = tmp_path / "notes.png"
    bad.write_bytes(b"these are notes")
    app.page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(bad)
    expect(app.page.get_by_text(pattern(NO_IMAGE))).to_be_visible(timeout=20_000)
    app.idle()
    shows_channel(app, analysis, "layer2.0", 5)
    assert app.parameters() == view

    # Every page, with the same photo, λ, block and channel.
    app.go("Overview")
    app.film()
    app.draws(attention_drawn(analysis))
    says = pattern("The network says: {name} ({share})", name=class_said(analysis.top(1)[0][1]))
    expect(app.page.get_by_text(says).first).to_be_visible()
    app.page.get_by_role("radio", name=_("Grad-CAM")).click()
    app.draws({b.name: drawn(analysis, b.cam, render.CAM_SCALE) for b in analysis.blocks})
    app.page.get_by_role("radio", name=_("Attention")).click()
    app.move_lambda("End")
    expect(app.page).to_have_url(re.compile("lambda=10"))
    app.draws(attention_drawn(simam_viz.analyze(loaded, image, e_lambda=10, input_size=128)))
    app.idle()
    app.page.wait_for_timeout(1000 * ECHO_SECONDS)
    app.page.go_back()
    expect(app.page).to_have_url(re.compile("lambda=0.7"))
    app.draws(attention_drawn(analysis))
    app.settled("Overview")

    app.go("Energy histograms")
    weights = analysis.block("layer2.0").attention
    expect(app.page.get_by_test_id("stMain").locator("canvas").nth(2)).to_be_visible(timeout=20_000)
    charts_before = app.charts()
    expect(app.page.get_by_text(f"{weights.numel():,}", exact=True)).to_be_visible()
    expect(app.page.get_by_text(f"{weights.mean():.4f}", exact=True)).to_be_visible()

    app.move_lambda("End")
    expect(app.page).to_have_url(re.compile("lambda=10"))
    app.idle()
    assert len(app.redrawn(charts_before, 3)) == len(charts_before)
    app.page.wait_for_timeout(1000 * ECHO_SECONDS)
    app.page.go_back()
    expect(app.page).to_have_url(re.compile("lambda=0.7"))
    # The address is there before the page is, whose links still lead to the other λ.
    expect(app.page.get_by_text(f"{weights.mean():.4f}", exact=True)).to_be_visible()
    app.settled("Energy histograms")

    app.go("Grad-CAM comparison")
    for name in ("With SE", "With CBAM", "With ECA", "Switched off", "Uniform over positions"):
        app.page.get_by_test_id("stMain").get_by_role("button", name=_(name), exact=True).click()
        app.idle()
    view["columns"] = "uniform,off,twin"
    analyses = simam_viz.compare(loaded, image, e_lambda=0.7, input_size=128)
    for variant in MODES:
        block = analyses[variant].block("layer2.0")
        heat = render.overlay(analysis.view, block.cam, render.CAM_SCALE, 480)
        app.shows(f"cam-{variant}", heat if block.cam_max else render.grey_photo(analysis.view, 480))
    before = app.pictures()
    app.move_lambda("Home")
    cam = simam_viz.analyze(loaded, image, e_lambda=1e-6, input_size=128).block("layer2.0").cam
    app.shows("cam-on", render.overlay(analysis.view, cam, render.CAM_SCALE, 480))
    app.idle()
    assert app.changed(before) == {"cam-on", "cam-uniform", "difference"}, "without SimAM there is no λ"
    view["lambda"] = "1e-06"

    app.go("Attention maps")
    assert app.parameters() == view
    app.page.go_back()
    app.settled("Grad-CAM comparison")
    assert app.parameters() == view


def shows_channel(app: App, analysis: simam_viz.Analysis, block_name: str, channel: int) -> None:
    """The named pictures of the Attention maps page are those of ``analysis``."""
    block = analysis.block(block_name)
    scale = render.scale_for("attention weight", block.attention)
    app.shows("mosaic", mosaic_sent(block.attention, scale))
    app.shows("channel-overlay", render.overlay(analysis.view, block.attention[channel], scale, 480))
    shape = tuple(block.features.shape[1:])
    for name, quantity in CHANNEL_PICTURES.items():
        values = block.quantity(quantity)[channel]
        expected = render.heat_map(values, render.scale_for(quantity, values), 480)
        app.shows(f"channel-{name}", render.mark_cell(expected, (shape[0] // 2, shape[1] // 2), shape))


def test_leaving_a_page_before_it_is_ready_loses_nothing(app: App) -> None:
    view = {"photo": list_samples()[2].name, "lambda": "3", "block": "layer3.0", "channel": "11", "class": "lemon"}
    app.open("attention_maps?" + "&".join(f"{name}={text}" for name, text in view.items()))
    app.page.get_by_test_id("stSidebar").get_by_role("link", name=_("Energy histograms")).click(timeout=60_000)
    app.settled("Energy histograms")
    app.go("Attention maps")
    assert app.parameters() == view


@pytest.mark.long
def test_going_back_takes_the_last_change_back(app: App, loaded: LoadedCheckpoint) -> None:
    sample = list_samples()[0]
    app.open("attention_maps")
    app.settled("Attention maps")
    shows_channel(app, simam_viz.analyze(loaded, sample.image()), "layer3.1", 0)
    app.move_lambda("End")
    shows_channel(app, simam_viz.analyze(loaded, sample.image(), e_lambda=10), "layer3.1", 0)
    app.rest()
    assert app.parameters() == {"lambda": "10"}
    app.go("Overview")
    app.page.go_back()
    app.settled("Attention maps")
    assert app.parameters() == {"lambda": "10"}
    app.page.wait_for_timeout(1000 * ECHO_SECONDS)
    app.page.go_back()
    shows_channel(app, simam_viz.analyze(loaded, sample.image()), "layer3.1", 0)
    app.idle()
    assert app.parameters() == {}


def click_cell(app: App, key: str, row: int, column: int) -> None:
    place, position = app.cell(key, row, column)
    place.click(position=position)


@pytest.mark.long
def test_from_a_neuron_of_the_photo_to_its_lesson_and_its_steps(app: App, loaded: LoadedCheckpoint) -> None:
    app.open("attention_maps?lambda=0.1")
    app.settled("Attention maps")
    app.choose(_("Block"), re.compile("^layer3.0"))
    expect(app.page).to_have_url(re.compile("block=layer3.0"), timeout=20_000)
    app.idle()
    click_cell(app, "pick-layer3-0-0", 2, 6)
    expect(app.page).to_have_url(re.compile("row=2&column=6"), timeout=20_000)
    app.idle()
    app.page.get_by_role("button", name=_("Step by step: how it gets this weight")).click()
    app.settled("Energy function")
    block = simam_viz.analyze(loaded, list_samples()[0].image()).block("layer3.0")
    expect(app.page.get_by_text(f"{block.attention[0, 2, 6]:.5f}", exact=True).last).to_be_visible(timeout=20_000)
    assert app.parameters()["neuron"] == "photo"
    # The last scene has the same neuron, and a tap in it is a tap below.
    stage = Stage(app.page)
    expect(stage.body.locator("h2")).to_have_text(_("On your photo: the same in the network"))
    stage.says("weight", float(block.attention[0, 2, 6]))
    weights = "The channel's weights: arrow keys choose a neuron"
    app.page.mouse.click(*stage.cell(weights, 7, 3, block.features.shape[2]))
    expect(app.page).to_have_url(re.compile("row=7&column=3"), timeout=20_000)
    stage.says("weight", float(block.attention[0, 7, 3]))
    expect(app.page.get_by_test_id("stMetric").get_by_text(f"{block.attention[0, 7, 3]:.5f}")).to_be_visible(
        timeout=20_000
    )
    # The small channel below, as the scenes have it.
    app.page.get_by_text(_("the scenes' small channel"), exact=True).click()
    app.shows(
        "surface",
        figures.figure_picture(charts.energy_surface(Derivation(preset_channel("spike"), 4, 4, 0.1)), SURFACE_WIDTH),
    )


def click_tile(app: App, tile: int) -> None:
    """Click on a tile of all channels."""
    app.page.locator(f'.st-key-channels-mosaic [data-ready] button[data-tile="{tile}"]').click()


@pytest.mark.long
@pytest.mark.parametrize("width", WIDTHS)
def test_from_the_network_to_a_neuron(app: App, loaded: LoadedCheckpoint, width: int) -> None:
    app.page.set_viewport_size({"width": width, "height": 900})
    analysis = simam_viz.analyze(loaded, list_samples()[0].image(), input_size=224)
    app.open("attention_maps?level=network&size=224")
    app.settled("Attention maps")

    # A row of the table of neurons leads to that neuron.
    app.page.locator(".st-key-table-neurons").get_by_test_id("glide-cell-1-1").focus()
    app.page.keyboard.press("Shift+Space")
    expect(app.page).to_have_url(re.compile("level=channel"), timeout=20_000)
    app.idle()
    asked = app.parameters()
    best = inspection.most_emphasised(analysis, 3)
    found = (asked["block"], int(asked["channel"]), int(asked["row"]), int(asked["column"]))
    assert found in [(n.block, n.channel, n.row, n.column) for n in best]
    block = analysis.block(asked["block"])
    shown = f"{float(block.attention[found[1:]]):.5f}"
    expect(app.page.get_by_text(shown, exact=True).first).to_be_visible(timeout=20_000)

    # A click on a tile opens its channel, in the order that was chosen.
    app.choose(_("Sort channels by"), _("contrast of the weights"))
    expect(app.page).to_have_url(re.compile("sort="), timeout=20_000)
    app.idle()
    order = inspection.ranked_channels(inspection.contrast(block))
    columns = render.mosaic_columns(len(order))
    click_tile(app, columns + 3)
    expect(app.page).to_have_url(re.compile(rf"channel={order[columns + 3]}(&|$)"), timeout=20_000)
    app.idle()
    framed = "The {quantity} of {shown} channels of {block} as small maps; channel {channel} is framed"
    said = pattern(framed, quantity=_("attention weight"), channel=order[columns + 3], block=block.name)
    expect(app.page.locator(".st-key-picture-mosaic img")).to_have_attribute("alt", said)

    # Only channels of so much contrast, the chosen one among them.
    contrasts = inspection.contrast(block)
    least = float(f"{float(contrasts[order[columns + 3]]):.3g}") * 0.9
    app.page.get_by_role("spinbutton", name=pattern("At least ({low:.3g} to {high:.3g})")).fill(f"{least:.4f}")
    app.page.keyboard.press("Enter")
    kept = inspection.ranked_channels(contrasts, float(f"{least:.4f}"))
    heading = _("{shown} of {total} channels of {block}", shown=len(kept), total=len(order), block=block.name)
    expect(app.page.get_by_role("heading", name=heading)).to_be_visible(timeout=20_000)
    app.idle()

    # The common colour range by default, the map's own by choice, and every scale says which.
    channel = order[columns + 3]
    scales = app.page.locator(".st-key-picture-channel-weights [role=img]").last
    expect(scales).to_have_text(re.compile(_("common range")))
    app.page.get_by_test_id("stMain").get_by_text(_("Own colour range")).click()
    expect(scales).to_have_text(re.compile(_("own range")), timeout=20_000)
    app.idle()

    # Pointing at a cell shows its value in every quantity; a click on it chooses the neuron in every picture.
    side = block.features.shape[2]
    row, column = 2, side - 2
    picker = f"pick-{block.name.replace('.', '-')}-{channel}"
    place, position = app.cell(picker, row, column)
    place.hover(position=position)
    here = _("row {row}, column {column}", row=row, column=column)
    hint = app.page.get_by_text(re.compile(f"{here}.*{_('attention weight')}")).last
    expect(hint).to_be_visible(timeout=20_000)
    for quantity in QUANTITIES:
        shown = re.search(rf"\b{_(quantity)} (-?\d[\d.e+-]*)", hint.inner_text().partition(here)[2])[1]
        expected = float(block.quantity(quantity)[channel, row, column])
        assert float(shown) == pytest.approx(expected, rel=2e-3, abs=1e-3)
    place.click(position=position)
    expect(app.page).to_have_url(re.compile(rf"row={row}&column={column}"), timeout=20_000)
    app.idle()
    neuron = inspection.neuron(block, channel, row, column)
    expect(app.page.get_by_text(f"{neuron.weight:.5f}", exact=True).first).to_be_visible()
    rank = _("No. {rank:,}", rank=neuron.rank_in_block)
    expect(app.page.get_by_text(rank, exact=True).first).to_be_visible()
    formula = app.page.get_by_test_id("stMain").locator(".katex annotation").first
    assert rf"={number(neuron.energy)}\end" in formula.text_content()
    sides = inspection.weights_by_side(block.features[channel], block.attention[channel])
    app.shows("channel-sides", render.marked_map(sides, render.side_scale(sides, True), (row, column), 480))
    (top, bottom), (left, right) = map(receptive_field(loaded.model, block.name).of, (row, column))
    app.shows("receptive-field", framing.boxed_view(analysis.view, (left, top, right, bottom), 480))

    # To the lesson of this neuron, and back.
    app.page.get_by_role("button", name=_("Step by step: how it gets this weight")).click()
    app.settled("Energy function")
    expect(app.page.get_by_text(f"{neuron.weight:.5f}", exact=True).first).to_be_visible(timeout=20_000)
    app.page.go_back()
    app.settled("Attention maps")

    # The address that is offered opens the same view for somebody else.
    app.page.get_by_role("button", name=_("Share this neuron")).click()
    link = app.page.get_by_test_id("stCode").inner_text()
    assert link.startswith("http") and "level=channel" in link and f"channel={order[columns + 3]}" in link
    app.page.goto(link.strip())
    app.settled("Attention maps")
    shared = app.parameters()
    assert (shared["channel"], shared["row"], shared["column"]) == (str(channel), str(row), str(column))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.long
def test_a_block_and_its_distributions(app: App, loaded: LoadedCheckpoint, width: int) -> None:
    app.page.set_viewport_size({"width": width, "height": 900})
    analysis = simam_viz.analyze(loaded, list_samples()[0].image(), e_lambda=1, input_size=224)
    block, other = analysis.block("layer3.1"), analysis.block("layer4.0")
    main = app.page.get_by_test_id("stMain")

    # What 2-D and 1-D attention would see of the block, and what each loses.
    app.open("attention_maps?level=block&size=224&lambda=1")
    app.settled("Attention maps")
    highest = block.attention.amax(dim=0)
    scale = render.scale_for("attention weight", highest)
    app.shows("reduced-maxi", render.overlay(analysis.view, highest, scale, 480))
    mean = block.attention.mean(dim=0)
    app.shows("reduced-mean", render.overlay(analysis.view, mean, render.scale_for("mean weight", mean), 480))
    kept = inspection.reductions(block.attention)
    for name, share in (
        ("kind-1-d", kept.between_channels), ("kind-2-d", kept.between_positions), ("kind-3-d", 1.0),
        ("reduced-mean", kept.between_positions), ("reduced-maxi", kept.by_highest),
    ):  # fmt: skip
        loses = _("loses **{lost:.1%}** of the weights' variance", lost=1 - share)
        expect(app.page.locator(f".st-key-picture-{name}")).to_contain_text(loses)
    modules = main.get_by_test_id("stTable")
    expect(modules.get_by_text(_("not measured"))).to_have_count(4)
    main.get_by_role("button", name=_("Measure the time on this machine")).click()
    expect(modules.get_by_text(_("not measured"))).to_have_count(0, timeout=30_000)
    app.idle()
    top1 = modules.get_by_text(_("{share:.2f} %", share=77.45))
    top1.scroll_into_view_if_needed()
    expect(top1).to_be_in_viewport()

    # How its neurons are distributed: against another block, against the trained λ, on either axis.
    if width < 500:
        app.page.get_by_test_id("stExpandSidebarButton").click()
    app.go("Energy histograms")
    flat = int(inspection.flattened(block).sum())
    told = pattern(FLATTENS, flat=flat, channels=len(block.features), block=block.name)
    expect(main.get_by_text(told)).to_be_visible()
    alone = app.charts()
    assert len(alone) == 4
    main.get_by_text(_("another block"), exact=True).click()
    choose_block(app, _("Other block"), other.name)
    expect(main.get_by_text(pattern(COMPARED, part=block.name, other=other.name))).to_be_visible(timeout=20_000)
    against_block = app.redrawn(alone, 3)
    trained = _("λ = {e_lambda:g} ({word})", e_lambda=0.1, word=_("trained"))
    main.get_by_text(trained, exact=True).click()
    expect(main.get_by_text(pattern(COMPARED, other=trained))).to_be_visible(timeout=20_000)
    against_trained = app.redrawn(against_block, 3)
    main.get_by_text(_("Counts on a log axis")).click()
    expect(app.page).to_have_url(re.compile("counts=linear"), timeout=20_000)
    app.redrawn(against_trained, 3)
    main.get_by_role("radio", name=_("channel"), exact=True).click()
    expect(main.get_by_text(f"{block.features[0].numel()}", exact=True)).to_be_visible(timeout=20_000)
    main.get_by_text(_("another channel"), exact=True).click()
    second = _("channel {channel} of {block}", channel=1, block="layer3.1")
    expect(main.get_by_text(pattern(COMPARED, other=second))).to_be_visible(timeout=20_000)
    assert app.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def choose_block(app: App, label: str, block: str) -> None:
    app.choose(label, re.compile(f"^{re.escape(block)}"))


@pytest.mark.long
@pytest.mark.parametrize("width", [pytest.param(1400, marks=pytest.mark.long), 390])
def test_a_sweep_that_is_stopped_and_goes_on(app: App, loaded: LoadedCheckpoint, width: int) -> None:
    app.page.set_viewport_size({"width": width, "height": 900})
    app.open("lambda_sweep?size=128")
    app.settled("λ sweep")
    main = app.page.get_by_test_id("stMain")
    main.get_by_role("button", name=_("Sweep λ from 1e-6 to 10")).click()
    main.get_by_role("button", name=_("Stop here")).click(timeout=20_000)
    stopped = "Stopped after {done} of {total} {unit}."
    told = main.get_by_text(pattern(stopped))
    expect(told).to_be_visible(timeout=20_000)
    places = read(stopped, told.inner_text())
    assert 0 < int(places["done"]) < int(places["total"])
    # What there is by then can be seen; the rest is the same in a window of any width.
    expect(main.locator(".st-key-sweep-probabilities canvas").first).to_be_visible(timeout=20_000)
    never = pattern("The prediction never flips: **{prediction}** from λ = {low:g} to {high:g}.")
    flips = main.get_by_text(pattern("The prediction flips {changes}.")).or_(main.get_by_text(never))
    expect(flips).to_be_visible()
    assert app.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if width < 500:
        app.shows("sweep-cam-1e-06", sweep_cam(loaded, 1e-6))
        return

    main.get_by_role("button", name=_("Go on")).click()
    expect(main.get_by_role("button", name=_("Sweep again"))).to_be_visible(timeout=240_000)
    app.idle()
    expect(main.locator(".st-key-sweep-probabilities canvas").first).to_be_visible(timeout=20_000)
    expect(main.locator(".st-key-sweep-contrasts canvas").first).to_be_visible()
    app.shows("sweep-cam-10", sweep_cam(loaded, 10))


def sweep_cam(loaded: LoadedCheckpoint, e_lambda: float) -> Image.Image:
    """Grad-CAM at one λ of what the network says at the trained one, over the first sample."""
    image = list_samples()[0].image()
    target = simam_viz.analyze(loaded, image, input_size=128).target
    analysis = simam_viz.analyze(loaded, image, e_lambda=e_lambda, target=target, input_size=128)
    return render.overlay(analysis.view, analysis.block("layer3.1").cam, render.CAM_SCALE, 320)


@pytest.mark.long
@pytest.mark.parametrize("width", WIDTHS)
def test_taking_it_home(app: App, loaded: LoadedCheckpoint, tmp_path: Path, width: int) -> None:
    app.page.set_viewport_size({"width": width, "height": 900})
    app.open("attention_maps?size=224&lambda=1")
    app.settled("Attention maps")
    if width < 500:
        app.page.get_by_test_id("stExpandSidebarButton").click()
    app.move_lambda("ArrowRight")
    expect(app.page).to_have_url(re.compile("lambda=1.5"), timeout=20_000)
    app.rest()
    app.page.get_by_role("button", name=_("Take it home")).click()

    def download(message: str) -> Path:
        with app.page.expect_download(timeout=60_000) as waiting:
            app.page.get_by_role("button", name=pattern(message)).click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    # What is on screen now, after λ was moved, and not what was there when the page was drawn.
    analysis = simam_viz.analyze(loaded, list_samples()[0].image(), e_lambda=1.5, input_size=224)
    block = analysis.block("layer3.1")
    with zipfile.ZipFile(download("Pictures of this page ({count} PNG)")) as archive:
        assert {f"channel-{name}.png" for name in CHANNEL_PICTURES} < set(archive.namelist())
        weights = archive.read("channel-overlay.png")
    scale = render.scale_for("attention weight", block.attention)
    photo = list_samples()[0].image()
    side = min(photo.size)
    box = ((photo.width - side) / 2, (photo.height - side) / 2, (photo.width + side) / 2, (photo.height + side) / 2)
    title = _("Weight, channel {channel} at {block}", channel=0, block="layer3.1")
    figure = printing.printed_map(title, photo, box, block.attention[0], scale)
    both = [Image.open(io.BytesIO(data)).convert("RGB") for data in (weights, formats.written(figure, "png"))]
    assert alike(*both)
    arrays = np.load(download("Tensors (NPZ)"))
    np.testing.assert_allclose(arrays["layer3.1.attention"], block.attention, rtol=1e-3, atol=1e-4)
    with zipfile.ZipFile(download("Tables ({count} CSV)")) as archive:
        assert {"classes.csv", "blocks.csv", "channels.csv", "neurons.csv"} <= set(archive.namelist())

    # The report opens offline and looks complete.
    report = app.page.context.browser.new_page()
    asked: list[str] = []
    report.on("request", lambda request: asked.append(request.url))
    report.set_viewport_size({"width": width, "height": 900})
    report.goto(download("Report (HTML)").as_uri())
    expect(report.get_by_role("heading", name=_("Where attention is high"))).to_be_visible()
    assert report.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert report.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    report.close()
