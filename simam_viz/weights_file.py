"""A file from anywhere → named tensors that are safe to use: nothing in it runs, grows, or turns numbers into NaN."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import zipfile
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

MAX_BYTES = 2**30
"""No file larger than this is read, and none that unpacks to more."""

_MAX_TENSORS = 20_000
_MAX_SAFETENSORS_HEADER = 8 * 2**20
_MAX_PICKLE = 4 * 2**20
"""What describes the tensors, without their numbers. A byte of it can cost a hundred of memory."""


class CheckpointError(ValueError):
    """The checkpoint cannot be used; the message is one plain sentence for the person who chose it.

    ``problems`` lists every tensor that does not fit as (name, why), where that is what is wrong.
    """

    def __init__(self, message: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


def read_tensors(data: bytes) -> dict[str, Tensor]:
    """The named tensors of a safetensors file or of a PyTorch file (a ``state_dict``, or a dict that holds one).

    Floating-point tensors come as finite float32, everything else as it is.

    Raises:
        CheckpointError: the file is too large, damaged or of another kind, would run code, unpacks to more than
            :data:`MAX_BYTES`, or holds a tensor that no network can use; the message names the tensor.
    """
    check_size(len(data))
    tensors = _safetensors(data) if _looks_like_safetensors(data) else _pytorch(data)
    if len(tensors) > _MAX_TENSORS:
        raise CheckpointError(f"This file holds {len(tensors):,} tensors; no network that opens here has so many.")
    total = 0
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise CheckpointError(
                f"The tensor {shown(name)} is sparse, quantised or empty of data; plain numbers are needed."
            )
        # A view can claim any size, whatever little memory lies behind it: count what it would take before it is touched.
        total += tensor.numel() * max(tensor.element_size(), 4)
        if total > MAX_BYTES:
            raise CheckpointError(
                f"The tensors of this file unpack to more than 1 GiB, {shown(name)} {shape_text(tensor.shape)} among them; "
                "it is not opened."
            )
    return {name: _usable(name, tensor) for name, tensor in tensors.items()}


def check_size(size: int) -> None:
    """``CheckpointError`` for a file that is too large to be read."""
    if size > MAX_BYTES:
        raise CheckpointError(f"This file has {size / 2**30:.2f} GiB; files up to 1 GiB are opened.")


def shown(name: str) -> str:
    """A tensor's name as it can be put in a sentence, whatever the file makes of it."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 80 else f"{printable[:77]}…"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as it stands in sentences: ``"(64 × 3 × 7 × 7)"``."""
    return "(" + " × ".join(map(str, shape)) + ")"


def _usable(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.clone() if _keeps_more_alive(tensor) else tensor
    tensor = tensor.float()
    if not tensor.isfinite().all():
        wrong = int((~tensor.isfinite()).sum())
        raise CheckpointError(
            f"{wrong:,} of the {tensor.numel():,} values of {shown(name)} are NaN or infinite, so this file is not used."
        )
    return tensor.contiguous().clone() if _keeps_more_alive(tensor) else tensor.contiguous()


def _keeps_more_alive(tensor: Tensor) -> bool:
    return tensor.untyped_storage().nbytes() > tensor.numel() * tensor.element_size()


def _looks_like_safetensors(data: bytes) -> bool:
    return len(data) > 8 and data[8:9] == b"{" and data[:2] != b"PK"


def _safetensors(data: bytes) -> dict[str, Tensor]:
    header = int.from_bytes(data[:8], "little")
    if header > len(data) - 8:
        raise CheckpointError("This safetensors file is cut off or damaged: its header does not fit into it.")
    if header > _MAX_SAFETENSORS_HEADER:
        raise CheckpointError(
            f"The header of this safetensors file has {header:,} bytes, far more than a network needs."
        )
    try:
        return safetensors.torch.load(data)
    except Exception as error:  # a header can lie in many ways, and each raises something else
        reason = shown(" ".join(str(error).removeprefix("Error while deserializing header: ").split()))
        raise CheckpointError(f"This safetensors file is damaged: {reason}.") from None


def _pytorch(data: bytes) -> dict[str, Tensor]:
    if data[:2] == b"PK":
        _check_archive(data)
    elif data[:1] == b"\x80":
        _check_pickles(data)
    else:
        raise CheckpointError("This file is neither safetensors nor a PyTorch checkpoint.")
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"(?:GLOBAL|class|function) ([\w.]*\w\.\w+)", str(error))
        named = f" ({wanted[1]})" if wanted else ""
        raise CheckpointError(
            f"This file holds more than tensors{named}, so it is not opened: it could run code. "
            "Save its state_dict alone, or as safetensors."
        ) from None
    except Exception:  # torch raises whatever the damage leads it to
        raise CheckpointError("This PyTorch checkpoint is damaged and cannot be read.") from None
    return _state_dict(content)


def _check_archive(data: bytes) -> None:
    """PyTorch writes its archives uncompressed, so nothing in one can be larger than the file."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise CheckpointError("This PyTorch checkpoint is damaged and cannot be read.") from None
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        largest = max(entries, key=lambda entry: entry.file_size)
        raise CheckpointError(
            f"This archive of {len(data):,} bytes unpacks to {total / 2**30:.1f} GiB, most of it in "
            f"{shown(largest.filename)}; it is not opened."
        )
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise CheckpointError("This is a TorchScript program, not a table of weights: save its state_dict instead.")
    pickled = max((entry.file_size for entry in entries if entry.filename.endswith(".pkl")), default=0)
    if pickled > _MAX_PICKLE:
        raise CheckpointError(_TOO_LONG)
    packed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None or total > len(data):
        name = shown(packed.filename if packed else entries[0].filename)
        raise CheckpointError(f"This archive is packed ({name}), which PyTorch never does; it is not opened.")


_TOO_LONG = "The table of contents of this file is far longer than that of any network, so it is not read."


def _check_pickles(data: bytes) -> None:
    """Before 2020 PyTorch wrote four pickles (magic number, version, system, contents) and the numbers behind them."""
    stream = io.BytesIO(data)
    try:
        for _ in range(4):
            for _, _, position in pickletools.genops(stream):
                if position > _MAX_PICKLE:
                    raise CheckpointError(_TOO_LONG)
            if stream.tell() == len(data):
                return  # a single pickle, which torch.load judges
    except CheckpointError:
        raise
    except Exception:  # pickletools raises whatever the damage leads it to
        raise CheckpointError("This PyTorch checkpoint is damaged and cannot be read.") from None


def _state_dict(content: Any) -> dict[str, Tensor]:
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise CheckpointError("This file holds no state_dict: a table of named tensors is needed.")
    for name, tensor in content.items():
        if not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"This file holds no state_dict: a table of named tensors is needed, and {shown(str(name))} is not a tensor."
            )
    return {str(name): tensor for name, tensor in content.items()}
