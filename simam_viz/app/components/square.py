"""The photo with the square that the network sees, to be moved and enlarged by finger, mouse and keyboard."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from typing import Any

import streamlit as st
from PIL import Image

from ...photos import squares
from ...photos.squares import Placed, Size
from ...wording import _
from ..server import forgetting
from . import packed, source

KEY = "square"
_SIDE, _QUALITY = 640, 80
_PHOTO = "square-photo"
_REVISION = "square-revision"
_component = st.components.v2.component(
    "simam_viz.square", css=source("square.css"), js=source("square.js"), isolate_styles=False
)


def square(
    name: str, image: Image.Image, size: Size, now: Placed, usual: Placed, alt: str, on_move: Callable[[Placed], None]
) -> None:
    """Draw the photo with the square ``now`` on it; ``on_move`` gets the new one when the person lets go of it.

    Args:
        name: of the photo, which goes to the browser once.
        image: the photo, or a smaller copy of it.
        size: the photo's own width and height, in whose pixels all squares are.
        now: the square that is seen.
        usual: the one that is seen where nobody chose another.
        alt: the photo in words.
        on_move: called before the page runs again.
    """

    def moved() -> None:
        if (said := _said(st.session_state[KEY].get("moved"))) is not None:
            st.session_state[_REVISION], place = said
            on_move(place)

    _component(
        key=KEY,
        on_moved_change=moved,
        data=packed(
            {
                "photo": _photo(name, image),
                "colour": "rgb({}, {}, {})".format(*squares.mean_colour(image)),
                "width": size[0],
                "height": size[1],
                "square": squares.clamped(now, size),
                "whole": squares.whole(size),
                "usual": squares.clamped(usual, size),
                "smallest": squares.SMALLEST,
                "revision": st.session_state.get(_REVISION, 0),
                "words": {
                    "alt": alt,
                    "name": _("The square that the network sees"),
                    "keys": _("Arrow keys move it, + and − enlarge it and make it smaller."),
                    "whole": _("Whole photo"),
                    "usual": _("Its middle"),
                    "told": _("A square of {side} pixels from column {left} and row {top} on"),
                },
            }
        ),
    )


def _said(moved: Any) -> tuple[int, Placed] | None:
    """What a browser says of a move: its number, and where the square is now; anybody may send anything."""
    if not isinstance(moved, dict):
        return None
    revision, place = moved.get("revision"), moved.get("square")
    if not isinstance(revision, int) or not isinstance(place, list) or len(place) != 3:
        return None
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in place):
        return None
    left, top, side = (float(number) for number in place)
    return revision, (left, top, side)


def _photo(name: str, image: Image.Image) -> str:
    """The photo as a JPEG that a page can hold, made once for each photo."""
    kept: dict[str, str] = st.session_state.setdefault(_PHOTO, {})
    forgetting.keeps(_PHOTO, kept)
    if name not in kept:
        small = image.copy()
        small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=_QUALITY)
        kept.clear()
        kept[name] = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return kept[name]
