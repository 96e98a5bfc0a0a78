"""Training on a tiny made-up data set: resuming, twins, batches, schedule, curves."""

from __future__ import annotations

import contextlib
import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from simam_viz.cli import command_parser, main
from simam_viz.evaluation.accuracy import Answers, predict, top_k_accuracy
from simam_viz.evaluation.image_sets import ImageSet, ImagesOnDevice
from simam_viz.evaluation.tiny_imagenet import (
    HELD_OUT_PER_CLASS,
    TrainingData,
    choose_held_out,
    load_training_data,
    load_validation,
    read_held_out,
)
from simam_viz.networks.architectures import Attention, create_model
from simam_viz.training import precision as formats
from simam_viz.training.batches import cropped, crops_of_squares, draw, enlarge, generator, normalise
from simam_viz.training.curves import Epoch, write_csv, write_png
from simam_viz.training.network import Design
from simam_viz.training.pace import Pace, Progress
from simam_viz.training.precision import autocast, native_precision
from simam_viz.training.recipe import Recipe, format_stages, parse_stages
from simam_viz.training.run import Run
from simam_viz.training.session import train
from tests.helpers.project import ROOT
from tests.helpers.small_data import CLASSES, SmallRecipe, data_arguments, make_small_data

RECIPE = SmallRecipe(stages=((32, 1), (48, 1)))

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN = """
import sys
from pathlib import Path
import torch
from simam_viz.evaluation.tiny_imagenet import load_training_data
from simam_viz.training.recipe import Recipe
from simam_viz.training.network import Design
from simam_viz.training.run import Run
from simam_viz.training.session import train

torch.set_num_threads(1)
root, out, save_every = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
data = load_training_data(root, root / "cache", root / "held_out.txt")
recipe = Recipe(stages=((32, 1), (48, 1)), batch_size=6, statistics_batches=2)
run = Run(data, recipe, Design("resnet18", "simam"))
train(run, out, save_every, report=lambda progress: print(run.step, flush=True))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def data(root: Path) -> TrainingData:
    return load_training_data(root, root / "cache", root / "held_out.txt")


@pytest.mark.long
def test_killed_and_resumed_equals_uninterrupted(root: Path, tmp_path: Path) -> None:
    def start(out: str, save_every: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TRAIN, str(root), str(tmp_path / out), str(save_every)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    whole, killed = start("whole", save_every=1e9), start("killed", save_every=0)
    # 5 steps an epoch: step 7 is in the middle of the second.
    for line in killed.stdout:
        if int(line) == 7:
            killed.send_signal(signal.SIGKILL)
            break
    assert killed.wait(120) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "final.safetensors").exists()
    saved_step = torch.load(tmp_path / "killed" / "state.pt", weights_only=True)["step"]
    assert 5 < saved_step < 10
    resumed = start("killed", save_every=1e9)
    steps, _ = resumed.communicate(timeout=120)
    assert resumed.returncode == 0 and [int(step) for step in steps.split()] == list(range(saved_step + 1, 11))
    whole.communicate(timeout=120)
    assert whole.returncode == 0

    ours, theirs = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("killed", "whole"))
    for part in ("model", "average"):
        assert all(torch.equal(ours[part][name], tensor) for name, tensor in theirs[part].items())
    momenta = [state["optimizer"]["state"] for state in (ours, theirs)]
    assert len(momenta[1]) == 62
    assert all(torch.equal(momenta[0][i]["momentum_buffer"], momenta[1][i]["momentum_buffer"]) for i in momenta[1])
    without_time = [[{**row, "seconds": 0} for row in state["epochs"]] for state in (ours, theirs)]
    assert without_time[0] == without_time[1] and len(without_time[0]) == 2
    finals = [(tmp_path / name / "final.safetensors").read_bytes() for name in ("killed", "whole")]
    assert finals[0] == finals[1]

    with (tmp_path / "killed" / "curves.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["epoch"], row["px"]) for row in rows] == [("1", "32"), ("2", "48")]
    assert 0 < float(rows[0]["seconds"]) < float(rows[1]["seconds"])
    with Image.open(tmp_path / "killed" / "curves.png") as image:
        image.verify()
    facts = json.loads((tmp_path / "killed" / "run.json").read_text())
    assert facts["categories"] == ["thing n03", "thing n01", "thing n02"] and facts["recipe"]["seed"] == 0
    assert len(facts["hardware"]) == 1 and facts["seconds"] >= float(rows[1]["seconds"]) - 1e-3


@pytest.mark.long
def test_a_state_of_another_run_is_refused(data: TrainingData) -> None:
    state = Run(data, RECIPE, Design("resnet18", "simam")).state()
    with pytest.raises(ValueError, match="another run"):
        Run(data, RECIPE, Design("resnet18", "none")).load_state(state)
    with pytest.raises(ValueError, match="another run"):
        Run(data, replace(RECIPE, weight_decay=0.0), Design("resnet18", "simam")).load_state(state)


@pytest.mark.long
def test_twins_start_alike_and_see_the_same(data: TrainingData) -> None:
    simam, plain = (Run(data, RECIPE, Design("resnet18", attention)) for attention in ("simam", "none"))
    for (name, ours), (other, theirs) in zip(
        simam.model.state_dict().items(), plain.model.state_dict().items(), strict=True
    ):
        assert name == other and torch.equal(ours, theirs)
    seen: dict[str, list[torch.Tensor]] = {"simam": [], "none": []}
    for run in (simam, plain):
        run.model.register_forward_pre_hook(
            lambda _, inputs, log=seen[run.design.attention]: log.append(inputs[0].clone())
        )
        for _ in range(6):
            torch.rand(run.step + (run is plain))  # Other users of the global random numbers make no difference.
            run.take_step()
    assert [x.shape[-1] for x in seen["simam"]] == [32] * 5 + [48]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(seen["simam"], seen["none"], strict=True))
    assert not torch.equal(seen["simam"][0], seen["simam"][1])
    assert not torch.equal(simam.model.conv1.weight, plain.model.conv1.weight)
    other_seed = Run(data, replace(RECIPE, seed=1), Design("resnet18", "simam"))
    assert not torch.equal(other_seed.batch(0)[0], seen["simam"][0])


def test_an_epoch_shows_every_image_once_and_none_held_out(data: TrainingData) -> None:
    run = Run(
        data, replace(RECIPE, batch_size=5, crop_area=(1.0, 1.0), crop_aspect=(1.0, 1.0)), Design("resnet18", "none")
    )
    shown = [image.mean(dim=(1, 2)) for step in range(run.steps_an_epoch) for image in run.batch(step)[0]]
    every = enlarge(data.training.take(np.arange(30))[0], 32).mean(dim=(2, 3))
    nearest = (torch.stack(shown)[:, None] - every).abs().amax(dim=2).min(dim=1)
    assert nearest.values.max() < 1e-3
    assert sorted(nearest.indices.tolist()) == list(range(30))
    assert [run.batch(step)[1].tolist() for step in range(6)] != [run.batch(6 + step)[1].tolist() for step in range(6)]


def test_data_is_read_in_the_official_order(root: Path, data: TrainingData) -> None:
    assert data.wnids == CLASSES
    assert Counter(data.training.labels.tolist()) == {0: 10, 1: 10, 2: 10}
    assert data.held_out.labels.tolist() == [0, 0, 1, 1, 2, 2]
    for images in (data.training, data.held_out):
        levels = images.take(np.arange(len(images)))[0].double().mean(dim=(1, 2, 3))
        assert ((levels - 20) / 80).round().long().tolist() == images.labels.tolist()
    for image, name in zip(data.held_out.images[2:4], ("n01_10.JPEG", "n01_3.JPEG"), strict=True):
        assert np.array_equal(image, np.asarray(Image.open(root / "train" / "n01" / "images" / name)))
    validation = load_validation(root, root / "cache")
    assert validation.labels.tolist() == [0, 1, 2, 0]
    again = load_training_data(root, root / "cache", root / "held_out.txt")
    assert np.array_equal(again.held_out.images, data.held_out.images)


def test_a_held_out_image_that_does_not_exist_is_an_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("n01 3 99\n")
    with pytest.raises(FileNotFoundError, match="n01_99"):
        load_training_data(root, root / "cache", tmp_path / "list.txt")


def test_the_committed_list_holds_out_25_of_every_class() -> None:
    held_out = read_held_out()
    assert len(held_out) == 200
    for wnid, numbers in held_out.items():
        assert len(set(numbers)) == len(numbers) == HELD_OUT_PER_CLASS == 25
        assert all(0 <= number < 500 for number in numbers)
        assert numbers == choose_held_out(wnid)
    assert len({tuple(numbers) for numbers in held_out.values()}) == 200


def test_augmentation_depends_on_its_key_alone_and_stays_in_range() -> None:
    images = torch.randint(0, 256, (64, 16, 16, 3), dtype=torch.uint8, generator=generator(5))

    def crop(*key: int) -> torch.Tensor:
        return cropped(images, crops_of_squares(draw(len(images), (0.35, 1.0), (3 / 4, 4 / 3), generator(*key))), 24)

    x = crop(0, 1, 7)
    assert x.shape == (64, 3, 24, 24) and x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, crop(0, 1, 7))
    assert not torch.equal(x, crop(0, 1, 8)) and not torch.equal(x, crop(1, 1, 7))
    inputs = normalise(images)
    assert (x.amin(dim=(2, 3)) >= inputs.amin(dim=(2, 3)) - 1e-5).all()
    assert (x.amax(dim=(2, 3)) <= inputs.amax(dim=(2, 3)) + 1e-5).all()


def test_crops_are_of_the_asked_area_and_half_of_them_flipped() -> None:
    # The red channel rises from left to right, the green one from top to bottom: their slopes give the crop's size.
    ramp = torch.arange(64, dtype=torch.uint8) * 3
    image = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.zeros(64, 64, dtype=torch.uint8)], -1)
    count = 400
    x = cropped(
        image.expand(count, -1, -1, -1), crops_of_squares(draw(count, (0.35, 0.6), (3 / 4, 4 / 3), generator(3))), 32
    )
    step = torch.tensor(3 / 255)
    width = (x[:, 0, 16, 17] - x[:, 0, 16, 16]) * 0.229 / step / 2
    height = (x[:, 1, 17, 16] - x[:, 1, 16, 16]) * 0.224 / step / 2
    area, aspect = (width * height).abs(), (width / height).abs()
    assert 0.34 < area.min() < 0.38 and 0.57 < area.max() < 0.61
    assert 0.74 < aspect.min() < 0.78 and 1.28 < aspect.max() < 1.35
    assert 0.4 < (width < 0).double().mean() < 0.6 and (height > 0).all()


def test_a_crop_of_everything_is_the_image_or_its_mirror_image() -> None:
    images = torch.randint(0, 256, (40, 16, 16, 3), dtype=torch.uint8, generator=generator(6))
    x = cropped(images, crops_of_squares(draw(len(images), (1.0, 1.0), (1.0, 1.0), generator(0))), 40)
    straight = enlarge(images, 40)
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))  # At the border reflection and clamping differ.
    as_is, flipped = ((x - y)[inner].abs().amax(dim=(1, 2, 3)) < 1e-4 for y in (straight, straight.flip(3)))
    assert (as_is ^ flipped).all() and as_is.any() and flipped.any()


def test_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    recipe = Recipe(peak_rate=0.4, warm_up=0.15)
    rates = [recipe.learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.4 / 150) and rates[149] == max(rates) == 0.4
    assert all(a < b for a, b in pairwise(rates[:150]))
    assert all(a > b for a, b in pairwise(rates[150:]))
    assert rates[575] == pytest.approx(0.2, abs=1e-3) and 0 < rates[-1] < 1e-5


def test_stages_and_averaging() -> None:
    recipe = Recipe(stages=((64, 2), (96, 1)), averaging=0.99)
    assert recipe.epochs == 3 and [recipe.px(epoch) for epoch in range(3)] == [64, 64, 96]
    with pytest.raises(IndexError):
        recipe.px(3)
    assert recipe.averaging_at(0) == 0.1 and recipe.averaging_at(10_000) == 0.99


def test_stages_are_read_and_written() -> None:
    assert parse_stages("64x14,96x3, 160x1") == ((64, 14), (96, 3), (160, 1))
    assert parse_stages(format_stages(Recipe.stages)) == Recipe.stages


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "write stages like"),
        ("64", "write stages like"),
        ("64x14,", "write stages like"),
        ("64x-1", "write stages like"),
        ("64x1.5", "write stages like"),
        ("16x2", "32 to 512 pixels"),
        ("64x2,1024x1", "32 to 512 pixels"),
        ("64x0", "1 to 1000 epochs"),
    ],
)
def test_stages_that_make_no_sense_are_one_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--stages", text]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
def test_precision_is_the_faster_one_here(faster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(x: torch.Tensor, weight: torch.Tensor) -> float:
        assert x.dtype == weight.dtype
        return 1.0 if x.dtype == getattr(torch, faster) else 2.0

    monkeypatch.setattr(formats, "_seconds", seconds)
    assert native_precision() == faster
    layer = nn.Linear(2, 2)
    with autocast(native_precision()):
        assert layer(torch.ones(1, 2)).dtype == getattr(torch, faster)


@pytest.mark.long
def test_precision_is_found_by_real_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one convolution forward and backward, in both formats; the shortest of its passes speaks for a format."""
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    one_pass = formats._seconds

    def timed(x: torch.Tensor, weight: torch.Tensor) -> float:
        seconds[x.dtype].append(one_pass(x, weight))
        return seconds[x.dtype][-1]

    monkeypatch.setattr(formats, "_seconds", timed)
    with FlopCounterMode(display=False) as counter:
        faster = native_precision()
    passes = [len(each) for each in seconds.values()]
    assert passes[0] == passes[1] >= 3
    assert counter.get_total_flops() == sum(passes) * 3 * 2 * (32 * 16 * 16) * 64 * (64 * 3 * 3)
    assert getattr(torch, faster) == min(seconds, key=lambda dtype: min(seconds[dtype]))


