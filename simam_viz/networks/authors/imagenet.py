"""The SimAM authors' networks for ImageNet: torchvision's, with attention in a Sequential and, of ResNet-50-D, another stem."""

from __future__ import annotations

from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from ..architectures import ARCHITECTURES, create_model
from .attending import Attending

NETWORKS = (*ARCHITECTURES, "resnet50d")
"""By their authors' names."""


def make(name: str, attending: Attending, classes: int) -> nn.Module:
    """One of :data:`NETWORKS`, for images (N, 3, H, W) → logits (N, classes)."""
    model = create_model("resnet50" if name == "resnet50d" else name, "none", classes)
    if name == "resnet50d":
        _deepen(model)
    for block in model.modules():
        if isinstance(block, Bottleneck):
            block.conv2 = attending.simam_behind(block.conv2)
            block.bn3 = attending.gate_behind(block.bn3, block.bn3.num_features)
        elif isinstance(block, BasicBlock):
            block.conv2 = attending.simam_behind(block.conv2)
            block.bn2 = attending.gate_behind(block.bn2, block.bn2.num_features)
        elif isinstance(block, InvertedResidual):
            _attend(block, attending)
    if name == "mobilenet_v2":
        model.classifier = nn.Sequential(model.classifier[1])  # theirs has no dropout, so another number
    made: nn.Module = model
    return made


def _attend(block: InvertedResidual, attending: Attending) -> None:
    """Attention into an inverted residual, without a Sequential of its own: what follows moves by one."""
    *before, depthwise, projection, norm = block.conv
    if attending.kind == "simam":
        convolution, *rest = depthwise
        depthwise = nn.Sequential(*attending.simam_behind(convolution).children(), *rest)
    gate = attending.gate(norm.num_features)
    block.conv = nn.Sequential(*before, depthwise, projection, norm, *([] if gate is None else [gate]))


def _deepen(model: ResNet) -> None:
    """ResNet-D: three 3 × 3 convolutions for the first of 7 × 7, and a mean where a shortcut would leave positions out."""
    model.conv1 = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
        nn.Conv2d(32, 64, 3, 1, 1, bias=False),
    )
    for stage in (model.layer2, model.layer3, model.layer4):
        convolution, norm = stage[0].downsample
        convolution.stride = (1, 1)
        mean = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
        stage[0].downsample = nn.Sequential(mean, convolution, norm)
