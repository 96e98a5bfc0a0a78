"""Attention modules with parameters, each as its own publication has it: SE, CBAM and ECA."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .weighing import Kind, Weighing


class SqueezeExcitation(Weighing):
    """One weight a channel, from its mean over positions through two dense layers (Hu et al., CVPR 2018, Eqs. 2 and 3).

    Args:
        channels: C of the feature maps (N, C, H, W).
        reduction: the hidden layer has C / ``reduction`` neurons.
    """

    kind: Kind = "channel"

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.gate = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )

    def weights(self, x: Tensor) -> Tensor:
        """The weight that every neuron of ``x`` (N, C, H, W) is multiplied by: one a channel."""
        return self._weights(x).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every channel times its weight."""
        return x * self._weights(x)

    def _weights(self, x: Tensor) -> Tensor:
        weights: Tensor = self.gate(x.mean(dim=(2, 3)))
        return weights[..., None, None]


class ECA(Weighing):
    """One weight a channel, from the means of its neighbours in channel order (Wang et al., CVPR 2020, section 3.2).

    The width of the neighbourhood grows with the logarithm of the number of channels, as its Eq. 12 has it (γ = 2, b = 1).
    """

    kind: Kind = "channel"

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = int(abs((math.log2(channels) + 1) / 2))
        width += 1 - width % 2
        self.mix = nn.Conv1d(1, 1, width, padding=width // 2, bias=False)

    def weights(self, x: Tensor) -> Tensor:
        """The weight that every neuron of ``x`` (N, C, H, W) is multiplied by: one a channel."""
        return self._weights(x).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every channel times its weight."""
        return x * self._weights(x)

    def _weights(self, x: Tensor) -> Tensor:
        weights: Tensor = self.mix(x.mean(dim=(2, 3))[:, None]).sigmoid()
        return weights[:, 0, :, None, None]


class CBAM(nn.Module):
    """One weight a channel, then one weight a position (Woo et al., ECCV 2018, Eqs. 2 and 3).

    As its authors' code begins, the dense layers' biases and the scale of the position gate's batch norm are 0: every
    position's weight is ½ until training changes it.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.gate, self.mix = ChannelGate(channels, reduction), PositionGate()

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every channel times its weight, then every position times its own."""
        refined: Tensor = self.mix(self.gate(x))
        return refined


class ChannelGate(Weighing, nn.Sequential):
    """The first half of CBAM: weights from means and maxima over positions, through a shared pair of dense layers."""

    kind: Kind = "channel"

    def __init__(self, channels: int, reduction: int = 16) -> None:
        hidden = max(1, channels // reduction)
        inner, outer = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        nn.init.zeros_(inner.bias)
        nn.init.zeros_(outer.bias)
        super().__init__(inner, nn.ReLU(), outer)

    def weights(self, x: Tensor) -> Tensor:
        """The weight that every neuron of ``x`` (N, C, H, W) is multiplied by: one a channel."""
        return self._weights(x).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every channel times its weight."""
        return x * self._weights(x)

    def _weights(self, x: Tensor) -> Tensor:
        # A maximum that several neurons share has its gradient at one of them, as in the published code: hence no amax.
        highest = x.flatten(2).max(dim=2).values
        weights = (_through(self, x.mean(dim=(2, 3))) + _through(self, highest)).sigmoid()
        return weights[..., None, None]


class PositionGate(Weighing, nn.Sequential):
    """The second half of CBAM: from maximum and mean over channels, through a 7 × 7 convolution and its batch norm."""

    kind: Kind = "position"

    def __init__(self) -> None:
        convolution, norm = nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1, momentum=0.01)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
        nn.init.zeros_(norm.weight)
        super().__init__(convolution, norm)

    def weights(self, x: Tensor) -> Tensor:
        """The weight that every neuron of ``x`` (N, C, H, W) is multiplied by: one a position."""
        return self._weights(x).expand_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), every position times its weight."""
        return x * self._weights(x)

    def _weights(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.max(dim=1, keepdim=True).values, x.mean(dim=1, keepdim=True)], dim=1)
        return _through(self, summary).sigmoid()


def _through(layers: nn.Sequential, x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


GATES: dict[str, type[nn.Module]] = {"se": SqueezeExcitation, "cbam": CBAM, "eca": ECA}
"""By the name that ``create_model`` knows them by; each takes the number of channels."""
