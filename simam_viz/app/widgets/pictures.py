"""Parts that several pages show."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...draw import charts, render
from ...draw.render import Scale, percent
from ...export.tables import Row
from ...wording import _, later
from . import takeaway
from .takeaway import Draw, Shown

__all__ = ["chart", "colour_scale", "percent", "picture", "span", "table", "tiles"]

_RANGES = {
    "common": (later("Colour scale: {quantity}, from {low} to {high}, common range"), later("common range")),
    "own": (later("Colour scale: {quantity}, from {low} to {high}, own range"), later("own range")),
    "": (later("Colour scale: {quantity}, from {low} to {high}, fixed range"), ""),
}
"""What a reader of the screen hears of a scale, and what stands beside it, by its reach."""


def span(low: float, high: float) -> tuple[str, str]:
    """Both ends of a range with as few digits as tell them apart, three at least."""
    for digits in range(3, 8):
        ends = f"{low:.{digits}g}", f"{high:.{digits}g}"
        if ends[0] != ends[1]:
            break
    return ends


def picture(
    shown: Shown,
    name: str,
    draw: Draw,
    size: int,
    *,
    alt: str,
    caption: str | None = None,
    scale: Scale | None = None,
    smooth: bool = False,
) -> None:
    """One picture, drawn in ``size``, with its colour scale and caption; kept in ``shown``, to be taken home in a bigger one.

    ``name`` identifies it on the page (CSS class ``st-key-…``). A ``smooth`` picture, with no edges between neurons that
    would blur, travels as JPEG.
    """
    shown.keep(name, draw, size)
    with st.container(key=f"picture-{name.replace('.', '-')}", gap="xsmall"):
        # Within the page and not beside it: the browser need not come back to ask for each picture, and the server keeps
        # none of a person's photo.
        kind, data = ("jpeg", render.jpeg(draw(size))) if smooth else ("png", render.png(draw(size)))
        address = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        st.image(address, alt=alt, width="stretch")
        if scale is not None:
            colour_scale(scale)
        if caption:
            st.caption(caption)


def chart(
    shown: Shown | None,
    spec: charts.ChartSpec,
    *,
    key: str,
    height: int,
    alt: str,
    name: str | None = None,
    on_select: Callable[[], None] | Literal["ignore"] = "ignore",
) -> None:
    """A chart with a button in its corner that saves it as PNG, in a file called ``name`` (or else as the chart's ``key``).

    ``shown`` is ``None`` for a chart that is not of the photo on screen.
    """
    saved = charts.with_save_button(spec, takeaway.file_name(name or key, shown))
    st.echarts_chart(saved, height=height, key=key, alt=alt, on_select=on_select)


def table(shown: Shown, name: str, title: str, rows: list[Row], place: DeltaGenerator | None = None) -> None:
    """A small table, drawn into ``place`` if there is one; it can be taken home under this name and title."""
    shown.keep_table(name, title, rows)
    (place or st).table(rows)


def tiles(
    shown: Shown,
    name: str,
    draw: Draw,
    size: int,
    labels: list[str],
    columns: int,
    pick: Callable[[int], None],
    *,
    alt: str,
    caption: str,
) -> None:
    """A picture made of equal tiles, each of which can be pointed at and clicked; ``pick`` gets the tile's index.

    One picture under one invisible chart of as many cells as there are tiles; ``style.css`` lays one over the other.
    """
    key = f"cells-{name}"

    def clicked() -> None:
        for series in st.session_state[key].selection.selected:
            pick(series["data_indices"][-1])

    with st.container(key=f"tiles-{name}"):
        picture(shown, name, draw, size, alt=alt)
        st.echarts_chart(charts.cells(labels, columns), height="stretch", key=key, on_select=clicked, alt=alt)
    st.caption(caption)


def colour_scale(scale: Scale) -> None:
    """The colours of a picture from low to high, with the values at both ends, and whether the range is the common one."""
    table = render.colour_table(scale.colours)
    low, high = span(scale.low, scale.high)
    heard, beside = _RANGES[scale.reach]
    told = html.escape(_(heard, quantity=_(scale.label), low=low, high=high))
    stops = ", ".join("#{:02x}{:02x}{:02x}".format(*table[level]) for level in range(0, 256, 15))
    st.html(
        f'<div style="display:flex;align-items:center;gap:.5em;font-size:.8rem" role="img" '
        f'aria-label="{told}">'
        f"<span>{low}</span>"
        f'<span style="flex:1;height:.6em;border-radius:.3em;background:linear-gradient(to right, {stops})"></span>'
        f"<span>{high}</span><span>{_(beside) if beside else ''}</span></div>"
    )
