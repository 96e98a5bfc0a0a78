"""A picture of equal tiles as buttons, large enough for a thumb wherever it is shown."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from . import packed, source

_component = st.components.v2.component(
    "simam_viz.tiles", css=source("tiles.css"), js=source("tiles.js"), isolate_styles=False
)


def tiles(
    key: str, name: str, labels: list[str], columns: int, gap: int, chosen: int | None, pick: Callable[[int], None]
) -> None:
    """Make buttons of the tiles of a picture; to be called in a container ``channels-…`` in which that picture stands.

    Args:
        key: of the component.
        name: what the tiles are, for screen readers.
        labels: what each tile is, row by row.
        columns: of the picture.
        gap: pixels between its tiles.
        chosen: the tile that is framed.
        pick: gets the number of the tile that was clicked, before the page runs again.
    """

    def picked() -> None:
        tile = st.session_state[key].get("picked")
        if isinstance(tile, int) and 0 <= tile < len(labels):
            pick(tile)

    _component(
        key=key,
        on_picked_change=picked,
        data=packed({"labels": labels, "columns": columns, "gap": gap, "chosen": chosen, "name": name}),
    )
