"""In which order photos, networks and quantities stand on a figure, and what they are called there: a list to move things in."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from ....wording import _
from ... import state

_LONGEST = 120


def names(lists: Mapping[str, tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    """Draw the lists, and return the names that a person gave, by their words.

    Args:
        lists: by its heading, the entry of the view that holds the order, and the titles by their words, in order.
    """
    nothing: dict[str, str] = {}
    given = state.parsed("names", _parsed, nothing)
    shown = {}
    with st.grid(3, min_column_width=230):
        for heading, (entry, titles) in lists.items():
            with st.container(gap="xsmall"):
                st.markdown(f"**{heading}**")
                for index, (word, title) in enumerate(titles.items()):
                    if own := given.get(word):
                        shown[word] = own
                    _row(entry, list(titles), index, title, given)
    st.caption(
        _("The arrows move a row or a column; what is written into a field stands on the figure in place of its title.")
    )
    return shown


def _row(entry: str, words: list[str], index: int, title: str, given: dict[str, str]) -> None:
    word = words[index]
    key = f"paper-name-{entry}-{word}"

    def renamed() -> None:
        if state.moved_by_hand(key):
            own = st.session_state[key].strip()
            kept = {name: text for name, text in given.items() if name != word} | ({word: own} if own else {})
            state.put("names", json.dumps(kept, ensure_ascii=False) if kept else None)

    def move(by: int) -> None:
        moved = words.copy()
        moved[index], moved[index + by] = moved[index + by], moved[index]
        state.put(entry, ",".join(moved))

    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        state.show(key, given.get(word, ""))
        st.text_input(
            _("What “{title}” is called on the figure", title=title), key=key, placeholder=title, on_change=renamed,
            label_visibility="collapsed", max_chars=_LONGEST,
        )  # fmt: skip
        st.button(
            "↑", key=f"paper-up-{entry}-{word}", on_click=move, args=(-1,), disabled=not index,
            help=_("“{title}” moves up", title=title),
        )  # fmt: skip
        st.button(
            "↓", key=f"paper-down-{entry}-{word}", on_click=move, args=(1,), disabled=index == len(words) - 1,
            help=_("“{title}” moves down", title=title),
        )  # fmt: skip


def _parsed(text: str) -> dict[str, str]:
    """The names in an address; ``ValueError`` where it holds anything else."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError(text) from None
    if not isinstance(found, dict) or not all(isinstance(own, str) and len(own) <= _LONGEST for own in found.values()):
        raise ValueError(text)
    return found
