"""Grad-CAM comparison: the same weights with SimAM on, uniform and off, and the twin; and whether a heat map is faithful."""

import streamlit as st

from simam_viz.app import scene, state
from simam_viz.app.scene import Scene
from simam_viz.app.screens.gradcam_comparison import columns as comparison_parts
from simam_viz.app.screens.gradcam_comparison import faithful as faithfulness_parts

PARTS = {
    "maps": ("Heat maps", comparison_parts.heat_maps),
    "blocks": ("Every block", comparison_parts.every_block),
    "ablation": ("Ablation by block", comparison_parts.ablation),
    "faithful": ("Faithfulness", faithfulness_parts.faithfulness),
    "figure": ("Figure", faithfulness_parts.figure),
}


def gradcam_comparison(view: Scene) -> None:
    part = state.control(
        st.segmented_control, "Show", list(PARTS), name="look", default="maps", required=True,
        parse=state.one_of({name: name for name in PARTS}), format_func=lambda name: PARTS[name][0],
    )  # fmt: skip
    asked = comparison_parts.controls(
        view,
        methods=part != "ablation",
        blocks=part in ("maps", "faithful", "figure"),
        together=part in ("maps", "blocks"),
    )
    PARTS[part][1](asked)


scene.page("pages/gradcam_comparison.py").live(gradcam_comparison)
