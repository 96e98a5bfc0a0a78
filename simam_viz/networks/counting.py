"""How large a network is: what it learned, and what it multiplies."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ..wording import _
from .copies import copied


def count_parameters(model: nn.Module) -> int:
    """How many numbers the network learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, input_size: int | tuple[int, ...]) -> int:
    """Multiplications, each with its addition, in the convolutions and dense layers for one image of this size.

    ``input_size`` is the side of a square photo, or all of an input's dimensions but the first, (C, …).

    Counted on shapes alone: nothing is computed. SimAM itself is left out, as its authors leave it out; it adds four a neuron.

    Raises:
        ValueError: the network cannot run at this size.
    """

    def shape(tensor: Tensor) -> Tensor:
        return tensor.detach().to("meta")

    shapes = copied(
        model,
        lambda weight: nn.Parameter(shape(weight), requires_grad=False),
        lambda _module, buffer: shape(buffer),
        shape,
    ).eval()
    sides = (3, input_size, input_size) if isinstance(input_size, int) else input_size
    counting = _Counting()  # type: ignore[no-untyped-call]  # PyTorch's own __init__ has no types
    try:
        # In inference mode, layers would not be taken apart into what is counted.
        with torch.inference_mode(False), torch.no_grad(), counting:
            shapes(torch.empty(1, *sides, device="meta"))
    except (RuntimeError, NotImplementedError):  # the second: an operation that is not known for shapes alone
        told = " × ".join(map(str, sides[1:]))
        raise ValueError(_("This network cannot run on images of {shape} pixels.", shape=told)) from None
    return counting.operations // 2


class _Counting(TorchDispatchMode):
    """Counts the multiplications and additions of this thread by PyTorch's own formulas.

    PyTorch's FlopCounterMode would put hooks on the modules of all threads, and so into other people's passes.
    """

    operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        output = func(*args, **named)
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.operations += formula(*args, **named, out_val=output)
        return output
