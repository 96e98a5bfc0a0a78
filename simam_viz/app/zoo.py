"""The networks a person can choose from, and loading the one they chose without making anyone else wait."""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ..checkpoints.card import Card
from ..checkpoints.loading import LoadedCheckpoint, load_checkpoint, same_task, twin_of, with_card
from ..checkpoints.store import CheckpointInfo, list_checkpoints, read_card, write_card
from ..checkpoints.weights_file import MAX_BYTES, CheckpointError
from ..evaluation import accuracy
from ..wording import _, later
from . import given, state
from .server import freeing, long_task

_OWN = "own-checkpoints"
_ERROR = "checkpoint-error"
_UPLOADS = "checkpoint-uploads"
_DROPPED = "checkpoint-dropped"
_OWN_PREFIX = "own-"
# A session keeps its last files; each holds its weights in memory.
_KEPT = 2


@dataclass(frozen=True)
class Choice:
    """A network in the list."""

    name: str
    title: str
    where: str
    """Where it comes from, in words."""
    source: CheckpointInfo | LoadedCheckpoint
    """Its file; or an upload itself, which lives in its session only."""

    @property
    def info(self) -> CheckpointInfo | None:
        """Its file, if it is no upload."""
        return self.source if isinstance(self.source, CheckpointInfo) else None

    @property
    def size(self) -> int:
        """Bytes of its file."""
        if isinstance(self.source, CheckpointInfo):
            return self.source.path.stat().st_size
        return self.source.size or 0

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
        """Whether a person may describe it: what a bundled card says stands, and what a program says of its network."""
        return is_upload(self.name) if self.info is None else not self.info.bundled


def choices() -> dict[str, Choice]:
    """Every network there is for this session, by name; the first is the one to begin with."""
    asked = given.started().file
    found = {
        name: Choice(name, loaded.card.title or name, _("your own program"), loaded)
        for name, loaded in given.networks().items()
    }
    infos = list_checkpoints([asked] if asked and asked.is_file() else [])
    for info in infos:
        here = asked is not None and info.path == asked
        where = _("the command line") if here else _("comes with the app") if info.bundled else _("the weights folder")
        found[info.name] = Choice(info.name, info.title, where, info)
    for name, loaded in _own().items():
        found[name] = Choice(name, loaded.card.title or name, _("your upload, this session only"), loaded)
    first = next((name for name, choice in found.items() if choice.info and choice.info.path == asked), None)
    return {first: found[first]} | found if first else found


def load(choice: Choice) -> LoadedCheckpoint:
    """The network of a choice; ``CheckpointError`` as :func:`simam_viz.load_checkpoint` raises it."""
    if isinstance(choice.source, LoadedCheckpoint):
        return choice.source
    loaded = _loader(_("Loading the network…"))(str(choice.source.path), choice.source.version)
    return replace(loaded, name=choice.name)


def twin(loaded: LoadedCheckpoint) -> tuple[LoadedCheckpoint | None, str]:
    """The network trained by the same recipe but for SimAM; or ``None`` and, in sentences, why there is none to compare with."""
    name, named = twin_of(loaded), loaded.card.twin
    if name is None:
        if named:
            trouble = _(
                "Its card names “{name}”, but no such checkpoint is here whose card names this one back and that differs in SimAM "
                "alone.",
                name=named,
            )
        elif loaded.trained_with_simam:
            trouble = _("This checkpoint's card names no network trained by the same recipe without SimAM.")
        else:
            trouble = _("This checkpoint's card names no network trained by the same recipe with SimAM.")
        way = _("The column appears by itself when the cards of two checkpoints name each other.")
        return None, f"{trouble} {way}"
    try:
        found = load(choices()[name])
    except (CheckpointError, OSError) as error:
        return None, _("The checkpoint “{name}” cannot be loaded.", name=name) + f" {error}"
    if not same_task(loaded, found):
        return None, _("The checkpoint “{name}” is another architecture or tells other classes apart.", name=name)
    return found, ""


def accept(key: str) -> None:
    """Take the file of an uploader, or say what is wrong with it; to be called when the uploader changes."""
    file = st.session_state[key]
    forget_error()
    if file is None:
        return
    name = _OWN_PREFIX + hashlib.sha256(file.getbuffer()).hexdigest()[:16]
    own = _own()
    try:
        loaded = own.pop(name, None) or _opened(bytes(file.getbuffer()), file.name)
    except CheckpointError as error:
        # Which network of it is meant can still be said, so the file is kept until something else is chosen.
        refuse(error, file.name, bytes(file.getbuffer()) if error.parts or error.prefixes else None)
        return
    finally:
        # A fresh uploader next time: the old one would hold the whole file in memory.
        st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1
        _let_go(file)
    _keep(name, file.name, loaded)


