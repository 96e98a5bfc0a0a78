"""What chart specifications are made of: ECharts options as plain dicts, one helper for each part that charts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.colors import to_hex

from ...wording import _

ChartSpec = dict[str, Any]

BAR_COLOUR = "#5b4bd6"
TARGET_COLOUR = "#e61e28"
OTHERS_COLOUR = "#3b6fb6"
OTHER_COLOUR = "#e69f00"
GREY = "#555555"

ALONG_AXIS: ChartSpec = {"trigger": "axis"}
"""A tooltip that tells all series at one place of the horizontal axis."""
OVER_BARS: ChartSpec = {"trigger": "axis", "axisPointer": {"type": "shadow"}}
SCROLLED_LEGEND: ChartSpec = {"legend": {"top": 0, "right": 28, "type": "scroll"}}
"""For many names: room for the button that saves the chart is left at its right."""


def chart(
    series: Sequence[ChartSpec],
    x: ChartSpec,
    y: ChartSpec | list[ChartSpec],
    top: int,
    tooltip: ChartSpec = ALONG_AXIS,
    **more: Any,
) -> ChartSpec:
    """A chart that stands still, with its legend in the ``top`` pixels above it.

    Args:
        series: bars, lines and points.
        x, y: the axes.
        top: how much room there is above the axes.
        tooltip: what is told where one points.
        more: options beside these, or in place of them.
    """
    grid = {"left": 24, "right": 16, "top": top, "bottom": 24}
    return {
        "animation": False, "grid": grid, "legend": {"top": 0}, "tooltip": tooltip, "xAxis": x, "yAxis": y, "series": list(series),
    } | more  # fmt: skip


def axis(name: str, gap: int, low: float | None = None, high: float | None = None, **more: Any) -> ChartSpec:
    """An axis of numbers, its name in its middle, ``gap`` pixels off; an end that is ``None`` is left to the values."""
    ends = {name: end for name, end in (("min", low), ("max", high)) if end is not None}
    return {"type": "value", "name": name, "nameLocation": "middle", "nameGap": gap} | ends | more


WITHOUT_GRID: ChartSpec = {"splitLine": {"show": False}}
"""For an axis."""


def bars(data: Sequence[Any], colour: str, name: str | None = None, **more: Any) -> ChartSpec:
    """One series of bars."""
    named = {} if name is None else {"name": name}
    return {"type": "bar", "data": list(data), "itemStyle": {"color": colour}} | named | more


def line(
    name: str,
    places: Sequence[Sequence[float]],
    colour: str,
    dash: str = "solid",
    width: float = 2,
    dots: bool = False,
    **more: Any,
) -> ChartSpec:
    """One series as a line, with its points on it if there are to be ``dots``; ``dash``: solid, dashed or dotted."""
    return {
        "type": "line", "name": name, "data": list(places),
        "lineStyle": {"width": width, "color": colour, "type": dash}, "itemStyle": {"color": colour},
    } | ({"symbolSize": 5} if dots else {"showSymbol": False}) | more  # fmt: skip


def points(name: str, places: Sequence[Sequence[float]], colour: str, size: int, **style: Any) -> ChartSpec:
    """One series as points of ``size`` pixels."""
    return {
        "type": "scatter", "name": name, "data": list(places), "symbolSize": size, "itemStyle": {"color": colour} | style,
    }  # fmt: skip


def mark_lines(marks: Mapping[str, float], **more: Any) -> ChartSpec:
    """A series' ``markLine``: at most two upright lines, with what they are written above: the first red, the second grey."""
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"type": "solid", "width": 2},
        "data": [
            {"xAxis": place, "lineStyle": {"color": colour}, "label": {"formatter": text, "color": colour}}
            for (text, place), colour in zip(marks.items(), (TARGET_COLOUR, GREY), strict=False)
        ],
    } | more


def shade(colours: str, level: int) -> str:
    """One of the 256 colours of a matplotlib colour map, as ``#rrggbb``."""
    return to_hex(matplotlib.colormaps[colours](int(level)))


def short(value: float) -> float:
    """The number with four significant digits: what a tooltip shows of it."""
    return float(f"{value:.4g}")


def with_save_button(spec: ChartSpec, file_name: str) -> ChartSpec:
    """The chart with a button in its upper right corner that saves it as PNG, at three times its size on screen.

    Args:
        spec: leaves the corner free, or names another in its ``toolbox``.
        file_name: what to call the file, without its ending.
    """
    save = {"title": _("Save as PNG"), "name": file_name, "pixelRatio": 3, "backgroundColor": "#ffffff"}
    place = {"right": 0, "top": 0} | spec.get("toolbox", {})
    return {**spec, "toolbox": {**place, "itemSize": 13, "feature": {"saveAsImage": save}}}
