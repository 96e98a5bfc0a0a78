"""What is taken home holds what its label says, on every page; nothing is empty, and nothing is cut off."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, expect
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz import Analysis
from simam_viz.app import scene
from simam_viz.app.scene import PAGES
from simam_viz.app.widgets.glossary import TERMS
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.export import report
from simam_viz.export.tables import TABLES, distribution, every_table, variances

from .conftest import ROOT
from .image_bombs import encoded
from .test_export import parsed, read
from .test_journey import App, app
from .test_pages import checked, open_page

__all__ = ["app"]

VIEWS = [
    *((path, {}) for path in PAGES),
    *(("pages/attention_maps.py", {"level": level}) for level in ("network", "block")),
    *(("pages/gradcam_comparison.py", {"look": look}) for look in ("blocks", "ablation", "faithful", "figure")),
    ("pages/energy_function.py", {"neuron": "photo"}),
    ("pages/energy_histograms.py", {"of": "channel", "against": "another"}),
]  # fmt: skip


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def buttons(app: AppTest) -> dict[str, bool]:
    """The labels of what can be taken home, and whether they can be clicked."""
    found = [button.proto for button in app.get("download_button") if "take-" in button.proto.id]
    return {proto.label: not proto.disabled for proto in found}


@pytest.mark.parametrize(("path", "view"), VIEWS)
def test_every_label_says_what_is_in_its_file(path: str, view: dict[str, str]) -> None:
    app = open_page(path, size="96", **view)
    now = app.session_state["takeaway"]
    offered = buttons(app)
    pictures = zipfile.ZipFile(io.BytesIO(now.pictures_zip())).namelist()
    tables = zipfile.ZipFile(io.BytesIO(now.tables_zip()))
    assert len(offered) == 4
    if pictures:
        assert offered[f"Pictures of this page ({len(pictures)} PNG)"]
    else:
        assert offered["No pictures on this page"] is False
    assert offered[f"Tables ({len(tables.namelist())} CSV)"]
    for name in tables.namelist():
        assert read(tables.read(name)), f"{name} is empty"
    text = parsed(now.report_html()).text
    assert f"On the page “{PAGES[path][0]}”" in text
    for control in [*app.main.selectbox, *app.main.number_input, *app.main.segmented_control, *app.main.toggle]:
        if str(control.key).startswith("control-"):
            assert control.label in text, f"the report does not say what {control.label} is set to"
    for rows in now.tables.values():
        for row in rows:
            for value in row.values():
                assert (f"{value:.4g}" if isinstance(value, float) else str(value)) in text or isinstance(
                    value, int | None
                )


def test_the_report_of_a_comparison_holds_it(loaded: LoadedCheckpoint) -> None:
    app = open_page("pages/gradcam_comparison.py", size="96", block="layer3.1", contrast="lemon", second="uniform")
    now = app.session_state["takeaway"]
    analyses = simam_viz.compare(loaded, simam_viz.photos.samples.list_samples()[0].image(), input_size=96)
    rows = {row["network"]: row for row in now.tables["comparison"]}
    for title, column in (("Attention on", "on"), ("Uniform over positions", "uniform"), ("Switched off", "off")):
        assert rows[title]["probability"] == pytest.approx(analyses[column].top(1)[0][2], rel=1e-3)
    assert "The twin" in rows and all("lead over lemon (logits)" in row for row in rows.values())
    text = parsed(now.report_html()).text
    assert "Contrast with" in text and "lemon" in text and f"{now.tables['difference'][0]['correlation']:.4g}" in text


def test_the_report_of_an_ablation_holds_its_table() -> None:
    now = open_page("pages/gradcam_comparison.py", size="96", look="ablation").session_state["takeaway"]
    text = parsed(now.report_html()).text
    assert len(now.tables["ablation"]) == 8
    for row in now.tables["ablation"]:
        assert f"{row['uniform']:.4g}" in text and f"{row['points when off']:.4g}" in text


def test_a_sweep_and_what_was_measured_are_in_the_report() -> None:
    app = checked(open_page("app.py", size="96").switch_page("pages/lambda_sweep.py").run())
    app.button(key="sweep-start").click().run()
    for _ in range(200):
        if app.dataframe:
            break
        checked(app.run())
    now = app.session_state["takeaway"]
    page = parsed(now.report_html())
    for row in now.tables["sweep"][::10]:
        assert f"{row['λ']:.4g}" in page.text and f"{row['mean weight layer4.1']:.4g}" in page.text
    checked(app.switch_page("pages/gradcam_comparison.py").run())
    checked(app.segmented_control(key="control-look").set_value("faithful").run())
    app.button(key="faithful-photo-start").click().run()
    for _ in range(200):
        if app.dataframe:
            break
        checked(app.run())
    now = app.session_state["takeaway"]
    assert (
        "sweep" not in now.tables and f"{now.tables['faithful'][0]['deletion']:.4g}" in parsed(now.report_html()).text
    )


def test_a_click_in_the_middle_of_a_run_gives_the_page_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("app.py", size="96")
    whole = app.session_state["takeaway"].drawn
    seen = []

    def look(*_: object) -> None:
        now = app_state["takeaway"]
        seen.append((now.drawn is whole, len(now.drawn.pictures), len(now.drawing.pictures)))

    app_state = app.session_state
    monkeypatch.setattr(scene.Scene, "hypothetical", property(lambda self: look() or ""))
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    assert seen[0][1] == 17 and 0 < seen[0][2] < 17
    assert app.session_state["takeaway"].drawn is not whole


def test_a_wide_table_comes_in_parts() -> None:
    rows = [{"λ": index, **{f"column {k}": 0.5 * k for k in range(25)}} for index in range(3)]
    parts = report._parts(rows)
    assert [len(part[0]) for part in parts] == [10, 10, 8] and all(part[2]["λ"] == 2 for part in parts)
    assert {name for part in parts for name in part[0]} == set(rows[0])
    assert report._parts([{"only": 1}]) == [[{"only": 1}]]


def charts(app: AppTest) -> list[dict]:
    import json

    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]


def test_every_chart_is_drawn_by_the_one_who_names_it() -> None:
    for path in [*(ROOT / "simam_viz" / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "echarts_chart":
                assert path.name == "pictures.py", path


def test_a_chart_saves_one_file_named_after_what_it_holds(app: App) -> None:
    app.open("energy_histograms?block=layer2.1")
    app.settled("Energy histograms")
    chart = app.page.locator(".st-key-histogram-attention-weight")
    chart.scroll_into_view_if_needed()
    chart.hover()
    app.page.wait_for_timeout(500)
    shown = [
        button for button in chart.get_by_role("button").all() if (button.bounding_box() or {"width": 0})["width"] > 2
    ]
    assert [button.get_attribute("aria-label").split(":")[0] for button in shown] == ["Fullscreen"]
    # By the keyboard, the browser's own is there.
    chart.get_by_role("button", name="Download as PNG").focus()
    app.page.keyboard.press("Shift+Tab")
    app.page.keyboard.press("Tab")
    assert chart.get_by_role("button", name="Download as PNG").bounding_box()["width"] > 10
    app.page.mouse.move(0, 0)
    app.page.evaluate("document.activeElement.blur()")
    box = chart.locator("canvas").first.bounding_box()
    with app.page.expect_download(timeout=20_000) as waiting:
        app.page.mouse.click(box["x"] + box["width"] - 16, box["y"] + 16)
    assert waiting.value.suggested_filename == "simam-espresso-cup-layer2.1-attention-weight-histogram.png"


@pytest.mark.parametrize("view", ["gradcam_comparison", "gradcam_comparison?look=ablation"])
def test_no_column_of_a_report_is_cut_off(app: App, view: str, tmp_path: Path) -> None:
    app.open(f"{view}&size=96" if "?" in view else f"{view}?size=96")
    app.settled("Grad-CAM comparison")
    app.page.get_by_role("button", name="Take it home").click()
    with app.page.expect_download(timeout=60_000) as waiting:
        app.page.get_by_role("button", name="Report").click()
    waiting.value.save_as(tmp_path / "report.html")
    page = app.page.context.browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    tables = page.evaluate("[...document.querySelectorAll('.wide')].map(e => e.scrollWidth - e.clientWidth)")
    assert len(tables) >= 4 and max(tables) <= 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.close()


def tops(places: Locator) -> list[int]:
    return [round(place.bounding_box()["y"]) for place in places.all()]


def test_what_is_compared_stands_side_by_side(app: App) -> None:
    app.page.set_viewport_size({"width": 1280, "height": 720})
    app.open("gradcam_comparison")
    app.settled("Grad-CAM comparison")
    cards = app.page.locator("[class*=st-key-picture-cam-]")
    expect(cards).to_have_count(4)
    assert len(set(tops(cards))) == 1
    app.open("gradcam_comparison?look=blocks")
    app.settled("Grad-CAM comparison")
    for column in ("on", "uniform", "off", "twin"):
        blocks = app.page.locator(f"[class*=st-key-picture-strip-{column}-]")
        expect(blocks).to_have_count(8)
        assert len(set(tops(blocks))) == 1
    # A phone has room for them below each other.
    app.page.set_viewport_size({"width": 390, "height": 844})
    app.page.wait_for_timeout(500)
    rows = tops(app.page.locator("[class*=st-key-picture-strip-on-]"))
    assert [rows.count(top) for top in sorted(set(rows))] == [4, 4]
    app.open("gradcam_comparison")
    app.settled("Grad-CAM comparison")
    assert len(set(tops(cards))) == 4 and min(card.bounding_box()["width"] for card in cards.all()) > 250


def test_a_menu_finds_what_was_typed_and_nothing_else(app: App) -> None:
    app.open("")
    app.settled("Overview")
    menu = app.page.get_by_test_id("stSidebar").get_by_role("combobox", name="Target class")
    menu.click()
    menu.fill("spoon")
    expect(app.page.get_by_role("option")).to_have_text(["wooden spoon"])


def test_dimmed_is_said_where_something_is_dimmed(analysis: Analysis, loaded: LoadedCheckpoint) -> None:
    app = open_page("app.py", size="96")
    assert any("what is dimmed it never saw" in caption.value for caption in app.caption)
    square = Image.new("RGB", (90, 90), "teal")
    app.file_uploader(key="uploader").set_value(("square.png", encoded(square, "PNG"), "image/png")).run()
    assert not any("dimmed" in caption.value for caption in app.caption)
    assert any("The network sees all of it, at 96 × 96 pixels." in caption.value for caption in app.caption)
    assert "dimmed" not in parsed(report.html(analysis, loaded, square, "x")).text
    assert "dimmed" in parsed(report.html(analysis, loaded, Image.new("RGB", (90, 91)), "x")).text


@pytest.fixture(scope="module")
def analysis(loaded: LoadedCheckpoint, photo: Image.Image) -> Analysis:
    return simam_viz.analyze(loaded, photo, input_size=96)


def test_a_frame_around_nothing_is_the_work_of_padding(loaded: LoadedCheckpoint) -> None:
    """What is said of the first blocks, on a photo that holds nothing."""
    found = simam_viz.analyze(loaded, Image.new("RGB", (200, 200), (120, 120, 120)))
    for block in found.blocks[:4]:
        weights = block.attention.mean(dim=0)
        edge = torch.cat([weights[0], weights[-1], weights[1:-1, 0], weights[1:-1, -1]]).mean()
        assert edge > weights[2:-2, 2:-2].mean() + 0.02
    said = TERMS["padding"][0]
    for path, view, there in (
        ("app.py", {}, True), ("pages/attention_maps.py", {"block": "layer1.0"}, True),
        ("pages/attention_maps.py", {"block": "layer3.1"}, False),
        ("pages/attention_maps.py", {"block": "layer2.1", "level": "block"}, True),
    ):  # fmt: skip
        assert any(said in caption.value for caption in open_page(path, **view).caption) == there, (path, view)


def test_numbers_beside_charts_are_tables(analysis: Analysis) -> None:
    block = analysis.block("layer2.1")
    rows = {row["quantity"]: row for row in distribution(block, 3)}
    assert rows["energy"]["mean"] == pytest.approx(float(block.energy[3].mean()))
    assert rows["attention weight"]["neurons"] == block.attention[3].numel()
    (row,) = variances(block)
    assert row["of a variance below λ"] == int((block.variances < 0.1).sum()) and row["channels"] == 128
    assert re.fullmatch(r"[\w-]+", "-".join(TABLES)) and set(every_table(analysis)) == TABLES
