"""The networks a person can choose from, and loading the one they chose without making anyone else wait."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from ..checkpoints.card import Card
from ..checkpoints.loading import LoadedCheckpoint, load_checkpoint, same_task, siblings_of, twin_of, with_card
from ..checkpoints.store import CheckpointInfo, is_bundled_name, list_checkpoints, write_card
from ..checkpoints.weights_file import CheckpointError
from ..evaluation import accuracy
from ..wording import _, enumeration, later, together
from . import given, language, own, state
from .server import elsewhere

_SHARED_BY_TWINS = ("categories", "input_size", "normalisation", "forward_pass")
"""What is said of a network is said of its twin."""


@dataclass(frozen=True)
class Choice:
    """A network in the list."""

    name: str
    title: str
    where: str
    """Where it comes from, in words."""
    source: CheckpointInfo | LoadedCheckpoint
    """Its file; or the network itself: of this session alone, or of the program that serves the app."""

    @property
    def info(self) -> CheckpointInfo | None:
        """Its file in a folder, if it has one."""
        return self.source if isinstance(self.source, CheckpointInfo) else None

    @property
    def opened_by(self) -> Mapping[str, Any]:
        """What a command line says to open it; empty where none can."""
        return (
            self.source.opened_by if isinstance(self.source, LoadedCheckpoint) else {"checkpoint": _word(self.source)}
        )

    @property
    def size(self) -> int | None:
        """Bytes of its file, if it comes from one."""
        return self.source.path.stat().st_size if isinstance(self.source, CheckpointInfo) else self.source.size

    @property
    def card(self) -> Card:
        """What is known of it without reading its tensors."""
        return self.source.card

    @property
    def trained_with_simam(self) -> bool | None:
        """What its card says of its training; ``None`` where it says nothing."""
        return self.source.trained_with_simam

    @property
    def changeable(self) -> bool:
        """Whether a person may describe it: what a bundled card says stands."""
        return self.info is None or not self.info.bundled


def choices() -> dict[str, Choice]:
    """Every network there is for this session, by name; the first is the one to begin with."""
    asked = given.started().file
    found = {
        name: Choice(name, loaded.card.title or name, _("your own program"), own.described(name, loaded))
        for name, loaded in given.networks().items()
    }
    infos = list_checkpoints([asked] if asked and asked.is_file() else [])
    for info in infos:
        here = asked is not None and info.path == asked
        where = _("the command line") if here else _("comes with the app") if info.bundled else _("the weights folder")
        found[info.name] = Choice(info.name, info.title, where, info)
    for name, loaded in own.networks().items():
        where = _("your upload, this session only") if loaded.size else _("built here, this session only")
        found[name] = Choice(name, loaded.card.title or name, where, loaded)
    first = next((name for name, choice in found.items() if choice.info and choice.info.path == asked), None)
    return {first: found[first]} | found if first else found


def load(choice: Choice) -> LoadedCheckpoint:
    """The network of a choice; ``CheckpointError`` as :func:`simam_viz.load_checkpoint` raises it."""
    if isinstance(choice.source, LoadedCheckpoint):
        return choice.source if choice.source.name == choice.name else replace(choice.source, name=choice.name)
    loaded = _loader(_("Loading the network…"))(str(choice.source.path), choice.source.version)
    return replace(loaded, name=choice.name, opened_by=choice.opened_by)


def is_bundled(loaded: LoadedCheckpoint) -> bool:
    """Whether a network comes with the app, and so is the same for everybody."""
    return is_bundled_name(loaded.name) and loaded.name not in own.networks()


def _word(info: CheckpointInfo) -> str:
    """What names a checkpoint in a command: its name, or its file's where that lies in none of the folders of checkpoints."""
    return info.name if info.path in {other.path for other in list_checkpoints()} else info.path.name


def twin(loaded: LoadedCheckpoint) -> tuple[LoadedCheckpoint | None, str]:
    """The network trained by the same recipe but for SimAM; or ``None`` and, in sentences, why there is none to compare with."""
    name, named = twin_of(loaded), loaded.card.twin
    if name is None and (second := beside(loaded)) is not None:
        return second, ""
    if name is None:
        if named and own.is_upload(named):
            trouble = _("Its twin was dropped beside it, and is not here any more or not its twin any more.")
        elif named:
            trouble = _(
                "Its card names “{name}”, but no such checkpoint is here whose card names this one back and that differs in SimAM "
                "alone.",
                name=named,
            )
        elif loaded.trained_with_simam:
            trouble = _("This checkpoint's card names no network trained by the same recipe without SimAM.")
        else:
            trouble = _("This checkpoint's card names no network trained by the same recipe with SimAM.")
        way = _(
            "The column appears by itself when the cards of two checkpoints name each other; or drop the twin's file beside this one, "
            "on the page Models."
        )
        return None, together(trouble, way)
    try:
        found = load(choices()[name])
    except (CheckpointError, OSError) as error:
        return None, together(_("The checkpoint “{name}” cannot be loaded.", name=name), str(error))
    if not same_task(loaded, found):
        return None, _("The checkpoint “{name}” is another architecture or tells other classes apart.", name=name)
    return found, ""


