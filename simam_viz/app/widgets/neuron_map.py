"""A channel as a map of its neurons, any of which can be chosen by a click."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from torch import Tensor

from ...draw import charts, render
from ...explain.blocks import Block
from ...wording import _
from .. import state
from . import choose, pictures
from .shown import Shown

Place = tuple[int, int]


def clickable_map(
    shown: Shown,
    key: str,
    values: Tensor,
    scale: render.Scale,
    target: Place,
    pick: Callable[[Place], None],
    details: dict[str, Tensor] | None = None,
    written: bool = False,
) -> None:
    """A channel whose neurons can be clicked; ``pick`` gets (row, column) of the one that was."""
    width = values.shape[1]

    def clicked() -> None:
        for series in st.session_state[key].selection.selected:
            if series["series_index"] == 0:
                pick(divmod(series["data_indices"][-1], width))

    pictures.chart(
        shown,
        charts.clickable_map(values, scale, target, details, written),
        height=400,
        key=key,
        name=f"{key}-map",
        on_select=clicked,
        alt=_(
            "Heat map of a channel; the chosen neuron, row {row}, column {column}, is framed in red",
            row=target[0],
            column=target[1],
        ),
    )


def pick_neuron(shown: Shown, key: str, block: Block, channel: int, quantity: str, own_range: bool = False) -> Place:
    """Choose a neuron of a channel, by its row and column or by a click on the channel's map."""
    height, width = block.features.shape[1:]
    with st.grid(2, min_column_width=110):
        place = choose.position("row", height), choose.position("column", width)

    def pick(chosen: Place) -> None:
        for name, index in zip(("row", "column"), chosen, strict=True):
            state.put(name, str(index))

    values = block.quantity(quantity)[channel]
    details = {name: block.quantity(name)[channel] for name in block.quantities}
    clickable_map(shown, key, values, render.scale_for(quantity, values, own_range, block.kind), place, pick, details)
    return place
