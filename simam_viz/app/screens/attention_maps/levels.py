"""The parts of the Attention maps page: the network, a block, a channel, a neuron."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import streamlit as st
from PIL import Image
from torch import Tensor

from ....draw import charts, render
from ....explain import inspection
from ....explain.blocks import Block
from ....export.files import Row
from ....lesson.derivation import number, signed
from ....modules import rivals
from ....modules.formulas import ATTENTION_FLOOR
from ....networks.geometry import receptive_field
from ... import scene, state
from ...scene import Scene
from ...widgets import choose, pictures, takeaway
from ...widgets.glossary import TERMS, explain
from ..energy_function import steps as lesson_parts

# The widest picture that Streamlit shows without resampling it.
WIDTH = 1460
_TOP = 12


def network(view: Scene) -> None:
    """Which blocks' weights vary most, and the most emphasised neurons, each a way down."""
    analysis = view.analysis()
    summaries = [inspection.summarise(block) for block in analysis.blocks]
    most = max(summaries, key=lambda summary: summary.spread)
    flat = sum(s.flat_neurons * s.channels * s.rows * s.columns for s in summaries)
    share = flat / sum(s.channels * s.rows * s.columns for s in summaries)
    st.subheader("Every block", help=explain("flat"))
    st.markdown(
        f"The weights vary most in **{most.name}** (standard deviation {most.spread:.4f}). **{share:.1%}** of all neurons have a "
        f"weight within 1 % of the floor {ATTENTION_FLOOR:.3f}.{view.hypothetical}"
    )
    _table(
        "blocks",
        "Every block",
        [
            {
                "block": s.name,
                "channels": s.channels,
                "map": f"{s.rows} × {s.columns}",
                "mean weight": s.mean_weight,
                "highest weight": s.highest_weight,
                "standard deviation": s.spread,
                "neurons at the floor": s.flat_neurons,
                "channels flattened": s.flat_channels,
            }
            for s in summaries
        ],
        lambda row: _go(level="block", block=summaries[row].name, channel=None, row=None, column=None),
        percent=("neurons at the floor", "channels flattened"),
    )
    st.subheader(f"The {_TOP} most emphasised neurons of the network")
    neurons = inspection.most_emphasised(analysis, _TOP)

    def open_neuron(row: int) -> None:
        n = neurons[row]
        _go(level="channel", block=n.block, channel=str(n.channel), row=str(n.row), column=str(n.column))

    _table(
        "neurons",
        f"The {_TOP} most emphasised neurons",
        [
            {
                "block": n.block,
                "channel": n.channel,
                "row": n.row,
                "column": n.column,
                "feature": n.feature,
                "z": n.z,
                "side": "above the mean" if n.z > 0 else "below the mean",
                "importance": n.importance,
                "weight": n.weight,
            }
            for n in neurons
        ],
        open_neuron,
    )
    st.caption(
        "Sorted by importance 1/e*, which the sigmoid bounds but does not reorder. Choose a row of either table to go there. "
        "Importance depends on how rare a value is in its channel: the larger the map, the higher a lone neuron can rise."
    )


