"""Files of weights built to run code, to cost memory, or to be no network."""

from __future__ import annotations

import functools
import io
import json
import math
import os
import pickle
import struct
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

import simam_viz

TRACE = Path(tempfile.gettempdir()) / f"simam-viz-trace-{os.getpid()}"
"""What code in a file would leave behind, if any of it ran."""


class Trap:
    """Pickled, it is a call that leaves :data:`TRACE`; ``way`` is how the call is hidden."""

    def __init__(self, way: str = "mkdir") -> None:
        self.way = way

    def __reduce__(self) -> tuple:
        path = str(TRACE)
        return {
            "mkdir": (os.mkdir, (path,)),
            "eval": (eval, (f"__import__('os').mkdir({path!r})",)),
            "exec": (exec, (f"import os; os.mkdir({path!r})",)),
            "system": (os.system, (f"mkdir {path}",)),
            "getattr": (functools.partial(os.mkdir, path), ()),
            "torch": (torch.save, (torch.zeros(1), path)),
            "state": (OrderedDict, (), None, None, iter([("weight", Trap("mkdir"))])),
        }[self.way]


WAYS = ("mkdir", "eval", "exec", "system", "getattr", "torch", "state")


def saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


@functools.cache
def network() -> dict[str, Tensor]:
    """A whole small network: resnet18 with three classes, in float16 for speed."""
    torch.manual_seed(0)
    model = simam_viz.create_model("resnet18", "simam", 3)
    return {key: t.half() if t.is_floating_point() else t for key, t in model.state_dict().items()}


def changed(**tensors: Tensor | None) -> bytes:
    """The network with some tensors replaced (``conv1__weight``: two underscores for a dot), or left out."""
    weights = dict(network())
    for name, tensor in tensors.items():
        key = name.replace("__", ".")
        if tensor is None:
            del weights[key]
        else:
            weights[key] = tensor
    return safetensors.torch.save(weights)


