"""Checkpoint files as training scripts leave them: prefixes, nestings, heads, strays, and where SimAM stood."""

from __future__ import annotations

import argparse
import collections
import copy
import datetime
import io
import pathlib
import pickle
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet18

import simam_viz
from simam_viz import CheckpointError, SimAM, insert_simam, load_checkpoint
from simam_viz.checkpoints.loading import LoadedCheckpoint, with_card
from simam_viz.checkpoints.store import write_card
from simam_viz.networks.geometry import receptive_field
from simam_viz.networks.places import plain_state_dict, simam_lambdas, usual_places
from tests.helpers.authors_networks import saved
from tests.helpers.made_up_language import bracketed
from tests.helpers.small_networks import network, other, weights

X = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def prefixed(prefix: str, tensors: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in (tensors or weights()).items()}


def renamed(old: str, new: str) -> dict[str, Tensor]:
    return {name.replace(old, new): tensor for name, tensor in weights().items()}


def is_the_network(loaded: LoadedCheckpoint) -> bool:
    plain = with_card(loaded, {"attention": "none"}).model
    with torch.no_grad():
        # In the same format of memory, sums are taken in the same order.
        return torch.equal(plain(X), copy.deepcopy(network()).to(memory_format=torch.channels_last)(X))


OPENS: dict[str, Any] = {
    "net.": {"state_dict": prefixed("net.")},
    "backbone.": prefixed("backbone."),
    "encoder.": prefixed("encoder."),
    "model.net.": prefixed("model.net."),
    "module.model.backbone.": prefixed("module.model.backbone."),
    "_orig_mod.module.": prefixed("_orig_mod.module."),
    "0.": prefixed("0."),
    "a loss weight": prefixed("model.") | {"criterion.weight": torch.ones(5)},
    "a loss weight in the table": weights() | {"loss_weight": torch.tensor(0.5)},
    "a metric": prefixed("net.") | {"val_acc.correct": torch.tensor(3), "val_acc.total": torch.tensor(9)},
    "a confusion matrix": prefixed("net.") | {"test_confusion.matrix": torch.ones(5, 5)},
    "averaged": prefixed("module.") | {"n_averaged": torch.tensor(7)},
    "net": {"net": weights(), "acc": 91.3},
    "network": {"network": weights()},
    "params": {"params": weights()},
    "weights": {"weights": weights()},
    "state_dict_ema alone": {"state_dict_ema": weights()},
    "state_dict beside state_dict_ema": {"state_dict": weights(), "state_dict_ema": other()},
    "model.state_dict": {"model": {"state_dict": weights(), "step": 3}},
    "a list": [weights(), {"epoch": 3}],
    "the same twice": {"state_dict": weights(), "best": weights()},
    "a whole training": {
        "model": weights(),
        "optimizer": torch.optim.Adam(resnet18(num_classes=5).parameters()).state_dict(),
        "scheduler": {"last_epoch": 3, "_last_lr": [0.1]},
        "loss": torch.tensor(0.3),
    },
    "fc.1": renamed("fc.", "fc.1."),
    "classifier": renamed("fc.", "classifier."),
    "classifier.1": renamed("fc.", "classifier.1."),
    "head.fc": renamed("fc.", "head.fc."),
    "last_linear": renamed("fc.", "last_linear."),
    "a head beside its backbone": {
        ("head." + name[3:] if name.startswith("fc.") else "backbone." + name): tensor
        for name, tensor in weights().items()
    },
    "NumPy numbers": {"state_dict": weights(), "best": np.float64(7), "n": np.int64(3), "hist": np.arange(4), "t": np.dtype("f4")},
    "settings": {"model": weights(), "args": argparse.Namespace(lr=0.1, out=pathlib.Path("x"), seen=SimpleNamespace(a=1))},
    "paths, sizes, dates": {
        "model": weights(),
        "path": pathlib.PurePosixPath("a/b"),
        "windows": pathlib.PureWindowsPath("c:/x"),
        "size": torch.Size([3]),
        "when": datetime.datetime(2026, 1, 2),
        "crop": slice(1, 2),
        "order": collections.OrderedDict(a=1),
    },
    "counters of shape (1,)": {n: t.reshape(1) if t.ndim == 0 else t for n, t in weights().items()},
    "parameters": {n: nn.Parameter(t, False) if t.is_floating_point() else t for n, t in weights().items()},
}  # fmt: skip


@pytest.mark.parametrize("case", OPENS)
def test_a_file_opens_and_says_what_was_done(case: str) -> None:
    loaded = load_checkpoint(saved(OPENS[case]))
    assert is_the_network(loaded)
    match = loaded.match
    assert match.matched + len(match.filled) == match.expected
    if case.endswith(".") or case.startswith(("fc", "classifier", "head", "last", "a head")):
        assert match.translations
    if case in ("a loss weight", "averaged", "a metric", "a confusion matrix", "a loss weight in the table"):
        assert match.unused and not match.unused.keys() & set(weights())


