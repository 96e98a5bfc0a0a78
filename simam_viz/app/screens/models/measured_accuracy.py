"""Measuring the network in use on labelled photos, in sight of the person."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ....checkpoints import sentences
from ....checkpoints.loading import LoadedCheckpoint
from ....evaluation.accuracy import accuracy_entry, left_out_sentences, places
from ....evaluation.data_sets import labelled_photos, list_data_sets
from ....evaluation.image_sets import LabelledPhotos
from ....paths import folder_in_words
from ....wording import _, counted, later, together
from ... import state, zoo
from ...scene import Scene
from ...server import elsewhere, long_task
from ...zoo import Choice

_NOTED = "accuracy-noted"
_AT_ONCE = 8
"""Photos in one pass: more gain little on a processor, and keep whoever wants to stop waiting."""
_WHERE = later(
    "Put Tiny ImageNet, or any folder that holds one folder of photos for each class (called by the class's name, its WordNet id, "
    "or in the order of the classes), into the folder `{folder}` (in a clone: beside `app.py`), or that which the environment "
    "variable `SIMAM_VIZ_DATA` names; it appears here by itself."
)


def measure(view: Scene, choice: Choice) -> None:
    """Choose a data set, run its photos through the network, and write the accuracy into the network's card."""
    loaded = view.loaded
    if known := sentences.accuracy_sentence(loaded.card):
        st.markdown(known)
    data_sets = list_data_sets()
    if not data_sets:
        _how_to()
        return
    with st.grid(3, min_column_width=220):
        name = st.selectbox(
            _("Data set"), list(data_sets), key="accuracy-data", help=_(_WHERE, folder=folder_in_words("data"))
        )
    try:
        with st.spinner(_("Looking for photos…")):
            photos = _photos(data_sets[name], loaded, loaded.identity)
    except (ValueError, OSError) as error:
        st.error(
            state.plain(str(error).replace(str(data_sets[name]), name))
        )  # where it lies on the server is nobody's business
        _how_to()
        return
    subject = (
        loaded.sha256, loaded.e_lambda, loaded.attends, loaded.transforms, loaded.categories, name, view.input_size
    )  # fmt: skip
    found = long_task.in_pieces(
        "accuracy",
        subject,
        len(photos),
        lambda: places(loaded, photos, view.input_size, _AT_ONCE, elsewhere.ELSEWHERE.doing),
        start=counted(
            "Measure on {count} photo at {input_size} px",
            "Measure on {count} photos at {input_size} px",
            len(photos),
            input_size=view.input_size,
        ),
        again=_("Measure again"),
        unit=_("photos"),
    )
    read = [place for place in found if isinstance(place, int)]
    unread = [problem for problem in found if not isinstance(problem, int)]
    if read:
        measured = accuracy_entry(read, view.input_size, f"the Models page on {name}, float32")
        st.markdown(_in_words(loaded, measured, len(read), state.plain(name), view.input_size) + view.hypothetical)
    for sentence in left_out_sentences(unread, photos.no_photos if found else ()):
        st.warning(state.plain(sentence))
    if read and len(found) == len(photos):
        _note(choice, loaded, measured, subject)


def _in_words(
    loaded: LoadedCheckpoint, measured: dict[str, object], photos: int, data_set: str, input_size: int
) -> str:
    """What was measured, and how SimAM ran meanwhile."""
    found = {"top1": measured["top1"], "top5": measured["top5"], "data_set": data_set, "input_size": input_size}
    if not loaded.attends:
        return counted(
            "**{top1:.2f} %** top-1 and **{top5:.2f} %** top-5 on {count} photo of {data_set} at {input_size} px, without SimAM.",
            "**{top1:.2f} %** top-1 and **{top5:.2f} %** top-5 on {count} photos of {data_set} at {input_size} px, without SimAM.",
            photos,
            **found,
        )
    if loaded.e_lambda is None:
        return counted(
            "**{top1:.2f} %** top-1 and **{top5:.2f} %** top-5 on {count} photo of {data_set} at {input_size} px, with SimAM at each "
            "block's own λ.",
            "**{top1:.2f} %** top-1 and **{top5:.2f} %** top-5 on {count} photos of {data_set} at {input_size} px, with SimAM at each "
            "block's own λ.",
            photos,
            **found,
        )
    return counted(
        "**{top1:.2f} %** top-1 and **{top5:.2f} %** top-5 on {count} photo of {data_set} at {input_size} px, with SimAM at "
        "λ = {e_lambda:g}, its own.",
        "**{top1:.2f} %** top-1 and **{top5:.2f} %** top-5 on {count} photos of {data_set} at {input_size} px, with SimAM at "
        "λ = {e_lambda:g}, its own.",
        photos,
        e_lambda=loaded.e_lambda,
        **found,
    )


def _note(choice: Choice, loaded: LoadedCheckpoint, measured: dict[str, object], subject: tuple[object, ...]) -> None:
    if not choice.changeable:
        st.caption(_("The card of a network that comes with the app stays as it is."))
    elif st.session_state.get(_NOTED) == subject:
        st.caption(
            _("Written into its card.") if choice.info else _("Written into its card, which this session keeps.")
        )
    else:
        try:
            zoo.note_accuracy(choice, loaded, measured)
        except OSError:
            st.error(_("The card cannot be written beside the file: the folder does not allow it."))
        else:
            st.session_state[_NOTED] = subject
            st.rerun()


def _how_to() -> None:
    # Within the sentence: a block of code would have every first visitor's browser load colours for 200 languages.
    command = "`python -m simam_viz evaluate --checkpoint weights/FILE --data FOLDER`"
    st.markdown(together(_(_WHERE, folder=folder_in_words("data")), _("On the command line:"), command))


@st.cache_data(scope="session", max_entries=4, ttl=60, show_spinner=False)
def _photos(root: Path, _loaded: LoadedCheckpoint, identity: str) -> LabelledPhotos:
    return labelled_photos(root, _loaded)