def safetensors_file(header: dict | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def zip_bomb(gigabytes: int) -> bytes:
    """A PyTorch archive whose one storage is packed: kilobytes that unpack to gigabytes."""
    small = zipfile.ZipFile(io.BytesIO(saved({"fc.weight": torch.zeros(4)})))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in small.namelist():
            if name.endswith("data/0"):
                with archive.open(name, "w", force_zip64=True) as part:
                    for _ in range(16 * gigabytes):
                        part.write(bytes(2**26))
            else:
                archive.writestr(name, small.read(name))
    return buffer.getvalue()


def pickle_bomb() -> bytes:
    """A packed pickle of a hundred million Nones."""
    small = zipfile.ZipFile(io.BytesIO(saved({"fc.weight": torch.zeros(4)})))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in small.namelist():
            content = b"\x80\x02(" + b"N" * 10**8 + b"l." if name.endswith("data.pkl") else small.read(name)
            archive.writestr(name, content)
    return buffer.getvalue()


def scripted() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def legacy_trap() -> bytes:
    return saved({"fc.weight": torch.zeros(2, 2), "x": Trap()}, _use_new_zipfile_serialization=False)


def nested(depth: int) -> dict:
    content: dict = {}
    for _ in range(depth):
        content = {"state_dict": content}
    return content


def laughs() -> list:
    """Lists of lists that are small in memory and endless as text."""
    value: list = ["ha"]
    for _ in range(60):
        value = [value, value]
    return value


def of_itself() -> dict:
    content: dict = {}
    content["state_dict"] = content
    return content


# Every one of these must be a CheckpointError.
HOSTILE: dict[str, Callable[[], bytes]] = {
    **{f"pickle with code: {way}": lambda way=way: saved({"state_dict": {"fc.weight": Trap(way)}}) for way in WAYS},
    **{f"plain pickle, protocol {p}": lambda p=p: pickle.dumps(Trap(), protocol=p) for p in range(6)},
    "code in a legacy file": legacy_trap,
    "code beside a whole network": lambda: saved({"state_dict": network(), "optimizer": Trap()}),
    "a whole module": lambda: saved(torch.nn.Linear(2, 2)),
    "TorchScript": scripted,
    "a dict of itself": lambda: saved(of_itself()),
    "nested dicts": lambda: saved(nested(200)),
    "lists of lists": lambda: saved({"state_dict": laughs()}),
    "names that are no texts": lambda: saved({1: torch.zeros(1), (2, 3): torch.zeros(1), None: torch.zeros(1)}),
    "a name of many lines": lambda: saved({"a\nb\x00\x1b[31m<b>" * 2_000: torch.zeros(1)}),
    "ten thousand names": lambda: safetensors.torch.save({f"t{n}": torch.zeros(0) for n in range(10_000)}),
    "steps of zero": lambda: saved({"fc.weight": torch.zeros(1, dtype=torch.float16).expand(2**20, 2**20)}),
    "a network with steps of zero": lambda: saved(
        {**network(), "fc.weight": torch.zeros(1, dtype=torch.float16).expand(2**31, 512)}
    ),
    "sparse": lambda: saved({**network(), "fc.weight": torch.zeros(3, 512).to_sparse()}),
    "meta tensors": lambda: saved({**network(), "fc.weight": torch.zeros(3, 512, device="meta")}),
    "complex numbers": lambda: saved({**network(), "fc.weight": torch.zeros(3, 512, dtype=torch.complex64)}),
    "whole numbers": lambda: changed(fc__weight=torch.zeros(3, 512, dtype=torch.int64)),
    "yes and no": lambda: changed(bn1__weight=torch.ones(64, dtype=torch.bool)),
    "NaN": lambda: changed(conv1__weight=torch.full((64, 3, 7, 7), math.nan, dtype=torch.float16)),
    "one NaN": lambda: changed(fc__bias=torch.tensor([0.0, math.nan, 0.0])),
    "infinity": lambda: changed(bn1__running_mean=torch.full((64,), math.inf)),
    "numbers beyond float32": lambda: changed(fc__bias=torch.full((3,), 1e300, dtype=torch.float64)),
    "negative variances": lambda: changed(bn1__running_var=torch.full((64,), -1.0)),
    "a layer is missing": lambda: changed(layer4__1__conv2__weight=None),
    "a layer too many": lambda: changed(layer5__0__conv1__weight=torch.zeros(2, 2)),
    "a wrong shape": lambda: changed(layer1__0__conv1__weight=torch.zeros(64, 64, 5, 5)),
    "a number for a matrix": lambda: changed(fc__weight=torch.tensor(1.0)),
    "three dimensions for two": lambda: changed(fc__weight=torch.zeros(3, 512, 1)),
    "no classes": lambda: changed(fc__weight=torch.zeros(0, 512), fc__bias=torch.zeros(0)),
    "a bias of another length": lambda: changed(fc__bias=torch.zeros(5)),
    "zip: nothing within": lambda: b"PK\x05\x06" + bytes(18),
    "zip: no archive": lambda: b"PK\x03\x04" + bytes(1000),
    "zip: storage of a gigabyte": lambda: zip_bomb(1),
    "zip: a hundred million Nones": pickle_bomb,
    "safetensors: a header of 2^63 bytes": lambda: safetensors_file(b"{}", length=2**63),
    "safetensors: a header of 90 MB": lambda: safetensors_file(b"{" + b" " * (90 * 2**20) + b"}"),
    "safetensors: a deep header": lambda: safetensors_file(b'{"a":' + b"[" * 10**6 + b"]" * 10**6 + b"}"),
    "safetensors: no JSON": lambda: safetensors_file(b"{not json}"),
    "safetensors: a list": lambda: safetensors_file(b"[1, 2]"),
    "safetensors: not UTF-8": lambda: safetensors_file(b'{"\xff\xfe": 1}'),
    "safetensors: beyond the end": lambda: safetensors_file({"a": entry([4], 0, 16)}, bytes(8)),
    "safetensors: backwards": lambda: safetensors_file({"a": entry([4], 16, 0)}, bytes(16)),
    "safetensors: overlapping": lambda: safetensors_file({"a": entry([4], 0, 16), "b": entry([4], 0, 16)}, bytes(16)),
    "safetensors: a shape that overflows": lambda: safetensors_file({"a": entry([2**40, 2**40], 0, 16)}, bytes(16)),
    "safetensors: minus one": lambda: safetensors_file({"a": entry([-1], 0, 4)}, bytes(4)),
    "safetensors: an unknown type": lambda: safetensors_file({"a": entry([1], 0, 4, "F1024")}, bytes(4)),
    "safetensors: rows of nothing": lambda: safetensors_file({"fc.weight": entry([2**62, 0], 0, 0)}),
    "pickle: a byte array of a terabyte": lambda: b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + (2**40).to_bytes(6, "little")
    + b"\x85R.",
    "pickle: endless": lambda: b"\x80\x02" + b"(" * 10**5,
    "pickle: nothing on the stack": lambda: b"\x80\x02.",
}  # fmt: skip


def small_files() -> dict[str, bytes]:
    """Seeds: files of a few tensors in every container."""
    tensors = {
        "conv1.weight": torch.zeros(2, 3),
        "bn1.num_batches_tracked": torch.tensor(1),
        "fc.weight": torch.ones(2, 2),
    }
    return {
        "zip": saved({"state_dict": tensors, "epoch": 3}),
        "legacy": saved(tensors, _use_new_zipfile_serialization=False),
        "safetensors": safetensors.torch.save(tensors, {"format": "pt"}),
        "module.": saved({f"module.{key}": t for key, t in tensors.items()}),
        "pickle": pickle.dumps({"a": 1}),
    }
