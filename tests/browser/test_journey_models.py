"""A researcher arrives with a file: uploaded, explained, described and used, in a real Chromium."""

from __future__ import annotations

import io
import re
import urllib.request
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Locator, expect

import simam_viz
from simam_viz.checkpoints.inserting import Plan, planned
from simam_viz.checkpoints.loading import with_card
from simam_viz.photos.samples import list_samples
from tests.helpers.authors_networks import authors_checkpoint, authors_network, saved
from tests.helpers.browser import App
from tests.helpers.maps_drawn import attention_drawn
from tests.helpers.served_weights import EndlessHandler, serving
from tests.helpers.server import running
from tests.helpers.small_networks import NAN, changed, network, other

BUNDLED = simam_viz.list_checkpoints()[0].card["title"]


def uploaded_bytes(app: App) -> int:
    """What the server keeps of uploaded files, by its own account."""
    text = urllib.request.urlopen(f"{app.address}/_stcore/metrics", timeout=30).read().decode()
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if "UploadedFileManager" in line)


def dropped_on(main: Locator, label: str) -> Locator:
    """The uploader of this label."""
    return main.get_by_test_id("stFileUploader").filter(has_text=label).locator("input[type=file]")


@pytest.mark.long
def test_a_download_that_is_stopped_leaves_nothing(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, download = tmp_path / "weights", re.compile(r"Download \d+ MB")
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(weights))
    with (
        serving(tmp_path / "served", EndlessHandler) as theirs,
        running(tmp_path, program=("tests.helpers.served_weights", theirs)) as address,
    ):
        page = browser.new_page()
        page.goto(f"{address}/models?size=128")
        page.get_by_role("tab", name="torchvision's ImageNet weights").click(timeout=60_000)
        page.get_by_role("button", name=download).click()
        expect(page.get_by_text(re.compile(r"[1-9]\d* of 40 MB"))).to_be_visible(timeout=30_000)
        assert list(weights.iterdir())
        page.get_by_role("button", name="Stop here").click()
        expect(page.get_by_role("button", name="Stop here")).to_have_count(0, timeout=30_000)
        expect(page.get_by_role("button", name=download)).to_be_enabled()
        expect(page.get_by_role("heading", name=f"What was understood: {BUNDLED}")).to_be_visible()
        page.close()
        assert list(weights.iterdir()) == []
    assert "Traceback" not in (tmp_path / "server.log").read_text(errors="replace")


def test_a_researcher_brings_the_authors_file(app: App, tmp_path: Path) -> None:
    content = saved(authors_checkpoint(authors_network("resnet18", classes=5), "resnet18")).getvalue()
    (tmp_path / "checkpoint.pth.tar").write_bytes(content)
    torch.save(changed(layer1__0__bn1__bias=NAN), tmp_path / "broken.pth")
    app.open("?size=128")
    app.settled("Overview")
    app.go("Models")
    main = app.page.get_by_test_id("stMain")

    # A file with NaN in it is refused by the tensor's name, and everything is as it was.
    dropped_on(main, "Your own checkpoint").set_input_files(tmp_path / "broken.pth")
    expect(main.get_by_text("2 of the 64 values of layer1.0.bn1.bias are NaN or infinite")).to_be_visible(
        timeout=60_000
    )
    expect(main.get_by_role("heading", name=f"What was understood: {BUNDLED}")).to_be_visible()
    app.idle()

    # The authors' file is opened and explained.
    dropped_on(main, "Your own checkpoint").set_input_files(tmp_path / "checkpoint.pth.tar")
    expect(main.get_by_role("heading", name="What was understood: checkpoint.pth.tar")).to_be_visible(timeout=60_000)
    app.idle()
    expect(main.get_by_text("2 of the 64 values")).to_have_count(0)
    expect(main.get_by_text("122 of the network's 122 tensors came from the file")).to_be_visible()
    assert app.parameters()["checkpoint"].startswith("own-")
    assert uploaded_bytes(app) < len(content), "Streamlit need not keep the file whose tensors are in use"

    # What the file does not say is said.
    main.get_by_role("spinbutton", name="λ it was trained with").fill("0.02")
    main.get_by_role("spinbutton", name="Input size in pixels").fill("96")
    names = ["ant", "bee", "cat", "dog", "elk"]
    main.get_by_role("textbox", name="One name a line, in the order").fill("\n".join(names))
    main.get_by_role("button", name="Save").click()
    expect(main.get_by_text("The card is kept for this session.")).to_be_visible(timeout=30_000)
    app.idle()
    main.get_by_role("button", name="Run the samples").click()
    expect(main.get_by_text("Each batch norm remembers the variance")).to_be_visible(timeout=60_000)

    # It is what every page shows now: the pictures are those of this network at its λ and size.
    app.go("Overview")
    loaded = with_card(
        simam_viz.load_checkpoint(io.BytesIO(content)), {"e_lambda": 0.02, "input_size": 96, "categories": names}
    )
    analysis = simam_viz.analyze(loaded, list_samples()[0].image())
    app.draws(attention_drawn(analysis))
    expect(main.get_by_text(f"The network says: {analysis.top(1)[0][1]}").first).to_be_visible()

    # Forgotten, it makes room for the bundled one.
    app.go("Models")
    main.get_by_role("button", name="Forget checkpoint.pth.tar").click()
    expect(main.get_by_role("heading", name=f"What was understood: {BUNDLED}")).to_be_visible(timeout=30_000)
    expect(main.get_by_role("button", name="Forget checkpoint.pth.tar")).to_have_count(0)


