"""The parts of the Energy function page: choosing a neuron, and showing what the formula makes of it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ....lesson.derivation import Derivation
from ....lesson.presets import preset_channel
from ....lesson.written_steps import written_steps


def steps_without_numbers() -> list[DeltaGenerator]:
    """Every step with its words and its formula, and a place below each where the numbers go.

    Apart from the numbers, because formulas are slow to draw and these never change.
    """
    places = []
    for step in written_steps(Derivation(preset_channel("spike"), 4, 4, 0.1)):
        with st.container(border=True):
            st.markdown(f"**{step.title}** {step.words}")
            st.latex(step.formula)
            places.append(st.container())
    return places


def numbers_of(d: Derivation, places: list[DeltaGenerator]) -> None:
    """This neuron's numbers, each in the place of its step."""
    for place, step in zip(places, written_steps(d), strict=True):
        place.latex(step.numbers)
