"""Energy function: eight scenes that teach it, and below them every step for whoever wants it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import streamlit as st

from ....lesson.faq import FAQ
from ....wording import _
from ... import state
from ...scene import Part, Scene, Subject
from . import stage
from .below import WHOSE, Places, derivation, places_of
from .neuron import keep_results


def page(subject: Subject) -> Iterator[Part]:
    """The scenes, the derivation of one neuron with its numbers, and questions."""
    stage.stage()
    # Who comes from a neuron of the photo, or has chosen whose numbers to see, finds the steps open.
    steps = st.expander(
        _("Every step of the derivation, with the numbers of a neuron"),
        expanded=state.parsed("neuron", WHOSE, None) is not None,
        key="lesson-steps",
        on_change="rerun",
    )
    places = places_of(steps) if steps.open else None
    yield partial(_follows, places)
    for question, answer in FAQ.items():
        with st.expander(_(question)):
            st.markdown(_(answer))


def _follows(places: Places | None, view: Scene) -> None:
    view = view.of_attention()
    small = stage.tell(view)
    stage.plain(small)
    if places is None:
        keep_results(view.shown, small)
    else:
        derivation(view, small, places)
    # The last scene needs the network, which takes a moment: from the one before it on.
    if stage.scene_now() in ("channel", "photo"):
        stage.tell_of_the_photo(view)
    state.write_url()
