"""Energy histograms: how energy, importance and weight are distributed, what they can be compared with, and λ's threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator

import streamlit as st

from ...draw import charts
from ...explain import inspection
from ...explain.blocks import Block
from ...export import tables
from ...modules.formulas import ATTENTION_FLOOR, IMPORTANCE_FLOOR
from ...wording import _
from .. import state, zoo
from ..scene import Part, Scene, Subject
from ..widgets import choose, pictures
from ..widgets.glossary import explain

NOTHING = "nothing"


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ."""
    yield _histograms


def _histograms(view: Scene) -> None:
    view = view.of_attention()
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        block = choose.block(view.analysis())
        whole = state.control(
            st.segmented_control, _("Neurons of"), ["block", "channel"], name="of", default="block", required=True,
            parse=state.one_of({"block": "block", "channel": "channel"}),
            format_func={"block": _("block"), "channel": _("channel")}.__getitem__,
            on_change=lambda: state.put("other", None),
        ) == "block"  # fmt: skip
        channel = None if whole else choose.channel(block)
        log_counts = state.control(
            st.toggle, _("Counts on a log axis"), name="counts", default=True,
            parse=state.one_of({"log": True, "linear": False}), text=lambda log: "log" if log else "linear",
        )  # fmt: skip
    view.shown.panels = [f"histogram:weight@{block.name}"]
    if block.kind == "simam":
        view.shown.panels.insert(0, f"histogram@{block.name}")
    word, own = _(zoo.lambda_word(view.loaded)), view.own_lambda(block)
    at_own = "" if own is None else _("λ = {e_lambda:g} ({word})", e_lambda=own, word=word)
    offered = [NOTHING, "another", *([] if own is None else ["trained"])]
    against = state.control(
        st.segmented_control, _("Compare with"), offered, name="compare", default=NOTHING, required=True,
        parse=state.one_of({name: name for name in offered}),
        format_func={NOTHING: _("nothing"), "another": _("another block") if whole else _("another channel"),
                     "trained": at_own}.__getitem__,
    )  # fmt: skip
    other: tuple[Block, int | None] | None = None
    if against == "another":
        with st.grid(4, min_column_width=150):
            other = (
                (choose.other_block(view.analysis(), block), None) if whole else (block, choose.other_channel(block))
            )
    elif against == "trained":
        other = (view.at_lambda(view.loaded.e_lambda).analysis().block(block.name), channel)

    part = slice(None) if channel is None else channel
    here = f"λ = {block.e_lambda:g}" if against == "trained" else _name(block, channel)
    there = at_own if against == "trained" else _name(*other) if other else ""
    weights = block.attention[part]
    variances = block.variances[part]
    file_name = block.name if channel is None else f"channel {channel} of {block.name}"
    view.shown.keep_table(
        "distribution", _("Neurons of {part}", part=_name(block, channel)), tables.distribution(block, channel)
    )
    with st.grid(4, min_column_width=150):
        st.metric(_("Neurons"), f"{weights.numel():,}")
        st.metric(
            _("Mean weight"),
            f"{weights.mean():.4f}",
            help=_("Below 0.6792 for every channel, whatever the image.") if block.e_lambda is not None else None,
        )
        st.metric(_("Highest weight"), f"{weights.max():.4f}")
        if block.e_lambda is None:
            st.metric(_("Lowest weight"), f"{weights.min():.4f}")
        else:
            st.metric(
                _("Variance over λ") if channel is not None else _("Median variance over λ"),
                f"{variances.median() / block.e_lambda:.3g}",
                help=_("Far above 1, λ does nothing; far below, it flattens the channel."),
            )
    if other == (block, channel):
        other = None
        st.info(_("Both are the same: choose another one, or move λ, to see a difference."))

    notes = {
        "energy": _("e*, between 0 and 2. Low energy: a neuron that stands apart. 2: one at its channel's mean."),
        "importance": _("1/e*, from its floor ½ upwards. The axis ends at the greatest value here, or at 1."),
        "attention weight": _(
            "sigmoid(1/e*), from its floor {floor:.3f} to 1: what SimAM multiplies a neuron by.", floor=ATTENTION_FLOOR
        ),
    }
    if block.e_lambda is None:
        notes = {"attention weight": _("What the module multiplied a neuron by.")}
        st.info(
            _(
                "The attention of {block} is not SimAM: it has weights, and neither energy nor importance.",
                block=block.name,
            )
        )
    with st.grid(3, min_column_width=260):
        for quantity, note in notes.items():
            parts = {here: block.quantity(quantity)[part]}
            if other:
                parts[there] = other[0].quantity(quantity)[slice(None) if other[1] is None else other[1]]
            greatest = max(float(values.max()) for values in parts.values())
            low, high = {"energy": (0.0, 2.0), "importance": (IMPORTANCE_FLOOR, max(greatest, 1.0))}.get(
                quantity, (0.62, 1.0)
            )
            if any(one.kind != "simam" for one in (block, *([other[0]] if other else []))):
                low, high = min(0.0, *(float(values.min()) for values in parts.values())), max(greatest, 1.0)
            called = _(quantity)
            alt = _("Histogram of {quantity}: {part}", quantity=called, part=here)
            if len(parts) > 1:
                alt = _("Histogram of {quantity}: {part} against {other}", quantity=called, part=here, other=there)
            with st.container():
                st.subheader(called.capitalize(), help=explain(quantity))
                pictures.chart(
                    view.shown,
                    charts.histogram(parts, called, low, high, log_counts),
                    height=300,
                    alt=alt,
                    key=f"histogram-{quantity.replace(' ', '-')}",
                    name=f"{file_name}-{quantity}-histogram",
                )
                st.caption(note)
    shown = {"part": _name(block, channel), "e_lambda": block.e_lambda}
    if block.e_lambda is None:
        st.caption(_("Neurons of {part}.", **shown) + view.hypothetical)
        return
    st.caption(
        (
            _(
                "Neurons of {part} at λ = {e_lambda:g}, compared with {other}: shares of each, since they may differ in number.",
                other=there,
                **shown,
            )
            if other
            else _("Neurons of {part} at λ = {e_lambda:g}.", **shown)
        )
        + view.hypothetical
    )
    _variances(view, block, block.e_lambda, block.e_lambda if own is None else own)


