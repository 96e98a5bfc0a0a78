"""Private copies of networks that share their weights, and the means to tell which weights those are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from ..modules.weighing import Weighing
from .copies import copied

Kind = TypeVar("Kind", bound=nn.Module)


def shared_copy(model: nn.Module) -> nn.Module:
    """A copy of ``model``'s module tree, in evaluation mode, that shares the memory of its parameters and buffers.

    Hooks, λ and whole modules can be changed on the copy while others use the original. Its parameters ask for no
    gradient, so a backward pass through it reaches activations only. A tensor that is a plain attribute is copied: networks
    keep there what a pass may write, such as the grid of a detector's anchors.

    Raises:
        ValueError: a module defines its own way to be copied, and that fails.
    """
    return _evaluating(copied(model, _frozen, lambda _module, buffer: buffer, detached))


def private_copy(model: nn.Module, kept: Callable[[nn.Module], bool] = lambda module: False) -> nn.Module:
    """A :func:`shared_copy` to be run: it has buffers of its own wherever a pass might write into those of the original.

    Args:
        model: any network.
        kept: whether the copy is to have this very module, which is in evaluation mode, and none of its own.

    Raises:
        ValueError: as there.
    """
    made: dict[int, Tensor] = {}  # one that several modules have stays one

    def own(module: nn.Module, buffer: Tensor) -> Tensor:
        if isinstance(module, _NORMS):  # they write theirs in training mode alone
            return made.get(id(buffer), buffer)
        return made.setdefault(id(buffer), detached(buffer))

    return _evaluating(copied(model, _frozen, own, detached, kept))


def _frozen(weight: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=False)


def _evaluating(model: nn.Module) -> nn.Module:
    return model.eval() if any(module.training for module in model.modules()) else model


_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d
)  # fmt: skip


@torch.inference_mode(False)
def detached(tensor: Tensor) -> Tensor:
    """A copy that no graph of autograd holds on to."""
    return tensor.detach().clone()


def out_of_memory(error: RuntimeError) -> bool:
    """Whether there was not enough memory, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def weights_memory(model: nn.Module, leaving_out: Sequence[str] = ()) -> tuple[object, ...]:
    """Tells where the parameters and buffers of ``model`` lie.

    Equal for networks of the same layers that share them, whatever attention does in them. It outlives the network: memory that
    was given back and taken anew is another one.

    Args:
        leaving_out: names of modules of which nothing is to be told.
    """
    found: list[object] = []
    for name, module in model.named_modules(remove_duplicate=False):
        if not any(name == place or name.startswith(f"{place}.") for place in leaving_out):
            found.append((name, Weighing if isinstance(module, Weighing) else type(module)))
            found += [
                (key, _in_memory(tensor))
                for tensors in (module.named_parameters, module.named_buffers)
                for key, tensor in tensors(recurse=False, remove_duplicate=False)
            ]
    return tuple(found)


def _in_memory(tensor: Tensor) -> tuple[object, ...]:
    if tensor.layout != torch.strided:  # a sparse one has no memory of its own to point at
        return tensor.layout, tensor.shape
    return (
        StorageWeakRef(tensor.untyped_storage()),
        tensor.dtype,
        tensor.storage_offset(),
        tensor.shape,
        tensor.stride(),
    )


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over the names and values of all parameters and buffers: equal for equal weights, whatever file they came in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()


def bytes_of(tensor: Tensor) -> bytes:
    """Its numbers as they lie in memory in order, of any type and on any device."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def replace_modules(model: nn.Module, kind: type[Kind], make: Callable[[Kind], nn.Module]) -> None:
    """Replace every module of type ``kind`` inside ``model`` by ``make(module)``.

    One that stands in several places is replaced by the same one.
    """
    made: dict[nn.Module, nn.Module] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if name and isinstance(module, kind):
            if module not in made:
                made[module] = make(module)
            put_in_place(model, name, made[module])


def put_in_place(model: nn.Module, name: str, made: nn.Module) -> None:
    """Put a module in the place of the one called ``name``.

    It gets whatever plain attributes that one has beside its own: some networks ask their layers where their input comes from.
    Not its forward pass, where somebody gave that one another.
    """
    before, own = model.get_submodule(name), vars(made)
    if made is not before:
        own.update({key: value for key, value in vars(before).items() if key not in own and key != "forward"})
    model.set_submodule(name, made)
