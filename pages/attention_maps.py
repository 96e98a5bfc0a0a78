"""Attention maps: all channels of a block, and one channel large beside the photo."""

import numpy as np
import streamlit as st

from simam_viz import render
from simam_viz.analysis import QUANTITIES
from simam_viz.lesson import Derivation
from simam_viz.ui import choose, lesson_parts, scene, state, widgets
from simam_viz.ui.glossary import explain
from simam_viz.ui.scene import Scene

# The widest picture that Streamlit shows without resampling it.
WIDTH = 1460


def attention_maps(view: Scene) -> None:
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        block = choose.block(view)
        channel = choose.channel(block)
        quantity = state.control(
            st.selectbox, "Show", list(QUANTITIES), name="show", default="attention weight",
            parse=state.one_of({name: name for name in QUANTITIES}), help="\n\n".join(map(explain, QUANTITIES)),
        )  # fmt: skip
        own = choose.own_range()

    channels, height, width = block.features.shape
    values = block.quantity(quantity)
    scale = render.scale_for(quantity, values, own)
    st.subheader(f"All {channels} channels of {block.name}")
    widgets.picture(
        "mosaic",
        render.mosaic(values, scale, WIDTH, channel),
        alt=f"The {quantity} of all {channels} channels of {block.name} as small maps; channel {channel} is framed",
        caption=f"{quantity.capitalize()}, one tile a channel, {height} × {width} neurons each; channel 0 at the top left, "
        f"{render.mosaic_columns(channels)} channels a row. Channel {channel} is framed in red.{view.hypothetical}",
        scale=scale,
    )

    st.subheader(f"Channel {channel}")
    features, weights = block.features[channel], block.attention[channel]
    size = 480
    with st.grid(4, min_column_width=170):
        widgets.picture(
            "view",
            render.enlarge(np.asarray(view.analysis().view), size, smooth=True),
            alt=view.photo.alt,
            caption="What the network sees.",
        )
        feature_scale = render.scale_for("feature", features)
        widgets.picture(
            "channel-features",
            render.heat_map(features, feature_scale, size),
            alt=f"Features of channel {channel}, {height} by {width} neurons",
            caption=f"What enters SimAM: mean {features.mean():.3f}, variance {block.variances[channel]:.3f}.",
            scale=feature_scale,
        )
        weight_scale = render.scale_for("attention weight", weights, own)
        widgets.picture(
            "channel-weights",
            render.heat_map(weights, weight_scale, size),
            alt=f"Attention weights of channel {channel}, {height} by {width} neurons",
            caption=f"The weight of each neuron: {weights.min():.3f} to {weights.max():.3f}.",
            scale=weight_scale,
        )
        widgets.picture(
            "channel-overlay",
            render.overlay(view.analysis().view, weights, weight_scale, size),
            alt=f"Attention weights of channel {channel} over the photo",
            caption="The weights, enlarged smoothly, mixed half and half with the photo in grey.",
            scale=weight_scale,
        )
    st.caption(
        "SimAM favours a neuron by its distance from the channel's mean, on either side: one far below the mean is as bright "
        "in the weight map as one as far above it."
    )

    st.subheader("Pick a neuron", help="Its whole computation, with its own numbers.")
    chart, numbers = st.columns([5, 4], gap="large")
    with chart:
        place = lesson_parts.pick_neuron(f"pick-{block.name}-{channel}", block, channel, quantity, own)
        st.caption(f"The channel's {quantity}: point at a neuron to read its value, click it to choose it.")
    with numbers:
        neuron = Derivation(features, *place, view.e_lambda)
        lesson_parts.results(neuron)
        st.caption(f"Row {place[0]}, column {place[1]} of channel {channel}.{view.hypothetical}")
        scene.leap("pages/energy_function.py", "Step by step: how it gets this weight", neuron="photo")


scene.page("pages/attention_maps.py").live(attention_maps)
