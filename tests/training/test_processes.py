"""One run in several processes, as torchrun starts them: the same batches, the same state, killed and gone on with others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from simam_viz.cli import main
from simam_viz.evaluation.tiny_imagenet import TrainingData, load_training_data
from simam_viz.training.network import Design
from simam_viz.training.processes import Processes, own_device, started_together
from simam_viz.training.recipe import Recipe
from simam_viz.training.run import Run
from simam_viz.training.session import train
from tests.helpers.processes import LOOPBACK, addresses, family
from tests.helpers.project import ROOT
from tests.helpers.small_data import data_arguments, make_small_data
from tests.helpers.small_training import SMALL, make_photos

pytestmark = pytest.mark.usefixtures("one_thread")

WITHOUT_NORMS = Design("timm:test_convnext", "none")
"""Of a batch in parts it learns the same: it has no batch norm, which sees its own part alone."""
RECIPE = Recipe(stages=((32, 2),), batch_size=13, peak_rate=0.01, statistics_batches=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def data(root: Path) -> TrainingData:
    return load_training_data(root, root / "cache", root / "held_out.txt")


@pytest.fixture(autouse=True)
def memory_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simam_viz.cli.train_command.keep_freed_memory", lambda: None)


OWN_MEETING = ("--rdzv_backend", "c10d", "--rdzv_conf", "store_type=file")


def torchrun(*words: str, processes: int = 2, meeting: tuple[str, ...] = OWN_MEETING) -> subprocess.Popen[str]:
    """The train command in so many processes, which meet on the loopback address alone; with no ``meeting``, where torchrun says."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={processes}", *meeting]
    return subprocess.Popen(
        [*command, "-m", "simam_viz", "train", *words],
        cwd=ROOT,
        env=os.environ | ({"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"} if meeting else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def seen_until_the_end(run: subprocess.Popen[str]) -> set[str]:
    """Every address at which a run, or what it started, listened or was connected."""
    seen = set()
    while run.poll() is None:
        seen |= addresses(family(run.pid))
        time.sleep(0.1)
    return seen


@pytest.mark.parametrize(("batch", "count", "accumulate"), [(12, 2, 1), (13, 3, 2), (13, 1, 3)])
def test_shares_of_a_batch_are_the_batch(data: TrainingData, batch: int, count: int, accumulate: int) -> None:
    recipe, design = replace(RECIPE, batch_size=batch), Design("authors:cifar/resnet20")
    whole = Run(data, recipe, design, "float32")
    runs = [
        Run(data, recipe, design, "float32", processes=Processes(rank, count), accumulate=accumulate)
        for rank in range(count)
    ]
    for step in (0, 1, 2, 3):
        for run in (whole, *runs):
            run.step = step
        expected = next(whole._own_share())
        found = [shown for run in runs for shown in run._own_share()]
        assert len(found) == count * accumulate and max(len(s[1]) for s in found) - min(len(s[1]) for s in found) <= 1
        for ours, theirs in zip(map(torch.cat, zip(*found, strict=True)), expected, strict=True):
            assert torch.equal(ours, theirs)


def test_a_batch_in_parts_teaches_the_same(data: TrainingData) -> None:
    whole, parts = (Run(data, RECIPE, WITHOUT_NORMS, "float32", accumulate=count) for count in (1, 3))
    for _ in range(3):
        losses = [run.take_step().item() for run in (whole, parts)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for (name, ours), theirs in zip(
        parts.average.state_dict().items(), whole.average.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5, msg=name)


def test_a_batch_that_is_too_small_to_share_is_one_sentence(data: TrainingData) -> None:
    with pytest.raises(ValueError, match="A batch of 13 cannot be shared by 4 processes in 2 parts"):
        Run(data, RECIPE, WITHOUT_NORMS, "float32", processes=Processes(0, 4), accumulate=2)
    with pytest.raises(ValueError, match="make no batch of 31"):
        Run(data, replace(RECIPE, batch_size=31), WITHOUT_NORMS, "float32")


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert own_device(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for device, sentence in (
        ("cuda", "2 processes want a GPU each, and this machine has 1"),
        ("mps", "on cpu or cuda"),
    ):
        with pytest.raises(ValueError, match=sentence):
            own_device(torch.device(device))
    with pytest.raises(ValueError, match="write --device cuda, not cuda:0"):
        own_device(torch.device("cuda:0"))


@pytest.mark.long
def test_two_processes_train_as_one(root: Path, data: TrainingData, tmp_path: Path) -> None:
    """On the same batches: a network that sees no more of them than its own images learns the same, however it is shared."""
    words = [
        "--arch",
        "timm:test_convnext",
        "--attention",
        "none",
        "--precision",
        "float32",
        "--batch",
        "13",
        "--stages",
        "32x1",
        "--rate",
        "0.01",
    ]
    run = torchrun(*data_arguments(root), *words, "--accumulate", "2", "--out", str(tmp_path / "two"))
    if sys.platform == "linux":
        seen = seen_until_the_end(run)
        assert seen and seen <= LOOPBACK, "nothing listens, or is asked, beyond this machine"
    train(
        Run(data, Recipe(stages=((32, 1),), batch_size=13, peak_rate=0.01), WITHOUT_NORMS, "float32"), tmp_path / "one"
    )
    told, errors = run.communicate(timeout=300)
    assert run.returncode == 0 and told.count("held-out images: top-1") == 1, errors
    ours, theirs = (safetensors.torch.load_file(tmp_path / name / "final.safetensors") for name in ("two", "one"))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-3, atol=1e-5, msg=name)
    two, one = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("two", "one"))
    assert (two["hardware"][0]["processes"], two["hardware"][0]["accumulate"]) == (2, 2)
    assert two["curves"][0]["train_loss"] == pytest.approx(one["curves"][0]["train_loss"], rel=1e-4)
    assert two["curves"][0]["top1"] == one["curves"][0]["top1"] and len(two["curves"]) == 1


# What happens to a run.


def test_what_keeps_processes_apart_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """nccl's own last words; where another process has gone, that."""
    for name in ("init_process_group", "get_rank"):
        monkeypatch.setattr(f"torch.distributed.{name}", lambda *_a, **_k: 0)
    monkeypatch.setattr("torch.distributed.is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    handler = signal.getsignal(signal.SIGTERM)
    told = (
        "NCCL error: invalid usage\nLast error:\nDuplicate GPU detected : rank 1 and rank 0 both on CUDA device 1a0\n"
    )
    for error, sentence in (
        (
            torch.distributed.DistBackendError(told),
            r"together \(Duplicate GPU detected : .* device 1a0\)\. What was saved",
        ),
        (torch.distributed.DistNetworkError("gone"), "Another process of this run has ended"),
    ):
        with pytest.raises(ValueError, match=sentence), started_together():
            raise error
    signal.signal(signal.SIGTERM, handler)


def test_one_folder_is_one_runs_alone(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second one says so, and changes nothing; the first goes on."""
    words = [*data_arguments(root), *SMALL, "--epochs", "1", "--batch", "12", "--rate", "0.01", "--out", str(tmp_path)]
    before: list[dict[str, bytes]] = []

    def contents() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.MonkeyPatch.context() as patch:

        class Meddled:
            def __init__(self, seconds: float) -> None: ...

            def __call__(self, progress: object) -> None:
                if not before:
                    before.append(contents())
                    assert main(["train", *words]) == 2
                    assert contents() == before[0]

        patch.setattr("simam_viz.cli.train_command._Printer", Meddled)
        assert main(["train", *words]) == 0
    assert f"Another run is writing into {tmp_path}" in capsys.readouterr().err
    assert (tmp_path / "final.safetensors").is_file() and len(before) == 1


def test_a_full_disk_is_one_sentence_and_costs_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource", reason="files have no greatest size on this system")
    words = [*data_arguments(root), *SMALL, "--batch", "12", "--rate", "0.01", "--out", str(tmp_path), "--epochs", "2"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))  # the state is larger, all else smaller
    try:
        assert main(["train", *words]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (tmp_path / ".state.pt.0123456789ab.tmp").write_bytes(b"of one that was killed while it wrote")
    error = capsys.readouterr().err
    assert "state.pt could not be written" in error and error.count("\n") == 1
    left = {"recipe.yaml", "curves.csv", "curves.png", ".state.pt.0123456789ab.tmp"}
    assert {file.name for file in tmp_path.iterdir()} == left
    assert main(["train", *words]) == 0 and not list(tmp_path.glob(".*.tmp"))
    assert (tmp_path / "curves.csv").read_text().count("\n") == 3


@pytest.mark.long
def test_tensorboard_is_told_each_step_once(root: Path, tmp_path: Path) -> None:
    """Whatever was told after the last saved state is void."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    data = load_training_data(root, root / "cache", root / "held_out.txt")
    recipe, design = replace(RECIPE, batch_size=6), Design("authors:cifar/resnet20")
    first, second = (Run(data, recipe, design, "float32") for _ in range(2))

    def killed(progress: object) -> None:
        if first.step == 8:  # the state was saved at the end of the first epoch, at step 5
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(first, tmp_path, report=killed, tensorboard=True)
    train(second, tmp_path, tensorboard=True)
    found = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("training/loss")] == list(range(1, 11))
    assert [event.step for event in found.Scalars("held-out/top-1")] == [5, 10]
    assert [event.value for event in found.Scalars("held-out/top-1")] == pytest.approx([e.top1 for e in second.epochs])


def test_without_tensorboard_it_is_one_sentence(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["train", *data_arguments(root), *SMALL, "--out", str(tmp_path / "out"), "--tensorboard"]) == 2
    error = capsys.readouterr().err
    assert "pip install tensorboard" in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


# The long form: real processes, really killed.

LONG = [*SMALL, "--batch", "12", "--rate", "0.01", "--epochs", "3"]


def until(run: subprocess.Popen[str], file: Path, step: int) -> None:
    """Wait for a state on disk that has come so far."""
    while run.poll() is None:
        if file.exists() and torch.load(file, weights_only=True)["step"] >= step:
            return
        time.sleep(0.02)
    raise AssertionError(run.communicate())


@pytest.fixture
def whole(root: Path, tmp_path: Path) -> Iterator[dict[str, torch.Tensor]]:
    run = torchrun(*data_arguments(root), *LONG, "--out", str(tmp_path / "whole"), meeting=())
    assert run.wait(200) == 0, run.communicate()
    yield safetensors.torch.load_file(tmp_path / "whole" / "final.safetensors")


@pytest.mark.long
def test_two_processes_killed_go_on_as_if_nothing_had_been(
    root: Path, tmp_path: Path, whole: dict[str, torch.Tensor]
) -> None:
    words = [*data_arguments(root), *LONG, "--out", str(tmp_path / "killed")]
    run = torchrun(*words)
    until(run, tmp_path / "killed" / "state.pt", 2)
    children = (Path(f"/proc/{run.pid}/task/{run.pid}/children")).read_text().split()
    run.send_signal(signal.SIGKILL)
    for child in children:
        subprocess.run(["kill", "-9", child], check=False)
    run.communicate()
    assert not (tmp_path / "killed" / "final.safetensors").exists()
    again = torchrun(*words)
    assert again.wait(200) == 0, again.communicate()
    found = safetensors.torch.load_file(tmp_path / "killed" / "final.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in whole.items())
    assert (tmp_path / "killed" / "curves.csv").read_text().count("\n") == 4


@pytest.mark.long
def test_a_lost_process_is_one_sentence_and_another_number_goes_on(root: Path, tmp_path: Path) -> None:
    words = [*data_arguments(root), *LONG[:-1], "60", "--out", str(tmp_path)]
    run = torchrun(*words)
    until(run, tmp_path / "state.pt", 2)
    *_first, second = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    subprocess.run(["kill", "-9", second], check=True)
    _told, errors = run.communicate(timeout=60)
    assert run.returncode != 0
    assert (
        errors.count("simam_viz: ") == 1
        and "the same command goes on from there" in errors
        and "RuntimeError" not in errors
    )
    step = torch.load(tmp_path / "state.pt", weights_only=True)["step"]
    state = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert not [name for name in state if name.endswith(".tmp")]
    for processes in (1, 3):
        again = torchrun(*words, processes=processes)
        until(again, tmp_path / "state.pt", step + 2)
        again.terminate()
        again.communicate(timeout=60)
        step = torch.load(tmp_path / "state.pt", weights_only=True)["step"]
    used = torch.load(tmp_path / "state.pt", weights_only=True)["hardware"]
    assert [machine.get("processes", 1) for machine in used] == [2, 1, 3]


@pytest.mark.long
def test_what_is_wrong_is_said_once_by_all_processes(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", photos=4)
    for words in (["--batch", "64"], ["--arch", "nonsense"]):
        run = torchrun("--data", str(photos), "--out", str(tmp_path / "out"), *SMALL, *words)
        _told, errors = run.communicate(timeout=300)
        assert run.returncode != 0 and errors.count("simam_viz: ") == 1 and "SystemExit" not in errors
    assert not (tmp_path / "out").exists()
