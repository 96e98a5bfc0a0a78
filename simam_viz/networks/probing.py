"""One pass through a network that nobody here has seen: what runs in it, on maps of which shape, and what adds its input."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakTensorKeyDictionary

from .shared import own_buffers, shared_copy


@dataclass(eq=False)
class Ran:
    """One time that a module ran in the pass."""

    name: str
    entered: Tensor | None
    """The one map that it was given; ``None`` where it was given anything else."""
    adds: bool = False
    """Whether it added up two maps of one shape that both came of what it was given."""
    channels_last: bool = False
    """Whether a layer norm took the last dimension of what it was given for its channels."""


@dataclass
class Pass:
    """What one pass showed. Names are of modules of the network; the first dimension of a shape is the batch."""

    answer: Any = None
    """What the network returned."""
    keeps_shape: dict[str, torch.Size] = field(default_factory=dict)
    """Modules other than PyTorch's own layers that were given one map, and returned one of its shape, 0 wherever that one was."""
    adding: list[str] = field(default_factory=list)
    """Modules that returned one map and added to it what they were given, or what came of that another way."""
    leaves: dict[str, torch.Size] = field(default_factory=dict)
    """Modules without modules of their own that returned one map, in the order in which they ran, and its shape."""
    maps: dict[str, torch.Size] = field(default_factory=dict)
    """All modules that returned one map, and its shape."""
    tokens: bool = False
    """Whether there were features in the order (N, L, C), or (N, H, W, C), as transformers have them."""


def probe(model: nn.Module, *inputs: Any, dims: int = 4) -> Pass:
    """Run a network once, with gradients, and watch.

    Args:
        model: any network; it is not changed.
        inputs: what it takes, on its device.
        dims: of its maps: 4 for (N, C, H, W).

    Raises:
        Whatever the network raises.
    """
    copy = shared_copy(model)
    own_buffers(copy)
    with (
        torch.random.fork_rng(devices=[]),
        torch.inference_mode(False),
        torch.enable_grad(),
        _Watch(copy, dims) as watch,
    ):
        # Not a leaf of the graph: a network may overwrite what it is given.
        watched = [x.detach().clone().requires_grad_().clone() if isinstance(x, Tensor) else x for x in inputs]
        watch.seen.answer = copy(*watched)
    return watch.seen


class _Watch(TorchDispatchMode):
    """Hooks on all modules of a private copy, and an eye on every addition."""

    def __init__(self, model: nn.Module, dims: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's own has no types
        self.seen = Pass()
        self._dims = dims
        self._running: list[Ran] = []
        # Of every tensor, what ran when that which it came of was given to it.
        self._came_of: Any = WeakTensorKeyDictionary()
        self._hooks = contextlib.ExitStack()
        for name, module in model.named_modules():
            if name:
                self._watch(module, name)

    def __enter__(self) -> _Watch:
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *details: Any) -> None:
        self._hooks.close()
        self._came_of.clear()
        super().__exit__(*details)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        came_of: frozenset[Ran] = frozenset().union(*(self._came_of.get(t, ()) for t in _tensors((args, kwargs))))
        if func.overloadpacket in (torch.ops.aten.add, torch.ops.aten.add_):
            self._look_at_sum(args)
        output = func(*args, **(kwargs or {}))
        if came_of:
            for tensor in _tensors(output):
                self._came_of[tensor] = came_of
        return output

    def _look_at_sum(self, args: tuple[Any, ...]) -> None:
        summands = [part for part in args[:2] if isinstance(part, Tensor)]
        if not self._running or len(summands) != 2 or summands[0].dim() != self._dims:
            return
        here = self._running[-1]
        if summands[0].shape == summands[1].shape and all(here in self._came_of.get(part, ()) for part in summands):
            here.adds = True

    def _watch(self, module: nn.Module, name: str) -> None:
        def enter(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            given = [value for value in (*args, *named.values()) if value is not None]
            one = given[0] if len(given) == 1 and isinstance(given[0], Tensor) else None
            if isinstance(module, nn.LayerNorm | nn.MultiheadAttention) and given and isinstance(given[0], Tensor):
                self._tokens(module, given[0])
            ran = Ran(name, one if one is not None and one.dim() == self._dims else None)
            self._running.append(ran)
            if ran.entered is not None:
                self._came_of[ran.entered] = frozenset({ran}).union(self._came_of.get(ran.entered, ()))

        def leave(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            ran = self._running.pop()
            if not isinstance(output, Tensor) or output.dim() != self._dims or ran.channels_last:
                return
            self.seen.maps[name] = output.shape
            if not any(True for _child in module.children()):
                self.seen.leaves.pop(name, None)  # the last time counts
                self.seen.leaves[name] = output.shape
            if ran.entered is None:
                return
            if ran.adds and name not in self.seen.adding:
                self.seen.adding.append(name)
            if type(module).__module__.startswith("torch.nn.") and not isinstance(module, nn.Sequential):
                return  # a layer that everybody knows
            x, y = ran.entered.detach(), output.detach()
            if x.shape == y.shape and x.shape[1] > 0 and not bool(((x == 0) & (y != 0)).any()):
                self.seen.keeps_shape[name] = output.shape

        self._hooks.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
        self._hooks.callback(module.register_forward_hook(leave, with_kwargs=True).remove)

    def _tokens(self, module: nn.LayerNorm | nn.MultiheadAttention, x: Tensor) -> None:
        if x.dim() != self._dims:
            self.seen.tokens = True
        elif isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
            for ran in self._running:
                if ran.entered is x:
                    ran.channels_last = self.seen.tokens = True


def _tensors(values: Any) -> Iterator[Tensor]:
    return (value for value in tree_iter(values) if isinstance(value, Tensor))
