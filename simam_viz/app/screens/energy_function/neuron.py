"""The neuron that is followed through the derivation: of the small channel, or of the photo."""

from __future__ import annotations

import streamlit as st

from ....lesson.derivation import Derivation
from ....modules.formulas import ATTENTION_FLOOR
from ....wording import _
from ...scene import Scene
from ...widgets import choose
from ...widgets.neuron_map import pick_neuron
from ...widgets.shown import Shown


def photo_neuron(view: Scene) -> Derivation | None:
    """A neuron of the current analysis; draws the controls. ``None`` where the block's maps have one neuron only."""
    with st.grid(2, min_column_width=150):
        block = choose.block(view.analysis())
        channel = choose.channel(block)
    if block.e_lambda is None:
        st.info(
            _(
                "The attention of {block} is not SimAM and has no energy function. Choose another block; until then, here is the "
                "small channel.",
                block=block.name,
            )
        )
        return None
    if block.features[0].numel() < 2:
        st.info(
            _(
                "In {block} a channel is one single neuron: there are no others to tell it from, and its weight is "
                "{floor:.3f}. Choose another block; until then, here is the small channel.",
                block=block.name,
                floor=ATTENTION_FLOOR,
            )
        )
        return None
    place = pick_neuron(view.shown, f"photo-{block.name}-{channel}", block, channel, "feature")
    st.caption(
        _(
            "What enters SimAM in channel {channel} of {block}: blue below 0, red above. Click a neuron to make it the target. "
            "Point at one to read its value; all values are among the tensors of *Take it home*.",
            channel=channel,
            block=block.name,
        )
        + view.hypothetical
    )
    return Derivation(block.features[channel], *place, block.e_lambda)


def whose_lambda(view: Scene, source: str, neuron: Derivation) -> None:
    """At which λ the neuron's numbers are, and whose it is where the network's blocks keep different ones."""
    if isinstance(view.e_lambda, float):
        said = _("At λ = {e_lambda:g}: the slider in the sidebar changes it.", e_lambda=neuron.e_lambda)
    elif source == "photo":
        said = _(
            "At λ = {e_lambda:g} (this block's own): the slider in the sidebar changes it.", e_lambda=neuron.e_lambda
        )
    else:
        said = _(
            "At λ = {e_lambda:g} (every block has its own; the small channel is in none): the slider in the sidebar changes it.",
            e_lambda=neuron.e_lambda,
        )
    st.caption(said)


def keep_results(shown: Shown, d: Derivation) -> None:
    """What comes out for the neuron in hand can be taken home."""
    shown.keep_table(
        "neuron",
        _("The neuron in hand"),
        [
            {
                _("row"): d.row, _("column"): d.column, "t": d.t, "μ": d.mean, "σ²": d.variance, "z": d.z, _("energy"): d.energy,
                _("energy of the best line"): d.closed_form.energy, _("importance"): d.importance, _("weight"): d.weight,
                _("rank in channel"): d.rank, _("neurons"): d.neurons,
            }
        ],
    )  # fmt: skip


def metrics(d: Derivation) -> None:
    """What comes out, in six numbers."""
    with st.grid(3, min_column_width=110):
        st.metric(_("Target t"), f"{d.t:.4g}", help=_where(d))
        st.metric(
            "z = (t − μ)/σ",
            f"{d.z:.3g}",
            help=_(
                "How many standard deviations σ = √σ² = {deviation:.4g} the target lies from the channel's mean μ = {mean:.4g}.",
                deviation=d.variance**0.5,
                mean=d.mean,
            ),
        )
        st.metric(
            _("Energy e*"),
            f"{d.energy:.4g}",
            help=_(
                "What SimAM computes, by Eq. 5. The best line itself has {exact:.4g}: Eq. 5 takes the whole "
                "channel's mean and variance for those of the others.",
                exact=d.closed_form.energy,
            ),
        )
        st.metric(_("Importance 1/e*"), f"{d.importance:.4g}")
        st.metric(_("Weight"), f"{d.weight:.5f}", help=_("sigmoid(1/e*): what the neuron is multiplied by."))
        st.metric(
            _("Rank in the channel"),
            _("{rank} of {neurons}", rank=d.rank, neurons=d.neurons),
            help=_("By weight; 1 has the lowest energy."),
        )


def _where(d: Derivation) -> str:
    """Where the target stands, and on which side of the mean its value lies."""
    if d.deviation == 0:
        return _("Row {row}, column {column}; it lies at its channel's mean.", row=d.row, column=d.column)
    if d.deviation > 0:
        return _("Row {row}, column {column}; it lies above its channel's mean.", row=d.row, column=d.column)
    return _("Row {row}, column {column}; it lies below its channel's mean.", row=d.row, column=d.column)
