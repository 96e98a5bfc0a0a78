"""The frame around every page: navigation, the sidebar, what a link asked for, and the part of the page that follows λ.

A screen is a function of what is looked at (:class:`~simam_viz.app.scene.Subject`) that draws what λ does not reach, yields
the part that follows λ, and draws what stands below it. The frame runs that part, as one fragment: a move of λ, or of a
control in it, then runs that much again and not the whole page.
"""

from __future__ import annotations

import os
import sys

import streamlit as st
import torch

from .. import quiet
from ..checkpoints.weights_file import CheckpointError
from ..paths import ASSETS
from ..wording import _, tag, together
from . import (
    absent,
    choose_photo,
    devices,
    dropping,
    films,
    given,
    keeping,
    lambdas,
    language,
    live,
    own,
    pages,
    question,
    sidebar,
    squaring,
    state,
    theme,
    warming,
)
from .scene import Subject
from .screens import screen_of
from .server import elsewhere, forgetting
from .style import STYLE, WITHOUT_OLD_PAGE, arrive, in_language
from .widgets import takeaway
from .widgets.shown import Shown


def run(file: str) -> None:
    """Draw the page that the address names; ``file`` is the one that runs: ``app.py``, or one of ``pages/``."""
    given.restore_main()
    page = pages.asked_for(file)
    moved = state.begin(page, language.follow)
    title = pages.PAGES[page][0]
    st.set_page_config(page_title=f"{_(title)} · SimAM Viz", page_icon=str(ASSETS / "icon.png"), layout="wide")
    st.html(STYLE)
    if moved:
        choose_photo.forget_upload_error()
        dropping.forget_error()
    with st.container(gap=None):  # always there, so that what follows keeps its place on the page
        hidden = st.empty()
        if moved:
            hidden.html(WITHOUT_OLD_PAGE)
            st.html(arrive(page), unsafe_allow_javascript=True)
        st.html(in_language(tag()), unsafe_allow_javascript=True)
        theme.follow()
        keeping.follow(choose_photo.is_here, choose_photo.take)
    forgetting.seen()
    _prepare_process()
    with st.sidebar:
        language.switch()
        st.markdown("### SimAM Viz")
        navigation = st.container()
        st.divider()
        photo = choose_photo.choose()
        loaded = None
        try:
            loaded = sidebar.choose_checkpoint()
        except (CheckpointError, OSError) as error:
            trouble = str(error)
        place_of_lambda = st.container()
        if loaded is not None:
            loaded = devices.choose(loaded)
            photo = question.own_input(photo, loaded)
            target = sidebar.choose_class(loaded)
            ask = question.choose_question(loaded)
            size = sidebar.choose_input_size(loaded)
            subject = Subject(photo, loaded, target, size, ask, squaring.chosen(photo, loaded))
            choose_photo.say_enlarged(subject.enlarged)
            place_of_files = st.popover(_("Take it home"), icon=":material/download:", width="stretch")
    st.title(_(title))
    absent.photo(photo)
    keeping.tell(photo.name)
    if loaded is None:  # the sidebar stands, so that another network can be chosen
        with navigation:
            pages.links()
        st.error(together(_("The network cannot be loaded."), trouble))
        st.stop()
    absent.checkpoint(loaded)
    files = takeaway.begin()
    place_of_notices = st.container()
    screen = screen_of(page)(subject)
    part = next(screen)
    # Streamlit remembers fragments, and they must not hold on to the photo.
    held = forgetting.Held(subject)
    forgetting.keeps("subject", held)
    del photo, subject
    ignored = state.ignored()

    @st.fragment(key="part")
    def follow() -> None:
        if not held.here:
            st.rerun()
        state.settle(ignored)
        subject = held()
        # The sidebar tells of both, too.
        moved = squaring.chosen(subject.photo, subject.loaded) != subject.square
        if moved or question.changed(subject.ask, subject.loaded):
            st.rerun()
        with place_of_lambda:
            e_lambda = lambdas.choose(subject.loaded, page in live.PAGES and live.drawn_there())
        with navigation:
            pages.links()
        with place_of_notices:
            notices = st.container()  # in every run: no fragment may begin to write outside itself
        shown = Shown(title, subject.photo, subject.loaded, subject.photo_notices, state.settings(), subject.box)
        view = subject.at(e_lambda, shown)
        with films.after_drawing():
            part(view)
        for sentence in state.ignored():
            notices.caption(f":material/link_off: {sentence}")
        # In a container of the fragment's own: within another's, Streamlit takes all download buttons for one.
        with place_of_files, st.container():
            files.offer(shown, view.fresh_analysis)

    follow()
    for _unexpected in screen:
        raise RuntimeError("A screen yields one part.")
    own.clear_up()
    hidden.empty()


@st.cache_resource(show_spinner=False)
def _prepare_process() -> None:
    # Sessions share the processor. Threads of one pass that wait for each other while another session computes cost many
    # times what they gain, and one photo needs no more than half of the cores.
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    # A new visitor's browser asks for some 150 small files while their page is being drawn. At Python's own 5 ms, the thread
    # that answers waits for the one that draws at every step.
    sys.setswitchinterval(0.0005)
    quiet.quieten()
    if address := given.started().ray or os.environ.get("SIMAM_VIZ_RAY"):
        elsewhere.ELSEWHERE.begin(address)
    if forgetting.begin():
        warming.begin()
