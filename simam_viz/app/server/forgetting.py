"""Sessions whose time is over are let go, with the photos in them, even where nobody comes or goes any more.

Streamlit drops a session only when the next connection breaks: a server that nobody uses would keep the last photos for ever.
So whoever arrives is written down here, and a thread looks for those who have left. It asks of Streamlit what Streamlit
offers to everybody; and what holds a person's photos is emptied here, whatever becomes of the rest.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import streamlit as st
from streamlit import runtime
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...wording import later

_LOOK_SECONDS = 1.0
_COLLECT_SECONDS = 15.0
"""How often garbage is looked for while pages run: everybody waits meanwhile, the longer the more people are here."""
IDLE_SECONDS = 3600.0
"""How long photos are kept, without a move, where Streamlit does not tell who has left."""
TROUBLE = later(
    "This server cannot tell who has left. Photos are dropped when their page was not used for an hour, or when the server stops."
)
"""For the log; on a page, through :func:`~simam_viz.wording._`."""

_MINE = "belongings"
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Emptied(Protocol):
    """Holds something of a person's, and can be made to hold it no more."""

    def clear(self) -> None:
        """Hold it no more."""


@runtime_checkable
class Resting(Protocol):
    """Works for a person in the background."""

    def rest(self) -> None:
        """Work no more until they are back."""


class Held(Generic[T]):
    """One thing of a person's; gone when their session is."""

    def __init__(self, thing: T) -> None:
        self._thing: T | None = thing

    @property
    def here(self) -> bool:
        """Whether it is not gone."""
        return self._thing is not None

    def __call__(self) -> T:
        """The thing; ``RuntimeError`` when it is gone."""
        if self._thing is None:
            raise RuntimeError("This session is over.")
        return self._thing

    def clear(self) -> None:
        """Let go of the thing."""
        self._thing = None


@dataclass
class _Visitor:
    """Somebody who came, and what of theirs is to be emptied when they have left."""

    session: weakref.ref[Any] | None
    """Streamlit's session, if it can be had."""
    last_run: float
    left_at: float | None = None
    belongings: dict[str, Emptied] = field(default_factory=dict)

    def rest(self) -> None:
        for thing in self.belongings.values():
            if isinstance(thing, Resting):
                thing.rest()

    def empty(self) -> None:
        for thing in self.belongings.values():
            thing.clear()
        self.belongings.clear()


class Visitors:
    """Everybody who is here or left a moment ago, by the id of their session."""

    def __init__(self) -> None:
        self.trouble = False
        """Whether Streamlit does not tell who has left."""
        self._here: dict[str, _Visitor] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._here)

    @property
    def last_run(self) -> float:
        """When a page was last run, by the monotonic clock; 0 before the first."""
        with self._lock:
            return max((visitor.last_run for visitor in self._here.values()), default=0.0)

    def seen(self, server: Runtime, session_id: str) -> None:
        """A page of this session runs."""
        with self._lock:
            if session_id not in self._here:
                session = getattr(server, "get_app_session", lambda _: None)(session_id)
                self._here[session_id] = _Visitor(session and weakref.ref(session), time.monotonic())
            self._here[session_id].last_run = time.monotonic()

    def keeps(self, session_id: str, name: str, thing: Emptied) -> None:
        """Something of this session's, to be emptied with it; it takes the place of what had this name."""
        with self._lock:
            if visitor := self._here.get(session_id):
                visitor.belongings[name] = thing

    def let_go(self, server: Runtime, seconds: float) -> int:
        """Let go whoever has been away for so many ``seconds``; returns how many."""
        with self._lock:
            over = {name: visitor for name, visitor in self._here.items() if self._over(server, name, visitor, seconds)}
            for name in over:
                del self._here[name]
        for name, visitor in over.items():
            try:
                _close(server, name, visitor)
            except Exception:
                _log.warning("A session could not be closed; its photos are dropped all the same.", exc_info=True)
            visitor.empty()
        return len(over)

    def _over(self, server: Runtime, session_id: str, visitor: _Visitor, seconds: float) -> bool:
        now = time.monotonic()
        try:
            here = server.is_active_session(session_id)
        except Exception:
            if not self.trouble:
                self.trouble = True
                _log.exception(TROUBLE)
            return now - visitor.last_run > IDLE_SECONDS
        if here:
            visitor.left_at = None
        elif visitor.left_at is None:
            visitor.left_at = now
            visitor.rest()
        return visitor.left_at is not None and now - visitor.left_at >= seconds


VISITORS = Visitors()


def begin() -> bool:
    """Spare what is imported from garbage collection, and look for sessions to let go from now on; once a process.

    Returns whether there is a server: within AppTest there is none, and nothing is done.
    """
    server = _server()
    if server is None:
        return False
    # Looking through it for garbage again and again would halt a move of λ now and then, and doing so once halts the first page.
    gc.freeze()
    threading.Thread(target=_again_and_again, args=(server,), name="forget-sessions", daemon=True).start()
    return True


def seen() -> None:
    """To be called by every page: somebody is here."""
    server, context = _server(), get_script_run_ctx()
    if server is not None and context is not None:
        VISITORS.seen(server, context.session_id)


def keeps(name: str, thing: Emptied) -> None:
    """Something of this session's that holds photos: it is emptied when the session is over, or by :func:`empty`."""
    st.session_state.setdefault(_MINE, {})[name] = thing
    if (context := get_script_run_ctx()) is not None:
        VISITORS.keeps(context.session_id, name, thing)


def empty() -> None:
    """Empty all that this session holds of photos, now."""
    for thing in st.session_state.get(_MINE, {}).values():
        thing.clear()


def _server() -> Runtime | None:
    """``None`` within AppTest, where something else stands for the server."""
    server = runtime.get_instance() if runtime.exists() else None
    return server if type(server) is Runtime else None


def _again_and_again(server: Runtime) -> None:
    pause, frozen = threading.Event(), True
    kept = float(st.get_option("server.disconnectedSessionTTL"))
    look = min(_LOOK_SECONDS, max(0.1, kept / 10))
    collected = 0.0
    while not pause.wait(look):
        # A little before Streamlit's own time is up: a session that it calls lapsed it neither hands out nor lets go.
        left = VISITORS.let_go(server, max(0.0, kept - 2 * look))
        if left and frozen:
            gc.unfreeze()  # a session that was there at the start is frozen too, and would never be collected
            frozen = False
        # Sessions and runs refer to themselves, and an idle server collects nothing by itself.
        if left or (VISITORS.last_run > collected and time.monotonic() - collected > _COLLECT_SECONDS):
            gc.collect()
            collected = time.monotonic()


def _close(server: Runtime, session_id: str, visitor: _Visitor) -> None:
    """Close a session for good and empty it: the server's loop may hold on to the one that it served last."""
    server.clear_user_info_for_session(session_id)  # it can no longer be resumed, and is closed by the server's loop
    if server.is_active_session(session_id):
        return
    # A session that lapsed while this thread was kept waiting, Streamlit never closes; its files would stay.
    server.uploaded_file_mgr.remove_session_files(session_id)
    session = visitor.session() if visitor.session is not None else None
    if session is not None:
        session.session_state.clear()
        session.flush_browser_queue()
