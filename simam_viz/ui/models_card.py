"""What a person is told about the network in use."""

from __future__ import annotations

import streamlit as st

from .. import cards, charts
from ..checkpoints import LoadedCheckpoint
from . import takeaway, widgets


def classes_known(loaded: LoadedCheckpoint) -> None:
    """What the network was trained on, how good it is, and every class it can name."""
    card = loaded.card
    with st.expander(f"What this network is, and the {len(loaded.categories)} classes it knows"):
        with_lambda = f", λ = {loaded.e_lambda:g}" if loaded.trained_with_simam is not False else ""
        st.markdown(f"**{card.get('title', loaded.name)}**{with_lambda}")
        sentences = (
            cards.accuracy_sentence(card),
            cards.earlier_readings_sentence(card),
            card.get("trained_on"),
            card.get("limits"),
            card.get("data_terms"),
            cards.calibration_sentence(card),
            cards.pointing_sentence(card),
            cards.twin_sentence(card),
        )
        for sentence in filter(None, sentences):
            st.markdown(sentence)
        measured(loaded)
        st.markdown(
            "It can only answer with one of these: " + "; ".join(sorted(loaded.categories, key=str.lower)) + "."
        )


def measured(loaded: LoadedCheckpoint) -> None:
    """The tables and curves of the card, as far as it has them."""
    card = loaded.card
    if curves := card.get("curves"):
        st.markdown("**Learning curves**: accuracy on the held-out images after each epoch, and the training loss.")
        widgets.chart(
            charts.learning_curves(curves),
            height=280,
            alt="Top-1, top-5 and training loss over the epochs",
            key=f"curves-{loaded.name}",
            name=f"learning-curves-{loaded.name}",
        )
    by_size = card.get("accuracy_by_input_size", {}).get("how")
    _table("card-sizes", f"**Accuracy by input size**, on {by_size}.", cards.size_rows(card))
    _table(
        "card-classes",
        "**The five best and the five worst classes**, on the validation images.",
        cards.class_rows(card, best=5),
    )
    _table("card-mistakes", "**The most frequent mistakes**, on the validation images.", cards.confused_rows(card))
    if facts := cards.fact_rows(card):
        st.markdown("**How it was made**\n\n" + "\n".join(f"- {row['fact']}: {row['value']}" for row in facts))


def _table(name: str, title: str, rows: list[cards.Row]) -> None:
    if rows:
        takeaway.keep_table(name, title.replace("**", ""), rows)
        st.markdown(title)
        shares = {name: st.column_config.NumberColumn(format="%.1f") for name in rows[0] if "%" in name}
        st.dataframe(rows, hide_index=True, width="stretch", height="content", column_config=shares)
