"""A description from a file becomes what the page shows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

import streamlit as st

from ....checkpoints.loading import LoadedCheckpoint, class_index
from ....checkpoints.store import list_checkpoints
from ....checkpoints.weights_file import CheckpointError
from ....draw.paper import description
from ....draw.paper.description import Description
from ....photos.samples import list_samples
from ....wording import _, again, counted, enumeration, kept, remembered
from ... import choose_photo, dropping, sidebar, state, zoo
from ...zoo import Choice

_PLACE = "paper-description"
_TOLD = "paper-description-told"


def uploader() -> None:
    """Where a person drops a description, and what came of the last one."""
    st.file_uploader(
        _("Open a description (JSON or YAML)"), type=["json", "yaml", "yml"], max_upload_size=1,
        key=dropping.key_of(_PLACE), on_change=_accept,
        help=_("Such as the button *Description* below a figure gives, and the command writes beside it."),
    )  # fmt: skip
    kind, sentence = st.session_state.get(_TOLD, ("", ""))
    if sentence:
        (st.error if kind == "error" else st.info)(state.plain(again(sentence)))


@remembered()
def _accept() -> None:
    file = dropping.received(_PLACE)
    if file is None:
        return
    st.session_state[_TOLD] = "info", kept(_("{name} has been opened.", name=file.name))
    try:
        made = description.from_bytes(file.data, file.name)
        choices = zoo.choices()
        made = _as_here(made, choices)
        photos = {sample.name: sample.name for sample in list_samples()}
        photos |= {photo.file_name: photo.name for photo in choose_photo.own_photos().values()}
        changes, missing = entries(made, zoo.load(choices[made.checkpoint]), photos)
    except (ValueError, CheckpointError, OSError) as error:
        st.session_state[_TOLD] = "error", kept(str(error))
        return
    for entry, text in changes.items():
        state.put(entry, text)
    if missing:
        told = counted(
            "{count} photo of the description is not here, and left out: {names}. Drop it as your own photo first.",
            "{count} photos of the description are not here, and left out: {names}. Drop them as your own photos first.",
            len(missing), names=enumeration(missing[:5]),
        )  # fmt: skip
        st.session_state[_TOLD] = "info", kept(told)


def _as_here(made: Description, choices: Mapping[str, Choice]) -> Description:
    """A description with the names that its networks have here. None is opened for it: no file runs code."""
    here = {
        choice.opened_by["checkpoint"]: name for name, choice in choices.items() if "checkpoint" in choice.opened_by
    }
    said = made.network or {"checkpoint": made.checkpoint or next((info.name for info in list_checkpoints()), "")}
    in_hand = next((name for name, choice in choices.items() if dict(choice.opened_by) == said), "")
    asked = str(said.get("network", made.checkpoint))
    in_hand = in_hand or (asked if asked in choices else "")
    if not in_hand:
        raise ValueError(_("The network “{name}” of the description is not here.", name=asked))
    names = {here.get(word, word): title for word, title in made.names.items()}
    networks = tuple(here.get(word, word) for word in made.networks)
    return dataclasses.replace(made, checkpoint=in_hand, network={}, networks=networks, names=names)


def entries(
    made: Description, loaded: LoadedCheckpoint, photos: Mapping[str, str]
) -> tuple[dict[str, str | None], list[str]]:
    """What the address says of a description, ``None`` for what has its default; and the photos that are not here.

    Args:
        made: the description.
        loaded: its network in hand.
        photos: names in the address of the photos that are here, by the words that a description has for them.

    Raises:
        ValueError: the network does not know a class; in one sentence.
    """
    here = [photos[word] for word in made.photos if word in photos]
    changed = made.changed()

    def plain(setting: str) -> str | None:
        value = changed.get(setting)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return state.number_text(value) if isinstance(value, float) else None if value is None else str(value)

    names = {photos.get(word, word): title for word, title in made.names.items()}
    found = {
        "photos": ",".join(here) or None,
        "networks": ",".join("on" if name == "own" else name for name in made.networks),
        "panels": ",".join(made.show),
        "names": json.dumps(names, ensure_ascii=False) if names else None,
        "checkpoint": made.checkpoint,
        "class": _class(made.target, loaded),
        "against": _class(made.against, loaded),
        "lambda": state.number_text(made.e_lambda) if isinstance(made.e_lambda, float) else None,
        "lambda-by": "multiply" if isinstance(made.e_lambda, str) else None,
        "times": made.e_lambda[1:] if isinstance(made.e_lambda, str) else None,
        "range": "own" if made.own_range else None,
        "under": plain("photo"),
        "fixed-mean": plain("fixed_mean"),
        "font-size": plain("font_size"),
        "square": None,
    }
    same = (
        "block", "size", "region", "box", "reference", "rows", "drawn", "across", "upsampling", "opacity", "colours", "signed",
        "width", "font", "letters", "titles", "bars", "answers",
    )  # fmt: skip
    found |= {name: plain(name) for name in same}
    for number, word in enumerate(made.photos):
        if word in photos and made.square_of(number) is not None and found["square"] is None:
            found |= {"photo": photos[word], "square": (made.square * (number + 1))[number]}
    return found, [word for word in made.photos if word not in photos]


def _class(word: str, loaded: LoadedCheckpoint) -> str | None:
    return sidebar.class_names(loaded)[class_index(word, loaded.categories)] if word else None
