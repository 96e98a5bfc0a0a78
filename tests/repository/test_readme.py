"""README and docs are true: their Python runs as printed, their commands are understood, their figures are the cards'."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints import opening
from simam_viz.checkpoints.loading import class_index
from simam_viz.checkpoints.store import list_checkpoints
from simam_viz.cli import command_parser, main
from simam_viz.networks.architectures import create_model
from simam_viz.photos.samples import list_samples
from tests.helpers.project import ROOT

pytestmark = pytest.mark.usefixtures("one_thread")
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
OURS = re.compile(r"(?:\bpython -m simam_viz|^(?:\S+/)?simam-viz)\b(?P<words>[^#\n`]*)", re.M)
MEASURING = re.compile(r"python -m (?:simam_viz|benchmarks|tests\.long|docs\.\w+)|simam-viz ")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def commands(text: str) -> Iterator[list[str]]:
    """The words behind ``simam-viz``, or what else it is called, in blocks of shell."""
    for block in code(text, "bash"):
        for found in OURS.finditer(block.replace("\\\n", " ")):
            yield shlex.split(found["words"].replace("PHOTO…", "PHOTO").replace("$attention", "simam").split("&&")[0])


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 130
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", read("README.md"))
    assert (ROOT / picture).stat().st_size <= 3_000_000 and Image.open(ROOT / picture).n_frames >= 20
    twelve = code(read("README.md").split("## Python in twelve lines")[1], "python")[0]
    assert len([line for line in twelve.splitlines() if line.strip()]) <= 12


@pytest.mark.parametrize(
    ("page", "prints"),
    [
        (
            "README.md",
            [r"espresso\nlayer1\.0 \(64, 40, 40\)", r"8 attention modules[\s\S]*\[\('layer1\.0', 'simam', 0\.1\)\]\n$"],
        ),
        ("docs/python.md", [r"espresso[\s\S]*layer4\.1 \(512, 5, 5\)", "LayerCAM"]),
        (
            "docs/networks.md",
            [
                r"8 attention modules[\s\S]*\[\('layer1\.0', 'simam', 0\.1\)\]\n$",
                r"^\['features\.denseblock1\.denselayer1\.conv2', 'features\.denseblock1\.denselayer2\.conv2'\]\n$",
                r"11279112\n$",
            ],
        ),
    ],
)
def test_python_runs_as_printed(
    page: str,
    prints: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Block after block in one interpreter, as a reader would; only torchvision's downloads become random weights."""
    for name in ("assets", "simam_viz", "hubconf.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    blocks = code(read(page), "python")
    assert len(blocks) == len(prints)
    namespace: dict[str, object] = {}
    for block, printed in zip(blocks, prints, strict=True):
        exec(block.replace('weights="DEFAULT"', "weights=None"), namespace)
        assert re.search(printed, told := capsys.readouterr().out), told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path) -> None:
    """Every option is there and takes what stands behind it; so does the app's own command line."""
    text = page.read_text(encoding="utf-8").replace("$attention", "simam").replace("$seed", "1")  # of a shell's loop
    for words in commands(text):
        command_parser().parse_args(words)
    app = argparse.ArgumentParser(exit_on_error=False)
    app.add_argument("file", nargs="?")
    app.add_argument("--ray")
    opening.add_arguments(app)
    for words in re.findall(r"streamlit run app\.py -- ([^\n`#]+)", text):
        app.parse_args(shlex.split(words))


def test_the_commands_of_the_readme_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that take a moment; ``--report``, ``FOLDER`` and ``faithful`` have tests of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PHOTO").write_bytes(list_samples()[0].path.read_bytes())
    ran = []
    for words in commands(read("README.md")):
        quick = words[0] in ("checkpoints", "doctor", "figure") or words == ["analyze", "PHOTO", "--out", "DIR"]
        if quick:
            ran.append(words[0])
            assert main([*words, *(["--size", "64"] if words[0] == "figure" else [])]) == 0, words
    assert ran == ["analyze", "checkpoints", "figure", "doctor"]
    assert {path.name for path in Path("DIR").iterdir()} == {"overview.png", "attention.npz", "top5.json"}
    assert Path("fig.pdf").stat().st_size > 1000
    capsys.readouterr()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_was_measured_or_drawn_names_its_command(page: Path) -> None:
    """In the section where it stands."""
    for section in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.M):
        rows = [line for line in section.splitlines() if line.startswith("|") and re.search(r"\d[.,]\d", line)]
        pictures = re.findall(r"!\[[^]]*\]\([^)]+\)", section)
        if len(rows) > 2 or pictures:
            assert MEASURING.search(section), section.splitlines()[0]


