"""Reading an analysis at every level: the network, a block, a channel, a neuron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..modules.formulas import ATTENTION_FLOOR
from ..wording import later
from .blocks import Analysis, Block

FLAT = 0.01
"""A weight this little above the floor, relative to it, counts as flat."""

FLAT_WEIGHT = ATTENTION_FLOOR * (1 + FLAT)


def contrast(block: Block) -> Tensor:
    """Standard deviation of every channel's weights over positions, (C,)."""
    return block.attention.flatten(1).std(dim=1, correction=0)


def highest_weight(block: Block) -> Tensor:
    """The greatest weight of every channel, (C,)."""
    return block.attention.flatten(1).amax(dim=1)


def agreement(block: Block) -> Tensor:
    """Pearson correlation over positions of every channel's weights with the block's Grad-CAM, (C,) in [−1, 1].

    0 where either is the same everywhere.
    """
    weights = _centred(block.attention.flatten(1).double())
    cam = _centred(block.cam.flatten()[None].double())
    norm = weights.norm(dim=1) * cam.norm()
    # Rounding leaves a flat channel a hair's breadth of variation: that is no direction to agree in.
    flat = (weights.abs().amax(dim=1) < 1e-6) | (cam.abs().amax() < 1e-6)
    return torch.where(flat, 0.0, (weights @ cam[0]) / norm.clamp_min(1e-30)).float()


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(dim=1, keepdim=True)


CHANNEL_MEASURES: dict[str, Callable[[Block], Tensor]] = {
    later("variance"): lambda block: block.variances,
    later("highest weight"): highest_weight,
    later("contrast of the weights"): contrast,
    later("agreement with Grad-CAM"): agreement,
}
"""What channels can be sorted and filtered by, by the names that :func:`simam_viz.wording._` shows: a number for each, (C,)."""


def ranked_channels(values: Tensor, minimum: float | None = None) -> list[int]:
    """Channels by their value (C,), the greatest first; those below ``minimum`` left out."""
    order = values.argsort(descending=True, stable=True).tolist()
    return order if minimum is None else [channel for channel in order if float(values[channel]) >= minimum]


def flattened(block: Block) -> Tensor:
    """Which channels λ flattens: no neuron's weight is more than :data:`FLAT` above the floor. (C,) of bool.

    Of another attention, which has no floor: those whose weights differ from their mean by no more than that.
    """
    return _flat(block).flatten(1).all(dim=1)


def _flat(block: Block) -> Tensor:
    """Which neurons have a flat weight, (C, H, W) of bool."""
    weights = block.attention
    if block.kind == "simam":
        return weights <= FLAT_WEIGHT
    mean = weights.flatten(1).mean(dim=1).view(-1, *[1] * (weights.dim() - 1))
    return (weights - mean).abs() <= FLAT * mean.abs()


@dataclass(frozen=True)
class Reduction:
    """How much of a block's weights survives if they are reduced to one number a position, or one a channel.

    Shares of the variance of all C·H·W weights, by the law of total variance: what lies *between* the means that are
    kept; the rest is lost.
    """

    between_positions: float
    """What a 2-D attention keeps: one weight a position, the mean over channels."""
    between_channels: float
    """What a 1-D attention keeps: one weight a channel, the mean over positions."""
    by_highest: float
    """What the maximum over channels tells, as the best straight line from it to the weights: the squared correlation."""


def reductions(weights: Tensor) -> Reduction:
    """The shares that 2-D and 1-D attention keep of weights (C, H, W); all 0 where all weights are equal."""
    weights = weights.double()
    total = float(weights.var(correction=0))
    if total < 1e-14:
        return Reduction(0.0, 0.0, 0.0)
    positions, channels, highest = weights.mean(dim=0), weights.mean(dim=(1, 2)), weights.amax(dim=0)
    # The maximum is the same for all channels, so only their mean at a position can go along with it.
    shared = float(((highest - highest.mean()) * (positions - positions.mean())).mean())
    spread = float(highest.var(correction=0))
    return Reduction(
        float(positions.var(correction=0)) / total,
        float(channels.var(correction=0)) / total,
        shared**2 / (spread * total) if spread > 1e-14 else 0.0,
    )


