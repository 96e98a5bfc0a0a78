"""Below the scenes: every step from Eq. 1 to Eq. 6 with one neuron's numbers, its energy surface, and λ for any neuron."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ....draw import charts
from ....lesson.derivation import Derivation
from ....lesson.katex import ratio
from ....lesson.presets import preset_channel
from ....lesson.written_steps import written_steps
from ....modules.formulas import MEAN_ATTENTION_CEILING
from ....wording import _
from ... import state
from ...scene import Scene
from ...widgets import pictures
from .neuron import keep_results, metrics, photo_neuron, whose_lambda
from .surface import surface

WHOSE = state.one_of({"toy": "toy", "photo": "photo"})
"""A parser of whose neuron the steps are of: the small channel's, or the photo's."""


@dataclass(frozen=True)
class Places:
    """Where what follows λ goes, among what does not."""

    channel: DeltaGenerator
    numbers: list[DeltaGenerator]
    rest: DeltaGenerator


def places_of(box: DeltaGenerator) -> Places:
    """Every step with its words and its formula in ``box``, and a place below each where the numbers go.

    Apart from the numbers, because formulas are slow to draw and these never change.
    """
    with box:
        channel, steps = st.columns([4, 6], gap="large")
        numbers = []
        with steps:
            for step in written_steps(Derivation(preset_channel("spike"), 4, 4, 0.1)):
                with st.container(border=True):
                    st.markdown(f"**{step.title}** {step.words}")
                    st.latex(step.formula)
                    numbers.append(st.container())
        return Places(channel, numbers, st.container())


def derivation(view: Scene, small: Derivation, places: Places) -> None:
    """The numbers of one neuron: of the small channel as the scenes have it, or of the photo."""
    with places.channel:
        source, neuron = _choose_neuron(view, small)
    for place, step in zip(places.numbers, written_steps(neuron), strict=True):
        place.latex(step.numbers)
    with places.rest:
        st.header(_("The energy surface"))
        surface(view.shown, neuron)
        _line(view, neuron)
        if source == "photo":
            _place(view, neuron)
        st.header(_("What λ does"))
        _lambda(view, neuron)


def _choose_neuron(view: Scene, small: Derivation) -> tuple[str, Derivation]:
    source = state.control(
        st.segmented_control,
        _("Whose neuron?"),
        ["toy", "photo"],
        name="neuron",
        default="toy",
        required=True,
        parse=WHOSE,
        format_func={"toy": _("the scenes' small channel"), "photo": view.photo.title}.__getitem__,
    )
    neuron = photo_neuron(view) if source == "photo" else None
    if neuron is None:
        source, neuron = "toy", small
    metrics(neuron)
    keep_results(view.shown, neuron)
    whose_lambda(view, source, neuron)
    return source, neuron


def _line(view: Scene, neuron: Derivation) -> None:
    pictures.chart(
        view.shown,
        charts.number_line(neuron),
        height=280,
        key="line",
        name="number-line",
        alt=_("The best line over the number line"),
    )
    st.caption(
        _(
            "The line of least energy. The target misses +1 by as much as the others, on average, miss −1: that is what the "
            "derivative by b says."
        )
    )


def _place(view: Scene, neuron: Derivation) -> None:
    st.subheader(_("Its place in its channel"))
    pictures.chart(
        view.shown,
        charts.histogram(
            {_("features"): neuron.channel},
            _("feature"),
            float(neuron.channel.min()),
            float(neuron.channel.max()) + 1e-6,
            marks={"": neuron.t},
        ),
        height=240,
        key="place",
        name="channel-histogram",
        alt=_("Histogram of the channel's features with the target marked"),
    )
    st.caption(
        _(
            "The {neurons} features of the channel; the red line is the target. 1/e* is {importance:.4g} with shared "
            "statistics (what SimAM computes) and {exact_importance:.4g} without sharing.",
            neurons=neuron.neurons,
            importance=neuron.importance,
            exact_importance=neuron.exact_importance,
        )
    )


def _lambda(view: Scene, neuron: Derivation) -> None:
    pictures.chart(
        view.shown,
        charts.importance_curves((0.0, 0.1, 1.0, 10.0, 100.0), neuron.z, neuron.lambda_share),
        height=360,
        key="curves",
        name="importance-curves",
        alt=_("Importance against z for several ratios of λ to the channel's variance"),
    )
    spike = Derivation(preset_channel("spike"), 4, 4, 1.0)
    st.markdown(
        _(
            "λ is a soft threshold on the channel's variance: 1/e* = ½ + z²/4 · σ²/(σ² + λ). Far below σ² it does nothing, far above "
            "it flattens the channel to the **floor** ½; at λ = σ² it halves what a neuron has above ½. For the neuron in hand "
            "λ/σ² = {ratio}.",
            ratio=ratio(neuron.lambda_share),
        )
        + "\n\n- "
        + _(
            "**A lone spike survives longer.** At λ = 1, the spike preset has σ² = {variance:.3g}, well below λ, and yet the "
            "spike's importance is {importance:.3g}: its z = {z:.3g} enters squared.",
            variance=spike.variance,
            importance=spike.importance,
            z=spike.z,
        )
        + "\n- "
        + _(
            "**Channels are hardly ranked.** The mean of z² over any channel is (M − 1)/M, so the mean importance stays below ¾ "
            "and, as the sigmoid flattens out, the mean weight below sigmoid(¾) = {ceiling:.4f}, whatever the channel "
            "holds. Here it is {mean:.4f}.",
            ceiling=MEAN_ATTENTION_CEILING,
            mean=float(neuron.weights.mean()),
        )
    )
