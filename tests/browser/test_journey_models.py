"""A researcher arrives with a file: uploaded, explained, described and used, in a real Chromium."""

from __future__ import annotations

import io
import re
import urllib.request
from pathlib import Path

import pytest
import torch
from playwright.sync_api import BrowserContext, Locator, expect

import simam_viz
from simam_viz.checkpoints.inserting import Plan, planned
from simam_viz.checkpoints.loading import class_said, with_card
from simam_viz.photos.samples import list_samples
from tests.helpers.authors_networks import authors_checkpoint, authors_network, saved
from tests.helpers.browser import App
from tests.helpers.maps_drawn import attention_drawn
from tests.helpers.reading import _, counted, pattern
from tests.helpers.served_weights import EndlessHandler, serving
from tests.helpers.server import running
from tests.helpers.small_networks import NAN, changed, network, other

BUNDLED = simam_viz.list_checkpoints()[0].card["title"]
REMEMBERS = (
    "Each batch norm remembers the variance of what reached it in training. On these photos, behind the second convolution it "
    "differs from that {with_simam:.2f}-fold with SimAM in between and {without:.2f}-fold without, beyond what the batch norm "
    "before it tells of the photos themselves."
)


def uploaded_bytes(app: App) -> int:
    """What the server keeps of uploaded files, by its own account."""
    text = urllib.request.urlopen(f"{app.address}/_stcore/metrics", timeout=30).read().decode()
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if "UploadedFileManager" in line)


def dropped_on(main: Locator, label: str) -> Locator:
    """The uploader of this label."""
    return main.get_by_test_id("stFileUploader").filter(has_text=_(label)).locator("input[type=file]")


def understood(main: Locator, network: str) -> Locator:
    """The heading over what was understood of a network."""
    return main.get_by_role("heading", name=_("2 · What was understood: {network}", network=network))


def standing(main: Locator, count: int) -> Locator:
    """What is said of how many convolutions SimAM stands behind."""
    said = "SimAM stands behind {count} of {all} convolutions."
    return main.get_by_text(counted(said, said, count, all=20))


@pytest.mark.long
def test_a_download_that_is_stopped_leaves_nothing(
    context: BrowserContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, download = tmp_path / "weights", pattern("Download {megabytes:.0f} MB")
    coming = pattern("{done:.0f} of {total:.0f} MB", done=re.compile(r"[1-9]\d*"), total=40)
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(weights))
    with (
        serving(tmp_path / "served", EndlessHandler) as theirs,
        running(tmp_path, program=("tests.helpers.served_weights", theirs)) as address,
    ):
        page = context.new_page()
        page.goto(f"{address}/models?size=128")
        page.get_by_role("tab", name=_("torchvision's ImageNet weights")).click(timeout=60_000)
        page.get_by_role("button", name=download).click()
        expect(page.get_by_text(coming)).to_be_visible(timeout=30_000)
        assert list(weights.iterdir())
        page.get_by_role("button", name=_("Stop here")).click()
        expect(page.get_by_role("button", name=_("Stop here"))).to_have_count(0, timeout=30_000)
        expect(page.get_by_role("button", name=download)).to_be_enabled()
        expect(understood(page.get_by_test_id("stMain"), BUNDLED)).to_be_visible()
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
    wrong = _(
        "{wrong:,} of the {values:,} values of {tensor} are NaN or infinite, so this file is not used.",
        wrong=2,
        values=64,
        tensor="layer1.0.bn1.bias",
    )
    expect(main.get_by_text(wrong)).to_be_visible(timeout=60_000)
    expect(understood(main, BUNDLED)).to_be_visible()
    app.idle()

    # The authors' file is opened and explained.
    dropped_on(main, "Your own checkpoint").set_input_files(tmp_path / "checkpoint.pth.tar")
    expect(understood(main, "checkpoint.pth.tar")).to_be_visible(timeout=60_000)
    app.idle()
    expect(main.get_by_text(wrong)).to_have_count(0)
    came = "{matched:,} of the network's {expected:,} tensors came from the file"
    expect(main.get_by_text(_(came, matched=122, expected=122))).to_be_visible()
    assert app.parameters()["checkpoint"].startswith("own-")
    assert uploaded_bytes(app) < len(content), "Streamlit need not keep the file whose tensors are in use"

    # What the file does not say is said.
    main.get_by_role("spinbutton", name=_("λ it was trained with")).fill("0.02")
    main.get_by_role("spinbutton", name=_("Input size in pixels")).fill("96")
    names = ["ant", "bee", "cat", "dog", "elk"]
    main.get_by_role("textbox", name=_("One name a line, in the order of the network's outputs")).fill("\n".join(names))
    main.get_by_role("button", name=_("Save")).click()
    kept = _("The card is kept for this session. Download it to keep it longer.")
    expect(main.get_by_text(kept)).to_be_visible(timeout=30_000)
    app.idle()
    main.get_by_role("button", name=_("Run the samples")).click()
    expect(main.get_by_text(pattern(REMEMBERS))).to_be_visible(timeout=60_000)

    # It is what every page shows now: the pictures are those of this network at its λ and size.
    app.go("Overview")
    loaded = with_card(
        simam_viz.load_checkpoint(io.BytesIO(content)), {"e_lambda": 0.02, "input_size": 96, "categories": names}
    )
    analysis = simam_viz.analyze(loaded, list_samples()[0].image())
    app.draws(attention_drawn(analysis))
    says = pattern("The network says: {name} ({share})", name=class_said(analysis.top(1)[0][1]))
    expect(main.get_by_text(says).first).to_be_visible()

    # Forgotten, it makes room for the bundled one.
    app.go("Models")
    forget = main.get_by_role("button", name=_("Forget {network}", network="checkpoint.pth.tar"))
    forget.click()
    expect(understood(main, BUNDLED)).to_be_visible(timeout=30_000)
    expect(forget).to_have_count(0)


