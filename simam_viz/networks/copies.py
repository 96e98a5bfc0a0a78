"""Copies of any network, so that hooks, λ and whole modules can be changed without anybody else noticing.

``copy.deepcopy`` copies all weights, and gives up on much that networks hold beside them: a lock, an open file, a tensor that
autograd made, a module that wants to be saved by other ways. Here, whoever asks says what becomes of each tensor, and:

- modules are copied, whether they are children or lie in a list, a dict or an object of one's own; whatever points at them
  (a bound method, a weak reference, a list with the parent in it) points at the copy;
- lists, dicts, sets, tuples and ordinary objects are copied, and with them what they hold;
- functions and classes are shared, and so is what cannot be copied at all.
"""

from __future__ import annotations

import copy
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from ..wording import _

_SHARED = frozenset((type(None), bool, int, float, complex, str, bytes, type, FunctionType, BuiltinFunctionType))
_BY_THEIR_ENTRIES = frozenset((dict, OrderedDict, defaultdict))
_CONTAINERS = _BY_THEIR_ENTRIES | {list, set, deque}
_OF_EVERY_MODULE = frozenset(name for name, value in vars(nn.Module()).items() if type(value) in _CONTAINERS)
"""Where PyTorch keeps a module's hooks, weights and parts: in containers that are the module's alone, most of them empty."""


def copied(
    module: nn.Module,
    parameter: Callable[[nn.Parameter], nn.Parameter],
    buffer: Callable[[nn.Module, Tensor], Tensor],
    plain: Callable[[Tensor], Tensor],
    kept: Callable[[nn.Module], bool] = lambda module: False,
) -> nn.Module:
    """A copy of a network's module tree, several times as fast as ``copy.deepcopy``.

    Args:
        module: any network.
        parameter: a parameter → what the copy has in its place.
        buffer: a module and one of its buffers → what the copy has in the buffer's place.
        plain: a tensor that is neither, but a plain attribute → what the copy has in its place. Buffers of modules that are
            no children (in a list, say) count as plain: nothing that is done to the tree reaches them.
        kept: whether the copy is to have this very module, and none of its own.

    Raises:
        ValueError: a module defines its own way to be copied, and that fails.
    """
    copier = _Copier(parameter, buffer, plain)
    modules = []
    for child in module.modules():
        if kept(child):
            copier.memo[id(child)] = child
            continue
        modules.append(child)
        if isinstance(child, torch.jit.ScriptModule):  # what it holds is found only by asking it
            continue
        for tensor in vars(child)["_buffers"].values():  # its own, without the time that ``buffers()`` takes
            if tensor is not None:
                copier.memo[id(tensor)] = buffer(child, tensor)
    return copier.tree(module, modules)


