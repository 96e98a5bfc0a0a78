"""Models: bring a network, see what was understood of it, confirm what no file says; then try it."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from ....checkpoints.loading import siblings_of, twin_of
from ....wording import _
from ... import zoo
from ...scene import Part, Scene, Subject
from . import bringing, describing, drawn, measured_accuracy, shown_card, ticking, trying
from .listed import card_file, facts, fit, follow, looked_at, plain_title, table


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ: the samples run at the λ of the sidebar."""
    yield _models


def _models(view: Scene) -> None:
    choices = zoo.choices()
    follow(view, choices)
    alike = siblings_of(view.loaded.card)
    twin = twin_of(view.loaded)
    view.shown.panels = ["photo", "weight", "cam"]
    view.shown.networks = [
        "on", *(["twin"] if twin else []), *(name for name, info in alike.items() if info.name != view.loaded.card.twin),
    ]  # fmt: skip
    choice = choices[view.loaded.name]
    st.subheader(_("1 · Bring it"))
    table(view, choices)
    bringing.refused()
    own, ticked, authors, torchvision = st.tabs(
        [
            _("A file of your own"),
            _("SimAM where you want it"),
            _("The SimAM authors' files"),
            _("torchvision's ImageNet weights"),
        ]
    )
    with own:
        bringing.own_file(choice, view.loaded)
    with ticked:
        ticking.tick()
    with authors:
        bringing.authors_files()
    with torchvision:
        bringing.torchvisions()

    st.subheader(_("2 · What was understood: {network}", network=plain_title(view.loaded)))
    zoo.mark(view.loaded)
    drawn.network(view.loaded)
    facts(view)
    looked_at(view.loaded)
    fit(view.loaded)
    shown_card.classes_known(view.shown, view.loaded)
    card_file(choice, view.loaded)

    st.subheader(_("3 · Confirm"))
    describing.description(choice, view.loaded)

    shown_card.trained_alike(view.shown, view.loaded)
    if not trying.possible(view.loaded):
        st.markdown(
            _(
                "Running the samples and counting right answers make sense of networks that name one class for a photo; this one does not."
            )
        )
        return
    st.subheader(_("Try it on the samples"))
    trying.samples(view)
    st.subheader(_("How often it is right"))
    measured_accuracy.measure(view, choice)
