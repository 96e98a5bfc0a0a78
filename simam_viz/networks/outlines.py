"""Networks as outlines: modules and shapes, without the memory and the time that their first weights would take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FILLING = frozenset((Tensor.normal_, Tensor.uniform_, Tensor.erfinv_))


@contextmanager
def outlined() -> Iterator[None]:
    """What is made within lies on the device ``meta``, and is filled with nothing."""
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """PyTorch does random numbers on ``meta`` in Python, for which it imports its compiler: more than a second."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _FILLING and args[0].is_meta:
            return args[0]
        return func(*args, **kwargs or {})
