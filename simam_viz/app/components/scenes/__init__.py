"""The lesson in the browser: eight scenes that move while they are dragged, and the link by which they and Python speak.

The stage stands outside the part of the page that follows λ: its scripts travel once, and nothing of it fades while a run is
slow. The link stands inside, is a few lines long, and hands over what changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from .. import packed

_FOLDER = Path(__file__).parent
_MODULES = ("saying", "closed_form", "drawing", "maps", "whole_channels", "pictures", "exercises", "lesson", "stage")
"""In the order in which one needs the other."""


@cache
def script(*modules: str) -> str:
    """Some of the modules here as one: what they import from each other stands above it already."""
    texts = [(_FOLDER / f"{module}.js").read_text(encoding="utf-8") for module in modules]
    return re.sub(r"^import .*\n|^export (?!default )", "", "\n".join(texts), flags=re.MULTILINE)


_stage = st.components.v2.component(
    "simam_viz.stage", css=(_FOLDER / "stage.css").read_text(encoding="utf-8"), js=script(*_MODULES)
)
_link = st.components.v2.component("simam_viz.link", js=script("link"))


def stage(given: dict[str, Any]) -> None:
    """The scenes; ``given`` changes with its ``"language"`` alone: their words, the small channels, sentences and colours."""
    with st.container(key="lesson-stage"):
        _stage(key="stage", data=packed(given))


def link(key: str, data: dict[str, Any], moved: Callable[[dict[str, Any]], None] | None = None) -> None:
    """Tell the scenes what is looked at now; ``moved`` gets what the person has changed in them: {"number", "entries"}."""

    def heard() -> None:
        value = st.session_state[key].get("moved")
        if moved is not None and isinstance(value, dict):
            moved(value)

    with st.container(key=f"hidden-{key}"):
        _link(key=key, data=packed(data), on_moved_change=heard)
