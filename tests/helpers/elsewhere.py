"""A device that no machine has: it computes as the processor does, and notices every tensor that was left behind.

To PyTorch it is “meta”, whose tensors have no numbers; here they have, and every operation on one of them together with a tensor
in the processor's memory is an error, as on a graphics card. Single numbers may be anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map

DEVICE = torch.device("meta")


class LeftBehind(AssertionError):
    """Tensors on both devices met."""


class Elsewhere(Tensor):
    """A tensor on the device; ``here`` has its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls: type[Elsewhere], here: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(
            cls, here.shape, here.stride(), here.storage_offset(), dtype=here.dtype, device=DEVICE
        )
        made.here = here.detach()
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Elsewhere({self.here!r})"

    def tolist(self) -> Any:
        return self.here.tolist()  # PyTorch's own takes no subclass

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [t for t in tree_iter((args, kwargs)) if isinstance(t, Tensor)]
    there = [t for t in tensors if isinstance(t, Elsewhere)]
    asked = kwargs.get("device")
    moves = func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_)
    if there and not moves and any(t.dim() for t in tensors if not isinstance(t, Elsewhere)):
        raise LeftBehind(f"{func}: {[(type(t).__name__, tuple(t.shape)) for t in tensors]}")
    if asked is not None and torch.device(asked) == DEVICE:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    stays = bool(there) if asked is None else torch.device(asked) == DEVICE
    if func.overloadpacket is torch.ops.aten.copy_:
        stays = isinstance(args[0], Elsewhere)
    plain = tree_map(lambda t: t.here if isinstance(t, Elsewhere) else t, (args, kwargs))
    found = func(*plain[0], **plain[1])
    if not stays:
        return found
    wrapped = tree_map(lambda t: Elsewhere(t) if isinstance(t, Tensor) else t, found)
    return return_and_correct_aliasing(func, args, kwargs, wrapped) if there else wrapped


class _Moves(TorchDispatchMode):
    """What is made on the device, or moved there, is a tensor of ours."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        asked = kwargs.get("device")
        if any(isinstance(t, Elsewhere) for t in tree_iter((args, kwargs))) or (
            asked is not None and torch.device(asked) == DEVICE
        ):
            return _compute(func, args, kwargs)
        return func(*args, **kwargs)


def moved(model: nn.Module) -> nn.Module:
    """The network with its weights and buffers there, in place."""
    for module in model.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                module._parameters[name] = nn.Parameter(Elsewhere(weight.detach()), requires_grad=False)
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = Elsewhere(buffer)
    return model


@contextmanager
def device() -> Iterator[Callable[[nn.Module], nn.Module]]:
    """The device exists; gives what moves a network there."""
    with _Moves():
        yield moved
