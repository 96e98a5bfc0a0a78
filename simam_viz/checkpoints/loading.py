"""Weights ready to analyse: from a name, a file or a network of one's own, each with a card that says what is known."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

from ..modules.simam import SimAM
from ..networks.answers import both_names
from ..networks.architectures import create_model
from ..networks.lambdas import own_e_lambda
from ..networks.places import authors_places, load_plain_state_dict, plain_state_dict, simam_lambdas
from ..photos.images import ImageSource, check_input_size, open_image, square_view
from ..wording import _, later
from . import torchvision_weights
from .building import described_network
from .card import Card
from .recognition import Match, recognise
from .store import CheckpointInfo, list_checkpoints, read_card
from .torchvision_weights import Progress
from .weights_file import MAX_BYTES, CheckpointError, check_size, read_tables

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

    def view(self, image: ImageSource, input_size: int | None = None) -> Image.Image:
        """The crop the network sees, at the size of its input, of whatever :func:`simam_viz.open_image` takes."""
        return square_view(open_image(image), self.input_size if input_size is None else input_size)

    def tensor(self, view: Image.Image) -> Tensor:
        """A view as normalised input (3, S, S), float32."""
        pixels = torch.frombuffer(bytearray(view.tobytes()), dtype=torch.uint8)
        pixels = pixels.view(view.height, view.width, 3).permute(2, 0, 1).float() / 255
        mean, std = torch.tensor(self.mean).view(3, 1, 1), torch.tensor(self.std).view(3, 1, 1)
        return (pixels - mean) / std

    def __call__(self, image: ImageSource) -> Tensor:
        """An image as normalised input (3, S, S), float32."""
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
    card: Card = field(default_factory=Card)
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
        card = hashlib.sha256(self.card.text.encode()).hexdigest()
        return f"{self.name}-{self.sha256[:16]}-{card[:16]}"

    @property
    def trained_with_simam(self) -> bool | None:
        """Whether the weights were trained with SimAM in place; ``None`` where nothing says."""
        said: bool | None = self.card.get("trained_with_simam")
        return said

    @property
    def attends(self) -> bool:
        """Whether SimAM runs in the network."""
        return any(isinstance(module, SimAM) for module in self.model.modules())

    @property
    def known_places(self) -> dict[str, Any]:
        """Where SimAM stands, as an entry for a card that is about to be written; empty where that is assumed."""
        places = self.card.simam_at
        return {} if places is None or "simam_at" in self.assumed or not self.attends else {"simam_at": list(places)}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What keeps its attention from being taken for certain, in words; empty where everything is known."""
        told = {False: [_("weights that never saw SimAM")], None: [_("training with SimAM not known")]}.get(
            self.trained_with_simam, []
        )
        assumed = {}
        if self.attends and self.trained_with_simam is not False:
            assumed = {"simam_at": _("where SimAM stands is assumed"), "e_lambda": _("the value of λ is assumed")}
        return *told, *(words for entry, words in assumed.items() if entry in self.assumed)


def load_checkpoint(
    source: str | os.PathLike[str] | BinaryIO,
    arch: str | None = None,
    progress: Progress | None = None,
    part: str | None = None,
) -> LoadedCheckpoint:
    """Load weights, in evaluation mode and float32.

    Args:
        source: a name from :func:`list_checkpoints`, the name of one of torchvision's ImageNet weights
            (``"resnet18-imagenet1k-v1"``, downloaded on first use), a path, or a binary file object: safetensors, or a
            PyTorch file (read with ``weights_only=True``, so no code in it can run) that is a ``state_dict`` or holds one,
            with torchvision's names or those of the SimAM authors' networks.
        arch: the architecture, where no card names it; ``None`` finds the one whose shapes fit.
        progress: called with (bytes done, bytes in all) during a download.
        part: which network, where a file holds several (``"teacher"``); ``None`` is what its card says or, of one alone, that
            one. ``state_dict`` beside ``state_dict_ema`` counts as one alone.

    Raises:
        CheckpointError: there is no such file, it is not safe to open, it holds no weights, they fit no supported
            architecture, or it holds several networks (the error's ``parts`` names them).
    """
    if isinstance(source, (str, os.PathLike)):
        path = find_checkpoint(source, progress)
        check_size(path.stat().st_size)
        name, data, card = path.stem, path.read_bytes(), read_card(path)
    else:
        name, data, card = Path(getattr(source, "name", None) or "uploaded").stem, source.read(MAX_BYTES + 1), Card()
    part = part or card.part
    recognised = recognise(read_tables(data), arch or card.arch, part)
    facts: dict[str, Any] = {"arch": recognised.arch, "num_classes": recognised.num_classes}
    if part is not None:
        facts["part"] = part
    loaded = _assembled(name, recognised.weights, facts | _shown_by_names(recognised.match), card)
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
        _(
            "There is no checkpoint {name!r}; those that are here are: {here}. torchvision's are: {published}.",
            name=str(source),
            here=", ".join(known),
            published=", ".join(published),
        )
    )


