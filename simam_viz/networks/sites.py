"""Where attention works in a network that nobody here has seen, and a private copy of it in which that can be steered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from ..modules.recognising import Recognised, gives_zero_for_zero, recognise
from ..modules.simam import SimAM
from ..modules.weighing import Gate, Kind, Weighing
from ..wording import _, enumeration
from .copies import copied
from .probing import Pass
from .shared import put_in_place


@dataclass(frozen=True)
class Site:
    """A place in a network where an attention module works."""

    name: str
    """Of the module."""
    kind: Kind
    e_lambda: float | None = None
    """Of SimAM."""
    ours: bool = False
    """Whether the module is one of this package's own; any other was recognised by what it does, or named."""


@dataclass(frozen=True)
class Layers:
    """Where heat maps of a network are taken."""

    names: tuple[str, ...]
    """Modules that return one map. Attention within one of them is explained there, any other at its own output."""
    shown: bool = False
    """Whether each is shown even where no attention runs in it: then SimAM is what *would* stand behind it."""


@dataclass(frozen=True)
class Steered:
    """A private copy of a network whose attention can be steered, and what was found in it."""

    model: nn.Module
    """Shares its weights with the original; anybody's SimAM is a :class:`simam_viz.SimAM` in it, any other attention a
    :class:`simam_viz.modules.weighing.Gate`."""
    sites: tuple[Site, ...]
    """In the order of the network's modules."""
    left: tuple[str, ...]
    """Modules that were looked at, and taken for no attention."""


def steered(model: nn.Module, seen: Pass, named: Mapping[str, Kind] | None = None) -> Steered:
    """Find the attention in a network and make it steerable, in place.

    Args:
        model: a private copy, in evaluation mode.
        seen: what one pass through it showed.
        named: modules that somebody says are attention, and of which kind.

    Raises:
        ValueError: a named module does not exist or work as attention does.
    """
    modules, candidates = dict(model.named_modules()), seen.keeps_shape
    found: dict[nn.Module, tuple[Site, Weighing]] = {}
    for name, module in modules.items():
        if isinstance(module, Weighing):
            e_lambda = module.e_lambda if isinstance(module, SimAM) else None
            found[module] = Site(name, module.kind, e_lambda, ours=True), module
    for name, kind in (named or {}).items():
        module = _named(modules, name, kind, candidates)
        known = _recognised(module, candidates[name]) if kind == "simam" else None
        found[module] = (
            Site(name, kind, known.e_lambda if known else None),
            _steerable(module, known or Recognised(kind)),
        )
    left = []
    inner = _enclosing(modules, (site.name for site, _module in found.values()))
    for name in sorted(seen.multiplying, key=lambda name: -name.count(".")):  # the innermost first
        module = modules[name]
        if module in found or name in inner or any(name.startswith(f"{site.name}.") for site, _m in found.values()):
            continue
        known = _recognised(module, candidates[name])
        if known is None:
            left.append(name)
            continue
        found[module] = Site(name, known.kind, known.e_lambda), _steerable(module, known)
        inner |= _enclosing(modules, [name])
    _put_in(model, {module: made for module, (_site, made) in found.items() if made is not module})
    order = {module: i for i, module in enumerate(modules.values())}
    sites = tuple(found[module][0] for module in sorted(found, key=order.__getitem__))
    return Steered(model, sites, tuple(name for name in modules if name in left))


def _enclosing(modules: Mapping[str, nn.Module], names: Iterable[str]) -> set[str]:
    return {outer for name in names for outer in modules if outer and name.startswith(f"{outer}.")}


def _named(modules: Mapping[str, nn.Module], name: str, kind: Kind, candidates: Mapping[str, torch.Size]) -> nn.Module:
    if kind not in get_args(Kind):
        raise ValueError(_("sites: {kind!r} is none of {known}.", kind=kind, known=enumeration(get_args(Kind))))
    if name not in modules or not name:
        raise ValueError(_("sites: this network has no module called {name!r}.", name=name))
    module = modules[name]
    known = _recognised(module, candidates[name]) if name in candidates else None
    if kind != "gate" and known is not None and known.kind != kind:
        raise ValueError(
            _("sites: {name} works as {known} does, and not as {kind}.", name=name, known=known.kind, kind=kind)
        )
    if kind == "simam" and known is None:
        raise ValueError(_("sites: {name} does not compute SimAM's weights; name it a gate.", name=name))
    if name not in candidates or not _weighs(module, candidates[name]):
        raise ValueError(
            _(
                "sites: {name} does not multiply every neuron of one feature map by a weight (what is 0 must stay 0), so no "
                "weights can be read off it.",
                name=name,
            )
        )
    return module


def _weighs(module: nn.Module, shape: torch.Size) -> bool:
    for dtype in (torch.float64, torch.float32):
        try:
            return gives_zero_for_zero(_alone(module, dtype), shape[1:], dtype)
        except Exception:  # noqa: S112  (a module may raise anything at numbers that it was not made for)
            continue
    return False


def _recognised(module: nn.Module, shape: torch.Size) -> Recognised | None:
    for dtype in (torch.float64, torch.float32):
        try:
            return recognise(_alone(module, dtype), shape, dtype)
        except Exception:  # noqa: S112  (as above)
            continue
    return None


def _alone(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy that shares nothing, on the CPU, its floating-point numbers of one format."""

    def of_type(tensor: Tensor) -> Tensor:
        own = tensor.detach().to("cpu", copy=True)
        return own.to(dtype) if own.is_floating_point() else own

    return copied(
        module,
        lambda weight: nn.Parameter(of_type(weight), requires_grad=False),
        lambda _module, buffer: of_type(buffer),
        of_type,
    ).eval()


def _steerable(module: nn.Module, known: Recognised) -> Weighing:
    if known.e_lambda is None:
        made: Weighing = Gate(module, known.kind)
    else:
        made = SimAM(known.e_lambda, known.correction)
    return made.train(module.training)


def _put_in(model: nn.Module, made: Mapping[nn.Module, Weighing]) -> None:
    """Put modules in the place of others, wherever those stand."""
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if module in made:
            put_in_place(model, name, made[module])
