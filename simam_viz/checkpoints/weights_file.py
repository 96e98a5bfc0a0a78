"""A file from anywhere → named tensors that are safe to use: nothing in it runs, grows, or turns numbers into NaN."""

from __future__ import annotations

import contextlib
import io
import pickle
import pickletools
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..wording import _, later

MAX_BYTES = 2**30
"""No file larger than this is read, and none that unpacks to more."""

_MAX_TENSORS = 20_000
_MAX_PARTS, _MAX_DEPTH = 32, 6
"""Tables of tensors in one file, and how deep they may lie."""
_MAX_SAFETENSORS_HEADER = 8 * 2**20
_MAX_PICKLE = 4 * 2**20
"""What describes the tensors, without their numbers. A byte of it can cost a hundred of memory."""


class CheckpointError(ValueError):
    """The checkpoint cannot be used; the message is one plain sentence for the person who chose it.

    ``problems`` lists every tensor that does not fit as (name, why), where that is what is wrong. ``parts`` names what
    :func:`simam_viz.load_checkpoint` can be asked for instead, where the file holds a network, but which one must be said.
    ``prefixes`` are beginnings of names without which more tensors would fit, the best first.
    """

    def __init__(
        self,
        message: str,
        problems: tuple[tuple[str, str], ...] = (),
        parts: tuple[str, ...] = (),
        prefixes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.problems = problems
        self.parts = parts
        self.prefixes = prefixes


Tensors = dict[str, Tensor]


def read_tables(data: bytes) -> dict[str, Tensors]:
    """Every table of named tensors in a safetensors or PyTorch file, as they are, by where it stands.

    ``""`` is the file itself, ``"model.state_dict"`` what lies under ``"state_dict"`` in what lies under ``"model"``. What a
    PyTorch file holds beside tensors (an epoch, an optimiser's state, which counts its parameters) is left out.

    Raises:
        CheckpointError: the file is too large, damaged or of another kind, would run code, or holds no tensors.
    """
    check_size(len(data))
    tables = {"": _safetensors(data)} if _looks_like_safetensors(data) else _tables(_pytorch(data))
    count = sum(map(len, tables.values()))
    if count > _MAX_TENSORS:
        raise CheckpointError(
            _("This file holds {tensors:,} tensors; no network that opens here has so many.", tensors=count)
        )
    if not count:
        raise CheckpointError(_("This file holds no state_dict: a table of named tensors is needed."))
    return {name: table for name, table in tables.items() if table}


def usable(tensors: Tensors) -> Tensors:
    """The same tensors fit to compute with: floating-point ones as finite float32, everything else as it is.

    Raises:
        CheckpointError: they unpack to more than :data:`MAX_BYTES`, or no network can use one of them; the message names it.
    """
    total = 0
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise CheckpointError(
                _(
                    "The tensor {tensor} is sparse, quantised or empty of data; plain numbers are needed.",
                    tensor=shown(name),
                )
            )
        # A view can claim any size, whatever little memory lies behind it: count what it would take before it is touched.
        total += tensor.numel() * max(tensor.element_size(), 4)
        if total > MAX_BYTES:
            raise CheckpointError(
                _(
                    "The tensors of this file unpack to more than 1 GiB, {tensor} {shape} among them; it is not opened.",
                    tensor=shown(name),
                    shape=shape_text(tensor.shape),
                )
            )
    return {name: _usable(name, tensor) for name, tensor in tensors.items()}


def check_size(size: int) -> None:
    """``CheckpointError`` for a file that is too large to be read."""
    if size > MAX_BYTES:
        raise CheckpointError(_("This file has {size:.2f} GiB; files up to 1 GiB are opened.", size=size / 2**30))


def shown(name: str) -> str:
    """A tensor's name as it can be put in a sentence, whatever the file makes of it."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 80 else f"{printable[:77]}…"


def shape_text(shape: tuple[int | str, ...]) -> str:
    """A shape as it stands in sentences: ``"(64 × 3 × 7 × 7)"``."""
    return "(" + " × ".join(map(str, shape)) + ")"


def _usable(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.clone() if _keeps_more_alive(tensor) else tensor
    tensor = tensor.float()
    # What is not finite stays so in a sum, which is quicker; a sum of large numbers may pass the largest there is, too.
    if not tensor.sum().isfinite() and not tensor.isfinite().all():
        wrong = int((~tensor.isfinite()).sum())
        raise CheckpointError(
            _(
                "{wrong:,} of the {values:,} values of {tensor} are NaN or infinite, so this file is not used.",
                wrong=wrong,
                values=tensor.numel(),
                tensor=shown(name),
            )
        )
    return tensor.contiguous().clone() if _keeps_more_alive(tensor) else tensor.contiguous()


def _keeps_more_alive(tensor: Tensor) -> bool:
    return tensor.untyped_storage().nbytes() > tensor.numel() * tensor.element_size()


def _looks_like_safetensors(data: bytes) -> bool:
    return len(data) > 8 and data[8:9] == b"{" and data[:2] != b"PK"


def _safetensors(data: bytes) -> dict[str, Tensor]:
    header = int.from_bytes(data[:8], "little")
    if header > len(data) - 8:
        raise CheckpointError(_("This safetensors file is cut off or damaged: its header does not fit into it."))
    if header > _MAX_SAFETENSORS_HEADER:
        raise CheckpointError(
            _("The header of this safetensors file has {size:,} bytes, far more than a network needs.", size=header)
        )
    try:
        return safetensors.torch.load(data)
    except Exception as error:  # a header can lie in many ways, and each raises something else
        reason = shown(" ".join(str(error).removeprefix("Error while deserializing header: ").split()))
        raise CheckpointError(_("This safetensors file is damaged: {reason}.", reason=reason)) from None


def _pytorch(data: bytes) -> Any:
    if data[:2] == b"PK":
        _check_archive(data)
    elif data[:1] == b"\x80":
        _check_pickles(data)
    else:
        kinds = (told for start, told in _OTHER_KINDS.items() if data.startswith(start))
        raise CheckpointError(_(next(kinds, _NO_CHECKPOINT)))
    try:
        with _harmless_allowed():
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"(?:GLOBAL|class|function) ([\w.]*\w\.\w+)", str(error))
        if wanted:
            raise CheckpointError(
                _(
                    "This file holds more than tensors ({wanted}), so it is not opened: it could run code. "
                    "Save its state_dict alone, or as safetensors.",
                    wanted=wanted[1],
                )
            ) from None
        raise CheckpointError(
            _(
                "This file holds more than tensors, so it is not opened: it could run code. "
                "Save its state_dict alone, or as safetensors."
            )
        ) from None
    except Exception:  # torch raises whatever the damage leads it to
        raise CheckpointError(_("This PyTorch checkpoint is damaged and cannot be read.")) from None


_NO_CHECKPOINT = later("This file is neither safetensors nor a PyTorch checkpoint.")
_OTHER_KINDS = {
    b"\x89HDF": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it looks like HDF5, as Keras writes it."
    ),
    b"\x89PNG": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is a picture: choose it as the photo."
    ),
    b"\xff\xd8\xff": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is a picture: choose it as the photo."
    ),
    b"GGUF": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is GGUF, which holds language models."
    ),
    b"\x1f\x8b": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is packed by gzip: unpack it first."
    ),
    b"7z\xbc\xaf": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is packed by 7-Zip: unpack it first."
    ),
    b"Rar!": later("This file is neither safetensors nor a PyTorch checkpoint; it is packed by RAR: unpack it first."),
    b"<": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is a web page, as a download that failed leaves it."
    ),
    b"version https://git-lfs": later(
        "This file is neither safetensors nor a PyTorch checkpoint; it is a pointer of Git LFS: fetch the file itself with git lfs pull."
    ),
}


class _LeftOut:
    """Stands for a harmless thing beside the weights: whatever the file makes of it, nothing runs and nothing is kept."""

    def __new__(cls, *_: object, **__: object) -> _LeftOut:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


_HARMLESS = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
    *("numpy.dtype", "numpy.ndarray", "_codecs.encode"),
    *(f"numpy.{kind.__name__}" for kind in np.sctypeDict.values()),
    *(f"numpy.dtypes.{name}" for name in np.dtypes.__all__),
    *(f"pathlib{local}.{system}Path" for local in ("", "._local") for system in ("Posix", "Windows", "PurePosix", "PureWindows")),
    *("pathlib.Path", "pathlib._local.Path", "pathlib.PurePath", "argparse.Namespace", "types.SimpleNamespace"),
    *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta", "datetime.timezone"),
    *("decimal.Decimal", "fractions.Fraction", "uuid.UUID", "builtins.slice", "builtins.range", "builtins.complex"),
)  # fmt: skip
"""Names that training scripts leave beside the weights: numbers, paths, settings, dates. None is looked up or run."""

_allowing = threading.Lock()
_allowed = 0
_stand_ins = torch.serialization.safe_globals([(_LeftOut, name) for name in dict.fromkeys(_HARMLESS)])


@contextlib.contextmanager
def _harmless_allowed() -> Iterator[None]:
    """While any file is read, and no longer: PyTorch's list of what is allowed belongs to the whole process."""
    global _allowed
    with _allowing:
        if not _allowed:
            _stand_ins.__enter__()
        _allowed += 1
    try:
        yield
    finally:
        with _allowing:
            _allowed -= 1
            if not _allowed:
                _stand_ins.__exit__(None, None, None)


def _check_archive(data: bytes) -> None:
    """PyTorch writes its archives uncompressed, so nothing in one can be larger than the file."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise CheckpointError(_("This PyTorch checkpoint is damaged and cannot be read.")) from None
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        largest = max(entries, key=lambda entry: entry.file_size)
        raise CheckpointError(
            _(
                "This archive of {packed:,} bytes unpacks to {unpacked:.1f} GiB, most of it in {part}; it is not opened.",
                packed=len(data),
                unpacked=total / 2**30,
                part=shown(largest.filename),
            )
        )
    names = [entry.filename for entry in entries]
    if any(name.endswith(".npy") for name in names):
        raise CheckpointError(_("This is a NumPy archive, not a PyTorch checkpoint: save the weights as safetensors."))
    if any(name.endswith("/models/model.json") for name in names) or "serialized_exported_program.json" in names:
        raise CheckpointError(
            _("This is an exported program (torch.export), not a table of weights: save its state_dict instead.")
        )
    if any(name.endswith("/constants.pkl") for name in names):
        raise CheckpointError(_("This is a TorchScript program, not a table of weights: save its state_dict instead."))
    pickled = max((entry.file_size for entry in entries if entry.filename.endswith(".pkl")), default=0)
    if pickled > _MAX_PICKLE:
        raise CheckpointError(_(_TOO_LONG))
    packed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None or total > len(data):
        name = shown(packed.filename if packed else entries[0].filename)
        raise CheckpointError(
            _("This archive is packed ({part}), which PyTorch never does; it is not opened.", part=name)
        )


_TOO_LONG = later("The table of contents of this file is far longer than that of any network, so it is not read.")


def _check_pickles(data: bytes) -> None:
    """Before 2020 PyTorch wrote four pickles (magic number, version, system, contents) and the numbers behind them."""
    stream = io.BytesIO(data)
    try:
        for _pickle in range(4):
            for *_operation, position in pickletools.genops(stream):
                if (position or 0) > _MAX_PICKLE:
                    raise CheckpointError(_(_TOO_LONG))
            if stream.tell() == len(data):
                return  # a single pickle, which torch.load judges
    except CheckpointError:
        raise
    except Exception:  # pickletools raises whatever the damage leads it to
        raise CheckpointError(_("This PyTorch checkpoint is damaged and cannot be read.")) from None


def _tables(content: Any, place: str = "", depth: int = 0) -> dict[str, Tensors]:
    """The tables of named tensors in nested dicts and lists, by their places, the outermost first."""
    if isinstance(content, (list, tuple)):
        content = {str(number): part for number, part in enumerate(content[:_MAX_PARTS])}
    # An optimiser's state goes by numbers, not by names.
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        return {}
    own = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    found = {place: own} if own else {}
    if depth < _MAX_DEPTH:
        for name, value in content.items():
            if not isinstance(value, Tensor) and len(found) < _MAX_PARTS:
                found |= _tables(value, f"{place}.{name}" if place else name, depth + 1)
    return found
