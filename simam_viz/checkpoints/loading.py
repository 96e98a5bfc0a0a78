"""Weights ready to analyse, from a name or a file, with a card that says what is known."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, get_args

import torch
from torch import Tensor, nn

from ..modules.gates import GATES
from ..networks.answers import Output, both_names
from ..networks.architectures import Attention, create_model
from ..networks.named import is_named
from ..networks.outlines import outlined
from ..networks.places import authors_places, load_plain_state_dict, plain_state_dict
from ..networks.shared import private_copy
from ..photos.transforms import IMAGENET_MEAN, IMAGENET_STD, Transforms
from ..wording import _, enumeration, later, spoken
from . import torchvision_weights
from .building import described_network
from .card import Card
from .loaded import DEFAULT_E_LAMBDA, LoadedCheckpoint, default_categories
from .opening import opened_by_name
from .recognition import Match, recognise
from .store import CheckpointInfo, list_checkpoints, read_card
from .torchvision_weights import Progress
from .weights_file import MAX_BYTES, CheckpointError, check_size, read_tables

__all__ = [
    "DEFAULT_E_LAMBDA",
    "CheckpointError",
    "CheckpointInfo",
    "LoadedCheckpoint",
    "Transforms",
    "class_said",
    "find_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "same_task",
    "short_name",
    "siblings_of",
    "twin_of",
    "with_card",
]


def load_checkpoint(
    source: str | os.PathLike[str] | BinaryIO,
    arch: str | None = None,
    progress: Progress | None = None,
    part: str | None = None,
) -> LoadedCheckpoint:
    """Load weights, in evaluation mode and float32, networks of our own architectures in the memory format ``torch.channels_last``.

    Args:
        source: a name from :func:`list_checkpoints`, the name of one of torchvision's ImageNet weights
            (``"resnet18-imagenet1k-v1"``, downloaded on first use), a path, or a binary file object: safetensors, or a
            PyTorch file (read with ``weights_only=True``, so no code in it can run) that is a ``state_dict`` or holds one,
            with torchvision's names or those of the SimAM authors' networks.
        arch: the architecture, where no card names it; ``None`` finds the one whose shapes fit. Or a network that others
            publish: ``"timm:NAME"``, ``"torchvision:NAME"``, or ``"authors:NAME"`` for SimAM's authors' own.
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
        word = str(source)
    else:
        word = str(getattr(source, "name", None) or "")
        name, data, card = Path(getattr(source, "name", None) or "uploaded").stem, source.read(MAX_BYTES + 1), Card()
    # No command line says an architecture or a part.
    opened_by = {"checkpoint": word} if word and arch is None and part is None else {}
    part = part or card.part
    file: dict[str, Any] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "opened_by": opened_by}
    if (by_name := arch or card.arch) and is_named(by_name):
        loaded, fitted = opened_by_name(name, by_name, read_tables(data), card, part)
        return replace(loaded, match=fitted, **file)
    recognised = recognise(read_tables(data), arch or card.arch, part)
    facts: dict[str, Any] = {"arch": recognised.arch, "num_classes": recognised.num_classes}
    if part is not None:
        facts["part"] = part
    loaded = _assembled(name, recognised.weights, facts | _shown_by_names(recognised.match), card)
    return replace(loaded, match=recognised.match, **file)


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
            here=enumeration(known),
            published=enumeration(published),
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
    if loaded.found is not None:
        return _described(loaded, Card.of({**loaded.card, **card}))
    stated = {name: value for name, value in loaded.card.items() if name not in loaded.assumed}
    facts = {name: loaded.card[name] for name in ("arch", "num_classes")} | _shown_by_names(loaded.match)
    if isinstance(stated.get("e_lambda"), dict) and "simam_at" in card and "e_lambda" not in card:
        del stated["e_lambda"]  # it is by places that hold no more
    described = _assembled(loaded.name, plain_state_dict(loaded.model), facts, Card.of(stated | dict(card)))
    return replace(described, match=loaded.match, size=loaded.size, sha256=loaded.sha256)


def _described(loaded: LoadedCheckpoint, card: Card) -> LoadedCheckpoint:
    """A network that was looked into, under another card; what attention stands where, and its λ, was found in it."""
    categories = both_names(card.categories or loaded.categories, loaded.output)
    if len(categories) != len(loaded.categories):
        raise CheckpointError(
            _(
                "The card names {stated} classes, but the weights tell {found} apart.",
                stated=len(card.categories or ()),
                found=len(loaded.categories),
            )
        )
    norm, old = card.normalisation, loaded.transforms
    mean, std = (norm and norm.mean) or old.mean, (norm and norm.std) or old.std
    size = card.input_size if card.input_size and old.shape is None else old.input_size
    transforms = replace(old, input_size=size, mean=mean, std=std)
    if size != old.input_size:
        _check_it_runs(loaded.model, transforms)
    assumed = tuple(entry for entry in loaded.assumed if entry not in card)
    return replace(loaded, card=card, categories=categories, transforms=transforms, assumed=assumed, opened_by={})


