"""What stands on a page, as far as it can be taken home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL.Image import Image
from torch import Tensor

from ...checkpoints.loading import LoadedCheckpoint
from ...draw.charts import ChartSpec
from ...draw.render import Scale
from ...export.tables import Row
from ..photo import Photo

Draw = Callable[[int], Image]
"""Draws a picture in a given size."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A map over the photo: at home it lies on the photo at the photo's own resolution, with its title and its colours."""

    title: str
    values: Tensor
    """(h, w)."""
    scale: Scale


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