def block(view: Scene, block: Block) -> None:
    """What 1-D and 2-D attention would keep of a block's 3-D weights, and what each kind costs."""
    weights = block.attention
    mean, highest = weights.mean(dim=0), weights.amax(dim=0)
    st.subheader(f"{block.name} as attention of one, two and three dimensions", help=explain("kinds of attention"))
    order = inspection.ranked_channels(inspection.contrast(block))[:6]
    scale = render.scale_for("attention weight", weights[order], own_range=True)
    planes = {
        "1-D: one weight a channel": [weights[c].mean().expand_as(mean) for c in order],
        "2-D: one weight a position": [mean] * len(order),
        "3-D: one weight a neuron": [weights[c] for c in order],
    }
    kept = inspection.reductions(weights)
    shares = (kept.between_channels, kept.between_positions, 1.0)
    lost = "loses **{:.1%}** of the weights' variance".format
    with st.grid(3, min_column_width=240):
        for (title, maps), share in zip(planes.items(), shares, strict=True):
            with st.container():
                st.markdown(f"**{title}**")
                pictures.picture(
                    f"kind-{title[:3].lower()}",
                    partial(_sheets, view.analysis().view, maps, scale),
                    240,
                    smooth=True,
                    alt=f"Six channels of {block.name} as tilted sheets of the photo: {title}",
                    caption=lost(1 - share),
                    scale=scale,
                )
    st.caption(
        f"Six channels of {block.name}, those of greatest contrast (channels {', '.join(map(str, order))}), on your photo. 1-D attention "
        "would keep nearly nothing of SimAM's weights, and that is by construction: every channel is compared with itself, so its "
        f"mean weight lies between 0.622 and 0.679 whatever it holds.{view.hypothetical}"
    )

    st.subheader("What a 2-D attention would see")
    own = choose.own_range()
    with st.grid(3, min_column_width=220):
        for title, map_, kind, share in (
            ("Mean over channels", mean, "mean weight", kept.between_positions),
            ("Maximum over channels", highest, "attention weight", kept.by_highest),
        ):
            scale = render.scale_for(kind, map_, own)
            pictures.picture(
                f"reduced-{title[:4].lower().strip()}",
                partial(render.overlay, view.analysis().view, map_, scale),
                480,
                smooth=True,
                alt=f"{title} of the weights of {block.name}, over the photo",
                caption=f"**{title}**: {map_.min():.3f} to {map_.max():.3f}; {lost(1 - share)}",
                scale=scale,
            )
        means = weights.mean(dim=(1, 2))
        with st.container():
            pictures.chart(
                charts.histogram({"channels": means}, "mean weight of a channel", 0.62, 0.68, False, unit="channels",
                                 marks={"bound": 0.6792}),
                height=300,
                key="channel-means",
                name=f"{block.name}-mean-weights",
                alt="Histogram of the channels' mean weights",
            )  # fmt: skip
            st.caption(
                f"What a 1-D attention would see: the mean weight of each channel, {means.min():.4f} to {means.max():.4f}; "
                f"{lost(1 - kept.between_channels)}."
            )
    st.caption(
        "Lost: the share of the variance over all neurons that the reduced map cannot tell, however it is stretched and shifted."
        + _padding(view, block)
    )

    _rivals(block)


def _rivals(block: Block) -> None:
    channels, height, width = block.features.shape
    title = f"SE, CBAM, ECA and SimAM at {channels} × {height} × {width}"
    st.subheader(title)
    place = st.empty()
    key = f"latencies-{channels}-{height}-{width}"
    pictures.table("modules", title, _rivals_table(channels, height, width, st.session_state.get(key, {})), place)
    if st.button("Measure the time on this machine", key="measure-latency"):
        bar = st.progress(0.0, "Timing each module in turn")
        for share, times in rivals.latencies(block.features[None]):
            bar.progress(share, "Timing each module in turn")
            st.session_state[key] = times
        bar.empty()
        pictures.table("modules", title, _rivals_table(channels, height, width, st.session_state[key]), place)
    st.caption(
        "Multiply–adds and time: of one forward pass on one photo. Time: the median of 15 rounds in turn, on the server's "
        "processor; it depends on the machine and on what else it does. Top-1: of a ResNet-50 on ImageNet as each module's own "
        "authors publish it, each with its own recipe, so these do not rank the modules. Sources: "
        + "; ".join(f"{name}: {rival.source}" for name, rival in rivals.RIVALS.items())
        + "."
    )


def _rivals_table(channels: int, height: int, width: int, times: dict[str, float]) -> list[Row]:
    return [
        {
            "module": name,
            "weights for": rival.kind,
            "parameters": f"{rivals.parameters(rivals.build(name, channels)):,}",
            "multiply–adds": f"{rivals.multiply_adds(name, channels, height, width):,}",
            "time (ms)": f"{times[name]:.3f}" if name in times else "not measured",
            "published top-1": f"{rival.published_top1:.2f} %",
        }
        for name, rival in rivals.RIVALS.items()
    ]