@torch.no_grad()
def _check_it_runs(model: nn.Module, transforms: Transforms) -> None:
    """``CheckpointError`` where a network that nobody here has seen does not take inputs of this size."""
    x = torch.zeros(1, transforms.channels, *transforms.size(), dtype=transforms.dtype, device=transforms.device)
    copy = private_copy(model)
    try:
        copy(x)
    except Exception as error:  # its forward pass may raise anything
        raise CheckpointError(
            _(
                "This network does not run on an input of {size} × {size} pixels ({reason}).",
                size=transforms.input_size,
                reason=(str(error).strip().splitlines() or [type(error).__name__])[0],
            )
        ) from error


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


def siblings_of(card: Card) -> dict[str, CheckpointInfo]:
    """The checkpoints here that were trained by the same recipe on the same images with another attention, by its name."""
    alike = ("arch", "recipe_settings", "categories", "training_images")
    found: dict[str, CheckpointInfo] = {}
    for info in list_checkpoints():
        theirs = info.card
        if (
            card.recipe_settings
            and theirs.attention in get_args(Attention)
            and theirs.attention != card.attention
            and all(theirs.get(entry) == card.get(entry) for entry in alike)
        ):
            found.setdefault(theirs.attention or "", info)
    return found


def same_task(loaded: LoadedCheckpoint, twin: LoadedCheckpoint) -> bool:
    """Whether two networks have the same architecture and tell the same classes apart, so that they can be compared."""
    return (loaded.card.arch, loaded.categories) == (twin.card.arch, twin.categories)


def short_name(category: str) -> str:
    """The first of a class's synonyms: ``"tabby"`` for ``"tabby, tabby cat"``."""
    return category.split(",")[0]


def class_said(category: str, whole: bool = False) -> str:
    """A class as a person reads it: its short name, in another language behind that language's word for it.

    ``whole`` gives all its synonyms. Files and addresses have :func:`short_name`.
    """
    name = category if whole else short_name(category)
    said = spoken().pgettext("class", category)
    return name if said == category else _("{translated} {name}", translated=said, name=name)


def class_index(asked: str, categories: tuple[str, ...]) -> int:
    """The class that is meant by a name, one of its synonyms or a number, in any case.

    Raises:
        ValueError: there is no such class.
    """
    if asked.isdecimal():
        return int(asked)
    wanted = asked.strip().lower()
    for index, category in enumerate(categories):
        if wanted in [synonym.strip().lower() for synonym in (category, *category.split(","))]:
            return index
    raise ValueError(
        _("There is no class called {name!r} in this checkpoint; the app lists the classes it knows.", name=asked)
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown_by_names(match: Match | None) -> dict[str, Any]:
    """What a card says where the tensors' own names show what attention stood where."""
    if match is not None and match.attention != "none":
        return {"attention": match.attention, "trained_with_simam": False}
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
    _check_attention(card, facts.get("attention"))
    if (
        card.simam_at is not None
        and card.attention != "none"
        and {*card.simam_at} != {*facts.get("simam_at", card.simam_at)}
    ):
        found = enumeration(facts["simam_at"])
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
                stated=enumeration(card.simam_at),
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
        with outlined():
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
    # With a position's channels side by side, a pass each way takes the processor up to a fifth less.
    model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    own = completed.e_lambda
    return LoadedCheckpoint(
        name,
        model,
        _transforms(completed),
        categories,
        own if isinstance(own, float) else None,
        completed,
        tuple(assumed),
        output=Output(temperature=completed.temperature or 1.0),
    )


def _check_attention(card: Card, found: str | None) -> None:
    """``CheckpointError`` where a card names another attention than its tensors; ``found`` is what they show, if anything."""
    stated = card.attention
    if stated in GATES and found not in GATES:
        raise CheckpointError(
            _("The card names the attention {attention!r}, whose tensors are not there.", attention=stated)
        )
    if found in GATES and stated is not None and stated != found:
        raise CheckpointError(
            _(
                "The card names the attention {stated!r}, but the tensors are those of {found!r}.",
                stated=stated,
                found=found,
            )
        )


def _transforms(card: Card) -> Transforms:
    normalisation = card.normalisation
    assert card.input_size is not None and normalisation is not None
    return Transforms(card.input_size, normalisation.mean or IMAGENET_MEAN, normalisation.std or IMAGENET_STD)
