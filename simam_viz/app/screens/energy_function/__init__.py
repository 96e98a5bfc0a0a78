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
from ....wording import _, later
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
        _(
            "A **neuron** is one value of a feature map. In the visual cortex, one that fires unlike its neighbours damps them (**spatial "
            "suppression**) and carries the most information. SimAM asks of every neuron of a channel: *how well can a straight line tell "
            "it from the others?* A line w·x + b should send this target to +1 and all others to −1; what it misses by is the **energy**. "
            "A target that stands apart is **linearly separable** from the others, and its energy near 0; inside the crowd no line does "
            "much better than the flat one, whose energy is {greatest:g}. **Low energy: important.**",
            greatest=1 / IMPORTANCE_FLOOR,
        )
    )
    apart, crowd = st.columns(2, gap="large")
    for column, place, title in (
        (apart, (4, 4), later("A neuron that stands apart")),
        (crowd, (4, 2), later("A neuron of the crowd")),
    ):
        example = Derivation(preset_channel("spike"), *place, IDEA_LAMBDA)
        with column:
            st.markdown(
                _(
                    "**{title}**: its best line has energy {energy:.3g}",
                    title=_(title),
                    energy=example.closed_form.energy,
                )
            )
            pictures.chart(
                None,
                charts.number_line(example),
                height=260,
                key=f"idea-{place[1]}",
                name=f"number-line-{title}",
                alt=_("{title} on the number line, with its best line", title=_(title)),
            )
    st.caption(
        _(
            "Both are neurons of the channel *One spike* below, at λ = {e_lambda:g}; how their energy is worked out is what follows.",
            e_lambda=IDEA_LAMBDA,
        )
    )

    st.header(_("One neuron, every step"))
    channel_side, steps_side = st.columns([4, 6], gap="large")
    with steps_side, st.container(height=860):
        places = steps_without_numbers()

    yield partial(_one_neuron, channel_side, places)

    st.header(_("Try yourself"))
    exercises()

    st.header(_("Questions that readers ask"))
    for question, answer in FAQ.items():
        with st.expander(_(question)):
            st.markdown(_(answer))


def _choose_neuron(view: Scene) -> tuple[str, Derivation]:
    source = state.control(
        st.segmented_control,
        _("Whose neuron?"),
        ["toy", "photo"],
        name="neuron",
        default="toy",
        required=True,
        parse=state.one_of({"toy": "toy", "photo": "photo"}),
        format_func={"toy": _("a small channel"), "photo": view.photo.title}.__getitem__,
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

    st.header(_("The energy surface"))
    surface(view.shown, neuron)
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
    if source == "photo":
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

    st.header(_("What λ does"))
    curves, player = st.columns([6, 4], gap="large")
    with curves:
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
                "it flattens the channel to the **floor** ½. For the neuron in hand λ/σ² = {ratio}.",
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
    with player:
        lambda_player(view.shown, neuron)
