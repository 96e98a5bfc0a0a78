"""The frame around every page: navigation, the shared sidebar, and the analysis they lead to."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st
import torch
from PIL import Image
from streamlit.errors import StreamlitPageNotFoundError

from .. import comparison
from ..analysis import Analysis, Block, analyze
from ..checkpoints import LoadedCheckpoint, list_checkpoints, load_checkpoint, short_name
from ..comparison import Variant
from ..images import MAX_BYTES, ImageError, open_image, shrunk
from ..samples import Sample, list_samples
from . import state
from .glossary import explain

PAGES = {
    "app.py": ("Overview", ":material/visibility:"),
    "pages/energy_function.py": ("Energy function", ":material/function:"),
    "pages/attention_maps.py": ("Attention maps", ":material/grid_view:"),
    "pages/energy_histograms.py": ("Energy histograms", ":material/bar_chart:"),
    "pages/gradcam_comparison.py": ("Grad-CAM comparison", ":material/compare:"),
}

ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.png"

_UPLOADS = "uploads"
_UPLOAD_ERROR = "upload-error"
_UPLOAD_PREFIX = "upload-"
_PREDICTED = -1
# A session keeps its last photos, and no more of each than any network here can use.
_KEPT_UPLOADS = 2
_KEPT_PIXELS = 2_000_000


@dataclass(frozen=True)
class Upload:
    """A person's own photo; it lives in their session only."""

    name: str
    title: str
    image: Image.Image


@dataclass(frozen=True)
class Scene:
    """What a page shows: a photo, a network, and the settings of the sidebar."""

    photo_name: str
    photo_title: str
    photo_credit: str
    photo_alt: str
    image: Image.Image
    loaded: LoadedCheckpoint
    e_lambda: float
    target: int | None
    input_size: int

    def analysis(self, variant: Variant = "on") -> Analysis:
        """The photo through the network; all variants explain the same class, that which attention on predicts."""
        target = self.target
        if target is None and variant != "on":
            target = self.analysis("on").target
        return _analyse(
            self.loaded, self.image, self.photo_name, self.loaded.name, variant, self.e_lambda, target, self.input_size
        )

    @property
    def hypothetical(self) -> str:
        """A remark for captions where the network has no SimAM."""
        return "" if self.analysis().attends else " Hypothetical: this network was run without SimAM."


def page(path: str) -> Scene:
    """Open a page whole: title, navigation, sidebar. To be called once, first thing, by every page.

    Every page file stands alone (Streamlit's ``pages/`` scheme): a deep link to a fresh server runs that file and
    nothing else, so whatever pages share is drawn here.
    """
    title, _ = PAGES[path]
    st.set_page_config(page_title=f"{title} · SimAM Viz", page_icon=str(ICON), layout="wide")
    if state.begin(path):
        st.session_state.pop(_UPLOAD_ERROR, None)
    _prepare_process()
    with st.sidebar:
        st.markdown("### SimAM Viz")
        navigation = st.container()
        st.divider()
        scene = _sidebar()
    with navigation:
        _navigation()
    st.title(title)
    return scene


def choose_block(scene: Scene) -> Block:
    """The block to look into; choosing another one returns to its first channel.

    All pages begin at the same one: the deepest whose maps still have 8 × 8 neurons to look at.
    """
    blocks = {block.name: block for block in scene.analysis().blocks}
    names = list(blocks)
    wide = [name for name in names if min(blocks[name].features.shape[1:]) >= 8]
    name = state.control(
        st.selectbox,
        "Block",
        names,
        name="block",
        default=(wide or names)[-1],
        parse=state.one_of({name: name for name in names}),
        on_change=_forget_the_neuron,
        format_func=lambda name: f"{name} ({' × '.join(map(str, blocks[name].features.shape))})",
        help=explain("block") + "\n\nIn brackets: channels × rows × columns.",
    )
    return blocks[name]


def _forget_the_neuron() -> None:
    for name in ("channel", "row", "column"):
        state.put(name, None)


def choose_channel(block: Block) -> int:
    """The channel to look at."""
    # The channel of a block: the link must say of which, even where the block is the one to begin with.
    return _choose_index(
        "Channel",
        "channel",
        block.features.shape[0],
        help=explain("channel"),
        on_change=lambda: state.put("block", block.name),
    )


