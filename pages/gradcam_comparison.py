"""Grad-CAM comparison: the same weights with SimAM on, made uniform over positions, and switched off."""

import streamlit as st

from simam_viz import render
from simam_viz.checkpoints import short_name
from simam_viz.comparison import VARIANTS
from simam_viz.ui import choose, scene, widgets
from simam_viz.ui.glossary import explain
from simam_viz.ui.scene import Scene

TITLES = {"on": "Attention on", "uniform": "Uniform over positions", "off": "Switched off"}
NOTES = {
    "on": "SimAM in place, at the λ of the sidebar.",
    "uniform": "Each channel is scaled by the mean of its weights: its scale stays, selection in space goes.",
    "off": "SimAM removed from the same weights. Batch norm then sees a scale it never saw in training, so a worse "
    "answer here does not show that attention helps.",
}


def comparison(view: Scene) -> None:
    with st.grid(4, min_column_width=200):
        block_name = choose.block(view).name
    analyses = {variant: view.analysis(variant) for variant in VARIANTS}
    target = analyses["on"].target
    target_name = short_name(view.loaded.categories[target])
    st.subheader(f"Grad-CAM of “{target_name}” at {block_name}", help=explain("Grad-CAM"))

    with st.grid(3, min_column_width=220):
        for variant, analysis in analyses.items():
            with st.container(border=True):
                block = analysis.block(block_name)
                _, name, probability = analysis.top(1)[0]
                st.markdown(f"**{TITLES[variant]}**")
                widgets.picture(
                    f"cam-{variant}",
                    render.overlay(analysis.view, block.cam, render.CAM_SCALE, 480),
                    alt=f"Grad-CAM of {target_name} at {block_name}, {TITLES[variant].lower()}",
                    scale=render.CAM_SCALE,
                )
                if block.cam_max == 0:
                    st.warning(f"All zero: no position of this block speaks for {target_name}.")
                st.markdown(
                    f"Prediction: **{short_name(name)}** ({widgets.percent(probability)})  \n"
                    f"Probability of {target_name}: **{widgets.percent(float(analysis.probabilities[target]))}**"
                )
                st.caption(NOTES[variant])
    st.caption(
        "Grad-CAM says where the block's output speaks for the class, divided by each map's own maximum: compare places, "
        "not brightness. The colours are mixed with the photo in grey. It is not SimAM's weight map."
        + view.hypothetical
    )


scene.page("pages/gradcam_comparison.py").live(comparison)
