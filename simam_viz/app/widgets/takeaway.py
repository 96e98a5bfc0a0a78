"""Take it home: what a person sees, as files. Nothing is made before somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st
from PIL.Image import Image

from ...checkpoints.loading import LoadedCheckpoint
from ...draw import render
from ...explain.blocks import Analysis
from ...export import files, report
from ...export.tables import TABLES, Row, csv_bytes, every_table
from ...export.tensors import every_tensor, npz_bytes
from ...wording import _
from ..photo import Photo
from ..server import forgetting, turns

Draw = Callable[[int], Image]
"""Draws a picture in a given size."""

_NOW = "takeaway"


@dataclass
class Shown:
    """What one drawing of a page shows. Whoever draws a picture or a table keeps it here, so that it can be taken home."""

    page: str
    """Its title in English, which also names files; :func:`_` says it to a person."""
    photo: Photo
    loaded: LoadedCheckpoint
    photo_notices: tuple[str, ...]
    settings: dict[str, str]
    """Of the controls, in the words of the screen; it fills as they are drawn."""
    pictures: dict[str, tuple[Draw, int]] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    """Of the tables."""

    def keep(self, name: str, draw: Draw, size: int) -> None:
        """A picture stands on the page."""
        self.pictures[name] = draw, size

    def keep_table(self, name: str, title: str, rows: list[Row]) -> None:
        """A table stands on the page, or numbers that make one; ``title`` says of what, in the report."""
        if rows:
            self.tables[name], self.titles[name] = rows, title


def file_name(what: str, shown: Shown | None = None) -> str:
    """What to call a file, without its ending; of the photo on screen, where it is of one."""
    photo = f"{shown.photo.name}-" if shown else ""
    return re.sub(r"[^-.\w]+", "-", f"simam-{photo}{what}")


@dataclass
class _Takeaway:
    """What stands on the page of one session now. Download buttons read it when they are clicked, and not before."""

    shown: Shown | None = None
    """Whole: until the next is, this is what is given."""
    analyse: Callable[[], Analysis] | None = None

    def clear(self) -> None:
        """Let go of it."""
        self.shown = self.analyse = None

    def _now(self) -> Shown:
        if self.shown is None:
            raise RuntimeError("This session is over.")
        return self.shown

    def _analysed(self) -> Analysis:
        if self.analyse is None:
            raise RuntimeError("This session is over.")
        # Downloads run outside the script and so without its caches.
        with turns.turn_unseen():
            return self.analyse()

    def pictures_zip(self) -> bytes:
        """The pictures of the page, in a big size."""
        drawn = {name: draw(max(files.FULL_SIZE, 2 * size)) for name, (draw, size) in self._now().pictures.items()}
        return files.zip_bytes({f"{name}.png": render.png(picture) for name, picture in drawn.items()})

    def tables_zip(self) -> bytes:
        """The tables of the page and of the whole analysis."""
        found = every_table(self._analysed()) | self._now().tables
        return files.zip_bytes({f"{name}.csv": csv_bytes(rows) for name, rows in found.items()})

    def tensors_npz(self) -> bytes:
        """Every tensor of the analysis."""
        return npz_bytes(every_tensor(self._analysed(), self._now().loaded))

    def report_html(self) -> bytes:
        """The analysis, and the page's settings and tables, as one document."""
        shown = self._now()
        photo, found = shown.photo, {shown.titles[name]: rows for name, rows in shown.tables.items()}
        on_screen = report.OnScreen(_(shown.page), shown.settings, found)
        return report.html(
            self._analysed(), shown.loaded, photo.image, photo.file_name, photo.credit, shown.photo_notices, on_screen
        )

    def offer(self, shown: Shown, analyse: Callable[[], Analysis]) -> None:
        """The buttons, when the page stands: they say what each file holds.

        ``analyse`` gives the analysis on screen, from where no session can be reached; it is called in a turn.
        """
        self.shown, self.analyse = shown, analyse
        page = shown.page.lower()
        pictures, tables = len(shown.pictures), len(TABLES | shown.tables.keys())
        listed = ", ".join(sorted(TABLES | shown.tables.keys()))
        offers = {
            _("Report (HTML)"): ("report", self.report_html, ".html", "text/html",
                _("One file that opens offline: the photo, the answer, weights and Grad-CAM of every block, numbers, and the settings "
                  "and tables of this page.")),
            _("Pictures of this page ({count} PNG)", count=pictures) if pictures else _("No pictures on this page"): (
                f"pictures-{page}", self.pictures_zip, ".zip", "application/zip",
                _("At full resolution, in a ZIP archive.") if pictures
                else _("Charts are no pictures: each has a button in its corner.")),
            _("Tables ({count} CSV)", count=tables): ("tables", self.tables_zip, ".zip", "application/zip",
                _("Of this page and of the whole analysis, in a ZIP archive: {names}.", names=listed)),
            _("Tensors (NPZ)"): ("tensors", self.tensors_npz, ".npz", "application/octet-stream",
                _("Features, energies, importances, weights, refined features and Grad-CAM of every block; “explanation” in it says "
                  "what is what.")),
        }  # fmt: skip
        for label, (what, make, suffix, mime, note) in offers.items():
            st.download_button(
                label, make, f"{file_name(what, shown)}{suffix}", mime, on_click="ignore", key=f"take-{suffix}-{what[:6]}",
                help=note, width="stretch", icon=":material/download:", disabled=make == self.pictures_zip and not pictures,
            )  # fmt: skip
        st.caption(_("Of what is on screen now. A chart has its own button in its corner."))


def begin() -> _Takeaway:
    """What the session offers; a page begins."""
    # One object a session: Streamlit remembers the buttons of earlier pages, and they must not hold on to old networks.
    now: _Takeaway = st.session_state.setdefault(_NOW, _Takeaway())
    forgetting.keeps(_NOW, now)
    return now
