"""The film of heat maps side by side shows at every stop what ``compare`` says there, but for 8 bits."""

from __future__ import annotations

import dataclasses
import json
import struct

import numpy as np
import pytest
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain import film, variants
from simam_viz.explain.blocks import Analysis
from simam_viz.explain.compared_film import Comparison, HeatMapAt, Question
from simam_viz.explain.film import Frame
from simam_viz.photos.samples import list_samples

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE, BLOCK = 64, "layer3.1"
STOPS = [1e-5, 0.1, 10.0]
COLUMNS = ("on", "uniform", "off", "twin", "se")
HALF_A_LEVEL = 1 / 255 / 2 + 2e-3


@pytest.fixture(scope="module")
def others() -> dict[str, LoadedCheckpoint]:
    names = {"twin": "resnet18-tinyimagenet", "se": "se_resnet18-tinyimagenet"}
    return {name: simam_viz.load_checkpoint(file) for name, file in names.items()}


def asked(
    loaded: LoadedCheckpoint,
    photo: Image.Image,
    others: dict[str, LoadedCheckpoint],
    method: str = "Grad-CAM",
    target: int | None = None,
    against: int | None = None,
    fixed_mean: bool = False,
) -> tuple[Question, dict[float, dict[str, Analysis]]]:
    """A question, and at every stop what ``compare`` answers."""
    there = variants.variants(loaded, others["twin"], fixed_mean=fixed_mean, siblings={"se": lambda: others["se"]})
    maps = tuple(HeatMapAt(column, block) for column in COLUMNS for block in (BLOCK, "layer1.0"))
    question = Question(loaded, photo, there, maps, method, target, against, SIZE, None)

    def at(stop: float) -> dict[str, Analysis]:
        explained = target
        if explained is None:  # what the network as it is predicts, as on the page
            explained = simam_viz.analyze(loaded, photo, stop, input_size=SIZE).target
        return simam_viz.compare(
            loaded, photo, stop, explained, SIZE, None if against == explained else against,
            fixed_mean=fixed_mean, twin=others["twin"], siblings=[others["se"]],
        )  # fmt: skip

    return question, {stop: at(stop) for stop in STOPS}


def shows(found: Frame, question: Question, right: dict[str, Analysis]) -> None:
    assert found.target == right["on"].target
    for place, levels in zip(question.maps, found.maps, strict=True):
        analysis = right[place.network]
        values = analysis.block(place.block).heat_map(question.method).values.numpy()
        expected = np.zeros_like(values) if analysis.impossible else values
        assert np.abs(levels.values - expected).max() <= HALF_A_LEVEL, place


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"target": 3},
        {"method": "HiResCAM", "fixed_mean": True},
        {"against": 5},
        {"target": 5, "against": 5},
    ],
    ids=str,
)
def test_every_stop_is_what_compare_says(
    loaded: LoadedCheckpoint, photo: Image.Image, others: dict[str, LoadedCheckpoint], how: dict[str, object]
) -> None:
    question, right = asked(loaded, photo, others, **how)
    comparison = Comparison(question, right[0.1])
    begun = comparison.begun(right[0.1], 0.1)
    shows(begun.frames[0.1], question, right[0.1])
    for stop, found in zip(STOPS, comparison.filmed(STOPS), strict=True):
        shows(found, question, right[stop])


def test_a_prediction_that_turns_is_explained_in_every_network(
    loaded: LoadedCheckpoint, photo: Image.Image, others: dict[str, LoadedCheckpoint]
) -> None:
    """And what does not follow λ is seen once for a class."""
    turning = next(
        image
        for sample in list_samples()
        if len({simam_viz.analyze(loaded, image := sample.image(), e, input_size=SIZE).target for e in STOPS}) > 1
    )
    question, right = asked(loaded, turning, others)
    made = []

    def made_again(variant: variants.Variant) -> LoadedCheckpoint:
        made.append(variant.name)
        return variant.network()

    counted = tuple(
        dataclasses.replace(variant, network=lambda variant=variant: made_again(variant))
        for variant in question.variants
    )
    comparison = Comparison(dataclasses.replace(question, variants=counted), right[0.1])
    for stop, found in zip(STOPS, comparison.filmed(STOPS), strict=True):
        shows(found, question, right[stop])
    classes = {one["on"].target for one in right.values()}
    assert made.count("se") == made.count("twin") == made.count("off") == len(classes) - 1  # one was seen before


def test_the_bytes_hold_it(loaded: LoadedCheckpoint, photo: Image.Image, others: dict[str, LoadedCheckpoint]) -> None:
    question, right = asked(loaded, photo, others)
    comparison = Comparison(question, right[0.1])
    made = comparison.begun(right[0.1], 0.1).with_frames({10.0: comparison.filmed([10.0])[0]}, [0.1, 10.0])
    data = film.encoded(made, {0.1: "own", 10.0: "10"}, {"key": "k"})
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    assert header["maps"] == [list(one.levels.shape) for one in made.frames[0.1].maps]
    at = 4 + length + header["view"][0] * header["view"][1]
    for told, one in zip(header["stops"], made.frames.values(), strict=True):
        assert told["maps"] == [[levels.low, levels.high] for levels in one.maps]
        for levels in one.maps:
            found = np.frombuffer(data, np.uint8, levels.levels.size, at)
            assert (found == levels.levels.ravel()).all()
            at += found.size
    assert data[at : at + 2] == b"\xff\xd8"  # the view in colour, as JPEG


def test_what_a_network_finds_impossible_has_no_heat_map(
    loaded: LoadedCheckpoint, photo: Image.Image, others: dict[str, LoadedCheckpoint]
) -> None:
    said = simam_viz.analyze(loaded, photo, input_size=SIZE).probabilities
    target = int(said.argmin())
    question, right = asked(loaded, photo, others, target=target)
    assert right[0.1]["on"].impossible
    comparison = Comparison(question, right[0.1])
    assert not comparison.filmed([0.1])[0].maps[0].levels.any()
