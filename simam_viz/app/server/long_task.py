"""Long work, carried on piece by piece in sight of the person, who can stop it and go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from ...wording import _
from . import turns

# A piece of work between two looks at the stop button.
_PIECE_SECONDS = 0.4
_PREFIX = "task-"

T = TypeVar("T")


@dataclass
class _Task:
    """What a session has done so far, for its last subject only."""

    subject: tuple[object, ...]
    total: int
    running: bool = False
    results: list[Any] = field(default_factory=list)
    work: Iterator[Any] | None = None
    start: Callable[[], Iterator[Any]] | None = None
    """Begins the work anew."""

    @property
    def complete(self) -> bool:
        return len(self.results) == self.total


def in_pieces(
    name: str,
    subject: tuple[object, ...],
    total: int,
    work: Callable[[], Iterator[T]],
    *,
    start: str,
    again: str,
    unit: str,
) -> list[T]:
    """Draw a start or stop button with progress, carry running work on by one piece, and return what there is.

    Args:
        name: tells tasks of one session apart; begins the keys of the buttons.
        subject: what the work is about; when it changes, what was done is dropped.
        total: how many results the work yields in all.
        work: begins the work anew; called when the person starts it.
        start, again: labels of the button, for the first time and after the end.
        unit: the name of what is counted, such as "values of λ".

    Returns:
        The results so far; none while the work is running.
    """
    key = f"{_PREFIX}{name}"
    task: _Task | None = st.session_state.get(key)
    if task is None or task.subject != subject:
        task = st.session_state[key] = _Task(subject, total)
    # On the task and in no closure: Streamlit remembers the buttons of earlier pages, and they must not hold on to networks.
    task.start = work

    def begin() -> None:
        if task.start is None:
            return  # forgotten
        if task.complete or task.work is None:
            task.results.clear()
            task.work = task.start()
        task.running = True

    def stop() -> None:
        task.running = False

    was_running = task.running

    @st.fragment(run_every=0.05 if was_running else None)
    def controls() -> None:
        # A click starts or stops inside this fragment: what lies around it must follow.
        if task.running != was_running:
            st.rerun()
        if task.running:
            st.button(_("Stop here"), key=f"{name}-stop", icon=":material/stop:", on_click=stop)
            queue = st.empty()
            end = time.monotonic() + _PIECE_SECONDS
            try:
                while task.work is not None and not task.complete and time.monotonic() < end:
                    with turns.turn(queue):
                        task.results.append(next(task.work))
            except Exception:
                task.running, task.work = False, None  # work that failed cannot go on; it can begin anew
                raise
            done = len(task.results)
            st.progress(done / total, _("{done} of {total} {unit}", done=done, total=total, unit=unit))
            if task.complete:
                task.running, task.work = False, None
                st.rerun()
        else:
            label = again if task.complete else _("Go on") if task.results else start
            st.button(label, key=f"{name}-start", icon=":material/play_arrow:", type="primary", on_click=begin)
            if task.results and not task.complete:
                done = len(task.results)
                st.caption(_("Stopped after {done} of {total} {unit}.", done=done, total=total, unit=unit))

    controls()
    return [] if task.running else list(task.results)


def forget_all() -> None:
    """Drop all that this session's tasks have done or begun: work that was stopped keeps its network in memory."""
    for key in [key for key in st.session_state if str(key).startswith(_PREFIX)]:
        task: _Task = st.session_state.pop(key)
        task.running, task.work, task.start = False, None, None
        task.results.clear()
