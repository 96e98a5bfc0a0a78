"""What is taken home holds what its label says, on every page; nothing is empty, and nothing is cut off."""

from __future__ import annotations

import ast
import io
import re
import zipfile

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz import Analysis
from simam_viz.app import scene
from simam_viz.app.pages import PAGES
from simam_viz.app.widgets.glossary import TERMS
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.export import report
from simam_viz.export.tables import TABLES, distribution, every_table, variances
from tests.helpers.image_bombs import encoded
from tests.helpers.pages import checked, drop, open_page
from tests.helpers.project import ROOT
from tests.helpers.take_home import parsed, read

SHORT_FORM = ("app.py",)
VIEWS = [
    *(pytest.param(path, {}, marks=[] if path in SHORT_FORM else pytest.mark.long) for path in PAGES),
    *(
        pytest.param(path, view, marks=pytest.mark.long)
        for path, view in (
            *(("pages/attention_maps.py", {"level": level}) for level in ("network", "block")),
            *(("pages/gradcam_comparison.py", {"look": look}) for look in ("blocks", "faithful", "ablation")),
            ("pages/energy_function.py", {"neuron": "photo"}),
            ("pages/energy_histograms.py", {"of": "channel", "compare": "another"}),
        )
    ),
]  # fmt: skip


def buttons(app: AppTest) -> dict[str, bool]:
    """The labels of what can be taken home, and whether they can be clicked."""
    found = [button.proto for button in app.get("download_button") if "take-" in button.proto.id]
    return {proto.label: not proto.disabled for proto in found}


@pytest.mark.parametrize(("path", "view"), VIEWS)
def test_every_label_says_what_is_in_its_file(path: str, view: dict[str, str]) -> None:
    app = open_page(path, size="96", **view)
    now = app.session_state["takeaway"]
    offered = buttons(app)
    pictures = zipfile.ZipFile(io.BytesIO(now.made("pictures"))).namelist()
    tables = zipfile.ZipFile(io.BytesIO(now.made("tables")))
    charts = zipfile.ZipFile(io.BytesIO(now.made("charts"))).namelist()
    assert len(offered) == (5 if charts else 4)
    if charts:
        assert offered[f"Charts of this page ({len(charts) // 2}, as PDF and SVG)"]
    if pictures:
        assert offered[f"Pictures of this page ({len(pictures)} PNG)"]
    else:
        assert offered["No pictures on this page"] is False
    assert offered[f"Tables ({len(tables.namelist())} CSV)"]
    for name in tables.namelist():
        assert read(tables.read(name)), f"{name} is empty"
    text = parsed(now.made("report")).text
    assert f"On the page “{PAGES[path][0]}”" in text
    for control in [*app.main.selectbox, *app.main.number_input, *app.main.segmented_control, *app.main.toggle]:
        if str(control.key).startswith("control-"):
            assert control.label in text, f"the report does not say what {control.label} is set to"
    for rows in now.shown.tables.values():
        for row in rows:
            for value in row.values():
                assert (f"{value:.4g}" if isinstance(value, float) else str(value)) in text or isinstance(
                    value, int | None
                )


def test_the_report_of_a_comparison_holds_it(loaded: LoadedCheckpoint) -> None:
    app = open_page(
        "pages/gradcam_comparison.py",
        size="96",
        block="layer3.1",
        against="lemon",
        second="uniform",
        columns="uniform,off,twin",
    )
    now = app.session_state["takeaway"]
    analyses = simam_viz.compare(loaded, simam_viz.photos.samples.list_samples()[0].image(), input_size=96)
    rows = {row["network"]: row for row in now.shown.tables["comparison"]}
    for title, column in (("Attention on", "on"), ("Uniform over positions", "uniform"), ("Switched off", "off")):
        assert rows[title]["probability"] == pytest.approx(analyses[column].top(1)[0][2], rel=1e-3)
    assert "The twin" in rows and all("lead over lemon (logits)" in row for row in rows.values())
    text = parsed(now.made("report")).text
    assert (
        "Contrast with" in text
        and "lemon" in text
        and f"{now.shown.tables['difference'][0]['correlation']:.4g}" in text
    )


@pytest.mark.long
def test_the_report_of_an_ablation_holds_its_table() -> None:
    now = open_page("pages/gradcam_comparison.py", size="96", look="ablation").session_state["takeaway"]
    text = parsed(now.made("report")).text
    assert len(now.shown.tables["ablation"]) == 8
    for row in now.shown.tables["ablation"]:
        assert f"{row['uniform']:.4g}" in text and f"{row['points when off']:.4g}" in text


@pytest.mark.long
def test_a_sweep_and_what_was_measured_are_in_the_report() -> None:
    app = checked(open_page("app.py", size="96").switch_page("pages/lambda_sweep.py").run())
    app.button(key="sweep-start").click().run()
    for _ in range(200):
        if app.dataframe:
            break
        checked(app.run())
    now = app.session_state["takeaway"]
    page = parsed(now.made("report"))
    for row in now.shown.tables["sweep"][::10]:
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
        "sweep" not in now.shown.tables
        and f"{now.shown.tables['faithful'][0]['deletion']:.4g}" in parsed(now.made("report")).text
    )


def test_a_click_in_the_middle_of_a_run_gives_the_page_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("pages/attention_maps.py", size="96")
    whole = app.session_state["takeaway"].shown
    seen = []

    def look(view: scene.Scene) -> str:
        given = app_state["takeaway"].shown
        seen.append((given is whole, len(given.pictures), len(view.shown.pictures)))
        return ""

    app_state = app.session_state
    monkeypatch.setattr(scene.Scene, "hypothetical", property(look))
    checked(app.select_slider(key="control-lambda").set_value(1.0).run())
    assert all(known and total == len(whole.pictures) for known, total, _ in seen)
    assert any(0 < drawn < len(whole.pictures) for _, _, drawn in seen)
    assert app.session_state["takeaway"].shown is not whole


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


@pytest.mark.long
def test_dimmed_is_said_where_something_is_dimmed(analysis: Analysis, loaded: LoadedCheckpoint) -> None:
    app = open_page("app.py", size="96")
    assert any("what is dimmed it never saw" in caption.value for caption in app.caption)
    square = Image.new("RGB", (90, 90), "teal")
    drop(app, "uploader", "square.png", encoded(square, "PNG"), "image/png")
    assert not any("dimmed" in caption.value for caption in app.caption)
    assert any("The network sees all of it, at 96 × 96 pixels." in caption.value for caption in app.caption)
    assert "dimmed" not in parsed(report.html(analysis, loaded, square, "x")).text
    assert "dimmed" in parsed(report.html(analysis, loaded, Image.new("RGB", (90, 91)), "x")).text


@pytest.fixture(scope="module")
def analysis(loaded: LoadedCheckpoint, photo: Image.Image) -> Analysis:
    return simam_viz.analyze(loaded, photo, input_size=96)


@pytest.mark.long
def test_a_frame_around_nothing_is_the_work_of_padding(loaded: LoadedCheckpoint) -> None:
    """What is said of the first blocks, on a photo that holds nothing."""
    found = simam_viz.analyze(loaded, Image.new("RGB", (200, 200), (120, 120, 120)))
    for block in found.blocks[:4]:
        weights = block.attention.mean(dim=0)
        edge = torch.cat([weights[0], weights[-1], weights[1:-1, 0], weights[1:-1, -1]]).mean()
        assert edge > weights[2:-2, 2:-2].mean() + 0.015
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