@pytest.mark.parametrize(
    "name", ["one-photo", pytest.param("twins", marks=pytest.mark.long), pytest.param("depths", marks=pytest.mark.long)]
)
def test_a_figure_of_the_docs_comes_from_the_command_beside_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (words,) = [words for words in commands(read("docs/figures.md")) if f"assets/figures/{name}.png" in words]
    out = tmp_path / "figure.png"
    assert main([*words[: words.index("--out")], "--out", str(out)]) == 0
    made, shown = (np.asarray(Image.open(path).convert("L"), dtype=float) for path in (out, ROOT / words[-1]))
    assert made.shape == shown.shape and np.abs(made - shown).mean() < 2
    capsys.readouterr()


def test_what_a_page_links_to_is_there() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_public_name_has_an_entry() -> None:
    assert sorted(re.findall(r"^::: simam_viz\.(\w+)$", read("docs/reference.md"), re.M)) == sorted(simam_viz.__all__)


def test_the_citation_and_the_package_have_one_version() -> None:
    assert f"\nversion: {simam_viz.__version__}\n" in read("CITATION.cff")
    assert f"\n## {simam_viz.__version__}\n" in read("CHANGELOG.md")


def test_the_results_and_the_cards_tell_the_same() -> None:
    text = " ".join(read("docs/results.md").split())
    cards = [info.card for info in list_checkpoints()]

    def row(title: str, values: Iterable[float], digits: int = 2) -> None:
        assert f"{title} | {' | '.join(f'{value:,.{digits}f}' for value in values)} |" in text, title

    row("10,000 official validation images, top-1 (%)", [card.accuracy.top1 for card in cards])
    row("the same, top-5 (%)", [card.accuracy.top5 for card in cards])
    by_size = {
        "5,000 held-out images": [card.accuracy_by_input_size.values for card in cards],
        f"{cards[0].accuracy_on_sharp_photos.images} sharp photos": [c.accuracy_on_sharp_photos.values for c in cards],
    }
    means: dict[str, list[float]] = {}
    for title, values in by_size.items():
        for px in values[0]:
            means.setdefault(px, []).append(sum(one[px].top1 for one in values) / len(values))
        row(title, [found[-1] for found in means.values()])
    row("mean of both", [sum(both) / 2 for both in means.values()])
    size = str(cards[0].input_size)
    held_out, sharp = by_size.values()
    row("5,000 held-out images, top-1 (%)", [values[size].top1 for values in held_out])
    row("525 sharp, full-size photos, top-1 (%)", [values[size].top1 for values in sharp])
    errors = [f"{card.expected_calibration_error:.1f}, {card.temperature:.3f}" for card in cards]
    assert f"at the temperature | {' | '.join(errors)} |" in text
    for told in cards[0].sibling_differences:
        if told.decided:
            assert f"{told.difference:.2f}" in text and f"(+{told.low:.2f} to +{told.high:.2f})" in text.replace(
                "95 % interval ", ""
            )
    with torch.device("meta"):
        networks = [create_model(card.arch, card.attention, card.num_classes) for card in cards]
    counts = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    plain = counts[[card.attention for card in cards].index("none")]
    row(f"parameters more than the plain network's {plain / 1e6:.2f} M", [count - plain for count in counts], 0)


def test_the_results_say_how_many_samples_are_right() -> None:
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")
    loaded = simam_viz.load_checkpoint(list_checkpoints()[0].name)
    samples = list_samples()
    with torch.inference_mode():
        logits = loaded.model(torch.stack([loaded.transforms(sample.image()) for sample in samples]))
    right = sum(
        int(answer) in [class_index(name, loaded.categories) for name in sample.classes]
        for answer, sample in zip(logits.argmax(dim=1), samples, strict=True)
    )
    assert f"{words[right]} of the {words[len(samples)]} samples" in read("docs/results.md")


def test_the_chinese_derivation_has_the_same_formulas() -> None:
    def displayed(page: str) -> list[str]:
        return re.findall(r"\*\*\(D\d+\)\*\* \$\$.*?\$\$", read(page), re.S)

    assert (
        displayed("docs/zh/derivation.md") == displayed("docs/derivation.md")
        and len(displayed("docs/derivation.md")) == 18
    )


def test_the_chinese_readme_runs_the_same_commands_and_links_to_what_is_there() -> None:
    assert {block for block in code(read("README.zh-CN.md"), "bash")} <= set(code(read("README.md"), "bash"))
    for page in (ROOT / "README.zh-CN.md", *(ROOT / "docs" / "zh").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
    seed = ("空间抑制", "线性可分离性", "即插即用", "重新校准模块", "注意力权重", "能量函数", "神经元")
    assert all(f"| {term} |" in read("docs/zh/术语.md") for term in seed)