@pytest.mark.parametrize("name", ["cuda:99", "toaster", "meta"])
def test_a_device_that_is_not_there_is_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--device", name])
    assert f"'{name}'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_a_run_may_go_on_in_another_precision_and_tells(data: TrainingData, tmp_path: Path) -> None:
    """Each precision is used for training and measuring alike, and run.json names both."""
    used: list[set[torch.dtype]] = []
    for precision, killed in (("float32", True), ("bfloat16", False)):
        run = Run(data, RECIPE, Design("resnet18", "simam"), precision)
        seen: set[torch.dtype] = set()
        for model in (run.model, run.average):
            model.conv1.register_forward_hook(lambda module, inputs, output, seen=seen: seen.add(output.dtype))

        def stop(progress: Progress, run: Run = run, killed: bool = killed) -> None:
            if killed and run.step > run.steps_an_epoch:
                raise InterruptedError

        with contextlib.suppress(InterruptedError):
            train(run, tmp_path, report=stop)
        used.append(seen)
    assert used == [{torch.float32}, {torch.bfloat16}]
    facts = json.loads((tmp_path / "run.json").read_text())
    assert [machine["precision"] for machine in facts["hardware"]] == ["float32", "bfloat16"]
    assert [row["epoch"] for row in facts["curves"]] == [1, 2]