def channels(view: Scene, block: Block, channel: int, quantity: str, own: bool) -> None:
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
        "mosaic",
        partial(render.mosaic, maps[shown], scale, selected=shown.index(channel) if channel in shown else None),
        WIDTH,
        labels,
        columns,
        open_channel,
        alt=f"The {quantity} of {len(shown)} channels of {block.name} as small maps; channel {channel} is framed",
        caption=f"{quantity.capitalize()}, one tile a channel, {height} × {width} neurons each, {columns} tiles a row, sorted by "
        f"{measure or 'channel number'}{'' if measure is None else ', greatest first'}. Click a tile to open its channel; "
        f"channel {channel} is framed in red.{_padding(view, block)}{view.hypothetical}",
    )
    pictures.colour_scale(scale)


def one_channel(view: Scene, block: Block, channel: int, quantity: str, own: bool) -> None:
    """One channel in every quantity, and one neuron of it."""
    _, height, width = block.features.shape
    features, weights = block.features[channel], block.attention[channel]
    st.subheader(f"Channel {channel}")
    chart, numbers = st.columns([5, 4], gap="large")
    with chart:
        place = lesson_parts.pick_neuron(f"pick-{block.name}-{channel}", block, channel, quantity, own)
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
                f"channel-{name}",
                partial(render.marked_map, values, scale, place),
                size,
                alt=f"{name.capitalize()} of channel {channel}, {height} by {width} neurons, the chosen one framed",
                caption=caption,
                scale=scale,
            )
        weight_scale = render.scale_for("attention weight", weights, own)
        pictures.picture(
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


def _padding(view: Scene, block: Block) -> str:
    """A remark where a block's maps are still large enough for the frame of zeros around the photo to show."""
    return f" {TERMS['padding'][0]}" if 8 * block.features.shape[-1] >= view.input_size else ""


def _sheets(photo: Image.Image, maps: list[Tensor], scale: render.Scale, size: int) -> render.Pixels:
    return render.stack([render.overlay(photo, map_, scale, size) for map_ in maps], size)


def _neuron(view: Scene, block: Block, channel: int, place: lesson_parts.Place) -> None:
    n = inspection.neuron(block, channel, *place)
    takeaway.keep_table(
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
    scene.leap("pages/energy_function.py", "Step by step: how it gets this weight", neuron="photo")
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


def _field(view: Scene, block: Block, place: lesson_parts.Place) -> None:
    try:
        field = receptive_field(view.loaded.model, block.name)
    except ValueError as error:
        st.caption(str(error))
        return
    (top, bottom), (left, right) = field.of(place[0]), field.of(place[1])
    side = view.input_size
    seen = max(0, min(bottom, side) - max(top, 0)) * max(0, min(right, side) - max(left, 0)) / side**2
    pictures.picture(
        "receptive-field",
        partial(render.boxed_view, view.analysis().view, (left, top, right, bottom)),
        480,
        smooth=True,
        alt=f"The photo, dimmed outside the receptive field of the neuron at row {place[0]}, column {place[1]}",
        caption=f"**Receptive field**: {field.size} × {field.size} pixels around it, {seen:.0%} of the picture. "
        "Earlier SimAM modules let every neuron depend a little on all of it.",
    )


def _table(
    name: str, title: str, rows: list[dict[str, object]], pick: Callable[[int], None], percent: tuple[str, ...] = ()
) -> None:
    """A table whose rows can be chosen; ``pick`` gets the index of the one that was."""
    key = f"table-{name}"
    takeaway.keep_table(f"page-{name}", title, rows)
    numbers = {
        column: st.column_config.NumberColumn(format="percent" if column in percent else "%.4g")
        for column, value in rows[0].items()
        if isinstance(value, float)
    }

    def chosen() -> None:
        for row in st.session_state[key].selection.rows:
            pick(row)

    st.dataframe(rows, hide_index=True, column_config=numbers, on_select=chosen, selection_mode="single-row", key=key)


def _go(**changes: str | None) -> None:
    for name, text in changes.items():
        state.put(name, text)
