"""Light or dark: what the person's browser shows now, for whatever is coloured here and not by the browser."""

from __future__ import annotations

import streamlit as st

from ..draw import charts

_TELL = """
const seen = new WeakMap();
export default function ({ parentElement, setTriggerValue }) {
  const at = parentElement.host ?? parentElement;
  const now = getComputedStyle(at).getPropertyValue("--st-background-color");
  if (seen.has(parentElement) && seen.get(parentElement) !== now) setTriggerValue("changed", now);
  seen.set(parentElement, now);
}
"""
# Streamlit knows the theme whenever a page is run, and runs none when the theme is changed.
_tell = st.components.v2.component("simam-viz.theme", js=_TELL)


def follow() -> None:
    """Run the page anew when light is changed to dark or back; to be called once a run. It shows nothing."""
    _tell(key="theme", on_changed_change=_noted)


def background() -> str:
    """What everything on the page lies on, ``#rrggbb``; as ``.streamlit/config.toml`` has it."""
    return charts.SCREEN if st.context.theme.type == "dark" else charts.PAPER


def _noted() -> None:
    """The run that follows is all that is wanted."""
