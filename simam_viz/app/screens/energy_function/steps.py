"""The parts of the Energy function page: choosing a neuron, and showing what the formula makes of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from ....checkpoints.loading import DEFAULT_E_LAMBDA
from ....draw import charts, render
from ....explain.blocks import QUANTITIES, Block
from ....lesson import derivation as lesson
from ....lesson.derivation import PRESETS, SIDE, Derivation, Verdict
from ....modules.formulas import ATTENTION_FLOOR, MEAN_ATTENTION_CEILING
from ... import state
from ...scene import Scene
from ...sidebar import lambda_stops
from ...widgets import choose, pictures, takeaway

Place = tuple[int, int]

SURFACE_WIDTH = 640

_IN_HAND = "lesson-neuron"


def clickable_map(
    key: str,
    values: Tensor,
    scale: render.Scale,
    target: Place,
    pick: Callable[[Place], None],
    details: dict[str, Tensor] | None = None,
    written: bool = False,
) -> None:
    """A channel whose neurons can be clicked; ``pick`` gets (row, column) of the one that was."""
    width = values.shape[1]

    def clicked() -> None:
        for series in st.session_state[key].selection.selected:
            if series["series_index"] == 0:
                pick(divmod(series["data_indices"][-1], width))

    pictures.chart(
        charts.clickable_map(values, scale, target, details, written),
        height=400,
        key=key,
        name=f"{key}-map",
        on_select=clicked,
        alt=f"Heat map of a channel; the chosen neuron, row {target[0]}, column {target[1]}, is framed in red",
    )


def toy_neuron(e_lambda: float | None) -> Derivation:
    """A neuron of the small channel, as the person has set it; draws the controls.

    The small channel is in no block: where every block keeps a λ of its own, it has the one that most networks have.
    """
    with st.grid(2, min_column_width=150, vertical_alignment="bottom"):
        name = state.control(
            st.selectbox,
            "Channel",
            list(PRESETS),
            name="toy",
            default="spike",
            parse=state.one_of({name: name for name in PRESETS}),
            on_change=_forget_edits,
            format_func=lambda name: PRESETS[name].title,
        )
        edits = state.parsed("edits", _parse_edits, {})
        place = state.parsed("at", _parse_place, PRESETS[name].target)
        channel = lesson.preset_channel(name, edits)

        def set_value() -> None:
            if not state.moved_by_hand("toy-value"):
                return
            changed = {**state.parsed("edits", _parse_edits, {}), place: st.session_state["toy-value"]}
            state.put("edits", ";".join(f"{row},{column},{value:g}" for (row, column), value in changed.items()))

        value = float(channel[place])
        state.show("toy-value", value)
        st.slider("Value of the target", -5.0, 5.0, value, step=0.1, key="toy-value", on_change=set_value)
    clickable_map(
        f"toy-{name}",
        channel,
        render.scale_for("feature", channel),
        place,
        lambda chosen: state.put("at", "{},{}".format(*chosen)),
        written=True,
    )
    st.caption("The channel: 9 × 9 values, blue below 0, red above. Click a neuron to make it the target.")
    if edits:
        st.button("Undo all changes of values", on_click=state.put, args=("edits", None), key="toy-reset")
    state.write_url()
    return Derivation(channel, *place, DEFAULT_E_LAMBDA if e_lambda is None else e_lambda)


def photo_neuron(view: Scene) -> Derivation | None:
    """A neuron of the current analysis; draws the controls. ``None`` where the block's maps have one neuron only."""
    with st.grid(2, min_column_width=150):
        block = choose.block(view)
        channel = choose.channel(block)
    if block.features[0].numel() < 2:
        st.info(
            f"In {block.name} a channel is one single neuron: there are no others to tell it from, and its weight is "
            f"{ATTENTION_FLOOR:.3f}. Choose another block; until then, here is the small channel."
        )
        return None
    place = pick_neuron(f"photo-{block.name}-{channel}", block, channel, "feature")
    st.caption(
        f"What enters SimAM in channel {channel} of {block.name}: blue below 0, red above. Click a neuron to make it the target. "
        "Point at one to read its value; all values are among the tensors of *Take it home*." + view.hypothetical
    )
    return Derivation(block.features[channel], *place, block.e_lambda)


def pick_neuron(key: str, block: Block, channel: int, quantity: str, own_range: bool = False) -> Place:
    """Choose a neuron of a channel, by its row and column or by a click on the channel's map."""
    _, height, width = block.features.shape
    with st.grid(2, min_column_width=110):
        place = choose.position("row", height), choose.position("column", width)

    def pick(chosen: Place) -> None:
        for name, index in zip(("row", "column"), chosen, strict=True):
            state.put(name, str(index))

    values = block.quantity(quantity)[channel]
    details = {name: block.quantity(name)[channel] for name in QUANTITIES}
    clickable_map(key, values, render.scale_for(quantity, values, own_range), place, pick, details)
    return place


