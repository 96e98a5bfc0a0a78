"""The networks that a session keeps for itself: uploads, networks built here, and what was said of those of a program."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ..checkpoints.inserting import Plan
from ..checkpoints.loaded import LoadedCheckpoint
from .server import films, freeing, long_task

_OWN = "own-checkpoints"
_ERRANDS = "own-checkpoints-errands"
_DESCRIBED = "given-networks-described"
_DROPPED = "checkpoint-dropped"
PREFIX = "own-"
# A session keeps its last files; each holds its weights in memory.
_KEPT = 2
_PATIENCE = 5.0
"""Seconds; a batch of a film takes less."""


@dataclass(frozen=True)
class Errand:
    """What a file is brought for, beside being opened."""

    arch: str | None = None
    """The network that it is of, where somebody says so (``authors:NAME``)."""
    plan: Plan | None = None
    """The network that it is to fill, with SimAM at these places."""
    beside: str | None = None
    """The name of the network whose twin it is."""
    first_has_simam: bool | None = None
    """Of two twins: whether it is the other one that was trained with SimAM, where nothing shows it."""


def networks() -> dict[str, LoadedCheckpoint]:
    """Every network that only this session has, by name; the last one brought is the last."""
    own: dict[str, LoadedCheckpoint] = st.session_state.setdefault(_OWN, {})
    return own


def is_upload(name: str) -> bool:
    """Whether a network of this name is somebody's own."""
    return name.startswith(PREFIX)


def errand(name: str) -> Errand:
    """How a network was opened: so is its twin."""
    known: dict[str, Errand] = st.session_state.setdefault(_ERRANDS, {})
    return known.get(name, Errand())


def keep(loaded: LoadedCheckpoint, errand: Errand) -> None:
    """Keep a network under its name, and let the oldest go where there are too many."""
    own = networks()
    own.pop(loaded.name, None)
    own[loaded.name] = loaded
    st.session_state.setdefault(_ERRANDS, {})[loaded.name] = errand
    for oldest in list(own)[:-_KEPT]:
        forget(oldest)


def forget(name: str) -> None:
    """Let a network go, with all that was begun with it."""
    networks().pop(name, None)
    st.session_state.setdefault(_ERRANDS, {}).pop(name, None)
    long_task.forget_all()
    films.seat(st.session_state).clear()
    st.session_state[_DROPPED] = True


def clear_up() -> None:
    """After a network was dropped, give its memory back; to be called when the page stands and nothing shows it any more."""
    if st.session_state.pop(_DROPPED, False):
        films.STUDIO.let_go(_PATIENCE)
        freeing.give_back()


def describe(name: str, given: LoadedCheckpoint, described: LoadedCheckpoint) -> None:
    """Keep what this session says of a network that a program gave to all of them."""
    st.session_state.setdefault(_DESCRIBED, {})[name] = given, described


def described(name: str, given: LoadedCheckpoint) -> LoadedCheckpoint:
    """A network that a program gave, as this session describes it; a program may give another one under the same name."""
    kept = st.session_state.setdefault(_DESCRIBED, {}).get(name)
    known: LoadedCheckpoint = kept[1] if kept is not None and kept[0] is given else given
    return known
