"""python -m simam_viz: files that hold what analyze says, and one sentence for what went wrong."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints import store
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import doctor_command, main
from simam_viz.draw.paper import looks
from simam_viz.photos.samples import list_samples
from tests.helpers.project import ROOT


def test_analyze_writes_the_picture_the_weights_and_the_answer(tmp_path: Path, loaded: LoadedCheckpoint) -> None:
    sample = list_samples()[0]
    result = subprocess.run(
        [sys.executable, "-m", "simam_viz", "analyze", sample.path, "--out", tmp_path / "a" / "b"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    analysis = simam_viz.analyze(loaded, sample.image())
    assert analysis.top(1)[0][1] in result.stdout
    folder = tmp_path / "a" / "b"
    assert {path.name for path in folder.iterdir()} == {"overview.png", "attention.npz", "top5.json"}
    weights = np.load(folder / "attention.npz")
    assert weights.files == [block.name for block in analysis.blocks]
    for block in analysis.blocks:
        np.testing.assert_allclose(weights[block.name], block.attention, rtol=1e-4, atol=1e-5)
    answer = json.loads((folder / "top5.json").read_text(encoding="utf-8"))
    assert [entry["index"] for entry in answer["top5"]] == [index for index, *_ in analysis.top(5)]
    assert answer["e_lambda"] == 0.1 and answer["checkpoint"] == loaded.name
    assert Image.open(folder / "overview.png").width > 1000


def test_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = str(list_samples()[0].path)
    assert (
        main(["analyze", sample, "--out", str(tmp_path), "--lambda", "0.5", "--target", "Lemon", "--size", "96"]) == 0
    )
    answer = json.loads((tmp_path / "top5.json").read_text(encoding="utf-8"))
    assert (answer["e_lambda"], answer["target"]["name"], answer["input_size"]) == (0.5, "lemon", 96)


@pytest.mark.parametrize(
    "arguments",
    [
        [__file__],
        ["no-such-photo.jpg"],
        ["PHOTO", "--target", "unicorn"],
        ["PHOTO", "--target", "200"],
        ["PHOTO", "--lambda", "0"],
        ["PHOTO", "--checkpoint", "nothing"],
        ["PHOTO", "--size", "5"],
    ],
    ids=lambda arguments: arguments[-1],
)
def test_what_went_wrong_is_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(list_samples()[0].path) if a == "PHOTO" else a for a in arguments]
    assert main(["analyze", *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("simam_viz: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_checkpoints_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(tmp_path))
    (tmp_path / "plain.pth").write_bytes(b"")
    (tmp_path / "plain.json").write_text('{"attention": "none", "e_lambda": 0.1}')
    assert main(["checkpoints"]) == 0
    told = capsys.readouterr().out
    default_name = simam_viz.list_checkpoints()[0].name
    default, mine = (re.search(rf"^{name}\n((?:    .*\n)+)", told, re.M)[1] for name in (default_name, "plain"))
    assert "never trained with SimAM" in mine and "never trained" not in default
    assert "λ = 0.1" in default and "λ" not in mine


def test_doctor_says_what_is_here_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for info in simam_viz.list_checkpoints()[:2]:
        for path in (info.path, info.path.with_suffix(".json")):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.setattr(store, "BUNDLED_FOLDER", tmp_path)
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setattr(doctor_command, "_OPTIONAL", {"no-such-package": "nothing"})
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert f"SimAM Viz {simam_viz.__version__}, a clone in {ROOT}" in told and f"torch {torch.__version__}"[:8] in told
    assert f"PyTorch computes with {torch.get_num_threads()}" in told
    assert f"weights of your own: {tmp_path / 'mine'} (not there)" in told
    missing = told.split("\nMissing\n")[1]
    assert re.findall(r"the network (\w+)_resnet18", missing) == ["se", "cbam", "eca"]
    assert "no-such-package, for nothing" in missing and "which is needed" not in missing


@pytest.mark.parametrize("installed", [True, False])
def test_doctor_knows_every_package_that_is_needed(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    more = [f"{line}; extra == 'dev'" for line in project["optional-dependencies"]["dev"]]

    def requires(name: str) -> list[str]:
        if not installed:
            raise doctor_command.metadata.PackageNotFoundError(name)
        return [*project["dependencies"], *more]

    monkeypatch.setattr(doctor_command.metadata, "requires", requires)
    assert doctor_command.required() == [re.split("[<>=]", line)[0] for line in project["dependencies"]]


def test_weights_that_never_saw_simam_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(simam_viz.create_model("resnet18", "none", 3).state_dict(), tmp_path / "plain.pth")
    (tmp_path / "plain.json").write_text('{"trained_with_simam": false, "input_size": 64}')
    photo = str(list_samples()[0].path)
    assert main(["analyze", photo, "--checkpoint", str(tmp_path / "plain.pth"), "--out", str(tmp_path / "out")]) == 0
    assert "weights that never saw SimAM" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "top5.json").read_text())["trained_with_simam"] is False


@pytest.mark.long
def test_faithful_measures_a_network_and_its_twin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    samples = {sample.name: sample for sample in list_samples()}
    folders = {"espresso": samples["espresso-cup"], "coral reef": samples["coral-reef"]}
    for name, sample in folders.items():
        (folder := tmp_path / name).mkdir()
        image = sample.image()
        for number in range(3):
            image.rotate(5 * number).save(folder / f"{number}.png")
    (tmp_path / "espresso" / "9.png").write_bytes(b"not a photo")
    arguments = ["faithful", "--data", str(tmp_path), "--block", "layer3.1", "--size", "64", "--photos", "9"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "espresso/9.png" in err, "what cannot be read is named, and the rest is measured"
    names = [info.name for info in simam_viz.list_checkpoints()[:2]]
    assert re.findall(r"(\w+-\w+), (Grad-CAM|random|centre)", out) == [
        (name, kind) for name in names for kind in ("Grad-CAM", "random", "centre")
    ]
    found = []
    loaded = simam_viz.load_checkpoint(names[1])
    for name in folders:
        target = next(i for i, c in enumerate(loaded.categories) if name in c.split(", "))
        for number in range(3):
            image = simam_viz.open_image(tmp_path / name / f"{number}.png")
            analysis = simam_viz.analyze(loaded, image, target=target, input_size=64)
            maps = {"map": analysis.block("layer3.1").cam}
            found += [measures for _, measures in simam_viz.faithfulness(loaded, analysis, maps)]
    expected = simam_viz.explain.metrics.mean(found)
    row = next(line for line in out.splitlines() if line.endswith(f"  {names[1]}, Grad-CAM")).split()
    assert row[:3] == ["6", "of", "6"]
    assert float(row[3].rstrip("%")) == pytest.approx(100 * expected.probability, abs=0.02)
    assert [float(value) for value in row[4:6]] == pytest.approx([expected.deletion, expected.insertion], abs=2e-4)
    assert f"Does it look elsewhere than {names[1]}? The two maps correlate by" in out
    assert "6 photos can be put to both" in out and out.count("95 % interval") == 2

    for wrong, said in (
        (["--block", "layer9.0"], "no block 'layer9.0'"),
        (["--photos", "0"], "at least 1"),
        (["--checkpoint", names[1], "--networks", "off"], "has no off"),
    ):
        assert main([*arguments, *wrong]) == 2
        assert said in capsys.readouterr().err
    assert main(["faithful", "--data", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize(
    ("started", "called"),
    [
        ("/usr/bin/simam-viz", "simam-viz"),
        (r"simam-viz.exe", "simam-viz"),
        ("/somewhere/simam_viz/__main__.py", "python -m simam_viz"),
    ],
)
def test_help_names_the_command_as_it_was_started(
    started: str, called: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "--help"])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().out
    assert told.startswith(f"usage: {called} [-h]")
    assert "{app,analyze,checkpoints,train,card,evaluate,faithful,figure,doctor}" in told


def test_a_figure_is_written_with_its_caption_and_made_again_from_its_description(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "espresso-cup",
        "--size",
        "64",
        "--networks",
        "on,off",
        "--show",
        "photo,cam,difference",
        "--width",
        "88",
    ]
    assert main(["figure", *arguments, "--out", str(tmp_path / "a.pdf")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.pdf", "a.txt", "a.tex", "a.md", "a.json"}
    told = (tmp_path / "a.txt").read_text(encoding="utf-8")
    assert "--networks on,off --show photo,cam,difference" in told and "Grad-CAM" in told
    assert main(["figure", "--from", str(tmp_path / "a.json"), "--out", str(tmp_path / "b.pdf")]) == 0
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    capsys.readouterr()


OWN_CODE = """
import torch
import simam_viz

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), simam_viz.SimAM(0.1), torch.nn.Conv2d(8, 8, 3), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(8, 3),
    )
