"""Take it home: what a person sees, as files. Nothing is made before somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st
from PIL.Image import Image
from torch import Tensor

from ...checkpoints.loading import LoadedCheckpoint
from ...draw import render
from ...draw.charts import ChartSpec
from ...draw.paper import formats, printing
from ...draw.paper.description import listed
from ...draw.render import Scale
from ...explain.blocks import Analysis
from ...export import files, report
from ...export.tables import TABLES, Row, csv_bytes, every_table
from ...export.tensors import every_tensor, npz_bytes
from ...wording import _, in_this_language
from .. import pages, state
from ..photo import Photo
from ..server import forgetting, turns

Draw = Callable[[int], Image]
"""Draws a picture in a given size."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A map over the photo: at home it lies on the photo at the photo's own resolution, with its title and its colours."""

    title: str
    values: Tensor
    """(h, w)."""
    scale: Scale


_NOW = "takeaway"
_SIDE_BY_SIDE = 6
"""Of more panels than these, four stand in a row of the figure."""


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
    box: tuple[float, float, float, float]
    """The part of the photo that the network sees, in the pixels of what is kept of it."""
    pictures: dict[str, tuple[Draw, int] | Callable[[], Panel]] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    """Of the tables."""
    charts: dict[str, ChartSpec] = field(default_factory=dict)
    panels: list[str] = field(default_factory=list)
    """What of it a figure can show, in words of :mod:`simam_viz.draw.paper.quantities`."""
    networks: list[str] = field(default_factory=list)
    """The networks that it is of, by their names in the address, where they are several."""

    def keep(self, name: str, draw: Draw, size: int, panel: Panel | None = None) -> None:
        """A picture stands on the page; ``panel`` where it is a map over the photo."""
        self.pictures[name] = (draw, size) if panel is None else lambda: panel

    def keep_panel(self, name: str, panel: Callable[[], Panel]) -> None:
        """A map over the photo stands on the page that is not computed here before somebody asks for it, in a turn."""
        self.pictures[name] = panel

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
        """The pictures of the page, in a big size: maps over the photo as the page *Figure* draws them."""
        shown, drawn = self._now(), {}
        on_grey = shown.loaded.transforms.fit == "letterbox"
        with turns.turn_unseen():  # some are analysed when they are drawn
            for name, kept in shown.pictures.items():
                if isinstance(kept, tuple):
                    draw, size = kept
                    drawn[f"{name}.png"] = render.png(draw(max(files.FULL_SIZE, 2 * size)))
                    continue
                panel = kept()
                figure = printing.printed_map(
                    panel.title, shown.photo.image, shown.box, panel.values, panel.scale, on_grey=on_grey
                )
                drawn[f"{name}.png"] = formats.written(figure, "png")
        return files.zip_bytes(drawn)

    def charts_zip(self) -> bytes:
        """The charts of the page as vectors."""
        drawn: dict[str, bytes] = {}
        for name, spec in self._now().charts.items():
            figure = printing.printed_chart(spec)
            drawn |= {f"{name}.{kind}": formats.written(figure, kind) for kind in ("pdf", "svg")}
        return files.zip_bytes(drawn)

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
            self._analysed(), shown.loaded, photo.image, photo.file_name, photo.credit, shown.photo_notices, on_screen,
            photo.size,
        )  # fmt: skip

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
                _("Maps on the photo at its own resolution, with their colours, in a ZIP archive.") if pictures
                else _("Charts are no pictures: each has a button in its corner.")),
            **({_("Charts of this page ({count}, as PDF and SVG)", count=len(shown.charts)): (
                f"charts-{page}", self.charts_zip, ".zip", "application/zip",
                _("As vectors with text as text, in a ZIP archive."))} if shown.charts else {}),
            _("Tables ({count} CSV)", count=tables): ("tables", self.tables_zip, ".zip", "application/zip",
                _("Of this page and of the whole analysis, in a ZIP archive: {names}.", names=listed)),
            _("Tensors (NPZ)"): ("tensors", self.tensors_npz, ".npz", "application/octet-stream",
                _("Features, energies, importances, weights, refined features and Grad-CAM of every block; “explanation” in it says "
                  "what is what.")),
        }  # fmt: skip
        for label, (what, make, suffix, mime, note) in offers.items():
            st.download_button(
                label, in_this_language(make), f"{file_name(what, shown)}{suffix}", mime, on_click="ignore",
                key=f"take-{suffix}-{what[:6]}", help=note,
                width="stretch", icon=":material/download:", disabled=make == self.pictures_zip and not pictures,
            )  # fmt: skip
        if shown.panels:
            _put_into_the_figure(shown)
        st.caption(_("Of what is on screen now. A chart has its own button in its corner."))


def _put_into_the_figure(shown: Shown) -> None:
    """A button that adds what the page shows to the figure, and opens it."""
    photo, there = shown.photo.name, listed(state.get("panels") or "photo")
    changes = {
        "panels": ",".join(dict.fromkeys([*there, *shown.panels])),
        "photos": ",".join(dict.fromkeys([*listed(state.get("photos") or photo), photo])),
    }
    if shown.networks:
        changes["networks"] = ",".join(shown.networks)
    if len(shown.panels) > _SIDE_BY_SIDE and not state.get("across"):
        changes["across"] = "4"
    pages.leap("pages/figure.py", _("Put it into the figure"), **changes)


def begin() -> _Takeaway:
    """What the session offers; a page begins."""
    # One object a session: Streamlit remembers the buttons of earlier pages, and they must not hold on to old networks.
    now: _Takeaway = st.session_state.setdefault(_NOW, _Takeaway())
    forgetting.keeps(_NOW, now)
    return now
