"""Training on photos in folders and on CIFAR's files: what is read, what is held out, what a person got wrong."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from simam_viz.checkpoints.loading import load_checkpoint
from simam_viz.cli import main
from simam_viz.evaluation.training_sets import load_any
from simam_viz.training.batches import box_of_photo, cropped, draw, flips, generator, shifts
from simam_viz.training.feeding import Request, fed
from simam_viz.training.network import Design
from simam_viz.training.recipe import Recipe
from simam_viz.training.run import Run
from simam_viz.training.session import train
from simam_viz.training.setups import SETUPS
from tests.helpers.small_training import SMALL, make_cifar_10, make_photos

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def memory_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simam_viz.cli.train_command.keep_freed_memory", lambda: None)


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["train", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("simam_viz: ") and error.count("\n") == 1
    return error


def test_photos_of_any_size_are_trained_on_and_the_app_opens_what_came_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_photos(tmp_path / "photos")
    out = tmp_path / "out"
    words = ["--data", str(tmp_path / "photos"), "--out", str(out), *SMALL[2:], "--batch", "6", "--epochs", "1"]
    assert main(["train", *words, "--arch", "mobilenet_v2", "--lambda", "0.01", "--rate", "0.01"]) == 0
    facts = json.loads((out / "run.json").read_text())
    assert (facts["training_images"], facts["held_out_images"], facts["data"]) == (14, 2, "photos")
    assert facts["categories"] == ["class_0", "class_1"]
    assert "held-out images: top-1" in capsys.readouterr().out
    loaded = load_checkpoint(out / "final.safetensors")
    assert loaded.categories == ("class_0", "class_1") and loaded.e_lambda == 0.01
    assert loaded.transforms.input_size == 32 and loaded.assumed == ()


def test_a_tenth_of_each_class_is_held_out_or_the_photos_of_val_are(tmp_path: Path) -> None:
    make_photos(tmp_path / "all", photos=20)
    data = load_any(tmp_path / "all", tmp_path)
    assert [len(data.training), len(data.held_out)] == [36, 4]
    kept, apart = ({images.path(i) for i in range(len(images))} for images in (data.training, data.held_out))
    assert not kept & apart and len(kept | apart) == 40
    assert data.held_out.labels.tolist() == [0, 0, 1, 1]
    make_photos(tmp_path / "val", photos=3)
    (tmp_path / "val" / "class_0").rename(tmp_path / "val" / "class_1b")
    with pytest.raises(ValueError, match="class_1b"):
        load_any(tmp_path / "all", tmp_path, val=tmp_path / "val")
    (tmp_path / "val" / "class_1b").rename(tmp_path / "val" / "class_0")
    data = load_any(tmp_path / "all", tmp_path, val=tmp_path / "val")
    assert [len(data.training), len(data.held_out)] == [40, 6]


def test_workers_give_the_same_photos_in_the_same_order(tmp_path: Path) -> None:
    data = load_any(make_photos(tmp_path), tmp_path)
    drawn = draw(3, (0.35, 1.0), (0.75, 1.25), generator(0))
    requests = [Request(np.array(indices), 32, drawn) for indices in ([3, 0, 9], [1, 2, 13], [7, 7, 7])]
    alone, together = (list(fed(data.training, requests, workers)) for workers in (0, 2))
    assert len(alone) == len(together) == 3
    for ours, theirs in zip(alone, together, strict=True):
        assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))
    images, labels = alone[0]
    assert images.shape == (3, 32, 32, 3) and labels.tolist() == [0, 0, 1]
    assert len(images[0].unique()) == 1  # of one grey, whatever was cut out


def test_dropout_goes_on_where_it_was(tmp_path: Path) -> None:
    """MobileNet has some; the photos' worker draws no random numbers that are the network's."""
    data = load_any(make_photos(tmp_path), tmp_path)
    recipe = Recipe(stages=((32, 2),), batch_size=6, peak_rate=0.01, statistics_batches=1)
    whole = Run(data, recipe, Design("mobilenet_v2"), "float32")
    whole.take_step()
    state = deepcopy(whole.state())
    expected = [whole.take_step().item() for _ in range(2)]
    again = Run(data, recipe, Design("mobilenet_v2"), "float32", workers=1)
    again.load_state(state)
    assert [again.take_step().item() for _ in range(2)] == expected


def test_crops_of_a_photo_have_the_asked_area_and_shape_and_lie_within_it() -> None:
    drawn = draw(300, (0.1, 0.5), (0.75, 4 / 3), generator(1))
    for share, ratio, *rest in drawn.tolist():
        left, top, right, bottom = box_of_photo((share, ratio, *rest), 300, 200)
        assert left >= -1e-6 and top >= -1e-6 and right <= 300 + 1e-6 and bottom <= 200 + 1e-6
        if bottom - top < 199:
            assert (right - left) / (bottom - top) == pytest.approx(ratio, rel=1e-4)
            assert (right - left) * (bottom - top) == pytest.approx(share * 60_000, rel=1e-4)
    assert set(flips(drawn)[:, 0, 0].tolist()) == {-1.0, 1.0}


def test_shifted_images_are_those_of_a_black_frame() -> None:
    """Every place in the frame of 4 pixels occurs, and each crop is a piece of it, or of its mirror image."""
    images = torch.randint(0, 256, (200, 8, 8, 3), dtype=torch.uint8, generator=generator(2))
    crops = shifts(draw(200, (0.35, 1.0), (0.75, 4 / 3), generator(3)), 4, 8)
    seen = cropped(images, crops, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), black_around=True) * 255
    frames = torch.nn.functional.pad(images.permute(0, 3, 1, 2).float(), (4, 4, 4, 4))
    windows = frames.unfold(2, 8, 1).unfold(3, 8, 1).permute(0, 2, 3, 1, 4, 5)  # (N, 9, 9, 3, 8, 8), by their places
    straight, mirrored = (((windows - x[:, None, None]).abs().amax(dim=(3, 4, 5)) < 1e-2) for x in (seen, seen.flip(3)))
    assert ((straight | mirrored).sum(dim=(1, 2)) == 1).all()
    assert 70 < straight.any(dim=(1, 2)).sum() < 130
    across, down = ((straight | mirrored).sum(dim=dims) for dims in ((0, 1), (0, 2)))
    assert (across > 8).all() and (down > 8).all()


def test_cifar_is_read_from_its_binary_files(tmp_path: Path) -> None:
    images = make_cifar_10(tmp_path / "cifar-10-batches-bin")
    data = load_any(tmp_path, tmp_path)
    assert data.categories[:2] == ("thing 0", "thing 1") and data.source == "CIFAR-10"
    assert np.array_equal(data.training.take(np.arange(40))[0].numpy(), images[:40])
    assert np.array_equal(data.held_out.images, images[40:]) and data.held_out.labels.tolist() == list(range(8))
    hundred = tmp_path / "hundred"
    hundred.mkdir()
    record = bytes([7, 99]) + images[0].transpose(2, 0, 1).tobytes()
    for name in ("train.bin", "test.bin"):
        (hundred / name).write_bytes(record * 2)
    (hundred / "fine_label_names.txt").write_text("\n".join(f"n{i}" for i in range(100)))
    data = load_any(hundred, tmp_path)
    assert data.held_out.labels.tolist() == [99, 99] and np.array_equal(data.held_out.images[1], images[0])


def test_what_is_wrong_with_data_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> str:
        return error_of(capsys, "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *SMALL, *words)

    data = tmp_path / "data"
    assert "neither Tiny ImageNet nor CIFAR" in told()
    (data / "cifar-10-batches-py").mkdir(parents=True)
    (data / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"\x80\x04.")
    assert "a pickle, which is never opened" in told()
    assert "a pickle" in error_of(
        capsys, "--data", str(data / "cifar-10-batches-py"), "--out", str(tmp_path / "out"), *SMALL
    )
    (data / "cifar-10-batches-py").rename(tmp_path / "elsewhere")
    make_cifar_10(data)
    assert "--val goes with folders" in told("--val", str(tmp_path))
    assert "40 images to train on make no batch of 256" in told()
    with (data / "data_batch_2.bin").open("ab") as stream:
        stream.write(b"more")
    assert "data_batch_2.bin is not as CIFAR's" in told("--batch", "8")
    photos = make_photos(tmp_path / "photos", photos=4)
    (photos / "class_1" / "0.png").write_bytes(b"not a photo")
    words = (
        "--data",
        str(photos),
        "--out",
        str(tmp_path / "out2"),
        *SMALL,
        "--epochs",
        "1",
        "--batch",
        "6",
        "--rate",
        "0.01",
    )
    assert "class_1/0.png" in error_of(capsys, *words)
    assert "class_1/0.png" in error_of(capsys, *words, "--workers", "1")
    assert not (tmp_path / "out").exists() and not list((tmp_path / "out2").glob("*.tmp"))


def test_cifar_trains_by_its_authors_recipe(tmp_path: Path) -> None:
    """No average but the last weights with their own statistics, and a rate that falls by tens."""
    make_cifar_10(tmp_path)
    setup = SETUPS["cifar10-resnet20"]
    assert [
        setup.recipe.learning_rate(epoch * 390, 164 * 390) for epoch in (0, 81, 82, 122, 123, 163)
    ] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    recipe = replace(setup.recipe, stages=((32, 1),), batch_size=16)
    run = Run(load_any(tmp_path, tmp_path), recipe, setup.design, "float32")
    train(run, tmp_path / "out")
    for (name, ours), theirs in zip(run.average.state_dict().items(), run.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert {group["weight_decay"] for group in run.optimizer.param_groups if group["params"]} == {5e-4}
    assert {module.e_lambda for module in run.model.modules() if hasattr(module, "e_lambda")} == {1e-4}
    assert not run.optimizer.defaults["nesterov"] and Recipe().nesterov and Design().arch == "resnet18"
