"""What stands on a screen as a figure of its own: a chart as vectors, a map over the photo at the photo's own resolution."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from ..charts import ChartSpec, printed
from ..render import Scale
from . import fonts, panels, sheet
from .caption import Caption
from .description import Description
from .formats import PaperFigure
from .grid import Cell
from .looks import Look
from .sources import Picture

_MM_AN_INCH = 25.4
_HEIGHT = 75.0
_MAP = "weight"
"""Any word of a map: it names the only panel."""


def printed_chart(spec: ChartSpec, width: float = 120.0) -> PaperFigure:
    """A chart, ``width`` mm wide, in the letters of a figure."""
    asked = Description(width=width)
    with fonts.setting(asked.font, asked.font_size):
        figure = PaperFigure(figsize=(width / _MM_AN_INCH, _HEIGHT / _MM_AN_INCH), layout="constrained")
        printed.draw(figure.add_subplot(), spec, asked.font_size)
    figure.description, figure.caption = asked, Caption((), "", width)
    return figure


def printed_map(
    title: str,
    photo: Image.Image,
    box: Sequence[float],
    values: Tensor,
    scale: Scale,
    width: float = 88.0,
    on_grey: bool = False,
) -> PaperFigure:
    """A map over a photo as a figure of one panel: its title, the colours and what they mean.

    Args:
        title: what stands above it.
        photo: at its own resolution.
        box: the part of it that the network saw: left, top, right, bottom in its pixels.
        values: the map, (h, w).
        scale: its colours.
        width: in mm.
        on_grey: whether a detector's grey lies around the photo, and not its mean colour.
    """
    asked = Description(photos=("photo",), show=(_MAP,), names={_MAP: title}, letters="none", width=width)
    cell = Cell(0, 0, asked.quantities[0])
    shape = round(box[2] - box[0]), round(box[3] - box[1])
    look = Look(maps={_MAP: values}, facts={"box": list(box), "shape": shape, "whole": on_grey})
    named = dataclasses.replace(scale, label=panels.with_unit(scale.label), reach="common")
    figure = PaperFigure(layout=None)
    with fonts.setting(asked.font, asked.font_size):
        sheet.drawn(figure, asked, [Picture("", photo, "photo")], [""], {(0, 0): look}, {cell: named})
    figure.description, figure.caption = asked, Caption((), "", width)
    return figure