class _Copier:
    def __init__(
        self,
        parameter: Callable[[nn.Parameter], nn.Parameter],
        buffer: Callable[[nn.Module, Tensor], Tensor],
        plain: Callable[[Tensor], Tensor],
    ) -> None:
        self._parameter, self._buffer, self._plain = parameter, buffer, plain
        self.memo: dict[int, Any] = {}
        """What was copied, by the identity of the original."""
        # An identity means something only as long as its object lives.
        self._alive: list[object] = []

    def copy(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SHARED:
            return value
        if (known := self.memo.get(id(value))) is not None:
            return known
        if kind in _CONTAINERS:
            self.memo[id(value)] = made = value.copy()  # before its parts, which may hold it
            if value:
                self._refill(made, value, kind)
            return made
        if kind is tuple and _SHARED.issuperset(map(type, value)):
            return value
        # By its type and not by isinstance: a weak reference passes for what it points at.
        if issubclass(kind, nn.Module):
            return self.tree(value, list(value.modules()))
        self.memo[id(value)] = made = self._other(value, kind)
        return made

    def _refill(self, made: Any, value: Any, kind: type) -> None:
        made.clear()
        if kind in _BY_THEIR_ENTRIES:
            for name, part in value.items():
                made[name if type(name) is str else self.copy(name)] = self.copy(part)
        else:
            (made.update if kind is set else made.extend)(map(self.copy, value))

    def tree(self, module: nn.Module, modules: list[nn.Module]) -> nn.Module:
        """The copy of a module that was not copied yet; ``modules`` are all of it."""
        # All modules first, still empty: whatever is copied next may point at any of them.
        modules = [child for child in modules if id(child) not in self.memo and _by_its_parts(child)]
        for child in modules:
            self.memo[id(child)] = type(child).__new__(type(child))
        for child in modules:
            state = vars(child) if hasattr(type(child), "__deepcopy__") else child.__getstate__()
            state, slots = state if isinstance(state, tuple) else (state, {})
            self._alive.append((state, slots))
            made = self.memo[id(child)]
            # Most of it is numbers, and hooks that nobody has set: those are not worth a call each.
            made.__setstate__(
                {
                    name: part if (kind := type(part)) in _SHARED
                    else part.copy() if name in _OF_EVERY_MODULE and kind in _CONTAINERS and not part
                    else self.copy(part)
                    for name, part in state.items()
                }
            )  # fmt: skip
            for name, part in slots.items():
                setattr(made, name, self.copy(part))
        if id(module) not in self.memo:
            self.memo[id(module)] = self._in_its_own_way(module)
        whole: nn.Module = self.memo[id(module)]
        return whole

    def _scripted(self, module: nn.Module) -> nn.Module:
        """PyTorch copies TorchScript with all its tensors, whatever it is told; so they are exchanged afterwards."""
        with torch.no_grad():  # or else they would be results of the original's
            whole: nn.Module = copy.deepcopy(module)
        meant: list[Tensor] = [self._parameter(weight) for weight in module.parameters()]
        meant += [self._buffer(module, buffer) for buffer in module.buffers()]
        for made, tensor in zip((*whole.parameters(), *whole.buffers()), meant, strict=True):
            made.requires_grad_(tensor.requires_grad)
            made.data = tensor.data
        return whole

    def _in_its_own_way(self, module: nn.Module) -> nn.Module:
        try:
            if isinstance(module, torch.jit.ScriptModule):
                return self._scripted(module)
            for tensor in (*module.parameters(), *module.buffers()):
                self.copy(tensor)
            whole: nn.Module = self._by_deepcopy(module)
            return whole
        except Exception as error:
            raise ValueError(
                _(
                    "This network holds a {kind} that cannot be copied ({reason}); without a copy, looking into the network would "
                    "change it.",
                    kind=type(module).__name__,
                    reason=error,
                )
            ) from error

    def _other(self, value: Any, kind: type) -> Any:
        """The copy of what is neither a module nor a plain container."""
        if issubclass(kind, Tensor):  # a parameter of a class of its own is one by a mark, and not by its type
            is_parameter = issubclass(kind, nn.Parameter) or getattr(value, "_is_param", False)
            return self._parameter(value) if is_parameter else self._plain(value)
        if kind is tuple:
            return tuple(map(self.copy, value))
        if issubclass(kind, tuple) and hasattr(kind, "_make"):
            return kind._make(map(self.copy, value))
        if kind is MethodType:
            return MethodType(value.__func__, self.copy(value.__self__))
        if kind is weakref.ref:
            return weakref.ref(self.memo[id(value())]) if id(value()) in self.memo else value
        if kind in weakref.ProxyTypes:
            return self._proxy(value)
        if kind is SimpleNamespace or _is_ordinary(value, kind):
            self.memo[id(value)] = made = kind.__new__(kind)
            vars(made).update({name: self.copy(part) for name, part in vars(value).items()})
            return made
        try:
            return self._by_deepcopy(value)
        except Exception:  # a lock, an open file, a generator: whatever a class may raise that is not to be copied
            return value

    def _proxy(self, value: Any) -> Any:
        try:
            target = value.__init__.__self__
        except ReferenceError:  # what it pointed at is gone
            return value
        return weakref.proxy(self.memo[id(target)]) if id(target) in self.memo else value

    def _by_deepcopy(self, value: Any) -> Any:
        # Half a copy must not be taken for a whole one: what was begun counts only if it comes to its end.
        attempt = dict(self.memo)
        made = copy.deepcopy(value, attempt)
        self.memo |= attempt
        self._alive.append(attempt)
        return made


def _by_its_parts(module: nn.Module) -> bool:
    """Whether a module has no way of its own to be copied."""
    kind = type(module)
    if hasattr(kind, "__deepcopy__"):
        kind = type_before_parametrizations(module)  # parametrize gives every class one that changes nothing
    return not hasattr(kind, "__deepcopy__") and _has_no_protocol(kind)


def _is_ordinary(value: Any, kind: Any) -> bool:
    """Whether an object is what its attributes are, and no more."""
    return (
        hasattr(value, "__dict__")
        and not hasattr(kind, "__deepcopy__")
        and _has_no_protocol(kind)
        and kind.__new__ is object.__new__
        and kind.__getstate__ is object.__getstate__
        and not hasattr(kind, "__setstate__")
        and isinstance(object.__getstate__(value), dict)  # otherwise it has slots, too
    )


def _has_no_protocol(kind: Any) -> bool:
    return kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
