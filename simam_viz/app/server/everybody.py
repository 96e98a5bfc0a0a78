"""What is the same for everybody, and computed once: analyses of samples through networks that come with the app.

Nothing that comes from an upload is ever in here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic

from ...explain.blocks import Analysis
from .kept import Kept, T

_LOOK_SECONDS = 0.3
"""How often somebody who waits for another's result is noticed to have gone."""
_RESULTS, _BYTES = 200, 192 * 2**20


@dataclass
class _Making:
    """Results that somebody is making now, and how many want them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0


class Everybodys(Generic[T]):
    """Results for all sessions of a server: the ones used last, as :class:`~simam_viz.app.server.kept.Kept` keeps them."""

    def __init__(self, entries: int, nbytes: int) -> None:
        self._kept: Kept[T] = Kept(entries, nbytes)
        self._lock = threading.Lock()
        self._making: dict[Hashable, _Making] = {}

    def get(self, key: Hashable) -> T | None:
        """The result under ``key``, which counts as used."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, result: T) -> None:
        """Give everybody a result."""
        with self._lock:
            self._kept.put(key, result)

    @contextlib.contextmanager
    def making(self, keys: Sequence[Hashable], look: Callable[[], object]) -> Iterator[None]:
        """Whoever makes these results now is alone with it: others come in when they are made, and find them.

        ``look`` is called again and again by those who wait; what it raises ends the waiting and leaves nothing behind.
        """
        name = tuple(keys)
        with self._lock:
            making = self._making.setdefault(name, _Making())
            making.wanted += 1
        try:
            while not making.lock.acquire(timeout=_LOOK_SECONDS):
                look()
            try:
                yield
            finally:
                making.lock.release()
        finally:
            with self._lock:
                making.wanted -= 1
                if not making.wanted:
                    del self._making[name]


ANALYSES: Everybodys[Analysis] = Everybodys(_RESULTS, _BYTES)
