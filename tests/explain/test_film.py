"""The λ film says at every stop what ``analyze`` says there, but for 8 bits; and its bytes hold it."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.app.lambdas import lambda_stops
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain import film
from simam_viz.explain.blocks import Analysis
from simam_viz.explain.film import Frame, Stop
from simam_viz.networks.architectures import residual_blocks
from simam_viz.networks.lambdas import Times
from simam_viz.networks.shared import shared_copy

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64


@pytest.fixture(scope="module")
def mixed(loaded: LoadedCheckpoint) -> LoadedCheckpoint:
    """The bundled network, as if its blocks had been trained at different λ."""
    model = shared_copy(loaded.model)
    for number, block in enumerate(residual_blocks(model).values()):
        block.simam.e_lambda = 10.0 if number < 4 else 1e-4
    return dataclasses.replace(simam_viz.wrap(model, loaded.categories, SIZE), name="mixed")


def batches(stops: Sequence[Stop]) -> list[Sequence[Stop]]:
    return [stops[start : start + 8] for start in range(0, len(stops), 8)]


def shown(one: Frame, analysis: Analysis) -> None:
    """A frame shows what the analysis says, to half a level of its maps."""
    assert one.target == analysis.target
    assert one.said == pytest.approx(float(analysis.said[analysis.target]), abs=1e-4)
    answers = dict(one.answers)
    for index, _name, value in analysis.top(3):
        assert answers[index] == pytest.approx(value, abs=1e-4)
    for block, weights, cam, maximum in zip(analysis.blocks, one.weights, one.cams, one.cam_maxima, strict=True):
        mean = block.attention.mean(dim=0).numpy()
        assert np.abs(weights.values - mean).max() <= (weights.high - weights.low) / 255 / 2 + 1e-4
        assert np.abs(cam.values - block.cam.numpy()).max() <= 1 / 255 / 2 + 2e-3
        assert maximum == pytest.approx(block.cam_max, rel=1e-2, abs=1e-4)


def test_every_stop_is_what_analyze_says(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    stops = lambda_stops(0.1)[::2]
    for batch in batches(stops):
        for stop, one in zip(batch, film.filmed(loaded, photo, batch, input_size=SIZE), strict=True):
            shown(one, simam_viz.analyze(loaded, photo, stop, input_size=SIZE))


@pytest.mark.parametrize("stops", [[None, 0.001, 1.0], [Times(0.001), None, Times(1000.0)]], ids=["set", "multiplied"])
def test_modules_may_keep_their_own(mixed: LoadedCheckpoint, photo: Image.Image, stops: list[Stop]) -> None:
    for stop, one in zip(stops, film.filmed(mixed, photo, stops, input_size=SIZE), strict=True):
        shown(one, simam_viz.analyze(mixed, photo, stop, input_size=SIZE))


def test_a_held_target_is_held_and_a_free_one_is_what_each_stop_predicts(
    loaded: LoadedCheckpoint, noise: Image.Image
) -> None:
    stops = lambda_stops()[::6]
    held = film.filmed(loaded, noise, stops, target=7, input_size=SIZE)
    assert {one.target for one in held} == {7}
    free = film.filmed(loaded, noise, stops, input_size=SIZE)
    assert all(one.target == one.answers[0][0] for one in free)


def test_a_network_without_simam_has_what_it_would_do(photo: Image.Image) -> None:
    torch.manual_seed(1)
    plain = simam_viz.wrap(simam_viz.create_model("resnet18", "none", 4).eval(), list("abcd"), SIZE)
    first, last = film.filmed(plain, photo, [1e-6, 10.0])
    assert dict(first.answers) == pytest.approx(dict(last.answers))
    assert [one.cams[-1].levels.tolist() for one in (first, last)] == 2 * [first.cams[-1].levels.tolist()]
    for stop, one in ((1e-6, first), (10.0, last)):
        shown(one, simam_viz.analyze(plain, photo, stop))
    assert any((a.levels != b.levels).any() for a, b in zip(first.weights, last.weights, strict=True))
    assert all(station.hypothetical for station in film.film_of(simam_viz.analyze(plain, photo), None).stations)


def test_the_nearest_stops_come_first_and_none_is_left_out() -> None:
    order = lambda_stops(0.1)
    first = film.nearest_first(order, 0.1, order)
    assert first[0] == 0.1 and sorted(first) == order
    places = [abs(order.index(stop) - order.index(0.1)) for stop in first]
    assert places == sorted(places)


def test_what_would_be_too_much_is_made_at_fewer_stops() -> None:
    order = lambda_stops()
    assert film.stops_that_fit(order, 8500) == order
    few = film.stops_that_fit(order, 100_000)
    assert len(few) == film.MOST_BYTES // 100_000 and {order[0], order[-1]} <= set(few) and few == sorted(set(few))
    assert len(film.stops_that_fit(order, 10**9)) == 2


def test_blocks_of_one_map_size_are_one_stage(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    stations = film.film_of(simam_viz.analyze(loaded, photo, input_size=SIZE), 0.1).stations
    assert film.stages(stations) == [0, 0, 1, 1, 2, 2, 3, 3] and film.stages([]) == []


def test_the_bytes_hold_the_film(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo, 0.1, input_size=SIZE)
    stops: list[Stop] = [0.01, 0.1, 1.0]
    frames = dict(zip(stops, film.filmed(loaded, photo, stops, input_size=SIZE), strict=True))
    whole = film.film_of(analysis, 0.1).with_frames(frames, stops)
    assert list(whole.frames) == stops
    data = film.encoded(whole, {stop: f"{stop:g}" for stop in stops}, {"key": "k"})
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    assert header["key"] == "k" and [stop["key"] for stop in header["stops"]] == ["0.01", "0.1", "1"]
    at = 4 + length
    width, height = header["view"]
    assert (width, height) == analysis.view.size
    grey = np.frombuffer(data, np.uint8, width * height, at).reshape(height, width)
    assert (grey == np.asarray(analysis.view.convert("L"))).all()
    at += width * height
    shapes = [*(block["weights"] for block in header["blocks"]), *header["cams"]]
    for told, stop in zip(header["stops"], stops, strict=True):
        maps = [*frames[stop].weights, *frames[stop].cams]
        assert [*told["weights"], *told["cams"]] == [[map_.low, map_.high] for map_ in maps]
        for shape, map_ in zip(shapes, maps, strict=True):
            found = np.frombuffer(data, np.uint8, shape[0] * shape[1], at).reshape(shape)
            assert (found == map_.levels).all()
            at += found.size
    assert data[at : at + 2] == b"\xff\xd8"  # the view in colour, as JPEG
    again = film.encoded(whole, {stop: f"{stop:g}" for stop in stops}, {"key": "k"})
    assert again == data


def test_without_grad_cam_the_rest_is_the_same(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    stops: list[Stop] = [1e-6, 0.1, 10.0]
    whole = film.filmed(loaded, photo, stops, input_size=SIZE)
    for one, other in zip(film.filmed(loaded, photo, stops, input_size=SIZE, cams=False), whole, strict=True):
        assert one.cams == one.cam_maxima == () and len(one.weights) == len(other.weights) == 8
        assert one.target == other.target and one.said == pytest.approx(other.said, abs=1e-5)
        for mine, theirs in zip(one.weights, other.weights, strict=True):
            assert np.abs(mine.values - theirs.values).max() <= (theirs.high - theirs.low) / 255 + 1e-5


def test_the_bytes_of_stops_of_which_some_have_grad_cam(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    begun = film.film_of(simam_viz.analyze(loaded, photo, 0.1, input_size=SIZE), 0.1)
    (bare,) = film.filmed(loaded, photo, [1.0], input_size=SIZE, cams=False)
    data = film.encoded(begun.with_frames({1.0: bare}, [0.1, 1.0]), {0.1: "0.1", 1.0: "1"}, {})
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    assert [len(stop["cams"]) for stop in header["stops"]] == [8, 0] and len(header["cams"]) == 8
    last = 4 + length + math.prod(header["view"]) + begun.nbytes
    assert data[last : last + bare.weights[0].levels.size] == bare.weights[0].levels.tobytes()


def test_eight_bits_keep_a_flat_map_flat() -> None:
    flat = film.in_levels(torch.full((3, 4), 0.7))
    assert flat.low == flat.high == pytest.approx(0.7) and np.allclose(flat.values, 0.7)


def test_a_film_of_channels_is_what_analyze_says_of_each(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    stops = lambda_stops(0.1)[::6]
    for batch in batches(stops):
        for stop, one in zip(batch, film.filmed(loaded, photo, batch, input_size=SIZE, block="layer3.0"), strict=True):
            analysis = simam_viz.analyze(loaded, photo, stop, input_size=SIZE)
            expected = film.stacked(analysis.block("layer3.0").attention)
            assert one.weights == one.cams == one.cam_maxima == ()
            # Batches round otherwise than single images: a value on the edge between two levels may fall to either side.
            assert np.allclose(one.channels.low, expected.low, atol=1e-5)
            assert np.allclose(one.channels.high, expected.high, atol=1e-5)
            away = np.abs(one.channels.levels.astype(int) - expected.levels)
            wide = expected.high - expected.low > 1e-2
            assert wide.any() and away[wide].max() <= 1 and (away[wide] > 0).mean() < 0.01
            assert (film.in_levels(analysis.block("layer3.0").attention[7]).levels == expected[7].levels).all()


def test_the_bytes_hold_a_channel_at_every_stop(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    stops: list[Stop] = [0.01, 0.1, 1.0]
    whole = film.film_of(simam_viz.analyze(loaded, photo, 0.1, input_size=SIZE), 0.1, "layer3.0")
    frames = film.filmed(loaded, photo, stops, input_size=SIZE, block="layer3.0")
    whole = whole.with_frames(dict(zip(stops, frames, strict=True)), stops)
    data = film.encoded(whole.of_channel(7), {stop: f"{stop:g}" for stop in stops}, {})
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    one, rows, columns = header["channels"]
    assert one == 1 and (rows, columns) == frames[0].channels.levels.shape[1:] and header["blocks"] == []
    at = 4 + length + header["view"][0] * header["view"][1]
    for made in frames:
        low, high = struct.unpack_from("<2f", data, at)
        assert (low, high) == (made.channels[7].low, made.channels[7].high)
        found = np.frombuffer(data, np.uint8, rows * columns, at + 8).reshape(rows, columns)
        assert (found == made.channels[7].levels).all()
        at += 8 + rows * columns
    assert data[at : at + 2] == b"\xff\xd8"


def test_the_network_s_own_stop_is_among_those_that_fit() -> None:
    order = lambda_stops(0.1)
    few = film.stops_that_fit(order, 100_000)
    own = next(stop for stop in order if stop not in few)
    with_it = film.with_own(few, own, order)
    assert own in with_it and len(with_it) == len(few) and (with_it[0], with_it[-1]) == (order[0], order[-1])
    assert with_it == sorted(with_it) and film.with_own(few, few[2], order) == few
