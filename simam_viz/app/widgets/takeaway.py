"""Take it home: what a person sees, as files. Nothing is made before somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from ...draw.paper.description import listed
from ...explain.blocks import Analysis
from ...export.tables import TABLES
from ...wording import _, enumeration, in_this_language
from .. import pages, state
from ..server import forgetting, turns
from .shown import Shown

_NOW = "takeaway"
_SIDE_BY_SIDE = 6
"""Of more panels than these, four stand in a row of the figure."""


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

    def made(self, what: str) -> bytes:
        """A file, by its name in :data:`~simam_viz.app.widgets.parcels.PARCELS`."""
        from . import parcels  # which draws figures, whose library takes half a second to import

        return parcels.PARCELS[what](self._now(), self._analysed)

    def offer(self, shown: Shown, analyse: Callable[[], Analysis]) -> None:
        """The buttons, when the page stands: they say what each file holds.

        ``analyse`` gives the analysis on screen, from where no session can be reached; it is called in a turn.
        """
        self.shown, self.analyse = shown, analyse
        page = shown.page.lower()
        pictures, tables = len(shown.pictures), len(TABLES | shown.tables.keys())
        listed = enumeration(sorted(TABLES | shown.tables.keys()))
        offers = {
            _("Report (HTML)"): ("report", ".html", "text/html",
                _("One file that opens offline: the photo, the answer, weights and Grad-CAM of every block, numbers, and the settings "
                  "and tables of this page.")),
            _("Pictures of this page ({count} PNG)", count=pictures) if pictures else _("No pictures on this page"): (
                "pictures", ".zip", "application/zip",
                _("Maps on the photo at its own resolution, with their colours, in a ZIP archive.") if pictures
                else _("Charts are no pictures: each has a button in its corner.")),
            **({_("Charts of this page ({count}, as PDF and SVG)", count=len(shown.charts)): (
                "charts", ".zip", "application/zip",
                _("As vectors with text as text, in a ZIP archive."))} if shown.charts else {}),
            _("Tables ({count} CSV)", count=tables): ("tables", ".zip", "application/zip",
                _("Of this page and of the whole analysis, in a ZIP archive: {names}.", names=listed)),
            _("Tensors (NPZ)"): ("tensors", ".npz", "application/octet-stream",
                _("Features, energies, importances, weights, refined features and Grad-CAM of every block; “explanation” in it says "
                  "what is what.")),
        }  # fmt: skip
        for label, (what, suffix, mime, note) in offers.items():
            name = f"{what}-{page}" if what in ("pictures", "charts") else what  # the others are of the whole analysis
            st.download_button(
                label, in_this_language(partial(self.made, what)), f"{file_name(name, shown)}{suffix}", mime, on_click="ignore",
                key=f"take-{suffix}-{what[:6]}", help=note,
                width="stretch", icon=":material/download:", disabled=what == "pictures" and not pictures,
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
