"""A researcher arrives with a file: uploaded, explained, described and used, in a real Chromium."""

from __future__ import annotations

import io
import re
import urllib.request
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, expect

import simam_viz
from simam_viz.checkpoints.loading import with_card
from simam_viz.draw import render
from simam_viz.photos.samples import list_samples
from tests.helpers.authors_networks import authors_checkpoint, authors_network, saved
from tests.helpers.browser import App
from tests.helpers.served_weights import EndlessHandler, serving
from tests.helpers.server import running
from tests.helpers.small_networks import NAN, changed

BUNDLED = simam_viz.list_checkpoints()[0].card["title"]


def uploaded_bytes(app: App) -> int:
    """What the server keeps of uploaded files, by its own account."""
    text = urllib.request.urlopen(f"{app.address}/_stcore/metrics", timeout=30).read().decode()
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if "UploadedFileManager" in line)


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
        expect(page.get_by_role("heading", name=f"In use: {BUNDLED}")).to_be_visible()
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
    main.locator("input[type=file]").set_input_files(tmp_path / "broken.pth")
    expect(main.get_by_text("2 of the 64 values of layer1.0.bn1.bias are NaN or infinite")).to_be_visible(
        timeout=60_000
    )
    expect(main.get_by_role("heading", name=f"In use: {BUNDLED}")).to_be_visible()
    app.idle()

    # The authors' file is opened and explained.
    main.locator("input[type=file]").set_input_files(tmp_path / "checkpoint.pth.tar")
    expect(main.get_by_role("heading", name="In use: checkpoint.pth.tar")).to_be_visible(timeout=60_000)
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
    maps = render.mean_weights(analysis)
    for block, weights in zip(analysis.blocks, maps, strict=True):
        scale = render.scale_for("mean weight", weights, False)
        app.shows(f"weights-{block.name}", render.overlay(analysis.view, weights, scale, 320))
    expect(main.get_by_text(f"The network says: {analysis.top(1)[0][1]}")).to_be_visible()

    # Forgotten, it makes room for the bundled one.
    app.go("Models")
    main.get_by_role("button", name="Forget checkpoint.pth.tar").click()
    expect(main.get_by_role("heading", name=f"In use: {BUNDLED}")).to_be_visible(timeout=30_000)
    expect(main.get_by_role("button", name="Forget checkpoint.pth.tar")).to_have_count(0)
