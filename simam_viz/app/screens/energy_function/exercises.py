"""Questions that are answered by playing with the neuron in hand."""

from __future__ import annotations

import streamlit as st

from ....lesson.derivation import Derivation
from ....lesson.exercises import (
    DARK_SPOT_ANSWERS,
    Verdict,
    check_floor,
    check_halving_lambda,
    check_lowest_energy,
    check_new_favourite,
)
from ....wording import _
from ... import state

_IN_HAND = "lesson-neuron"


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
        st.markdown(_("**1.** Choose the channel *Two blobs*. Which neuron has the lowest energy? Make it the target."))
        if st.button(_("Check"), key="check-lowest"):
            _say(
                check_lowest_energy(d)
                if preset == "blobs"
                else Verdict(False, _("Choose the channel Two blobs first."))
            )
    with st.container(border=True):
        st.markdown(_("**2.** Choose *A dark spot*. Why is the spot emphasised although its value is the lowest?"))
        choice = st.radio(
            _("Your answer"),
            list(DARK_SPOT_ANSWERS),
            index=None,
            key="check-dark",
            format_func=lambda answer: _(answer),
        )
        if choice:
            _say(DARK_SPOT_ANSWERS[choice])
    with st.container(border=True):
        st.markdown(
            _(
                "**3.** What λ halves the advantage 1/e* − ½ that the target of the channel above has when λ is nearly 0?"
            )
        )
        answer = st.number_input("λ", min_value=0.0, value=None, format="%.5f", step=0.01, key="check-lambda")
        if answer is not None:
            _say(check_halving_lambda(d, answer))
    with st.container(border=True):
        st.markdown(_("**4.** On *A flat map*, what weight does every neuron get?"))
        answer = st.number_input(_("Weight"), min_value=0.0, value=None, format="%.4f", step=0.01, key="check-floor")
        if answer is not None:
            _say(check_floor(answer))
    with st.container(border=True):
        st.markdown(
            _(
                "**5.** In *One spike*, click a neuron other than the spike and change its value until it is emphasised most."
            )
        )
        if st.button(_("Check"), key="check-favourite"):
            _say(check_new_favourite(d, preset or ""))


def _say(result: Verdict) -> None:
    (st.success if result.right else st.info)(_(result.words))
