"""Other attention modules beside SimAM: what they cost, and what accuracy their authors publish."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..wording import later
from .gates import CBAM, ECA, SqueezeExcitation
from .simam import SimAM


@dataclass(frozen=True)
class Rival:
    """An attention module, and the ImageNet top-1 of a ResNet-50 with it, as its authors publish it."""

    kind: str
    """What its weights range over; English, for :func:`simam_viz.wording._` to show."""
    make: type[nn.Module]
    passes: int
    """How often it goes over the whole map, to summarise or to scale it."""
    summaries: int
    """How many summaries of the channels go through its dense layers."""
    published_top1: float
    source: str
    """Where that figure stands; as ``kind``, to be shown by ``_``."""


RIVALS = {
    "SE": Rival(
        later("channels (1-D)"),
        SqueezeExcitation,
        2,
        1,
        77.63,
        later("github.com/hujie-frank/SENet (retrained by its authors)"),
    ),
    "CBAM": Rival(later("channels, then positions"), CBAM, 6, 2, 77.62, "github.com/Jongchan/attention-module"),
    "ECA": Rival(later("channels (1-D)"), ECA, 2, 0, 77.48, "github.com/BangguWu/ECANet"),
    "SimAM": Rival(later("every neuron (3-D)"), SimAM, 4, 0, 77.45, "github.com/ZjjConan/SimAM"),
}
"""By name. Each figure has its authors' own recipe: they do not rank the modules."""


def build(name: str, channels: int) -> nn.Module:
    """The module of one of :data:`RIVALS` for maps of so many channels, in evaluation mode."""
    make = RIVALS[name].make
    return (make() if make is SimAM else make(channels)).eval()


def parameters(module: nn.Module) -> int:
    """How many numbers the module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_adds(name: str, channels: int, height: int, width: int) -> int:
    """Multiplications (each with the addition that may follow) of one forward pass on one map (C, H, W).

    A mean or a maximum over n values counts n, so does scaling n values; dense layers and convolutions count inputs ×
    outputs × kernel. SimAM passes over the map four times: mean, squared distances with their sum, importance, product.
    """
    rival = RIVALS[name]
    layers = sum(
        layer.weight.numel() * {nn.Linear: rival.summaries, nn.Conv1d: channels, nn.Conv2d: height * width}[type(layer)]
        for layer in build(name, channels).modules()
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d))
    )
    return rival.passes * channels * height * width + layers


def latencies(x: Tensor, rounds: int = 15) -> Iterator[tuple[float, dict[str, float]]]:
    """Time every module on maps (N, C, H, W), in turn, round after round.

    Yields (share done, median milliseconds of each so far): so that one can watch, and stop.
    """
    modules = {name: build(name, x.shape[1]) for name in RIVALS}
    times: dict[str, list[float]] = {name: [] for name in RIVALS}
    with torch.inference_mode():
        for module in modules.values():
            module(x)  # the first call pays for what later ones reuse
        for done in range(1, rounds + 1):
            for name, module in modules.items():
                start = time.perf_counter()
                module(x)
                times[name].append((time.perf_counter() - start) * 1e3)
            yield done / rounds, {name: statistics.median(values) for name, values in times.items()}
