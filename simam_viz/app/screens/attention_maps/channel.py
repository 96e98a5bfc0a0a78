"""The channels of a block, one of them, and one neuron of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from urllib.parse import urlencode

import streamlit as st
from torch import Tensor

from ....draw import framing, render
from ....explain import inspection
from ....explain.blocks import Block
from ....lesson.katex import number, signed
from ....networks.geometry import receptive_field
from ....wording import _, together
from ... import live, state
from ...pages import leap
from ...scene import Scene
from ...widgets import choose, pictures
from ...widgets.glossary import explain
from ...widgets.neuron_map import Place, pick_neuron
from .block import padding

# The widest picture that Streamlit shows without resampling it.
WIDTH = 1460
MOST_CONTRAST, LARGE_COLUMNS, LARGE_WIDTH = 12, 6, 1004
"""How many channels are shown large, and how: on a phone, six in a row are still larger than a thumb."""


def all_channels(view: Scene, block: Block, channel: int, quantity: str, own: bool) -> list[live.Followed]:
    """The channels of greatest contrast, large, then all of a block, sorted and filtered; each tile is a way to its channel.

    Returns the pictures that follow λ while it is dragged: those of the weights.
    """
    total, height, width = block.features.shape
    maps = block.quantity(quantity)
    scale = render.scale_for(quantity, maps, own, block.kind)
    called = _(quantity)
    drawn = _Drawn(view, block, quantity, own, maps, scale, channel)
    contrasts = inspection.contrast(block)
    if total > 2 * MOST_CONTRAST and float(contrasts.max()) > 0:
        _of_most_contrast(drawn, inspection.ranked_channels(contrasts)[:MOST_CONTRAST], contrasts)
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        measure = choose.order()
        if measure is None:
            shown = list(range(total))
            labels = [_("channel {channel}", channel=index) for index in shown]
        else:
            numbers = inspection.CHANNEL_MEASURES[measure](block)
            shown = inspection.ranked_channels(numbers, choose.minimum(measure, numbers))
            labels = [_labelled(index, measure, numbers) for index in shown]
    st.subheader(
        _("All {total} channels of {block}", total=total, block=block.name)
        if len(shown) == total
        else _("{shown} of {total} channels of {block}", shown=len(shown), total=total, block=block.name)
    )
    if not shown and measure is not None:
        st.info(_("No channel has so high a {measure}: lower the minimum.", measure=_(measure)))
        return drawn.followed
    laid = {"quantity": called.capitalize(), "rows": height, "columns": width}
    order = (
        _("{quantity}, one tile a channel, {rows} × {columns} neurons each, sorted by channel number.", **laid)
        if measure is None
        else _(
            "{quantity}, one tile a channel, {rows} × {columns} neurons each, sorted by {measure}, greatest first.",
            measure=_(measure),
            **laid,
        )
    )
    open_one = _("Click a tile to open its channel; channel {channel} is framed in red.", channel=channel)
    drawn.draw(
        "mosaic",
        shown,
        labels,
        WIDTH,
        alt=_(
            "The {quantity} of {shown} channels of {block} as small maps; channel {channel} is framed",
            quantity=called,
            shown=len(shown),
            block=block.name,
            channel=channel,
        ),
        caption=together(order, open_one) + padding(view, block) + view.hypothetical,
    )
    pictures.colour_scale(scale)
    return drawn.followed


def _of_most_contrast(drawn: _Drawn, shown: list[int], contrasts: Tensor) -> None:
    st.subheader(
        _("The {count} channels of greatest contrast in {block}", count=len(shown), block=drawn.block.name),
        help=explain("contrast"),
    )
    drawn.draw(
        "contrast",
        shown,
        [_labelled(index, "contrast of the weights", contrasts) for index in shown],
        LARGE_WIDTH,
        alt=_(
            "The {quantity} of the {shown} channels of {block} whose weights differ most over positions, as maps",
            quantity=_(drawn.quantity),
            shown=len(shown),
            block=drawn.block.name,
        ),
        caption=_("Those whose weights differ most from position to position, the greatest first."),
        columns=LARGE_COLUMNS,
    )


def _labelled(index: int, measure: str, numbers: Tensor) -> str:
    return _(
        "channel {channel} · {measure} {value:.4g}", channel=index, measure=_(measure), value=float(numbers[index])
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Tiles of some channels, each a way to its channel."""

    view: Scene
    block: Block
    quantity: str
    own: bool
    maps: Tensor
    scale: render.Scale
    channel: int
    followed: list[live.Followed] = field(default_factory=list)

    def draw(
        self,
        name: Literal["contrast", "mosaic"],
        shown: list[int],
        labels: list[str],
        width: int,
        *,
        alt: str,
        caption: str,
        columns: int | None = None,
    ) -> None:
        """Draw these channels under a name of the page."""
        block_name = self.block.name  # callbacks outlive the run, and must not hold on to the analysis

        def open_channel(tile: int) -> None:
            state.put("block", block_name)
            state.put("channel", str(shown[tile]))

        pictures.channels(
            self.view.shown,
            name,
            self.maps[shown],
            self.scale,
            width,
            labels,
            shown.index(self.channel) if self.channel in shown else None,
            open_channel,
            alt=alt,
            caption=caption,
            kept_by=(self.view.key, block_name, self.quantity, self.own, tuple(shown)),
            columns=columns,
        )
        if self.quantity == "attention weight":
            columns = columns or render.mosaic_columns(len(shown))
            small, gap = pictures.sent_tiles(self.maps, width, columns)
            followed = live.Followed(name, "tiles", self.scale, channels=shown, gap=gap * columns / (small - gap))
            self.followed.append(followed)


