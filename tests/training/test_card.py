"""The whole way on a tiny made-up data set: train both twins, make their cards, load what ships, measure it again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import file_hash, load_checkpoint
from simam_viz.cli import main
from simam_viz.evaluation.accuracy import evaluate
from simam_viz.evaluation.assessment import fitted_temperature, right_answers
from simam_viz.evaluation.pointing_game import evaluate_and_explain
from simam_viz.evaluation.tiny_imagenet import load_training_data, load_validation, read_boxes
from simam_viz.training import description, measurements, publishing, siblings
from tests.helpers.small_data import CLASSES, SmallRecipe, data_arguments, make_small_data

SIMAM, PLAIN = "simam_resnet18-tinyimagenet", "resnet18-tinyimagenet"
SIZES = (48, 64, 80)
VALIDATION_IMAGES = 15

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simam_viz.cli.train_command.Recipe", SmallRecipe)
        for command in ("train", "card", "evaluate"):
            patch.setattr(f"simam_viz.cli.{command}_command.keep_freed_memory", lambda: None)
        patch.setattr(description, "INPUT_SIZES", SIZES)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_data(tmp_path_factory.mktemp("data"), VALIDATION_IMAGES)


@pytest.fixture(scope="module")
def runs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished runs ``simam`` and ``none``."""
    folder = tmp_path_factory.mktemp("runs")
    for attention in ("simam", "none"):
        out = ["--out", str(folder / attention), "--attention", attention, "--stages", "32x2"]
        assert main(["train", *data_arguments(root), *out]) == 0
    return folder


def make(root: Path, run: Path, out: Path, *more: str) -> int:
    return main(["card", *data_arguments(root), "--run", str(run), "--out", str(out), *more])


