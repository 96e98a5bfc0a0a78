"""Grad-CAM comparison: the same weights with SimAM on, uniform and off, and the twin; and whether a heat map is faithful."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from ....draw.paper.quantities import words
from ....wording import _, later
from ... import live, state
from ...scene import Part, Scene, Subject
from . import ablation, columns, comparison, faithful

PARTS = {
    "maps": (later("Heat maps"), columns.heat_maps),
    "blocks": (later("Every block"), columns.every_block),
    "ablation": (later("Ablation by block"), ablation.ablation),
    "faithful": (later("Faithfulness"), faithful.faithfulness),
}


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ."""
    live.code()
    yield _comparison


def _comparison(view: Scene) -> None:
    live.slider(view)
    part = state.control(
        st.segmented_control, _("Show"), list(PARTS), name="look", default="maps", required=True,
        parse=state.one_of({name: name for name in PARTS}), format_func=lambda name: _(PARTS[name][0]),
    )  # fmt: skip
    asked = comparison.controls(
        view,
        methods=part != "ablation",
        blocks=part in ("maps", "faithful"),
        side_by_side=part in ("maps", "blocks"),
    )
    view.shown.panels = [f"{words(asked.method)}@{asked.block}"]
    if len(asked.columns) > 1:
        view.shown.panels.append(f"difference:{words(asked.method)}@{asked.block}")
        view.shown.networks = list(asked.columns)
    PARTS[part][1](asked)
