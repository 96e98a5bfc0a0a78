"""The first sample is the one where attention and λ change most; before and after stand in one picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.app.lambdas import lambda_stops
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw import before_after, render
from simam_viz.photos.samples import Sample, list_samples


def change(loaded: LoadedCheckpoint, sample: Sample) -> float:
    compared = simam_viz.compare(loaded, sample.image())
    stops = lambda_stops()
    ends = simam_viz.analyze_lambdas(loaded, sample.image(), [stops[0], stops[-1]], compared["on"].target)
    return before_after.visible_difference(compared["on"], compared["off"], *ends)


@pytest.mark.long
def test_the_first_sample_is_the_one_that_changes_most(loaded: LoadedCheckpoint) -> None:
    changes = {sample.name: change(loaded, sample) for sample in list_samples()}
    assert list_samples()[0].name == max(changes, key=changes.__getitem__), changes
    assert all(0 < value < 1 for value in changes.values())


def test_nothing_changes_between_an_analysis_and_itself(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo, input_size=64)
    assert before_after.visible_difference(*[analysis] * 4) == 0


def test_it_counts_levels_and_probability(loaded: LoadedCheckpoint, noise: Image.Image) -> None:
    on, off, *_others = (simam_viz.compare(loaded, noise, input_size=64)[name] for name in ("on", "off"))
    low, high = simam_viz.analyze_lambdas(loaded, noise, [1e-6, 10.0], on.target, 64)

    def levels(map_: torch.Tensor, low: float, high: float) -> np.ndarray:
        return np.rint(np.clip((map_.numpy() - low) / (high - low), 0, 1) * 255)

    def apart(pair: list[list[torch.Tensor]], low: float = 0.0, high: float = 1.0) -> float:
        maps = zip(*pair, strict=True)
        return np.mean([np.abs(levels(a, low, high) - levels(b, low, high)).mean() / 255 for a, b in maps])

    cams = [[block.cam for block in analysis.blocks] for analysis in (on, off, low, high)]
    means = [[block.attention.mean(dim=0) for block in analysis.blocks] for analysis in (low, high)]
    floor = simam_viz.modules.formulas.ATTENTION_FLOOR
    pictures = np.mean([apart(cams[:2]), apart(cams[2:]), apart(means, floor, 0.8)])
    moved = [(a.probabilities - b.probabilities).clamp_min(0).sum() for a, b in ((on, off), (low, high))]
    assert np.isclose(before_after.visible_difference(on, off, low, high), (pictures + np.mean(moved)) / 2, atol=2e-3)


def test_before_and_after_are_what_heat_maps_and_differences_are_elsewhere(noise: Image.Image) -> None:
    before, after = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(1))
    view = noise.resize((96, 96))
    sheet = before_after.before_and_after(view, before, after, 606)
    assert sheet.size == (606, 200)
    panels = [np.asarray(sheet.crop((left, 0, left + 200, 200))) for left in (0, 203, 406)]
    assert (panels[0] == np.asarray(render.overlay(view, before, render.CAM_SCALE, 200))).all()
    assert (panels[1] == np.asarray(render.overlay(view, after, render.CAM_SCALE, 200))).all()
    assert (panels[2] == np.asarray(render.difference(view, after, before, render.DIFFERENCE_SCALE, 200))).all()


def test_the_block_that_changes_most_is_found(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    compared = simam_viz.compare(loaded, photo, input_size=96)
    on, off = compared["on"], compared["off"]
    changes = [float((a.cam - b.cam).abs().mean()) for a, b in zip(on.blocks, off.blocks, strict=True)]
    assert changes[before_after.most_changed(on, off)] == max(changes) > 0
