"""Files that a person drops on the app: opened, kept for the session, or refused in words."""

from __future__ import annotations

import functools
import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ..checkpoints.card import Card
from ..checkpoints.inserting import Plan, planned
from ..checkpoints.loading import LoadedCheckpoint, load_checkpoint, with_card
from ..checkpoints.store import read_card, write_card
from ..checkpoints.twins import paired
from ..checkpoints.weights_file import MAX_BYTES, CheckpointError
from ..networks.authors import catalogue
from ..wording import _, again, kept, labelled, remembered
from . import given, own, state, zoo
from .own import Errand

_ERROR = "checkpoint-error"
_DROPPED = "files-dropped"
_TAKEN = "twin-taken"
_TO_OPEN = Errand()


@dataclass(frozen=True)
class Refused:
    """A file that was refused, and why."""

    name: str
    told: str
    """What is wrong with it."""
    error: CheckpointError
    data: bytes | None = None
    """Of an upload, if it may yet be of use."""
    path: Path | None = None
    """Of a file in a folder."""
    errand: Errand = _TO_OPEN


def largest() -> int:
    """Bytes of the largest file that may be dropped."""
    return min(MAX_BYTES, int(st.get_option("server.maxUploadSize")) * 2**20)


def uploader(place: str, label: str | None = None, help: str | None = None) -> None:
    """Where a person drops their own file."""
    place = f"checkpoint-{place}"
    file_of_weights(place, label or _("Your own checkpoint"), help, functools.partial(accept, place))


def file_of_weights(
    place: str, label: str, help: str | None = None, on_change: functools.partial[None] | None = None
) -> None:
    """An uploader for weights; what is done with them is up to ``on_change``, or to whoever looks whether it :func:`holds` some."""
    st.file_uploader(
        label,
        max_upload_size=largest() // 2**20,
        key=key_of(place),
        on_change=on_change,
        help=help
        or _(
            "safetensors or PyTorch: a state_dict with torchvision's names, or a file as the SimAM authors save it. Nothing in it "
            "is run. It stays in this session's memory and is gone when the session ends."
        ),
    )


def key_of(place: str) -> str:
    """The key of the uploader of a place: another one after each file.

    The old one would hold the whole file in memory. And of a file that replaces another, the browser says twice within a moment
    that something changed: that one went, and that one came. Streamlit starts a run for each, and where the second begins while
    the first still does, the file that came is lost.
    """
    count = _counts().get(place, 0)
    return f"{place}-{count}" if count else place


def _counts() -> dict[str, int]:
    counts: dict[str, int] = st.session_state.setdefault(_DROPPED, {})
    return counts


def holds(place: str) -> bool:
    """Whether a file lies in the uploader of a place."""
    return isinstance(st.session_state.get(key_of(place)), UploadedFile)


class Received(NamedTuple):
    """A file that a person dropped."""

    name: str
    data: bytes


def received(place: str) -> Received | None:
    """The file of the uploader of a place, once: then that is let go, and a fresh one is drawn.

    None where there is none, also where the browser says again what was received already.
    """
    file = st.session_state.get(key_of(place))
    if not isinstance(file, UploadedFile):
        return None
    found = Received(file.name, file.getvalue())
    _counts()[place] = _counts().get(place, 0) + 1
    let_go(file)
    return found


def accept(place: str, errand: Errand = _TO_OPEN) -> None:
    """Take the file of an uploader, or say what is wrong with it; to be called when the uploader changes."""
    file = received(place)
    if file is not None:
        forget_error()
        take(file.data, file.name, errand)


