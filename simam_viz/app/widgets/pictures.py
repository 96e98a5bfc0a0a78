"""Parts that several pages show."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Hashable
from functools import partial
from typing import Literal

import streamlit as st
from PIL.Image import Image
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from ...draw import charts, render
from ...draw.render import Scale, percent
from ...export.tables import Row
from ...wording import _, later
from .. import theme
from ..components import tiles as tiles_component
from ..server.kept import once
from . import takeaway
from .shown import Draw, Panel, Shown

__all__ = [
    "channels",
    "chart",
    "colour_scale",
    "over_photo",
    "percent",
    "picture",
    "sent_tiles",
    "span",
    "table",
    "tiles",
]

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
    shown: Shown | None,
    name: str,
    draw: Draw,
    size: int,
    *,
    alt: str,
    caption: str | None = None,
    scale: Scale | None = None,
    smooth: bool = False,
    kept_by: Hashable = None,
    panel: Panel | None = None,
    quality: int = 95,
) -> None:
    """One picture, drawn in ``size``, with its colour scale and caption; kept in ``shown``, to be taken home in a bigger one.

    ``shown`` is ``None`` for a picture that λ does not reach, or that is kept otherwise.

    ``name`` identifies it on the page (CSS class ``st-key-…``). A ``smooth`` picture, with no edges between neurons that
    would blur, travels as JPEG of this ``quality``. A dear one is not drawn again while ``kept_by``, all that it depends on, stays
    the same. A ``panel`` is a map over the photo, which is taken home as a figure.
    """
    if shown is not None:
        shown.keep(name, draw, size, panel)
    with st.container(key=f"picture-{name.replace('.', '-')}", gap="xsmall"):
        # Within the page and not beside it: the browser need not come back to ask for each picture, and the server keeps
        # none of a person's photo.
        def address() -> str:
            kind, data = ("jpeg", render.jpeg(draw(size), quality)) if smooth else ("png", render.png(draw(size)))
            return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

        shown_now = address() if kept_by is None else once(f"picture-{name}", (kept_by, size), address, entries=1)
        st.image(shown_now, alt=alt, width="stretch")
        if scale is not None:
            colour_scale(scale)
        if caption:
            st.caption(caption)


def over_photo(
    shown: Shown | None,
    name: str,
    view: Image,
    values: Tensor,
    scale: Scale,
    size: int,
    *,
    title: str,
    alt: str,
    caption: str | None = None,
    with_scale: bool = True,
    quality: int = 95,
) -> None:
    """A map (h, w) over what the network saw of the photo, as :func:`picture`; ``title`` stands on it at home."""
    picture(
        shown, name, partial(render.overlay, view, values, scale), size, alt=alt, caption=caption,
        scale=scale if with_scale else None, smooth=True, panel=Panel(title, values, scale), quality=quality,
    )  # fmt: skip


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
    if shown is not None:
        shown.charts[name or key] = charts.readable(spec, charts.PAPER)
    background = theme.background()
    saved = charts.with_save_button(
        charts.readable(spec, background), takeaway.file_name(name or key, shown), background
    )
    st.echarts_chart(saved, height=height, key=key, alt=alt, on_select=on_select)


def table(shown: Shown, name: str, title: str, rows: list[Row], place: DeltaGenerator | None = None) -> None:
    """A small table, drawn into ``place`` if there is one; it can be taken home under this name and title."""
    shown.keep_table(name, title, rows)
    (place or st).table(rows)


def tiles(
    shown: Shown,
    name: Literal["pixels", "boxes"],  # style.css names them
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


def channels(
    shown: Shown,
    name: Literal["contrast", "mosaic"],  # style.css names them
    maps: Tensor,
    scale: Scale,
    width: int,
    labels: list[str],
    chosen: int | None,
    pick: Callable[[int], None],
    *,
    alt: str,
    caption: str,
    kept_by: Hashable,
    columns: int | None = None,
) -> None:
    """Channels (C, h, w) as tiles of which each is a button; ``pick`` gets the tile's index.

    Taken home, the ``chosen`` one is framed. On screen the buttons frame it: the picture stays the same, and with it what has
    to be sent and drawn after a click.
    """
    columns = columns or render.mosaic_columns(len(maps))
    small, gap = sent_tiles(maps, width, columns)
    with st.container(key=f"channels-{name}"):
        drawn = partial(render.mosaic, maps, scale, gap=gap, columns=columns)
        picture(shown, name, drawn, small, alt=alt, kept_by=kept_by)
        tiles_component.tiles(f"buttons-{name}", alt, labels, columns, gap, chosen, pick)
    shown.keep(name, partial(render.mosaic, maps, scale, selected=chosen, columns=columns), width)
    st.caption(caption)


def sent_tiles(maps: Tensor, width: int, columns: int) -> tuple[int, int]:
    """The width, and the gap between tiles, of the picture of (C, h, w) maps that is sent where ``width`` would be its full one.

    Two pixels a neuron are enough, or as many as let a gap of one pixel be as wide as it is in full; one where the tile has no
    more. The browser enlarges them, with hard edges. So much less is packed, sent, unpacked and painted.
    """
    full = (width - render.GAP) // columns - render.GAP
    side = max(maps.shape[1:])
    each = max(2, round(full / (render.GAP * side)))
    tile = min(full, each * side if each * side <= full else side)
    gap = max(1, round(render.GAP * tile / full))
    return columns * (tile + gap) + gap, gap


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
