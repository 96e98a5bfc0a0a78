"""Weights ready to analyse: from a name, a file or a network of one's own, each with a card that says what is known."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

from . import torchvision_weights
from .answers import both_names
from .images import square_view
from .models import create_model, own_e_lambda
from .recognition import Match, recognise
from .simam import SimAM
from .store import CheckpointInfo, list_checkpoints, read_card
from .torchvision_weights import Progress
from .weights_file import MAX_BYTES, CheckpointError, check_size, read_tensors

__all__ = [
    "CheckpointError",
    "CheckpointInfo",
    "LoadedCheckpoint",
    "Transforms",
    "find_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "same_task",
    "short_name",
    "twin_of",
    "with_card",
    "wrap",
]

DEFAULT_E_LAMBDA = 0.1
"""What the authors train with on ImageNet: assumed where nothing says a network's λ."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Transforms:
    """Image → network input: centre square, resized to ``input_size``, normalised by ``mean`` and ``std``."""

    input_size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def view(self, image: Image.Image, input_size: int | None = None) -> Image.Image:
        """The crop the network sees, at the size of its input."""
        image = image if image.mode == "RGB" else image.convert("RGB")
        return square_view(image, input_size or self.input_size)

    def tensor(self, view: Image.Image) -> Tensor:
        """A view as normalised input (3, S, S), float32."""
        pixels = torch.frombuffer(bytearray(view.tobytes()), dtype=torch.uint8)
        pixels = pixels.view(view.height, view.width, 3).permute(2, 0, 1).float() / 255
        mean, std = torch.tensor(self.mean).view(3, 1, 1), torch.tensor(self.std).view(3, 1, 1)
        return (pixels - mean) / std

    def __call__(self, image: Image.Image) -> Tensor:
        return self.tensor(self.view(image))


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A network ready to analyse, with everything known about it."""

    name: str
    model: nn.Module
    transforms: Transforms
    categories: tuple[str, ...]
    """Names of its classes; two for a network of one output, its yes and its no."""
    e_lambda: float | None
    """The λ of its SimAM modules, or what they would have; ``None`` where they keep different ones."""
    card: dict[str, Any] = field(default_factory=dict)
    """What its card says, completed by what the tensors showed and, for the rest, by defaults."""
    assumed: tuple[str, ...] = ()
    """Entries of ``card`` that neither a card nor the tensors stated: defaults, to be confirmed."""
    match: Match | None = None
    """How the file's tensors fitted; ``None`` for a network that comes from no file."""
    size: int | None = None
    """Bytes of the file."""
    sha256: str = ""
    """Of the file, in hexadecimal."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", both_names(self.categories))

    @property
    def identity(self) -> str:
        """Differs wherever the weights or the card do: what a cache of results goes by."""
        card = hashlib.sha256(json.dumps(self.card, default=str).encode()).hexdigest()
        return f"{self.name}-{self.sha256[:16]}-{card[:16]}"

    @property
    def trained_with_simam(self) -> bool | None:
        """Whether the weights were trained with SimAM in place; ``None`` where nothing says."""
        return self.card.get("trained_with_simam")

    @property
    def attends(self) -> bool:
        """Whether SimAM runs in the network."""
        return any(isinstance(module, SimAM) for module in self.model.modules())


def load_checkpoint(
    source: str | os.PathLike[str] | BinaryIO, arch: str | None = None, progress: Progress | None = None
) -> LoadedCheckpoint:
    """Load weights, in evaluation mode and float32.

    Args:
        source: a name from :func:`list_checkpoints`, the name of one of torchvision's ImageNet weights
            (``"resnet18-imagenet1k-v1"``, downloaded on first use), a path, or a binary file object: safetensors, or a
            PyTorch file (read with ``weights_only=True``, so no code in it can run) that is a ``state_dict`` or holds one,
            with torchvision's names or those of the SimAM authors' networks.
        arch: the architecture, where no card names it; ``None`` finds the one whose shapes fit.
        progress: called with (bytes done, bytes in all) during a download.

    Raises:
        CheckpointError: there is no such file, it is not safe to open, it holds no weights, or they fit no supported
            architecture.
    """
    if isinstance(source, (str, os.PathLike)):
        path = find_checkpoint(source, progress)
        check_size(path.stat().st_size)
        name, data, card = path.stem, path.read_bytes(), read_card(path)
    else:
        name, data, card = Path(getattr(source, "name", None) or "uploaded").stem, source.read(MAX_BYTES + 1), {}
    recognised = recognise(read_tensors(data), arch or card.get("arch"))
    facts = {"arch": recognised.arch, "num_classes": recognised.num_classes}
    if recognised.has_simam:
        facts |= {"attention": "simam", "trained_with_simam": True}
    loaded = _assembled(name, recognised.weights, facts, card)
    return replace(loaded, match=recognised.match, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def find_checkpoint(source: str | os.PathLike[str], progress: Progress | None = None) -> Path:
    """The file that a name or a path means, as :func:`load_checkpoint` takes them; ``CheckpointError`` if there is none."""
    known = {info.name: info for info in list_checkpoints()}
    info = known.get(str(source))
    path = info.path if info else Path(source)
    if path.is_file():
        return path
    published = torchvision_weights.published()
    if str(source) in published:
        return torchvision_weights.download(published[str(source)], progress=progress)
    raise CheckpointError(
        f"There is no checkpoint {str(source)!r}; those that are here are: {', '.join(known)}. "
        f"torchvision's are: {', '.join(published)}."
    )


def with_card(loaded: LoadedCheckpoint, card: dict[str, Any]) -> LoadedCheckpoint:
    """The same weights as another card describes them; they are shared, not copied.

    Args:
        loaded: from :func:`load_checkpoint`.
        card: entries as in a card's file; what it leaves out is as it was.

    Raises:
        CheckpointError: an entry makes no sense, or does not fit the weights.
    """
    stated = {name: value for name, value in loaded.card.items() if name not in loaded.assumed}
    facts = {name: loaded.card[name] for name in ("arch", "num_classes")}
    described = _assembled(loaded.name, loaded.model.state_dict(), facts, stated | card)
    return replace(described, match=loaded.match, size=loaded.size, sha256=loaded.sha256)


def wrap(
    model: nn.Module,
    categories: Sequence[str] | None = None,
    input_size: int = 224,
    *,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    trained_with_simam: bool | None = None,
    name: str = "network",
) -> LoadedCheckpoint:
    """Any network as something that :func:`simam_viz.analyze` takes; its weights are shared, not copied.

    Args:
        model: images (N, 3, S, S) → logits (N, K), such as :func:`simam_viz.insert_simam` returns.
        categories: names of its K classes; ``None`` counts the outputs of its last dense layer and calls 1000 of them by
            ImageNet's names. One output answers yes or no: one name is that of its yes (``["defect"]`` stands for “defect” and
            “not defect”), two names are its yes and its no, and ``None`` calls them “yes” and “no”.
        input_size: S where nothing else is asked for.
        mean, std: normalisation of its input, by channel.
        trained_with_simam: whether the weights were trained with SimAM in place; ``None``: not known.
        name: what to call it.

    Raises:
        ValueError: no categories are given and the network has no dense layer to count them by.
    """
    if categories is None:
        dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
        if not dense:
            raise ValueError("The number of classes is not known: name them with categories=….")
        categories = default_categories(dense[-1].out_features)
    attends = any(isinstance(module, SimAM) for module in model.modules())
    return LoadedCheckpoint(
        name,
        model,
        Transforms(input_size, mean, std),
        tuple(categories),
        own_e_lambda(model) if attends else DEFAULT_E_LAMBDA,
        {"title": name, "trained_with_simam": trained_with_simam},
    )


def default_categories(num_classes: int) -> tuple[str, ...]:
    """Names for classes that no card names: ImageNet's for 1000 of them, yes and no for one output, else numbers."""
    if num_classes == 1:
        return ("yes", "no")
    if num_classes == 1000:
        return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    return tuple(f"class {index}" for index in range(num_classes))


