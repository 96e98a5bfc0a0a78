"""What the person is looking at, kept in one place: a dict of short texts in the session, mirrored in the URL.

Streamlit's own ``bind="query-params"`` keeps such values per page, and loses them when the page is changed before its
first run has ended; a λ moved while a picture is still being computed must not be lost. So every control reads from
and writes to this one dict, and the address bar always shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

NAMES = ("photo", "checkpoint", "size", "lambda", "class", "block", "channel", "show", "range", "of")
T = TypeVar("T")

_VIEW = "view"
_CHANGED = "view-changed"


def begin() -> None:
    """Take over what the URL asks for: at the start of a session, and when the person goes back or forward.

    An address without parameters is a change of page, and changes nothing else. In a run that a control started, the
    browser may still send the address from before, so the control wins.
    """
    asked = {name: text for name, text in st.query_params.to_dict().items() if name in NAMES}
    changed_here = st.session_state.pop(_CHANGED, False)
    if _VIEW not in st.session_state or (asked and not changed_here):
        st.session_state[_VIEW] = asked


def get(name: str) -> str | None:
    """The text of one entry, or ``None`` where the default holds."""
    return st.session_state[_VIEW].get(name)


def put(name: str, text: str | None) -> None:
    """Set one entry, from a callback; ``None`` returns to the default."""
    view = st.session_state[_VIEW]
    if text is None:
        view.pop(name, None)
    else:
        view[name] = text
    st.session_state[_CHANGED] = True


def pin(name: str, text: str) -> None:
    """Put an entry that is not there yet: with one entry at least, no address of ours is ever without parameters."""
    st.session_state[_VIEW].setdefault(name, text)


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
        The value now. An entry that does not parse is dropped, and the person is told.
    """
    asked, value = get(name), default
    if asked is not None:
        try:
            value = parse(asked)
        except (ValueError, KeyError):
            put(name, None)
            st.caption(f":orange[The link asks for {name} “{asked[:40]}”, which does not exist here.]")
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
