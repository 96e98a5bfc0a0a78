"""A figure, drawn by matplotlib: panels, titles, letters and colour bars, with text as text and pictures as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from PIL import Image

from ...modules.formulas import IMPORTANCE_FLOOR
from ...wording import _
from .. import charts, render
from ..charts import printed
from . import fonts, panels
from .description import Description
from .fonts import MM_A_POINT
from .grid import Cell, letter
from .layout import SMALL, Bar, Box, Layout, laid_out
from .looks import Looks
from .sources import Picture

_MM_AN_INCH = 25.4
_ROOMY = 25.0
"""From this width on, in mm, a chart has room for the name of its upright axis."""
_BELOW = 0.24
"""How much of a line's height lies below the line that letters stand on."""


class _Pixels(AxesImage):
    """A picture that a file of vectors holds as it is, and that is resampled well where the whole becomes pixels."""

    def draw(self, renderer: Any) -> None:
        self.set_interpolation("none" if renderer.option_scale_image() else "antialiased")
        super().draw(renderer)


def drawn(
    figure: Figure,
    asked: Description,
    photos: Sequence[Picture],
    networks: Sequence[str],
    looks: Looks,
    scales: Mapping[Cell, render.Scale] | None = None,
    most_pixels: float = panels.MOST_PIXELS,
) -> None:
    """Draw all panels on an empty figure, and give it its size; within :func:`simam_viz.draw.paper.fonts.setting`.

    Args:
        figure: empty.
        asked: what to draw.
        photos: at their own resolution.
        networks: what they are called.
        looks: what :func:`simam_viz.draw.paper.looks.pieces` found.
        scales: what the colours of maps mean; else what follows from the quantity.
        most_pixels: of all pictures together.

    Raises:
        ValueError: there is no room for that many columns.
    """
    grid = panels.grid(asked, [photo.name for photo in photos], networks, looks)
    if scales is None:
        scales = panels.scales(asked, grid.panels, looks)
    width, height = looks[0, 0].facts["shape"]
    answers = _answers(asked, grid.panels, looks) if asked.answers else {}
    layout = laid_out(asked, grid, scales, min(max(height / width, 0.25), 4.0), answers)
    figure.set_size_inches(layout.width / _MM_AN_INCH, layout.height / _MM_AN_INCH)
    shrink = panels.shrinking(grid.panels, looks, most_pixels)
    for index, cell in enumerate(grid.panels):
        box = layout.cells[cell]
        if told := panels.trouble(cell, looks):
            _nothing(figure, layout, box, told, asked)
        elif cell.quantity.kind in ("histogram", "sweep"):
            _chart(figure, layout, box, cell, looks, asked)
        else:
            _pixels(
                _axes(figure, layout, box),
                panels.picture(asked, cell, looks, photos, scales.get(cell), shrink),
            )
        if name := letter(asked.letters, index):
            _letter(figure, layout, box, name, asked)
        if cell in answers:
            below = (
                box.top
                + box.height
                + (0.8 + 1.8 + layout.line * SMALL + 0.6 if _has_own_bar(cell, scales, asked) else 0)
            )
            text, share = answers[cell]
            if fonts.width(text, asked.font, asked.font_size * SMALL) > box.width:
                text = share
            place = Box(box.left, below + 0.3, box.width, layout.line * SMALL)
            _lines(figure, layout, place, [text], asked.font_size * SMALL)
    for bar in layout.bars:
        _bar(figure, layout, bar, asked)
    _titles(figure, layout, asked)


def _has_own_bar(cell: Cell, scales: Mapping[Cell, render.Scale], asked: Description) -> bool:
    return asked.bars and cell in scales and scales[cell].reach == "own"


def _answers(asked: Description, cells: Sequence[Cell], looks: Looks) -> dict[Cell, tuple[str, str]]:
    """Below each heat map, the class it explains and how sure the network is of it; and the latter alone, for want of room."""
    found: dict[Cell, tuple[str, str]] = {}
    for cell in cells:
        if cell.quantity.kind != "cam":
            continue
        facts = looks[cell.photo, cell.network].facts
        said = render.percent(facts["said"]) if facts["probabilities"] else f"{facts['said']:.4g}"
        found[cell] = _("{name} {share}", name=facts["target"], share=said), said
    return found


