"""What a network does before its first SimAM, done once for any number of λ."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.resnet import ResNet

from .architectures import BLOCK_KINDS, BLOCKS


def _first_block(model: nn.Module) -> nn.Module | None:
    return next((module for module in model.modules() if isinstance(module, BLOCK_KINDS)), None)


@dataclass(frozen=True, eq=False)
class Stem:
    """What a network makes of an image before its first SimAM, where no λ reaches."""

    entering: Tensor
    """What enters the first residual block, (1, C, H, W)."""
    features: Tensor
    """What enters its SimAM, (1, C, H, W)."""


def stem(model: nn.Module, x: Tensor) -> Stem | None:
    """The stem of one of :func:`create_model`'s networks for an input (1, 3, S, S); ``None`` for any other network.

    Whoever calls it sees to evaluation mode and says whether gradients are wanted.
    """
    block = _first_block(model)
    # Whatever was inserted elsewhere, or derives from these networks, may do other things on the way.
    if type(model) not in (ResNet, MobileNetV2) or type(block) not in BLOCKS.values():
        return None
    if isinstance(model, MobileNetV2):
        before, (*expand, depthwise, _, _) = model.features[0], block.conv
        way = [*before, *(layer for part in expand for layer in part), depthwise[0]]
        entering, features = nn.Sequential(before), nn.Sequential(*expand, depthwise[0])
    else:
        before = [model.conv1, model.bn1, model.relu, model.maxpool]
        way = [*before, block.conv1, block.bn1, block.relu, block.conv2]
        entering, features = nn.Sequential(*before), nn.Sequential(block.conv1, block.bn1, block.relu, block.conv2)
    if not all(type(layer) in _PLAIN_LAYERS for layer in way) or not _runs_as_written(model):
        return None
    x = entering(x)
    return Stem(x, features(x))


_PLAIN_LAYERS = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.MaxPool2d)


def _runs_as_written(model: nn.Module) -> bool:
    """Whether every module runs where it stands and nowhere else, by the ``forward`` of its class, with no hook."""
    seen = set()
    for _, module in model.named_modules(remove_duplicate=False):
        if module in seen or "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
            return False
        seen.add(module)
    return True


@torch.inference_mode(False)
def begin_behind(model: nn.Module, stem: Stem, copies: int) -> None:
    """Let ``model``, a private copy, go on from its ``stem`` as a batch of ``copies``, whatever input it is given."""
    block = _first_block(model)
    entering, features = (_Given(tensor.expand(copies, -1, -1, -1)) for tensor in (stem.entering, stem.features))
    # Stands for what is not computed again; of its own, since the block's ReLU works in place.
    nothing = _Given(stem.features.new_empty(0))
    if isinstance(model, MobileNetV2):
        model.features[0] = entering
        *expand, depthwise, _, _ = block.conv
        for index, _ in enumerate(expand):
            block.conv[index] = nothing
        depthwise[0] = features
        return
    model.conv1, model.bn1, model.relu, model.maxpool = entering, nn.Identity(), nn.Identity(), nn.Identity()
    block.conv1, block.bn1, block.conv2 = nothing, nn.Identity(), features


class _Given(nn.Module):
    """The same output for every input."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        return self.output
