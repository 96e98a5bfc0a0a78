"""The language of a session: what the address says, else what the browser prefers, else English.

A run of a page, of a fragment of it or of a callback is a thread, and Streamlit may start another for each. So a thread of a session
that was told nothing asks what language the session speaks (:func:`~simam_viz.wording.listen`); others, such as those that make
films for everybody, speak English and say nothing to anybody.
"""

from __future__ import annotations

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from .. import wording
from ..wording import ENGLISH, LANGUAGES, _
from . import state

_SPOKEN = "language"


def of_session() -> str | None:
    """The code of the language that the session of this thread speaks; ``None`` where it is none's, or its first run begins."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    return st.session_state.get(_SPOKEN)


wording.listen(of_session)


def follow() -> None:
    """Speak what the view asks for, from now on; to be called as soon as the view is known."""
    code = state.get("lang")
    code = code if code in LANGUAGES else _preferred()
    st.session_state[_SPOKEN] = code
    wording.speak(wording.catalogue(code))


def switch() -> None:
    """The languages to choose from."""
    state.control(
        st.segmented_control,
        _("Language"),
        list(LANGUAGES),
        name="lang",
        default=_preferred(),
        parse=state.one_of({code: code for code in LANGUAGES}),
        on_change=follow,
        format_func=lambda code: LANGUAGES[code][1],
        label_visibility="collapsed",
        required=True,
        width="stretch",
    )


def _preferred() -> str:
    """The first language of the browser's that there is here."""
    return wording.preferred(by_weight(st.context.headers.get("Accept-Language") or st.context.locale or "")) or ENGLISH


def by_weight(accepted: str) -> list[str]:
    """The languages of an ``Accept-Language``, the most wanted first (RFC 9110, 12.5.4)."""
    found = re.findall(r"([A-Za-z]{1,8}(?:-\w{1,8})*)\s*(?:;\s*q=([\d.]+))?", accepted)
    weighed = [(float(weight.strip(".") or 1), name) for name, weight in found]
    return [name for weight, name in sorted(weighed, key=lambda one: -one[0]) if weight > 0]
