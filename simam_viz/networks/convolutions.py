"""The convolutions of a network that others publish, and those that SimAM is usually put behind."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from torch import nn
from torchvision.models import get_model_weights

from ..wording import _
from .architectures import attended_convolution, residual_blocks
from .named import Named, named
from .outlines import outlined
from .places import insert_simam

_SECOND = re.compile(r".+\.(conv2(\.conv)?|f\.b\.0)")
"""A residual block's second convolution, as torchvision and timm call it."""
_BYTES = 4
"""Of a parameter in float32."""


@dataclass(frozen=True)
class Convolution:
    """A convolution that SimAM can stand behind."""

    name: str
    channels: int
    """That it gives."""
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    usual: bool
    """Whether SimAM's authors would let it follow this one."""


def outline(network: str, most_bytes: int) -> tuple[Convolution, ...]:
    """The convolutions of a network that :func:`simam_viz.networks.named.named` knows, in its own order.

    Nothing is downloaded, and where possible no memory taken.

    Raises:
        ValueError: there is no such network, it is larger than ``most_bytes``, or it has no convolution.
    """
    return convolutions(_sketched(named(network), most_bytes))


def convolutions(model: nn.Module) -> tuple[Convolution, ...]:
    """All convolutions over pictures of any network; ``ValueError`` where there is no place for SimAM behind any."""
    everywhere = _all(model)
    if everywhere and all(1 < m.kernel_size[0] == m.stride[0] for m in everywhere.values()):  # they cut patches out
        raise ValueError(
            _(
                "SimAM has no place in this network: it weighs the neurons of a channel by their positions in a feature map "
                "(N, C, H, W), and here features are tokens or single numbers, without a map."
            )
        )
    usual = usual_places(model)
    found = tuple(
        Convolution(
            name, module.out_channels, tuple(module.kernel_size), tuple(module.stride), module.groups, name in usual
        )
        for name, module in everywhere.items()
    )
    if not found:
        raise ValueError(_("This network has no convolution that SimAM could stand behind."))
    return found


def usual_places(model: nn.Module) -> frozenset[str]:
    """Names of the convolutions behind which SimAM's authors would put it, as far as it can be told of any network.

    In a residual block its second convolution; in an inverted one the depthwise convolution; where there is neither, the
    last convolution of each width.
    """
    everywhere = _all(model)
    blocks = {attended_convolution(block) for block in residual_blocks(model).values()}
    if blocks:
        return frozenset(name for name, module in everywhere.items() if module in blocks)
    depthwise = {n for n, m in everywhere.items() if 1 < m.groups == m.in_channels and max(m.kernel_size) > 1}
    second = {name for name in everywhere if _SECOND.fullmatch(name)}
    if depthwise or second:
        return frozenset(second if len(second) >= len(depthwise) else depthwise)
    last = {m.out_channels: name for name, m in everywhere.items() if max(m.kernel_size) > 1}
    return frozenset(last.values())


def with_simam_behind(model: nn.Module, places: Collection[str], e_lambda: float) -> nn.Module:
    """:func:`simam_viz.insert_simam` behind convolutions that are called by their whole names.

    Raises:
        ValueError: there is no convolution of that name, or λ is not above 0.
    """
    strange = [place for place in places if place not in _all(model)]
    if strange:
        raise ValueError(_("This network has no convolution called {name!r}.", name=strange[0]))
    return insert_simam(model, "|".join(map(re.escape, places)), e_lambda)


def _all(model: nn.Module) -> dict[str, nn.Conv2d]:
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d) and name}


def _sketched(known: Named, most_bytes: int) -> nn.Module:
    """The network without memory for its weights, or, of the few that cannot be made so, with."""
    source, _colon, name = known.name.partition(":")
    if source == "torchvision":
        _check(known, get_model_weights(name).DEFAULT.meta["num_params"], most_bytes)
    try:
        with outlined():
            model = known.make()
    except NotImplementedError:  # a RegNet computes its widths with tensors
        model = known.make()
    _check(known, sum(weight.numel() for weight in model.parameters()), most_bytes)
    return model


def _check(known: Named, parameters: int, most_bytes: int) -> None:
    if parameters * _BYTES > most_bytes:
        raise ValueError(
            _(
                "{name} has {millions:,.0f} million parameters, which is more than this app takes.",
                name=known.name,
                millions=parameters / 1e6,
            )
        )
