"""What ships, and what a person's own file may be."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

import simam_viz
from simam_viz import CheckpointError, create_model, list_checkpoints, load_checkpoint
from simam_viz.checkpoints import LoadedCheckpoint, file_hash


def test_bundled_files_are_what_their_cards_say() -> None:
    infos = list_checkpoints()
    assert infos and infos[0].card["attention"] == "simam"
    for info in infos:
        card = info.card
        assert file_hash(info.path) == card["sha256"]
        assert info.path.stat().st_size == card["bytes"] <= 25 * 2**20
        assert len(card["categories"]) == card["num_classes"] == len(set(card["categories"])) == 200
        for entry in ("title", "trained_on", "recipe", "accuracy", "limits", "data_terms", "preprocessing", "e_lambda"):
            assert card[entry], entry
        for name, tensor in safetensors.torch.load_file(info.path).items():
            assert tensor.dtype == (torch.float32 if "running" in name else torch.float16), name


def test_bundled_default_is_ready(loaded: LoadedCheckpoint) -> None:
    assert loaded.trained_with_simam and not loaded.model.training and loaded.e_lambda == 0.1
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in loaded.model.parameters())


def test_samples_are_recognised(loaded: LoadedCheckpoint) -> None:
    """Most samples show their own class among the five most probable: weights, names and preprocessing fit together."""
    from simam_viz.samples import list_samples

    hits = 0
    for sample in list_samples():
        top = [name for _, name, _ in simam_viz.analyze(loaded, sample.image()).top(5)]
        hits += any(name in sample.classes for name in top)
    assert hits >= 0.7 * len(list_samples())


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    model = create_model("resnet34", "simam", 3)
    path = tmp_path / "mine.pt"
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, path)
    loaded = load_checkpoint(path)
    assert loaded.name == "mine" and loaded.categories == ("class 0", "class 1", "class 2")
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(loaded.model(x), model.eval()(x))
    safe = io.BytesIO(safetensors.torch.save(model.state_dict()))
    torch.testing.assert_close(load_checkpoint(safe).model(x), model(x))
    with pytest.raises(CheckpointError, match="do not fit resnet18"):
        load_checkpoint(path, arch="resnet18")


@pytest.mark.parametrize(
    ("card", "sentence"),
    [("[1, 2]", "not a JSON object"), ("{broken", "not a JSON object"), ('{"categories": ["a"]}', "names 1 classes")],
)
def test_a_card_that_does_not_fit(card: str, sentence: str, tmp_path: Path) -> None:
    torch.save(create_model("resnet18", "simam", 3).state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.json").write_text(card)
    with pytest.raises(CheckpointError, match=sentence):
        load_checkpoint(tmp_path / "mine.pt")


class Trap:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def test_code_in_a_pickle_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"state_dict": Trap(trace)}, tmp_path / "trap.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Trap(trace)))
    for name in ("trap.pt", "plain.pt"):
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / name)
    assert not trace.exists()
    pickle.loads((tmp_path / "plain.pt").read_bytes())
    assert trace.exists(), "the trap itself must work for this test to mean anything"


def saved(content: object) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return io.BytesIO(buffer.getvalue())


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (lambda: io.BytesIO(b""), "neither safetensors nor"),
        (lambda: io.BytesIO(b"no weights here, only words"), "neither safetensors nor"),
        (lambda: io.BytesIO(b"PK then nothing that is an archive"), "(damaged|more than tensors)"),
        (lambda: saved({"fc.weight": torch.tensor(1.0)}), "fit none of the supported"),
        (lambda: saved({"epoch": 3}), "no state_dict"),
        (lambda: saved({"conv1.weight": torch.zeros(1)}), "fit none of the supported"),
        (lambda: "no_such_checkpoint", "no checkpoint"),
    ],
    ids=["empty", "text", "broken archive", "no matrix", "no tensors", "unknown shapes", "unknown name"],
)
def test_what_is_no_checkpoint_is_one_sentence(source, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(source())
    assert "\n" not in str(caught.value)
