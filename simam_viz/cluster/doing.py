"""Where work is done: :class:`Doing` is what whoever has work asks, :data:`HERE` does it in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class GaveUpError(OSError):
    """One piece of work ended every worker that tried it."""


class Doing(Protocol):
    """Does pure functions: what they return depends on their arguments alone, and they change nothing."""

    @property
    def ahead(self) -> int:
        """So many pieces of work may be asked for before the first is needed; 0 where they are done when they are needed."""
        ...

    def later(self, function: Callable[..., T], *args: Any, **named: Any) -> Callable[[], T]:
        """Begin ``function(*args, **named)``; what is returned gives its result, or raises what it raised, when called."""
        ...

    def do(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """``function(*args, **named)``."""
        ...


class Here:
    """In this process, one after the other, when the result is asked for."""

    ahead = 0

    def later(self, function: Callable[..., T], *args: Any, **named: Any) -> Callable[[], T]:
        """As :meth:`Doing.later` has it."""
        return lambda: function(*args, **named)

    def do(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """As :meth:`Doing.do` has it."""
        return function(*args, **named)


HERE = Here()


def in_order(begun: Iterable[Callable[[], T]], ahead: int) -> Iterator[T]:
    """The results of what :meth:`Doing.later` began, in its order, with ``ahead`` of them under way beyond the next one."""
    waiting: deque[Callable[[], T]] = deque()
    for one in begun:
        waiting.append(one)
        if len(waiting) > ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()