def twin_of(loaded: LoadedCheckpoint) -> str | None:
    """The name of the checkpoint trained by the same recipe but for SimAM, if it is here.

    Both cards must name each other (entry ``"twin"``), one with SimAM and one without; where both say so, they must agree
    about the architecture and the classes.
    """
    ours = loaded.card
    for info in list_checkpoints():
        theirs = info.card
        if (
            (ours.get("twin"), theirs.get("twin")) == (info.name, loaded.name)
            and theirs.get("attention", "simam") != ours.get("attention")
            and all(theirs.get(entry, ours.get(entry)) == ours.get(entry) for entry in ("arch", "categories"))
        ):
            return info.name
    return None


def same_task(loaded: LoadedCheckpoint, twin: LoadedCheckpoint) -> bool:
    """Whether two networks have the same architecture and tell the same classes apart, so that they can be compared."""
    return (loaded.card["arch"], loaded.categories) == (twin.card["arch"], twin.categories)


def short_name(category: str) -> str:
    """The first of a class's synonyms: ``"tabby"`` for ``"tabby, tabby cat"``."""
    return category.split(",")[0]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _assembled(name: str, weights: dict[str, Tensor], facts: dict[str, Any], card: dict[str, Any]) -> LoadedCheckpoint:
    """A network from weights and what is known of them: a card's word, what the tensors show, then defaults."""
    known = facts | {
        entry: value for entry, value in card.items() if value is not None or entry == "trained_with_simam"
    }
    if "trained_with_simam" not in known and "attention" in known:
        known["trained_with_simam"] = known["attention"] == "simam"
    defaults = {
        "attention": "simam",
        "trained_with_simam": None,
        "e_lambda": DEFAULT_E_LAMBDA,
        "input_size": 224,
        "normalisation": {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
        "categories": list(default_categories(facts["num_classes"])),
    }
    assumed = tuple(entry for entry in defaults if entry not in known)
    known = defaults | known
    e_lambda, transforms, categories = _checked(known, facts)
    try:
        with torch.device("meta"):  # no memory and no initial values for weights that are about to be replaced
            model = create_model(facts["arch"], known["attention"], facts["num_classes"], e_lambda)
    except ValueError as error:
        raise CheckpointError(f"The card does not fit the weights: {error}") from None
    model.load_state_dict(weights, assign=True)
    model.eval().requires_grad_(False)
    return LoadedCheckpoint(name, model, transforms, categories, e_lambda, known, assumed)


def _checked(card: dict[str, Any], facts: dict[str, Any]) -> tuple[float, Transforms, tuple[str, ...]]:
    """The entries that computing depends on; ``CheckpointError`` for one that makes no sense."""

    def numbers(values: Any, count: int, positive: bool) -> tuple[float, ...]:
        if not isinstance(values, (list, tuple)) or len(values) != count:
            raise TypeError
        found = tuple(float(value) for value in values)
        if not all(math.isfinite(value) and (value > 0 or not positive) for value in found):
            raise ValueError
        return found

    for entry in ("arch", "num_classes"):
        if card[entry] != facts[entry]:
            raise CheckpointError(f"The card says {entry} {card[entry]!r}, but the weights say {facts[entry]!r}.")
    entry = "e_lambda"
    try:
        (e_lambda,) = numbers([card["e_lambda"]], 1, positive=True)
        entry = "input_size"
        if not 32 <= (size := int(card["input_size"])) <= 4096:
            raise ValueError
        entry = "normalisation"
        mean = numbers(card["normalisation"].get("mean", IMAGENET_MEAN), 3, positive=False)
        std = numbers(card["normalisation"].get("std", IMAGENET_STD), 3, positive=True)
        entry = "categories"
        categories = tuple(card["categories"])
        if isinstance(card["categories"], str) or not all(isinstance(category, str) for category in categories):
            raise TypeError
        entry = "trained_with_simam"
        if card["trained_with_simam"] not in (True, False, None):
            raise TypeError
    except (TypeError, ValueError, AttributeError, OverflowError):
        raise CheckpointError(f"The entry {entry} of the card makes no sense; mend or remove it.") from None
    if len(both_names(categories)) != max(facts["num_classes"], 2):
        raise CheckpointError(
            f"The card names {len(categories)} classes, but the weights tell {facts['num_classes']} apart."
        )
    return e_lambda, Transforms(size, mean, std), categories