def _variances(view: Scene, block: Block, e_lambda: float, own: float) -> None:
    flat = inspection.flattened(block)
    st.subheader(_("The channels' variances and λ"), help=explain("flat"))
    logs = block.variances.double().clamp_min(1e-12).log10()
    marks = {"λ": e_lambda}
    if e_lambda != own:
        marks[_("{word} λ", word=_(zoo.lambda_word(view.loaded)))] = own
    low, high = math.floor(min(float(logs.min()), -6.0)), math.ceil(max(float(logs.max()), 1.0))
    pictures.chart(
        view.shown,
        charts.variances(block.variances, flat, marks, low, high),
        height=300,
        key="variances",
        name=f"{block.name}-variances",
        alt=_(
            "Histogram of the variances of the {channels} channels of {block}, with λ marked",
            channels=len(flat),
            block=block.name,
        ),
    )
    below = int((block.variances < e_lambda).sum())
    view.shown.keep_table("variances", _("The channels of {block} and λ", block=block.name), tables.variances(block))
    st.markdown(
        _(
            "**λ flattens {flat} of the {channels} channels of {block}**: none of their neurons has a weight more than 1 % "
            "above the floor. {below} of them have a variance below λ. λ is a soft threshold: a lone spike in a channel of small "
            "variance may still pass.",
            flat=int(flat.sum()),
            channels=len(flat),
            block=block.name,
            below=below,
        )
        + view.hypothetical
    )


def _name(block: Block, channel: int | None) -> str:
    return block.name if channel is None else _("channel {channel} of {block}", channel=channel, block=block.name)
