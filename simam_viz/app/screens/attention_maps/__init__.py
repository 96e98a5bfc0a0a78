"""Attention maps: from the whole network to a block, a channel and a single neuron, and back."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from ....wording import _, later
from ... import live, state
from ...scene import Part, Scene, Subject
from ...widgets import choose
from .block import one_block
from .channel import all_channels, one_channel
from .network import network

LEVELS = {"network": later("The network"), "block": later("One block"), "channel": later("Channels and neurons")}


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ."""
    live.code()
    yield _maps


def _maps(view: Scene) -> None:
    live.slider(view)
    view = view.of_attention()
    level = state.control(
        st.segmented_control, _("Look at"), list(LEVELS), name="level", default="channel", required=True,
        parse=state.one_of({name: name for name in LEVELS}), format_func=lambda name: _(LEVELS[name]),
    )  # fmt: skip
    if level == "network":
        network(view)
        return
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        block = choose.block(view.analysis())
        if level == "channel":
            channel, quantity, own = choose.channel(block), choose.quantity(block), choose.own_range()
    if level == "block":
        view.shown.panels = [f"weight@{block.name}", f"weight:max@{block.name}"]
        one_block(view, block)
    else:
        view.shown.panels = [f"{what}:{channel}@{block.name}" for what in ("feature", "weight")]
        tiles = st.container()
        # What a click on a tile or a neuron asks for comes first, the many tiles above it after.
        followed = one_channel(view, block, channel, quantity, own)
        with tiles:
            followed += all_channels(view, block, channel, quantity, own)
        live.channels(view, block.name, channel, followed)