def _opened(data: bytes, file_name: str, prefix: str | None = None, part: str | None = None) -> LoadedCheckpoint:
    """The network of a file: the command line's, if it names one and the file fits it; else one of those known here."""
    maker = given.started().maker
    if maker is None:
        file = io.BytesIO(data)
        file.name = file_name
        return load_checkpoint(file, part=part)
    try:
        return maker.with_weights(data, file_name, prefix, part)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    except CheckpointError as error:
        if prefix is not None or part is not None:
            raise
        try:
            return load_checkpoint(io.BytesIO(data))
        except CheckpointError:
            raise error from None


def _keep(name: str, file_name: str, loaded: LoadedCheckpoint) -> None:
    """Make an upload one of the session's networks, and the one in use."""
    own = _own()
    waited = state.get("checkpoint") not in (None, *choices()) or "checkpoint" in state.gone()
    own[name] = replace(loaded, name=name, card=Card.of({"title": file_name[:300]}) | loaded.card)
    for oldest in list(own)[:-_KEPT]:
        del own[oldest]
        _forget_work()
    if waited:  # a link asks for it, with a λ and a size of its own
        state.put("checkpoint", name)
        state.recall()
    else:
        choose(name)


def take_part(part: str) -> None:
    """Take one network of the file that was refused because it holds several."""
    file = refused()
    if file is None:
        return
    forget_error()
    try:
        if file.data is not None:
            name = _OWN_PREFIX + hashlib.sha256(file.data + part.encode()).hexdigest()[:16]
            kept = _own().pop(name) if name in _own() else _opened(file.data, file.name, part=part)
            _keep(name, file.name, kept)
        elif file.path is not None:
            load_checkpoint(file.path, part=part)  # before its card says so
            write_card(file.path, read_card(file.path) | {"part": part})
            choose(next(choice.name for choice in choices().values() if choice.info and choice.info.path == file.path))
    except CheckpointError as error:
        refuse(error, file.name, file.data if error.parts else None, file.path)
    except OSError:
        refuse(_unwritable(), file.name)


def take_prefix(prefix: str) -> None:
    """Take the file that was refused with this prefix dropped from its names."""
    file = refused()
    if file is None or file.data is None:
        return
    forget_error()
    try:
        name = _OWN_PREFIX + hashlib.sha256(file.data + prefix.encode()).hexdigest()[:16]
        _keep(name, file.name, _opened(file.data, file.name, prefix=prefix))
    except CheckpointError as error:
        refuse(error, file.name, file.data if error.prefixes else None)


def _unwritable() -> CheckpointError:
    return CheckpointError(_("The card cannot be written beside the file: the folder does not allow it."))


def _forget_work() -> None:
    long_task.forget_all()
    st.session_state[_DROPPED] = True


def clear_up() -> None:
    """After a network was dropped, give its memory back; to be called when the page stands and nothing shows it any more."""
    if st.session_state.pop(_DROPPED, False):
        freeing.give_back()


def _let_go(file: UploadedFile) -> None:
    """Give the memory of an uploaded file back now. Streamlit keeps the bytes of an uploader that is gone until the session ends."""
    context = get_script_run_ctx()
    remove = getattr(context and context.uploaded_file_mgr, "remove_file", None)  # not every manager of files has it
    if context is not None and remove is not None:
        remove(session_id=context.session_id, file_id=file.file_id)
    file.close()


