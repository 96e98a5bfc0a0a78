"""Every checkpoint that ships: the file is what its card says, and answers as it did when the card was made."""

from __future__ import annotations

import base64
from itertools import pairwise

import numpy as np
import pytest
import safetensors.torch
import torch

from simam_viz.checkpoints.loading import file_hash, load_checkpoint, siblings_of, twin_of
from simam_viz.checkpoints.store import CheckpointInfo, list_checkpoints
from simam_viz.networks.architectures import create_model
from simam_viz.photos.samples import list_samples
from simam_viz.training.publishing import MAX_BYTES

BUNDLED = [pytest.param(info, id=info.name) for info in list_checkpoints()]


def test_the_default_is_a_network_with_simam() -> None:
    assert list_checkpoints()[0].card["attention"] == "simam"


@pytest.mark.parametrize("info", BUNDLED)
def test_the_file_is_what_its_card_says(info: CheckpointInfo) -> None:
    card = info.card
    assert card["file"] == info.path.name and file_hash(info.path) == card["sha256"]
    assert info.path.stat().st_size == card["bytes"] <= MAX_BYTES
    assert len(card["categories"]) == card["num_classes"] == len(set(card["categories"])) == len(card["wnids"]) == 200
    assert card["input_size"] in card["input_sizes"]
    for entry in ("title", "trained_on", "recipe", "accuracy", "limits", "data_terms", "preprocessing", "temperature"):
        assert card[entry], entry
    assert ("e_lambda" in card) == (card["attention"] in ("simam", "none"))


@pytest.mark.parametrize("info", BUNDLED)
def test_every_tensor_has_its_shape_and_precision(info: CheckpointInfo) -> None:
    card = info.card
    with torch.device("meta"):
        expected = create_model(card["arch"], card["attention"], card["num_classes"]).state_dict()
    tensors = safetensors.torch.load_file(info.path)
    assert set(tensors) == {name for name in expected if not name.endswith("num_batches_tracked")}
    for name, tensor in tensors.items():
        assert tensor.shape == expected[name].shape, name
        assert tensor.dtype == (torch.float32 if "running" in name else torch.float16), name
        assert tensor.isfinite().all(), name


@pytest.mark.parametrize("info", BUNDLED)
def test_known_logits(info: CheckpointInfo) -> None:
    loaded, known = load_checkpoint(info.name), info.card["known_logits"]
    assert known["input_size"] == loaded.transforms.input_size and known["tolerance"] <= 0.05
    assert len(known["values"]) >= 3
    samples = {sample.name: sample for sample in list_samples()}
    for name, values in known["values"].items():
        assert len(values) >= 5
        with torch.inference_mode():
            logits = loaded.model(loaded.transforms(samples[name].image())[None])[0]
        for index, value in values.items():
            assert float(logits[int(index)]) == pytest.approx(value, abs=known["tolerance"]), (name, index)
        assert str(int(logits.argmax())) in values


def test_five_networks_ship_that_differ_in_their_attention_alone() -> None:
    infos = list_checkpoints()
    assert [info.card["attention"] for info in infos] == ["simam", "none", "se", "cbam", "eca"]
    assert len({info.card["input_size"] for info in infos}) == 1
    default, plain = infos[:2]
    assert twin_of(load_checkpoint(default.name)) == plain.name == "resnet18-tinyimagenet"
    assert twin_of(load_checkpoint(plain.name)) == default.name == "simam_resnet18-tinyimagenet"
    assert default.card["twin_difference"] == plain.card["twin_difference"]
    for info in infos:
        others = siblings_of(info.card)
        assert {other.name for other in others.values()} == {other.name for other in infos} - {info.name}
        assert {told.second for told in info.card.sibling_differences} == {other.name for other in others.values()}


def test_the_differences_are_those_of_the_answers() -> None:
    """Every pair's difference and its interval, from the bits in the cards; the interval by hand, Bonferroni for ten pairs."""
    infos = {info.name: info for info in list_checkpoints()}
    right = {}
    for name, info in infos.items():
        packed = np.frombuffer(base64.b64decode(info.card["right_answers"]["bits"]), dtype=np.uint8)
        right[name] = np.unpackbits(packed, count=info.card["right_answers"]["images"]).astype(float)
        assert 100 * right[name].mean() == pytest.approx(info.card["accuracy"]["top1"], abs=0.006)
    for name, info in infos.items():
        for told in info.card.sibling_differences:
            each = 100 * (right[name] - right[told.second])
            half = 2.807034 * each.std(ddof=1) / len(each) ** 0.5
            assert told.difference == pytest.approx(each.mean(), abs=1e-3)
            assert (told.low, told.high) == pytest.approx((each.mean() - half, each.mean() + half), abs=2e-3)


@pytest.mark.parametrize("info", BUNDLED)
def test_probabilities_are_calibrated(info: CheckpointInfo) -> None:
    assert info.card["expected_calibration_error"] <= 3
    assert load_checkpoint(info.name).output.temperature == info.card["temperature"]


@pytest.mark.parametrize("info", BUNDLED)
def test_sizes_were_compared_on_sharp_photos_too(info: CheckpointInfo) -> None:
    told = info.card["accuracy_on_sharp_photos"]
    assert told["images"] >= 400 and "github.com" in told["how"]
    assert told["values"].keys() == info.card["accuracy_by_input_size"]["values"].keys()


@pytest.mark.parametrize("info", BUNDLED)
def test_a_card_agrees_with_itself(info: CheckpointInfo) -> None:
    card = info.card
    shares = card["class_accuracy"]
    assert sum(shares) / len(shares) == pytest.approx(card["accuracy"]["top1"], abs=0.1)
    counts = [pair["images"] for pair in card["confused_pairs"]]
    assert all(more >= less for more, less in pairwise(counts))
    assert len(card["curves"]) == card["epochs"] == sum(epochs for _, epochs in card["recipe_settings"]["stages"])
    assert {str(size) for size in card["input_sizes"]} == set(card["accuracy_by_input_size"]["values"])
