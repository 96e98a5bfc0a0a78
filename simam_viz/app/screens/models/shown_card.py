"""What a person is told about the network in use."""

from __future__ import annotations

import streamlit as st

from ....checkpoints import sentences as cards
from ....checkpoints.loading import LoadedCheckpoint, class_said, siblings_of
from ....draw import charts
from ....explain.blocks import lambda_text
from ....wording import _, comma, later, semicolon, together
from ... import pages, state, zoo
from ...widgets import pictures
from ...widgets.shown import Shown


def in_three_lines(loaded: LoadedCheckpoint) -> None:
    """Which network this is, how good it is, and the way to everything else that is known of it."""
    card = loaded.card
    title = f"**{state.plain(card.title or loaded.name)}**"
    lines = (
        title if loaded.trained_with_simam is False else f"{title}{comma()}{lambda_text(loaded.e_lambda)}",
        cards.accuracy_sentence(card) or _("How often it is right was not measured."),
    )
    with st.container(gap="xsmall"):
        st.markdown("  \n".join(lines))
        pages.link(
            "pages/models.py", _("All about this network, and its {classes} classes", classes=len(loaded.categories))
        )


def classes_known(shown: Shown, loaded: LoadedCheckpoint) -> None:
    """What the network was trained on, how good it is, and every class it can name."""
    card = loaded.card
    classes = len(loaded.categories)
    with st.expander(_("What this network is, and the {classes} classes it knows", classes=classes)):
        title = f"**{state.plain(card.title or loaded.name)}**"
        st.markdown(title if loaded.trained_with_simam is False else f"{title}{comma()}{lambda_text(loaded.e_lambda)}")
        sentences = (
            cards.accuracy_sentence(card),
            cards.sharp_sentence(card),
            state.plain(cards.earlier_readings_sentence(card)),
            *(state.plain(_(text)) for text in (card.trained_on, card.limits, card.data_terms) if text),
            cards.calibration_sentence(card),
            cards.pointing_sentence(card),
            cards.twin_sentence(card),
        )
        for sentence in filter(None, sentences):
            st.markdown(sentence)
        if "forward_pass" in loaded.assumed:
            st.markdown(_(ASSUMED_FORWARD))
        measured(shown, loaded)
        st.markdown(
            _(
                "It can only answer with one of these: {classes}.",
                classes=semicolon().join(
                    class_said(name, whole=True) for name in sorted(loaded.categories, key=str.lower)
                ),
            )
        )


def trained_alike(shown: Shown, loaded: LoadedCheckpoint) -> None:
    """The networks that differ in their attention alone, pair by pair; nothing where there are none."""
    family = [loaded.card, *(info.card for info in siblings_of(loaded.card).values())]
    rows = cards.sibling_rows(family)
    if not rows:
        return
    st.subheader(_("Trained alike: which attention is better?"))
    if missing := zoo.siblings(loaded)[1]:
        st.caption(missing)
    st.markdown(together(*cards.sibling_sentences(family)))
    shown.keep_table("trained-alike", _("Top-1 of networks trained alike, pair by pair"), rows)
    points = {_("points"): st.column_config.NumberColumn(format="%+.2f")}
    st.dataframe(rows, hide_index=True, width="stretch", height="content", column_config=points)


ASSUMED_FORWARD = later(
    "**Forward pass assumed to be torchvision's**: only names and shapes of the tensors are known, and those of some variants "
    "(ResNets with blurred downsampling, with the stride in another convolution, with other activations) are the same. If its "
    "answers are worse than they should be, that may be why."
)


def measured(shown: Shown, loaded: LoadedCheckpoint) -> None:
    """The tables and curves of the card, as far as it has them."""
    card = loaded.card
    if card.curves:
        st.markdown(_("**Learning curves**: accuracy on the held-out images after each epoch, and the training loss."))
        pictures.chart(
            shown,
            charts.learning_curves(card["curves"]),
            height=280,
            alt=_("Top-1, top-5 and training loss over the epochs"),
            key=f"curves-{loaded.name}",
            name=f"learning-curves-{loaded.name}",
        )
    by_size = card.accuracy_by_input_size and card.accuracy_by_input_size.how
    sizes = (
        _("**Accuracy by input size**, on {data}.", data=state.plain(_(by_size)))
        if by_size
        else _("**Accuracy by input size**.")
    )
    _table(shown, "card-sizes", sizes, cards.size_rows(card))
    _table(
        shown,
        "card-classes",
        _("**The five best and the five worst classes**, on the validation images."),
        cards.class_rows(card, best=5),
    )
    _table(
        shown,
        "card-mistakes",
        _("**The most frequent mistakes**, on the validation images."),
        cards.confused_rows(card),
    )
    if facts := cards.fact_rows(card):
        st.markdown("\n".join((_("**How it was made**"), "", *map(_fact, facts))))


def _fact(row: cards.Row) -> str:
    code = row["fact"] in cards.CODE and "`" not in row["value"]
    value = f"`{row['value']}`" if code else state.plain(row["value"])
    return _("- {fact}: {value}", fact=_(row["fact"]), value=value)


def _table(shown: Shown, name: str, title: str, rows: list[cards.Row]) -> None:
    if rows:
        shown.keep_table(name, title.replace("**", ""), rows)
        st.markdown(title)
        shares = {name: st.column_config.NumberColumn(format="%.1f") for name in rows[0] if "%" in name}
        st.dataframe(rows, hide_index=True, width="stretch", height="content", column_config=shares)