def one_channel(view: Scene, block: Block, channel: int, quantity: str, own: bool) -> list[live.Followed]:
    """One channel in every quantity, and one neuron of it; returns the pictures that follow λ while it is dragged."""
    height, width = block.features.shape[1:]
    features, weights = block.features[channel], block.attention[channel]
    st.subheader(_("Channel {channel}", channel=channel))
    chart, numbers = st.columns([5, 4], gap="large")
    with chart:
        place = pick_neuron(view.shown, f"pick-{block.name}-{channel}", block, channel, quantity, own)
        st.caption(
            _(
                "The channel's {quantity}: point at a neuron to read its value in every quantity, click it to choose it everywhere.",
                quantity=_(quantity),
            )
        )
    with numbers, st.container(key="said-neuron"):
        _neuron(view, block, channel, place)

    size = 480
    sides = inspection.weights_by_side(features, weights)
    weight_scale = render.scale_for("attention weight", weights, own, block.kind)
    simam = block.kind == "simam"
    maps = [
        ("features", _("Features"), features, render.scale_for("feature", features),
         _("**What enters the attention**: mean {mean:.3f}, variance {variance:.3f}.",
           mean=features.mean(), variance=block.variances[channel])),
        *([("energy", _("Energy"), block.energy[channel], render.scale_for("energy", block.energy[channel], own),
            _("**Energy** e*: low where a neuron stands apart.")),
           ("importance", _("Importance"), block.importance[channel],
            render.scale_for("importance", block.importance[channel], own), _("**Importance** 1/e*, from its floor ½."))]
          if simam else []),
        ("weights", _("Weights"), weights, weight_scale,
         _("**Weight**: {low:.3f} to {high:.3f}.", low=weights.min(), high=weights.max())),
        *([("sides", _("Sides"), sides, render.side_scale(sides, own),
            _("**Weight by side**: orange for neurons favoured because they lie above the channel's mean, violet below it; a ReLU "
              "may cut the latter."))] if simam else []),
        ("refined", _("Refined"), block.refined[channel], render.scale_for("refined feature", block.refined[channel]),
         _("**What leaves the attention**: features × weights.")),
    ]  # fmt: skip
    with st.grid(4, min_column_width=170):
        for name, title, values, scale, caption in maps:
            pictures.picture(
                view.shown,
                f"channel-{name}",
                partial(render.marked_map, values, scale, place),
                size,
                alt=_(
                    "{title} of channel {channel}, {rows} by {columns} neurons, the chosen one framed",
                    title=title,
                    channel=channel,
                    rows=height,
                    columns=width,
                ),
                caption=caption,
                scale=scale,
            )
        pictures.over_photo(
            view.shown,
            "channel-overlay",
            view.analysis().view,
            weights,
            weight_scale,
            size,
            title=_("Weight, channel {channel} at {block}", channel=channel, block=block.name),
            alt=_("Attention weights of channel {channel} over the photo", channel=channel),
            caption=_("The weights over the photo, enlarged smoothly, mixed half and half with it in grey."),
        )
        _field(view, block, place)
    st.caption(
        _(
            "The chosen neuron is framed in red. Ranges: each map its own; features always from their own extreme to its negative."
        )
        if own
        else _(
            "The chosen neuron is framed in red. Ranges: the common ones, so that channels can be compared; features always from "
            "their own extreme to its negative."
        )
    )
    return [
        live.Followed("channel-weights", "cells", weight_scale, place),
        live.Followed("channel-overlay", "over", weight_scale),
    ]


