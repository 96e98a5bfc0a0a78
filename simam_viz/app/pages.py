"""The pages there are, and the ways that lead to them."""

from __future__ import annotations

import contextlib

import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from ..paths import ROOT
from ..wording import _, later
from . import state

PAGES = {
    "app.py": (later("Overview"), ":material/visibility:"),
    "pages/energy_function.py": (later("Energy function"), ":material/function:"),
    "pages/attention_maps.py": (later("Attention maps"), ":material/grid_view:"),
    "pages/energy_histograms.py": (later("Energy histograms"), ":material/bar_chart:"),
    "pages/gradcam_comparison.py": (later("Grad-CAM comparison"), ":material/compare:"),
    "pages/lambda_sweep.py": (later("λ sweep"), ":material/linear_scale:"),
    "pages/figure.py": (later("Figure"), ":material/print:"),
    "pages/models.py": (later("Models"), ":material/deployed_code:"),
}
"""The title, for :func:`~simam_viz.wording._`, and the icon of the page in each file."""


def asked_for(file: str) -> str:
    """The page that the address names, to be called once a run by the ``file`` that runs."""
    # Without their icons, which a browser would fetch from elsewhere to stand for the page.
    pages = {
        name: st.Page(ROOT / name, title=_(title), default=name == "app.py") for name, (title, _icon) in PAGES.items()
    }
    # The links are ours: Streamlit's leave the view behind.
    found = st.navigation(list(pages.values()), position="hidden")
    # A file of pages/ runs by itself where it is the app (as in tests), or the first that a fresh server is asked for.
    return next(name for name, page in pages.items() if page is found) if file == "app.py" else file


def links() -> None:
    """A link to every page, each with the whole view."""
    for path, (title, _symbol) in PAGES.items():
        link(path, _(title))


def link(path: str, label: str) -> None:
    """A link to another page, with the whole view."""
    # A page that is run as an app of its own (as tests do) has no other pages to lead to.
    with contextlib.suppress(StreamlitPageNotFoundError):
        st.page_link(ROOT / path, label=label, icon=PAGES[path][1], query_params=state.current())


def leap(path: str, label: str, **changes: str) -> None:
    """A button that changes some entries of the view and opens another page."""

    def change() -> None:
        for name, text in changes.items():
            state.put(name, text)

    if st.button(label, icon=PAGES[path][1], on_click=change, key=f"leap-{path}"):
        go(path)


def go(path: str) -> None:
    """Open another page with the view as it is now."""
    # Without them the new page would take its empty address for a view that is asked for.
    st.switch_page(ROOT / path, query_params=state.current())
