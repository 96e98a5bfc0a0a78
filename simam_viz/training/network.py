"""The network that is trained: its architecture with an attention, from random numbers or from weights that exist."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ..checkpoints.loading import find_checkpoint
from ..checkpoints.matching import classes_of_file, match
from ..checkpoints.weights_file import Tensors, check_size, read_tables
from ..networks.architectures import create_model
from ..networks.lambdas import set_e_lambda
from ..networks.named import is_named, named
from ..networks.places import insert_simam
from ..wording import _, enumeration

SIMAM_AT = r".*\.conv2"
"""Where SimAM is put into a network of timm or torchvision: the second convolution of every block, if they are called so."""


@dataclass(frozen=True)
class Design:
    """What the network is, before it knows anything."""

    arch: str = "resnet18"
    """One of :data:`ARCHITECTURES`, or ``authors:NAME``, ``timm:NAME``, ``torchvision:NAME``."""
    attention: str = "simam"
    simam_at: str = SIMAM_AT
    """Which convolutions SimAM follows in a network of timm or torchvision: their names match this pattern."""


@dataclass(frozen=True)
class Start:
    """Weights to begin with."""

    tables: dict[str, Tensors]
    name: str
    sha256: str


def read_start(source: str) -> Start:
    """A checkpoint to begin with: a bundled name, or a file.

    Raises:
        CheckpointError: it cannot be read.
    """
    path = find_checkpoint(source)
    check_size(path.stat().st_size)
    data = path.read_bytes()
    return Start(read_tables(data), Path(path).name, hashlib.sha256(data).hexdigest())


def new_network(
    design: Design, classes: int, e_lambda: float, start: Start | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """A network of images (N, 3, H, W) → logits (N, ``classes``), in training mode.

    Returns:
        The network, and the tensors that a ``start`` has for another number of classes and that therefore begin anew.

    Raises:
        ValueError: there is no such network, or no such attention for it.
        CheckpointError: the start's tensors do not fit.
    """
    make = _maker(design, e_lambda)
    model = make(classes)
    begun_anew = () if start is None else _begin(model, make, classes, start)
    if design.attention == "simam" and is_named(design.arch) and not design.arch.startswith("authors:"):
        model = insert_simam(model, design.simam_at, e_lambda)
    return model.train(), begun_anew


def _begin(model: nn.Module, make: Callable[[int], nn.Module], classes: int, start: Start) -> tuple[str, ...]:
    """Give ``model`` what a start has for it; returns what it has for another number of classes."""
    theirs = classes_of_file(model, start.tables, classes)
    if theirs in (None, classes):
        match(model, start.tables)
        return ()
    assert theirs is not None
    source = make(theirs)
    match(source, start.tables)
    own, given = model.state_dict(), source.state_dict()
    begun_anew = tuple(name for name, tensor in own.items() if tensor.shape != given[name].shape)
    model.load_state_dict({name: tensor for name, tensor in given.items() if name not in begun_anew}, strict=False)
    return begun_anew


def _maker(design: Design, e_lambda: float) -> Callable[[int], nn.Module]:
    """Number of classes → the network, without a SimAM that is put into it afterwards."""
    arch, attention = design.arch, design.attention
    if not is_named(arch):
        return lambda classes: create_model(arch, attention, classes, e_lambda)  # type: ignore[arg-type]  # it checks both
    ours = arch.startswith("authors:")
    known = ("simam", "none", "se", "cbam") if ours else ("simam", "none")
    if attention not in known:
        raise ValueError(
            _(
                "{arch} can have the attention {known}, not {attention}.",
                arch=arch,
                known=enumeration(known),
                attention=attention,
            )
        )
    network = named(f"{arch}-{attention}" if ours else arch)
    if network.output != "classes" or network.auxiliary:
        raise ValueError(
            _("{arch} does not answer with one class an image alone: it cannot be trained here.", arch=arch)
        )

    def make(classes: int) -> nn.Module:
        model = network.make(classes)
        set_e_lambda(model, e_lambda)
        return model

    return make
