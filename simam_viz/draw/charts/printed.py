"""A chart of the screen on paper: the same specification, drawn by matplotlib, as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from .specification import ChartSpec

_MARKERS = {"circle": "o", "diamond": "D", "triangle": "^"}
_DASHES = {"solid": "-", "dashed": "--", "dotted": ":"}
# ECharts counts pixels of a screen (96 an inch), matplotlib points.
_POINTS = 0.75
_THIN = 0.6


def draw(axes: Axes, spec: ChartSpec, size: float, *, legend: bool = True) -> None:
    """Draw a chart as :mod:`simam_viz.draw.charts` describes it.

    Args:
        axes: empty; where it is drawn.
        spec: of bars, lines, points, or one map of cells.
        size: of the letters, in points.
        legend: whether to say what the series are, where there are several or the chart does so.
    """
    uprights = spec["yAxis"] if isinstance(spec["yAxis"], list) else [spec["yAxis"]]
    sides = [axes, *(axes.twinx() for _other in uprights[1:])]
    across: ChartSpec = spec["xAxis"]
    lying = uprights[0].get("type") == "category" and across.get("type") == "value"
    stacked: dict[str, NDArray[np.float64]] = {}
    for series in spec["series"]:
        side = sides[series.get("yAxisIndex", 0)]
        if series["type"] == "bar":
            _bars(side, series, lying, stacked)
        elif series["type"] == "line":
            _line(side, series)
        elif series["type"] == "scatter":
            _points(side, series)
        elif series["type"] == "heatmap" and "visualMap" in spec and not series.get("silent"):
            _cells(side, series, spec)
        for mark in series.get("markLine", {}).get("data", ()):
            _mark(side, mark, size)
    _axis(axes, "x", across, size)
    for side, upright in zip(sides, uprights, strict=True):
        _axis(side, "y", upright, size)
        side.tick_params(labelsize=size, width=_THIN, length=2, pad=1.5)
        side.spines[["top", "right"] if len(sides) == 1 else ["top"]].set_visible(False)
        for spine in side.spines.values():
            spine.set_linewidth(_THIN)
    _legend(axes, sides, spec, size, legend)


def _bars(axes: Axes, series: ChartSpec, lying: bool, stacked: dict[str, NDArray[np.float64]]) -> None:
    style = series.get("itemStyle", {})
    values = [entry["value"] if isinstance(entry, dict) else entry for entry in series["data"]]
    label = series.get("name", "_")
    if lying:
        axes.barh(range(len(values)), values, 0.6, color=style.get("color"))
        for row, entry in enumerate(series["data"]):
            told = entry.get("label", {}).get("formatter", "") if isinstance(entry, dict) else ""
            axes.annotate(told, (values[row], row), (2, 0), textcoords="offset points", va="center")
        return
    if values and not isinstance(values[0], (list, tuple)):
        # One bar a category; those of several kinds side by side.
        before = sum(bool(container.get_label() != "_") for container in axes.containers)
        places = np.arange(len(values)) + before * 0.4 - 0.2
        axes.bar(places, values, 0.38, color=style.get("color"), label=label)
        return
    places = np.array([place for place, _height in values], dtype=float)
    heights = np.array([np.nan if height is None else height for _place, height in values], dtype=float)
    width = float(np.diff(places).min()) if len(places) > 1 else 0.8
    group = series.get("stack")
    bottom = stacked.get(group, np.zeros_like(heights)) if group else None
    axes.bar(
        places,
        heights,
        width,
        bottom,
        color=style.get("color"),
        alpha=style.get("opacity", 1),
        label=label,
        # Without a line of its own colour, hair-thin gaps would come and go between bars.
        edgecolor=style.get("color"),
        linewidth=0.2,
    )
    if group:
        stacked[group] = (np.zeros_like(heights) if bottom is None else bottom) + np.nan_to_num(heights)


def _line(axes: Axes, series: ChartSpec) -> None:
    style = series.get("lineStyle", {})
    places = np.array(series["data"], dtype=float).reshape(-1, 2)
    axes.plot(
        places[:, 0], places[:, 1], _DASHES[style.get("type", "solid")], color=style.get("color"),
        linewidth=style.get("width", 2) * _POINTS * 0.7, label=series.get("name", "_"),
        marker="o" if series.get("showSymbol", True) else None, markersize=series.get("symbolSize", 4) * _POINTS * 0.6,
    )  # fmt: skip


def _points(axes: Axes, series: ChartSpec) -> None:
    style = series.get("itemStyle", {})
    places = np.array(series["data"], dtype=float).reshape(-1, 2)
    hollow = style.get("color") == "transparent"
    axes.plot(
        places[:, 0], places[:, 1], _MARKERS.get(series.get("symbol", "circle"), "o"),
        markersize=series["symbolSize"] * _POINTS * 0.7, alpha=style.get("opacity", 1), label=series.get("name", "_"),
        color=style.get("borderColor") if hollow else style.get("color"), fillstyle="none" if hollow else "full",
    )  # fmt: skip


def _cells(axes: Axes, series: ChartSpec, spec: ChartSpec) -> None:
    rows, columns = len(spec["yAxis"]["data"]), len(spec["xAxis"]["data"])
    values = np.full((rows, columns), np.nan)
    for entry in series["data"]:
        column, row, value, *_others = entry["value"]
        values[row, column] = value
    legend = spec["visualMap"]
    colours = LinearSegmentedColormap.from_list("cells", legend["inRange"]["color"])
    shown = axes.imshow(values, colours, vmin=legend["min"], vmax=legend["max"], interpolation="none", aspect="auto")
    figure: Any = axes.figure
    figure.colorbar(shown, ax=axes)


def _mark(axes: Axes, mark: ChartSpec, size: float) -> None:
    if "xAxis" not in mark:
        return
    colour = mark.get("lineStyle", {}).get("color", "#bbbbbb")
    axes.axvline(mark["xAxis"], color=colour, linewidth=0.8)
    told = mark.get("label", {})
    if text := told.get("formatter", ""):
        axes.annotate(
            text, (mark["xAxis"], 1), (1, -1), xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
            fontsize=size * 0.9, color=told.get("color", colour),
        )  # fmt: skip


def _axis(axes: Axes, which: str, axis: ChartSpec, size: float) -> None:
    """Ends, scale, names of categories, and what is written beside."""
    if axis.get("type") == "category":
        names = axis["data"]
        if len(names) > 32:
            names = [name if index % (len(names) // 8) == 0 else "" for index, name in enumerate(names)]
        turned = axis.get("axisLabel", {}).get("rotate", 0)
        axes.set(**{f"{which}ticks": range(len(names))})
        axes.set(**{f"{which}ticklabels": names})
        if turned:
            axes.tick_params(axis="x", labelrotation=turned)
        if axis.get("inverse") and not getattr(axes, f"{which}axis_inverted")():
            getattr(axes, f"invert_{which}axis")()
    else:
        if axis.get("type") == "log":
            axes.set(**{f"{which}scale": "log"})
        low, high = axis.get("min"), axis.get("max")
        axes.set(**{f"{which}lim": (low, high)})
    if name := axis.get("name"):
        getattr(axes, f"set_{which}label")(name, fontsize=size, labelpad=1.5)
    if axis.get("show") is False:
        getattr(axes, f"{which}axis").set_visible(False)


def _legend(axes: Axes, sides: list[Axes], spec: ChartSpec, size: float, wanted: bool) -> None:
    handles, names = [], []
    for side in sides:
        found = side.get_legend_handles_labels()
        handles += found[0]
        names += found[1]
    chosen = spec.get("legend", {}).get("data")
    pairs = [(h, n) for h, n in zip(handles, names, strict=True) if chosen is None or n in chosen]
    if wanted and pairs and spec.get("legend", {}).get("show", True):
        axes.legend(
            *zip(*pairs, strict=True), fontsize=size * 0.9, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(pairs), 3),
            frameon=False, borderaxespad=0, handlelength=1.5,
        )  # fmt: skip