def uploader(place: str, label: str | None = None) -> None:
    """Where a person drops their own file."""
    key = f"checkpoint-uploader-{place}-{st.session_state.get(_UPLOADS, 0)}"
    st.file_uploader(
        label or _("Your own checkpoint"),
        max_upload_size=min(MAX_BYTES // 2**20, st.get_option("server.maxUploadSize")),
        key=key,
        on_change=accept,
        args=(key,),
        help=_(
            "safetensors or PyTorch: a state_dict with torchvision's names, or a file as the SimAM authors save it. Nothing in it "
            "is run. It stays in this session's memory and is gone when the session ends."
        ),
    )


def is_upload(name: str) -> bool:
    """Whether a checkpoint of this name is somebody's own."""
    return name.startswith(_OWN_PREFIX)


def choose(name: str) -> None:
    """Make ``name`` the network in use; its own λ and size go with it."""
    for entry in ("lambda", "size"):
        state.put(entry, None)
    state.put("checkpoint", name)


def drop(name: str) -> None:
    """Forget an upload and give its memory back."""
    _own().pop(name, None)
    _forget_work()
    choose(next(iter(choices())))


def describe(choice: Choice, loaded: LoadedCheckpoint, entries: Mapping[str, Any] | Card) -> None:
    """Complete the card of a network: beside its file, or in the session for an upload.

    Raises:
        CheckpointError: an entry makes no sense.
        OSError: the card's folder cannot be written to.
    """
    described = with_card(loaded, entries)
    if choice.info is None:
        _own()[choice.name] = described
    else:
        write_card(choice.info.path, described.card)


def take_card(key: str, name: str) -> None:
    """Take the card of an uploader for a network, or say what is wrong with it; to be called when the uploader changes.

    The network goes by its name: Streamlit remembers what its widgets were given, and that must not keep a network.
    """
    file = st.session_state[key]
    forget_error()
    if file is None:
        return
    try:
        choice = choices()[name]
        describe(choice, load(choice), Card.read(file.getvalue(), file.name))
    except CheckpointError as error:
        refuse(error, file.name)
    except KeyError:
        refuse(CheckpointError(_("The network that this card is for is not here any more.")), file.name)
    except OSError:
        refuse(_unwritable(), file.name)
    else:
        choose(name)


def note_accuracy(choice: Choice, loaded: LoadedCheckpoint, measured: dict[str, Any]) -> None:
    """Put what was measured into the card of a network; ``OSError`` where its folder cannot be written to."""
    if choice.info is None:
        _own()[choice.name] = with_card(loaded, {"accuracy": measured})
    else:
        accuracy.note_accuracy(choice.info.path, loaded, measured)


@dataclass(frozen=True)
class Refused:
    """A file that was refused, and why."""

    name: str
    error: CheckpointError
    data: bytes | None
    """Of an upload, if it may yet be of use."""
    path: Path | None
    """Of a file in a folder."""


def refuse(error: CheckpointError, file_name: str, data: bytes | None = None, path: Path | None = None) -> None:
    """Keep what was wrong with a file, to be shown until something else is chosen."""
    st.session_state[_ERROR] = Refused(file_name, error, data, path)


def refused() -> Refused | None:
    """The last file that was refused."""
    return st.session_state.get(_ERROR)


def tell_refused(place: str) -> None:
    """What was wrong with the last file, and the choice among its networks if it holds several."""
    if not (file := refused()):
        return
    st.error(f"{state.plain(file.name)}: {state.plain(str(file.error))}")
    if file.error.parts:
        part = st.selectbox(_("Which network of that file?"), file.error.parts, key=f"which-part-{place}")
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


def forget_error() -> None:
    """What was wrong with a file need not be said any more."""
    st.session_state.pop(_ERROR, None)


def lambda_word(loaded: LoadedCheckpoint) -> str:
    """What the network's own λ is, for :func:`_`: trained only where it was trained with SimAM and somebody says at which λ."""
    if loaded.trained_with_simam is not False and "e_lambda" in loaded.assumed:
        return later("assumed")
    if loaded.trained_with_simam is None and loaded.found is not None and loaded.has_simam:
        return later("own")  # read off its modules
    return later("trained") if loaded.trained_with_simam else later("default")


def mark(loaded: LoadedCheckpoint) -> None:
    """A badge for each thing that keeps a network's attention from being taken for certain, wherever it appears."""
    with st.container(horizontal=True, gap="small"):
        for remark in loaded.remarks:
            st.badge(remark[0].upper() + remark[1:], icon=":material/warning:", color="orange")


def _own() -> dict[str, LoadedCheckpoint]:
    own: dict[str, LoadedCheckpoint] = st.session_state.setdefault(_OWN, {})
    return own


@functools.cache
def _loader(told: str) -> Callable[[str, tuple[int, ...]], LoadedCheckpoint]:
    """What loads a file and says so; whatever is ``told``, Streamlit keeps the networks in one cache."""

    # One lock for each file, never one for all: whoever chose another network does not wait.
    @st.cache_resource(max_entries=3, show_spinner=told)
    def _load(path: str, version: tuple[int, ...]) -> LoadedCheckpoint:
        return load_checkpoint(path)

    return _load