"""


@pytest.mark.long
def test_a_figure_of_a_network_of_ones_own_is_made_again_by_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mycode.py").write_text(OWN_CODE, encoding="utf-8")
    own = ["--network", "mycode.py:make", "--categories", "cat,dog,a bee", "--input-size", "64", "--mean=-0.1,0.2,0.3"]
    asked = ["--networks", "on,off", "--show", "photo,weight,cam", "--target", "a bee", "--std", "1,1,1"]
    assert main(["figure", "espresso-cup", *own, *asked, "--out", "a.pdf"]) == 0
    told = Path("a.txt").read_text(encoding="utf-8")
    assert "mycode.py:make, weights as its code makes them, λ = 0.1" in told and "“a bee”" in told
    command = shlex.split(told.strip().splitlines()[-1])
    assert command[:4] == ["python", "-m", "simam_viz", "figure"] and set(own) <= set(command)
    assert main([*command[3:-1], "b.pdf"]) == 0
    # No description runs code that nobody named.
    capsys.readouterr()
    assert main(["figure", "--from", "a.json", "--out", "c.pdf"]) == 2
    assert "a.json names code, which would be run: mycode.py:make." in capsys.readouterr().err
    assert not Path("c.pdf").exists()
    assert main(["figure", "--from", "a.json", *own, "--std", "1,1,1", "--out", "c.pdf"]) == 0
    assert Path("a.pdf").read_bytes() == Path("b.pdf").read_bytes() == Path("c.pdf").read_bytes()
    # Another network takes its place.
    assert (
        main(["figure", "--from", "a.json", "--network", "authors:cifar/resnet20", "--target", "cat", "--out", "d.pdf"])
        == 0
    )
    assert "authors:cifar/resnet20" in Path("d.txt").read_text(encoding="utf-8")
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        ["espresso-cup", "--weights", "a.pt", "--out", "a.pdf"],
        ["espresso-cup", "--network", "nowhere.py:make", "--out", "a.pdf"],
        ["espresso-cup", "--network", "authors:cifar/resnet20", "--checkpoint", "a", "--out", "a.pdf"],
        ["espresso-cup", "--out", "a.doc"],
        ["no-such-photo.jpg", "--out", "a.pdf"],
        [__file__, "--out", "a.pdf"],
        ["--out", "a.pdf"],
        ["espresso-cup", "--block", "layer9", "--size", "64", "--out", "a.pdf"],
        ["espresso-cup", "--target", "unicorn", "--size", "64", "--out", "a.pdf"],
        ["espresso-cup", "--networks", "nothing", "--out", "a.pdf"],
        ["espresso-cup", "--from", __file__, "--out", "a.pdf"],
    ],
)
def test_a_figure_that_cannot_be_made_ends_in_one_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["figure", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("simam_viz: ") and error.count("\n") == 1 and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    analysed: list[object] = []
    looked = looks.contrasted

    def contrasted(*arguments: object, **question: object) -> object:
        if len(analysed) == 1:
            analysed.append(None)
            raise KeyboardInterrupt
        analysed.append(arguments)
        return looked(*arguments, **question)

    monkeypatch.setattr(looks, "contrasted", contrasted)
    command = [
        "figure",
        "espresso-cup",
        "chelsea-the-cat",
        "--size",
        "64",
        "--show",
        "cam",
        "--out",
        str(tmp_path / "a.pdf"),
    ]
    assert main(command) == 130
    assert "1 part is kept in" in capsys.readouterr().err and not (tmp_path / "a.pdf").exists()
    assert main(command) == 0 and len(analysed) == 3, "the first photo was not looked at again"
    assert (tmp_path / "a.pdf").exists() and not list((tmp_path / "cache" / "simam_viz" / "figures").iterdir())


def test_a_reader_that_has_enough_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["checkpoints"]) == 141
        print("what Python writes at its end is no error either", flush=True)
    assert capfd.readouterr().err == ""