def _axes(figure: Figure, layout: Layout, box: Box) -> Axes:
    return figure.add_axes((
        box.left / layout.width, 1 - (box.top + box.height) / layout.height,
        box.width / layout.width, box.height / layout.height,
    ))  # fmt: skip


def _pixels(axes: Axes, picture: Image.Image) -> None:
    """A picture that fills its axes."""
    pixels = _Pixels(axes, extent=(0, 1, 0, 1), origin="upper")
    pixels.set_data(np.asarray(picture.convert("RGB")))
    pixels.set_clip_path(axes.patch)
    axes.add_image(pixels)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()


def _text(figure: Figure, layout: Layout, x: float, y: float, text: str, size: float, **style: Any) -> None:
    """A text whose upper edge is ``y`` mm below the figure's."""
    style = dict[str, Any]({"ha": "center", "va": "top", "linespacing": 1.1} | style)
    figure.text(x / layout.width, 1 - y / layout.height, text, fontsize=size, parse_math=False, **style)


def _nothing(figure: Figure, layout: Layout, box: Box, told: str, asked: Description) -> None:
    """Why there is no map, in place of one."""
    axes = _axes(figure, layout, box)
    axes.set(xticks=[], yticks=[], facecolor="#f2f2f2")
    for spine in axes.spines.values():
        spine.set(linewidth=0.4, color="#999999")
    lines = fonts.wrapped(told, box.width - 1, asked.font, asked.font_size * SMALL, 4)
    axes.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=asked.font_size * SMALL, color="#555555",
              parse_math=False, transform=axes.transAxes)  # fmt: skip


def _letter(figure: Figure, layout: Layout, box: Box, name: str, asked: Description) -> None:
    """Bold, on white, in the panel's corner: no outline, which would turn it into a path."""
    figure.text(
        (box.left + 0.7) / layout.width, 1 - (box.top + 0.7) / layout.height, name, ha="left", va="top", weight="bold", family=asked.font,
        fontsize=asked.font_size, parse_math=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.25 * MM_A_POINT * asked.font_size, "alpha": 0.85},
    )  # fmt: skip


def _lines(figure: Figure, layout: Layout, box: Box, lines: Sequence[str], size: float) -> None:
    """Lines at the lower edge of a box, in its middle; on one base line with those beside it, whatever letters they have."""
    line = size * MM_A_POINT * 1.25
    for index, text in enumerate(reversed(lines)):
        y = box.top + box.height - (index + _BELOW) * line
        x = box.left + box.width / 2
        _text(figure, layout, x, y, text, size, va="baseline")


def _titles(figure: Figure, layout: Layout, asked: Description) -> None:
    for lines, box in layout.spans:
        _lines(figure, layout, box, lines, asked.font_size)
        y = 1 - (box.top + box.height + 0.4) / layout.height
        ends = (box.left / layout.width, (box.left + box.width) / layout.width)
        figure.add_artist(Line2D(ends, (y, y), linewidth=0.5, color="#777777"))
    for lines, box in layout.heads:
        _lines(figure, layout, box, lines, asked.font_size)
    for text, box in layout.sides:
        _text(figure, layout, box.left + box.width / 2, box.top + box.height / 2, text, asked.font_size, va="center",
              rotation=90, rotation_mode="default")  # fmt: skip


