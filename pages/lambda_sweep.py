"""λ sweep: what the network says, how its weights vary and where Grad-CAM looks, as λ runs from 1e-6 to 10."""

import streamlit as st

from simam_viz.app import scene
from simam_viz.app.scene import Scene
from simam_viz.app.screens import lambda_sweep as sweep_parts


def lambda_sweep(view: Scene) -> None:
    st.markdown(
        "λ is a soft threshold on the channels' variances. Far below them it does nothing. Far above them every weight sinks to "
        "the floor 0.622: selection goes, and batch norm sees another scale than in training, which alone can change the answer."
    )
    if not view.analysis().attends:
        st.info("This network has no SimAM: no λ changes what it does. Choose a checkpoint with SimAM in the sidebar.")
        return
    points = sweep_parts.run(view)
    if points:
        sweep_parts.results(view, points)


scene.page("pages/lambda_sweep.py").live(lambda_sweep)