@dataclass(frozen=True)
class BlockSummary:
    """One block in numbers."""

    name: str
    channels: int
    rows: int
    columns: int
    mean_weight: float
    highest_weight: float
    spread: float
    """Standard deviation of all its weights."""
    flat_neurons: float
    """Share of its neurons whose weight is within :data:`FLAT` of the floor."""
    flat_channels: float
    """Share of its channels that λ flattens."""


def summarise(block: Block) -> BlockSummary:
    """One block in numbers."""
    weights = block.attention
    channels, rows, columns = weights.shape
    return BlockSummary(
        block.name,
        channels,
        rows,
        columns,
        mean_weight=float(weights.mean()),
        highest_weight=float(weights.max()),
        spread=float(weights.std(correction=0)),
        flat_neurons=float(_flat(block).float().mean()),
        flat_channels=float(flattened(block).float().mean()),
    )


@dataclass(frozen=True)
class Neuron:
    """One neuron of a block and how it stands there."""

    block: str
    channel: int
    row: int
    column: int
    feature: float
    mean: float
    """μ of its channel."""
    variance: float
    """σ² of its channel, over M − 1."""
    z: float
    """(t − μ)/σ; below 0 the neuron lies below its channel's mean. 0 in a flat channel."""
    energy: float | None
    """``None``, as the importance, where the attention is not SimAM."""
    importance: float | None
    weight: float
    rank_in_channel: int
    """1 for the greatest importance, or weight where there is none."""
    rank_in_block: int


def neuron(block: Block, channel: int, row: int, column: int) -> Neuron:
    """One neuron of ``block``; ``IndexError`` if there is none at that place."""
    feature = float(block.features[channel, row, column])
    mean, variance = float(block.features[channel].mean()), float(block.variances[channel])
    strength = _strength(block)
    here = strength[channel, row, column]
    simam = block.kind == "simam"
    return Neuron(
        block.name,
        channel,
        row,
        column,
        feature,
        mean,
        variance,
        z=(feature - mean) / variance**0.5 if variance > 0 else 0.0,
        energy=float(block.energy[channel, row, column]) if simam else None,
        importance=float(block.importance[channel, row, column]) if simam else None,
        weight=float(block.attention[channel, row, column]),
        rank_in_channel=int((strength[channel] > here).sum()) + 1,
        rank_in_block=int((strength > here).sum()) + 1,
    )


def _strength(block: Block) -> Tensor:
    """By what neurons are ranked, (C, H, W): their importance, of which the weight is the sigmoid; so, too, where it is read back.

    A weight of 1 or more has no such number, and counts as the greatest there is.
    """
    return block.importance if block.kind == "simam" else block.attention.clamp(1e-7, 1 - 1e-7).logit()


def most_emphasised(analysis: Analysis, count: int) -> list[Neuron]:
    """The ``count`` neurons of greatest importance in the whole network, the greatest first.

    By importance and not by weight: in single precision many of SimAM's weights are exactly 1.
    """
    found: list[tuple[float, Block, int]] = []
    for block in analysis.blocks:
        values, places = _strength(block).flatten().topk(min(count, block.attention.numel()))
        found += [(value, block, place) for value, place in zip(values.tolist(), places.tolist(), strict=True)]
    found.sort(key=lambda entry: -entry[0])
    neurons = []
    for _, block, place in found[:count]:
        channel, position = divmod(place, block.features[0].numel())
        neurons.append(neuron(block, channel, *divmod(position, block.features.shape[2])))
    return neurons


def weights_by_side(features: Tensor, weights: Tensor) -> Tensor:
    """How far each weight of a channel (H, W) lies above the floor, negative for neurons below the channel's mean."""
    return (weights - ATTENTION_FLOOR) * torch.where(features < features.mean(), -1.0, 1.0)