def test_the_same_from_safetensors() -> None:
    file = io.BytesIO(safetensors.torch.save(prefixed("backbone.") | {"n_averaged": torch.tensor(3)}))
    loaded = load_checkpoint(file)
    assert is_the_network(loaded) and list(loaded.match.unused) == ["n_averaged"]


def test_plain_weights_are_taken_before_averaged_ones_and_it_is_said() -> None:
    loaded = load_checkpoint(saved(OPENS["state_dict beside state_dict_ema"]))
    assert "state_dict taken, not state_dict_ema" in loaded.match.translations[0]
    averaged = load_checkpoint(saved(OPENS["state_dict beside state_dict_ema"]), part="state_dict_ema")
    assert not is_the_network(averaged) and averaged.card.part == "state_dict_ema"


def test_a_network_that_is_loaded_once_is_told_in_the_language_of_whoever_reads() -> None:
    content = prefixed("module.") | {"n_averaged": torch.tensor(3)}
    loaded = load_checkpoint(saved({n: t for n, t in content.items() if not n.endswith("num_batches_tracked")}))
    with bracketed():
        assert loaded.match.translations == ("⟦“module.” taken off every name: PyTorch's DataParallel put it there⟧",)
        assert loaded.match.unused["n_averaged"] == "⟦how many weights were averaged (torch.optim.swa_utils)⟧"
        assert set(loaded.match.filled.values()) == {"⟦0: not needed after training⟧"}
        assert "⟦where SimAM stands is assumed⟧" in loaded.remarks
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(saved({n: t for n, t in weights().items() if n != "conv1.weight"}))
        told_in_marks = load_checkpoint(saved(content))
    assert str(caught.value) == "⟦These weights do not fit resnet18, which comes closest: ⟦conv1.weight is missing⟧.⟧"
    assert dict(caught.value.problems) == {"conv1.weight": "⟦is missing⟧"}
    assert told_in_marks.match == load_checkpoint(saved(content)).match and told_in_marks.card == loaded.card
    assert loaded.match.unused["n_averaged"] == "how many weights were averaged (torch.optim.swa_utils)"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({"student": weights(), "teacher": other()}, ("student", "teacher")),
        ({"model": weights(), "model_ema": other()}, ("model", "model_ema")),
        (prefixed("student.") | prefixed("teacher.", other()), ("student", "teacher")),
        ({"state_dict": prefixed("encoder_q.") | prefixed("encoder_k.", other())}, ("state_dict.encoder_q", "state_dict.encoder_k")),
        ([weights(), other()], ("0", "1")),
        (weights() | {"ema": other()}, ("top level", "ema")),
    ],
    ids=["tables", "plain and averaged", "prefixes", "prefixes in a table", "a list", "top level and a table"],
)  # fmt: skip
def test_several_networks_are_asked_about(content: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(saved(content))
    assert set(caught.value.parts) == set(parts) and all(part in str(caught.value) for part in parts)
    one, two = (load_checkpoint(saved(content), part=part) for part in parts)
    assert is_the_network(one) and not is_the_network(two) and two.card["part"] == parts[1]
    with pytest.raises(CheckpointError, match="no network nobody in this file; it holds"):
        load_checkpoint(saved(content), part="nobody")


def test_the_card_can_say_which_network_is_meant(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "both.pt"
    torch.save({"student": weights(), "teacher": other()}, path)
    write_card(path, {"part": "student"})
    assert is_the_network(load_checkpoint(path))


def test_what_may_belong_to_the_forward_pass_is_not_left_out_in_silence() -> None:
    beside = prefixed("net.") | {"projector.0.weight": torch.ones(4, 5), "projector.0.bias": torch.ones(4)}
    with pytest.raises(CheckpointError, match="Beside the network net stands projector") as caught:
        load_checkpoint(saved(beside))
    assert caught.value.parts == ("net",)
    assert set(load_checkpoint(saved(beside), part="net").match.unused) == {"projector.0.weight", "projector.0.bias"}
    for inside in ({"layer1.0.se.fc.weight": torch.ones(4, 64)}, {"attention.conv.weight": torch.ones(1, 2, 7, 7)}):
        with pytest.raises(CheckpointError, match="has no place in resnet18"):
            load_checkpoint(saved(weights() | inside))


@pytest.mark.parametrize("layers", [("fc.0", "fc.3"), ("head.0", "head.2")])
def test_a_classifier_of_two_layers_is_not_one(layers: tuple[str, str]) -> None:
    content = {n: t for n, t in weights().items() if not n.startswith("fc.")}
    shapes = zip(layers, ((9, 512), (5, 9)), strict=True)
    content |= {f"{layer}.weight": torch.ones(shape) for layer, shape in shapes}
    content |= {f"{layers[0]}.bias": torch.ones(9), f"{layers[1]}.bias": torch.ones(5)}
    with pytest.raises(CheckpointError, match="do not fit resnet18"):
        load_checkpoint(saved(content))


def test_a_backbone_without_a_classifier_is_refused() -> None:
    content = {n: t for n, t in prefixed("encoder.").items() if "fc." not in n}
    with pytest.raises(CheckpointError, match=r"fc\.weight is missing"):
        load_checkpoint(saved(content | {"decoder.0.weight": torch.ones(4, 512, 3, 3)}))


# Nothing harmless keeps a file shut, and nothing in it runs.


class Trap:
    def __reduce__(self) -> tuple:
        return pathlib.Path.touch, (pathlib.Path("trap-was-here"),)


def test_what_could_run_is_still_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="it could run code"):
        load_checkpoint(saved({"model": weights(), "extra": Trap()}))
    assert not list(tmp_path.iterdir())
    pickle.loads(pickle.dumps(Trap()))
    assert list(tmp_path.iterdir()), "the trap itself must work for this test to mean anything"


def test_harmless_things_are_neither_made_nor_kept() -> None:
    """What the file says of a NumPy array is not done: not even memory is asked for."""
    loaded = load_checkpoint(saved({"model": weights(), "huge": _Described()}))
    assert is_the_network(loaded)


class _Described:
    def __reduce__(self) -> tuple:
        reconstruct, _, state = np.zeros(1).__reduce__()
        return reconstruct, (np.ndarray, (10**11,), b"d"), state


def test_the_process_allows_no_more_than_before() -> None:
    before = set(torch.serialization.get_safe_globals())
    threads = [threading.Thread(target=load_checkpoint, args=(saved(OPENS["settings"]),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(torch.serialization.get_safe_globals()) == before


def exported() -> io.BytesIO:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),)), buffer)
    return io.BytesIO(buffer.getvalue())


