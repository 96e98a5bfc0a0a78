"""Models: every network there is, what is known of the one in use, and how to bring another."""

import streamlit as st

from simam_viz.app import scene, zoo
from simam_viz.app.scene import Scene
from simam_viz.app.screens.models import measured_accuracy as accuracy_parts
from simam_viz.app.screens.models import parts as models_parts
from simam_viz.app.screens.models import shown_card


def models(view: Scene) -> None:
    choices = zoo.choices()
    models_parts.follow(view, choices)
    st.subheader("What there is")
    models_parts.table(view, choices)

    choice = choices[view.loaded.name]
    st.subheader(f"In use: {models_parts.plain_title(view.loaded)}")
    models_parts.facts(view)
    shown_card.classes_known(view.loaded)
    models_parts.fit(view.loaded)
    models_parts.card_file(choice, view.loaded)
    if choice.changeable:
        models_parts.description(choice, view.loaded)
    st.subheader("Try it on the samples")
    models_parts.samples(view)
    st.subheader("How often it is right")
    accuracy_parts.measure(view, choice)

    st.subheader("Bring another")
    own, authors, torchvision = st.tabs(
        ["A file of your own", "The SimAM authors' files", "torchvision's ImageNet weights"]
    )
    with own:
        models_parts.own_file()
    with authors:
        models_parts.authors_files()
    with torchvision:
        models_parts.torchvisions()


scene.page("pages/models.py").live(models)
