"""Workers in other processes, of this machine or of a Ray cluster, as whoever has work sees them."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from torch import nn

from ..paths import ROOT
from ..wording import _, later
from .doing import HERE, GaveUpError
from .packing import Packed, StaysError, network_bytes, packed

T = TypeVar("T")
_HELD = 6
"""Networks that workers hold for this program."""
_TRIES = 3
"""So many workers may end over one call."""
_JOIN_SECONDS = 180.0
_END_SECONDS = 10.0
_LOST = later("The workers are lost ({reason}); the work goes on in this process, and nothing of it is lost.")


class LostError(OSError):
    """There is no worker left, or there was none to begin with; says why."""


class _Call:
    """A call under way."""

    def __init__(self, asked: Packed) -> None:
        self.asked = asked
        self.answer: Future[Any] = Future()
        self.tries = 0


class Line:
    """A process that does calls: a worker, or the bridge to many of them.

    Args:
        command: what to run, behind the name of Python.
        environment: what it is told beside that of this process.
        silent: whether what it writes of errors is of no interest.
        answered: called with what it says, in a thread of its own, and at last with ``("ended",)``.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        silent: bool,
        answered: Callable[[Line, tuple[Any, ...]], None],
    ) -> None:
        self.slots = 1
        self.calls: dict[int, _Call] = {}
        self.holds: dict[str, None] = {}
        """Networks, the one that was asked for last the last."""
        self.reason = ""
        self.process = subprocess.Popen(  # noqa: S603  (Python itself)
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if silent else None,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))} | environment,
            start_new_session=True,  # Ctrl-C is for this process
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(answered,), name="simam-viz-workers", daemon=True).start()

    def _listen(self, answered: Callable[[Line, tuple[Any, ...]], None]) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(EOFError, pickle.UnpicklingError, OSError):
            while True:
                answered(self, pickle.load(self.process.stdout))  # noqa: S301  (of this program's own)
        answered(self, ("ended",))

    def say(self, *told: Any) -> None:
        """Tell it something; that it is gone, it says itself."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            pickle.dump(told, self.process.stdin)
            self.process.stdin.flush()

    def close(self) -> None:
        """Let it end, and see that it does."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Crew:
    """Workers that do pure functions of networks and whatever else can be sent; a :class:`~.doing.Doing`.

    What a lost worker was asked is asked again. Where all are lost, ``tell`` hears one sentence, and all work is done in this
    process from then on. So is work with what cannot be sent, such as a network on a graphics card.

    Args:
        begin: starts a line.
        lines: so many of them.
        lone: whether a line that ends is not started again: the cluster behind it is lost.
        tell: called once, with a sentence.

    Raises:
        LostError: they do not start.
    """

    def __init__(
        self,
        begin: Callable[[Callable[[Line, tuple[Any, ...]], None]], Line],
        lines: int,
        lone: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._begin, self._lone, self._tell = begin, lone, tell
        self._changed = threading.Condition()
        self._waiting: deque[_Call] = deque()
        self._lines: list[Line] = []
        self._ready: list[Line] = []
        self._numbers = iter(range(sys.maxsize))
        self._closed = self._told = False
        self.trouble = ""
        """Why there are no workers any more, in a sentence; empty where there are."""
        self._lines = [begin(self._answered) for _each in range(lines)]
        with self._changed:
            there = self._changed.wait_for(lambda: self.trouble or len(self._ready) == lines, _JOIN_SECONDS)
        if not there or self.trouble:
            why = _("a process of theirs ended") if self.trouble else _("they did not start in time")
            reason = next((line.reason for line in self._lines if line.reason), why)
            self.close()
            raise LostError(_("No workers can be had: {reason}.", reason=reason))
        self.workers = sum(line.slots for line in self._ready)
        """How many calls are done at the same time."""

    @property
    def ahead(self) -> int:
        """Enough that no worker waits for the next call."""
        return 0 if self.trouble else self.workers + 1

    def later(self, function: Callable[..., T], *args: Any, **named: Any) -> Callable[[], T]:
        """As :meth:`.doing.Doing.later` has it."""
        here = HERE.later(function, *args, **named)
        if self.trouble:
            return here
        try:
            call = _Call(packed(function, args, named))
            self._ask(call)
        except StaysError:
            return here
        return functools.partial(self._result, call, here)

    def do(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """As :meth:`.doing.Doing.do` has it."""
        return self.later(function, *args, **named)()

    def close(self) -> None:
        """End the workers."""
        self._closed = True
        self._lose(_("they were ended"))
        for line in self._lines:
            line.close()

    def _result(self, call: _Call, here: Callable[[], T]) -> T:
        try:
            found: T = call.answer.result()
        except _Stays:
            return here()
        except LostError:
            self._tell_once()
            return here()
        return found

    def _tell_once(self) -> None:
        with self._changed:
            told, self._told = self._told, True
        if not told and not self._closed:
            self._tell(self.trouble)

    def _ask(self, call: _Call) -> None:
        with self._changed:
            if self.trouble:
                call.answer.set_exception(LostError(self.trouble))
                return
            self._waiting.append(call)
            self._hand_out()

    def _hand_out(self) -> None:
        """Give every free worker a call."""
        for line in self._ready:
            while self._waiting and len(line.calls) < line.slots:
                call = self._waiting.popleft()
                try:
                    self._send_networks(line, call.asked.networks)
                except StaysError as error:
                    call.answer.set_exception(_Stays(str(error)))
                    continue
                number = next(self._numbers)
                line.calls[number] = call
                line.say("do", number, call.asked.call, list(call.asked.networks))

    def _send_networks(self, line: Line, networks: dict[str, nn.Module]) -> None:
        for name, model in networks.items():
            if name not in line.holds:
                line.say("network", name, network_bytes(model))
                weakref.finalize(model, self._forget, name).atexit = False
            line.holds.pop(name, None)
            line.holds[name] = None
        needed = {name for call in line.calls.values() for name in call.asked.networks} | set(networks)
        for name in [name for name in line.holds if name not in needed][: max(0, len(line.holds) - _HELD)]:
            self._drop(line, name)

    def _drop(self, line: Line, name: str) -> None:
        if line.holds.pop(name, self) is None:
            line.say("drop", name)

    def _forget(self, name: str) -> None:
        """A network is no more; in a thread, since whoever lets go of it may be anywhere."""

        def drop() -> None:
            with self._changed:
                for line in self._ready:
                    self._drop(line, name)

        if not self._closed and not self.trouble:
            with contextlib.suppress(RuntimeError):  # this process ends
                threading.Thread(target=drop, daemon=True).start()

    def _answered(self, line: Line, said: tuple[Any, ...]) -> None:
        with self._changed:
            if said[0] == "ready":
                line.slots = said[1]
                self._ready.append(line)
            elif said[0] == "no":
                line.reason = said[1]
            elif said[0] == "ended":
                self._ended(line)
            elif (call := line.calls.pop(said[1], None)) is not None:
                _answer(call, *said)
            self._hand_out()
            self._changed.notify_all()

    def _ended(self, line: Line) -> None:
        line.process.poll()
        never_began = line not in self._ready
        if not never_began:
            self._ready.remove(line)
        calls, line.calls = list(line.calls.values()), {}
        if self._closed or self._lone or never_began:
            self._waiting.extendleft(reversed(calls))
            self._lose(line.reason or _("a process of theirs ended"))
            return
        for call in reversed(calls):
            call.tries += 1
            if call.tries < _TRIES:
                self._waiting.appendleft(call)
            else:
                call.answer.set_exception(_gave_up())
        self._lines.remove(line)
        self._lines.append(self._begin(self._answered))

    def _lose(self, reason: str) -> None:
        with self._changed:
            self.trouble = self.trouble or _(_LOST, reason=reason)
            calls = [*(call for line in self._lines for call in line.calls.values()), *self._waiting]
            self._waiting.clear()
            for line in self._lines:
                line.calls.clear()
            for call in calls:
                call.answer.set_exception(LostError(self.trouble))
            self._changed.notify_all()


class _Stays(LostError):
    """Only this call cannot be sent."""


def _answer(call: _Call, what: str, _number: int, well: bool = False, result: bytes = b"") -> None:
    if what == "gave up":
        call.answer.set_exception(_gave_up())
        return
    try:
        found = pickle.loads(result)  # noqa: S301  (of this program's own)
    except Exception as error:
        well, found = False, error
    (call.answer.set_result if well else call.answer.set_exception)(found)


def _gave_up() -> GaveUpError:
    return GaveUpError(_("Every worker that tried it ended, the last one of {tries}.", tries=_TRIES))
