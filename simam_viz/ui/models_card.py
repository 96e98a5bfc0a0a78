"""What a person is told about the network in use."""

from __future__ import annotations

import streamlit as st

from ..checkpoints import LoadedCheckpoint


def classes_known(loaded: LoadedCheckpoint) -> None:
    """What the network was trained on, how good it is, and every class it can name."""
    card = loaded.card
    with st.expander(f"What this network is, and the {len(loaded.categories)} classes it knows"):
        st.markdown(f"**{card.get('title', loaded.name)}**, λ = {loaded.e_lambda:g}")
        accuracy = card.get("accuracy")
        if accuracy:
            st.markdown(
                f"Measured: {accuracy['top1']:.1f} % top-1 and {accuracy['top5']:.1f} % top-5 on "
                f"{accuracy['images']:,} validation images at {accuracy['input_size']} px."
            )
        for entry in ("trained_on", "limits", "data_terms"):
            if entry in card:
                st.markdown(card[entry])
        st.markdown(
            "It can only answer with one of these: " + "; ".join(sorted(loaded.categories, key=str.lower)) + "."
        )
