"""What every page is about: the controls of the sidebar."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from ..checkpoints.loading import LoadedCheckpoint, class_said, short_name
from ..checkpoints.weights_file import CheckpointError
from ..networks.architectures import residual_blocks
from ..wording import _, again, remembered, together
from . import dropping, given, state, zoo
from .widgets.glossary import explain

_NETWORK = "network"
_NO_CLASS = -1


def choose_checkpoint() -> LoadedCheckpoint:
    """The network that looks at the photo; raises ``CheckpointError`` where there is none, or it is damaged."""
    choices = zoo.choices()
    if not choices:
        raise CheckpointError(_("The folder assets/weights holds no weights; get them again from the repository."))
    first = next(iter(choices))

    def label(name: str) -> str:
        title = choices[name].title
        return _("{title} (never saw SimAM)", title=title) if choices[name].trained_with_simam is False else title

    asked = state.get("checkpoint") or ""
    titles = {name: label(name) for name in choices}
    if asked.startswith("own-") and asked not in choices:
        titles[asked] = _("A checkpoint that is not here")
    name = state.control(
        st.selectbox,
        _("Checkpoint"),
        list(titles),
        name="checkpoint",
        default=first,
        parse=state.one_of({name: name for name in titles}),
        on_change=dropping.forget_error,
        format_func=titles.__getitem__,
        help=explain("checkpoint"),
    )
    loaded = _load_or_default(choices, name if name in choices else first)
    zoo.mark(loaded)
    if st.toggle(_("Bring your own"), key="own-checkpoint-on"):
        dropping.uploader("sidebar")
    if not state.gone().get("checkpoint"):
        dropping.tell_refused("sidebar")
    started = given.started()
    if started.trouble:
        st.error(together(_("The network of the command line cannot be opened."), state.plain(again(started.trouble))))
    if (asked_for := started.file) and not asked_for.is_file():
        missing = state.plain(asked_for.name)
        st.error(_("There is no file {name}, which the command line asks for.", name=missing))
    _keep_what_fits(loaded)
    return loaded


@remembered()
def _load_or_default(choices: dict[str, zoo.Choice], name: str) -> LoadedCheckpoint:
    """The network called ``name`` or, if its file is of no use, the bundled one, which always works."""
    try:
        return zoo.load(choices[name])
    except (CheckpointError, OSError) as error:
        if not isinstance(error, CheckpointError):
            error = CheckpointError(_("The file cannot be read."))
        bundled = next((choice for choice in choices.values() if choice.info and choice.info.bundled), None)
        if bundled is None or bundled.name == name:
            raise error from None
        info = choices[name].info
        dropping.refuse(error, choices[name].title, path=info.path if info else None)
        state.put("checkpoint", bundled.name)
        state.gone()["checkpoint"] = name
        return zoo.load(bundled)


def _keep_what_fits(loaded: LoadedCheckpoint) -> None:
    """After a change of network, what the view says of blocks and classes that the new one lacks is let go."""
    before = st.session_state.get(_NETWORK)
    st.session_state[_NETWORK] = loaded.name
    if before in (None, loaded.name):
        return
    if state.get("class") not in (None, *class_names(loaded)):
        state.put("class", None)
    if state.get("size") not in (None, *map(str, input_sizes(loaded))):
        state.put("size", None)
    if state.get("block") not in (None, *residual_blocks(loaded.model)):
        for entry in ("block", "channel", "row", "column", "other"):
            state.put(entry, None)


def choose_class(loaded: LoadedCheckpoint) -> int | None:
    """The class that Grad-CAM explains; ``None`` is the predicted one."""
    return class_menu(loaded, _("Target class"), "class", _("The predicted class"), explain("target class"))


def class_menu(loaded: LoadedCheckpoint, label: str, name: str, otherwise: str, about: str) -> int | None:
    """One of the network's classes, or ``None`` for the entry ``otherwise``, which stands first."""
    names = class_names(loaded)
    texts = {name: index for index, name in enumerate(names)}
    # The widget keeps what its functions hold on to: names, and not the network.
    titles = [
        n if n.endswith(f"({i})") else class_said(c, whole=True)
        for i, (n, c) in enumerate(zip(names, loaded.categories, strict=True))
    ]
    chosen = state.control(
        st.selectbox,
        label,
        [_NO_CLASS, *sorted(range(len(names)), key=lambda index: names[index].lower())],
        name=name,
        default=_NO_CLASS,
        parse=state.one_of(texts),
        text=lambda index: None if index == _NO_CLASS else names[index],
        format_func=lambda index: otherwise if index == _NO_CLASS else titles[index],
        help=about,
    )
    return None if chosen == _NO_CLASS else chosen


def choose_input_size(loaded: LoadedCheckpoint) -> int:
    """The side of the network's input in pixels."""
    sizes = input_sizes(loaded)
    return state.control(
        st.selectbox,
        _("Input size"),
        sizes,
        name="size",
        default=loaded.transforms.input_size,
        parse=state.one_of({str(size): size for size in sizes}),
        format_func=lambda size: _("{size} × {size} px", size=size),
        help=explain("input size"),
    )


def class_names(loaded: LoadedCheckpoint) -> list[str]:
    """A short name for every class; where two share one (ImageNet has two cranes), with the class's number."""
    names = [short_name(category) for category in loaded.categories]
    count = Counter(names)
    return [f"{name} ({index})" if count[name] > 1 else name for index, name in enumerate(names)]


def input_sizes(loaded: LoadedCheckpoint) -> list[int]:
    """The sizes of input to choose from, the network's own among them."""
    own = loaded.transforms
    if own.shape is not None:
        return [own.input_size]
    sizes = loaded.card.input_sizes or (128, 160, 192, 224, 288)
    if own.fit == "letterbox":  # what detectors are trained for lies far above, and in steps of their stride
        sizes = tuple(sorted({320, 416, 512, 640, 800}))
    return sorted({*sizes, loaded.transforms.input_size})
