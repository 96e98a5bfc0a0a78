"""One block: its 3-D weights against attention of fewer dimensions, and what each kind of module costs."""

from __future__ import annotations

from functools import partial

import streamlit as st

from ....draw import charts, render
from ....explain import inspection
from ....explain.blocks import Block
from ....export.tables import Row
from ....modules import rivals
from ....wording import _, enumeration, gap, labelled, later, semicolon, together
from ...scene import Scene
from ...widgets import choose, pictures
from ...widgets.glossary import TERMS, explain
from .siblings import sheets, side_by_side, trained_alike


def one_block(view: Scene, block: Block) -> None:
    """What 1-D and 2-D attention would keep of a block's 3-D weights, and what each kind costs."""
    if block.kind != "simam":
        _other_kind(view, block)
        return
    weights = block.attention
    mean, highest = weights.mean(dim=0), weights.amax(dim=0)
    st.subheader(
        _("{block} as attention of one, two and three dimensions", block=block.name), help=explain("kinds of attention")
    )
    order = inspection.ranked_channels(inspection.contrast(block))[:6]
    scale = render.scale_for("attention weight", weights[order], own_range=True)
    kept = inspection.reductions(weights)
    planes = (
        (
            "1-d",
            _("1-D: one weight a channel"),
            [weights[c].mean().expand_as(mean) for c in order],
            kept.between_channels,
        ),
        ("2-d", _("2-D: one weight a position"), [mean] * len(order), kept.between_positions),
        ("3-d", _("3-D: one weight a neuron"), [weights[c] for c in order], 1.0),
    )
    with st.grid(3, min_column_width=240):
        for kind, title, maps, share in planes:
            with st.container():
                st.markdown(f"**{title}**")
                pictures.picture(
                    view.shown,
                    f"kind-{kind}",
                    partial(sheets, view.analysis().view, maps, scale),
                    240,
                    smooth=True,
                    alt=_(
                        "Six channels of {block} as tilted sheets of the photo: {title}", block=block.name, title=title
                    ),
                    caption=_("loses **{lost:.1%}** of the weights' variance", lost=1 - share),
                    scale=scale,
                )
    st.caption(
        _(
            "Six channels of {block}, those of greatest contrast (channels {channels}), on your photo. 1-D attention "
            "would keep nearly nothing of SimAM's weights, and that is by construction: every channel is compared with itself, so its "
            "mean weight lies between 0.622 and 0.679 whatever it holds.",
            block=block.name,
            channels=enumeration(map(str, order)),
        )
        + view.hypothetical
    )

    st.subheader(_("What a 2-D attention would see"))
    own = choose.own_range()
    with st.grid(3, min_column_width=220):
        for name, title, map_, kind, share in (
            ("mean", _("Mean over channels"), mean, "mean weight", kept.between_positions),
            ("maxi", _("Maximum over channels"), highest, "attention weight", kept.by_highest),
        ):
            scale = render.scale_for(kind, map_, own)
            pictures.over_photo(
                view.shown,
                f"reduced-{name}",
                view.analysis().view,
                map_,
                scale,
                480,
                title=title,
                alt=_("{title} of the weights of {block}, over the photo", title=title, block=block.name),
                caption=_(
                    "**{title}**: {low:.3f} to {high:.3f}; loses **{lost:.1%}** of the weights' variance",
                    title=title,
                    low=map_.min(),
                    high=map_.max(),
                    lost=1 - share,
                ),
            )
        means = weights.mean(dim=(1, 2))
        with st.container():
            pictures.chart(view.shown, 
                charts.histogram({_("channels"): means}, _("mean weight of a channel"), 0.62, 0.68, False, unit=_("channels"),
                                 marks={_("bound"): 0.6792}),
                height=300,
                key="channel-means",
                name=f"{block.name}-mean-weights",
                alt=_("Histogram of the channels' mean weights"),
            )  # fmt: skip
            st.caption(
                _(
                    "What a 1-D attention would see: the mean weight of each channel, {low:.4f} to {high:.4f}; "
                    "loses **{lost:.1%}** of the weights' variance.",
                    low=means.min(),
                    high=means.max(),
                    lost=1 - kept.between_channels,
                )
            )
    st.caption(
        _(
            "Lost: the share of the variance over all neurons that the reduced map cannot tell, however it is stretched and shifted."
        )
        + padding(view, block)
    )

    side_by_side(view, block)
    _rivals(view, block)


_KINDS = {
    "channel": (
        later("{block}: one weight a channel"),
        later("Each channel is multiplied by one number, everywhere alike."),
    ),
    "position": (
        later("{block}: one weight a position"),
        later("Each position is multiplied by one number, in all channels alike."),
    ),
    "gate": (
        later("{block}: weights of its own kind"),
        later("Each neuron has a weight of its own, which no formula here gives."),
    ),
}


