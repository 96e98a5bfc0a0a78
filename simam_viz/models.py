"""ResNets with and without SimAM: torchvision's own blocks, with torchvision's parameter names.

SimAM has no parameters, so the network with it and the plain network load the same ``state_dict``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from .formulas import check_e_lambda
from .simam import SimAM

Attention = Literal["simam", "none"]

# Block kind, blocks a stage, and what ResNet takes besides.
_ARCHITECTURES: dict[str, tuple[str, tuple[int, int, int, int], dict[str, Any]]] = {
    "resnet18": ("basic", (2, 2, 2, 2), {}),
    "resnet34": ("basic", (3, 4, 6, 3), {}),
    "resnet50": ("bottleneck", (3, 4, 6, 3), {}),
    "resnet101": ("bottleneck", (3, 4, 23, 3), {}),
    "resnet152": ("bottleneck", (3, 8, 36, 3), {}),
    "resnext50_32x4d": ("bottleneck", (3, 4, 6, 3), {"groups": 32, "width_per_group": 4}),
}

ARCHITECTURES = tuple(_ARCHITECTURES)


class SimAMBasicBlock(BasicBlock):
    """torchvision's BasicBlock with SimAM between its second convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.simam(self.conv2(out)))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class SimAMBottleneck(Bottleneck):
    """torchvision's Bottleneck with SimAM between its second convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.simam(self.conv2(out))))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


_BLOCKS = {
    ("basic", "none"): BasicBlock,
    ("basic", "simam"): SimAMBasicBlock,
    ("bottleneck", "none"): Bottleneck,
    ("bottleneck", "simam"): SimAMBottleneck,
}


def create_model(arch: str, attention: Attention = "simam", num_classes: int = 1000, e_lambda: float = 0.1) -> ResNet:
    """A freshly initialised network for images (N, 3, H, W) → logits (N, ``num_classes``), in training mode.

    Args:
        arch: one of :data:`ARCHITECTURES`.
        attention: ``"simam"`` puts SimAM after the second convolution of every block; ``"none"`` is the plain network.
        num_classes: how many classes the last layer tells apart.
        e_lambda: λ of every SimAM module; not used by the plain network.

    Raises:
        ValueError: an architecture, attention or λ that does not exist.
    """
    if arch not in _ARCHITECTURES:
        raise ValueError(f"There is no architecture {arch!r}; choose one of {', '.join(ARCHITECTURES)}.")
    if attention not in get_args(Attention):
        raise ValueError(f'attention must be "simam" or "none", not {attention!r}.')
    kind, layers, options = _ARCHITECTURES[arch]
    model = ResNet(_BLOCKS[kind, attention], list(layers), num_classes=num_classes, **options)
    set_e_lambda(model, e_lambda)
    return model


def set_e_lambda(model: nn.Module, e_lambda: float) -> None:
    """Give every SimAM module of ``model`` this λ; ``ValueError`` unless it is above 0."""
    e_lambda = check_e_lambda(e_lambda)
    for module in model.modules():
        if isinstance(module, SimAM):
            module.e_lambda = e_lambda


def residual_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Every residual block of ``model`` by its name (``"layer1.0"``), in network order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, (BasicBlock, Bottleneck))}


@dataclass(frozen=True)
class ReceptiveField:
    """Which input pixels the neurons of a layer see, on one axis: neuron i sees ``start + i · stride`` and ``size`` on.

    ``start`` is negative where the field reaches into the padding.
    """

    size: int
    stride: int
    start: int

    def of(self, index: int) -> tuple[int, int]:
        """First and last-plus-one pixel that neuron ``index`` sees; may lie outside the picture."""
        first = self.start + index * self.stride
        return first, first + self.size

    def through(self, layer: nn.Module) -> ReceptiveField:
        """The field of a square convolution or pooling that follows."""
        kernel, stride, padding, dilation = (
            value if isinstance(value, int) else value[0]
            for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        )
        return ReceptiveField(
            self.size + (kernel - 1) * dilation * self.stride, self.stride * stride, self.start - padding * self.stride
        )


def receptive_field(model: nn.Module, block: str) -> ReceptiveField:
    """The receptive field of the neurons that enter SimAM in ``block``, through convolutions and pooling alone.

    SimAM itself compares a neuron with its whole channel: through the weights of earlier blocks, every neuron depends a
    little on the whole picture.

    Raises:
        ValueError: the network is not one of :func:`create_model`'s, or has no such block.
    """
    blocks = residual_blocks(model)
    if not isinstance(model, ResNet) or block not in blocks:
        raise ValueError(f"The receptive field of {block} is not known in this network.")
    field = ReceptiveField(1, 1, 0).through(model.conv1).through(model.maxpool)
    for name, module in blocks.items():
        convolutions = [module.conv1, module.conv2, *([module.conv3] if isinstance(module, Bottleneck) else [])]
        for convolution in convolutions[: 2 if name == block else None]:
            field = field.through(convolution)
        if name == block:
            break
    return field


def shared_copy(model: nn.Module) -> nn.Module:
    """A copy of ``model``'s module tree, in evaluation mode, that shares the memory of its parameters and buffers.

    Hooks, λ and whole modules can be changed on the copy while others use the original. Its parameters ask for no
    gradient, so a backward pass through it reaches activations only.
    """
    shared: dict[int, Any] = {id(buffer): buffer for buffer in model.buffers()}
    shared |= {id(weight): nn.Parameter(weight.detach(), requires_grad=False) for weight in model.parameters()}
    return copy.deepcopy(model, shared).eval()


def replace_modules(model: nn.Module, kind: type[nn.Module], make: Callable[[nn.Module], nn.Module]) -> None:
    """Replace every module of type ``kind`` inside ``model`` by ``make(module)``."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                setattr(parent, name, make(child))
