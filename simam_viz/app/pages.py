"""The pages there are, and the ways that lead to them."""

from __future__ import annotations

import contextlib

import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from ..paths import ROOT
from . import state

PAGES = {
    "app.py": ("Overview", ":material/visibility:"),
    "pages/energy_function.py": ("Energy function", ":material/function:"),
    "pages/attention_maps.py": ("Attention maps", ":material/grid_view:"),
    "pages/energy_histograms.py": ("Energy histograms", ":material/bar_chart:"),
    "pages/gradcam_comparison.py": ("Grad-CAM comparison", ":material/compare:"),
    "pages/lambda_sweep.py": ("λ sweep", ":material/linear_scale:"),
    "pages/models.py": ("Models", ":material/deployed_code:"),
}
"""The title and the icon of the page in each file."""


def asked_for(file: str) -> str:
    """The page that the address names, to be called once a run by the ``file`` that runs."""
    # Without their icons, which a browser would fetch from elsewhere to stand for the page.
    pages = {name: st.Page(ROOT / name, title=title, default=name == "app.py") for name, (title, _) in PAGES.items()}
    # The links are ours: Streamlit's leave the view behind.
    found = st.navigation(list(pages.values()), position="hidden")
    # A file of pages/ runs by itself where it is the app (as in tests), or the first that a fresh server is asked for.
    return next(name for name, page in pages.items() if page is found) if file == "app.py" else file


def links() -> None:
    """A link to every page, each with the whole view."""
    # A page that is run as an app of its own (as tests do) has no other pages to lead to.
    with contextlib.suppress(StreamlitPageNotFoundError):
        for path, (label, symbol) in PAGES.items():
            st.page_link(ROOT / path, label=label, icon=symbol, query_params=state.current())


def leap(path: str, label: str, **changes: str) -> None:
    """A button that changes some entries of the view and opens another page."""

    def change() -> None:
        for name, text in changes.items():
            state.put(name, text)

    if st.button(label, icon=PAGES[path][1], on_click=change, key=f"leap-{path}"):
        # Without them the new page would take its empty address for a view that is asked for.
        st.switch_page(ROOT / path, query_params=state.current())
