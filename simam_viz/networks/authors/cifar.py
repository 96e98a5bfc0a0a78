"""The SimAM authors' networks for CIFAR: ResNet, pre-activation ResNet, Wide ResNet, MobileNetV2.

Theirs take 32 × 32 pixels alone where they pool by a fixed window; here the mean over all positions stands in its place, which is
the same number at 32 × 32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .attending import Attending

Make = Callable[[Attending, int], nn.Module]
"""Attention and number of classes → a network of images (N, 3, H, W) → logits (N, classes)."""
_Block = Callable[[int, int, int, Attending], nn.Module]
"""Channels that enter, channels of the stage, stride, attention → a block."""


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions, the residual sum, ReLU. SimAM before the last batch norm, gates behind it."""

    widening = 1

    def __init__(self, inside: int, width: int, stride: int, attending: Attending) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inside, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2 = attending.simam_behind(_conv(width, width, 3))
        self.bn2 = attending.gate_behind(nn.BatchNorm2d(width), width)
        self.shortcut = _shortcut(inside, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3 and 1 × 1 convolutions, the residual sum, ReLU. SimAM behind the second convolution, gates at the end."""

    widening = 4

    def __init__(self, inside: int, width: int, stride: int, attending: Attending) -> None:
        super().__init__()
        outside = width * self.widening
        self.conv1, self.bn1 = _conv(inside, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = attending.simam_behind(_conv(width, width, 3, stride)), nn.BatchNorm2d(width)
        self.conv3 = _conv(width, outside, 1)
        self.bn3 = attending.gate_behind(nn.BatchNorm2d(outside), outside)
        self.shortcut = _shortcut(inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


class PreBasicBlock(nn.Module):
    """Batch norm and ReLU before each of two 3 × 3 convolutions; any attention behind the second."""

    widening = 1

    def __init__(self, inside: int, width: int, stride: int, attending: Attending) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), _conv(inside, width, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(width), attending.any_behind(_conv(width, width, 3), width)
        self.shortcut = _shortcut(inside, width, stride, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        out = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        summed: Tensor = out + self.shortcut(x)
        return summed


class PreBottleneck(nn.Module):
    """Batch norm and ReLU before each of three convolutions; SimAM behind the second, gates behind the third."""

    widening = 4

    def __init__(self, inside: int, width: int, stride: int, attending: Attending) -> None:
        super().__init__()
        outside = width * self.widening
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), _conv(inside, width, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(width), attending.simam_behind(_conv(width, width, 3, stride))
        self.bn3, self.conv3 = nn.BatchNorm2d(width), attending.gate_behind(_conv(width, outside, 1), outside)
        self.shortcut = _shortcut(inside, outside, stride, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        out = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        out = self.conv3(F.relu(self.bn3(out)))
        summed: Tensor = out + self.shortcut(x)
        return summed


class WideBlock(nn.Module):
    """A pre-activation block with dropout; where its channels change, the shortcut too starts at the activation."""

    def __init__(self, inside: int, width: int, stride: int, attending: Attending) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), _conv(inside, width, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(width), attending.any_behind(_conv(width, width, 3), width)
        self.dropout = nn.Dropout(0.3)
        self.convShortcut = None if inside == width else _conv(inside, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        activated = F.relu(self.bn1(x))
        out = self.dropout(F.relu(self.bn2(self.conv1(activated))))
        past = x if self.convShortcut is None else self.convShortcut(activated)
        summed: Tensor = past + self.conv2(out)
        return summed


class InvertedBlock(nn.Module):
    """A wide depthwise convolution between two 1 × 1; SimAM behind the depthwise one, gates at the end."""

    def __init__(self, inside: int, outside: int, expansion: int, stride: int, attending: Attending) -> None:
        super().__init__()
        width = inside * expansion
        self.conv1, self.bn1 = _conv(inside, width, 1), nn.BatchNorm2d(width)
        self.conv2 = attending.simam_behind(_conv(width, width, 3, stride, groups=width))
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _conv(width, outside, 1)
        self.bn3 = attending.gate_behind(nn.BatchNorm2d(outside), outside)
        self.shortcut = _shortcut(inside, outside, 1) if stride == 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        summed: Tensor = out if self.shortcut is None else out + self.shortcut(x)
        return summed


class CifarResNet(nn.Module):
    """Three stages of 16, 32 and 64 channels (four times as many with bottlenecks)."""

    def __init__(self, block: type[BasicBlock | Bottleneck], blocks: int, attending: Attending, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(3, 16, 3), nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = _stages(block, 1, blocks, attending, block.widening)
        self.linear = nn.Linear(64 * block.widening, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) → logits (N, classes)."""
        out = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return _answer(out, self.linear)


class PreResNet(nn.Module):
    """The same in pre-activation form: the last batch norm stands behind all stages."""

    def __init__(
        self, block: type[PreBasicBlock | PreBottleneck], blocks: int, attending: Attending, classes: int
    ) -> None:
        super().__init__()
        self.conv1 = _conv(3, 16, 3)
        self.layer1, self.layer2, self.layer3 = _stages(block, 1, blocks, attending, block.widening)
        channels = 64 * block.widening
        self.bn, self.linear = nn.BatchNorm2d(channels), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) → logits (N, classes)."""
        out = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return _answer(F.relu(self.bn(out)), self.linear)


class _WideStage(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′)."""
        out: Tensor = self.layer(x)
        return out


