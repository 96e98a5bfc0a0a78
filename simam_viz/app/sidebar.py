"""What every page is about: the controls of the sidebar."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from ..checkpoints.loading import LoadedCheckpoint, short_name
from ..checkpoints.weights_file import CheckpointError
from ..networks.architectures import residual_blocks
from ..networks.lambdas import Times
from ..photos.bombs import ImageError
from ..photos.images import MAX_BYTES, enlargement, formats_in_words, read_photo, shrunk
from ..photos.samples import Sample, list_samples
from ..wording import _, later
from . import dropping, given, state, zoo
from .photo import Photo
from .server import forgetting
from .widgets.glossary import explain

_UPLOADS = "uploads"
_UPLOAD_ERROR = "upload-error"
_UPLOAD_PREFIX = "upload-"
_NETWORK = "network"
_NO_CLASS = -1
EACH_ITS_OWN = later("each its own")
"""The first stop of λ for a network whose SimAM modules keep different ones; it is shown through :func:`_`."""
_OWN_STOPS = {
    "trained": later("{e_lambda:g} (trained)"),
    "assumed": later("{e_lambda:g} (assumed)"),
    "default": later("{e_lambda:g} (default)"),
    "own": later("{e_lambda:g} (its own)"),
}
"""The network's own λ among the stops, by :func:`zoo.lambda_word`; and below, the button that leads back to it."""
_BACK = {
    "trained": later("Back to the trained λ = {e_lambda:g}"),
    "assumed": later("Back to the assumed λ = {e_lambda:g}"),
    "default": later("Back to the default λ = {e_lambda:g}"),
    "own": later("Back to its own λ = {e_lambda:g}"),
}
_FACTORS = [*(float(f"{mantissa}e{exponent}") for exponent in range(-3, 3) for mantissa in (1, 2, 5)), 1000.0]
# A session keeps its last photos, and no more of each than any network here can use.
_KEPT_UPLOADS = 2
_KEPT_PIXELS = 2_000_000


@dataclass(frozen=True)
class Upload:
    """A person's own photo; it lives in their session only."""

    name: str
    title: str
    image: Image.Image
    notices: tuple[str, ...]


def choose_photo() -> Photo:
    """A sample or the person's own photo."""
    samples = {sample.name: sample for sample in list_samples()}
    uploads: dict[str, Upload] = st.session_state.setdefault(_UPLOADS, {})
    forgetting.keeps(_UPLOADS, uploads)
    titles = {name: _(sample.title) for name, sample in samples.items()}
    asked = state.get("photo") or ""
    titles |= {name: upload.title for name, upload in uploads.items()}
    if asked.startswith(_UPLOAD_PREFIX) and asked not in uploads:
        titles[asked] = _("A photo that is not here")
    first = next(iter(samples))
    name = state.control(
        st.selectbox,
        _("Photo"),
        list(titles),
        name="photo",
        default=first,
        parse=state.one_of({name: name for name in titles}),
        on_change=forget_upload_error,
        format_func=titles.__getitem__,
    )
    uploader(_("Your own photo"), "uploader")
    if st.toggle(_("Use the camera"), key="camera-on"):
        st.camera_input(_("Take a photo"), key="camera", on_change=_accept, args=("camera",))
    if forgetting.VISITORS.trouble:
        st.warning(_(forgetting.TROUBLE))
    upload_error()
    if upload := uploads.get(name):
        for notice in upload.notices:
            st.caption(f":material/info: {state.plain(notice)}")
        title, alt = upload.title, _("The uploaded photo {title}", title=upload.title)
        return Photo(name, state.plain(title), "", alt, upload.image, title, upload.notices)
    sample = samples.get(name) or samples[first]
    title = _(sample.title)
    credit = " " + _("(photo: {author}; {licence})", author=sample.author, licence=sample.licence)
    return Photo(sample.name, title, credit, _(sample.alt), _sample_image(sample), title)


def uploader(label: str, key: str) -> None:
    """Where a person drops a photo of their own."""
    st.file_uploader(
        label,
        # Any ending: what a file is shows in its contents, and what is no photo is refused in words, which Streamlit's are not.
        max_upload_size=MAX_BYTES // 2**20,
        key=key,
        on_change=_accept,
        args=(key,),
        help=_(
            "{formats}, whatever its name, of at most 50 megapixels. It stays in this session's memory and is gone when the "
            "session ends.",
            formats=formats_in_words(),
        ),
    )


def upload_error() -> None:
    """What was wrong with the last photo that was dropped."""
    if error := st.session_state.get(_UPLOAD_ERROR):
        st.error(error)


def is_upload(name: str) -> bool:
    """Whether a photo of this name is somebody's own."""
    return name.startswith(_UPLOAD_PREFIX)


def forget_upload_error() -> None:
    """What was wrong with the last upload need not be said on another page."""
    st.session_state.pop(_UPLOAD_ERROR, None)


