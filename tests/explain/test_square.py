"""Every way to analyse a photo sees the square that was asked for, and says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain.ablation import ablate_blocks
from simam_viz.explain.survey import Subject, findings

SQUARE = (90, 20, 150)


@pytest.fixture
def part(photo: Image.Image) -> Image.Image:
    left, top, side = SQUARE
    return photo.crop((left, top, left + side, top + side))


def test_analyze_sees_the_square_and_no_more(loaded: LoadedCheckpoint, photo: Image.Image, part: Image.Image) -> None:
    expected = simam_viz.analyze(loaded, part, input_size=64)
    for found in (
        simam_viz.analyze(loaded, photo, input_size=64, square=SQUARE),
        simam_viz.analyze_lambdas(loaded, photo, [None], input_size=64, square=SQUARE)[0],
        simam_viz.analyze_together([(loaded, None)], photo, input_size=64, square=SQUARE)[0],
        simam_viz.compare(loaded, photo, input_size=64, square=SQUARE)["on"],
    ):
        assert found.square == SQUARE and found.view == expected.view
        torch.testing.assert_close(found.logits, expected.logits)
    assert simam_viz.analyze(loaded, photo, input_size=64).square is None


def test_the_whole_photo(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo, input_size=64, square="whole")
    assert analysis.square == "whole" and photo.width != photo.height
    bands = np.asarray(
        analysis.view if photo.width > photo.height else analysis.view.transpose(Image.Transpose.TRANSPOSE)
    )
    assert np.ptp(bands[:2].reshape(-1, 3), axis=0).max() == 0 < np.ptp(bands[30:34].reshape(-1, 3), axis=0).min()


def test_ablation_and_faithfulness_see_it_too(loaded: LoadedCheckpoint, photo: Image.Image, part: Image.Image) -> None:
    one, other = (
        ablate_blocks(loaded, photo, input_size=64, square=SQUARE),
        ablate_blocks(loaded, part, input_size=64),
    )
    assert one.target == other.target and one.on == pytest.approx(other.on, rel=1e-4)
    assert one.off == pytest.approx(other.off, rel=1e-3, abs=1e-6)
    target = other.target
    block = simam_viz.analyze(loaded, part, input_size=64).blocks[-1].name

    def drops(subject: Subject) -> list[float]:
        found = findings({"on": (loaded, None)}, [subject], block, ["Grad-CAM"], 64, steps=4)
        return [one.measures.score for one in found if one.measures is not None]

    squared = drops(Subject("a", photo, target, SQUARE))
    assert squared and squared == pytest.approx(drops(Subject("a", part, target)), abs=1e-4)


def test_a_tensor_has_no_square(loaded: LoadedCheckpoint) -> None:
    with pytest.raises(ValueError, match="no square of it can be chosen"):
        simam_viz.analyze(loaded, torch.zeros(1, 3, 64, 64), square=SQUARE)