class WideResNet(nn.Module):
    """Three stages of pre-activation blocks, ``wider`` times as wide, of ``depth`` convolutions and dense layers in all."""

    def __init__(self, depth: int, wider: int, attending: Attending, classes: int) -> None:
        super().__init__()
        self.conv1 = _conv(3, 16, 3)
        stages = _stages(WideBlock, wider, (depth - 4) // 6, attending)
        self.block1, self.block2, self.block3 = map(_WideStage, stages)
        self.bn1, self.fc = nn.BatchNorm2d(64 * wider), nn.Linear(64 * wider, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) → logits (N, classes)."""
        out = self.block3(self.block2(self.block1(self.conv1(x))))
        return _answer(F.relu(self.bn1(out)), self.fc)


class CifarMobileNetV2(nn.Module):
    """MobileNetV2 with fewer strides, for small images."""

    def __init__(self, attending: Attending, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(3, 32, 3), nn.BatchNorm2d(32)
        layers: list[nn.Module] = []
        inside = 32
        for expansion, outside, blocks, stride in (
            *((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2)),
            *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
        ):
            for number in range(blocks):
                layers.append(InvertedBlock(inside, outside, expansion, 1 if number else stride, attending))
                inside = outside
        self.layers = nn.Sequential(*layers)
        self.conv2, self.bn2 = _conv(320, 1280, 1), nn.BatchNorm2d(1280)
        self.linear = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) → logits (N, classes)."""
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        return _answer(F.relu(self.bn2(self.conv2(out))), self.linear)


def _conv(inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)


def _shortcut(inside: int, outside: int, stride: int, norm: bool = True) -> nn.Module:
    if stride == 1 and inside == outside:
        return nn.Sequential()
    return nn.Sequential(_conv(inside, outside, 1, stride), *([nn.BatchNorm2d(outside)] if norm else []))


def _stages(block: _Block, wider: int, blocks: int, attending: Attending, widening: int = 1) -> list[nn.Sequential]:
    """Three stages of so many blocks; ``widening`` is what a block gives for each channel of its stage."""
    inside, stages = 16, []
    for width, stride in ((16 * wider, 1), (32 * wider, 2), (64 * wider, 2)):
        first = block(inside, width, stride, attending)
        inside = width * widening
        stages.append(nn.Sequential(first, *(block(inside, width, 1, attending) for _number in range(blocks - 1))))
    return stages


def _answer(maps: Tensor, classifier: nn.Module) -> Tensor:
    logits: Tensor = classifier(maps.mean(dim=(2, 3)))
    return logits


def _residual(network: Callable[..., nn.Module], blocks: Sequence[type[nn.Module]], depth: int, deep: bool) -> Make:
    # A bottleneck has three convolutions for two: the deeper networks have fewer of them at the same depth, the others do not.
    count = (depth - 2) // (9 if deep and depth > 50 else 6)
    return functools.partial(network, blocks[deep], count)


NETWORKS: dict[str, Make] = {
    **{
        f"{name}{depth}{'-bottleneck' if deep else ''}": _residual(network, blocks, depth, deep)
        for name, network, blocks in (
            ("resnet", CifarResNet, (BasicBlock, Bottleneck)),
            ("preresnet", PreResNet, (PreBasicBlock, PreBottleneck)),
        )
        for depth in (20, 32, 56, 110, 164)
        for deep in (False, True)
    },
    "wideresnet28x10": functools.partial(WideResNet, 28, 10),
    "wideresnet40x10": functools.partial(WideResNet, 40, 10),
    "mobilenetv2": CifarMobileNetV2,
}
"""By their authors' names; those made of bottlenecks, which is an option beside the name there, say so."""
