"""What a browser's tab keeps of a person's photos: said to it, and heard of it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import streamlit as st

from . import packed, source

KEY = "keeper"
_component = st.components.v2.component("simam_viz.keeper", js=source("keeper.js"))


@dataclass(frozen=True)
class File:
    """A photo's file."""

    name: str
    """What the photo goes by in the address."""
    title: str
    data: bytes


@dataclass(frozen=True)
class Said:
    """What a browser says; anybody may send anything, and what is none of this is nothing."""

    forgot: bool = False
    kept: str | None = None
    """The photo that it was given to keep, and"""
    fits: bool = False
    """whether there was room for it."""
    missing: str | None = None
    """The photo that it was asked for and does not have."""
    recalled: File | None = None
    """The photo that it was asked for."""


def ask(keep: File | None, name: str | None, forget: bool) -> None:
    """Draw nothing, and have the browser keep a photo, look for another, or forget all; :func:`heard` then has the answer."""
    entry = None
    if keep is not None:
        entry = {"name": keep.name, "title": keep.title, "data": base64.b64encode(keep.data).decode()}
    _component(key=KEY, on_said_change=lambda: None, data=packed({"keep": entry, "ask": name, "forget": forget}))


def heard() -> Said:
    """What the browser said before this run."""
    said = st.session_state.get(KEY, {}).get("said")
    return Said() if not isinstance(said, dict) else read(said)


def read(said: dict[str, Any]) -> Said:
    """An answer of a browser, as far as it makes sense."""
    kept, missing = said.get("kept"), said.get("missing")
    kept = kept if isinstance(kept, dict) else {}
    return Said(
        said.get("forgot") is True,
        kept["name"] if isinstance(kept.get("name"), str) else None,
        kept.get("fits") is True,
        missing if isinstance(missing, str) else None,
        _file(said.get("recalled")),
    )


def _file(recalled: Any) -> File | None:
    if not isinstance(recalled, dict):
        return None
    name, title, data = (recalled.get(part) for part in ("name", "title", "data"))
    if not (isinstance(name, str) and isinstance(title, str) and isinstance(data, str)):
        return None
    try:
        return File(name, title[:300], base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return None