def numpy_archive() -> io.BytesIO:
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.ones(3))
    return io.BytesIO(buffer.getvalue())


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (exported, r"exported program \(torch\.export\)"),
        (numpy_archive, "NumPy archive"),
        (lambda: io.BytesIO(b"\x89HDF\r\n\x1a\n" + bytes(99)), "as Keras writes it"),
        (lambda: io.BytesIO(b"<!DOCTYPE html><title>Quota exceeded"), "web page"),
        (lambda: io.BytesIO(b"version https://git-lfs.github.com/spec/v1\noid"), "Git LFS"),
        (lambda: io.BytesIO(b"\x89PNG\r\n\x1a\n"), "it is a picture"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(file: Callable[[], io.BytesIO], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(file())
    assert "damaged" not in str(caught.value)


# Where SimAM stands.


@pytest.mark.parametrize(
    ("where", "places"),
    [
        (r"layer4\.\d\.conv2", ["layer4.0.conv2", "layer4.1.conv2"]),
        (r"layer[12]\.0\.conv2", ["layer1.0.conv2", "layer2.0.conv2"]),
        (r"layer3\.1\.conv1", ["layer3.1.conv1"]),
        (r"conv1|layer2\.0\.downsample\.0", ["conv1", "layer2.0.downsample.0"]),
        (r"layer\d\.\d\.conv2", list(usual_places("resnet18")["convolution"])),
    ],
)
def test_the_names_tell_where_simam_stood(where: str, places: list[str]) -> None:
    theirs = insert_simam(network(), where, 0.1)
    loaded = load_checkpoint(saved(theirs.state_dict()))
    assert loaded.card["simam_at"] == places and "simam_at" not in loaded.assumed and loaded.trained_with_simam
    assert list(simam_lambdas(loaded.model)) == places
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(X), theirs(X))
    again = load_checkpoint(saved(loaded.model.state_dict()))
    if where != r"layer\d\.\d\.conv2" and "conv2" not in where:
        assert list(simam_lambdas(again.model)) == places, "its own names tell it too"


@pytest.mark.parametrize("kind", ["norm", "block", "convolution"])
@pytest.mark.parametrize(
    "arch",
    [
        "resnet18",
        pytest.param("resnet50", marks=pytest.mark.long),
        pytest.param("mobilenet_v2", marks=pytest.mark.long),
    ],
)
def test_a_card_tells_where_simam_stands(arch: str, kind: str) -> None:
    """Against the plain network with SimAM applied by hooks."""
    torch.manual_seed(0)
    plain = simam_viz.create_model(arch, "none", 4).eval()
    places = usual_places(arch)[kind]
    loaded = with_card(load_checkpoint(saved(plain.state_dict())), {"simam_at": list(places), "e_lambda": 0.2})
    assert "simam_at" not in loaded.assumed
    for place in places:
        plain.get_submodule(place).register_forward_hook(
            lambda _, inputs, output: output * simam_viz.attention(output, 0.2)
        )
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(X), plain(X), rtol=1e-4, atol=1e-5)
    analysis = simam_viz.analyze(loaded, simam_viz.open_image("assets/samples/espresso-cup.jpg"), input_size=64)
    assert len(analysis.blocks) == len(places) and analysis.attends
    assert all(receptive_field(loaded.model, block.name).size > 1 for block in analysis.blocks)
    ablation = simam_viz.ablate_blocks(loaded, simam_viz.open_image("assets/samples/espresso-cup.jpg"), input_size=64)
    assert list(ablation.off) == [block.name for block in analysis.blocks]
    assert plain_state_dict(loaded.model).keys() == simam_viz.create_model(arch, "none", 4).state_dict().keys()


