"""Which part of the picture a neuron sees."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.resnet import ResNet

from ..wording import _
from .architectures import attended_convolution, residual_blocks
from .places import Attended, attending_modules, weighing_modules


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

    def through(self, layer: nn.Conv2d | nn.MaxPool2d) -> ReceptiveField:
        """The field of a square convolution or pooling that follows."""
        kernel, stride, padding, dilation = (
            int(value[0] if isinstance(value, tuple) else value)
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
    around = {module: name for name, outer in residual_blocks(model).items() for module in outer.modules()}
    there = (m for m, name in attending_modules(model).items() if block in (name, around.get(m)))
    end = next(there, None)
    if not isinstance(model, (ResNet, MobileNetV2)) or end is None:
        raise ValueError(_("The receptive field of {block} is not known in this network.", block=block))
    inserted = {m for attended in model.modules() if isinstance(attended, Attended) for m in attended.children()}
    if not isinstance(end, nn.Conv2d) and end not in inserted:  # one of our own blocks, which name SimAM last
        end = attended_convolution(model.get_submodule(around[end]))
    field = ReceptiveField(1, 1, 0)
    gates = tuple(f"{name}." for name in weighing_modules(model))  # what they convolve is for their weights
    for name, layer in model.named_modules():
        if name.startswith(gates):
            continue
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)) and ".downsample." not in f".{name}.":
            field = field.through(layer)
        if layer is end:
            return field
    raise AssertionError("SimAM stands behind a convolution")