@pytest.fixture(scope="module")
def weights(root: Path, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the card command made of both runs."""
    out = tmp_path_factory.mktemp("weights")
    assert make(root, runs / "simam", out) == 0
    assert "twin" not in read(out, SIMAM)
    assert make(root, runs / "none", out) == 0
    assert {path.name for path in out.iterdir()} == {
        f"{name}.{kind}" for name in (SIMAM, PLAIN) for kind in ("json", "safetensors")
    }
    return out


def read(out: Path, name: str) -> dict:
    return json.loads((out / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.long
@pytest.mark.parametrize("name", [SIMAM, pytest.param(PLAIN, marks=pytest.mark.long)])
def test_evaluate_gives_the_numbers_of_the_card(
    root: Path, weights: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shutil.copytree(weights, tmp_path / "weights")  # evaluate writes into the card
    card = read(weights, name)
    command = ["evaluate", *data_arguments(root), "--checkpoint", str(weights / f"{name}.safetensors")]
    assert main(command) == 0
    measured = card["accuracy"]
    assert capsys.readouterr().out == (
        f"{name}, {VALIDATION_IMAGES} validation images at {card['input_size']} px: "
        f"top-1 {measured['top1']:.2f} %, top-5 {measured['top5']:.2f} %\n"
    )
    assert (measured["images"], measured["input_size"]) == (VALIDATION_IMAGES, card["input_size"])
    assert main([*command, "--split", "held-out", "--size", *map(str, SIZES)]) == 0
    by_size = card["accuracy_by_input_size"]["values"]
    assert capsys.readouterr().out.splitlines() == [
        f"{name}, 6 held-out images at {px} px: top-1 {by_size[str(px)]['top1']:.2f} %, top-5 100.00 %" for px in SIZES
    ]
    assert card["input_size"] == measurements.default_size({px: by_size[str(px)]["top1"] for px in SIZES})


@pytest.mark.long
@pytest.mark.parametrize(("name", "attention"), [(SIMAM, "simam"), (PLAIN, "none")])
def test_the_card_tells_of_the_run(runs: Path, weights: Path, name: str, attention: str) -> None:
    card = read(weights, name)
    facts = json.loads((runs / attention / "run.json").read_text())
    assert card["attention"] == attention and card["curves"] == [
        {key: pytest.approx(value, abs=1e-4) for key, value in epoch.items()} for epoch in facts["curves"]
    ]
    assert (card["epochs"], card["seed"], card["e_lambda"], card["num_classes"]) == (2, 0, 0.1, 3)
    assert card["training_seconds"] == round(facts["seconds"])
    assert (
        facts["hardware"][0]["processor"] in card["hardware"] and facts["hardware"][0]["precision"] in card["hardware"]
    )
    assert f"--attention {attention} --stages 32x2 --seed 0" in card["command"] and "2 at 32 px" in card["recipe"]
    assert tuple(card["wnids"]) == CLASSES and card["categories"] == [f"thing {wnid}" for wnid in CLASSES]
    for entry in ("title", "trained_on", "data_terms", "preprocessing", "limits", "input_size_rule"):
        assert isinstance(card[entry], str) and card[entry]
    file = weights / f"{name}.safetensors"
    assert (card["file"], card["sha256"], card["bytes"]) == (file.name, file_hash(file), file.stat().st_size)
    trained = safetensors.torch.load_file(runs / attention / "final.safetensors")
    for key, tensor in safetensors.torch.load_file(file).items():
        assert tensor.dtype == (torch.float32 if "running" in key else torch.float16), key
        torch.testing.assert_close(tensor.float(), trained[key], rtol=1e-3, atol=1e-6)
    loaded = load_checkpoint(file)
    assert loaded.trained_with_simam == (attention == "simam")
    assert card["parameters"] == sum(p.numel() for p in loaded.model.parameters()) == 11_176_512 + 3 * 513
    again = measurements.known_logits(loaded, card["input_size"])["values"]
    for sample, values in card["known_logits"]["values"].items():
        assert len(values) == 3 and again[sample] == {
            # Relative too: this network's logits run to thousands, and the order of float32 sums is the processor's.
            key: pytest.approx(value, rel=1e-4, abs=1e-3)
            for key, value in values.items()
        }


def test_a_run_on_other_data_gets_no_card(
    root: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(runs / "simam", tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"data": "CIFAR-10"}))
    assert make(root, run, tmp_path / "out") == 2
    assert "is of resnet18 on CIFAR-10" in capsys.readouterr().err and not (tmp_path / "out").exists()


def answers(root: Path, weights: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels by the plain way of the evaluate command."""
    loaded = load_checkpoint(weights / f"{name}.safetensors")
    given = list(evaluate(loaded, load_validation(root, root / "cache"), loaded.transforms.input_size, at_once=4))
    return torch.cat([each.logits for each in given]), torch.cat([each.labels for each in given])


def test_twins_name_each_other_and_their_difference(root: Path, weights: Path) -> None:
    simam, plain = read(weights, SIMAM), read(weights, PLAIN)
    assert (simam["twin"], plain["twin"]) == (PLAIN, SIMAM)
    difference = simam["twin_difference"]
    assert difference == plain["twin_difference"] and (difference["first"], difference["second"]) == (SIMAM, PLAIN)
    right = [right_answers(*answers(root, weights, name)) for name in (SIMAM, PLAIN)]
    for card, each in zip((simam, plain), right, strict=True):
        packed = card["right_answers"]
        assert torch.equal(siblings.unpack_bits(packed["bits"], packed["images"]), each)
    assert difference["difference"] == pytest.approx(simam["accuracy"]["top1"] - plain["accuracy"]["top1"], abs=0.02)
    assert difference["only_first"] == int((right[0] & ~right[1]).sum())
    assert difference["only_second"] == int((right[1] & ~right[0]).sum())
    assert difference["low"] <= difference["difference"] <= difference["high"]


@pytest.fixture(scope="module")
def family(root: Path, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one card command makes of three runs, with sharp photos."""
    folder = tmp_path_factory.mktemp("family")
    run = ["--out", str(folder / "se"), "--attention", "se", "--stages", "32x2"]
    assert main(["train", *data_arguments(root), *run]) == 0
    for number, wnid in enumerate(CLASSES):
        (folder / "sharp" / wnid).mkdir(parents=True)
        for level in range(2):
            image = Image.new("RGB", (90, 70), (80 * number + 20 * level,) * 3)
            image.save(folder / "sharp" / wnid / f"{level}.png")
    (folder / "sharp" / "SOURCES.txt").write_text("Grey sheets, made here.")
    each = [str(runs / "simam"), str(runs / "none"), str(folder / "se")]
    more = ["--sharp", str(folder / "sharp"), "--out", str(folder / "out")]
    assert main(["card", *data_arguments(root), "--run", *each, *more]) == 0
    return folder / "out"


@pytest.mark.long
def test_several_runs_get_one_size_and_every_pair_s_difference(root: Path, family: Path) -> None:
    cards = {name: read(family, name) for name in (SIMAM, PLAIN, "se_resnet18-tinyimagenet")}
    assert cards["se_resnet18-tinyimagenet"]["title"] == "SE-ResNet-18"
    assert cards["se_resnet18-tinyimagenet"]["parameters"] > cards[PLAIN]["parameters"]
    # One size: the largest within a point of the best mean over networks, held-out images and sharp photos.
    sizes = {card["input_size"] for card in cards.values()}
    by_size: dict[int, list[float]] = {px: [] for px in SIZES}
    for card in cards.values():
        assert (
            card["accuracy_on_sharp_photos"]["images"] == 6 and "made here" in card["accuracy_on_sharp_photos"]["how"]
        )
        for px in SIZES:
            for entry in ("accuracy_by_input_size", "accuracy_on_sharp_photos"):
                by_size[px].append(card[entry]["values"][str(px)]["top1"])
    means = {px: sum(values) / len(values) for px, values in by_size.items()}
    assert sizes == {max(px for px in SIZES if max(means.values()) - means[px] <= 1 + 1e-9)}
    for name, card in cards.items():
        assert {told["second"] for told in card["sibling_differences"]} == cards.keys() - {name}
        for told in card["sibling_differences"]:
            back = next(t for t in cards[told["second"]]["sibling_differences"] if t["second"] == name)
            assert back["difference"] == -told["difference"] and back["low"] == pytest.approx(-told["high"])
            assert "3 pairs" in told["how"]
    assert (cards[SIMAM]["twin"], cards[PLAIN]["twin"]) == (PLAIN, SIMAM)
    assert "twin" not in cards["se_resnet18-tinyimagenet"]


@pytest.mark.long
def test_the_temperature_is_that_of_the_held_out_images(root: Path, family: Path) -> None:
    loaded = load_checkpoint(family / f"{SIMAM}.safetensors")
    held_out = load_training_data(root, root / "cache", root / "held_out.txt").held_out
    (given,) = evaluate(loaded, held_out, loaded.transforms.input_size)
    fitted = fitted_temperature(given.logits, given.labels)
    assert loaded.output.temperature == loaded.card["temperature"] == pytest.approx(fitted, rel=1e-3)


def test_names_that_clash_and_one_name_for_several_are_refused(
    root: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simam = str(runs / "simam")
    command = ["card", *data_arguments(root), "--out", str(tmp_path / "out"), "--run", simam]
    assert main([*command, simam]) == 2 and "same name" in capsys.readouterr().err
    assert main([*command, str(runs / "none"), "--name", "x"]) == 2 and "name of one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_class_accuracy_and_confusions_are_those_of_the_answers(root: Path, weights: Path) -> None:
    card = read(weights, PLAIN)
    logits, labels = answers(root, weights, PLAIN)
    said = logits.argmax(dim=1)
    assert card["class_accuracy"] == [
        pytest.approx(100 * float((said[labels == k] == k).double().mean()), abs=0.06) for k in range(3)
    ]
    wrong = int((said != labels).sum())
    assert sum(pair["images"] for pair in card["confused_pairs"]) == wrong
    for pair in card["confused_pairs"]:
        true, predicted = (card["categories"].index(pair[key]) for key in ("true", "predicted"))
        assert pair["images"] == int(((labels == true) & (said == predicted)).sum())


@pytest.mark.parametrize("name", [SIMAM, pytest.param(PLAIN, marks=pytest.mark.long)])
def test_the_batched_pointing_game_equals_analyze_image_by_image(root: Path, weights: Path, name: str) -> None:
    card, loaded = read(weights, name), load_checkpoint(weights / f"{name}.safetensors")
    images, px = load_validation(root, root / "cache"), card["input_size"]
    _, maps = evaluate_and_explain(loaded, images, px)
    hits = 0
    for image, label, box, cam in zip(images.images, images.labels, read_boxes(root), maps, strict=True):
        block = simam_viz.analyze(loaded, Image.fromarray(np.array(image)), target=int(label)).blocks[-1]
        torch.testing.assert_close(block.cam * block.cam_max, cam, rtol=1e-3, atol=1e-5)
        row, column = divmod(int(block.cam.argmax()), block.cam.shape[1])
        x, y = (16 * (place + 0.5) / block.cam.shape[0] for place in (column, row))
        left, top, right, bottom = box.tolist()
        hits += block.cam_max > 0 and left <= x <= right + 1 and top <= y <= bottom + 1
    assert card["pointing_game"]["grad_cam"] == pytest.approx(100 * hits / VALIDATION_IMAGES, abs=0.01)
    # The middle of a 16 px image, (8, 8), lies in every box of the made-up data.
    assert card["pointing_game"]["centre"] == 100


def test_the_validation_images_are_read_once(
    root: Path,
    runs: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = shutil.copytree(weights, tmp_path / "weights")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    reads = []
    monkeypatch.setattr(publishing, "load_validation", lambda *places: reads.append(places) or load_validation(*places))
    assert make(root, runs / "simam", out) == 2
    error = capsys.readouterr().err
    assert "read once" in error and "--again" in error and error.count("\n") == 1
    assert not reads and before == {path.name: path.read_bytes() for path in out.iterdir()}
    assert make(root, runs / "simam", out, "--again") == 0
    assert len(reads) == 1
    # What a second reading says is the same, and that there was a first is told.
    card, first = read(out, SIMAM), json.loads(before[f"{SIMAM}.json"])
    (earlier,) = card.pop("earlier_readings")
    assert card == first and earlier == {
        **{key: first["accuracy"][key] for key in ("top1", "top5", "input_size")},
        "preprocessing": first["preprocessing"],
    }
    assert make(root, runs / "simam", out, "--again") == 0
    assert read(out, SIMAM)["earlier_readings"] == [earlier, earlier]
    (out / f"{SIMAM}.json").unlink()
    assert before.items() >= {path.name: path.read_bytes() for path in out.iterdir()}.items()


def test_a_run_that_replaces_another_takes_no_twin_of_another_recipe(
    root: Path, runs: Path, weights: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(weights, tmp_path / "weights")
    other = shutil.copytree(runs / "none", tmp_path / "other")
    facts = json.loads((other / "run.json").read_text())
    facts["recipe"]["seed"] = 1
    (other / "run.json").write_text(json.dumps(facts))
    assert make(root, other, out, "--name", PLAIN, "--again") == 0
    for name in (SIMAM, PLAIN):
        assert not {"twin", "twin_difference"} & set(read(out, name))
    assert read(out, PLAIN)["seed"] == 1 and read(out, SIMAM)["accuracy"] == read(weights, SIMAM)["accuracy"]


def damage_json(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        facts = json.loads((run / "run.json").read_text())
        change(facts)
        (run / "run.json").write_text(json.dumps(facts))

    return damage


def damage_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        tensors = safetensors.torch.load_file(run / "final.safetensors")
        change(tensors)
        safetensors.torch.save_file(tensors, run / "final.safetensors")

    return damage


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (shutil.rmtree, "run.json|final.safetensors is missing"),
        (lambda run: (run / "run.json").unlink(), "run.json is missing"),
        (lambda run: (run / "final.safetensors").unlink(), "final.safetensors is missing"),
        (lambda run: (run / "run.json").write_text("{"), "is damaged"),
        (lambda run: (run / "run.json").write_text("[1]"), "is damaged"),
        (lambda run: (run / "final.safetensors").write_bytes(b"short"), "is damaged"),
        (damage_json(lambda facts: facts.pop("hardware")), "is damaged"),
        (damage_json(lambda facts: facts["curves"].pop()), "is damaged"),
        (damage_json(lambda facts: facts["recipe"].update(new=1)), "is damaged"),
        (damage_json(lambda facts: facts.update(arch="resnet34")), "is damaged"),
        (damage_json(lambda facts: facts["wnids"].reverse()), "other classes"),
        (damage_weights(lambda tensors: tensors["fc.bias"].fill_(torch.nan)), "half precision cannot hold"),
        (damage_weights(lambda tensors: tensors["fc.bias"].fill_(1e6)), "half precision cannot hold"),
    ],
)
def test_a_damaged_run_is_one_sentence(
    damage: Callable[[Path], object],
    sentence: str,
    root: Path,
    runs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = shutil.copytree(runs / "simam", tmp_path / "run")
    damage(run)
    assert make(root, run, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.startswith("simam_viz: ") and error.count("\n") == 1 and re.search(sentence, error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "card", "sentence"),
    [("../mine", "{}", "is no name"), ("mine", "[]", "is not a JSON object")],
)
def test_a_name_or_folder_that_cannot_be_is_one_sentence(
    name: str, card: str, sentence: str, root: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs.json").write_text(card)
    assert make(root, runs / "simam", tmp_path, "--name", name) == 2
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.json"]


def test_a_failure_half_way_leaves_nothing(
    root: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("simam_viz.writing.os.fsync", full)
    assert make(root, runs / "simam", tmp_path) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("top1", "size"),
    [
        ({96: 50.0, 128: 53.0, 160: 54.0, 192: 53.0, 224: 52.9, 256: 40.0}, 192),
        ({96: 50.0, 128: 49.1, 160: 48.9}, 128),
        ({96: 50.0, 128: 40.0}, 96),
        ({96: 50.0, 128: 51.0, 160: 52.0}, 160),
    ],
)
def test_the_default_size_is_the_largest_that_costs_little(top1: dict[int, float], size: int) -> None:
    assert measurements.default_size(top1) == size


def test_bits_come_back() -> None:
    for count in (1, 8, 13):
        values = torch.rand(count, generator=torch.Generator().manual_seed(count)) < 0.5
        assert torch.equal(siblings.unpack_bits(siblings.pack_bits(values), count), values)