def test_a_sequential_behind_a_norm_tells_the_place() -> None:
    content = {
        name.replace("bn2.", "bn2.0.") if name.startswith("layer3.0.bn2.") else name: tensor
        for name, tensor in weights().items()
    }
    loaded = load_checkpoint(saved(content))
    assert loaded.card["simam_at"] == ["layer3.0.bn2"]
    assert [type(m) for m in loaded.model.layer3[0].bn2] == [nn.BatchNorm2d, SimAM]


def test_mobilenets_places_are_told_too() -> None:
    theirs = insert_simam(mobilenet_v2(num_classes=3).eval(), r"features\.(3|4)\.conv\.1\.0", 0.1)
    loaded = load_checkpoint(saved(theirs.state_dict()))
    assert loaded.card["simam_at"] == ["features.3.conv.1.0", "features.4.conv.1.0"]
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(X), theirs(X))


def test_what_no_name_tells_is_assumed_and_said() -> None:
    loaded = load_checkpoint(saved(weights()))
    assert {"simam_at", "forward_pass"} <= set(loaded.assumed)
    assert "where SimAM stands is assumed" in loaded.remarks and "training with SimAM not known" in loaded.remarks
    assert loaded.card["forward_pass"] == "assumed to be torchvision's"
    known = with_card(loaded, {"trained_with_simam": True, "e_lambda": 0.1, "simam_at": ["layer4.1.bn2"]})
    assert not known.remarks and list(simam_lambdas(known.model)) == ["layer4.1.bn2"]
    old = with_card(loaded, {"attention": "simam", "e_lambda": 0.1})
    assert old.remarks == ("where SimAM stands is assumed",), "a card of the time before this entry"


def test_names_and_card_must_agree_about_the_places(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.pt"
    torch.save(insert_simam(network(), r"layer4\.\d\.conv2", 0.1).state_dict(), path)
    write_card(path, {"simam_at": ["layer1.0.conv2"]})
    with pytest.raises(CheckpointError, match=r"behind layer1\.0\.conv2, but the names of the tensors say layer4"):
        load_checkpoint(path)
    write_card(path, {"attention": "none"})
    assert not load_checkpoint(path).attends, "run without it, if that is wanted"


@pytest.mark.parametrize(
    "entries",
    [
        {"simam_at": ["layer9.0.conv2"]}, {"simam_at": ["fc"]}, {"simam_at": [], "attention": "simam"},
        {"e_lambda": {"layer1.0.conv2": 0.1}}, {"e_lambda": {"layer1.0.conv2": 0.1}, "attention": "none"},
        {"attention": "se"}, {"attention": "what"},
    ],
    ids=str,
)  # fmt: skip
def test_places_that_make_no_sense_are_one_sentence(entries: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="card") as caught:
        with_card(load_checkpoint(saved(weights())), entries)
    assert "\n" not in str(caught.value)


def test_a_card_gives_each_place_its_own_lambda(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.pt"
    torch.save(weights(), path)
    lambdas = {"layer3.0.conv2": 0.5, "layer4.1.conv2": 1e-4}
    write_card(path, {"attention": "simam", "simam_at": list(lambdas), "e_lambda": lambdas})
    loaded = load_checkpoint(path)
    assert simam_lambdas(loaded.model) == lambdas and loaded.e_lambda is None


def test_wrap_writes_down_the_places() -> None:
    assert simam_viz.wrap(insert_simam(network(), r"layer4\.\d\.conv2")).card["simam_at"] == [
        "layer4.0.conv2", "layer4.1.conv2"
    ]  # fmt: skip
    own = simam_viz.wrap(simam_viz.create_model("resnet18", num_classes=3))
    assert own.card["simam_at"] == list(usual_places("resnet18")["convolution"])
    loose = nn.Sequential(nn.Conv2d(3, 4, 3), SimAM(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert simam_viz.wrap(loose).card["simam_at"] == ["1"]
