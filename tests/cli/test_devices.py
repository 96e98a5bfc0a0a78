"""Every command that takes --device computes there, and what it writes is what the processor gives."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from simam_viz.checkpoints.loaded import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.explain import film
from simam_viz.explain.evidence import training_evidence
from simam_viz.networks.shared import shared_copy, weights_hash
from simam_viz.photos.samples import list_samples
from tests.helpers import elsewhere

SAMPLE = list_samples()[0]


def moved(loaded: LoadedCheckpoint, device: str = "meta") -> LoadedCheckpoint:
    """The same network on the device that no machine has."""
    assert device == "meta"
    transforms = dataclasses.replace(loaded.transforms, device=device)
    return dataclasses.replace(loaded, model=elsewhere.moved(shared_copy(loaded.model)), transforms=transforms)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("simam_viz.cli.arguments", "simam_viz.draw.paper.making"):
        monkeypatch.setattr(f"{module}.on_device", moved)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two samples, one folder a class."""
    for sample, name in zip(list_samples(), ("lemon", "orange"), strict=False):
        (tmp_path / "photos" / name).mkdir(parents=True)
        shutil.copy(sample.path, tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.mark.usefixtures("there", "one_thread")
def test_analyze(tmp_path: Path, photos: Path) -> None:
    """A photo as on the processor; a folder, whose answers name the weights, with reports."""
    arguments = ["analyze", str(SAMPLE.path), "--size", "64", "--out"]
    folder = ["analyze", str(photos / "lemon"), "--size", "64", "--report", "--lambda", "x10", "--out"]
    with elsewhere.device():
        assert main([*arguments, str(tmp_path / "there"), "--device", "meta"]) == 0
        assert main([*folder, str(tmp_path / "folder"), "--device", "meta"]) == 0
    assert main([*arguments, str(tmp_path / "here")]) == 0
    ours, theirs = (json.loads((tmp_path / name / "top5.json").read_text()) for name in ("there", "here"))
    assert [one["name"] for one in ours["top5"]] == [one["name"] for one in theirs["top5"]]
    one, other = (np.load(tmp_path / name / "attention.npz") for name in ("there", "here"))
    for block in other.files:
        np.testing.assert_allclose(one[block], other[block], atol=1e-5)
    assert len(list((tmp_path / "folder").rglob("report.html"))) == 1


@pytest.mark.usefixtures("there")
def test_evaluate_and_figure(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with elsewhere.device():
        assert main(["evaluate", "--data", str(photos), "--size", "64", "--device", "meta"]) == 0
        figure = ["figure", str(SAMPLE.path), "--size", "64", "--out", str(tmp_path / "figure.png"), "--device", "meta"]
        assert main(figure) == 0
    assert "2 validation images at 64 px" in capsys.readouterr().out
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_what_the_app_computes(loaded: LoadedCheckpoint) -> None:
    image, stops = SAMPLE.image(), [None, 1e-4, 1.0]
    here = film.filmed(loaded, image, stops, input_size=64)
    measured = training_evidence(loaded, [image])
    with elsewhere.device():
        network = moved(loaded)
        assert weights_hash(network.model) == weights_hash(loaded.model)
        there = film.filmed(network, image, stops, input_size=64)
        assert training_evidence(network, [image]).verdict == measured.verdict
    for ours, theirs in zip(there, here, strict=True):
        assert ours.target == theirs.target and ours.said == pytest.approx(theirs.said, abs=1e-4)
        for one, other in zip(ours.weights, theirs.weights, strict=True):
            assert one.high == pytest.approx(other.high, abs=1e-4)
