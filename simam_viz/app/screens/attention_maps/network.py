"""The whole network: which blocks' weights vary most, and the most emphasised neurons."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ....explain import inspection
from ....modules.formulas import ATTENTION_FLOOR
from ... import state
from ...scene import Scene
from ...widgets.glossary import explain
from ...widgets.takeaway import Shown

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
        view.shown,
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
        view.shown,
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


def _table(
    shown: Shown,
    name: str,
    title: str,
    rows: list[dict[str, object]],
    pick: Callable[[int], None],
    percent: tuple[str, ...] = (),
) -> None:
    """A table whose rows can be chosen; ``pick`` gets the index of the one that was."""
    key = f"table-{name}"
    shown.keep_table(f"page-{name}", title, rows)
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