def choose_position(name: Literal["row", "column"], size: int) -> int:
    """The row or column of a neuron in a map that has ``size`` of them; the middle one to begin with."""
    return _choose_index(name.capitalize(), name, size, default=size // 2)


def _choose_index(
    label: str,
    name: str,
    size: int,
    default: int = 0,
    help: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> int:
    def parse(text: str) -> int:
        index = int(text)
        if not 0 <= index < size:
            raise ValueError(text)
        return index

    return state.control(
        st.number_input,
        f"{label} (0 to {size - 1})",
        0,
        size - 1,
        name=name,
        default=default,
        parse=parse,
        step=1,
        help=help,
        on_change=on_change,
    )


def choose_own_range() -> bool:
    """Whether maps are coloured from their own least to their own greatest value."""
    return state.control(
        st.toggle,
        "Own colour range",
        name="range",
        default=False,
        parse=state.one_of({"own": True, "common": False}),
        text=lambda own: "own" if own else "common",
        help="Pictures of one kind share one range, so that they can be compared. Own: from least to greatest.",
    )


def lambda_stops(*more: float) -> list[float]:
    """λ from 1e-6 to 10 on a log scale, six stops a decade, with ``more`` values among them."""
    stops = {float(f"{mantissa}e{exponent}") for exponent in range(-6, 1) for mantissa in (1, 1.5, 2, 3, 5, 7)}
    return sorted(stops | {10.0} | set(more))


def leap(path: str, label: str, **changes: str) -> None:
    """A button that changes some entries of the view and opens another page."""

    def change() -> None:
        for name, text in changes.items():
            state.put(name, text)

    if st.button(label, icon=PAGES[path][1], on_click=change, key=f"leap-{path}"):
        st.switch_page(path)


def _navigation() -> None:
    # A page that is run as an app of its own (as tests do) has no other pages to lead to.
    with contextlib.suppress(StreamlitPageNotFoundError):
        for path, (label, symbol) in PAGES.items():
            st.page_link(path, label=label, icon=symbol, query_params=state.current())


def _sidebar() -> Scene:
    photo = _choose_photo()
    loaded = _choose_checkpoint()
    e_lambda = _choose_lambda(loaded)
    target = _choose_class(loaded)
    sizes = loaded.card.get("input_sizes") or [128, 160, 192, 224, 288]
    size = state.control(
        st.selectbox,
        "Input size",
        sizes,
        name="size",
        default=loaded.transforms.input_size,
        parse=state.one_of({str(size): size for size in sizes}),
        format_func=lambda size: f"{size} × {size} px",
        help=explain("input size"),
    )
    return Scene(*photo, loaded, e_lambda, target, size)


def _choose_photo() -> tuple[str, str, str, str, Image.Image]:
    """Name, title, credit, description and image."""
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
        on_change=lambda: st.session_state.pop(_UPLOAD_ERROR, None),
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
        return name, state.plain(upload.title), "", f"The uploaded photo {upload.title}", upload.image
    if name not in samples:
        st.info(
            "This link shows an uploaded photo that is not here. Upload that photo to see the same view; until then, a sample."
        )
        name = first
    sample = samples[name]
    return name, sample.title, f" (photo: {sample.author}; {sample.licence})", sample.alt, _sample_image(sample)


def _accept(key: str) -> None:
    """Take a photo from an uploader or the camera; what is no photo leaves everything as it is."""
    file = st.session_state[key]
    st.session_state.pop(_UPLOAD_ERROR, None)
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


def _choose_checkpoint() -> LoadedCheckpoint:
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


def _choose_lambda(loaded: LoadedCheckpoint) -> float:
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


def _choose_class(loaded: LoadedCheckpoint) -> int | None:
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


@st.cache_resource(show_spinner=False)
def _prepare_process() -> None:
    # Sessions share the processor. Threads of one pass that wait for each other while another session computes cost many
    # times what they gain, and one photo needs no more than half of the cores.
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))


@st.cache_resource(max_entries=2, show_spinner="Loading the network…")
def _load(name: str) -> LoadedCheckpoint:
    return load_checkpoint(name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample_image(sample: Sample) -> Image.Image:
    return sample.image()


# A session's own cache: nothing that comes from an upload is ever within another session's reach.
@st.cache_resource(scope="session", max_entries=4, show_spinner="Looking at the photo…")
def _analyse(
    _loaded: LoadedCheckpoint,
    _image: Image.Image,
    photo_name: str,
    checkpoint_name: str,
    variant: Variant,
    e_lambda: float,
    target: int | None,
    input_size: int,
) -> Analysis:
    return analyze(comparison.with_attention(_loaded, variant), _image, e_lambda, target, input_size)