@pytest.mark.long
def test_simam_is_ticked_into_a_network_and_a_twin_dropped_beside(app: App, tmp_path: Path) -> None:
    first, second = saved(network().state_dict()).getvalue(), saved(other()).getvalue()
    (tmp_path / "first.pth").write_bytes(first)
    (tmp_path / "second.pth").write_bytes(second)
    app.open("models")
    app.settled("Models")
    main = app.page.get_by_test_id("stMain")
    main.get_by_role("tab", name="SimAM where you want it").click()

    # Of the convolutions in the table, the two that are ticked.
    expect(main.get_by_text("SimAM stands behind 8 of 20 convolutions.")).to_be_visible(timeout=60_000)
    main.get_by_role("button", name="None", exact=True).click()
    expect(main.get_by_text("SimAM stands behind 0 of 20 convolutions.")).to_be_visible()
    expect(main.get_by_role("button", name="Build")).to_be_disabled()
    table = main.locator("[class*=st-key-ticking-places]").get_by_test_id("stDataFrame")
    for told, row in enumerate((2, 4), start=1):  # rows of 35 pixels below a head of the same height
        table.click(position={"x": 18, "y": 35 * (row + 1) + 17})
        expect(main.get_by_text(f"SimAM stands behind {told} of 20 convolutions.")).to_be_visible()
    app.choose("Its weights", "a file of weights")
    dropped_on(main, "Weights of this network").set_input_files(tmp_path / "first.pth")
    main.get_by_role("button", name="Build").click()
    expect(main.get_by_role("heading", name="What was understood: first.pth")).to_be_visible(timeout=60_000)
    app.idle()
    drawn = main.get_by_role("list", name="The network from its input to its answer").get_by_role("listitem")
    expect(drawn).to_have_count(4)
    expect(drawn.nth(1)).to_contain_text("SimAM, λ = 0.1")
    expect(drawn.nth(3)).to_contain_text("one of 5 classes")

    # Its attention maps are those of that network.
    app.go("Attention maps")
    expect(main.locator(".st-key-picture-channel-weights img")).to_be_visible()
    app.go("Overview")
    plan = Plan("torchvision:resnet18", ("layer1.0.conv2", "layer1.1.conv2"))
    analysis = simam_viz.analyze(planned(plan, first), list_samples()[0].image())
    assert [block.kind for block in analysis.blocks] == ["simam", "simam"]
    app.draws(attention_drawn(analysis))

    # The second file stands beside it, and the comparison shows both.
    app.go("Models")
    dropped_on(main, "Its twin, dropped beside it").set_input_files(tmp_path / "second.pth")
    expect(main.get_by_text("Its twin is second.pth.")).to_be_visible(timeout=60_000)
    expect(main.get_by_role("heading", name="What was understood: first.pth")).to_be_visible()
    assert uploaded_bytes(app) < len(first)
    main.get_by_role("button", name="Compare the two").click()
    app.settled("Grad-CAM comparison")
    assert {"cam-on", "cam-off", "cam-twin"} <= set(app.pictures())
