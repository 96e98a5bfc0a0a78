"""Energy histograms: how energy, importance and weight are distributed in a block or a channel."""

import streamlit as st

from simam_viz import charts
from simam_viz.formulas import ATTENTION_FLOOR, IMPORTANCE_FLOOR
from simam_viz.ui import choose, scene, state
from simam_viz.ui.glossary import explain
from simam_viz.ui.scene import Scene


def energy_histograms(view: Scene) -> None:
    with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
        block = choose.block(view)
        whole = state.control(
            st.segmented_control, "Neurons of", ["block", "channel"], name="of", default="block", required=True,
            parse=state.one_of({"block": "block", "channel": "channel"}),
            format_func={"block": "whole block", "channel": "channel"}.__getitem__,
        ) == "block"  # fmt: skip
        channel = None if whole else choose.channel(block)
        log_counts = state.control(
            st.toggle, "Counts on a log axis", name="counts", default=True,
            parse=state.one_of({"log": True, "linear": False}), text=lambda log: "log" if log else "linear",
        )  # fmt: skip

    part = slice(None) if channel is None else channel
    energy, importance, weights = block.energy[part], block.importance[part], block.attention[part]
    neurons = energy.numel()
    where = block.name if channel is None else f"channel {channel} of {block.name}"
    variances = block.variances[part]

    with st.grid(4, min_column_width=150):
        st.metric("Neurons", f"{neurons:,}")
        st.metric("Mean weight", f"{weights.mean():.4f}", help="Below 0.6792 for every channel, whatever the image.")
        st.metric("Highest weight", f"{weights.max():.4f}")
        st.metric(
            "Variance over λ" if channel is not None else "Median variance over λ",
            f"{variances.median() / view.e_lambda:.3g}",
            help="Far above 1, λ does nothing; far below, it flattens the channel.",
        )

    RANGES = {
        "energy": (energy, 0.0, 2.0, "e*, between 0 and 2. Low energy: a neuron that stands apart. 2: one at its channel's mean."),
        "importance": (
            importance, IMPORTANCE_FLOOR, max(float(importance.max()), 1.0),
            "1/e*, from its floor ½ upwards. The axis ends at the greatest value here, or at 1.",
        ),
        "attention weight": (
            weights, 0.62, 1.0, f"sigmoid(1/e*), from its floor {ATTENTION_FLOOR:.3f} to 1: what SimAM multiplies a neuron by.",
        ),
    }  # fmt: skip
    with st.grid(3, min_column_width=260):
        for quantity, (values, low, high, note) in RANGES.items():
            with st.container():
                st.subheader(quantity.capitalize(), help=explain(quantity))
                chart = charts.histogram(values, quantity, low, high, log_counts)
                st.echarts_chart(
                    chart, height=280, alt=f"Histogram of {quantity}", key=f"histogram-{quantity.replace(' ', '-')}"
                )
                st.caption(note)
    st.caption(
        f"{neurons:,} neurons of {where} at λ = {view.e_lambda:g}; how many have which value.{view.hypothetical}"
    )


scene.page("pages/energy_histograms.py").live(energy_histograms)
