"""What a session keeps of its last results, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from . import forgetting


class Sized(Protocol):
    """Knows how much memory it takes now."""

    @property
    def nbytes(self) -> int:
        """Bytes."""


T = TypeVar("T", bound=Sized)
Result = TypeVar("Result")


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


def once(name: str, key: Hashable, make: Callable[[], Result], entries: int = 4) -> Result:
    """A small result that the session keeps under ``key`` in the list ``name``, made where it is not there.

    Unlike in a function that Streamlit caches, ``make`` may draw: what it draws is not drawn again with the result.
    """
    results: dict[Hashable, Any] = st.session_state.setdefault(f"kept-{name}", {})
    forgetting.keeps(f"kept-{name}", results)
    if key not in results:
        results[key] = make()
        for oldest in list(results)[:-entries]:
            del results[oldest]
    found: Result = results[key]
    return found
