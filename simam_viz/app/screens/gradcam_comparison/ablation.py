"""SimAM changed in one block at a time."""

from __future__ import annotations

import streamlit as st

from ....draw import charts
from ....explain.ablation import Ablation, ablate_blocks
from ....export.tables import Row
from ...server import turns
from ...server.kept import once
from ...widgets import pictures
from .columns import Comparison


def ablation(asked: Comparison) -> None:
    """Bars: SimAM made uniform, or taken away, in one block at a time."""
    if asked.plain:
        st.info("This network has no SimAM that could be taken out of a block.")
        return
    view, target = asked.view, asked.target
    asked_of = (view.photo.name, view.loaded.identity, view.e_lambda, target, view.input_size, asked.fixed_mean)
    found = once("ablation", asked_of, lambda: _ablate(asked))
    name, on = asked.name(target), pictures.percent(found.on)
    st.subheader(f"SimAM changed in one block at a time: what becomes of “{name}”")
    st.markdown(f"With SimAM on in every block, {name} has a probability of **{on}**.")
    blocks = list(found.off)
    if found.impossible(len(view.loaded.categories)):
        st.warning(
            f"This network finds “{name}” impossible, and nothing done to one block lifts it to what guessing gives: bars would show "
            "changes of next to nothing."
        )
    else:
        st.markdown(
            "A bar below zero: with SimAM changed in that block it is less probable, so the attention there speaks for it. "
            + _most(found)
        )
        kinds = {"uniform in this block": found.uniform, "off in this block": found.off}
        pictures.chart(
            asked.view.shown,
            charts.ablation(blocks, {kind: [p - found.on for p in by.values()] for kind, by in kinds.items()}),
            height=380,
            key="ablation",
            name=f"{name}-ablation",
            alt=f"Change of the probability of {name} when SimAM is uniform or off in one block",
        )
    st.caption(
        "Uniform changes where a block's weights lie and keeps each channel's mean weight. Off also changes the scale that the next "
        "batch norm sees, so its bars mix both. Effects of several blocks do not add up."
    )
    rows: list[Row] = [
        {"block": block, "uniform": found.uniform[block], "points when uniform": 100 * (found.uniform[block] - found.on),
         "off": found.off[block], "points when off": 100 * (found.off[block] - found.on)}
        for block in blocks
    ]  # fmt: skip
    asked.view.shown.keep_table(
        "ablation", f"Probability of {name} ({on}) with SimAM uniform, or off, in one block at a time", rows
    )
    st.dataframe(
        rows,
        hide_index=True,
        key="ablation-table",
        column_config={
            "uniform": st.column_config.NumberColumn("probability when uniform", format="percent"),
            "points when uniform": st.column_config.NumberColumn("change (points)", format="%+.2f"),
            "off": st.column_config.NumberColumn("probability when off", format="percent"),
            "points when off": st.column_config.NumberColumn("change (points) when off", format="%+.2f"),
        },
    )  # fmt: skip


def _most(found: Ablation) -> str:
    block = max(found.uniform, key=lambda name: abs(found.uniform[name] - found.on))
    change = 100 * (found.uniform[block] - found.on)
    return f"Where its weights lie matters most in **{block}**: made uniform there, {change:+.1f} percentage points."


def _ablate(asked: Comparison) -> Ablation:
    view = asked.view
    with turns.turn():
        return ablate_blocks(
            view.loaded, view.photo.image, view.e_lambda, asked.target, view.input_size, fixed_mean=asked.fixed_mean
        )
