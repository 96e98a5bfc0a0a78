"""The frame around every page: navigation, the shared sidebar, and the analysis they lead to."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
import torch
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitPageNotFoundError

from .. import quiet
from ..checkpoints.loading import CheckpointError, LoadedCheckpoint
from ..explain import variants
from ..explain.analysis import analyze, analyze_lambdas, analyze_together
from ..explain.blocks import Analysis, Block, lambda_text
from ..explain.variants import Variant
from ..paths import ASSETS
from ..photos.images import enlargement, square_view
from . import absent, sidebar, state, zoo
from .server import forgetting, turns
from .server.kept import Kept
from .sidebar import Photo
from .widgets import takeaway

PAGES = {
    "app.py": ("Overview", ":material/visibility:"),
    "pages/energy_function.py": ("Energy function", ":material/function:"),
    "pages/attention_maps.py": ("Attention maps", ":material/grid_view:"),
    "pages/energy_histograms.py": ("Energy histograms", ":material/bar_chart:"),
    "pages/gradcam_comparison.py": ("Grad-CAM comparison", ":material/compare:"),
    "pages/lambda_sweep.py": ("λ sweep", ":material/linear_scale:"),
    "pages/models.py": ("Models", ":material/deployed_code:"),
}

_ANALYSES = "analyses"
_KEPT_ANALYSES, _KEPT_BYTES = 6, 128 * 2**20

ICON = ASSETS / "icon.png"
STYLE = Path(__file__).with_name("style.css")
# On a phone the sidebar covers the page, and Streamlit shuts it after its own navigation only.
LEAVE_SIDEBAR = """<script>
(() => {
    const sidebar = document.querySelector('[data-testid="stSidebar"]');
    if (sidebar && window.innerWidth < 768 && sidebar.getBoundingClientRect().right > 0)
        sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
})();
</script>"""


@dataclass(frozen=True)
class Scene:
    """What a page shows: a photo, a network, and the settings of the sidebar."""

    photo: Photo
    loaded: LoadedCheckpoint
    e_lambda: float | None
    """Of all SimAM modules; ``None`` leaves each its own."""
    target: int | None
    input_size: int

    @property
    def twin(self) -> LoadedCheckpoint | None:
        """The network trained by the same recipe but for SimAM, if it is here and can be loaded."""
        return zoo.twin(self.loaded)[0]

    def analysis(self, column: str = "on", fixed_mean: bool = False, against: int | None = None) -> Analysis:
        """The photo through one of the networks to compare; all explain the same class, that which attention on predicts."""
        return self.analyses([column], fixed_mean, against)[column]

    def analyses(
        self, columns: Sequence[str], fixed_mean: bool = False, against: int | None = None
    ) -> dict[str, Analysis]:
        """:meth:`analysis` for several columns: those that share their weights, and are not kept, run as one batch."""
        target = self.target
        if target is None and ("on" not in columns or fixed_mean or against is not None):
            target = self.analysis().target
        there = variants.variants(self.loaded, self.twin if "twin" in columns else None, fixed_mean=fixed_mean)
        return _analyse(self, [variant for variant in there if variant.name in columns], target, against)

    def swept(self, e_lambdas: Sequence[float], target: int | None) -> list[Analysis]:
        """At several λ, past what the session keeps: a sweep would push everything else out of it.

        The caller holds a turn (see :mod:`turns`).
        """
        return analyze_lambdas(self.loaded, self.square, e_lambdas, target, self.input_size)

    def fresh_analysis(self) -> Analysis:
        """The same as :meth:`analysis` from nothing but this scene: a download runs where no session can be reached.

        The caller holds a turn.
        """
        return analyze(self.loaded, self.photo.image, self.e_lambda, self.target, self.input_size)

    @property
    def square(self) -> Image.Image:
        """What networks see of the photo: cut and resized once, which takes as long as an analysis where the photo is large."""
        return _square(self.photo.image, self.photo.name, self.input_size)

    def at_lambda(self, e_lambda: float | None) -> Scene:
        """The same at another λ; at ``None``, with every SimAM module's own."""
        return dataclasses.replace(self, e_lambda=e_lambda)

    @property
    def photo_notices(self) -> tuple[str, ...]:
        """What was done to the photo on its way into the network, a sentence each."""
        return tuple(filter(None, (*self.photo.notices, enlargement(self.photo.image, self.input_size))))

    @property
    def lambda_text(self) -> str:
        """“λ = 0.1”, or “each block's own λ”."""
        return lambda_text(self.e_lambda)

    def own_lambda(self, block: Block) -> float:
        """The λ that the network itself has in one block of this scene's analysis."""
        if self.e_lambda is None:
            return block.e_lambda
        own = self.loaded.e_lambda
        return self.at_lambda(None).analysis().block(block.name).e_lambda if own is None else own

    @property
    def hypothetical(self) -> str:
        """A remark for captions where the network has no SimAM, or its weights were not trained with it."""
        if not self.analysis().attends:
            return " Hypothetical: this network was run without SimAM."
        told = {
            True: "",
            False: " These weights never saw SimAM in training.",
            None: " It is not known whether these weights were trained with SimAM.",
        }[self.loaded.trained_with_simam]
        return told + (" Where SimAM stands in it is assumed." if "simam_at" in self.loaded.assumed else "")


