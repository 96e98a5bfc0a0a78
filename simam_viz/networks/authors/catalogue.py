"""The SimAM authors' networks by name: ``cifar/resnet20`` has SimAM, ``cifar/resnet20-se`` another attention."""

from __future__ import annotations

import difflib
import re
from typing import get_args

from torch import nn

from ...wording import _, enumeration
from . import cifar, imagenet
from .attending import REDUCTION, Attending, Kind

E_LAMBDA = {"cifar": 1e-4, "imagenet": 0.1}
"""λ that the authors train with, by data set."""
CLASSES = {"cifar": 10, "imagenet": 1000}
"""How many classes their networks tell apart where nothing else is said."""

_GATED = re.compile(r"(.+)-(none|simam|(se|cbam)([1-9]|1[0-6])?)")
_SOURCE = "authors:"
_SUFFIXES: tuple[Kind, ...] = ("none", "se", "cbam")
_NETWORKS = (*(f"cifar/{name}" for name in cifar.NETWORKS), *(f"imagenet/{name}" for name in imagenet.NETWORKS))


def names() -> list[str]:
    """Every network by name; without a suffix it has SimAM."""
    return [name for network in _NETWORKS for name in (network, *(f"{network}-{kind}" for kind in _SUFFIXES))]


def make(name: str, num_classes: int | None = None) -> nn.Module:
    """A freshly initialised network for images (N, 3, H, W) → logits (N, ``num_classes``), in training mode.

    Its ``state_dict`` has the names and shapes of the authors' files. On maps of 1 × 1, where theirs divides 0 by 0, SimAM's
    weight is σ(½).

    Args:
        name: one of :func:`names`. A number behind ``-se`` or ``-cbam`` is what they divide the channels by, 1 to 16
            (``"cifar/resnet20-se4"``); 16 without one.
        num_classes: ``None`` is 10 of CIFAR, 1000 of ImageNet.

    Raises:
        ValueError: there is no such network; the message names the closest.
    """
    network, kind, reduction = parsed(name)
    dataset, _slash, arch = network.partition("/")
    attending = Attending(kind, E_LAMBDA[dataset], reduction)
    classes = CLASSES[dataset] if num_classes is None else num_classes
    return cifar.NETWORKS[arch](attending, classes) if dataset == "cifar" else imagenet.make(arch, attending, classes)


def parsed(name: str) -> tuple[str, Kind, int]:
    """Which network, with which attention, and by what that divides the channels."""
    if name in _NETWORKS:
        return name, "simam", REDUCTION
    found = _GATED.fullmatch(name)
    if found and found[1] in _NETWORKS:
        kinds: tuple[Kind, ...] = get_args(Kind)
        return found[1], kinds[kinds.index(found[3] or found[2])], int(found[4] or REDUCTION)
    raise ValueError(
        _(
            "SimAM's authors have no network {name!r}; the closest names are {closest}.",
            name=name,
            closest=enumeration(difflib.get_close_matches(name, names(), 3, 0)),
        )
    )


def has_simam(source: str | None) -> bool | None:
    """Whether ``authors:NAME`` is a network with SimAM (true) or without attention; ``None`` for any other name."""
    if source is None or not source.startswith(_SOURCE):
        return None
    return {"simam": True, "none": False}.get(parsed(source.removeprefix(_SOURCE))[1])


def sibling(source: str | None) -> str | None:
    """The same network as ``authors:NAME`` without SimAM, or with it where that one has none; any other name as it is."""
    if (has := has_simam(source)) is None or source is None:
        return source
    network = source.removesuffix("-simam").removesuffix("-none")
    return f"{network}-none" if has else network