def _neuron(view: Scene, block: Block, channel: int, place: Place) -> None:
    n = inspection.neuron(block, channel, *place)
    named = {"row": n.row, "column": n.column, "channel": channel, "block": block.name}
    view.shown.keep_table(
        "neuron",
        _("Neuron ({row}, {column}) of channel {channel} of {block}", **named),
        [
            {
                _("feature"): n.feature, "μ": n.mean, "σ²": n.variance, "z": n.z,
                **({} if n.energy is None else {_("energy"): n.energy, _("importance"): n.importance}), _("weight"): n.weight,
                _("rank in channel"): n.rank_in_channel,
                _("rank in block"): n.rank_in_block,
            }
        ],
    )  # fmt: skip
    if n.z > 0:
        where = _(
            "**Neuron ({row}, {column})** of channel {channel} of {block}: it lies above its channel's mean.", **named
        )
    elif n.z < 0:
        where = _(
            "**Neuron ({row}, {column})** of channel {channel} of {block}: it lies below its channel's mean.", **named
        )
    else:
        where = _(
            "**Neuron ({row}, {column})** of channel {channel} of {block}: it lies at its channel's mean.", **named
        )
    st.markdown(where)
    with st.grid(3, min_column_width=130):
        st.metric(_("Feature t"), f"{n.feature:.4g}")
        st.metric("μ", f"{n.mean:.4g}")
        st.metric("σ²", f"{n.variance:.4g}")
        st.metric("z = (t − μ)/σ", f"{n.z:.3g}")
        if n.energy is not None:
            st.metric(_("Energy e*"), f"{n.energy:.4g}")
            st.metric(_("Importance 1/e*"), f"{n.importance:.4g}")
        st.metric(_("Weight"), f"{n.weight:.5f}")
        st.metric(
            _("Of {neurons:,} in channel", neurons=block.features[0].numel()),
            _("No. {rank:,}", rank=n.rank_in_channel),
            help=_("Its rank by importance.") if n.energy is not None else _("Its rank by weight."),
        )
        st.metric(
            _("Of {neurons:,} in block", neurons=block.features.numel()),
            _("No. {rank:,}", rank=n.rank_in_block),
            help=_("Its rank by importance.") if n.energy is not None else _("Its rank by weight."),
        )
    if n.energy is not None and block.e_lambda is not None:
        _energy_by_equation(n, n.energy, block.e_lambda)
    if view.hypothetical:
        st.caption(view.hypothetical)
    if n.energy is not None:
        leap("pages/energy_function.py", _("Step by step: how it gets this weight"), neuron="photo")
    _share(block, channel, n)


def _energy_by_equation(n: inspection.Neuron, energy: float, own: float) -> None:
    d, variance, e_lambda = n.feature - n.mean, number(n.variance), number(own)
    st.caption(_("Its energy by Eq. 5; the importance is 1/e*, the weight the sigmoid of that:"))
    st.latex(
        rf"\begin{{aligned}}e^*&=\frac{{4(\sigma^2+\lambda)}}{{(t-\mu)^2+2\sigma^2+2\lambda}}\\"
        rf"&=\frac{{4\,({variance}+{e_lambda})}}{{{signed(d)}^2+2\cdot{variance}+2\cdot{e_lambda}}}\\&={number(energy)}\end{{aligned}}"
    )


def _share(block: Block, channel: int, n: inspection.Neuron) -> None:
    with st.popover(_("Share this neuron"), icon=":material/link:"):
        named = {
            **state.current(),
            "block": block.name,
            "channel": str(channel),
            "row": str(n.row),
            "column": str(n.column),
        }
        st.code(f"{(st.context.url or '').split('?')[0]}?{urlencode(named)}", language=None, wrap_lines=True)
        st.caption(_("The address of this view: whoever opens it sees this neuron."))


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
        partial(framing.boxed_view, view.analysis().view, (left, top, right, bottom)),
        480,
        smooth=True,
        alt=_(
            "The photo, dimmed outside the receptive field of the neuron at row {row}, column {column}",
            row=place[0],
            column=place[1],
        ),
        caption=_(
            "**Receptive field**: {size} × {size} pixels around it, {seen:.0%} of the picture. "
            "Earlier attention modules let every neuron depend a little on all of it.",
            size=field.size,
            seen=seen,
        ),
        kept_by=(view.photo.name, view.square, view.loaded.identity, view.input_size, view.share, block.name, place),
    )
