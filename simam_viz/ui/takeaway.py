"""Take it home: what a person sees, as files. Nothing is made before somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from .. import export, render, report
from ..analysis import Analysis
from ..render import Pixels
from . import forgetting, turns

if TYPE_CHECKING:
    from .scene import Scene

Draw = Callable[[int], Pixels]
"""Draws a picture in a given size."""

_NOW = "takeaway"


@dataclass
class _Takeaway:
    """What stands on the page of one session now. Download buttons read it when they are clicked, and not before."""

    view: Scene | None = None
    pictures: dict[str, tuple[Draw, int]] = field(default_factory=dict)
    tables: dict[str, list[export.Row]] = field(default_factory=dict)

    def clear(self) -> None:
        self.view, self.pictures, self.tables = None, {}, {}

    def pictures_zip(self) -> bytes:
        drawn = {name: draw(max(export.FULL_SIZE, 2 * size)) for name, (draw, size) in dict(self.pictures).items()}
        return export.zip_bytes({f"{name}.png": render.png(pixels) for name, pixels in drawn.items()})

    def tables_zip(self) -> bytes:
        tables = export.tables(self._analysis()) | self.tables
        return export.zip_bytes({f"{name}.csv": export.csv_bytes(rows) for name, rows in tables.items()})

    def tensors_npz(self) -> bytes:
        return export.npz_bytes(export.tensors(self._analysis(), self.view.loaded))

    def report_html(self) -> bytes:
        view = self.view
        return report.html(self._analysis(), view.loaded, view.photo.image, view.photo.file_name, view.photo.credit)

    def _analysis(self) -> Analysis:
        # Downloads run outside the script and so without its caches.
        with turns.waited_for():
            return self.view.fresh_analysis()


def begin() -> None:
    """A page begins: nothing stands on it yet."""
    # One object a session: Streamlit remembers the buttons of earlier pages, and they must not hold on to old networks.
    now: _Takeaway = st.session_state.setdefault(_NOW, _Takeaway())
    now.clear()
    forgetting.keeps(_NOW, now)


def shows(view: Scene) -> None:
    """What depends on ``view`` is about to be drawn anew."""
    now = st.session_state[_NOW]
    now.view, now.pictures, now.tables = view, {}, {}


def keep(name: str, draw: Draw, size: int) -> None:
    """A picture stands on the page."""
    st.session_state[_NOW].pictures[name] = draw, size


def keep_table(name: str, rows: list[export.Row]) -> None:
    """A table stands on the page whose numbers are not among those of the analysis."""
    st.session_state[_NOW].tables[name] = rows


def offer(photo_name: str, page_title: str) -> None:
    """The buttons. They are drawn once a page: a move of λ changes what they give, not them."""
    now: _Takeaway = st.session_state[_NOW]
    page = page_title.lower().replace(" ", "-")
    with st.popover("Take it home", icon=":material/download:", width="stretch"):
        offers = {
            "Report (HTML)": ("report", now.report_html, ".html", "text/html",
                              "One file with pictures, numbers and settings; it opens offline."),
            "Pictures of this page (PNG)": (f"pictures-{page}", now.pictures_zip, ".zip", "application/zip",
                                            "At full resolution, in a ZIP archive."),
            "Tables (CSV)": ("tables", now.tables_zip, ".zip", "application/zip",
                             "Of this page and of the whole analysis: classes, blocks, channels, most emphasised neurons. A ZIP archive."),
            "Tensors (NPZ)": ("tensors", now.tensors_npz, ".npz", "application/octet-stream",
                              "Features, energies, importances, weights, refined features and Grad-CAM of every block; "
                              "“explanation” in it says what is what."),
        }  # fmt: skip
        for label, (what, make, suffix, mime, note) in offers.items():
            st.download_button(
                label, make, f"simam-{photo_name}-{what}{suffix}", mime, on_click="ignore", key=f"take-{suffix}-{what[:6]}",
                help=note, width="stretch", icon=":material/download:",
            )  # fmt: skip
        st.caption("All of it as it is on screen now. A chart has its own button in its corner.")