@dataclass(frozen=True)
class Page:
    """A page whose title and sidebar stand, all but λ."""

    _title: str
    _photo: forgetting.Held[Photo]
    loaded: LoadedCheckpoint
    target: int | None
    input_size: int
    _navigation: DeltaGenerator
    _lambda: DeltaGenerator
    _notices: DeltaGenerator
    _takeaway: DeltaGenerator

    def live(self, part: Callable[[Scene], None]) -> None:
        """Draw λ and the ``part`` of the page that depends on it, as one fragment.

        A move of λ, or of a control in ``part``, then runs that much again and not the whole page. Every page calls this
        once.
        """
        ignored = state.ignored()

        @st.fragment
        def fragment() -> None:
            if not self._photo.here:
                st.rerun()
            state.settle(ignored)
            with self._lambda:
                e_lambda = sidebar.choose_lambda(self.loaded)
            with self._navigation:
                _navigation()
            with self._notices:
                notices = st.container()  # in every run: no fragment may begin to write outside itself
            view = Scene(self._photo(), self.loaded, e_lambda, self.target, self.input_size)
            takeaway.shows(self._title, view)
            part(view)
            for sentence in state.ignored():
                notices.caption(f":material/link_off: {sentence}")
            # In a container of the fragment's own: within another's, Streamlit takes all download buttons for one.
            with self._takeaway, st.container():
                takeaway.offer()

        fragment()
        zoo.clear_up()


def page(path: str) -> Page:
    """Open a page whole: title, navigation, sidebar. To be called once, first thing, by every page.

    Every page file stands alone (Streamlit's ``pages/`` scheme): a deep link to a fresh server runs that file and
    nothing else, so whatever pages share is drawn here.
    """
    title, _ = PAGES[path]
    st.set_page_config(page_title=f"{title} · SimAM Viz", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    moved = state.begin(path)
    if moved:
        sidebar.forget_upload_error()
        zoo.forget_error()
    with st.container(gap=None):  # always there, so that what follows keeps its place on the page
        if moved:
            # The page's name makes it another piece of HTML, which runs anew.
            st.html(f'<span hidden data-page="{path}"></span>{LEAVE_SIDEBAR}', unsafe_allow_javascript=True)
    forgetting.seen()
    _prepare_process()
    with st.sidebar:
        st.markdown("### SimAM Viz")
        navigation = st.container()
        st.divider()
        photo = sidebar.choose_photo()
        loaded = None
        try:
            loaded = sidebar.choose_checkpoint()
        except (CheckpointError, OSError) as error:
            trouble = str(error)
        place_of_lambda = st.container()
        if loaded is not None:
            target = sidebar.choose_class(loaded)
            size = sidebar.choose_input_size(loaded)
            sidebar.say_enlarged(photo, size)
            takeaway.begin()
            files = st.popover("Take it home", icon=":material/download:", width="stretch")
    st.title(title)
    absent.photo(photo)
    if loaded is None:  # the sidebar stands, so that another network can be chosen
        with navigation:
            _navigation()
        st.error(f"The network cannot be loaded. {trouble}")
        st.stop()
    absent.checkpoint(loaded)
    # Streamlit remembers fragments, and they must not hold on to the photo.
    held = forgetting.Held(photo)
    forgetting.keeps("photo", held)
    return Page(title, held, loaded, target, size, navigation, place_of_lambda, st.container(), files)


def leap(path: str, label: str, **changes: str) -> None:
    """A button that changes some entries of the view and opens another page."""

    def change() -> None:
        for name, text in changes.items():
            state.put(name, text)

    if st.button(label, icon=PAGES[path][1], on_click=change, key=f"leap-{path}"):
        # Without them the new page would take its empty address for a view that is asked for.
        st.switch_page(path, query_params=state.current())


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
    quiet.quieten()
    forgetting.begin()


@turns.in_turn
def _analyse(scene: Scene, asked: Sequence[Variant], target: int | None, against: int | None) -> dict[str, Analysis]:
    """The photo through some networks, by name. Without a target, attention on is the first of them and its prediction is explained."""
    # In the session itself: nothing that comes from an upload is ever within another session's reach.
    kept: Kept[Analysis] = st.session_state.setdefault(_ANALYSES, Kept(_KEPT_ANALYSES, _KEPT_BYTES))
    forgetting.keeps(_ANALYSES, kept)
    subject = (scene.photo.name, scene.loaded.identity, scene.input_size, scene.target, against)

    def key(variant: Variant) -> tuple[object, ...]:
        return (*subject, variant.name, variant.fixed_mean, variant.e_lambda(scene.e_lambda))

    def analyse(batch: list[Variant], target: int | None) -> list[Analysis]:
        runs = [(variant.network(), variant.e_lambda(scene.e_lambda)) for variant in batch]
        with turns.turn(), st.spinner("Looking at the photo…"):
            together = analyze_together(runs, scene.square, target, scene.input_size, against, one_target=True)
            analyses = [analysis.compacted() for analysis in together]
            for variant, analysis in zip(batch, analyses, strict=True):
                kept.put(key(variant), analysis)
        return analyses

    # What is kept may explain the class that was predicted at another λ.
    known = {variant.name: analysis for variant in asked if (analysis := kept.get(key(variant))) is not None}
    return variants.explained_alike(asked, known, target, analyse)


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _square(_image: Image.Image, photo_name: str, size: int) -> Image.Image:
    return square_view(_image, size)
