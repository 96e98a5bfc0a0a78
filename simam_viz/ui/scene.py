"""The frame around every page: navigation, the shared sidebar, and the analysis they lead to."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
import torch
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitPageNotFoundError

from .. import comparison
from ..analysis import Analysis, analyze
from ..checkpoints import LoadedCheckpoint
from ..comparison import Variant
from . import sidebar, state
from .sidebar import Photo

PAGES = {
    "app.py": ("Overview", ":material/visibility:"),
    "pages/energy_function.py": ("Energy function", ":material/function:"),
    "pages/attention_maps.py": ("Attention maps", ":material/grid_view:"),
    "pages/energy_histograms.py": ("Energy histograms", ":material/bar_chart:"),
    "pages/gradcam_comparison.py": ("Grad-CAM comparison", ":material/compare:"),
}

ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.png"
STYLE = Path(__file__).with_name("style.css")


@dataclass(frozen=True)
class Scene:
    """What a page shows: a photo, a network, and the settings of the sidebar."""

    photo: Photo
    loaded: LoadedCheckpoint
    e_lambda: float
    target: int | None
    input_size: int

    def analysis(self, variant: Variant = "on") -> Analysis:
        """The photo through the network; all variants explain the same class, that which attention on predicts."""
        target = self.target
        if target is None and variant != "on":
            target = self.analysis("on").target
        photo, loaded = self.photo, self.loaded
        return _analyse(loaded, photo.image, photo.name, loaded.name, variant, self.e_lambda, target, self.input_size)

    def at_lambda(self, e_lambda: float) -> Scene:
        """The same at another λ."""
        return dataclasses.replace(self, e_lambda=e_lambda)

    @property
    def hypothetical(self) -> str:
        """A remark for captions where the network has no SimAM."""
        return "" if self.analysis().attends else " Hypothetical: this network was run without SimAM."


@dataclass(frozen=True)
class Page:
    """A page whose title and sidebar stand, all but λ."""

    photo: Photo
    loaded: LoadedCheckpoint
    target: int | None
    input_size: int
    _navigation: DeltaGenerator
    _lambda: DeltaGenerator

    def live(self, part: Callable[[Scene], None]) -> None:
        """Draw λ and the ``part`` of the page that depends on it, as one fragment.

        A move of λ, or of a control in ``part``, then runs that much again and not the whole page. Every page calls this
        once.
        """

        @st.fragment
        def fragment() -> None:
            state.settle()
            with self._lambda:
                e_lambda = sidebar.choose_lambda(self.loaded)
            with self._navigation:
                _navigation()
            part(Scene(self.photo, self.loaded, e_lambda, self.target, self.input_size))

        fragment()


def page(path: str) -> Page:
    """Open a page whole: title, navigation, sidebar. To be called once, first thing, by every page.

    Every page file stands alone (Streamlit's ``pages/`` scheme): a deep link to a fresh server runs that file and
    nothing else, so whatever pages share is drawn here.
    """
    title, _ = PAGES[path]
    st.set_page_config(page_title=f"{title} · SimAM Viz", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    if state.begin(path):
        sidebar.forget_upload_error()
    _prepare_process()
    with st.sidebar:
        st.markdown("### SimAM Viz")
        navigation = st.container()
        st.divider()
        photo = sidebar.choose_photo()
        loaded = sidebar.choose_checkpoint()
        place_of_lambda = st.container()
        target = sidebar.choose_class(loaded)
        size = sidebar.choose_input_size(loaded)
    st.title(title)
    return Page(photo, loaded, target, size, navigation, place_of_lambda)


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


@st.cache_resource(show_spinner=False)
def _prepare_process() -> None:
    # Sessions share the processor. Threads of one pass that wait for each other while another session computes cost many
    # times what they gain, and one photo needs no more than half of the cores.
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))


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
