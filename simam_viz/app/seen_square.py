"""The photo, and on it the square that the network sees; where one can be chosen, it is moved and enlarged there."""

from __future__ import annotations

from functools import partial

import streamlit as st

from ..draw import framing, render
from ..photos import squares
from ..photos.squares import Placed
from ..wording import _
from . import squaring, state
from .components.square import square
from .scene import Scene, Subject
from .widgets import pictures
from .widgets.shown import Draw

_NUMBERS = ("left", "top", "side")
_PLAIN, _PLAIN_QUALITY = 480, 75
"""Pixels across, and quality as JPEG, of the picture that only few browsers show."""


def keep(view: Scene) -> None:
    """The photo with what is seen of it, to be taken home."""
    view.shown.keep("photo", _framed(view), 640)


def photo(subject: Subject) -> None:
    """The photo of a page, its caption, and below it the square in numbers, for exact ones and where no script runs."""
    photo, transforms = subject.photo, subject.loaded.transforms
    draw = _framed(subject)
    if photo.tensor is not None:
        pictures.picture(None, "photo", draw, 640, smooth=True, alt=photo.alt, caption=_named(subject, ""))
        return
    caption = _named(subject, framing.seen_in_words(*photo.size, subject.input_size, transforms, subject.square))
    if not squaring.offered(photo, subject.loaded):
        pictures.picture(None, "photo", draw, 640, smooth=True, alt=photo.alt, caption=caption)
        return
    used_left, used_top, used_right, _bottom = transforms.seen(*photo.size, subject.input_size)
    usual = used_left, used_top, used_right - used_left
    size = photo.size  # callbacks outlive the run, and must not hold on to the photo

    def move(place: Placed) -> None:
        squaring.choose(place, usual, size)

    with st.container(key="seen-square", gap="xsmall"):
        # As a plain picture, too: on screen (style.css) where the component does not start, and so sent small.
        pictures.picture(None, "photo", draw, _PLAIN, smooth=True, alt=photo.alt, quality=_PLAIN_QUALITY)
        square(photo.name, photo.image, size, subject.seen, usual, photo.alt, move)
        st.caption(caption)
        _in_numbers(subject, usual)


def _framed(subject: Subject) -> Draw:
    photo = subject.photo
    if photo.tensor is not None:
        return partial(render.fitted, photo.image)
    seen = subject.loaded.transforms.seen(*photo.image.size, subject.input_size, subject.kept_square)
    left, top, right, bottom = map(round, seen)
    return partial(framing.framed_photo, photo.image, (left, top, right, bottom))


def _named(view: Subject, seen: str) -> str:
    return _("{photo}. {seen}", photo=view.photo.title + view.photo.credit, seen=seen)


def _in_numbers(view: Subject, usual: Placed) -> None:
    size, now = view.photo.size, squares.clamped(view.seen, view.photo.size)
    keys = [f"square-{name}" for name in _NUMBERS]

    def typed() -> None:
        left, top, side = (st.session_state[key] for key in keys)
        squaring.choose((left, top, side), usual, size)

    def reach(length: int, side: float) -> tuple[int, int]:
        low, high = sorted((0, length - round(side)))
        return low, high

    with st.popover(_("The square in numbers"), icon=":material/crop:"):
        with st.grid(3, min_column_width=90):
            for key, label, (low, high), value in zip(
                keys,
                (_("Column of its left edge"), _("Row of its top edge"), _("Side in pixels")),
                (reach(size[0], now[2]), reach(size[1], now[2]), (min(squares.SMALLEST, *size), max(size))),
                map(round, now),
                strict=True,
            ):
                state.show(key, value)
                st.number_input(label, low, high, value=value, step=1, key=key, on_change=typed)
        with st.container(horizontal=True):
            st.button(
                _("The whole photo"),
                key="square-whole",
                on_click=squaring.choose,
                args=(squares.whole(size), usual, size),
            )
            st.button(_("Back to its middle"), key="square-usual", on_click=squaring.choose, args=(usual, usual, size))
        st.caption(_("In the photo's own pixels, {width} × {height}.", width=size[0], height=size[1]))
