"""The channels of a block, one of them, and one neuron of it."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import streamlit as st

from ....draw import render
from ....explain import inspection
from ....explain.blocks import Block
from ....lesson.katex import number, signed
from ....networks.geometry import receptive_field
from ... import state
from ...pages import leap
from ...scene import Scene
from ...widgets import choose, pictures
from ...widgets.neuron_map import Place, pick_neuron
from .block import padding

# The widest picture that Streamlit shows without resampling it.
WIDTH = 1460


def all_channels(view: Scene, block: Block, channel: int, quantity: str, own: bool) -> None:
    """All channels of a block as one picture, sorted and filtered, each tile a way to its channel."""
    total, height, width = block.features.shape
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        measure = choose.order()
        if measure is None:
            numbers, shown = None, list(range(total))
        else:
            numbers = inspection.CHANNEL_MEASURES[measure](block)
            shown = inspection.ranked_channels(numbers, choose.minimum(measure, numbers))
    st.subheader(
        f"All {total} channels of {block.name}"
        if len(shown) == total
        else f"{len(shown)} of {total} channels of {block.name}"
    )
    if not shown:
        st.info(f"No channel has so high a {measure}: lower the minimum.")
        return
    maps = block.quantity(quantity)
    scale = render.scale_for(quantity, maps, own)
    columns = render.mosaic_columns(len(shown))
    labels = [f"channel {c}" + ("" if numbers is None else f" · {measure} {float(numbers[c]):.4g}") for c in shown]

    def open_channel(tile: int) -> None:
        if tile < len(shown):
            state.put("block", block.name)
            state.put("channel", str(shown[tile]))

    pictures.tiles(
        view.shown,
        "mosaic",
        partial(render.mosaic, maps[shown], scale, selected=shown.index(channel) if channel in shown else None),
        WIDTH,
        labels,
        columns,
        open_channel,
        alt=f"The {quantity} of {len(shown)} channels of {block.name} as small maps; channel {channel} is framed",
        caption=f"{quantity.capitalize()}, one tile a channel, {height} × {width} neurons each, {columns} tiles a row, sorted by "
        f"{measure or 'channel number'}{'' if measure is None else ', greatest first'}. Click a tile to open its channel; "
        f"channel {channel} is framed in red.{padding(view, block)}{view.hypothetical}",
    )
    pictures.colour_scale(scale)


def one_channel(view: Scene, block: Block, channel: int, quantity: str, own: bool) -> None:
    """One channel in every quantity, and one neuron of it."""
    _, height, width = block.features.shape
    features, weights = block.features[channel], block.attention[channel]
    st.subheader(f"Channel {channel}")
    chart, numbers = st.columns([5, 4], gap="large")
    with chart:
        place = pick_neuron(view.shown, f"pick-{block.name}-{channel}", block, channel, quantity, own)
        st.caption(
            f"The channel's {quantity}: point at a neuron to read its value in every quantity, click it to choose it everywhere."
        )
    with numbers:
        _neuron(view, block, channel, place)

    size = 480
    sides = inspection.weights_by_side(features, weights)
    maps = [
        ("features", features, render.scale_for("feature", features),
         f"**What enters SimAM**: mean {features.mean():.3f}, variance {block.variances[channel]:.3f}."),
        ("energy", block.energy[channel], render.scale_for("energy", block.energy[channel], own),
         "**Energy** e*: low where a neuron stands apart."),
        ("importance", block.importance[channel], render.scale_for("importance", block.importance[channel], own),
         "**Importance** 1/e*, from its floor ½."),
        ("weights", weights, render.scale_for("attention weight", weights, own),
         f"**Weight**: {weights.min():.3f} to {weights.max():.3f}."),
        ("sides", sides, render.side_scale(sides, own),
         "**Weight by side**: orange for neurons favoured because they lie above the channel's mean, violet below it; a ReLU "
         "may cut the latter."),
        ("refined", block.refined[channel], render.scale_for("refined feature", block.refined[channel]),
         "**What leaves SimAM**: features × weights."),
    ]  # fmt: skip
    with st.grid(4, min_column_width=170):
        for name, values, scale, caption in maps:
            pictures.picture(
                view.shown,
                f"channel-{name}",
                partial(render.marked_map, values, scale, place),
                size,
                alt=f"{name.capitalize()} of channel {channel}, {height} by {width} neurons, the chosen one framed",
                caption=caption,
                scale=scale,
            )
        weight_scale = render.scale_for("attention weight", weights, own)
        pictures.picture(
            view.shown,
            "channel-overlay",
            partial(render.overlay, view.analysis().view, weights, weight_scale),
            size,
            smooth=True,
            alt=f"Attention weights of channel {channel} over the photo",
            caption="The weights over the photo, enlarged smoothly, mixed half and half with it in grey.",
            scale=weight_scale,
        )
        _field(view, block, place)
    ranges = "each map its own" if own else "the common ones, so that channels can be compared"
    st.caption(
        f"The chosen neuron is framed in red. Ranges: {ranges}; features always from their own extreme to its negative."
    )


def _neuron(view: Scene, block: Block, channel: int, place: Place) -> None:
    n = inspection.neuron(block, channel, *place)
    view.shown.keep_table(
        "neuron",
        f"Neuron ({n.row}, {n.column}) of channel {channel} of {block.name}",
        [
            {
                "feature": n.feature, "μ": n.mean, "σ²": n.variance, "z": n.z, "energy": n.energy, "importance": n.importance,
                "weight": n.weight, "rank in channel": n.rank_in_channel, "rank in block": n.rank_in_block,
            }
        ],
    )  # fmt: skip
    side = "above" if n.z > 0 else "below" if n.z < 0 else "at"
    st.markdown(
        f"**Neuron ({n.row}, {n.column})** of channel {channel} of {block.name}: it lies {side} its channel's mean."
    )
    with st.grid(3, min_column_width=130):
        st.metric("Feature t", f"{n.feature:.4g}")
        st.metric("μ", f"{n.mean:.4g}")
        st.metric("σ²", f"{n.variance:.4g}")
        st.metric("z = (t − μ)/σ", f"{n.z:.3g}")
        st.metric("Energy e*", f"{n.energy:.4g}")
        st.metric("Importance 1/e*", f"{n.importance:.4g}")
        st.metric("Weight", f"{n.weight:.5f}")
        st.metric(
            f"Of {block.features[0].numel():,} in channel", f"No. {n.rank_in_channel:,}", help="Its rank by importance."
        )
        st.metric(f"Of {block.features.numel():,} in block", f"No. {n.rank_in_block:,}", help="Its rank by importance.")
    d, variance, e_lambda = n.feature - n.mean, number(n.variance), number(block.e_lambda)
    st.caption("Its energy by Eq. 5; the importance is 1/e*, the weight the sigmoid of that:")
    st.latex(
        rf"\begin{{aligned}}e^*&=\frac{{4(\sigma^2+\lambda)}}{{(t-\mu)^2+2\sigma^2+2\lambda}}\\"
        rf"&=\frac{{4\,({variance}+{e_lambda})}}{{{signed(d)}^2+2\cdot{variance}+2\cdot{e_lambda}}}\\&={number(n.energy)}\end{{aligned}}"
    )
    if view.hypothetical:
        st.caption(view.hypothetical)
    leap("pages/energy_function.py", "Step by step: how it gets this weight", neuron="photo")
    with st.popover("Share this neuron", icon=":material/link:"):
        named = {
            **state.current(),
            "block": block.name,
            "channel": str(channel),
            "row": str(n.row),
            "column": str(n.column),
        }
        st.code(f"{(st.context.url or '').split('?')[0]}?{urlencode(named)}", language=None, wrap_lines=True)
        st.caption("The address of this view: whoever opens it sees this neuron.")


def _field(view: Scene, block: Block, place: Place) -> None:
    try:
        field = receptive_field(view.loaded.model, block.name)
    except ValueError as error:
        st.caption(str(error))
        return
    (top, bottom), (left, right) = field.of(place[0]), field.of(place[1])
    side = view.input_size
    seen = max(0, min(bottom, side) - max(top, 0)) * max(0, min(right, side) - max(left, 0)) / side**2
    pictures.picture(
        view.shown,
        "receptive-field",
        partial(render.boxed_view, view.analysis().view, (left, top, right, bottom)),
        480,
        smooth=True,
        alt=f"The photo, dimmed outside the receptive field of the neuron at row {place[0]}, column {place[1]}",
        caption=f"**Receptive field**: {field.size} × {field.size} pixels around it, {seen:.0%} of the picture. "
        "Earlier SimAM modules let every neuron depend a little on all of it.",
    )
