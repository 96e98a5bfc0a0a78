"""Energy function: how SimAM gets its formula, on a small channel and on a neuron of the photo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ....draw import charts
from ....lesson.derivation import Derivation
from ....lesson.faq import FAQ
from ....lesson.katex import ratio
from ....lesson.presets import PRESETS, preset_channel
from ....modules.formulas import IMPORTANCE_FLOOR, MEAN_ATTENTION_CEILING
from ... import state
from ...scene import Part, Scene, Subject
from ...widgets import pictures
from .exercises import exercises, take_in_hand
from .neuron import photo_neuron, results, toy_neuron, whose_lambda
from .player import lambda_player
from .steps import numbers_of, steps_without_numbers
from .surface import surface

IDEA_LAMBDA = 0.1


def page(subject: Subject) -> Iterator[Part]:
    """The idea, the derivation of one neuron, which follows λ, exercises and questions."""
    st.markdown(
        "A **neuron** is one value of a feature map. In the visual cortex, one that fires unlike its neighbours damps them (**spatial "
        "suppression**) and carries the most information. SimAM asks of every neuron of a channel: *how well can a straight line tell "
        "it from the others?* A line w·x + b should send this target to +1 and all others to −1; what it misses by is the **energy**. "
        "A target that stands apart is **linearly separable** from the others, and its energy near 0; inside the crowd no line does "
        f"much better than the flat one, whose energy is {1 / IMPORTANCE_FLOOR:g}. **Low energy: important.**"
    )
    apart, crowd = st.columns(2, gap="large")
    for column, place, title in (
        (apart, (4, 4), "A neuron that stands apart"),
        (crowd, (4, 2), "A neuron of the crowd"),
    ):
        example = Derivation(preset_channel("spike"), *place, IDEA_LAMBDA)
        with column:
            st.markdown(f"**{title}**: its best line has energy {example.closed_form.energy:.3g}")
            pictures.chart(
                None,
                charts.number_line(example),
                height=260,
                key=f"idea-{place[1]}",
                name=f"number-line-{title}",
                alt=f"{title} on the number line, with its best line",
            )
    st.caption(
        f"Both are neurons of the channel *One spike* below, at λ = {IDEA_LAMBDA:g}; how their energy is worked out is what follows."
    )

    st.header("One neuron, every step")
    channel_side, steps_side = st.columns([4, 6], gap="large")
    with steps_side, st.container(height=860):
        places = steps_without_numbers()

    yield partial(_one_neuron, channel_side, places)

    st.header("Try yourself")
    exercises()

    st.header("Questions that readers ask")
    for question, answer in FAQ.items():
        with st.expander(question):
            st.markdown(answer)


def _choose_neuron(view: Scene) -> tuple[str, Derivation]:
    source = state.control(
        st.segmented_control,
        "Whose neuron?",
        ["toy", "photo"],
        name="neuron",
        default="toy",
        required=True,
        parse=state.one_of({"toy": "toy", "photo": "photo"}),
        format_func={"toy": "a small channel", "photo": f"{view.photo.title}"}.__getitem__,
    )
    neuron = photo_neuron(view) if source == "photo" else None
    if neuron is None:
        source, neuron = "toy", toy_neuron(view.shown, view.e_lambda)
    results(view.shown, neuron)
    whose_lambda(view, source, neuron)
    return source, neuron


def _one_neuron(channel_side: DeltaGenerator, places: list[DeltaGenerator], view: Scene) -> None:
    with channel_side:
        source, neuron = _choose_neuron(view)
    numbers_of(neuron, places)
    preset = (state.get("toy") or next(iter(PRESETS))) if source == "toy" else None
    take_in_hand(neuron, preset)

    st.header("The energy surface")
    surface(view.shown, neuron)
    pictures.chart(
        view.shown,
        charts.number_line(neuron),
        height=280,
        key="line",
        name="number-line",
        alt="The best line over the number line",
    )
    st.caption(
        "The line of least energy. The target misses +1 by as much as the others, on average, miss −1: that is what the "
        "derivative by b says."
    )
    if source == "photo":
        st.subheader("Its place in its channel")
        pictures.chart(
            view.shown,
            charts.histogram(
                {"features": neuron.channel},
                "feature",
                float(neuron.channel.min()),
                float(neuron.channel.max()) + 1e-6,
                marks={"": neuron.t},
            ),
            height=240,
            key="place",
            name="channel-histogram",
            alt="Histogram of the channel's features with the target marked",
        )
        st.caption(
            f"The {neuron.neurons} features of the channel; the red line is the target. 1/e* is {neuron.importance:.4g} with shared "
            f"statistics (what SimAM computes) and {neuron.exact_importance:.4g} without sharing."
        )

    st.header("What λ does")
    curves, player = st.columns([6, 4], gap="large")
    with curves:
        pictures.chart(
            view.shown,
            charts.importance_curves((0.0, 0.1, 1.0, 10.0, 100.0), neuron.z, neuron.lambda_share),
            height=360,
            key="curves",
            name="importance-curves",
            alt="Importance against z for several ratios of λ to the channel's variance",
        )
        spike = Derivation(preset_channel("spike"), 4, 4, 1.0)
        st.markdown(
            f"λ is a soft threshold on the channel's variance: 1/e* = ½ + z²/4 · σ²/(σ² + λ). Far below σ² it does nothing, far above "
            f"it flattens the channel to the **floor** ½. For the neuron in hand λ/σ² = {ratio(neuron.lambda_share)}.\n\n"
            f"- **A lone spike survives longer.** At λ = 1, the spike preset has σ² = {spike.variance:.3g}, well below λ, and yet the "
            f"spike's importance is {spike.importance:.3g}: its z = {spike.z:.3g} enters squared.\n"
            "- **Channels are hardly ranked.** The mean of z² over any channel is (M − 1)/M, so the mean importance stays below ¾ "
            f"and, as the sigmoid flattens out, the mean weight below sigmoid(¾) = {MEAN_ATTENTION_CEILING:.4f}, whatever the channel "
            f"holds. Here it is {float(neuron.weights.mean()):.4f}."
        )
    with player:
        lambda_player(view.shown, neuron)
