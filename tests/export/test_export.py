"""What is taken home holds what was on screen: tables, tensors, pictures, a report that opens offline."""

from __future__ import annotations

import contextvars
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import simam_viz
from simam_viz import Analysis
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw import render
from simam_viz.draw.paper import panels
from simam_viz.export import files, report
from simam_viz.export.tables import csv_bytes, distribution, every_table
from simam_viz.export.tensors import every_tensor, npz_bytes
from simam_viz.wording import speak
from tests.helpers.made_up_language import BRACKETED, outside
from tests.helpers.take_home import parsed, read


@pytest.fixture(scope="module")
def analysis(loaded: LoadedCheckpoint, photo: Image.Image) -> Analysis:
    return simam_viz.analyze(loaded, photo, e_lambda=0.3, input_size=96)


def test_tables_hold_the_analysis(analysis: Analysis) -> None:
    tables = {name: read(csv_bytes(rows)) for name, rows in every_table(analysis).items()}
    assert list(tables) == ["classes", "blocks", "channels", "neurons"]
    probabilities = {int(row["index"]): float(row["probability"]) for row in tables["classes"]}
    assert len(probabilities) == 200
    np.testing.assert_allclose([probabilities[k] for k in range(200)], analysis.probabilities, rtol=1e-6)
    assert [row["block"] for row in tables["blocks"]] == [block.name for block in analysis.blocks]
    assert len(tables["channels"]) == sum(len(block.features) for block in analysis.blocks)
    block = analysis.block("layer2.1")
    row = next(row for row in tables["channels"] if (row["block"], row["channel"]) == ("layer2.1", "7"))
    assert float(row["variance"]) == pytest.approx(float(block.features[7].var()), rel=1e-4)
    assert float(row["highest weight"]) == pytest.approx(float(block.attention[7].max()), rel=1e-6)
    best = tables["neurons"][0]
    greatest = max(float(block.importance.max()) for block in analysis.blocks)
    assert float(best["importance"]) == pytest.approx(greatest, rel=1e-6)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula(text: str) -> None:
    (row,) = read(csv_bytes([{"a": text}]))
    assert row["a"] == "'" + text


def test_cells_survive_commas_quotes_and_lines() -> None:
    row = {"λ": -0.5, "text": 'a "b", c\nd', "n": 3}
    assert read(csv_bytes([row])) == [{"λ": "-0.5", "text": row["text"], "n": "3"}]


def test_every_tensor_is_there_and_explained(analysis: Analysis, loaded: LoadedCheckpoint) -> None:
    arrays = np.load(io.BytesIO(npz_bytes(every_tensor(analysis, loaded))))
    explanation = str(arrays["explanation"])
    for block in analysis.blocks:
        for name in ("features", "energy", "importance", "attention", "refined", "cam"):
            np.testing.assert_array_equal(arrays[f"{block.name}.{name}"], getattr(block, name))
    np.testing.assert_array_equal(arrays["view"], np.asarray(analysis.view))
    for name in set(arrays.files) - {"explanation"}:
        assert f"{name} {arrays[name].shape} {arrays[name].dtype}: " in explanation
    assert "λ = 0.3" in explanation and "hypothetical" not in explanation


