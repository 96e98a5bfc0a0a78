"""What is taken home, made: pictures, charts and tables of a page, the tensors of its analysis, a report."""

from __future__ import annotations

from collections.abc import Callable

from ...draw import render
from ...draw.paper import formats, printing
from ...explain.blocks import Analysis
from ...export import files, report
from ...export.tables import csv_bytes, every_table
from ...export.tensors import every_tensor, npz_bytes
from ...wording import _
from ..server import turns
from .shown import Shown

Analyse = Callable[[], Analysis]
"""Gives the analysis on screen."""


def _pictures(shown: Shown, analyse: Analyse) -> bytes:
    """The pictures of the page, in a big size: maps over the photo as the page *Figure* draws them."""
    drawn = {}
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


def _charts(shown: Shown, analyse: Analyse) -> bytes:
    """The charts of the page as vectors."""
    drawn: dict[str, bytes] = {}
    for name, spec in shown.charts.items():
        figure = printing.printed_chart(spec)
        drawn |= {f"{name}.{kind}": formats.written(figure, kind) for kind in ("pdf", "svg")}
    return files.zip_bytes(drawn)


def _tables(shown: Shown, analyse: Analyse) -> bytes:
    """The tables of the page and of the whole analysis."""
    found = every_table(analyse()) | shown.tables
    return files.zip_bytes({f"{name}.csv": csv_bytes(rows) for name, rows in found.items()})


def _tensors(shown: Shown, analyse: Analyse) -> bytes:
    """Every tensor of the analysis."""
    return npz_bytes(every_tensor(analyse(), shown.loaded))


def _report(shown: Shown, analyse: Analyse) -> bytes:
    """The analysis, and the page's settings and tables, as one document."""
    photo, found = shown.photo, {shown.titles[name]: rows for name, rows in shown.tables.items()}
    on_screen = report.OnScreen(_(shown.page), shown.settings, found)
    return report.html(
        analyse(), shown.loaded, photo.image, photo.file_name, photo.credit, shown.photo_notices, on_screen, photo.size
    )


PARCELS: dict[str, Callable[[Shown, Analyse], bytes]] = {
    "report": _report,
    "pictures": _pictures,
    "charts": _charts,
    "tables": _tables,
    "tensors": _tensors,
}
"""What makes each file, as its bytes. Files are made outside the script, and so outside the turn of a visitor."""
