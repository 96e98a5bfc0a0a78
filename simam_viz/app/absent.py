"""What a link shows and is not here is said above the picture, with what helps: nothing else may pass for it."""

from __future__ import annotations

import streamlit as st

from ..checkpoints.loading import LoadedCheckpoint
from ..wording import _, together
from . import choose_photo, dropping, own, state, zoo
from .photo import Photo

_ASKED = "asked-for"
_ICON = ":material/link_off:"


def photo(shown: Photo) -> None:
    """Ask for the photo of the link, if it is not the one that is ``shown``."""
    asked = state.get("photo") or state.gone().get("photo")
    if asked is not None and asked != shown.name:
        _remember("photo", asked)
        what = (
            _("This link shows an uploaded photo, which is not here.")
            if choose_photo.is_upload(asked)
            else _("This link shows the photo {name}, which is not here.", name=state.quoted(asked))
        )
        way = _("Upload that photo to see the same view; until then, a sample: {title}.", title=shown.title)
        st.info(together(what, way), icon=_ICON)
        choose_photo.uploader(_("The photo of this link"), "uploader-absent")
    elif (asked := _recall("photo")) is not None and choose_photo.is_upload(shown.name) and asked != shown.name:
        st.info(
            _(
                "{title} is not the file that the link was made with: another photo, or another copy of the same one.",
                title=shown.title,
            ),
            icon=_ICON,
        )


def checkpoint(shown: LoadedCheckpoint) -> None:
    """Ask for the network of the link or the menu, if it is not the one that is ``shown``."""
    title = state.plain(shown.card.title or shown.name)
    asked = state.gone().get("checkpoint") or state.get("checkpoint")
    if asked is not None and asked != shown.name:
        _remember("checkpoint", asked)
        if asked in zoo.choices():
            st.info(
                _(
                    "The checkpoint {name} cannot be used; until you choose another, this one stands in for it: {title}.",
                    name=state.quoted(asked),
                    title=title,
                ),
                icon=_ICON,
            )
        else:
            what = (
                _("This link shows an uploaded checkpoint, which is not here.")
                if own.is_upload(asked)
                else _("This link shows the checkpoint {name}, which is not here.", name=state.quoted(asked))
            )
            way = _("Upload that file to see the same view; until then, another network: {title}.", title=title)
            st.info(together(what, way), icon=_ICON)
        dropping.tell_refused("absent")
        dropping.uploader("absent", _("The checkpoint of this link"))
    elif (asked := _recall("checkpoint")) is not None and own.is_upload(shown.name) and asked != shown.name:
        st.info(
            _("{title} is not the file that the link was made with.", title=title)
            if own.is_upload(asked)
            else _(
                "{title} stands for {name} of the link: whether it is the same network cannot be told.",
                title=title,
                name=state.quoted(asked),
            ),
            icon=_ICON,
        )


def _remember(entry: str, asked: str) -> None:
    st.session_state.setdefault(_ASKED, {})[entry] = asked


def _recall(entry: str) -> str | None:
    """What the link asked for, once: the answer is said after what was brought in its place, and not again."""
    asked: dict[str, str] = st.session_state.get(_ASKED, {})
    return asked.pop(entry, None)
