"""The whole network: which blocks' weights vary most, and the most emphasised neurons."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ....explain import inspection
from ....modules.formulas import ATTENTION_FLOOR
from ....wording import _
from ... import state
from ...scene import Scene
from ...widgets.glossary import explain
from ...widgets.shown import Shown

_TOP = 12
_MOST_PANELS = 15
"""Of so many blocks the figure shows the weights: those that vary most."""


def network(view: Scene) -> None:
    """Which blocks' weights vary most, and the most emphasised neurons, each a way down."""
    analysis = view.analysis()
    summaries = [inspection.summarise(block) for block in analysis.blocks]
    by_spread = sorted(summaries, key=lambda summary: -summary.spread)
    most = by_spread[0]
    named = {summary.name for summary in by_spread[:_MOST_PANELS]}
    view.shown.panels = ["photo", *(f"weight@{s.name}" for s in summaries if s.name in named)]
    # Only SimAM's weights have a floor.
    of_simam = [s for s, block in zip(summaries, analysis.blocks, strict=True) if block.kind == "simam"]
    flat = sum(s.flat_neurons * s.channels * s.rows * s.columns for s in of_simam)
    share = flat / max(1, sum(s.channels * s.rows * s.columns for s in of_simam))
    st.subheader(_("Every block"), help=explain("flat"))
    st.markdown(
        _(
            "The weights vary most in **{block}** (standard deviation {spread:.4f}). **{share:.1%}** of all neurons have a "
            "weight within 1 % of the floor {floor:.3f}.",
            block=most.name,
            spread=most.spread,
            share=share,
            floor=ATTENTION_FLOOR,
        )
        + view.hypothetical
        if of_simam
        else _(
            "The weights vary most in **{block}** (standard deviation {spread:.4f}).",
            block=most.name,
            spread=most.spread,
        )
    )
    _table(
        view.shown,
        "blocks",
        _("Every block"),
        [
            {
                _("block"): s.name,
                _("channels"): s.channels,
                _("map"): f"{s.rows} × {s.columns}",
                _("mean weight"): s.mean_weight,
                _("highest weight"): s.highest_weight,
                _("standard deviation"): s.spread,
                _("neurons at the floor"): s.flat_neurons,
                _("channels flattened"): s.flat_channels,
            }
            for s in summaries
        ],
        lambda row: _go(level="block", block=summaries[row].name, channel=None, row=None, column=None),
        percent=(_("neurons at the floor"), _("channels flattened")),
    )
    st.subheader(_("The {neurons} most emphasised neurons of the network", neurons=_TOP))
    neurons = inspection.most_emphasised(analysis, _TOP)

    def open_neuron(row: int) -> None:
        n = neurons[row]
        _go(level="channel", block=n.block, channel=str(n.channel), row=str(n.row), column=str(n.column))

    _table(
        view.shown,
        "neurons",
        _("The {neurons} most emphasised neurons", neurons=_TOP),
        [
            {
                _("block"): n.block,
                _("channel"): n.channel,
                _("row"): n.row,
                _("column"): n.column,
                _("feature"): n.feature,
                "z": n.z,
                _("side"): _("above the mean") if n.z > 0 else _("below the mean"),
                **({_("importance"): n.importance} if of_simam else {}),
                _("weight"): n.weight,
            }
            for n in neurons
        ],
        open_neuron,
    )
    st.caption(
        _("Sorted by weight, of all blocks alike. Choose a row of either table to go there.")
        if not of_simam
        else _(
            "Sorted by importance 1/e*, which the sigmoid bounds but does not reorder. Choose a row of either table to go there. "
            "Importance depends on how rare a value is in its channel: the larger the map, the higher a lone neuron can rise."
        )
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