def whose_lambda(view: Scene, source: str, neuron: Derivation) -> None:
    """At which λ the neuron's numbers are, and whose it is where the network's blocks keep different ones."""
    whose = ""
    if view.e_lambda is None:
        of = "this block's own" if source == "photo" else "every block has its own; the small channel is in none"
        whose = f" ({of})"
    st.caption(f"At λ = {neuron.e_lambda:g}{whose}: the slider in the sidebar changes it.")


def results(d: Derivation) -> None:
    """What comes out, in six numbers."""
    side = "at" if d.deviation == 0 else "above" if d.deviation > 0 else "below"
    takeaway.keep_table(
        "neuron",
        "The neuron in hand",
        [
            {
                "row": d.row, "column": d.column, "t": d.t, "μ": d.mean, "σ²": d.variance, "z": d.z, "energy": d.energy,
                "energy of the best line": d.closed_form.energy, "importance": d.importance, "weight": d.weight,
                "rank in channel": d.rank, "neurons": d.neurons,
            }
        ],
    )  # fmt: skip
    with st.grid(3, min_column_width=110):
        st.metric("Target t", f"{d.t:.4g}", help=f"Row {d.row}, column {d.column}; it lies {side} its channel's mean.")
        st.metric(
            "z = (t − μ)/σ",
            f"{d.z:.3g}",
            help=f"How many standard deviations σ = √σ² = {d.variance**0.5:.4g} the target lies from the channel's mean "
            f"μ = {d.mean:.4g}.",
        )
        st.metric(
            "Energy e*",
            f"{d.energy:.4g}",
            help=f"What SimAM computes, by Eq. 5. The best line itself has {d.closed_form.energy:.4g}: Eq. 5 takes the whole "
            "channel's mean and variance for those of the others.",
        )
        st.metric("Importance 1/e*", f"{d.importance:.4g}")
        st.metric("Weight", f"{d.weight:.5f}", help="sigmoid(1/e*): what the neuron is multiplied by.")
        st.metric("Rank in the channel", f"{d.rank} of {d.neurons}", help="By weight; 1 has the lowest energy.")


def steps_without_numbers() -> list[DeltaGenerator]:
    """Every step with its words and its formula, and a place below each where the numbers go.

    Apart from the numbers, because formulas are slow to draw and these never change.
    """
    places = []
    for step in lesson.steps(Derivation(lesson.preset_channel("spike"), 4, 4, 0.1)):
        with st.container(border=True):
            st.markdown(f"**{step.title}** {step.words}")
            st.latex(step.formula)
            places.append(st.container())
    return places


def numbers_of(d: Derivation, places: list[DeltaGenerator]) -> None:
    """This neuron's numbers, each in the place of its step."""
    for place, step in zip(places, lesson.steps(d), strict=True):
        place.latex(step.numbers)


def surface(d: Derivation) -> None:
    """Eq. 2 over (w, b), its minimum found both ways, and the line that belongs to it."""
    contours, bowl = st.columns(2, gap="large", vertical_alignment="center")
    with contours:
        pictures.chart(
            charts.energy_contours(d),
            height=400,
            key="contours",
            name="energy-contours",
            alt="Lines of equal energy over slope and offset, with the three points marked",
        )
    with bowl:
        pictures.picture(
            "surface",
            partial(_surface, d),
            SURFACE_WIDTH,
            alt="The energy of Eq. 2 over slope and offset as a bowl in three dimensions, with the three points marked",
        )
    st.caption(
        "The energy of every line w·x + b for this neuron, colours from low (dark blue) to high (yellow). The closed form "
        "(red circle) and a search that knows nothing but Eq. 2 (black) meet at the bottom of the bowl. "
        + (
            "The sign that the paper prints (orange triangle) leads up the wall: a worse energy than that of the flat line "
            "w = b = 0, which is "
            f"{d.energy_of(0.0, 0.0):g}."
            if d.as_printed.energy > d.closed_form.energy + 1e-9
            else "This neuron equals the mean of the others, so w* is 0 and its sign does not matter."
        )
    )
    points = {"closed form": d.closed_form, "numerical search": d.numerical, "sign as printed": d.as_printed}
    pictures.table(
        "lines",
        "The points on the energy surface",
        [
            {"point": name, "w": f"{line.w:.6g}", "b": f"{line.b:.6g}", "energy": f"{line.energy:.6g}"}
            for name, line in points.items()
        ],
    )
    st.caption(
        f"This least energy, {d.closed_form.energy:.4g}, is exact: μ_t and σ_t² are those of the others. With one μ and σ² for the "
        f"whole channel (Eq. 5) SimAM computes {d.energy:.4g} instead."
    )


