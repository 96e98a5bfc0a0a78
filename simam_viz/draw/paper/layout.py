"""Where everything stands on a figure, in mm from its upper left corner."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ...wording import _
from ..render import Scale
from . import fonts
from .description import Description
from .fonts import MM_A_POINT
from .grid import Cell, Grid

GAP = 1.4
"""Between panels."""
_EDGE = 0.4
_NO_BREAK = "\N{NO-BREAK SPACE}"
BAR = 1.8
"""How high a colour bar is."""
SMALL = 0.85
"""Numbers and what stands below panels, against the font's size."""


@dataclass(frozen=True)
class Box:
    """Left, top, width and height."""

    left: float
    top: float
    width: float
    height: float


Lines = tuple[str, ...]
"""Of a text, one below the other."""


@dataclass(frozen=True)
class Bar:
    """A colour bar, and what is written below it."""

    scale: Scale
    box: Box
    lines: Lines


@dataclass(frozen=True)
class Layout:
    """All places, in mm."""

    width: float
    height: float
    cells: Mapping[Cell, Box]
    spans: tuple[tuple[Lines, Box], ...]
    heads: tuple[tuple[Lines, Box], ...]
    sides: tuple[tuple[str, Box], ...]
    bars: tuple[Bar, ...]
    line: float
    """The height of a line of text."""


def laid_out(
    asked: Description,
    grid: Grid,
    scales: Mapping[Cell, Scale],
    aspect: float,
    answers: Collection[Cell],
) -> Layout:
    """The places of a grid's panels; within :func:`simam_viz.draw.paper.fonts.setting`.

    Args:
        asked: the figure.
        grid: its panels.
        scales: what the colours of its maps mean.
        aspect: height of a panel over its width.
        answers: the panels below which an answer stands.

    Raises:
        ValueError: there is no room for that many columns.
    """
    line = asked.font_size * MM_A_POINT * 1.25
    small = line * SMALL
    titled = asked.titles and any(any(band.sides) for band in grid.bands)
    # Beside a row goes what its height has room for, which the width of the sides takes from: two lines are reserved.
    left = _EDGE + (2 * line + 1.0 if titled else 0)

    def sized() -> tuple[float, dict[str, list[str]]]:
        across = (asked.width - left - _EDGE - GAP * (grid.columns - 1)) / grid.columns
        told = {side for band in grid.bands for side in band.sides if side and titled}
        return across, {side: fonts.wrapped(side, across * aspect, asked.font, asked.font_size, 2) for side in told}

    across, sides = sized()
    if titled and max(map(len, sides.values())) < 2:
        left -= line
        across, sides = sized()
    down = across * aspect
    if across < 4:
        raise ValueError(_too_many(grid.columns, asked.width))
    lefts = [left + column * (across + GAP) for column in range(grid.columns)]

    top = _EDGE
    spans: list[tuple[Lines, Box]] = []
    heads: list[tuple[Lines, Box]] = []
    places: dict[Cell, Box] = {}
    beside: list[tuple[str, Box]] = []
    bars: list[Bar] = []
    for number, band in enumerate(grid.bands):
        above = [band.spans and [span.text for span in band.spans], band.heads]
        before = number and [grid.bands[number - 1].spans, grid.bands[number - 1].heads] == [band.spans, band.heads]
        if number and asked.titles and not before:
            top += GAP
        if asked.titles and above[0]:
            written = []
            for span in band.spans:
                room = lefts[span.last] + across - lefts[span.first]
                lines = tuple(fonts.wrapped(span.text, room, asked.font, asked.font_size, 2))
                written.append((lines, Box(lefts[span.first], top, room, line * len(lines))))
            deepest = max(box.height for _lines, box in written)
            spans += [(lines, Box(box.left, top, box.width, deepest)) for lines, box in written]
            top += deepest + 0.8
        if asked.titles and any(band.heads):
            wrapped = [tuple(fonts.wrapped(head, across, asked.font, asked.font_size, 3)) for head in band.heads]
            height = max(map(len, wrapped)) * line
            heads += [(lines, Box(lefts[column], top, across, height)) for column, lines in enumerate(wrapped) if lines]
            top += height + 0.5
        for row, side in zip(band.cells, band.sides, strict=True):
            for cell, x in zip(row, lefts, strict=False):
                if cell is not None:
                    places[cell] = Box(x, top, across, down)
            if lines_beside := sides.get(side):
                beside.append(("\n".join(lines_beside), Box(_EDGE, top, len(lines_beside) * line, down)))
            top += down
            own = [cell for cell in row if cell is not None and cell in scales and scales[cell].reach == "own"]
            if own and asked.bars:
                for cell in own:
                    bars.append(Bar(scales[cell], Box(places[cell].left, top + 0.8, across, BAR), ()))
                top += 0.8 + BAR + small + 0.6
            if any(cell in answers for cell in row if cell is not None):
                top += small
            top += GAP
    shared = {cell: scale for cell, scale in scales.items() if scale.reach != "own"}
    if asked.bars and shared:
        strip = _strip(asked, grid, shared, lefts, across, top + 0.4)
        bars += strip
        top += 0.4 + BAR + 0.4 + small + max(len(bar.lines) for bar in strip) * small + 0.4
    else:
        top -= GAP
    return Layout(asked.width, top + _EDGE, places, tuple(spans), tuple(heads), tuple(beside), tuple(bars), line)


def _too_many(columns: int, width: float) -> str:
    return _(
        "{columns} columns do not fit into {width:g} mm: show less, make rows of something else, or widen the figure.",
        columns=columns,
        width=width,
    )


def _strip(
    asked: Description, grid: Grid, shared: Mapping[Cell, Scale], lefts: Sequence[float], across: float, top: float
) -> list[Bar]:
    """One bar a scale, below the columns that have it; where scales share columns, one after the other."""
    extents: dict[Scale, tuple[int, int]] = {}
    for row in grid.cells:
        for column, cell in enumerate(row):
            if cell is not None and cell in shared:
                first, last = extents.get(shared[cell], (column, column))
                extents[shared[cell]] = min(first, column), max(last, column)
    ordered = sorted(extents.items(), key=lambda entry: entry[1])
    apart = all(one[1][1] < other[1][0] for one, other in itertools.pairwise(ordered))
    if apart:
        places = [(lefts[first], lefts[last] + across - lefts[first]) for _scale, (first, last) in ordered]
        # A bar as wide as the page says no more than one of two panels' width.
        places = [
            (left + (room - most) / 2, most) if room > (most := max(2 * across + GAP, 50.0)) + 0.01 else (left, room)
            for left, room in places
        ]
    else:
        whole = lefts[-1] + across - lefts[0]
        room = min((whole - 4 * (len(ordered) - 1)) / len(ordered), 60.0)
        start = lefts[0] + (whole - len(ordered) * room - 4 * (len(ordered) - 1)) / 2
        places = [(start + index * (room + 4), room) for index in range(len(ordered))]
    return [
        Bar(scale, Box(left, top, room, BAR), _label(scale.label, room, asked))
        for (scale, _extent), (left, room) in zip(ordered, places, strict=True)
    ]


def _label(label: str, room: float, asked: Description) -> Lines:
    """A quantity with its unit below a bar; without what is in brackets where even three lines have no room for that."""
    size = asked.font_size * SMALL
    short, bracket, unit = label.partition(" (")
    together = f"{short} ({unit.replace(' ', _NO_BREAK)}" if bracket else label
    for text in (together, label, short):
        lines = fonts.wrapped(text, room, asked.font, size, 3)
        if not any(line.endswith("…") for line in lines):
            break
    return tuple(lines)
