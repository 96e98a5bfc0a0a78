"""Sessions whose time is over are let go, with the photos in them, even where nobody comes or goes any more."""

from __future__ import annotations

import gc
import threading

import streamlit as st
from streamlit import runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

_LOOK_SECONDS = 15.0


def begin() -> None:
    """Spare what is imported from garbage collection, and look for sessions to let go from now on; once a process."""
    manager = _manager()
    # Looking through it for garbage again and again would halt a move of λ now and then.
    gc.collect()
    gc.freeze()
    if manager is not None:
        arguments = (manager, _sessions(manager))
        threading.Thread(target=_again_and_again, args=arguments, name="forget-sessions", daemon=True).start()


def _manager() -> WebsocketSessionManager | None:
    """What keeps the server's sessions; ``None`` within AppTest, where there is no server."""
    manager = getattr(runtime.get_instance(), "_session_mgr", None) if runtime.exists() else None
    known = isinstance(manager, WebsocketSessionManager) and isinstance(manager._session_storage, MemorySessionStorage)
    return manager if known else None


def _again_and_again(manager: WebsocketSessionManager, frozen: set[str]) -> None:
    pause = threading.Event()
    while not pause.wait(min(_LOOK_SECONDS, max(1.0, st.get_option("server.disconnectedSessionTTL")))):
        if _let_go(manager) or frozen - _sessions(manager):
            if frozen - _sessions(manager):
                gc.unfreeze()  # a session that was there at the start is frozen too, and would never be collected
                frozen = set()
            gc.collect()  # sessions refer to themselves, and an idle server collects nothing by itself


def _let_go(manager: WebsocketSessionManager) -> int:
    """Drop every session whose ``server.disconnectedSessionTTL`` has passed; returns how many.

    Streamlit drops them only when the next connection breaks: a server that nobody uses would keep the last photos for ever.
    """
    with manager._storage_lock:
        lapsed = manager._session_storage._cache.expire()
    for _, info in lapsed:
        session = info.session
        session.shutdown()
        # The server's loop may hold on to the session that it served last: what it holds must be empty.
        session.session_state.clear()
        session._fragment_storage.clear()
        session.flush_browser_queue()
    return len(lapsed)


def _sessions(manager: WebsocketSessionManager) -> set[str]:
    return {info.session.id for info in manager.list_sessions()}
