"""Attention as people write it, typed off papers and other people's repositories; and what resembles it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Retyped(nn.Module):
    """SimAM as thousands of repositories have it."""

    def __init__(self, channels: int | None = None, e_lambda: float = 1e-4) -> None:
        super().__init__()
        self.activation, self.e_lambda = nn.Sigmoid(), e_lambda

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[2] * x.shape[3] - 1
        d = (x - x.mean(dim=[2, 3], keepdim=True)).pow(2)
        return x * self.activation(d / (4 * (d.sum(dim=[2, 3], keepdim=True) / n + self.e_lambda)) + 0.5)


class OfThePaper(nn.Module):
    """SimAM with the variance over M, as the paper prints it."""

    e_lambda = 0.02

    def forward(self, x: Tensor) -> Tensor:
        d = (x - x.mean((2, 3), keepdim=True)) ** 2
        return x * torch.sigmoid(d / (4 * (x.var((2, 3), keepdim=True, correction=0) + self.e_lambda)) + 0.5)


class Learned(nn.Module):
    """SimAM whose λ is a parameter."""

    def __init__(self, e_lambda: float = 0.03) -> None:
        super().__init__()
        self.lam = nn.Parameter(torch.tensor(e_lambda))

    def forward(self, x: Tensor) -> Tensor:
        d = (x - x.mean((2, 3), keepdim=True)) ** 2
        v = d.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(d / (4 * (v + self.lam)) + 0.5)


class InPlace(nn.Module):
    """SimAM that overwrites what it is given."""

    e_lambda = 1e-2

    def forward(self, x: Tensor) -> Tensor:
        d = (x - x.mean((2, 3), keepdim=True)).pow(2)
        v = d.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x.mul_(torch.sigmoid(d / (4 * (v + self.e_lambda)) + 0.5))


class AnyDimensions(nn.Module):
    """SimAM over all dimensions from the third on."""

    def __init__(self, e_lambda: float = 1e-4) -> None:
        super().__init__()
        self.e_lambda = e_lambda

    def forward(self, x: Tensor) -> Tensor:
        dims = tuple(range(2, x.dim()))
        d = (x - x.mean(dims, keepdim=True)).pow(2)
        v = d.sum(dims, keepdim=True) / (x[0, 0].numel() - 1)
        return x * torch.sigmoid(d / (4 * (v + self.e_lambda)) + 0.5)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, in_place: bool = False) -> None:
        super().__init__()
        self.in_place = in_place
        hidden = max(channels // 4, 1)
        self.fc = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        n, c = x.shape[:2]
        scale = self.fc(x.mean((2, 3))).view(n, c, 1, 1)
        return x.mul_(scale) if self.in_place else x * scale.expand_as(x)


class EfficientChannels(nn.Module):
    """ECA, as its authors publish it."""

    def __init__(self, k: int = 3) -> None:
        super().__init__()
        self.avg_pool, self.sigmoid = nn.AdaptiveAvgPool2d(1), nn.Sigmoid()
        self.conv = nn.Conv1d(1, 1, kernel_size=k, padding=(k - 1) // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(self.avg_pool(x).squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        return x * self.sigmoid(y).expand_as(x)


class BasicConv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1, eps=1e-5, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class ChannelGate(nn.Module):
    """The first half of CBAM, as in its authors' repository."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, channels // 4), nn.ReLU(), nn.Linear(channels // 4, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        size = (x.size(2), x.size(3))
        total = self.mlp(F.avg_pool2d(x, size, stride=size)) + self.mlp(F.max_pool2d(x, size, stride=size))
        return x * torch.sigmoid(total).unsqueeze(2).unsqueeze(3).expand_as(x)


class SpatialGate(nn.Module):
    """The second half."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = BasicConv()

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
        return x * torch.sigmoid(self.spatial(pooled) * 5)


class CBAM(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate, self.SpatialGate = ChannelGate(channels), SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        return self.SpatialGate(self.ChannelGate(x))


class ChannelWeights(nn.Module):
    """Of the other common CBAM: weights alone, by which whoever calls it multiplies."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(channels, channels // 4, 1), nn.ReLU(), nn.Conv2d(channels // 4, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.fc(F.adaptive_avg_pool2d(x, 1)) + self.fc(F.adaptive_max_pool2d(x, 1)))


class SpatialWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv1(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)) * 5)


class CBAMOfWeights(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ca, self.sa = ChannelWeights(channels), SpatialWeights()

    def forward(self, x: Tensor) -> Tensor:
        x = self.ca(x) * x
        return self.sa(x) * x


class Coordinates(nn.Module):
    """Coordinate attention: a weight a row times a weight a column, for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = 8
        self.conv1, self.bn1, self.act = nn.Conv2d(channels, middle, 1), nn.BatchNorm2d(middle), nn.Hardswish()
        self.conv_h, self.conv_w = nn.Conv2d(middle, channels, 1), nn.Conv2d(middle, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        y = torch.cat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).permute(0, 1, 3, 2)], dim=2)
        rows, columns = torch.split(self.act(self.bn1(self.conv1(y))), [h, w], dim=2)
        return x * self.conv_w(columns.permute(0, 1, 3, 2)).sigmoid() * self.conv_h(rows).sigmoid()


class ScSE(nn.Module):
    """The sum of a channel gate and a position gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cSE = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 4, 1), nn.ReLU(True), nn.Conv2d(4, channels, 1), nn.Sigmoid()
        )
        self.sSE = nn.Sequential(nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.cSE(x) + x * self.sSE(x)


# What resembles attention, and is none.


class ResponseNorm(nn.Module):
    """GRN of ConvNeXt V2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        g = x.norm(p=2, dim=(2, 3), keepdim=True)
        return self.gamma * (x * (g / (g.mean(dim=1, keepdim=True) + 1e-6))) + self.beta + x


class LayerNorm2d(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        x = (x - u) / torch.sqrt((x - u).pow(2).mean(1, keepdim=True) + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class RMSNorm2d(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6) * self.weight[:, None, None]


class SiLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class LayerScale(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(1e-6 * torch.rand(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class ScaledBlock(nn.Module):
    """A residual block that does next to nothing yet."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.scale = nn.Conv2d(channels, channels, 3, padding=1), LayerScale(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale(self.conv(x))


class Small(nn.Module):
    """A convolution, something in the middle, a convolution and a dense layer; a tensor kept as a plain attribute."""

    def __init__(self, middle: nn.Module, channels: int = 3, classes: int = 5) -> None:
        super().__init__()
        self.first, self.middle = nn.Conv2d(channels, 16, 3, 2, 1), middle
        self.second, self.head = nn.Conv2d(16, 32, 3, 2, 1), nn.Linear(32, classes)
        self.strides = torch.tensor([8.0, 16.0, 32.0])

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.first(x), inplace=True)
        return self.head(F.relu(self.second(self.middle(x))).mean((2, 3)))


def seeded(make: Any, *arguments: Any, seed: int = 0, **named: Any) -> nn.Module:
    """A network of random weights, always the same, in evaluation mode."""
    torch.manual_seed(seed)
    network: nn.Module = make(*arguments, **named)
    return network.eval()