def _bar(figure: Figure, layout: Layout, bar: Bar, asked: Description) -> None:
    """A scale's colours from low to high, three numbers, and the quantity with its unit."""
    axes = _axes(figure, layout, bar.box)
    scale, size = bar.scale, asked.font_size * SMALL
    pixels = _Pixels(axes, extent=(scale.low, scale.high, 0, 1), origin="upper")
    pixels.set_data(np.asarray(render.gradient(scale, 256, 1)))
    axes.add_image(pixels)
    axes.set(xlim=(scale.low, scale.high), ylim=(0, 1), yticks=[])
    # Three numbers where they have room, else both ends.
    room = bar.box.width > 3.5 * fonts.width("0.000", asked.font, size)
    ends = [scale.low, (scale.low + scale.high) / 2, scale.high] if room else [scale.low, scale.high]
    digits = 3
    while digits < 6 and len({f"{end:.{digits}g}" for end in ends}) < len(ends):
        digits += 1
    axes.set_xticks(ends, [f"{end:.{digits}g}".replace("-", "−") for end in ends])
    axes.tick_params(axis="x", labelsize=size, length=1.5, width=0.4, pad=1)
    first, *_middle, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)
    if bar.lines:
        top = bar.box.top + bar.box.height + 0.9 + layout.line * SMALL
        below = Box(bar.box.left, top, bar.box.width, len(bar.lines) * layout.line * SMALL)
        _lines(figure, layout, below, bar.lines, size)


def _chart(figure: Figure, layout: Layout, box: Box, cell: Cell, looks: Looks, asked: Description) -> None:
    """A histogram of neurons, or what the network says along λ: the chart of the screen, in the panel's place."""
    size = asked.font_size * SMALL
    line = layout.line * SMALL
    spec = _histogram(cell, looks) if cell.quantity.kind == "histogram" else _sweep(cell, looks)
    upright = spec["yAxis"]["name"]
    above = 0.8 if asked.letters == "none" else layout.line + 0.8  # the letter stands clear of the axis
    high = max(box.height - 2.6 * line - above, 2)
    beside = 1.0 + fonts.width("0.00" if cell.quantity.kind == "sweep" else "10⁴", asked.font, size)
    if named := fonts.width(upright, asked.font, size) <= high and box.width >= _ROOMY:
        beside += 1.2 * line
    else:  # what it counts, the caption says
        spec = spec | {"yAxis": spec["yAxis"] | {"name": ""}}
    spec = spec | {"series": [series | ({} if named else {"showSymbol": False}) for series in spec["series"]]}
    inner = Box(box.left + beside, box.top + above, max(box.width - beside - 0.8, 2), high)
    axes = _axes(figure, layout, inner)
    printed.draw(axes, spec, size, legend=False)
    for axis, room, each in ((axes.xaxis, inner.width, 7.0), (axes.yaxis, inner.height, 4.0)):
        if axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator(max(1, int(room / each)), steps=[1, 2, 5, 10]))
        else:
            axis.set_major_locator(LogLocator(numticks=max(2, int(room / each))))
            axis.set_minor_locator(NullLocator())


def _histogram(cell: Cell, looks: Looks) -> charts.ChartSpec:
    quantity = cell.quantity.of_neurons
    found = {place: look.maps[cell.quantity.word] for place, look in looks.items() if cell.quantity.word in look.maps}
    greatest = max(float(values.max()) for values in found.values())
    kind = looks[cell.photo, cell.network].facts["kinds"][cell.quantity.word]
    low, high = {"energy": (0.0, 2.0), "importance": (IMPORTANCE_FLOOR, max(greatest, 1.0))}.get(quantity, (0.62, 1.0))
    if kind != "simam":
        low, high = 0.0, max(1.0, greatest)
    return charts.histogram({"": found[cell.photo, cell.network]}, _(quantity), low, high)


def _sweep(cell: Cell, looks: Looks) -> charts.ChartSpec:
    look = looks[cell.photo, cell.network]
    stops, said = [stop for stop, _said in look.sweep], [value for _stop, value in look.sweep]
    high = 1.0 if look.facts["probabilities"] else None
    label = _("p({name})", name=look.facts["target"]) if high else _("value of {name}", name=look.facts["target"])
    lowest = min(0.0, *said) if all(map(math.isfinite, said)) else 0.0
    spec = charts.along_lambda({look.facts["target"]: said}, stops, label, {}, high)
    return spec if lowest >= 0 else spec | {"yAxis": spec["yAxis"] | {"min": lowest}}
