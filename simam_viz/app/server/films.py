"""Films of λ, made in the background: while nobody waits for an analysis, and only as long as somebody wants them.

A film of a sample through a bundled network is made once for everybody. One of a person's own photo or network lies in their
session and goes with it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...explain.alike import between, coarse_first
from ...explain.film import Film, Frame, Stop
from .kept import Kept
from .turns import TURNS, Turns

Make = Callable[[Sequence[Stop]], list[Frame]]
"""Computes some stops, as one batch."""

_FAIR_SECONDS = 3.0
"""After so long a film lets others go first."""
_QUIET_SECONDS = 2.0
"""So long no page must have been drawn before anything is made that nobody watches."""
_LOOK_SECONDS = 0.25
_MOST_IN_A_BATCH = 8
_SHARED_FILMS, _SHARED_BYTES = 64, 48 * 2**20
_OWN_FILMS, _OWN_BYTES = 6, 8 * 2**20
_log = logging.getLogger(__name__)


class Making:
    """A film that is being made, or was.

    Args:
        begun: the film as far as it is there: a stop or more.
        wanted: the stops to make, those that are wanted first first; coarse steps go before fine ones all the same.
        order: of the slider.
        size: how many stops make one batch.
    """

    def __init__(self, begun: Film, wanted: Sequence[Stop], order: Sequence[Stop], size: int) -> None:
        self.film, self._order, self._size = begun, tuple(order), size
        self._row = [stop for stop in order if stop in wanted or stop in begun.frames]
        self._left = coarse_first([stop for stop in wanted if stop not in begun.frames], self._row)
        self.make: Make | None = None
        """There while it is being made: it holds a photo and a network."""
        self.wanted_by: set[Seat] = set()
        self.spent = 0.0
        self._sent: tuple[Hashable, bytes] | None = None

    @property
    def complete(self) -> bool:
        """Whether every stop is there."""
        return all(stop in self.film.frames for stop in self._row)

    @property
    def going(self) -> bool:
        """Whether it is being made."""
        return self.make is not None

    @property
    def held(self) -> bool:
        """Whether all who want it are having their page drawn first."""
        return all(seat.draws for seat in self.wanted_by)

    @property
    def after(self) -> tuple[bool, float]:
        """Films with less of this are made before it: those that people watch, then those that took less time by now."""
        return not self.watched, self.spent // _FAIR_SECONDS

    @property
    def watched(self) -> bool:
        """Whether a person wants it."""
        return any(seat.watches for seat in self.wanted_by)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.film.nbytes + (len(self._sent[1]) if self._sent else 0)

    def sent(self, name: Hashable, encode: Callable[[], bytes]) -> bytes:
        """The whole film as bytes, made once."""
        if self._sent is None or self._sent[0] != name:
            self._sent = name, encode()
        return self._sent[1]

    def next(self) -> list[Stop] | None:
        """A batch to make; ``None`` where all are made or being made."""
        batch, self._left = self._left[: self._size], self._left[self._size :]
        return batch or None

    def made(self, frames: dict[Stop, Frame]) -> None:
        """A batch is there, and with it what lies between stops that look alike."""
        there = {**self.film.frames, **frames}
        known = between(there, self._row, self._left)
        self._left = [stop for stop in self._left if stop not in known]
        self.film = self.film.with_frames({**frames, **known}, self._order)
        if self.complete:
            self.make = None

    def put_back(self, batch: list[Stop]) -> None:
        """A batch was not made after all."""
        self._left = [*batch, *self._left]


class Studio:
    """Makes films, batch by batch, in threads that begin with the first film.

    Args:
        workers: so many batches at a time.
    """

    def __init__(self, workers: int, turns: Turns) -> None:
        self.workers = workers
        self._turns = turns
        self._changed = threading.Condition()
        self._queue: list[Making] = []
        self._threads: list[threading.Thread] = []
        self._busy_with: dict[int, Making] = {}
        """What each thread works at, by its identity."""
        self._drawing, self._drawn = 0, -math.inf
        self.shared: Kept[Making] = Kept(_SHARED_FILMS, _SHARED_BYTES)
        """Films for everybody, by their key."""

    def ask(self, making: Making, make: Make, by: Seat) -> None:
        """Make what is left of a film, for as long as somebody wants it."""
        with self._changed:
            making.wanted_by.add(by)
            if not making.complete and making not in self._queue:
                making.make = make
                self._queue.append(making)
            while len(self._threads) < self.workers:
                name = f"film-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._changed.notify_all()

    def leave(self, making: Making, by: Seat) -> None:
        """Somebody does not want a film any more."""
        with self._changed:
            making.wanted_by.discard(by)
            if not making.wanted_by:
                self._drop(making)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """A page is drawn for a person within."""
        with self._changed:
            self._drawing += 1
        try:
            yield
        finally:
            with self._changed:
                self._drawing, self._drawn = self._drawing - 1, time.monotonic()
                self._changed.notify_all()  # a film may be made now that was held

    @property
    def quiet(self) -> bool:
        """Whether nobody has had a page drawn for a while: who has may go on at any moment, and should have the cores."""
        return not self._drawing and time.monotonic() - self._drawn >= _QUIET_SECONDS

    def wait_until_quiet(self) -> None:
        """For work that nobody waits for."""
        while not self.quiet:
            time.sleep(_LOOK_SECONDS)

    def let_go(self, seconds: float) -> None:
        """Wait, at most so long, until nothing is computed any more of films that nobody wants."""
        with self._changed:
            self._changed.wait_for(lambda: all(making.going for making in self._busy_with.values()), seconds)

    def find(self, key: Hashable) -> Making | None:
        """A film for everybody."""
        with self._changed:
            return self.shared.get(key)

    def keep(self, key: Hashable, making: Making) -> Making:
        """Keep a film for everybody; returns the one that is there, if somebody else was quicker."""
        with self._changed:
            if (found := self.shared.get(key)) is not None:
                return found
            self.shared.put(key, making)
            return making

    def _drop(self, making: Making) -> None:
        making.make = None
        if making in self._queue:
            self._queue.remove(making)

    def _take(self) -> tuple[Making, Make, list[Stop]]:
        with self._changed:
            while True:
                postponed = False
                for making in sorted(self._queue, key=lambda one: one.after):
                    if making.make is None or making.held:
                        continue
                    if not (making.watched or self.quiet):
                        postponed = True
                    elif (batch := making.next()) is not None:
                        self._busy_with[threading.get_ident()] = making
                        return making, making.make, batch
                self._changed.wait(_LOOK_SECONDS if postponed else None)

    def _work(self) -> None:
        while True:
            # Not before there is something to do: what is taken may be wanted no more when its turn comes.
            making, make, batch = self._take()
            self._one_batch(making, make, batch)
            del making, make  # a thread that waits holds on to no photo
            with self._changed:
                del self._busy_with[threading.get_ident()]
                self._changed.notify_all()

    def _one_batch(self, making: Making, make: Make, batch: list[Stop]) -> None:
        with self._turns.beside():
            if not making.going:
                return self._return(making, batch)
            start = time.monotonic()
            try:
                frames = dict(zip(batch, make(batch), strict=True))
            except Exception:
                # The page stands without it, and says by itself what is wrong with a photo or a network.
                _log.warning("A film could not be made.", exc_info=True)
                with self._changed:
                    return self._drop(making)
        with self._changed:
            making.spent += time.monotonic() - start
            making.made(frames)
            if making.complete and making in self._queue:
                self._queue.remove(making)
        return None

    def _return(self, making: Making, batch: list[Stop]) -> None:
        with self._changed:
            making.put_back(batch)
            self._changed.notify_all()


class Seat:
    """What films one session watches, one of each kind, and those that are its own.

    Args:
        watches: whether there is a person; else what is wanted is made when nothing is that people watch.
    """

    def __init__(self, studio: Studio, watches: bool = True) -> None:
        self._studio, self.watches = studio, watches
        self.draws = False
        """Whether a page is being drawn for this session: it has the cores until it stands."""
        self._own: Kept[Making] = Kept(_OWN_FILMS, _OWN_BYTES)
        self._now: dict[str, tuple[Hashable, Making]] = {}

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """No batch of films that this session alone wants begins within."""
        with self._studio.drawing():
            self.draws = True
            try:
                yield
            finally:
                self.draws = False

    def now(self, kind: str, key: Hashable) -> Making | None:
        """The film of this kind that is watched, if it is the one of this key, or was made already."""
        watched = self._now.get(kind)
        if watched is not None and watched[0] == key:
            return watched[1]
        return None

    def find(self, key: Hashable, shared: bool) -> Making | None:
        """A film that was begun before, by this session or for everybody."""
        return self._studio.find(key) if shared else self._own.get(key)

    def watch(self, kind: str, key: Hashable, shared: bool, making: Making, make: Make) -> Making:
        """Watch a film from now on, and no longer what was watched of this kind."""
        self.stop(kind)
        if shared:
            making = self._studio.keep(key, making)
        else:
            self._own.put(key, making)
        self._now[kind] = key, making
        self._studio.ask(making, make, self)
        return making

    def stop(self, kind: str) -> None:
        """Watch no film of this kind."""
        if (watched := self._now.pop(kind, None)) is not None:
            self._studio.leave(watched[1], self)

    def rest(self) -> None:
        """Nobody is there to watch; what was made by now is kept, and goes on when it is watched again."""
        for kind in list(self._now):
            self.stop(kind)

    def clear(self) -> None:
        """The session is over."""
        self.rest()
        self._own.clear()


STUDIO = Studio(min(2, TURNS.at_once), TURNS)


def sizes(at_once: int, studio: Studio = STUDIO) -> int:
    """How many stops make one batch, where ``at_once`` may be in memory."""
    return max(1, min(_MOST_IN_A_BATCH, at_once // studio.workers))


def seat(session: Any) -> Seat:
    """The seat of a session, by Streamlit's state of it."""
    found: Seat = session.setdefault("films", Seat(STUDIO))
    return found