@remembered()
def take(data: bytes, file_name: str, errand: Errand, prefix: str | None = None, part: str | None = None) -> None:
    """Open a file and make it one of the session's networks, or keep what is wrong with it."""
    spoken = (
        repr((errand.arch, errand.plan, prefix, part))
        if (errand.arch, errand.plan, prefix, part) != (None,) * 4
        else ""
    )
    name = own.PREFIX + hashlib.sha256(data + spoken.encode()).hexdigest()[:16]
    try:
        if errand.beside is not None:
            _pair(name, data, file_name, errand, prefix, part)
            return
        loaded = own.networks().get(name) or _opened(data, file_name, errand, prefix, part)
    except CheckpointError as error:
        # Which network of it is meant can still be said, so the file is kept until something else is chosen.
        refuse(error, file_name, data if error.parts or error.prefixes else None, errand=errand)
        return
    _keep(_named(loaded, name, file_name), errand)


@remembered()
def build(plan: Plan, data: bytes | None = None, trained_with_simam: bool | None = None) -> None:
    """Make a network with SimAM at the places of a plan one of the session's, or keep what is wrong with it."""
    forget_error()
    try:
        loaded = planned(plan, data, trained_with_simam)
    except ValueError as error:
        refuse(error if isinstance(error, CheckpointError) else CheckpointError(str(error)), plan.network)
        return
    name = own.PREFIX + hashlib.sha256(repr((plan, loaded.sha256)).encode()).hexdigest()[:16]
    _keep(replace(loaded, name=name), Errand(plan=plan))


def _opened(data: bytes, file_name: str, errand: Errand, prefix: str | None, part: str | None) -> LoadedCheckpoint:
    """The network of a file: what the errand says; the command line's, if it fits that; else one of those known here."""
    try:
        if errand.plan is not None:
            return planned(errand.plan, data, prefix=prefix, part=part)
        maker = given.started().maker
        if maker is None or errand.arch is not None:
            loaded = load_checkpoint(_as_file(data, file_name), errand.arch, part=part)
            said = catalogue.has_simam(errand.arch)
            return loaded if said is None else with_card(loaded, {"trained_with_simam": said})
        try:
            return maker.with_weights(data, file_name, prefix, part)
        except CheckpointError as error:
            if prefix is not None or part is not None:
                raise
            try:
                return load_checkpoint(_as_file(data, file_name))
            except CheckpointError:
                raise error from None
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def _as_file(data: bytes, file_name: str) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = file_name
    return file


def _named(loaded: LoadedCheckpoint, name: str, file_name: str) -> LoadedCheckpoint:
    title = loaded.card.title if loaded.name == name else None
    return replace(loaded, name=name, card=loaded.card | {"title": title or file_name[:300]})


def _keep(loaded: LoadedCheckpoint, errand: Errand) -> None:
    """Make a network one of the session's, and the one in use."""
    waited = state.get("checkpoint") not in (None, *zoo.choices()) or "checkpoint" in state.gone()
    own.keep(loaded, errand)
    if waited:  # a link asks for it, with a λ and a size of its own
        state.put("checkpoint", loaded.name)
        state.recall()
    else:
        zoo.choose(loaded.name)


def _pair(name: str, data: bytes, file_name: str, errand: Errand, prefix: str | None, part: str | None) -> None:
    """Keep a file as the twin of a network, which stays the one in use."""
    choice = zoo.choices().get(errand.beside or "")
    if choice is None or choice.info is not None:
        raise CheckpointError(_("The network that this file is the twin of is not here any more."))
    first = zoo.load(choice)
    way = own.errand(choice.name)
    opened = _opened(data, file_name, replace(way, arch=catalogue.sibling(way.arch)), prefix, part)
    second = _named(opened, name, file_name)
    first, second = paired(first, second, errand.first_has_simam)
    if choice.name in own.networks():
        own.keep(first, way)  # as the newer of the two
    else:
        zoo.keep(choice.name, first)
    own.keep(second, way)
    st.session_state[_TAKEN] = second.name


def taken() -> str | None:
    """The name of the twin that was just taken, once."""
    name: str | None = st.session_state.pop(_TAKEN, None)
    return name