def _surface(d: Derivation, width: int) -> render.Pixels:
    return charts.figure_pixels(charts.energy_surface(d), width)


def lambda_player(d: Derivation) -> None:
    """The channel's weights as λ runs from 1e-6 to 10."""
    stops = lambda_stops()
    playing = st.toggle("Play", key="lesson-playing", help="λ runs from 1e-6 to 10, again and again.")

    @st.fragment(run_every=0.5 if playing else None)
    def frame() -> None:
        now = st.session_state.get("lesson-lambda", 0.1)
        if playing:
            now = stops[(stops.index(now) + 1) % len(stops)]
        state.show("lesson-lambda", now)
        st.select_slider(
            "λ of this picture", stops, now, key="lesson-lambda", format_func=lambda value: f"{value:g}",
            on_change=state.moved_by_hand, args=("lesson-lambda",),
        )  # fmt: skip
        at_now = Derivation(d.channel, d.row, d.column, now)
        weights = at_now.weights
        scale = render.scale_for("attention weight", weights)
        pictures.picture(
            "lambda-weights",
            partial(render.heat_map, weights, scale),
            360,
            alt=f"The weights of the channel at λ = {now:g}",
            caption=f"The channel's weights at λ = {now:g}: highest {weights.max():.4f}, mean {weights.mean():.4f} (below "
            f"{MEAN_ATTENTION_CEILING:.4f} at any λ). λ/σ² = {lesson.ratio(at_now.lambda_share)}.",
            scale=scale,
        )

    frame()


def take_in_hand(d: Derivation, preset: str | None) -> None:
    """Remember the neuron that the exercises ask about; ``preset`` is its small channel, if it is of one."""
    st.session_state[_IN_HAND] = d, preset


# A fragment of their own: a move of the lesson does not draw the questions again.
@st.fragment
def exercises() -> None:
    """Five questions that playing answers; each is checked against the channel in hand."""
    state.settle()
    d, preset = st.session_state[_IN_HAND]
    with st.container(border=True):
        st.markdown("**1.** Choose the channel *Two blobs*. Which neuron has the lowest energy? Make it the target.")
        if st.button("Check", key="check-lowest"):
            _say(
                lesson.check_lowest_energy(d)
                if preset == "blobs"
                else Verdict(False, "Choose the channel Two blobs first.")
            )
    with st.container(border=True):
        st.markdown("**2.** Choose *A dark spot*. Why is the spot emphasised although its value is the lowest?")
        choice = st.radio("Your answer", list(lesson.DARK_SPOT_ANSWERS), index=None, key="check-dark")
        if choice:
            _say(lesson.DARK_SPOT_ANSWERS[choice])
    with st.container(border=True):
        st.markdown(
            "**3.** What λ halves the advantage 1/e* − ½ that the target of the channel above has when λ is nearly 0?"
        )
        answer = st.number_input("λ", min_value=0.0, value=None, format="%.5f", step=0.01, key="check-lambda")
        if answer is not None:
            _say(lesson.check_halving_lambda(d, answer))
    with st.container(border=True):
        st.markdown("**4.** On *A flat map*, what weight does every neuron get?")
        answer = st.number_input("Weight", min_value=0.0, value=None, format="%.4f", step=0.01, key="check-floor")
        if answer is not None:
            _say(lesson.check_floor(answer))
    with st.container(border=True):
        st.markdown(
            "**5.** In *One spike*, click a neuron other than the spike and change its value until it is emphasised most."
        )
        if st.button("Check", key="check-favourite"):
            _say(lesson.check_new_favourite(d, preset or ""))


def _say(result: Verdict) -> None:
    (st.success if result.right else st.info)(result.words)


def _forget_edits() -> None:
    state.put("edits", None)
    state.put("at", None)


def _parse_place(text: str) -> Place:
    row, column = (int(part) for part in text.split(","))
    if not (0 <= row < SIDE and 0 <= column < SIDE):
        raise ValueError(text)
    return row, column


def _parse_edits(text: str) -> dict[Place, float]:
    edits = {}
    for entry in text.split(";"):
        row, column, value = entry.split(",")
        number = float(value)
        if not -5 <= number <= 5:
            raise ValueError(text)
        edits[_parse_place(f"{row},{column}")] = number
    return edits
