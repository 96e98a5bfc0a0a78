"""Energy function: how SimAM gets its formula, on a small channel and on a neuron of the photo."""

import streamlit as st

from simam_viz.app import scene, state
from simam_viz.app.scene import Scene
from simam_viz.app.screens.energy_function import steps as lesson_parts
from simam_viz.app.widgets import pictures
from simam_viz.draw import charts
from simam_viz.lesson.derivation import Derivation
from simam_viz.lesson.faq import FAQ
from simam_viz.lesson.katex import ratio
from simam_viz.lesson.presets import PRESETS, preset_channel
from simam_viz.modules.formulas import IMPORTANCE_FLOOR, MEAN_ATTENTION_CEILING

page = scene.page("pages/energy_function.py")

st.markdown(
    "A **neuron** is one value of a feature map. In the visual cortex, one that fires unlike its neighbours damps them (**spatial "
    "suppression**) and carries the most information. SimAM asks of every neuron of a channel: *how well can a straight line tell "
    "it from the others?* A line w·x + b should send this target to +1 and all others to −1; what it misses by is the **energy**. "
    "A target that stands apart is **linearly separable** from the others, and its energy near 0; inside the crowd no line does "
    f"much better than the flat one, whose energy is {1 / IMPORTANCE_FLOOR:g}. **Low energy: important.**"
)
IDEA_LAMBDA = 0.1
apart, crowd = st.columns(2, gap="large")
for column, place, title in ((apart, (4, 4), "A neuron that stands apart"), (crowd, (4, 2), "A neuron of the crowd")):
    example = Derivation(preset_channel("spike"), *place, IDEA_LAMBDA)
    with column:
        st.markdown(f"**{title}**: its best line has energy {example.closed_form.energy:.3g}")
        pictures.chart(
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
    places = lesson_parts.steps_without_numbers()


def choose_neuron(view: Scene) -> tuple[str, Derivation]:
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
    neuron = lesson_parts.photo_neuron(view) if source == "photo" else None
    if neuron is None:
        source, neuron = "toy", lesson_parts.toy_neuron(view.e_lambda)
    lesson_parts.results(neuron)
    lesson_parts.whose_lambda(view, source, neuron)
    return source, neuron


def one_neuron(view: Scene) -> None:
    with channel_side:
        source, neuron = choose_neuron(view)
    lesson_parts.numbers_of(neuron, places)
    preset = (state.get("toy") or next(iter(PRESETS))) if source == "toy" else None
    lesson_parts.take_in_hand(neuron, preset)

    st.header("The energy surface")
    lesson_parts.surface(neuron)
    pictures.chart(
        charts.number_line(neuron), height=280, key="line", name="number-line", alt="The best line over the number line"
    )
    st.caption(
        "The line of least energy. The target misses +1 by as much as the others, on average, miss −1: that is what the "
        "derivative by b says."
    )
    if source == "photo":
        st.subheader("Its place in its channel")
        pictures.chart(
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
        lesson_parts.lambda_player(neuron)


page.live(one_neuron)

st.header("Try yourself")
lesson_parts.exercises()

st.header("Questions that readers ask")
for question, answer in FAQ.items():
    with st.expander(question):
        st.markdown(answer)
