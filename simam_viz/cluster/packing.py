"""Calls as bytes: without the networks in them, which are sent once and go by a name."""

from __future__ import annotations

import io
import os
import pickle
import sys
import sysconfig
import threading
import uuid
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
from torch import nn

from .. import wording
from ..paths import ROOT


class StaysError(ValueError):
    """Something in a call cannot leave this process; says why."""


@dataclass(frozen=True)
class Packed:
    """A call as bytes."""

    call: bytes
    networks: dict[str, nn.Module]
    """What it takes beside, by the names that it has in ``call``."""


_LOCK = threading.Lock()
_NAMES: weakref.WeakKeyDictionary[nn.Module, str] = weakref.WeakKeyDictionary()


def name_of(model: nn.Module) -> str:
    """What a network is called as long as it lives."""
    with _LOCK:
        if model not in _NAMES:
            _send_code_of(model)
            _NAMES[model] = uuid.uuid4().hex
        return _NAMES[model]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.networks: dict[str, nn.Module] = {}

    def persistent_id(self, thing: object) -> str | None:
        if not isinstance(thing, nn.Module):
            return None
        name = name_of(thing)
        self.networks[name] = thing
        return name


class _Unpickler(pickle.Unpickler):  # of this program's own calls alone
    def __init__(self, stream: io.BytesIO, networks: Mapping[str, nn.Module]) -> None:
        super().__init__(stream)
        self._networks = networks

    def persistent_load(self, name: str) -> nn.Module:
        return self._networks[name]


def packed(function: Callable[..., object], args: tuple[Any, ...], named: Mapping[str, Any]) -> Packed:
    """A call, said in the language of this thread.

    Raises:
        StaysError: something in it cannot be sent.
    """
    stream = io.BytesIO()
    pickler = _Pickler(stream)
    try:
        pickler.dump((function, args, dict(named), wording.spoken()))
    except Exception as error:  # whatever a person's own objects raise
        raise StaysError(_reason(error)) from error
    return Packed(stream.getvalue(), pickler.networks)


def network_bytes(model: nn.Module) -> bytes:
    """A network as bytes, with the code that it came from where that is a person's own file.

    Raises:
        StaysError: it cannot be sent, or lies on another device than the processor.
    """
    if any(tensor.device.type != "cpu" for tensor in (*model.parameters(), *model.buffers())):
        raise StaysError("it lies on another device")
    try:
        found: bytes = cloudpickle.dumps(model)
    except Exception as error:
        raise StaysError(_reason(error)) from error
    return found


def result_bytes(result: object) -> bytes:
    """What a worker gives back."""
    found: bytes = cloudpickle.dumps(result)
    return found


def unpacked(call: bytes, networks: Mapping[str, nn.Module]) -> Callable[[], object]:
    """The call that :func:`packed` made, to be done here."""
    function, args, named, language = _Unpickler(io.BytesIO(call), networks).load()

    def do() -> object:
        wording.speak(language)
        return function(*args, **named)

    return do


def _send_code_of(model: nn.Module) -> None:
    """From now on, classes and functions from the folders of a network's own files are sent as code: no worker has those files."""
    folders = {path.parent for module in model.modules() if (path := _own_file(type(module).__module__)) is not None}
    for name, module in list(sys.modules.items()):
        path = _own_file(name)
        if path is not None and any(path.is_relative_to(folder) for folder in folders):
            cloudpickle.register_pickle_by_value(module)


_INSTALLED = (
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    Path(nn.__file__).resolve().parents[2],
)


def _own_file(name: str) -> Path | None:
    """Where a module's code lies, if that is neither installed nor this package; ``__main__`` is sent as code anyway."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
    if name == "__main__" or file is None or module is None or sys.modules.get(module.__name__) is not module:
        return None
    path = Path(os.path.realpath(file))
    away = (*_INSTALLED, ROOT / "simam_viz")
    return None if any(path.is_relative_to(place) for place in away) else path


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
