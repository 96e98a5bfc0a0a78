"""Networks put together as the SimAM authors' published code describes them, independently of ``simam_viz``.

What their checkpoints depend on: SimAM shares a Sequential with the second convolution of a residual block; in MobileNetV2
it stands between the depthwise convolution and its batch norm, and the classifier has no dropout; a file holds epoch, arch,
state_dict, best_acc and optimizer, with names as DataParallel makes them; and a profiler leaves its counters behind.
"""

from __future__ import annotations

import io
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PublishedSimAM(nn.Module):
    """The formula in the order of operations in which it was published."""

    def __init__(self, e_lambda: float) -> None:
        super().__init__()
        self.e_lambda = e_lambda
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        others = x.shape[2] * x.shape[3] - 1
        squares = (x - x.mean((2, 3), keepdim=True)) ** 2
        variance = squares.sum((2, 3), keepdim=True) / others
        self.seen = torch.sigmoid(squares / (4 * (variance + self.e_lambda)) + 0.5)
        return x * self.seen


class Residual(nn.Module):
    """A residual block: two 3 × 3 convolutions, or 1 × 1, 3 × 3, 1 × 1 with four times the channels at its end."""

    def __init__(
        self, inside: int, planes: int, stride: int, deep: bool, groups: int, base: int, e_lambda: float
    ) -> None:
        super().__init__()
        outside = planes * 4 if deep else planes
        width = planes * base // 64 * groups
        attention = PublishedSimAM(e_lambda)
        if deep:
            self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
            second = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
            self.conv3, self.bn3 = nn.Conv2d(width, outside, 1, bias=False), nn.BatchNorm2d(outside)
        else:
            self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
            second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.conv2 = nn.Sequential(second, attention)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.deep = deep
        self.downsample = None
        if stride > 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.deep:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class AuthorsResNet(nn.Module):
    def __init__(
        self, counts: tuple[int, ...], deep: bool, groups: int, base: int, e_lambda: float, classes: int
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inside = 64
        for stage, count in enumerate(counts):
            planes = 64 * 2**stage
            blocks = []
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(Residual(inside, planes, stride, deep, groups, base, e_lambda))
                inside = planes * 4 if deep else planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inside, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def unit(
    inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1, *between: nn.Module
) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, *between, nn.BatchNorm2d(outside), nn.ReLU6())


class Inverted(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int, expand: int, e_lambda: float) -> None:
        super().__init__()
        hidden = inside * expand
        layers = [unit(inside, hidden, 1)] if expand > 1 else []
        layers.append(unit(hidden, hidden, 3, stride, hidden, PublishedSimAM(e_lambda)))
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, outside, 1, bias=False), nn.BatchNorm2d(outside))
        self.skips = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skips else self.conv(x)


class AuthorsMobileNetV2(nn.Module):
    def __init__(self, e_lambda: float, classes: int) -> None:
        super().__init__()
        rows = [
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ]
        layers: list[nn.Module] = [unit(3, 32, 3, 2)]
        inside = 32
        for expand, outside, count, stride in rows:
            for number in range(count):
                layers.append(Inverted(inside, outside, 1 if number else stride, expand, e_lambda))
                inside = outside
        self.features = nn.Sequential(*layers, unit(inside, 1280, 1))
        self.classifier = nn.Sequential(nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


def authors_network(arch: str, e_lambda: float = 0.1, classes: int = 1000) -> nn.Module:
    """One of the authors' networks with random weights and batch-norm statistics, in evaluation mode."""
    torch.manual_seed(7)
    if arch == "mobilenet_v2":
        network = AuthorsMobileNetV2(e_lambda, classes)
    else:
        counts = {
            "resnet18": (2, 2, 2, 2),
            "resnet34": (3, 4, 6, 3),
            "resnet101": (3, 4, 23, 3),
        }.get(arch, (3, 4, 6, 3))
        groups, base = (32, 4) if arch.startswith("resnext") else (1, 64)
        network = AuthorsResNet(counts, arch not in ("resnet18", "resnet34"), groups, base, e_lambda, classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, 0, 0.1)
    return network.eval()


def authors_checkpoint(network: nn.Module, arch: str) -> dict[str, Any]:
    """What their training loop saves, the profiler's counters among it."""
    weights = {}
    for name, module in network.named_modules():
        if not list(module.children()):
            weights[f"module.{name}.total_ops"] = torch.zeros(1, dtype=torch.float64)
            weights[f"module.{name}.total_params"] = torch.zeros(1, dtype=torch.float64)
    weights |= {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    some = dict(list(network.named_parameters())[:2])
    optimiser = torch.optim.SGD(some.values(), 0.1, momentum=0.9, weight_decay=1e-4)
    for parameter in some.values():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    return {
        "epoch": 100,
        "arch": arch,
        "state_dict": weights,
        "best_acc": torch.tensor([71.3]),
        "optimizer": optimiser.state_dict(),
    }


def saved(content: object, **options: Any) -> io.BytesIO:
    """A PyTorch file with ``content``."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return io.BytesIO(buffer.getvalue())


ARCHITECTURES = ["resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "mobilenet_v2"]
