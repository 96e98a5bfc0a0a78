"""What chart specifications are made of: ECharts options as plain dicts, one helper for each part that charts share."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.colors import to_hex, to_rgb

from ...wording import _

ChartSpec = dict[str, Any]

BAR_COLOUR = "#5b4bd6"
TARGET_COLOUR = "#e61e28"
OTHERS_COLOUR = "#3b6fb6"
OTHER_COLOUR = "#e69f00"
GREY = "#555555"

PAPER, SCREEN = "#ffffff", "#171614"
"""What charts lie on: paper and a light screen, a dark screen."""

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


@functools.cache
def shade(colours: str, level: int) -> str:
    """One of the 256 colours of a matplotlib colour map, as ``#rrggbb``."""
    return to_hex(matplotlib.colormaps[colours](int(level)))


def short(value: float) -> float:
    """The number with four significant digits: what a tooltip shows of it."""
    return float(f"{value:.4g}")


_LINES, _WORDS, _QUIET_WORDS = 3.0, 4.5, 7.0
"""The least contrast of each to what they lie on; grey words, of axes and legends, would look weak at AA alone."""


def contrast(colour: str, background: str) -> float:
    """The contrast of two colours ``#rrggbb``, from 1 to 21 (WCAG 2.2, 1.4.3)."""
    light, dark = sorted((_luminance(colour), _luminance(background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@functools.lru_cache(maxsize=4096)
def seen_on(background: str, colour: str, least: float) -> str:
    """A colour, as little lighter (on a dark background) or darker as gives it a :func:`contrast` of ``least`` at least."""
    away = 1.0 if _luminance(background) < 0.18 else 0.0
    for step in range(21):
        red, green, blue = (part + (away - part) * step / 20 for part in to_rgb(colour))
        mixed = to_hex((red, green, blue))
        if contrast(mixed, background) >= least:
            break
    return mixed


def readable(spec: ChartSpec, background: str) -> ChartSpec:
    """A chart whose lines, points and bars have a contrast of 3 to the background, and whose words 4.5.

    That is AA of WCAG 2.2 (1.4.11 and 1.4.3). The colours of a heat map's values are left as they are: its scale tells them.
    """
    words = {"color": seen_on(background, GREY, _QUIET_WORDS)}
    named = {"axisLabel": words, "nameTextStyle": words}
    parts = {"xAxis": named, "yAxis": named, "legend": {"textStyle": words}, "visualMap": {"textStyle": words}}
    found: ChartSpec = _recoloured(spec, background, _LINES)
    return found | {
        name: [_filled(one, lacking) for one in found[name]]
        if isinstance(found[name], list)
        else _filled(found[name], lacking)
        for name, lacking in parts.items()
        if name in found
    }


def _recoloured(part: Any, background: str, least: float) -> Any:
    if isinstance(part, list) and part and isinstance(part[0], dict):
        return [_recoloured(one, background, least) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: seen_on(background, inner, least)
        if name in ("color", "borderColor") and isinstance(inner, str) and inner.startswith("#")
        else _recoloured(inner, background, _WORDS if name.lower().endswith(("label", "textstyle")) else least)
        for name, inner in part.items()
    }


def _filled(part: ChartSpec, lacking: Mapping[str, ChartSpec]) -> ChartSpec:
    """A part of a chart with what it does not say itself."""
    return part | {name: more | part.get(name, {}) for name, more in lacking.items()}


def with_save_button(spec: ChartSpec, file_name: str, background: str = PAPER) -> ChartSpec:
    """The chart with a button in its upper right corner that saves it as PNG, at three times its size on screen.

    Args:
        spec: leaves the corner free, or names another in its ``toolbox``.
        file_name: what to call the file, without its ending.
        background: what it lies on, there and in the file.
    """
    save = {"title": _("Save as PNG"), "name": file_name, "pixelRatio": 3, "backgroundColor": background}
    place = {"right": 0, "top": 0} | spec.get("toolbox", {})
    return {**spec, "toolbox": {**place, "itemSize": 13, "feature": {"saveAsImage": save}}}
