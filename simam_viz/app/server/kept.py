"""What a session keeps of its last results, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Knows how much memory it takes now."""

    @property
    def nbytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


class Kept(Generic[T]):
    """The results used last: at most ``entries`` of them, and at most ``nbytes`` bytes, but always the newest.

    Streamlit's caches count entries only, and one analysis may take a hundred times another's memory.
    """

    def __init__(self, entries: int, nbytes: int) -> None:
        self.entries, self.nbytes = entries, nbytes
        self._results: dict[Hashable, T] = {}

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Hashable) -> T | None:
        """The result kept under ``key``, which counts as used."""
        if (result := self._results.pop(key, None)) is not None:
            self._results[key] = result
        return result

    def put(self, key: Hashable, result: T) -> None:
        """Keep ``result``, and let go of those that were not used for longest and are too many or too big."""
        self._results.pop(key, None)
        self._results[key] = result
        # Measured now: a result grows as more of it is read.
        while len(self) > self.entries or (len(self) > 1 and self._total() > self.nbytes):
            del self._results[next(iter(self._results))]

    def clear(self) -> None:
        """Let go of all."""
        self._results.clear()

    def _total(self) -> int:
        return sum(result.nbytes for result in self._results.values())