def with_card(loaded: LoadedCheckpoint, card: Mapping[str, Any] | Card) -> LoadedCheckpoint:
    """The same weights as another card describes them; they are shared, not copied.

    Args:
        loaded: from :func:`load_checkpoint`.
        card: entries as in a card's file; what it leaves out is as it was.

    Raises:
        CheckpointError: an entry makes no sense, or does not fit the weights.
    """
    stated = {name: value for name, value in loaded.card.items() if name not in loaded.assumed}
    facts = {name: loaded.card[name] for name in ("arch", "num_classes")} | _shown_by_names(loaded.match)
    if isinstance(stated.get("e_lambda"), dict) and "simam_at" in card and "e_lambda" not in card:
        del stated["e_lambda"]  # it is by places that hold no more
    described = _assembled(loaded.name, plain_state_dict(loaded.model), facts, Card.of(stated | dict(card)))
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
        ValueError: no categories are given and the network has no dense layer to count them by, or the input size is below
            32 or above 4,096 pixels.
    """
    check_input_size(input_size)
    if categories is None:
        dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
        if not dense:
            raise ValueError(_("The number of classes is not known: name them with categories=…."))
        categories = default_categories(dense[-1].out_features)
    attends = any(isinstance(module, SimAM) for module in model.modules())
    return LoadedCheckpoint(
        name,
        model,
        Transforms(input_size, mean, std),
        tuple(categories),
        own_e_lambda(model) if attends else DEFAULT_E_LAMBDA,
        Card.of({"title": name, "trained_with_simam": trained_with_simam, "simam_at": list(simam_lambdas(model))}),
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
            (ours.twin, theirs.twin) == (info.name, loaded.name)
            and (theirs.attention or "simam") != ours.attention
            and all(theirs.get(entry, ours.get(entry)) == ours.get(entry) for entry in ("arch", "categories"))
        ):
            return info.name
    return None


def same_task(loaded: LoadedCheckpoint, twin: LoadedCheckpoint) -> bool:
    """Whether two networks have the same architecture and tell the same classes apart, so that they can be compared."""
    return (loaded.card.arch, loaded.categories) == (twin.card.arch, twin.categories)


def short_name(category: str) -> str:
    """The first of a class's synonyms: ``"tabby"`` for ``"tabby, tabby cat"``."""
    return category.split(",")[0]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown_by_names(match: Match | None) -> dict[str, Any]:
    """What a card says where the tensors' own names show where SimAM stood."""
    if match is None or not match.simam_at:
        return {}
    return {"attention": "simam", "trained_with_simam": True, "simam_at": list(match.simam_at)}


def _assembled(name: str, weights: dict[str, Tensor], facts: dict[str, Any], card: Card) -> LoadedCheckpoint:
    """A network from weights and what is known of them: a card's word, what the tensors show, then defaults."""
    for entry in ("arch", "num_classes"):
        if card.get(entry, facts[entry]) != facts[entry]:
            raise CheckpointError(
                _(
                    "The card says {entry} {stated!r}, but the weights say {found!r}.",
                    entry=entry,
                    stated=card[entry],
                    found=facts[entry],
                )
            )
    if (
        card.simam_at is not None
        and card.attention != "none"
        and {*card.simam_at} != {*facts.get("simam_at", card.simam_at)}
    ):
        found = ", ".join(facts["simam_at"])
        if not card.simam_at:
            raise CheckpointError(
                _(
                    "The card says that SimAM stands behind nothing, but the names of the tensors say {found}.",
                    found=found,
                )
            )
        raise CheckpointError(
            _(
                "The card says that SimAM stands behind {stated}, but the names of the tensors say {found}.",
                stated=", ".join(card.simam_at),
                found=found,
            )
        )
    known = facts | dict(card)
    if "trained_with_simam" not in known and "attention" in known:
        known["trained_with_simam"] = known["attention"] == "simam"
    defaults = {
        "attention": "simam",
        "trained_with_simam": None,
        "e_lambda": DEFAULT_E_LAMBDA,
        "input_size": 224,
        "normalisation": {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
        "categories": list(default_categories(facts["num_classes"])),
        "forward_pass": later("assumed to be torchvision's"),
    }
    if known.get("attention", "simam") == "simam":
        with torch.device("meta"):
            defaults["simam_at"] = list(authors_places(create_model(facts["arch"], "none")))
    assumed = [entry for entry in defaults if entry not in known]
    if known.get("trained_with_simam") is False and "simam_at" in assumed:
        assumed.remove("simam_at")  # put there by whoever asked for it: there is no place that it was trained in
    completed = Card.of(defaults | known)
    given = completed.categories or ()
    categories = both_names(given)
    if len(categories) != max(facts["num_classes"], 2):
        raise CheckpointError(
            _(
                "The card names {stated} classes, but the weights tell {found} apart.",
                stated=len(given),
                found=facts["num_classes"],
            )
        )
    model = described_network(completed)
    load_plain_state_dict(model, weights)
    model.eval().requires_grad_(False)
    own = completed.e_lambda
    return LoadedCheckpoint(
        name,
        model,
        _transforms(completed),
        categories,
        own if isinstance(own, float) else None,
        completed,
        tuple(assumed),
    )


def _transforms(card: Card) -> Transforms:
    normalisation = card.normalisation
    assert card.input_size is not None and normalisation is not None
    return Transforms(card.input_size, normalisation.mean or IMAGENET_MEAN, normalisation.std or IMAGENET_STD)
