"""Analyses take turns: so many at once, first come first served, and whoever waits sees how many are ahead."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from ...wording import counted

_LOOK_SECONDS = 0.3
_LOOK_SECONDS_EACH = 0.03
"""How often someone who waits is told their place, and noticed to have gone: at least the first, and the second for each who
waits. What tells them takes the time of those who compute."""
_REMEMBERED = 20
_FAREWELL_SECONDS = 10.0
_WORTH_SAYING = 2.0
"""Seconds from which on it is said how long it will take."""


class Turns:
    """At most ``at_once`` turns at the same time, in the order in which they were asked for."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._changed = threading.Condition()
        self._waiting: deque[threading.Event] = deque()
        """Each is set when it may be that person's turn."""
        self._running = 0
        self._beside = 0
        self._closed = False
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        """Seconds, of the last turns."""

    @property
    def taken(self) -> int:
        """Turns being used now."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    def seconds(self, ahead: int) -> float:
        """How long it will take until so many that are ahead have had their turns, by the last ones; 0 before the first."""
        took = list(self._took)
        return ahead * sum(took) / len(took) / self.at_once if took else 0.0

    def allow(self, at_once: int) -> None:
        """From now on, so many at the same time."""
        with self._changed:
            self.at_once = at_once
            self._call()

    @contextlib.contextmanager
    def after_waiting(self, tell: Callable[[int], None]) -> Iterator[None]:
        """A turn as soon as one is free. ``tell`` hears again and again how many are ahead.

        What ``tell`` raises ends the waiting and leaves nothing behind.
        """
        called = threading.Event()
        with self._changed:
            self._waiting.append(called)
        try:
            while True:
                with self._changed:
                    called.clear()
                    if self._waiting[0] is called and self._running < self.at_once:
                        self._running += 1
                        break
                    ahead = self._running + self._waiting.index(called)
                    pause = max(_LOOK_SECONDS, _LOOK_SECONDS_EACH * len(self._waiting))
                tell(ahead)  # not under the lock: it goes to a browser
                called.wait(pause)
        finally:
            with self._changed:
                self._waiting.remove(called)
                self._call()
        begun = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._took.append(time.monotonic() - begun)
                self._running -= 1
                self._call()

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Work of a moment that nobody waits for: begun when nobody waits for a turn and one is free, and taking none itself.

        So whoever comes meanwhile gets their turn at once.

        Raises:
            SystemExit: Python is about to end, so nothing more is begun: the thread ends.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (not self._waiting and self._running + self._beside < self.at_once)
            )
            if self._closed:
                raise SystemExit
            self._beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._beside -= 1
                self._call()

    def close(self) -> None:
        """Begin nothing more beside, and wait for what is going on: a thread that Python's end tears out of PyTorch aborts it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._beside, _FAREWELL_SECONDS)

    def _call(self) -> None:
        """Wake whom a change concerns, under the lock: the first who waits, not all of them, and what goes on beside."""
        if self._waiting and self._running < self.at_once:
            self._waiting[0].set()
        self._changed.notify_all()


def _at_once() -> int:
    """As many as keep all cores busy, each with the threads that one pass uses; an environment variable may say otherwise."""
    asked = os.environ.get("SIMAM_VIZ_ANALYSES_AT_ONCE", "")
    cores = os.cpu_count() or 1
    return max(1, int(asked) if asked.isdecimal() else cores // max(1, min(torch.get_num_threads(), cores) // 2))


TURNS = Turns(_at_once())
atexit.register(TURNS.close)


@contextlib.contextmanager
def turn(place: DeltaGenerator | None = None) -> Iterator[None]:
    """A turn for whatever is done within, as soon as one is free. Until then, ``place`` or a line here says how many are ahead."""
    told = None

    def tell(ahead: int) -> None:
        nonlocal told
        told = told or place or st.empty()
        seconds = TURNS.seconds(ahead)
        told.info(
            counted(
                "1 person is ahead of you. Your turn comes by itself.",
                "{count} people are ahead of you. Your turn comes by itself.",
                ahead,
            )
            if seconds < _WORTH_SAYING
            else counted(
                "1 person is ahead of you. Your turn comes by itself, in about {seconds:.0f} seconds.",
                "{count} people are ahead of you. Your turn comes by itself, in about {seconds:.0f} seconds.",
                ahead,
                seconds=seconds,
            ),
            icon=":material/hourglass_top:",
        )

    with TURNS.after_waiting(tell):
        if told is not None:
            told.empty()
        yield


@contextlib.contextmanager
def turn_unseen() -> Iterator[None]:
    """The same where nothing can be said, since no page is being drawn."""
    with TURNS.after_waiting(lambda ahead: None):
        yield