@remembered()
def take_part(part: str) -> None:
    """Take one network of the file that was refused because it holds several."""
    file = refused()
    if file is None:
        return
    forget_error()
    if file.data is not None:
        take(file.data, file.name, file.errand, part=part)
    elif file.path is not None:
        try:
            load_checkpoint(file.path, part=part)  # before its card says so
            write_card(file.path, read_card(file.path) | {"part": part})
            zoo.choose(next(c.name for c in zoo.choices().values() if c.info and c.info.path == file.path))
        except CheckpointError as error:
            refuse(error, file.name, path=file.path)
        except OSError:
            refuse(_unwritable(), file.name)


def take_prefix(prefix: str) -> None:
    """Take the file that was refused with this prefix dropped from its names."""
    file = refused()
    if file is None or file.data is None:
        return
    forget_error()
    take(file.data, file.name, file.errand, prefix=prefix)


@remembered()
def take_card(place: str, name: str) -> None:
    """Take the card of an uploader for a network, or say what is wrong with it; to be called when the uploader changes.

    The network goes by its name: Streamlit remembers what its widgets were given, and that must not keep a network.
    """
    file = received(place)
    if file is None:
        return
    forget_error()
    try:
        choice = zoo.choices()[name]
        zoo.describe(choice, zoo.load(choice), Card.read(file.data, file.name))
    except CheckpointError as error:
        refuse(error, file.name)
    except KeyError:
        refuse(CheckpointError(_("The network that this card is for is not here any more.")), file.name)
    except OSError:
        refuse(_unwritable(), file.name)
    else:
        zoo.choose(name)


def drop(name: str) -> None:
    """Forget one of the session's networks and give its memory back."""
    own.forget(name)
    if state.get("checkpoint") == name:
        zoo.choose(next(iter(zoo.choices())))


def _unwritable() -> CheckpointError:
    return CheckpointError(_("The card cannot be written beside the file: the folder does not allow it."))


def let_go(file: UploadedFile) -> None:
    """Give the memory of an uploaded file back now. Streamlit keeps the bytes of an uploader that is gone until the session ends."""
    context = get_script_run_ctx()
    remove = getattr(context and context.uploaded_file_mgr, "remove_file", None)  # not every manager of files has it
    if context is not None and remove is not None:
        remove(session_id=context.session_id, file_id=file.file_id)
    file.close()


def refuse(
    error: CheckpointError,
    file_name: str,
    data: bytes | None = None,
    path: Path | None = None,
    errand: Errand = _TO_OPEN,
) -> None:
    """Keep what was wrong with a file, to be shown until something else is chosen."""
    error.problems = tuple((name, kept(why)) for name, why in error.problems)
    st.session_state[_ERROR] = Refused(file_name, kept(str(error)), error, data, path, errand)


def refused() -> Refused | None:
    """The last file that was refused."""
    return st.session_state.get(_ERROR)


def forget_error() -> None:
    """What was wrong with a file need not be said any more."""
    st.session_state.pop(_ERROR, None)


def tell_refused(place: str) -> None:
    """What was wrong with the last file, and the choice among its networks if it holds several."""
    if not (file := refused()):
        return
    st.error(labelled(state.plain(file.name), state.plain(again(file.told))))
    prefixes = {prefix.removesuffix(".") for prefix in file.error.prefixes}
    if parts := [part for part in file.error.parts if part not in prefixes]:
        part = st.selectbox(_("Which network of that file?"), parts, key=f"which-part-{place}")
        st.button(
            _("Use this one"), icon=":material/check:", on_click=take_part, args=(part,), key=f"take-part-{place}"
        )
    for prefix in file.error.prefixes:
        st.button(
            _("Drop the prefix “{prefix}”", prefix=prefix),
            icon=":material/content_cut:",
            on_click=take_prefix,
            args=(prefix,),
            key=f"drop-prefix-{place}-{prefix}",
        )
