"""Attention maps: from the whole network to a block, a channel and a single neuron, and back."""

import streamlit as st

from simam_viz.app import scene, state
from simam_viz.app.scene import Scene
from simam_viz.app.screens.attention_maps import levels as inspection_parts
from simam_viz.app.widgets import choose

LEVELS = {"network": "The network", "block": "One block", "channel": "Channels and neurons"}


def attention_maps(view: Scene) -> None:
    level = state.control(
        st.segmented_control, "Look at", list(LEVELS), name="level", default="channel", required=True,
        parse=state.one_of({name: name for name in LEVELS}), format_func=LEVELS.__getitem__,
    )  # fmt: skip
    if level == "network":
        inspection_parts.network(view)
        return
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        block = choose.block(view)
        if level == "channel":
            channel, quantity, own = choose.channel(block), choose.quantity(), choose.own_range()
    if level == "block":
        inspection_parts.block(view, block)
    else:
        inspection_parts.channels(view, block, channel, quantity, own)
        inspection_parts.one_channel(view, block, channel, quantity, own)


scene.page("pages/attention_maps.py").live(attention_maps)
