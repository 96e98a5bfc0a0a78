"""The small channel's weights while λ runs by itself."""

from __future__ import annotations

from functools import partial

import streamlit as st

from ....draw import render
from ....lesson.derivation import Derivation
from ....lesson.katex import ratio
from ....modules.formulas import MEAN_ATTENTION_CEILING
from ....wording import _
from ... import state
from ...sidebar import lambda_stops
from ...widgets import pictures
from ...widgets.takeaway import Shown


def lambda_player(shown: Shown, d: Derivation) -> None:
    """The channel's weights as λ runs from 1e-6 to 10."""
    stops = lambda_stops()
    playing = st.toggle(_("Play"), key="lesson-playing", help=_("λ runs from 1e-6 to 10, again and again."))

    def moved() -> None:
        state.moved_by_hand("lesson-lambda")

    @st.fragment(run_every=0.5 if playing else None)
    def frame() -> None:
        now = st.session_state.get("lesson-lambda", 0.1)
        if playing:
            now = stops[(stops.index(now) + 1) % len(stops)]
        state.show("lesson-lambda", now)
        st.select_slider(
            _("λ of this picture"), stops, now, key="lesson-lambda", format_func=lambda value: f"{value:g}",
            on_change=moved,
        )  # fmt: skip
        at_now = Derivation(d.channel, d.row, d.column, now)
        weights = at_now.weights
        scale = render.scale_for("attention weight", weights)
        pictures.picture(
            shown,
            "lambda-weights",
            partial(render.heat_map, weights, scale),
            360,
            alt=_("The weights of the channel at λ = {e_lambda:g}", e_lambda=now),
            caption=_(
                "The channel's weights at λ = {e_lambda:g}: highest {highest:.4f}, mean {mean:.4f} (below "
                "{ceiling:.4f} at any λ). λ/σ² = {ratio}.",
                e_lambda=now,
                highest=weights.max(),
                mean=weights.mean(),
                ceiling=MEAN_ATTENTION_CEILING,
                ratio=ratio(at_now.lambda_share),
            ),
            scale=scale,
        )

    frame()