def siblings(loaded: LoadedCheckpoint) -> tuple[dict[str, Callable[[], LoadedCheckpoint]], str]:
    """Networks trained alike with another attention, by its name; and, in sentences, which are missing and what to do.

    The twin is none of them. Each is read from its file when it is asked for, and dropped: they come in turn.
    """
    found: dict[str, Callable[[], LoadedCheckpoint]] = {}
    troubles = []
    infos = siblings_of(loaded.card)
    for attention, info in infos.items():
        if info.name == loaded.card.twin:
            continue
        fault = _fault(str(info.path), info.version, language.of_session())
        if fault:
            troubles.append(together(_("The checkpoint “{name}” cannot be loaded.", name=info.name), fault))
        else:
            load = _kept_sibling if elsewhere.ELSEWHERE.configured else _sibling
            found[attention] = functools.partial(load, str(info.path), info.version)
    here = {info.name for info in infos.values()}
    missing = [told.second for told in loaded.card.sibling_differences if told.second not in here]
    if missing:
        troubles.append(
            _(
                "Not here: {names}, trained alike. They come with the project's repository: put their files, each with its card, "
                "into the weights folder.",
                names=enumeration(missing),
            )
        )
    return found, together(*troubles)


def beside(loaded: LoadedCheckpoint) -> LoadedCheckpoint | None:
    """The twin that this session keeps beside a network."""
    named = loaded.card.twin
    choice = choices().get(named) if named is not None else None
    if choice is None or choice.info is not None:
        return None
    found = load(choice)
    fits = found.card.twin == loaded.name and found.categories == loaded.categories
    return found if fits and found.has_simam != loaded.has_simam else None


def choose(name: str) -> None:
    """Make ``name`` the network in use; its own λ and size go with it."""
    for entry in ("lambda", "size"):
        state.put(entry, None)
    state.put("checkpoint", name)


def describe(choice: Choice, loaded: LoadedCheckpoint, entries: Mapping[str, Any] | Card) -> None:
    """Complete the card of a network: beside its file, or in the session for an upload.

    Raises:
        CheckpointError: an entry makes no sense.
        OSError: the card's folder cannot be written to.
    """
    described = with_card(loaded, entries)
    if choice.info is not None:
        write_card(choice.info.path, described.card)
        return
    second = beside(loaded)
    keep(choice.name, described)
    shared = {entry: entries[entry] for entry in _SHARED_BY_TWINS if entry in entries}
    if second is not None and shared:
        keep(second.name, with_card(second, shared))


def keep(name: str, described: LoadedCheckpoint) -> None:
    """Keep for this session what it says of a network without a file in a folder."""
    if name in own.networks():
        own.networks()[name] = described
    else:
        own.describe(name, given.networks()[name], described)


def note_accuracy(choice: Choice, loaded: LoadedCheckpoint, measured: dict[str, Any]) -> None:
    """Put what was measured into the card of a network; ``OSError`` where its folder cannot be written to."""
    if choice.info is None:
        keep(choice.name, replace(with_card(loaded, {"accuracy": measured}), opened_by=loaded.opened_by))
    else:
        accuracy.note_accuracy(choice.info.path, loaded, measured)


def lambda_word(loaded: LoadedCheckpoint) -> str:
    """What the network's own λ is, for :func:`_`: trained only where it was trained with SimAM and somebody says at which λ."""
    if loaded.trained_with_simam is not False and "e_lambda" in loaded.assumed:
        return later("assumed")
    if loaded.trained_with_simam is None and loaded.found is not None and loaded.has_simam:
        return later("own")  # read off its modules
    return later("trained") if loaded.trained_with_simam else later("default")


def mark(loaded: LoadedCheckpoint) -> None:
    """A badge for each thing that keeps a network's attention from being taken for certain, or whole, wherever it appears."""
    unseen = loaded.found.unseen if loaded.found else ()
    with st.container(horizontal=True, gap="small"):
        for remark in (*loaded.remarks, *unseen):
            st.badge(remark[0].upper() + remark[1:], icon=":material/warning:", color="orange")


def _sibling(path: str, version: tuple[int, ...]) -> LoadedCheckpoint:
    return load_checkpoint(path)


_kept_sibling = functools.lru_cache(maxsize=4)(_sibling)
"""Where a cluster computes: what is sent there is sent once, as long as it is in memory here."""


@st.cache_data(show_spinner=False)
def _fault(path: str, version: tuple[int, ...], spoken: str | None) -> str:
    """Why a file cannot be loaded, in a sentence of that language; empty if it can."""
    try:
        load_checkpoint(path)
    except (CheckpointError, OSError) as error:
        return str(error)
    return ""


@functools.cache
def _loader(told: str) -> Callable[[str, tuple[int, ...]], LoadedCheckpoint]:
    """What loads a file and says so; whatever is ``told``, Streamlit keeps the networks in one cache."""

    # One lock for each file, never one for all: whoever chose another network does not wait.
    @st.cache_resource(max_entries=3, show_spinner=told)
    def _load(path: str, version: tuple[int, ...]) -> LoadedCheckpoint:
        return load_checkpoint(path)

    return _load