@pytest.mark.long
def test_weight_decay_spares_biases_and_norms(data: TrainingData) -> None:
    run = Run(data, RECIPE, Design("resnet18", "simam"))
    decay = {id(p): group["weight_decay"] for group in run.optimizer.param_groups for p in group["params"]}
    for name, parameter in run.model.named_parameters():
        is_weight = ("conv" in name or "downsample.0" in name or "fc" in name) and name.endswith("weight")
        assert decay[id(parameter)] == (RECIPE.weight_decay if is_weight else 0.0), name


@pytest.mark.long
def test_averaged_weights_follow_the_trained_ones(data: TrainingData) -> None:
    run = Run(data, RECIPE, Design("resnet18", "simam"))
    expected = run.model.fc.weight.detach().clone()
    for step in range(3):
        run.take_step()
        expected.lerp_(run.model.fc.weight.detach(), 1 - RECIPE.averaging_at(step))
    assert torch.allclose(run.average.fc.weight, expected, atol=1e-6)
    assert not torch.allclose(run.average.fc.weight, run.model.fc.weight, atol=1e-6)


def test_seconds_are_those_until_a_step_has_come_to_its_end(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU is still at work when a step returns; and the picture of the curves is not drawn anew for every short epoch."""

    class Late:
        def item(self) -> float:
            time.sleep(0.05)
            return 1.0

    def step(run: Run) -> Late:
        run.step += 1
        return Late()

    drawn: list[int] = []
    monkeypatch.setattr(Run, "take_step", step)
    monkeypatch.setattr("simam_viz.training.session.write_png", lambda epochs, *_rest: drawn.append(len(epochs)))
    run = Run(data, replace(RECIPE, stages=((32, 3),)), Design("resnet18", "none"), "float32")
    told: list[float] = []
    train(run, tmp_path, report=lambda progress: told.append(progress.images_per_second))
    assert run.seconds > 0.05 * run.steps and max(told) < RECIPE.batch_size / 0.05
    assert drawn == [0, 1, 3]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("attention", get_args(Attention))
def test_captured_steps_train_as_others_do(data: TrainingData, attention: Attention) -> None:
    device = torch.device("cuda")
    captured, eager = (Run(data, RECIPE, Design("resnet18", attention), "float32", device) for _ in range(2))
    eager._gradients = eager._backward
    for _ in range(4):  # the first three are never captured
        losses = captured.take_step().item(), eager.take_step().item()
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_images_on_a_device_are_the_same(data: TrainingData) -> None:
    there = ImagesOnDevice(data.held_out, torch.device("cpu"))
    indices = np.array([2, 0])
    assert len(there) == len(data.held_out)
    for ours, theirs in zip(there.take(indices), data.held_out.take(indices), strict=True):
        assert torch.equal(ours, theirs)


def test_batch_norm_statistics_are_those_of_the_epochs_first_batches(data: TrainingData) -> None:
    """Plain averages over the batches, computed with the averaged weights, whatever was collected in training."""
    run = Run(data, RECIPE, Design("resnet18", "simam"), "float32")
    for _ in range(run.steps_an_epoch):
        run.take_step()
    run.average.bn1.running_mean.fill_(7)
    run.finish_epoch()
    with torch.no_grad():
        features = [run.average.conv1(run.batch(step)[0]) for step in range(RECIPE.statistics_batches)]
    norm = run.average.bn1
    for statistics, of_each in (
        (norm.running_mean, [each.mean(dim=(0, 2, 3)) for each in features]),
        (norm.running_var, [each.var(dim=(0, 2, 3)) for each in features]),
    ):
        torch.testing.assert_close(statistics, torch.stack(of_each).mean(0), rtol=1e-4, atol=1e-5)
    assert norm.momentum == 0.1 and not run.average.training and norm.num_batches_tracked == 2


def test_accuracy_counts_the_right_answers() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    places = Answers(logits, torch.tensor([0, 1, 2, 0])).places
    assert places == [0, 1, 0, 2]
    assert [top_k_accuracy(places, k) for k in (1, 2, 5)] == [50.0, 75.0, 100.0]
    assert Answers(torch.arange(7.0)[None].expand(3, -1), torch.tensor([6, 2, 1])).places == [0, 4, 5]
    one_output = torch.tensor([[2.0], [-2.0]])  # the logit of yes, class 0
    assert Answers(one_output, torch.tensor([0, 0])).places == [0, 1]

    class MeanColour(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(dim=(2, 3))

    colours = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    for i in range(3):
        colours[i, ..., i] = 255
    images = ImageSet(colours, np.array([0, 1, 0]))
    logits = predict(MeanColour(), (enlarge(batch, 12) for batch, _ in images.batches(2)))
    assert Answers(logits, torch.from_numpy(images.labels)).places == [0, 0, 2]


def test_curves_of_no_epoch_and_of_some(tmp_path: Path) -> None:
    for epochs in ([], [Epoch(1, 64, 10.0, 5.0, 7.125, 20.0), Epoch(2, 96, 20.0, 4.0, 15.0, 30.0)]):
        write_csv(epochs, tmp_path / "curves.csv")
        write_png(epochs, "title", tmp_path / "curves.png")
        assert len((tmp_path / "curves.csv").read_text().splitlines()) == 1 + len(epochs)
        with Image.open(tmp_path / "curves.png") as image:
            image.verify()
    assert "1,64,10.0,5.0,7.125,20.0" in (tmp_path / "curves.csv").read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curves.csv", "curves.png"]


@pytest.mark.long
def test_time_left_knows_that_larger_images_take_longer(data: TrainingData) -> None:
    """At the rates that two cores reach, the first step already tells the whole run's time within a tenth."""
    rates = {64: 230, 96: 165, 128: 110, 160: 70}
    run = Run(data, SmallRecipe(stages=((64, 6), (96, 5), (128, 2), (160, 1))), Design("resnet18", "none"))
    run.step = 1
    seconds = {px: run.recipe.batch_size / rate for px, rate in rates.items()}
    whole = sum(seconds[px] * epochs * run.steps_an_epoch for px, epochs in run.recipe.stages)
    progress = Pace().progress(run, 5.0, seconds[64])
    assert progress.seconds_left == pytest.approx(whole - seconds[64], rel=0.1)
    assert progress.images_per_second == pytest.approx(230)


def test_train_command(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simam_viz.cli.train_command.Recipe", SmallRecipe)
    monkeypatch.setattr("simam_viz.cli.train_command.keep_freed_memory", lambda: None)
    parser = command_parser()
    words = ["train", *data_arguments(root), "--out", str(tmp_path), "--stages", "32x1", "--precision", "bfloat16"]
    arguments = parser.parse_args([*words, "--attention", "none", "--seed", "4"])
    begun = time.monotonic()
    arguments.run(arguments)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert (facts["attention"], facts["recipe"]["seed"]) == ("none", 4)
    assert facts["recipe"]["stages"] == [[32, 1]] and facts["hardware"][0]["precision"] == "bfloat16"
    assert 0 < facts["seconds"] < time.monotonic() - begun
    written = (tmp_path / "run.json").read_text()
    arguments.precision = "float32"  # a run that has come to its end stays as it was, whoever starts it again
    arguments.run(arguments)
    assert (tmp_path / "run.json").read_text() == written
    printed = capsys.readouterr().out
    assert "epoch 1/1 · 32 px · step 5/5" in printed and "min left" in printed and "top-1" in printed


VIEWS = """import torch
from torch import nn
from simam_viz import SimAM
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.simam, self.pool, self.last = nn.Conv2d(3, 4, 3, padding=1), SimAM(), nn.AvgPool2d(8), nn.Linear(64, 2)
        nn.init.constant_(self.first.weight, 1)
        self.last.weight.data = torch.stack([-torch.ones(64), torch.ones(64)])
    def forward(self, x):
        x = self.pool(self.simam(self.first(x)))
        return self.last(x.view(x.size(0), -1))
"""


def test_evaluate_command(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simam_viz.cli.evaluate_command.keep_freed_memory", lambda: None)
    model = create_model("resnet18", "simam", num_classes=3)
    nn.init.zeros_(model.fc.weight)
    model.fc.bias.data = torch.tensor([1.0, 2.0, 0.0])  # always the second class, which one validation image in four is
    save_file(model.state_dict(), tmp_path / "constant.safetensors")
    card = {"arch": "resnet18", "attention": "simam", "categories": list("abc"), "wnids": CLASSES, "input_size": 40}
    (tmp_path / "constant.json").write_text(json.dumps(card))
    parser = command_parser()

    def evaluate(*words: str) -> str:
        checkpoint = ["--checkpoint", str(tmp_path / "constant.safetensors")]
        arguments = parser.parse_args(["evaluate", *data_arguments(root), *checkpoint, *words])
        arguments.run(arguments)
        return capsys.readouterr().out

    assert evaluate() == "constant, 4 validation images at 40 px: top-1 25.00 %, top-5 100.00 %\n"
    lines = evaluate("--split", "held-out", "--size", "32", "48").splitlines()
    assert lines == [f"constant, 6 held-out images at {px} px: top-1 33.33 %, top-5 100.00 %" for px in (32, 48)]
    noted = json.loads((tmp_path / "constant.json").read_text())
    assert noted.pop("accuracy") == {
        "top1": 25.0, "top5": 100.0, "images": 4, "input_size": 40, "how": f"python -m simam_viz evaluate on {root.name}, float32"
    } and noted == json.loads(json.dumps(card))  # fmt: skip
    (tmp_path / "constant.json").write_text(json.dumps({**card, "wnids": CLASSES[::-1]}))
    with pytest.raises(ValueError, match="classes"):
        evaluate()


def test_evaluate_takes_a_network_that_views_its_maps_as_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As older code has it, which no other memory format than the usual one bears."""
    monkeypatch.setattr("simam_viz.cli.evaluate_command.keep_freed_memory", lambda: None)
    (tmp_path / "mine.py").write_text(VIEWS)
    for name, colour in (("dark", (10, 10, 10)), ("light", (240, 240, 240))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40), colour).save(tmp_path / "photos" / name / "0.png")
    words = ["evaluate", "--network", f"{tmp_path}/mine.py:Net", "--categories", "dark,light", "--input-size", "32"]
    arguments = command_parser().parse_args([*words, "--data", str(tmp_path / "photos")])
    arguments.run(arguments)
    assert "top-1 100.00 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    "names",
    [
        ("c1", "c0"),
        pytest.param(("red_thing", "GREEN"), marks=pytest.mark.long),
        pytest.param(("x", "y", "z"), marks=pytest.mark.long),
    ],
    ids=["ids", "names", "order"],
)
def test_evaluate_on_a_folder_for_each_class(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two photos a class, of many sizes; the network always says the second class, which two of them are."""
    monkeypatch.setattr("simam_viz.cli.evaluate_command.keep_freed_memory", lambda: None)
    model = create_model("resnet18", "simam", num_classes=3)
    nn.init.zeros_(model.fc.weight)
    model.fc.bias.data = torch.tensor([1.0, 2.0, 0.0])
    save_file(model.state_dict(), tmp_path / "constant.safetensors")
    card = {"categories": ["green, emerald", "red thing", "blue"], "wnids": ["c0", "c1", "c2"], "input_size": 32}
    (tmp_path / "constant.json").write_text(json.dumps(card))
    for name in names:
        (tmp_path / "photos" / "val" / name).mkdir(parents=True)
        for number, size in enumerate([(50, 40), (33, 90)]):
            Image.new("RGB", size, "teal").save(tmp_path / "photos" / "val" / name / f"{number}.jpg")
    parser = command_parser()

    def evaluate(data: Path, *words: str) -> None:
        words = ("evaluate", "--checkpoint", str(tmp_path / "constant.safetensors"), "--data", str(data), *words)
        arguments = parser.parse_args(words)
        arguments.run(arguments)

    evaluate(tmp_path / "photos")
    told, progress = capsys.readouterr()
    count, share = 2 * len(names), 100 / len(names)
    assert told == f"constant, {count} validation images at 32 px: top-1 {share:.2f} %, top-5 100.00 %\n"
    assert f"{count}/{count}" in progress and "Written into constant.json." in progress
    assert json.loads((tmp_path / "constant.json").read_text())["accuracy"]["top1"] == round(share, 2)
    with pytest.raises(ValueError, match="neither Tiny ImageNet nor"):
        evaluate(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="Only Tiny ImageNet"):
        evaluate(tmp_path / "photos", "--split", "held-out")
    (tmp_path / "photos" / "val" / "unheard_of").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "photos" / "val" / "unheard_of" / "0.png")
    if len(names) == 3:
        with pytest.raises(ValueError, match="are not the 3 classes of constant"):
            evaluate(tmp_path / "photos")
