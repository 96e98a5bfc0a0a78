"""What every page is about: the controls of the sidebar."""

from __future__ import annotations

import contextlib
import hashlib
import math
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from ..checkpoints import LoadedCheckpoint, list_checkpoints, load_checkpoint, short_name
from ..images import MAX_BYTES, ImageError, open_image, shrunk
from ..samples import Sample, list_samples
from . import state
from .glossary import explain

_UPLOADS = "uploads"
_UPLOAD_ERROR = "upload-error"
_UPLOAD_PREFIX = "upload-"
_PREDICTED = -1
# A session keeps its last photos, and no more of each than any network here can use.
_KEPT_UPLOADS = 2
_KEPT_PIXELS = 2_000_000


@dataclass(frozen=True)
class Photo:
    """The photo to look at, and what is said about it."""

    name: str
    title: str
    credit: str
    alt: str
    image: Image.Image


@dataclass(frozen=True)
class Upload:
    """A person's own photo; it lives in their session only."""

    name: str
    title: str
    image: Image.Image


def choose_photo() -> Photo:
    """A sample or the person's own photo."""
    samples = {sample.name: sample for sample in list_samples()}
    uploads: dict[str, Upload] = st.session_state.setdefault(_UPLOADS, {})
    titles = {name: sample.title for name, sample in samples.items()}
    asked = state.get("photo") or ""
    titles |= {name: upload.title for name, upload in uploads.items()}
    if asked.startswith(_UPLOAD_PREFIX) and asked not in uploads:
        titles[asked] = "A photo that is not here"
    first = next(iter(samples))
    name = state.control(
        st.selectbox,
        "Photo",
        list(titles),
        name="photo",
        default=first,
        parse=state.one_of({name: name for name in titles}),
        on_change=forget_upload_error,
        format_func=titles.__getitem__,
    )
    st.file_uploader(
        "Your own photo",
        type=["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"],
        max_upload_size=MAX_BYTES // 2**20,
        key="uploader",
        on_change=_accept,
        args=("uploader",),
        help="It stays in this session's memory and is gone when the session ends.",
    )
    if st.toggle("Use the camera", key="camera-on"):
        st.camera_input("Take a photo", key="camera", on_change=_accept, args=("camera",))
    if error := st.session_state.get(_UPLOAD_ERROR):
        st.error(error)
    if upload := uploads.get(name):
        return Photo(name, state.plain(upload.title), "", f"The uploaded photo {upload.title}", upload.image)
    if name not in samples:
        st.info(
            "This link shows an uploaded photo that is not here. Upload that photo to see the same view; until then, a sample."
        )
        name = first
    sample = samples[name]
    credit = f" (photo: {sample.author}; {sample.licence})"
    return Photo(name, sample.title, credit, sample.alt, _sample_image(sample))


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
        image = open_image(data)
    except ImageError as error:
        st.session_state[_UPLOAD_ERROR] = f"{state.plain(file.name)}: {error}"
        return
    name = _UPLOAD_PREFIX + hashlib.sha256(data).hexdigest()[:16]
    uploads = st.session_state[_UPLOADS]
    uploads.pop(name, None)
    uploads[name] = Upload(name, file.name, shrunk(image, _KEPT_PIXELS))
    for oldest in list(uploads)[:-_KEPT_UPLOADS]:
        del uploads[oldest]
    state.put("photo", name)


def choose_checkpoint() -> LoadedCheckpoint:
    """The network that looks at the photo."""
    infos = {info.name: info for info in list_checkpoints()}
    name = state.control(
        st.selectbox,
        "Checkpoint",
        list(infos),
        name="checkpoint",
        default=next(iter(infos)),
        parse=state.one_of({name: name for name in infos}),
        format_func=lambda name: infos[name].card.get("title", name),
        help=explain("checkpoint"),
    )
    return _load(name)


def choose_lambda(loaded: LoadedCheckpoint) -> float:
    """λ of all SimAM modules, the trained one to begin with."""

    def parse(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and 1e-6 <= value <= 10):
            raise ValueError(text)
        return value

    trained = loaded.e_lambda
    asked = []
    if text := state.get("lambda"):
        with contextlib.suppress(ValueError):
            asked = [parse(text)]  # a link may ask for any λ, not only for a stop
    value = state.control(
        st.select_slider,
        "λ, from 1e-6 to 10",
        lambda_stops(trained, *asked),
        name="lambda",
        default=trained,
        parse=parse,
        text=lambda value: f"{value:g}",
        format_func=lambda value: f"{value:g}" + (" (trained)" if value == trained else ""),
        help=explain("lambda"),
    )
    st.button(
        f"Back to the trained λ = {trained:g}",
        on_click=state.put,
        args=("lambda", None),
        disabled=value == trained,
        width="stretch",
        key="trained-lambda",
    )
    return value


def choose_class(loaded: LoadedCheckpoint) -> int | None:
    """The class that Grad-CAM explains; ``None`` is the predicted one."""
    names = [short_name(category) for category in loaded.categories]
    texts = {name: index for index, name in enumerate(names)}
    chosen = state.control(
        st.selectbox,
        "Target class",
        [_PREDICTED, *sorted(range(len(names)), key=lambda index: names[index].lower())],
        name="class",
        default=_PREDICTED,
        parse=state.one_of(texts),
        text=lambda index: None if index == _PREDICTED else names[index],
        format_func=lambda index: "The predicted class" if index == _PREDICTED else loaded.categories[index],
        help=explain("target class"),
    )
    return None if chosen == _PREDICTED else chosen


def choose_input_size(loaded: LoadedCheckpoint) -> int:
    """The side of the network's input in pixels."""
    sizes = loaded.card.get("input_sizes") or [128, 160, 192, 224, 288]
    return state.control(
        st.selectbox,
        "Input size",
        sizes,
        name="size",
        default=loaded.transforms.input_size,
        parse=state.one_of({str(size): size for size in sizes}),
        format_func=lambda size: f"{size} × {size} px",
        help=explain("input size"),
    )


def lambda_stops(*more: float) -> list[float]:
    """λ from 1e-6 to 10 on a log scale, six stops a decade, with ``more`` values among them."""
    stops = {float(f"{mantissa}e{exponent}") for exponent in range(-6, 1) for mantissa in (1, 1.5, 2, 3, 5, 7)}
    return sorted(stops | {10.0} | set(more))


@st.cache_resource(max_entries=2, show_spinner="Loading the network…")
def _load(name: str) -> LoadedCheckpoint:
    return load_checkpoint(name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample_image(sample: Sample) -> Image.Image:
    return sample.image()
