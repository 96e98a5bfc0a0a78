"""Attention as the SimAM authors' networks hold it: in a Sequential with the layer that it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ...modules.simam import SimAM

Kind = Literal["simam", "none", "se", "cbam"]
REDUCTION = 16
"""What their SE and CBAM divide the channels by where nothing else is said."""


class ChannelSE(nn.Module):
    """One weight a channel, from its mean over positions (SE); its dense layers have no biases."""

    def __init__(self, channels: int, reduction: int = REDUCTION) -> None:
        super().__init__()
        hidden = channels // reduction
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every channel times its weight."""
        weights: Tensor = self.fc(x.mean(dim=(2, 3)))
        return x * weights[..., None, None]


class ChannelGate(nn.Module):
    """CBAM's weight a channel, from its mean and its maximum over positions."""

    def __init__(self, channels: int, reduction: int = REDUCTION) -> None:
        super().__init__()
        hidden = channels // reduction
        # The flattening is there for the numbers in the names: 1 and 3 are the dense layers.
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every channel times its weight."""
        # A maximum that several neurons share has its gradient at one of them, as in the published code: hence no amax.
        highest = x.flatten(2).max(dim=2).values
        weights: Tensor = (self.mlp(x.mean(dim=(2, 3))) + self.mlp(highest)).sigmoid()
        return x * weights[..., None, None]


class _Summary(nn.Module):
    """A 7 × 7 convolution over the two summaries of the channels, and its batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, H, W) → (N, 1, H, W)."""
        summary: Tensor = self.bn(self.conv(x))
        return summary


class SpatialGate(nn.Module):
    """CBAM's weight a position, from maximum and mean over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = _Summary()

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every position times its weight."""
        summary = torch.cat([x.max(dim=1, keepdim=True).values, x.mean(dim=1, keepdim=True)], dim=1)
        weights: Tensor = self.spatial(summary).sigmoid()
        return x * weights


class ChannelThenSpatial(nn.Sequential):
    """CBAM: a channel gate, then a spatial gate, each a module of its own."""

    def __init__(self, channels: int, reduction: int = REDUCTION) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels, reduction)
        self.SpatialGate = SpatialGate()


_GATES: dict[str, Callable[[int, int], nn.Module]] = {"se": ChannelSE, "cbam": ChannelThenSpatial}


@dataclass(frozen=True)
class Attending:
    """Which attention a network has, and how it stands behind a layer."""

    kind: Kind
    e_lambda: float
    """λ of SimAM."""
    reduction: int = REDUCTION
    """Of SE and CBAM."""

    def simam_behind(self, layer: nn.Module) -> nn.Module:
        """The layer, with SimAM behind it where that is the attention."""
        return nn.Sequential(layer, SimAM(self.e_lambda)) if self.kind == "simam" else layer

    def gate_behind(self, layer: nn.Module, channels: int) -> nn.Module:
        """The layer, which gives so many channels, with SE or CBAM behind it where that is the attention."""
        gate = self.gate(channels)
        return layer if gate is None else nn.Sequential(layer, gate)

    def any_behind(self, layer: nn.Module, channels: int) -> nn.Module:
        """The layer, which gives so many channels, with whatever the attention is behind it."""
        return self.gate_behind(self.simam_behind(layer), channels)

    def gate(self, channels: int) -> nn.Module | None:
        """SE or CBAM for so many channels; ``None`` for any other attention."""
        return _GATES[self.kind](channels, self.reduction) if self.kind in _GATES else None
