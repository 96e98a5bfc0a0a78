"""What ships, and what a person's own file may be."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import os
import pickle
import socket
import struct
import threading
import weakref
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image

import simam_viz
from simam_viz import CheckpointError, create_model, list_checkpoints, load_checkpoint
from simam_viz.checkpoints import torchvision_weights
from simam_viz.checkpoints.loading import LoadedCheckpoint, with_card
from simam_viz.checkpoints.store import write_card
from tests.helpers.authors_networks import saved
from tests.helpers.served_weights import publish, serving
from tests.helpers.small_networks import NAN, changed, small_weights


def test_bundled_default_is_ready(loaded: LoadedCheckpoint) -> None:
    assert loaded.trained_with_simam and not loaded.model.training and loaded.e_lambda == 0.1
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in loaded.model.parameters())


@pytest.mark.long
def test_samples_are_recognised(loaded: LoadedCheckpoint) -> None:
    """Most samples show their own class among the five most probable: weights, names and preprocessing fit together."""
    from simam_viz.photos.samples import list_samples

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
def test_what_is_no_checkpoint_is_one_sentence(source: Callable[[], str | io.BytesIO], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(source())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (changed(layer1__0__bn1__bias=NAN), r"2 of the 64 values of layer1\.0\.bn1\.bias are NaN or infinite"),
        (changed(fc__bias=torch.tensor([0, float("inf"), 0])), r"1 of the 3 values of fc\.bias"),
        (changed(fc__bias=torch.tensor([0, 1e200, 0], dtype=torch.float64)), r"1 of the 3 values of fc\.bias"),
        (changed(layer1__0__bn1__running_var=-torch.ones(64)), r"layer1\.0\.bn1\.running_var holds negative variances"),
        (changed(conv1__weight=torch.zeros(64, 3, 3, 3)), r"conv1\.weight has shape \(64 × 3 × 3 × 3\) where resnet18 has"),
        (changed(layer2__0__conv1__weight=None), r"do not fit resnet18, which comes closest: layer2\.0\.conv1\.weight is missing"),
        (changed(layer1__0__extra=torch.zeros(1)), r"layer1\.0\.extra has no place in resnet18"),
        (changed(attention__weight=torch.zeros(1, 2, 7, 7)), r"attention\.weight has no place in resnet18"),
        (changed(fc__0__weight=torch.zeros(9, 512), fc__3__weight=torch.zeros(3, 9)), r"fc\.0\.weight has no place"),
        (changed(conv1__weight=torch.zeros(64, 3, 7, 7, dtype=torch.int32)), r"conv1\.weight holds int32 values"),
        (changed(fc__bias=torch.zeros(4)), r"fc\.bias has 4 values for the 3 classes of fc\.weight"),
        (changed(fc__weight=torch.zeros(3, 9)), r"fc\.weight has shape \(3 × 9\) where resnet18 has \(classes × 512\)"),
        (changed(fc__weight=torch.zeros(0, 512), fc__bias=torch.zeros(0)), "tells no classes apart"),
        (changed(conv1__weight=torch.zeros(64, 3, 7, 7).to_sparse()), r"conv1\.weight is sparse"),
        (changed(conv1__weight=torch.zeros(1).expand(2**40)), r"unpack to more than 1 GiB, conv1\.weight"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_which_tensor(weights: dict[str, torch.Tensor], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(saved(weights))
    assert "\n" not in str(caught.value)


def test_too_many_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simam_viz.checkpoints.weights_file._MAX_TENSORS", 50)
    with pytest.raises(CheckpointError, match="122 tensors"):
        load_checkpoint(saved(small_weights()))


def test_every_tensor_that_does_not_fit_is_listed() -> None:
    weights = changed(conv1__weight=torch.zeros(64, 3, 3, 3), bn1__bias=None, **{"layer1.évil\nname": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="and 2 more tensors do not fit") as caught:
        load_checkpoint(saved(weights))
    assert [name for name, _ in caught.value.problems] == ["conv1.weight", "bn1.bias", "layer1.évil\nname"]


class Settings:
    """What somebody's training script may keep beside the weights."""


def test_the_unknown_code_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"more than tensors \(.*\.Settings\)"):
        load_checkpoint(saved({"state_dict": small_weights(), "args": Settings()}))


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return io.BytesIO(buffer.getvalue())


def repacked(file: io.BytesIO) -> io.BytesIO:
    with zipfile.ZipFile(file) as source:
        return archive({entry.filename: source.read(entry) for entry in source.infolist()})


def lying_archive() -> io.BytesIO:
    """A directory that declares 8 GiB for an entry of nothing."""
    data = bytearray(archive({"archive/data/0": b""}, zipfile.ZIP_STORED).getvalue())
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 28] = struct.pack("<II", 0, 2**32 - 2)
    return io.BytesIO(bytes(data))


