"""SimAM changed in one block at a time."""

from __future__ import annotations

import streamlit as st

from ....draw import charts
from ....explain.ablation import Ablation, ablate_blocks
from ....export.tables import Row
from ....wording import _, gap
from ...server import elsewhere, turns
from ...server.kept import once
from ...widgets import pictures
from .comparison import Comparison


def ablation(asked: Comparison) -> None:
    """Bars: SimAM made uniform, or taken away, in one block at a time."""
    if not asked.view.loaded.output.has_probabilities:
        st.info(_("Ablation by block reads a probability, and this network answers with none: look at the heat maps."))
        return
    if asked.plain:
        st.info(_("This network has no SimAM that could be taken out of a block."))
        return
    view, target = asked.view, asked.target
    asked_of = (
        view.photo.name,
        view.square,
        view.loaded.identity,
        view.e_lambda,
        target,
        view.input_size,
        asked.fixed_mean,
        view.ask,
    )
    found = once("ablation", asked_of, lambda: _ablate(asked))
    name, on = asked.name(target), pictures.percent(found.on)
    st.subheader(_("SimAM changed in one block at a time: what becomes of “{target}”", target=name))
    st.markdown(_("With SimAM on in every block, {target} has a probability of **{share}**.", target=name, share=on))
    blocks = list(found.off)
    if found.impossible(len(view.loaded.categories)):
        st.warning(
            _(
                "This network finds “{target}” impossible, and nothing done to one block lifts it to what guessing gives: bars would "
                "show changes of next to nothing.",
                target=name,
            )
        )
    else:
        st.markdown(
            _(
                "A bar below zero: with SimAM changed in that block it is less probable, so the attention there speaks for it."
            )
            + gap()
            + _most(found)
        )
        kinds = {_("uniform in this block"): found.uniform, _("off in this block"): found.off}
        pictures.chart(
            asked.view.shown,
            charts.ablation(blocks, {kind: [p - found.on for p in by.values()] for kind, by in kinds.items()}),
            height=380,
            key="ablation",
            name=f"{name}-ablation",
            alt=_("Change of the probability of {target} when SimAM is uniform or off in one block", target=name),
        )
    st.caption(
        _(
            "Uniform changes where a block's weights lie and keeps each channel's mean weight. Off also changes the scale that the next "
            "batch norm sees, so its bars mix both. Effects of several blocks do not add up."
        )
    )
    rows: list[Row] = [
        {
            _("block"): block,
            _("uniform"): found.uniform[block],
            _("points when uniform"): 100 * (found.uniform[block] - found.on),
            _("off"): found.off[block],
            _("points when off"): 100 * (found.off[block] - found.on),
        }
        for block in blocks
    ]
    asked.view.shown.keep_table(
        "ablation",
        _(
            "Probability of {target} ({share}) with SimAM uniform, or off, in one block at a time",
            target=name,
            share=on,
        ),
        rows,
    )
    st.dataframe(
        rows,
        hide_index=True,
        key="ablation-table",
        column_config={
            _("uniform"): st.column_config.NumberColumn(_("probability when uniform"), format="percent"),
            _("points when uniform"): st.column_config.NumberColumn(_("change (points)"), format="%+.2f"),
            _("off"): st.column_config.NumberColumn(_("probability when off"), format="percent"),
            _("points when off"): st.column_config.NumberColumn(_("change (points) when off"), format="%+.2f"),
        },
    )


def _most(found: Ablation) -> str:
    block = max(found.uniform, key=lambda name: abs(found.uniform[name] - found.on))
    change = 100 * (found.uniform[block] - found.on)
    return _(
        "Where its weights lie matters most in **{block}**: made uniform there, {change:+.1f} percentage points.",
        block=block,
        change=change,
    )


def _ablate(asked: Comparison) -> Ablation:
    view = asked.view
    with turns.turn():
        return elsewhere.do(
            ablate_blocks,
            view.loaded,
            view.photo.image,
            view.e_lambda,
            asked.target,
            view.input_size,
            fixed_mean=asked.fixed_mean,
            question=view.analysis().question,
            square=view.kept_square,
        )