@pytest.mark.long
def test_simam_is_ticked_into_a_network_and_a_twin_dropped_beside(app: App, tmp_path: Path) -> None:
    first, second = saved(network().state_dict()).getvalue(), saved(other()).getvalue()
    (tmp_path / "first.pth").write_bytes(first)
    (tmp_path / "second.pth").write_bytes(second)
    app.open("models")
    app.settled("Models")
    main = app.page.get_by_test_id("stMain")
    main.get_by_role("tab", name=_("SimAM where you want it")).click()

    # Of the convolutions in the table, the two that are ticked.
    expect(standing(main, 8)).to_be_visible(timeout=60_000)
    main.get_by_role("button", name=_("None"), exact=True).click()
    expect(standing(main, 0)).to_be_visible()
    expect(main.get_by_role("button", name=_("Build"))).to_be_disabled()
    table = main.locator("[class*=st-key-ticking-places]").get_by_test_id("stDataFrame")
    for told, row in enumerate((2, 4), start=1):  # rows of 35 pixels below a head of the same height
        table.click(position={"x": 18, "y": 35 * (row + 1) + 17})
        expect(standing(main, told)).to_be_visible()
    app.choose(_("Its weights"), _("a file of weights"))
    dropped_on(main, "Weights of this network").set_input_files(tmp_path / "first.pth")
    main.get_by_role("button", name=_("Build")).click()
    expect(understood(main, "first.pth")).to_be_visible(timeout=60_000)
    app.idle()
    drawn = main.get_by_role("list", name=_("The network from its input to its answer")).get_by_role("listitem")
    expect(drawn).to_have_count(4)
    expect(drawn.nth(1)).to_contain_text(_("SimAM, λ = {e_lambda}", e_lambda="0.1"))
    expect(drawn.nth(3)).to_contain_text(counted("{count} class", "one of {count} classes", 5))

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
    expect(main.get_by_text(_("Its twin is **{network}**.", network="second.pth"))).to_be_visible(timeout=60_000)
    expect(understood(main, "first.pth")).to_be_visible()
    assert uploaded_bytes(app) < len(first)
    main.get_by_role("button", name=_("Compare the two")).click()
    app.settled("Grad-CAM comparison")
    assert {"cam-on", "cam-off", "cam-twin"} <= set(app.pictures())
