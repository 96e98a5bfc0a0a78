"""Take it home: what a person sees, as files. Nothing is made before somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from ...draw import render
from ...draw.render import Pixels
from ...explain.blocks import Analysis
from ...export import files, report
from .. import state
from ..server import forgetting, turns

if TYPE_CHECKING:
    from ..scene import Scene

Draw = Callable[[int], Pixels]
"""Draws a picture in a given size."""

_NOW = "takeaway"


@dataclass
class _Shown:
    """What one run of a page shows."""

    page: str = ""
    view: Scene | None = None
    pictures: dict[str, tuple[Draw, int]] = field(default_factory=dict)
    tables: dict[str, list[files.Row]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    """Of the tables."""
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class _Takeaway:
    """What stands on the page of one session now. Download buttons read it when they are clicked, and not before."""

    drawn: _Shown = field(default_factory=_Shown)
    """Whole: until the next is, this is what is given."""
    drawing: _Shown = field(default_factory=_Shown)

    @property
    def tables(self) -> dict[str, list[files.Row]]:
        return self.drawn.tables

    def clear(self) -> None:
        self.drawn = self.drawing = _Shown()

    def pictures_zip(self) -> bytes:
        drawn = {name: draw(max(files.FULL_SIZE, 2 * size)) for name, (draw, size) in self.drawn.pictures.items()}
        return files.zip_bytes({f"{name}.png": render.png(pixels) for name, pixels in drawn.items()})

    def tables_zip(self) -> bytes:
        tables = files.tables(_analysed(self.drawn)) | self.drawn.tables
        return files.zip_bytes({f"{name}.csv": files.csv_bytes(rows) for name, rows in tables.items()})

    def tensors_npz(self) -> bytes:
        return files.npz_bytes(files.tensors(_analysed(self.drawn), self.drawn.view.loaded))

    def report_html(self) -> bytes:
        shown, view = self.drawn, self.drawn.view
        photo, tables = view.photo, {shown.titles[name]: rows for name, rows in shown.tables.items()}
        on_screen = report.OnScreen(shown.page, shown.settings, tables)
        return report.html(
            _analysed(shown), view.loaded, photo.image, photo.file_name, photo.credit, view.photo_notices, on_screen
        )


def _analysed(shown: _Shown) -> Analysis:
    # Downloads run outside the script and so without its caches.
    with turns.waited_for():
        return shown.view.fresh_analysis()


def begin() -> None:
    """A page begins."""
    # One object a session: Streamlit remembers the buttons of earlier pages, and they must not hold on to old networks.
    now: _Takeaway = st.session_state.setdefault(_NOW, _Takeaway())
    now.drawing = _Shown()
    forgetting.keeps(_NOW, now)


def shows(page_title: str, view: Scene) -> None:
    """What depends on ``view`` is about to be drawn anew."""
    st.session_state[_NOW].drawing = _Shown(page_title, view, settings=state.settings())


def keep(name: str, draw: Draw, size: int) -> None:
    """A picture stands on the page."""
    st.session_state[_NOW].drawing.pictures[name] = draw, size


def keep_table(name: str, title: str, rows: list[files.Row]) -> None:
    """A table stands on the page, or numbers that make one; ``title`` says of what, in the report."""
    if rows:
        drawing: _Shown = st.session_state[_NOW].drawing
        drawing.tables[name], drawing.titles[name] = rows, title


def file_name(what: str) -> str:
    """What to call a file of the photo on screen, without its ending."""
    view = st.session_state[_NOW].drawing.view
    photo = f"{view.photo.name}-" if view else ""
    return re.sub(r"[^-.\w]+", "-", f"simam-{photo}{what}")


def offer() -> None:
    """The buttons, when the page stands: they say what each file holds."""
    now: _Takeaway = st.session_state[_NOW]
    now.drawn = shown = now.drawing
    page = shown.page.lower()
    pictures, tables = len(shown.pictures), len(files.TABLES | shown.tables.keys())
    listed = ", ".join(sorted(files.TABLES | shown.tables.keys()))
    offers = {
        "Report (HTML)": ("report", now.report_html, ".html", "text/html",
                          "One file that opens offline: the photo, the answer, weights and Grad-CAM of every block, numbers, and the "
                          "settings and tables of this page."),
        f"Pictures of this page ({pictures} PNG)" if pictures else "No pictures on this page": (
            f"pictures-{page}", now.pictures_zip, ".zip", "application/zip",
            "At full resolution, in a ZIP archive." if pictures else "Charts are no pictures: each has a button in its corner."),
        f"Tables ({tables} CSV)": ("tables", now.tables_zip, ".zip", "application/zip",
                                   f"Of this page and of the whole analysis, in a ZIP archive: {listed}."),
        "Tensors (NPZ)": ("tensors", now.tensors_npz, ".npz", "application/octet-stream",
                          "Features, energies, importances, weights, refined features and Grad-CAM of every block; "
                          "“explanation” in it says what is what."),
    }  # fmt: skip
    for label, (what, make, suffix, mime, note) in offers.items():
        st.download_button(
            label, make, f"{file_name(what)}{suffix}", mime, on_click="ignore", key=f"take-{suffix}-{what[:6]}",
            help=note, width="stretch", icon=":material/download:", disabled=make == now.pictures_zip and not pictures,
        )  # fmt: skip
    st.caption("Of what is on screen now. A chart has its own button in its corner.")