def _other_kind(view: Scene, block: Block) -> None:
    """The weights that another module than SimAM has on this photo."""
    title, note = _KINDS[block.kind]
    weights = block.attention
    st.subheader(_(title, block=block.name), help=explain("kinds of attention"))
    st.markdown(_(note))
    own = choose.own_range() if block.kind != "channel" else False
    with st.grid(2, min_column_width=280):
        if block.kind != "channel":
            map_ = weights.mean(dim=0)
            scale = render.scale_for("mean weight", map_, own, block.kind)
            pictures.over_photo(
                view.shown,
                "kind-map",
                view.analysis().view,
                map_,
                scale,
                480,
                title=_("Mean weight at {block}", block=block.name),
                alt=_("The weights of {block} over the photo", block=block.name),
                caption=_("**Over the photo**: {low:.3f} to {high:.3f}", low=map_.min(), high=map_.max())
                if block.kind == "position"
                else _("**Mean over channels**: {low:.3f} to {high:.3f}", low=map_.min(), high=map_.max()),
            )
        if block.kind != "position":
            means = weights.mean(dim=(1, 2))
            low, high = min(0.0, float(means.min())), max(1.0, float(means.max()))
            with st.container():
                pictures.chart(
                    view.shown,
                    charts.histogram(
                        {_("channels"): means}, _("weight of a channel"), low, high, False, unit=_("channels")
                    ),
                    height=300,
                    key="channel-means",
                    name=f"{block.name}-weights",
                    alt=_("Histogram of the channels' weights"),
                )
                most, least = (
                    means.topk(min(3, len(means))).indices.tolist(),
                    (-means).topk(min(3, len(means))).indices.tolist(),
                )
                st.caption(
                    _(
                        "From {low:.4f} to {high:.4f}. Favoured most: channels {most}; least: channels {least}.",
                        low=means.min(),
                        high=means.max(),
                        most=enumeration(map(str, most)),
                        least=enumeration(map(str, least)),
                    )
                )
    side_by_side(view, block)
    _rivals(view, block)


def _rivals(view: Scene, block: Block) -> None:
    channels, height, width = block.features.shape
    title = _("SE, CBAM, ECA and SimAM at {shape}", shape=" × ".join(map(str, block.features.shape)))
    st.subheader(title)
    place = st.empty()
    key = f"latencies-{channels}-{height}-{width}"
    alike = trained_alike(view.loaded.card)

    def show() -> None:
        rows = _rivals_table(channels, height, width, st.session_state.get(key, {}), alike)
        pictures.table(view.shown, "modules", title, rows, place)

    show()
    if st.button(_("Measure the time on this machine"), key="measure-latency"):
        bar = st.progress(0.0, _("Timing each module in turn"))
        for share, times in rivals.latencies(block.features[None]):
            bar.progress(share, _("Timing each module in turn"))
            st.session_state[key] = times
        bar.empty()
        show()
    told = [
        _(
            "Multiply–adds and time: of one forward pass on one photo. Time: the median of 15 rounds in turn, on the server's "
            "processor; it depends on the machine and on what else it does. Published top-1: of a ResNet-50 on ImageNet as each "
            "module's own authors publish it, each with its own recipe, so these do not rank the modules. Sources: {sources}.",
            sources=semicolon().join(labelled(name, _(rival.source)) for name, rival in rivals.RIVALS.items()),
        )
    ]
    if alike:
        told.append(
            _(
                "Top-1 trained alike: of this app's networks, on the data set's validation images; the page Models says which "
                "differences are more than chance."
            )
        )
    st.caption(together(*told))


def _rivals_table(
    channels: int, height: int, width: int, times: dict[str, float], alike: dict[str, float]
) -> list[Row]:
    return [
        {
            _("module"): name,
            _("weights for"): _(rival.kind),
            _("parameters"): f"{rivals.parameters(rivals.build(name, channels)):,}",
            _("multiply–adds"): f"{rivals.multiply_adds(name, channels, height, width):,}",
            _("time (ms)"): f"{times[name]:.3f}" if name in times else _("not measured"),
            **(
                {_("top-1 trained alike"): _("{share:.2f} %", share=alike[name]) if name in alike else _("not here")}
                if alike
                else {}
            ),
            _("published top-1"): _("{share:.2f} %", share=rival.published_top1),
        }
        for name, rival in rivals.RIVALS.items()
    ]


def padding(view: Scene, block: Block) -> str:
    """A remark where a block's maps are still large enough for the frame of zeros around the photo to show."""
    return (
        gap() + _(TERMS["padding"][0])
        if block.kind == "simam" and 8 * block.features.shape[-1] >= view.input_size
        else ""
    )