def headed(header: bytes, length: int | None = None, body: bytes = b"") -> io.BytesIO:
    return io.BytesIO(struct.pack("<Q", len(header) if length is None else length) + header + body)


def tensor_header(**entry: object) -> bytes:
    return json.dumps({"conv1.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | entry}).encode()


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (lying_archive, r"unpacks to 4\.0 GiB, most of it in archive/data/0"),
        (lambda: archive({"archive/data/0": bytes(2**20)}), r"is packed \(archive/data/0\), which PyTorch never does"),
        (lambda: repacked(saved(small_weights())), "is packed"),
        (lambda: archive({"a/constants.pkl": b""}, zipfile.ZIP_STORED), "TorchScript"),
        (lambda: archive({"a/data.pkl": b"N" * (5 * 2**20)}), "table of contents of this file is far longer"),
        (lambda: io.BytesIO(b"\x80\x02(" + b"N" * (5 * 2**20) + b"l."), "table of contents of this file is far longer"),
        (lambda: headed(b"{}", length=2**63), "cut off or damaged"),
        (lambda: headed(b"{" + b" " * (9 * 2**20) + b"}"), "far more than a network needs"),
        (lambda: headed(b"{broken"), "safetensors file is damaged"),
        (lambda: headed(tensor_header(), body=b"12"), "safetensors file is damaged"),
        (lambda: headed(tensor_header(shape=[2**62, 4]), body=b"1234"), "safetensors file is damaged"),
        (lambda: headed(tensor_header(data_offsets=[4, 0]), body=b"1234"), "safetensors file is damaged"),
        (lambda: headed(b"{" + b'"a":' * 5000 + b"1}"), "safetensors file is damaged"),
        (lambda: headed(tensor_header(dtype="X9"), body=b"1234"), "safetensors file is damaged"),
    ],
)
def test_hostile_files_are_refused_before_they_unpack(file: Callable[[], io.BytesIO], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(file())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_file_larger_than_1_gib_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.pt"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # takes no room on the disk
    with pytest.raises(CheckpointError, match=r"has 1\.00 GiB; files up to 1 GiB"):
        load_checkpoint(path)


@pytest.mark.long
def test_memory_returns_when_a_checkpoint_is_dropped() -> None:
    loaded = load_checkpoint(saved(small_weights()))
    other = with_card(loaded, {"e_lambda": 0.5})
    simam_viz.analyze(other, teal_image(), input_size=32)
    watched = [weakref.ref(loaded.model), *(weakref.ref(p) for p in loaded.model.parameters())]
    storage = weakref.ref(other.model.conv1.weight)
    del loaded, other
    gc.collect()
    assert all(reference() is None for reference in [*watched, storage])


def teal_image() -> Image.Image:
    return Image.new("RGB", (40, 40), "teal")


def test_no_tensor_keeps_a_larger_one_alive() -> None:
    whole = torch.zeros(1_000_000)
    weights = changed(layer1__0__bn1__bias=whole[:64], bn1__num_batches_tracked=torch.zeros(9999, dtype=torch.int64)[0])
    for tensor in load_checkpoint(saved(weights)).model.state_dict().values():
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


# What nothing states is assumed, said, and can be stated.


def test_what_is_known_is_told_from_what_is_assumed(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    torch.save(small_weights(), path)
    loaded = load_checkpoint(path)
    assert loaded.trained_with_simam is None and loaded.attends
    assert set(loaded.assumed) == {
        "attention",
        "trained_with_simam",
        "e_lambda",
        "input_size",
        "normalisation",
        "categories",
        "simam_at",
        "forward_pass",
    }
    assert loaded.card["arch"] == "resnet18" and loaded.card["num_classes"] == 3 and loaded.size == path.stat().st_size
    answers = {
        "e_lambda": 0.02, "trained_with_simam": False, "attention": "none", "input_size": 64, "categories": ["a", "b", "c"],
        "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}, "forward_pass": "torchvision's",
    }  # fmt: skip
    described = with_card(loaded, answers)
    assert not described.assumed and described.trained_with_simam is False and not described.attends
    assert described.e_lambda == 0.02 and described.categories == ("a", "b", "c")
    assert described.transforms.tensor(teal_image()).shape == (3, 40, 40)
    assert described.transforms.mean == (0.5, 0.5, 0.5) and described.transforms.input_size == 64
    assert described.model.conv1.weight.data_ptr() == loaded.model.conv1.weight.data_ptr()
    write_card(path, described.card)
    again = load_checkpoint(path)
    assert again.card == described.card and not again.assumed and not again.attends
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.json", "mine.pt"]


def test_a_card_without_a_word_on_training_says_it_by_its_attention(tmp_path: Path) -> None:
    torch.save(small_weights(), tmp_path / "mine.pt")
    for attention, trained in (("simam", True), ("none", False)):
        write_card(tmp_path / "mine.pt", {"attention": attention})
        assert load_checkpoint(tmp_path / "mine.pt").trained_with_simam is trained


@pytest.mark.parametrize(
    "entry",
    [
        {"e_lambda": 0}, {"e_lambda": "much"}, {"e_lambda": float("nan")}, {"input_size": 8}, {"input_size": "x"},
        {"normalisation": {"std": [0, 1, 1]}}, {"normalisation": {"mean": [1]}}, {"normalisation": 3},
        {"categories": [1, 2, 3]}, {"trained_with_simam": "yes"}, {"attention": "se"}, {"num_classes": 4},
    ],
    ids=str,
)  # fmt: skip
def test_a_card_that_makes_no_sense(entry: dict[str, object], tmp_path: Path) -> None:
    torch.save(small_weights(), tmp_path / "mine.pt")
    (tmp_path / "mine.json").write_text(json.dumps(entry))
    with pytest.raises(CheckpointError, match="card"):
        load_checkpoint(tmp_path / "mine.pt")


# The folder of one's own.


def test_the_weights_folder_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(tmp_path))
    bundled = list_checkpoints()
    torch.save(small_weights(), tmp_path / "mine.pt")
    torch.save(small_weights(), tmp_path / "mine.pth")
    safetensors.torch.save_file(small_weights(), tmp_path / f"{bundled[0].name}.safetensors")
    (tmp_path / "mine.json").write_text("{broken")
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    infos = list_checkpoints()
    assert infos[: len(bundled)] == bundled, "the bundled default stays first"
    assert {info.name for info in infos[len(bundled) :]} == {"mine", "mine.pth", f"{bundled[0].name}.safetensors"}
    with pytest.raises(CheckpointError, match="not a JSON object"):
        load_checkpoint("mine")
    before = next(info for info in infos if info.name == "mine").version
    (tmp_path / "mine.json").write_text('{"title": "Mine"}')
    after = next(info for info in list_checkpoints() if info.name == "mine")
    assert after.title == "Mine" and after.version != before and not after.bundled and bundled[0].bundled
    assert load_checkpoint("mine").card["title"] == "Mine"


# torchvision's weights by name, from a server of our own.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    with serving(tmp_path / "served") as address:
        yield address, tmp_path / "served"


def test_torchvisions_weights_by_name(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(tmp_path / "weights"))
    ours = publish(*server, monkeypatch)
    seen: list[tuple[int, int]] = []
    loaded = load_checkpoint(ours.name, progress=lambda done, total: seen.append((done, total)))
    total = (server[1] / "weights.pth").stat().st_size
    assert seen[-1] == (total, total) and len(seen) > 10 and seen == sorted(seen)
    assert loaded.trained_with_simam is False and not loaded.attends and not loaded.assumed
    assert loaded.categories[1] == "goldfish" and loaded.transforms.input_size == 224
    assert ours.name in [info.name for info in list_checkpoints()]
    (server[1] / "weights.pth").unlink()
    assert load_checkpoint(ours.name, progress=pytest.fail).card == loaded.card, "the second time it is there"


@pytest.mark.long
def test_what_comes_damaged_is_thrown_away(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMAM_VIZ_WEIGHTS", str(tmp_path / "weights"))
    ours = publish(*server, monkeypatch)
    file = server[1] / "weights.pth"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    begins = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    with pytest.raises(CheckpointError, match=f"its SHA-256 begins with {begins}"):
        load_checkpoint(ours.name)
    file.unlink()
    with pytest.raises(CheckpointError, match="could not be downloaded") as caught:
        load_checkpoint(ours.name)
    assert "bundled checkpoint works without" in str(caught.value)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    publish(*server, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        load_checkpoint(ours.name, progress=stop)
    assert not list((tmp_path / "weights").iterdir()), "nothing half done is left behind"


@pytest.mark.parametrize(
    "answer", [b"garbage\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nshort"]
)
def test_what_answers_is_no_web_server(answer: bytes, tmp_path: Path) -> None:
    """As behind the login page of a hotel, or a proxy that breaks off."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.pth"
        weights = replace(torchvision_weights.published()["resnet18-imagenet1k-v1"], address=address)
        with pytest.raises(CheckpointError, match="could not be downloaded"):
            torchvision_weights.download(weights, tmp_path)
        thread.join()
    assert not list(tmp_path.iterdir())


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    weights = replace(torchvision_weights.published()["mobilenet_v2-imagenet1k-v1"], address="http://127.0.0.1:9/x.pth")
    with pytest.raises(CheckpointError, match="could not be downloaded") as caught:
        torchvision_weights.download(weights, tmp_path)
    assert "\n" not in str(caught.value)


def test_what_torchvision_publishes() -> None:
    for name, weights in torchvision_weights.published().items():
        assert weights.card["arch"] in name and len(weights.sha256_start) == 8 and int(weights.sha256_start, 16)
        assert weights.address.startswith("https://") and len(weights.card["categories"]) == 1000
