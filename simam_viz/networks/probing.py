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

from .shared import private_copy


@dataclass(eq=False)
class Ran:
    """One time that a module ran in the pass."""

    name: str
    entered: Tensor | None
    """The one map that it was given; ``None`` where it was given anything else."""
    adds: bool = False
    """Whether it added up two maps of one shape that both came of what it was given."""


@dataclass
class Pass:
    """What one pass showed. Names are of modules of the network; the first dimension of a shape is the batch."""

    answer: Any = None
    """What the network returned."""
    keeps_shape: dict[str, torch.Size] = field(default_factory=dict)
    """Modules other than PyTorch's own layers that were given one map, and returned one of its shape, 0 wherever that one was."""
    multiplying: list[str] = field(default_factory=list)
    """Those of them whose output is made of what they were given by no more than multiplying, dividing and views of it."""
    weighing: list[str] = field(default_factory=list)
    """Modules that returned no map of that shape, but numbers by which what they were given was then multiplied outside of them."""
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
    copy = private_copy(model)
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


# PyTorch's operations, by what they do with the neurons of a map.
_ADD = frozenset(("aten.add", "aten.add_"))
_MULTIPLY = frozenset(("aten.mul", "aten.mul_", "aten.div", "aten.div_", "aten.addcmul", "aten.addcmul_", "aten.bmm"))
_JOIN = _ADD | {"aten.sub", "aten.sub_", "aten.cat", "aten.stack", "aten.sum", "aten.maximum", "aten.minimum"}
_KEEP = frozenset(
    ("aten.clone", "aten._to_copy", "aten._unsafe_view", "aten.neg", "aten.detach", "aten.native_dropout")
)
_CHANNELS_FIRST = frozenset(
    ("aten.permute", "aten.transpose", "aten.convolution", "aten.native_batch_norm", "aten.bmm")
)
"""After these, nobody can say that channels are last."""


