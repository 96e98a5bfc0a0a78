"""What the person is looking at, kept in one place: a dict of short texts in the session, mirrored in the URL.

Streamlit's own ``bind="query-params"`` keeps such values per page, and loses them when the page is changed before its
first run has ended; a λ moved while a picture is still being computed must not be lost. So every control reads from
and writes to this one dict, and the address bar always shows it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

NAMES = (
    *("photo", "checkpoint", "size", "lambda", "class"),
    *("block", "channel", "row", "column", "show", "range", "of", "counts"),
    *("level", "sort", "least", "against", "other"),
    *("neuron", "toy", "at", "edits"),
)
T = TypeVar("T")

ECHO_SECONDS = 2.0
"""How long the address may lag behind: longer than a slow round trip, shorter than a person takes to go back."""

_VIEW = "view"
_REPLACED = "views-replaced"
_REMEMBERED = 100
_CHANGED = "view-changed"
_PAGE = "page"


def begin(page: str) -> bool:
    """Take over what the address asks for: at the start of a session, after a link, and after going back or forward.

    The address may be older than the view: the browser sends it along with a click on a control, and hears of our
    changes a round trip later. So in a run that a control started, and for a moment after, a view that was replaced does
    not come back. Nor does it by a change of page: the links there may have been drawn before the last change.

    Returns whether the page was changed.
    """
    asked = {name: text for name, text in st.query_params.to_dict().items() if name in NAMES}
    session = st.session_state
    changed_here = session.pop(_CHANGED, False)
    moved = session.get(_PAGE) != page
    session[_PAGE] = page
    now = time.monotonic()
    echo = any(asked == view and (moved or now - when < ECHO_SECONDS) for when, view in session.get(_REPLACED, []))
    if _VIEW not in session or not (changed_here or echo):
        session[_VIEW] = asked
    return moved


def settle() -> None:
    """To be called first by every fragment: a change that started its run is none of the next run's."""
    st.session_state.pop(_CHANGED, None)


def current() -> dict[str, str]:
    """The whole view, for links that keep it."""
    return dict(st.session_state[_VIEW])


def get(name: str) -> str | None:
    """The text of one entry, or ``None`` where the default holds."""
    return st.session_state[_VIEW].get(name)


def put(name: str, text: str | None) -> None:
    """Set one entry, from a callback; ``None`` returns to the default."""
    session = st.session_state
    if not session.get(_CHANGED):
        session[_REPLACED] = [*session.get(_REPLACED, [])[-_REMEMBERED:], (time.monotonic(), current())]
        session[_CHANGED] = True
    if text is None:
        session[_VIEW].pop(name, None)
    else:
        session[_VIEW][name] = text


def parsed(name: str, parse: Callable[[str], T], default: T) -> T:
    """The value of one entry, or ``default`` where there is none.

    An entry that does not parse (``ValueError`` or ``KeyError``) is dropped, and the person is told.
    """
    text = get(name)
    if text is None:
        return default
    try:
        return parse(text)
    except (ValueError, KeyError):
        st.session_state[_VIEW].pop(name)
        st.caption(f":orange[The link asks for {name} “{plain(text[:40])}”, which does not exist here.]")
        return default


def plain(text: str) -> str:
    """A text from outside (a link, a file's name) made harmless as Markdown: no image, link, colour or formula in it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text).replace("\n", " ")


def write_url() -> None:
    """Make the address bar show the view."""
    view = st.session_state[_VIEW]
    if st.query_params.to_dict() != view:
        st.query_params.from_dict(view)


def control(
    widget: Callable[..., Any],
    label: str,
    *args: Any,
    name: str,
    default: T,
    parse: Callable[[str], T],
    text: Callable[[T], str | None] = str,
    on_change: Callable[[], None] | None = None,
    **options: Any,
) -> T:
    """Draw a Streamlit widget whose value lives in the view.

    Args:
        widget: such as ``st.selectbox``; called with ``label``, ``args``, ``options``, a key and a callback.
        name: the entry of the view, one of :data:`NAMES`.
        default: the value where the view has no entry; pages may differ in it.
        parse: text → value; raises ``ValueError`` or ``KeyError`` for a text that is not one.
        text: value → text, the inverse of ``parse``; ``None`` removes the entry.
        on_change: called after the view has changed.

    Returns:
        The value now.
    """
    value = parsed(name, parse, default)
    key = f"control-{name}"

    def changed() -> None:
        put(name, text(st.session_state[key]))
        if on_change:
            on_change()

    st.session_state[key] = value
    widget(label, *args, key=key, on_change=changed, **options)
    write_url()
    return value


def one_of(options: dict[str, T]) -> Callable[[str], T]:
    """A parser that knows just these texts."""
    return options.__getitem__