def _accept(key: str) -> None:
    """Take a photo from an uploader or the camera; what is no photo leaves everything as it is."""
    file = st.session_state[key]
    forget_upload_error()
    if file is None:
        return
    data = file.getvalue()
    try:
        read = read_photo(data)
    except ImageError as error:
        st.session_state[_UPLOAD_ERROR] = f"{state.plain(file.name)}: {error}"
        return
    name = _UPLOAD_PREFIX + hashlib.sha256(data).hexdigest()[:16]
    uploads = st.session_state[_UPLOADS]
    uploads.pop(name, None)
    uploads[name] = Upload(name, file.name, shrunk(read.image, _KEPT_PIXELS), read.notices)
    for oldest in list(uploads)[:-_KEPT_UPLOADS]:
        del uploads[oldest]
    state.put("photo", name)


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
        st.error(_("The network of the command line cannot be opened.") + f" {state.plain(started.trouble)}")
    if (asked_for := started.file) and not asked_for.is_file():
        missing = state.plain(asked_for.name)
        st.error(_("There is no file {name}, which the command line asks for.", name=missing))
    _keep_what_fits(loaded)
    return loaded


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


def choose_lambda(loaded: LoadedCheckpoint) -> float | Times | None:
    """λ of all SimAM modules, the network's own to begin with; ``None`` where each keeps its own, or there is none.

    Where modules keep different ones, these may be multiplied instead.
    """
    if loaded.attends and not loaded.has_simam:
        st.caption(_("This network's attention is not SimAM: there is no λ to move."))
        return None
    if loaded.e_lambda is None and loaded.has_simam:
        by = state.control(
            st.segmented_control, _("λ of all blocks"), ["set", "multiply"], name="lambda-by", default="set", required=True,
            parse=state.one_of({"set": "set", "multiply": "multiply"}),
            format_func={"set": _("set to one"), "multiply": _("multiply each")}.__getitem__,
        )  # fmt: skip
        if by == "multiply":
            return _choose_factor()
    word = zoo.lambda_word(loaded)
    own: float | str = EACH_ITS_OWN if loaded.e_lambda is None else loaded.e_lambda
    asked = []
    if text := state.get("lambda"):
        with contextlib.suppress(ValueError):
            asked = [parse_lambda(text)]  # a link may ask for any λ, not only for a stop

    def label(value: float | str) -> str:
        if isinstance(value, str):
            return _(value)
        return _(_OWN_STOPS[word], e_lambda=value) if value == own else f"{value:g}"

    value = state.control(
        st.select_slider,
        _("λ, from 1e-6 to 10"),
        [own, *lambda_stops(*asked)] if isinstance(own, str) else lambda_stops(own, *asked),
        name="lambda",
        default=own,
        parse=parse_lambda,
        text=lambda value: None if isinstance(value, str) else state.number_text(value),
        format_func=label,
        help=explain("lambda"),
    )
    st.button(
        _("Back to each block's own λ") if isinstance(own, str) else _(_BACK[word], e_lambda=own),
        on_click=state.put,
        args=("lambda", None),
        disabled=value == own,
        width="stretch",
        key="trained-lambda",
    )
    return None if isinstance(value, str) else value


def _choose_factor() -> Times | None:
    factor = state.control(
        st.select_slider,
        _("Each block's own λ, times"),
        _FACTORS,
        name="times",
        default=1.0,
        parse=state.one_of({state.number_text(stop): stop for stop in _FACTORS}),
        text=lambda value: None if value == 1 else state.number_text(value),
        format_func=lambda value: f"× {value:g}",
        help=explain("lambda"),
    )
    st.button(
        _("Back to each block's own λ"),
        on_click=state.put,
        args=("times", None),
        disabled=factor == 1,
        width="stretch",
        key="own-lambdas",
    )
    return None if factor == 1 else Times(factor)


def parse_lambda(text: str) -> float:
    """λ in its range; ``ValueError`` for anything else."""
    value = float(text)
    if not 1e-6 <= value <= 10:
        raise ValueError(text)
    return value


def choose_class(loaded: LoadedCheckpoint) -> int | None:
    """The class that Grad-CAM explains; ``None`` is the predicted one."""
    return class_menu(loaded, _("Target class"), "class", _("The predicted class"), explain("target class"))


def class_menu(loaded: LoadedCheckpoint, label: str, name: str, otherwise: str, about: str) -> int | None:
    """One of the network's classes, or ``None`` for the entry ``otherwise``, which stands first."""
    names = class_names(loaded)
    texts = {name: index for index, name in enumerate(names)}
    # The widget keeps what its functions hold on to: names, and not the network.
    titles = [n if n.endswith(f"({i})") else c for i, (n, c) in enumerate(zip(names, loaded.categories, strict=True))]
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


def say_enlarged(photo: Photo, loaded: LoadedCheckpoint, size: int) -> None:
    """Where the photo has fewer pixels than the network's input, that is said below the choice of it."""
    if not loaded.transforms.plain or photo.tensor is not None:
        return
    if notice := enlargement(photo.image, size):
        st.caption(f":material/info: {notice}")


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


def lambda_stops(*more: float) -> list[float]:
    """λ from 1e-6 to 10 on a log scale, six stops a decade, with ``more`` values among them."""
    stops = {float(f"{mantissa}e{exponent}") for exponent in range(-6, 1) for mantissa in (1, 1.5, 2, 3, 5, 7)}
    return sorted(stops | {10.0} | set(more))


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample_image(sample: Sample) -> Image.Image:
    return sample.image()
