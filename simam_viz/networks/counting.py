"""How large a network is: what it learned, and what it multiplies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .copies import copied


def count_parameters(model: nn.Module) -> int:
    """How many numbers the network learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, input_size: int) -> int:
    """Multiplications, each with its addition, in the convolutions and dense layers for one image of this size.

    Counted on shapes alone: nothing is computed. SimAM itself is left out, as its authors leave it out; it adds four a neuron.

    Raises:
        ValueError: the network cannot run at this size.
    """
    counted = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        counted += output.numel() * layer.weight[0].numel()

    def shape(tensor: Tensor) -> Tensor:
        return tensor.detach().to("meta")

    shapes = copied(model, lambda weight: nn.Parameter(shape(weight), requires_grad=False), shape, shape).eval()
    for layer in shapes.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    try:
        with torch.no_grad():
            shapes(torch.empty(1, 3, input_size, input_size, device="meta"))
    except RuntimeError:
        raise ValueError(f"This network cannot run on images of {input_size} × {input_size} pixels.") from None
    return counted
