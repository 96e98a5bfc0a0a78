"""Parts that several pages show."""

from __future__ import annotations

import base64
from collections.abc import Callable

import streamlit as st

from .. import charts, render
from ..render import Pixels, Scale


def percent(probability: float) -> str:
    """A probability as a percentage that is never a false zero."""
    return f"{probability:.1%}" if probability >= 0.0005 else "<0.1%"


def span(low: float, high: float) -> tuple[str, str]:
    """Both ends of a range with as few digits as tell them apart, three at least."""
    for digits in range(3, 8):
        ends = f"{low:.{digits}g}", f"{high:.{digits}g}"
        if ends[0] != ends[1]:
            break
    return ends


def picture(name: str, pixels: Pixels, *, alt: str, caption: str | None = None, scale: Scale | None = None) -> None:
    """One picture with its colour scale and caption. ``name`` identifies it on the page (CSS class ``st-key-…``)."""
    with st.container(key=f"picture-{name.replace('.', '-')}", gap="xsmall"):
        # Within the page and not beside it: the browser need not come back to ask for each picture, and the server keeps
        # none of a person's photo. As PNG: a JPEG would blur neurons into each other.
        address = "data:image/png;base64," + base64.b64encode(render.png(pixels)).decode()
        st.image(address, alt=alt, width="stretch")
        if scale is not None:
            colour_scale(scale)
        if caption:
            st.caption(caption)


def tiles(
    name: str, pixels: Pixels, labels: list[str], columns: int, pick: Callable[[int], None], *, alt: str, caption: str
) -> None:
    """A picture made of equal tiles, each of which can be pointed at and clicked; ``pick`` gets the tile's index.

    One picture under one invisible chart of as many cells as there are tiles; ``style.css`` lays one over the other.
    """
    key = f"cells-{name}"

    def clicked() -> None:
        for series in st.session_state[key].selection.selected:
            pick(series["data_indices"][-1])

    with st.container(key=f"tiles-{name}"):
        picture(name, pixels, alt=alt)
        st.echarts_chart(charts.cells(labels, columns), height="stretch", key=key, on_select=clicked, alt=alt)
    st.caption(caption)


def colour_scale(scale: Scale) -> None:
    """The colours of a picture from low to high, with the values at both ends."""
    table = render.colour_table(scale.colours)
    low, high = span(scale.low, scale.high)
    stops = ", ".join("#{:02x}{:02x}{:02x}".format(*table[level]) for level in range(0, 256, 15))
    st.html(
        f'<div style="display:flex;align-items:center;gap:.5em;font-size:.8rem" role="img" '
        f'aria-label="Colour scale: {scale.label}, from {low} to {high}">'
        f"<span>{low}</span>"
        f'<span style="flex:1;height:.6em;border-radius:.3em;background:linear-gradient(to right, {stops})"></span>'
        f"<span>{high}</span></div>"
    )
