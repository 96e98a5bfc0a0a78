"""A network ready to analyse, with everything that is known about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

from ..modules.simam import SimAM
from ..modules.weighing import Removed, Weighing
from ..networks.answers import CLASSES, Output, both_names
from ..networks.shared import shared_copy
from ..networks.sites import Layers
from ..photos.transforms import Transforms
from ..wording import _, comma, labelled
from .card import Card
from .found import Found
from .recognition import Match

DEFAULT_E_LAMBDA = 0.1
"""What the authors train with on ImageNet: assumed where nothing says a network's λ."""


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
    output: Output = CLASSES
    """How its answers are read."""
    layers: Layers | None = None
    """Where its heat maps are taken; ``None`` is at its residual blocks."""
    example: Tensor | None = None
    """An input of it, (1, C, …), where :func:`simam_viz.wrap` was given one as a tensor."""
    opened_by: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What a command line says to open it: ``checkpoint``, or options of :mod:`simam_viz.checkpoints.opening` by their names;
    empty where none can, as of a network that a program made, or one that is described otherwise than its file is."""
    found: Found | None = None
    """What :func:`simam_viz.wrap` found in it; ``None`` for a network of :func:`simam_viz.create_model`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", both_names(self.categories, self.output))

    def __repr__(self) -> str:
        if self.found is not None:
            return "\n".join([self.name, *(f"  {line}" for line in self.found.lines)])
        parts = [str(self.card.arch), _("{classes} classes", classes=len(self.categories))]
        return labelled(self.name, comma().join(parts))

    @cached_property
    def identity(self) -> str:
        """Differs wherever the weights or the card do: what a cache of results goes by."""
        card = hashlib.sha256(self.card.text.encode()).hexdigest()
        own = self.found.token if self.found else self.sha256[:16]
        return f"{self.name}-{own}-{card[:16]}"

    @property
    def trained_with_simam(self) -> bool | None:
        """Whether the weights were trained with SimAM in place; ``None`` where nothing says."""
        said: bool | None = self.card.get("trained_with_simam")
        return said

    @property
    def attends(self) -> bool:
        """Whether attention runs in the network: SimAM, or any other that was recognised."""
        return any(isinstance(m, Weighing) and not isinstance(m, Removed) for m in self.model.modules())

    @property
    def has_simam(self) -> bool:
        """Whether SimAM runs in the network, so that λ does something."""
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
        if self.found is not None and self.trained_with_simam is None:
            told = []  # what is shown is what its own modules do
        if self.attends and not self.has_simam:
            told = []  # SimAM is not shown
        if self.card.get("random_weights"):
            told = [_("random weights: its answers mean nothing")]
        assumed = {}
        if self.attends and self.trained_with_simam is not False:
            assumed = {"simam_at": _("where SimAM stands is assumed"), "e_lambda": _("the value of λ is assumed")}
        return *told, *(words for entry, words in assumed.items() if entry in self.assumed)


def on_device(loaded: LoadedCheckpoint, device: str) -> LoadedCheckpoint:
    """The same network on another device: a copy of its weights there, or itself where they are there already.

    Raises:
        ValueError: there is no such device here.
    """
    try:
        if torch.device(device) == torch.device(loaded.transforms.device):
            return loaded
        model = shared_copy(loaded.model).to(device)
    except (RuntimeError, AssertionError) as error:  # the second: PyTorch was built without it
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(
            _("Nothing can be computed on {device} here: {reason}.", device=device, reason=reason)
        ) from error
    return replace(loaded, model=model, transforms=replace(loaded.transforms, device=device))


def default_categories(num_classes: int) -> tuple[str, ...]:
    """Names for classes that no card names: ImageNet's for 1000 of them, yes and no for one output, else numbers."""
    if num_classes == 1:
        return ("yes", "no")
    if num_classes == 1000:
        return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    return tuple(f"class {index}" for index in range(num_classes))