def test_pictures_are_those_of_the_figure(analysis: Analysis, loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    pictures = {name: Image.open(io.BytesIO(data)) for name, data in files.pictures(analysis, loaded, photo).items()}
    assert len(pictures) == 7 * len(analysis.blocks)
    expected = panels.over_photo(photo, seen(photo), analysis.block("layer3.0").cam, render.CAM_SCALE, 10_000)
    assert expected.size == (min(photo.size),) * 2, "at the photo's own resolution"
    picture = pictures["layer3.0-grad-cam"].convert("RGB")
    side = round((88 - 0.8) / 25.4 * 300)  # below the title, between two edges
    top = next(
        y
        for y in range(picture.height)
        if np.ptp(np.asarray(picture)[y, 200:-200].astype(int), axis=0).max() > 60 and y > 45
    )
    drawn = picture.crop((5, top, 5 + side, top + side)).resize((96, 96), Image.Resampling.BOX)
    apart = np.abs(
        np.asarray(drawn, dtype=float) - np.asarray(expected.resize((96, 96), Image.Resampling.BOX), dtype=float)
    )
    assert apart.mean() < 6
    assert pictures["layer3.0-channels-attention-weight"].width > 200


def seen(photo: Image.Image) -> tuple[float, float, float, float]:
    side = min(photo.size)
    left, top = (photo.width - side) / 2, (photo.height - side) / 2
    return left, top, left + side, top + side


def test_files_are_written_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"0")
    real = Path.write_bytes

    def full_disk(path: Path, data: bytes) -> int:
        if data == b"2":
            real(path, b"")
            raise OSError("No space left on device")
        return real(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(OSError, match="space"):
            files.write({"a": b"1", "c/d": b"2"}, tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"0"
    assert files.write({"a": b"1", "c/d": b"2"}, tmp_path) == [tmp_path / "a", tmp_path / "c/d"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a", "d"]


def test_the_report_is_complete_in_itself(analysis: Analysis, loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    html = report.html(analysis, loaded, photo, "A <script>alert(1)</script> & co", " (photo: x)")
    page = parsed(html)
    assert "script" not in page.tags and "link" not in page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(rb"url\(|@import|https?:", html)
    assert "A <script>alert(1)</script> & co (photo: x)" in page.text
    assert "λ" in page.text and "0.3 (trained with 0.1)" in page.text and simam_viz.__version__ in page.text
    assert loaded.name in page.text and analysis.top(1)[0][1].split(",")[0] in page.text
    pictures = dict(page.pictures)
    for block in analysis.blocks:
        data = pictures[f"Grad-CAM at {block.name} over the photo"]
        expected = panels.over_photo(photo, seen(photo), block.cam, render.CAM_SCALE, 360)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), expected)
        assert f"{float(block.attention.mean()):.4f}" in page.text
    assert "Hypothetical" not in page.text
    assert f"--lambda 0.3 --target {analysis.target} --size 96" in page.text


def test_a_network_without_simam_is_said_to_be_hypothetical(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    off = simam_viz.explain.variants.with_attention(loaded, "off")
    analysis = simam_viz.analyze(off, photo, input_size=96)
    assert "Hypothetical" in parsed(report.html(analysis, off, photo, "x")).text
    assert "hypothetical" in str(every_tensor(analysis, off)["explanation"])


def test_weights_that_never_saw_simam_are_marked_in_the_tensors(analysis: Analysis, loaded: LoadedCheckpoint) -> None:
    for trained, words in ((False, "weights that never saw SimAM"), (None, "training with SimAM not known")):
        other = replace(loaded, card=loaded.card | {"trained_with_simam": trained})
        assert words in str(every_tensor(analysis, other)["explanation"])


def test_the_report_and_the_tensors_are_said_in_the_language_of_whoever_asks(
    analysis: Analysis, loaded: LoadedCheckpoint, photo: Image.Image
) -> None:
    def said() -> tuple[str, str]:
        speak(BRACKETED)
        page = report.OnScreen("⟦Overview⟧", {"⟦Block⟧": "layer1.0"}, {"⟦Neurons⟧": distribution(analysis.blocks[0])})
        html = report.html(analysis, loaded, photo, "⟦Espresso⟧", on_screen=page).decode()
        return html, str(every_tensor(analysis, loaded)["explanation"])

    html, explanation = contextvars.copy_context().run(said)
    parts = re.findall(
        r'<(?:title|h1|h2|h3|th|p class="note"|strong)[^>]*>(.+?)</|alt="([^"]*)"|<tr><td>([^<]*)</td>', html
    )
    found = [text for part in parts for text in part if text]
    data = {*(block.name for block in analysis.blocks), *(name.split(",")[0] for _, name, _ in analysis.top())}
    assert len(found) > 50 and {text for text in found if outside(text)} <= data
    assert f"⟦0.3 (trained with {loaded.e_lambda:g})⟧" in html
    head, arrays = explanation.split("\n\n")
    assert not outside(head) and not [line for line in arrays.splitlines() if outside(line.partition(": ")[2])]
