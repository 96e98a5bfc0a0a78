"""What can be loaded: the bundled checkpoints and a person's own file, each with its card."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn

from .images import square_view
from .models import ARCHITECTURES, create_model

BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "weights"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_COUNTER = ".num_batches_tracked"  # batch norm's step counter: of no use after training, so files may leave it out


class CheckpointError(ValueError):
    """The checkpoint cannot be used; the message is one plain sentence for the person who chose it."""


@dataclass(frozen=True)
class Transforms:
    """Image → network input: centre square, resized to ``input_size``, normalised by ``mean`` and ``std``."""

    input_size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def view(self, image: Image.Image, input_size: int | None = None) -> Image.Image:
        """The crop the network sees, at the size of its input."""
        return square_view(image.convert("RGB"), input_size or self.input_size)

    def tensor(self, view: Image.Image) -> Tensor:
        """A view as normalised input (3, S, S), float32."""
        pixels = torch.frombuffer(bytearray(view.tobytes()), dtype=torch.uint8)
        pixels = pixels.view(view.height, view.width, 3).permute(2, 0, 1).float() / 255
        mean, std = torch.tensor(self.mean).view(3, 1, 1), torch.tensor(self.std).view(3, 1, 1)
        return (pixels - mean) / std

    def __call__(self, image: Image.Image) -> Tensor:
        return self.tensor(self.view(image))


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint that can be loaded by ``name``, with its card (a dict as read from JSON)."""

    name: str
    path: Path
    card: dict[str, Any]


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A network ready to analyse, with everything known about it."""

    name: str
    model: nn.Module
    transforms: Transforms
    categories: tuple[str, ...]
    e_lambda: float
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def trained_with_simam(self) -> bool:
        """Whether the weights were trained with SimAM in place, as the card says."""
        return self.card.get("attention") == "simam"


def list_checkpoints() -> list[CheckpointInfo]:
    """The bundled checkpoints, the default first."""
    infos = []
    for path in sorted(BUNDLED_FOLDER.glob("*.safetensors")):
        infos.append(CheckpointInfo(path.stem, path, _read_card(path)))
    return sorted(infos, key=lambda info: (info.card.get("attention") != "simam", info.name))


def load_checkpoint(source: str | os.PathLike[str] | BinaryIO, arch: str | None = None) -> LoadedCheckpoint:
    """Load weights, in evaluation mode and float32.

    Args:
        source: a name from :func:`list_checkpoints`, a path, or a binary file object: safetensors, or a PyTorch
            ``state_dict`` (read with ``weights_only=True``, so no code in it can run).
        arch: the architecture, where no card names it; ``None`` finds the one whose shapes fit.

    Raises:
        CheckpointError: there is no such file, it holds no weights, or they fit no supported architecture.
    """
    if isinstance(source, (str, os.PathLike)):
        known = {info.name: info for info in list_checkpoints()}
        info = known.get(str(source))
        path = info.path if info else Path(source)
        if not path.is_file():
            raise CheckpointError(f"There is no checkpoint {str(source)!r}; the bundled ones are: {', '.join(known)}.")
        name, data, card = path.stem, path.read_bytes(), info.card if info else _read_card(path)
    else:
        name, data, card = Path(getattr(source, "name", None) or "uploaded").stem, source.read(), {}

    weights = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in _tensors(data).items()}
    arch = arch or card.get("arch") or _recognise(weights)
    e_lambda = float(card.get("e_lambda", 0.1))
    if "fc.weight" not in weights or weights["fc.weight"].dim() != 2:
        raise CheckpointError("This checkpoint has no last layer named fc.weight, so its classes are not known.")
    num_classes = weights["fc.weight"].shape[0]
    try:
        with torch.device("meta"):  # no memory and no initial values for weights that are about to be replaced
            model = create_model(arch, card.get("attention", "simam"), num_classes, e_lambda)
        counters = {key: torch.tensor(0) for key in model.state_dict() if key.endswith(_COUNTER)}
        model.load_state_dict(counters | weights, assign=True)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"These weights do not fit {arch}: {' '.join(str(error).split())}") from None

    normalisation = card.get("normalisation", {})
    transforms = Transforms(
        int(card.get("input_size", 224)),
        tuple(normalisation.get("mean", IMAGENET_MEAN)),
        tuple(normalisation.get("std", IMAGENET_STD)),
    )
    categories = tuple(card.get("categories") or (f"class {index}" for index in range(num_classes)))
    if len(categories) != num_classes:
        raise CheckpointError(f"The card names {len(categories)} classes, but the weights tell {num_classes} apart.")
    return LoadedCheckpoint(name, model.eval().requires_grad_(False), transforms, categories, e_lambda, card)


def short_name(category: str) -> str:
    """The first of a class's synonyms: ``"tabby"`` for ``"tabby, tabby cat"``."""
    return category.split(",")[0]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_card(path: Path) -> dict[str, Any]:
    card = path.with_suffix(".json")
    if not card.is_file():
        return {}
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CheckpointError(f"The card {card.name} beside the weights is not a JSON object; mend or remove it.")
    return content


def _tensors(data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError):
        pass
    if data[:2] != b"PK" and data[:1] != b"\x80":  # neither a zip archive nor a pickle
        raise CheckpointError("This file is neither safetensors nor a PyTorch checkpoint.")
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError("This file holds more than tensors, so it is not opened: it could run code.") from None
    except Exception:  # torch raises whatever the damage leads it to
        raise CheckpointError("This PyTorch checkpoint is damaged and cannot be read.") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(isinstance(t, Tensor) for t in content.values()):
        raise CheckpointError("This file holds no state_dict: a table of named tensors is needed.")
    return {str(key).removeprefix("module."): tensor for key, tensor in content.items()}


@functools.cache
def _shapes(arch: str) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model = create_model(arch)
    return _body_shapes(model.state_dict())


def _body_shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Shapes that tell architectures apart: all but the classifier's, which depends on the classes."""
    return {key: tuple(t.shape) for key, t in weights.items() if not key.startswith("fc.") and _COUNTER not in key}


def _recognise(weights: dict[str, Tensor]) -> str:
    found = _body_shapes(weights)
    for arch in ARCHITECTURES:
        if _shapes(arch) == found:
            return arch
    raise CheckpointError(
        f"These weights fit none of the supported networks ({', '.join(ARCHITECTURES)}); "
        f"the file's first tensors are {', '.join(f'{k} {v}' for k, v in list(found.items())[:4])}."
    )