class _Watch(TorchDispatchMode):
    """Hooks on all modules of a private copy, and an eye on every sum and product."""

    def __init__(self, model: nn.Module, dims: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's own has no types
        self.seen = Pass()
        self._dims = dims
        self._running: list[Ran] = []
        # Of every tensor, what ran when that which it came of was given to it.
        self._came_of: Any = WeakTensorKeyDictionary()
        # What ran when a tensor was given to it of which this one is a view, or a product; and whether it is a product.
        self._product_of: Any = WeakTensorKeyDictionary()
        # What ran and gave a tensor of which this one is a view.
        self._given_by: Any = WeakTensorKeyDictionary()
        # Tensors (N, H, W, C), as layer norm and dense layers take them.
        self._channels_last: Any = WeakTensorKeyDictionary()
        self._hooks = contextlib.ExitStack()
        for name, module in model.named_modules():
            if name and not isinstance(module, torch.jit.ScriptModule):  # those take no hooks
                self._watch(module, name)

    def __enter__(self) -> _Watch:
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *details: Any) -> None:
        self._hooks.close()
        for known in (self._came_of, self._product_of, self._given_by, self._channels_last):
            known.clear()
        super().__exit__(*details)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = list(_tensors((args, kwargs)))
        came_of: frozenset[Ran] = frozenset().union(*(self._came_of.get(t, ()) for t in given))
        operation = str(func.overloadpacket)
        if operation in _ADD:
            self._look_at_sum(args)
        products = self._products(operation, func.is_view, given)
        given_by = self._given_by.get(given[0]) if given and (func.is_view or operation in _KEEP) else None
        last = [t.shape for t in given if t in self._channels_last] if operation not in _CHANNELS_FIRST else []
        output = func(*args, **(kwargs or {}))
        for tensor in _tensors(output):
            # What is computed in place is the same tensor, and what was known of it no longer holds.
            for known, value in ((self._came_of, came_of), (self._product_of, products), (self._given_by, given_by)):
                if value:
                    known[tensor] = value
                else:
                    known.pop(tensor, None)
            if tensor.shape in last:
                self._channels_last[tensor] = True
        return output

    def _products(self, operation: Any, view: bool, given: list[Tensor]) -> dict[Ran, bool]:
        known: list[dict[Ran, bool]] = [self._product_of.get(t, {}) for t in given]
        if view or operation in _KEEP:
            return known[0] if known else {}
        if operation in _MULTIPLY and len(given) > 1:
            self._look_at_product(given)
            return {ran: True for one in known for ran in one}
        if operation in _JOIN and known:
            return {ran: any(one[ran] for one in known) for ran in known[0] if all(ran in one for one in known)}
        return {}

    def _look_at_product(self, given: list[Tensor]) -> None:
        for one, other in ((given[0], given[1]), (given[1], given[0])):
            ran = self._given_by.get(one)
            if ran is not None and self._product_of.get(other, {}).get(ran) is False:
                self.seen.weighing += [ran.name] * (ran.name not in self.seen.weighing)

    def _look_at_sum(self, args: tuple[Any, ...]) -> None:
        summands = [part for part in args[:2] if isinstance(part, Tensor)]
        if not self._running or len(summands) != 2 or summands[0].dim() != self._dims:
            return
        here = self._running[-1]
        if summands[0].shape == summands[1].shape and all(here in self._came_of.get(part, ()) for part in summands):
            here.adds = True

    def _watch(self, module: nn.Module, name: str) -> None:
        everybodys = type(module).__module__.startswith("torch.nn.") and not isinstance(module, nn.Sequential)
        innermost = not any(True for _child in module.children())

        def enter(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            given = [value for value in (*args, *named.values()) if value is not None]
            one = given[0] if len(given) == 1 and isinstance(given[0], Tensor) else None
            if isinstance(module, nn.LayerNorm | nn.MultiheadAttention) and given and isinstance(given[0], Tensor):
                self._look_at_tokens(module, given[0])
            ran = Ran(name, one if one is not None and one.dim() == self._dims else None)
            self._running.append(ran)
            if ran.entered is not None:
                self._came_of[ran.entered] = frozenset({ran}).union(self._came_of.get(ran.entered, ()))
                self._product_of[ran.entered] = {**self._product_of.get(ran.entered, {}), ran: False}

        def leave(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            ran = self._running.pop()
            if not isinstance(output, Tensor):
                return
            if isinstance(module, nn.Linear) and output.dim() == self._dims:
                self._channels_last[output] = True
            if output.dim() != self._dims or output in self._channels_last:
                return
            self.seen.maps[name] = output.shape
            if innermost:
                self.seen.leaves.pop(name, None)  # the last time counts
                self.seen.leaves[name] = output.shape
            if ran.entered is None or ran.entered in self._channels_last:
                return
            if ran.adds and not innermost and name not in self.seen.adding:
                self.seen.adding.append(name)
            if everybodys:
                return  # a layer that everybody knows
            self._given_by[output] = ran
            x, y = ran.entered.detach(), output.detach()
            if x.shape == y.shape and x.shape[1] > 0 and not bool(((x == 0) & (y != 0)).any()):
                self.seen.keeps_shape[name] = output.shape
                if self._product_of.get(output, {}).get(ran) and name not in self.seen.multiplying:
                    self.seen.multiplying.append(name)

        self._hooks.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
        self._hooks.callback(module.register_forward_hook(leave, with_kwargs=True).remove)

    def _look_at_tokens(self, module: nn.LayerNorm | nn.MultiheadAttention, x: Tensor) -> None:
        if x.dim() != self._dims or isinstance(module, nn.MultiheadAttention):
            self.seen.tokens = True
        elif len(module.normalized_shape) == 1:
            self.seen.tokens = True
            self._channels_last[x] = True


def _tensors(values: Any) -> Iterator[Tensor]:
    return (value for value in tree_iter(values) if isinstance(value, Tensor))
