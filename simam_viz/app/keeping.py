"""A person's own photo over a reload: the tab of their own browser keeps its file, and the server no longer than before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import streamlit as st

from ..wording import _
from . import state
from .components import keeper
from .components.keeper import File
from .server import forgetting

PREFIX = "upload-"
MOST_BYTES = 3_500_000
"""Of a file that a tab is asked to keep: browsers keep about 5 MB of text for a page, and of three bytes text makes four."""
_TO_KEEP, _FORGET, _MISSING, _UNKEPT = "keeper-keep", "keeper-forget", "keeper-missing", "keeper-unkept"


def name_of(data: bytes) -> str:
    """What a photo of one's own goes by in the address: nobody can tell from it what it shows."""
    return PREFIX + hashlib.sha256(data).hexdigest()[:16]


def keep(name: str, title: str, data: bytes) -> None:
    """Have the tab keep a photo's file, from a callback."""
    session = st.session_state
    session.pop(_UNKEPT, None)
    if len(data) > MOST_BYTES:
        session[_UNKEPT] = name
        session.pop(_TO_KEEP, None)
        return
    session[_TO_KEEP] = held = forgetting.Held(File(name, title, data))
    forgetting.keeps(_TO_KEEP, held)


def forget() -> None:
    """Have the tab forget all photos, from a callback."""
    for name in (_TO_KEEP, _UNKEPT):
        st.session_state.pop(name, None)
    st.session_state[_FORGET] = True


def tell(name: str) -> None:
    """Where the tab cannot keep this photo, what to do."""
    if st.session_state.get(_UNKEPT) == name:
        st.info(
            _("This photo is too large for this browser tab to keep: after a reload, upload it again."),
            icon=":material/info:",
        )


def follow(here: Callable[[str], bool], take: Callable[[bytes, str], None]) -> None:
    """Keep, look for or forget photos in the person's browser; to be called once a run. It shows nothing.

    Args:
        here: whether a photo of this name is here.
        take: a photo's file and its title; called with one that the address asks for and the tab has kept.
    """

    @st.fragment(key="keeper-fragment")
    def talk() -> None:
        session, said = st.session_state, keeper.heard()
        pending: forgetting.Held[File] | None = session.get(_TO_KEEP)
        asked = state.get("photo") or ""
        if said.forgot:
            session.pop(_FORGET, None)
        if pending is not None and (not pending.here or pending().name == said.kept):
            if not said.fits and pending.here:
                session[_UNKEPT] = said.kept
            session.pop(_TO_KEEP)
            pending.clear()
            pending = None
            if _UNKEPT in session:
                st.rerun()
        if said.missing:
            session[_MISSING] = said.missing
        file = said.recalled
        if file is not None and file.name == asked == name_of(file.data) and not here(asked):
            take(file.data, file.title)
            st.rerun()
        wanted = asked.startswith(PREFIX) and not here(asked) and session.get(_MISSING) != asked
        keeper.ask(pending() if pending is not None else None, asked if wanted else None, bool(session.get(_FORGET)))

    talk()
