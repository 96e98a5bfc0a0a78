"""Models: every network there is, what is known of the one in use, and how to bring another."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from ....wording import _
from ... import zoo
from ...scene import Part, Scene, Subject
from . import bringing, describing, measured_accuracy, shown_card, trying
from .listed import card_file, facts, fit, follow, plain_title, table


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ: the samples run at the λ of the sidebar."""
    yield _models


def _models(view: Scene) -> None:
    choices = zoo.choices()
    follow(view, choices)
    st.subheader(_("What there is"))
    table(view, choices)

    choice = choices[view.loaded.name]
    st.subheader(_("In use: {network}", network=plain_title(view.loaded)))
    facts(view)
    shown_card.classes_known(view.shown, view.loaded)
    fit(view.loaded)
    card_file(choice, view.loaded)
    if choice.changeable:
        describing.description(choice, view.loaded)
    st.subheader(_("Try it on the samples"))
    trying.samples(view)
    st.subheader(_("How often it is right"))
    measured_accuracy.measure(view, choice)

    st.subheader(_("Bring another"))
    own, authors, torchvision = st.tabs(
        [_("A file of your own"), _("The SimAM authors' files"), _("torchvision's ImageNet weights")]
    )
    with own:
        bringing.own_file()
    with authors:
        bringing.authors_files()
    with torchvision:
        bringing.torchvisions()
