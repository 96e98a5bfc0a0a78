"""Stops between two that look alike are told by these, and are what ``analyze`` says there, but for a level and a half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.app.lambdas import lambda_stops
from simam_viz.app.server.films import Making
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain import alike, film
from simam_viz.explain.film import Frame, Levels, Stop
from simam_viz.networks.lambdas import Times

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64


@pytest.fixture
def one() -> Frame:
    map_ = Levels(np.arange(6, dtype=np.uint8).reshape(2, 3) * 51, 0.5, 0.9)
    return Frame(1, 0.7, ((1, 0.7), (0, 0.3)), (map_,), (map_,), (2.0,))


def raised(map_: Levels, levels: int) -> Levels:
    return replace(map_, levels=np.maximum(map_.levels, map_.levels.dtype.type(levels)))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (lambda one: one, True),
        (lambda one: replace(one, weights=(raised(one.weights[0], 1),)), True),
        (lambda one: replace(one, weights=(raised(one.weights[0], 2),)), False),
        (lambda one: replace(one, cams=(raised(one.cams[0], 2),)), False),
        (lambda one: replace(one, weights=(replace(one.weights[0], high=0.91),)), False),
        (lambda one: replace(one, target=0), False),
        (lambda one: replace(one, said=0.701), False),
        (lambda one: replace(one, answers=((1, 0.7), (2, 0.3))), False),
        (lambda one: replace(one, answers=((1, 0.7), (0, 0.299))), False),
        (lambda one: replace(one, answers=((0, 0.3), (1, 0.7))), True),
        (lambda one: replace(one, cam_maxima=(2.01,)), True),
        (lambda one: replace(one, cam_maxima=(2.1,)), False),
        (lambda one: replace(one, maps=(one.cams[0],)), False),
        (lambda one: replace(one, channels=film.stacked(torch.rand(3, 4, 4))), False),
    ],
)
def test_stops_look_alike_when_no_screen_tells_them_apart(
    one: Frame, other: Callable[[Frame], Frame], same: bool
) -> None:
    assert alike.look_alike(one, other(one)) == alike.look_alike(other(one), one) == same


def test_channels_are_looked_at_each_by_its_own_scale() -> None:
    torch.manual_seed(3)
    maps = torch.rand(3, 4, 4)
    maps[2] *= 1e-3
    nothing = Frame(0, 0.0, (), (), (), (), channels=film.stacked(maps))
    assert alike.look_alike(nothing, replace(nothing, channels=film.stacked(maps * (1 + 1e-4))))
    moved = maps.clone()
    moved[2] = maps[2].flip(0)
    assert not alike.look_alike(nothing, replace(nothing, channels=film.stacked(moved)))


def test_what_lies_between_is_as_the_nearer_of_the_two(one: Frame) -> None:
    row: list[Stop] = [1.0, 2.0, 3.0, 4.0, 5.0]
    low, high = replace(one), replace(one)
    found = alike.between({1.0: low, 5.0: high}, row, row)
    assert list(found) == [2.0, 3.0, 4.0] and found[2.0] is found[3.0] is low and found[4.0] is high
    assert not alike.between({1.0: low, 5.0: replace(one, target=0)}, row, row)
    assert not alike.between({1.0: low, 5.0: high}, row, [2.0, 4.0])  # 3 is being made
    assert not alike.between({2.0: low, 3.0: high}, row, row)


def test_grad_cam_that_some_alone_have_is_told_of_no_other(one: Frame) -> None:
    row: list[Stop] = [1.0, 2.0, 3.0, 4.0]
    bare = replace(one, cams=(), cam_maxima=())
    found = alike.between({1.0: one, 4.0: bare}, row, row)
    assert found.keys() == {2.0, 3.0} and not any(frame.cams for frame in found.values())
    assert all(frame.weights == one.weights for frame in found.values())


def test_each_ones_own_lies_between_only_where_it_is_multiplied(one: Frame) -> None:
    own = replace(one)
    multiplied: list[Stop] = [Times(0.1), Times(0.5), None, Times(2), Times(10)]
    ends: dict[Stop, Frame] = {Times(0.1): one, Times(10): own}
    assert alike.between(ends, multiplied, multiplied).keys() == {Times(0.5), None, Times(2)}
    moved: list[Stop] = [None, 1.0, 2.0, 3.0]
    assert not alike.between({None: own, 2.0: one}, moved, moved)
    assert alike.between({None: own, 1.0: one, 3.0: one}, moved, moved).keys() == {2.0}


def test_coarse_steps_come_first_and_among_them_what_is_nearest() -> None:
    row = lambda_stops(0.1)
    wanted = film.nearest_first(row, 0.1, row)
    order = alike.coarse_first(wanted, row)
    assert sorted(order) == row
    assert set(order[:7]) == {*row[::8], row[-1]} and set(order[:12]) == {*row[::4], row[-1]}
    for start, end in ((0, 7), (12, 22), (22, 43)):
        assert order[start:end] == [stop for stop in wanted if stop in order[start:end]]


@pytest.mark.parametrize("kind", ["simam", "plain"])
def test_a_film_of_fewer_passes_is_what_analyze_says_at_every_stop(
    loaded: LoadedCheckpoint, photo: Image.Image, kind: str
) -> None:
    if kind == "plain":
        torch.manual_seed(1)
        loaded = simam_viz.wrap(simam_viz.create_model("resnet18", "none", 4).eval(), list("abcd"), SIZE)
    stops = lambda_stops(0.1)
    begun = film.film_of(simam_viz.analyze(loaded, photo, 0.1, input_size=SIZE), 0.1)
    making, passed = Making(begun, film.nearest_first(stops, 0.1, stops), stops, 4), set[Stop]()
    while (batch := making.next()) is not None:
        passed.update(batch)
        making.made(dict(zip(batch, film.filmed(loaded, photo, batch, input_size=SIZE), strict=True)))
    assert making.complete and list(making.film.frames) == stops
    assert len(passed) < 38
    told = [stop for stop in stops if stop not in passed and stop != 0.1]
    for stop in told[::3]:
        one, expected = making.film.frames[stop], film.frame(simam_viz.analyze(loaded, photo, stop, input_size=SIZE))
        assert one.target == expected.target and dict(one.answers).keys() == dict(expected.answers).keys()
        assert one.said == pytest.approx(expected.said, abs=6e-4)
        for mine, theirs in zip((*one.weights, *one.cams), (*expected.weights, *expected.cams), strict=True):
            span = max(mine.high - mine.low, theirs.high - theirs.low)
            assert np.abs(mine.values - theirs.values).max() <= 2 * span / 255 + 2e-3
