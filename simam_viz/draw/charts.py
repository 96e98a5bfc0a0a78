"""Arrays → interactive chart specifications (ECharts options as plain dicts), and matplotlib figures where those end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import contourpy
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from ..explain.blocks import Analysis
from ..lesson.derivation import Derivation, Line
from ..modules.formulas import ATTENTION_FLOOR, IMPORTANCE_FLOOR, energy_landscape
from .render import Pixels, Scale, colour_table

ChartSpec = dict[str, Any]

BAR_COLOUR = "#5b4bd6"
TARGET_COLOUR = "#e61e28"
OTHERS_COLOUR = "#3b6fb6"
OTHER_COLOUR = "#e69f00"


def with_save_button(spec: ChartSpec, file_name: str) -> ChartSpec:
    """The chart with a button in its upper right corner that saves it as PNG, at three times its size on screen.

    Args:
        spec: leaves the corner free, or names another in its ``toolbox``.
        file_name: what to call the file, without its ending.
    """
    save = {"title": "Save as PNG", "name": file_name, "pixelRatio": 3, "backgroundColor": "#ffffff"}
    place = {"right": 0, "top": 0} | spec.get("toolbox", {})
    return {**spec, "toolbox": {**place, "itemSize": 13, "feature": {"saveAsImage": save}}}


def histogram(
    parts: dict[str, Tensor],
    label: str,
    low: float,
    high: float,
    log_counts: bool = True,
    bins: int = 48,
    marks: dict[str, float] | None = None,
    unit: str = "neurons",
) -> ChartSpec:
    """How many values lie where; of one set as counts, of several as shares of each.

    Args:
        parts: values of any shape by name, drawn over each other; those outside ``low`` to ``high`` fall into the end bins.
        label: name of the quantity, on the horizontal axis.
        log_counts: show counts on a log axis, which has no place for empty bins.
        marks: values to mark by a line, by what they are.
        unit: what is counted.
    """
    width = (high - low) / bins
    centres = [round(low + (index + 0.5) * width, 4) for index in range(bins)]
    compared = len(parts) > 1
    counts = {
        name: torch.histc(values.detach().float().clamp(low, high), bins, low, high) for name, values in parts.items()
    }
    if compared:
        counts = {name: 100 * count / count.sum() for name, count in counts.items()}
    # Half of the least that can stand in a bin: so that it still has a height.
    least = 0.5 * min(100 / values.numel() for values in parts.values()) if compared else 0.5
    start = least if log_counts else 0
    marking = [
        {"xAxis": value, "name": name, "lineStyle": {"color": colour}, "label": {"formatter": name, "color": colour}}
        for (name, value), colour in zip((marks or {}).items(), (TARGET_COLOUR, "#555555"), strict=False)
    ]
    series = [
        {
            "type": "bar",
            "name": name,
            "data": [
                [centre, float(f"{value:.4g}") if value or not log_counts else None]
                for centre, value in zip(centres, count.tolist(), strict=True)
            ],
            "barWidth": "92%",
            "barGap": "-100%",
            "itemStyle": {"color": colour, "opacity": 0.6 if compared else 1},
        }
        for (name, count), colour in zip(counts.items(), (BAR_COLOUR, OTHER_COLOUR), strict=False)
    ]
    series[0]["markLine"] = {
        "symbol": "none", "silent": True, "data": marking, "lineStyle": {"type": "solid", "width": 2},
        "label": {"show": bool(marks) and "" not in marks, "position": "insideEndTop"},
    }  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 36 if compared else 28, "bottom": 24},
        "legend": {"show": compared, "top": 0},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "xAxis": {
            "type": "value",
            "min": low,
            "max": high,
            "name": label,
            "nameLocation": "middle",
            "nameGap": 28,
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "log" if log_counts else "value",
            "name": f"% of the {unit}" if compared else unit,
            "nameLocation": "middle",
            "nameGap": 42,
            "min": start,
            "startValue": start,
            "axisLabel": {"showMinLabel": not log_counts},
        },
        "series": series,
    }


def variances(
    values: Tensor, flat: Tensor, marks: dict[str, float], low: float, high: float, bins: int = 48
) -> ChartSpec:
    """How many channels have which variance, on a log axis: those that λ flattens apart from the others.

    Args:
        values: σ² of every channel, (C,); below 10^``low`` counts as that.
        flat: which channels λ flattens, (C,) of bool.
        marks: values of λ to mark by a line, by what they are.
        low, high: ends of the axis, as powers of ten.
    """
    logs = values.double().clamp_min(10.0**low).log10()
    width = (high - low) / bins
    centres = [round(low + (index + 0.5) * width, 4) for index in range(bins)]
    series: list[ChartSpec] = [
        {
            "type": "bar",
            "stack": "channels",
            "name": name,
            "data": [
                [centre, count]
                for centre, count in zip(
                    centres, torch.histc(logs[keep].float(), bins, low, high).int().tolist(), strict=True
                )
            ],
            "barWidth": "92%",
            "itemStyle": {"color": colour},
        }
        for name, keep, colour in (("kept apart by SimAM", ~flat, BAR_COLOUR), ("flattened by λ", flat, "#b9b9c9"))
    ]
    series[0]["markLine"] = {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"type": "solid", "width": 2},
        "data": [
            {"xAxis": round(math.log10(value), 4), "name": name, "lineStyle": {"color": colour},
             "label": {"formatter": f"{name} = {value:g}", "color": colour}}
            for (name, value), colour in zip(marks.items(), (TARGET_COLOUR, "#555555"), strict=False)
        ],
    }  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 56, "bottom": 24},
        "legend": {"top": 0},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "xAxis": {"type": "value", "min": round(low, 2), "max": round(high, 2), "name": "log₁₀ σ² of a channel",
                  "nameLocation": "middle", "nameGap": 28, "splitLine": {"show": False}},
        "yAxis": {"type": "value", "name": "channels", "nameLocation": "middle", "nameGap": 36},
        "series": series,
    }  # fmt: skip


def cells(labels: list[str], columns: int) -> ChartSpec:
    """Invisible cells to lay over a picture of tiles, row by row, each with its label: point to read, click to choose."""
    rows = -(-len(labels) // columns)
    axis = {"type": "category", "show": False}
    return {
        "animation": False,
        "backgroundColor": "transparent",
        "grid": {"left": 0, "right": 0, "top": 0, "bottom": 0},
        "tooltip": {"formatter": "{b}"},
        "xAxis": {**axis, "data": [str(column) for column in range(columns)]},
        "yAxis": {**axis, "data": [str(row) for row in range(rows)], "inverse": True},
        "visualMap": {"show": False, "min": 0, "max": 1, "inRange": {"color": ["rgba(0,0,0,0)", "rgba(0,0,0,0)"]}},
        "series": [
            {
                "type": "heatmap",
                "data": [
                    {"name": label, "value": [index % columns, index // columns, 0]}
                    for index, label in enumerate(labels)
                ],
                "selectedMode": "single",
                "select": {"itemStyle": {"borderColor": TARGET_COLOUR, "borderWidth": 3}},
                "emphasis": {"itemStyle": {"borderColor": "#222222", "borderWidth": 2}},
                "progressive": 0,
            }
        ],
    }


def probabilities(names: list[str], values: list[float]) -> ChartSpec:
    """Classes and their probabilities as bars, the first at the top."""
    return {
        "animation": False,
        "grid": {"left": 8, "right": 48, "top": 20, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "min": 0, "max": 1, "show": False},
        "yAxis": {"type": "category", "inverse": True, "data": names, "axisTick": {"show": False}},
        "series": [
            {
                "type": "bar",
                "data": [{"value": round(value, 4), "label": {"formatter": f"{value:.1%}"}} for value in values],
                "label": {"show": True, "position": "right"},
                "barWidth": "60%",
                "itemStyle": {"color": BAR_COLOUR},
            }
        ],
    }


def ablation(blocks: list[str], changes: dict[str, list[float]]) -> ChartSpec:
    """What a change of one block at a time does to a probability: one bar a block for each kind of change.

    Args:
        blocks: names, in network order.
        changes: by kind, the probability with that block changed minus the one without, one a block.
    """
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 36, "bottom": 24},
        "legend": {"top": 0},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "xAxis": {"type": "category", "data": blocks, "axisLine": {"onZero": True}, "axisLabel": {"interval": 0, "rotate": 30}},
        "yAxis": {"type": "value", "name": "change in percentage points", "nameLocation": "middle", "nameGap": 44},
        "series": [
            {
                "type": "bar",
                "name": kind,
                "data": [round(100 * value, 3) for value in values],
                "itemStyle": {"color": colour},
            }
            for (kind, values), colour in zip(changes.items(), (BAR_COLOUR, OTHER_COLOUR), strict=False)
        ],
    }  # fmt: skip


def curves(lines: dict[str, list[float]], fractions: list[float], label: str, faint: tuple[str, ...] = ()) -> ChartSpec:
    """Probabilities against the share of the pixels, one line each.

    Args:
        lines: by name, one probability a fraction.
        fractions: from 0 to 1.
        label: of the horizontal axis.
        faint: names of lines that are there to compare with; drawn dashed and grey.
    """
    greys = itertools.cycle(("#777777", "#b0b0b0"))
    colours = itertools.cycle((BAR_COLOUR, OTHER_COLOUR, "#009e73", TARGET_COLOUR))
    shades = {name: next(greys) if name in faint else next(colours) for name in lines}
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 92, "bottom": 24},
        "legend": {"top": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "min": 0, "max": 100, "name": label, "nameLocation": "middle", "nameGap": 28},
        "yAxis": {"type": "value", "min": 0, "name": "probability of the class", "nameLocation": "middle", "nameGap": 40},
        "series": [
            {
                "type": "line",
                "name": name,
                "showSymbol": False,
                "data": [
                    [round(100 * fraction, 2), round(value, 5)]
                    for fraction, value in zip(fractions, values, strict=True)
                ],
                "lineStyle": {"width": 2, "color": shades[name], "type": "dashed" if name in faint else "solid"},
                "itemStyle": {"color": shades[name]},
            }
            for name, values in lines.items()
        ],
    }  # fmt: skip


def clickable_map(
    values: Tensor,
    scale: Scale,
    target: tuple[int, int],
    details: dict[str, Tensor] | None = None,
    written: bool = False,
) -> ChartSpec:
    """A channel (h, w) as a heat map whose cells can be clicked (series 0); ``target`` is framed in red.

    Data index = row · w + column. Pointing at a cell shows its value, or those of ``details``, maps (h, w) by name.
    ``written`` puts every cell's value on it, for a map small enough.
    """
    height, width = values.shape
    table = colour_table(scale.colours)
    shown = details or {scale.label: values}
    lines = [f"{name} {{@[{index}]}}" for index, name in enumerate(shown, start=3)]
    columns = torch.stack([values, *shown.values()]).flatten(1).T.tolist()
    cells = [
        {
            "name": f"row {index // width}, column {index % width}",
            "value": [index % width, index // width, *(float(f"{value:.4g}") for value in numbers)],
        }
        for index, numbers in enumerate(columns)
    ]
    axis = {"type": "category", "splitLine": {"show": False}, "axisTick": {"show": False}, "axisLine": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 44, "containLabel": True},
        "toolbox": {"top": "bottom"},
        "tooltip": {"formatter": "<br>".join(["{b}", *lines])},
        "xAxis": {**axis, "data": [str(column) for column in range(width)], "name": ""},
        "yAxis": {**axis, "data": [str(row) for row in range(height)], "inverse": True},
        "visualMap": {
            "min": round(scale.low, 4),
            "max": round(scale.high, 4),
            "precision": 2,
            "calculable": False,
            "orient": "horizontal",
            "left": "center",
            "bottom": 0,
            "itemHeight": 200,
            "itemWidth": 10,
            "text": [f"{scale.high:.3g}", f"{scale.low:.3g}"],
            "inRange": {"color": [_hex(table[level]) for level in range(0, 256, 17)]},
            "seriesIndex": 0,
            "dimension": 2,
        },
        "series": [
            {
                "type": "heatmap",
                "data": cells,
                "label": {"show": written, "formatter": "{@[2]}", "fontSize": 11},
                "selectedMode": "single",
                "select": {"itemStyle": {"borderColor": "#e61e28", "borderWidth": 1}},
                "emphasis": {"itemStyle": {"borderColor": "#222", "borderWidth": 1}},
                "progressive": 0,
            },
            {
                "type": "heatmap",
                "data": [[target[1], target[0], 0]],
                "silent": True,
                "itemStyle": {"color": "rgba(0,0,0,0)", "borderColor": "#e61e28", "borderWidth": 3},
            },
        ],
    }


def number_line(derivation: Derivation) -> ChartSpec:
    """The line of least energy over the number line: others at −1, the target at +1, and where the line sends them."""
    best, t = derivation.closed_form, derivation.t
    others = derivation.others.tolist()
    low, high = min([*others, t]), max([*others, t])
    margin = 0.15 * ((high - low) or 1.0)
    ends = [[x, best.w * x + best.b] for x in (low - margin, high + margin)]
    miss = [[t, 1.0], [t, best.w * t + best.b]]
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 56, "bottom": 24},
        "legend": {"top": 0},
        "tooltip": {"formatter": "{a}: {c}"},
        "xAxis": {
            "type": "value",
            "min": round(low - margin, 3),
            "max": round(high + margin, 3),
            "name": "value of the neuron, x",
            "nameLocation": "middle",
            "nameGap": 28,
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "min": -2,
            "max": 2,
            "interval": 1,
            "name": "w·x + b",
            "nameLocation": "middle",
            "nameGap": 32,
        },
        "series": [
            {"type": "scatter", "name": "others, to be sent to −1", "data": [[x, -1] for x in others], "symbolSize": 9,
             "itemStyle": {"color": OTHERS_COLOUR, "opacity": 0.35}},
            {"type": "scatter", "name": "target, to be sent to +1", "data": [[t, 1]], "symbolSize": 15,
             "itemStyle": {"color": TARGET_COLOUR}},
            {"type": "line", "name": "best line", "data": ends, "showSymbol": False,
             "lineStyle": {"color": BAR_COLOUR, "width": 2}, "itemStyle": {"color": BAR_COLOUR}},
            {"type": "line", "name": "the target's miss", "data": miss, "showSymbol": False, "itemStyle": {"color": TARGET_COLOUR},
             "lineStyle": {"type": "dotted", "color": TARGET_COLOUR}},
        ],
    }  # fmt: skip


def importance_curves(
    ratios: tuple[float, ...], z: float, ratio: float, reach: float = 5.0, points: int = 41
) -> ChartSpec:
    """Importance ½ + z²/4 · σ²/(σ² + λ) against z = d/σ, one curve a ratio λ/σ²; the neuron in hand as a point.

    Args:
        ratios: λ/σ² of the curves.
        z, ratio: of the neuron in hand; a ``z`` beyond ``reach`` widens the axis.
    """
    reach = max(reach, abs(z) * 1.1)
    places = [round(-reach + 2 * reach * index / (points - 1), 3) for index in range(points)]

    def importance(place: float, share: float) -> float:
        return round(0.5 + place**2 / 4 / (1 + share), 4)

    table = colour_table("viridis")
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 56, "bottom": 24},
        "legend": {"top": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "min": -round(reach, 2), "max": round(reach, 2), "name": "z = (t − μ)/σ",
                  "nameLocation": "middle", "nameGap": 28},
        "yAxis": {"type": "value", "min": 0, "name": "importance 1/e*", "nameLocation": "middle", "nameGap": 36},
        "series": [
            *[
                {"type": "line", "name": f"λ/σ² = {share:g}", "showSymbol": False,
                 "data": [[place, importance(place, share)] for place in places],
                 "lineStyle": {"width": 2, "color": _hex(table[level])},
                 "itemStyle": {"color": _hex(table[level])}}
                for share, level in zip(ratios, range(20, 230, 210 // max(len(ratios), 1)), strict=False)
            ],
            {"type": "line", "name": "floor ½", "showSymbol": False, "data": [[-reach, IMPORTANCE_FLOOR], [reach, IMPORTANCE_FLOOR]],
             "lineStyle": {"width": 1.5, "type": "dashed", "color": "#777777"}, "itemStyle": {"color": "#777777"}},
            {"type": "scatter", "name": "this neuron", "data": [[round(z, 3), importance(z, ratio)]], "symbolSize": 14,
             "itemStyle": {"color": TARGET_COLOUR}},
        ],
    }  # fmt: skip


@dataclass(frozen=True)
class _Landscape:
    """Eq. 2 over a window of (w, b) that shows the minimum in closed form, and the levels to draw it at."""

    w: Tensor
    b: Tensor
    energy: NDArray[np.float64]
    levels: NDArray[np.float64]


def _landscape(derivation: Derivation, points: int) -> _Landscape:
    best, printed = derivation.closed_form, derivation.as_printed
    reach_w = max(1.8 * abs(best.w), 0.2)
    centre_b = (best.b + printed.b) / 2
    reach_b = max(1.6 * abs(best.b - centre_b), 1.2)
    w, b = torch.meshgrid(
        torch.linspace(-reach_w, reach_w, points, dtype=torch.float64),
        torch.linspace(centre_b - reach_b, centre_b + reach_b, points, dtype=torch.float64),
        indexing="xy",
    )
    target = torch.tensor(derivation.t, dtype=torch.float64)
    energy = energy_landscape(w, b, target, derivation.others, derivation.e_lambda).numpy()
    # Equal steps of the root above the floor: the bottom of the bowl shows as well as its rim.
    levels = best.energy + np.linspace(0, float(energy.max() - best.energy) ** 0.5, 17) ** 2
    return _Landscape(w, b, energy, levels)


def _marked(derivation: Derivation) -> list[tuple[str, Line, str]]:
    """The points on the surface: name, line, colour. The first two coincide, the third does not."""
    return [
        ("closed form", derivation.closed_form, TARGET_COLOUR),
        ("numerical search", derivation.numerical, "#000000"),
        ("sign as printed", derivation.as_printed, "#f08c00"),
    ]


def energy_contours(derivation: Derivation) -> ChartSpec:
    """Eq. 2 over (w, b) for one neuron as lines of equal energy, with :func:`energy_surface`'s three points on it."""
    land = _landscape(derivation, 31)
    generator = contourpy.contour_generator(land.w, land.b, land.energy)
    table = colour_table("cividis")

    def axis(values: Tensor, name: str, gap: int) -> ChartSpec:
        low, high = float(values.min()), float(values.max())
        return {"type": "value", "min": round(low, 4), "max": round(high, 4), "name": name, "nameLocation": "middle",
                "nameGap": gap, "splitNumber": 4, "axisLabel": {"showMinLabel": False, "showMaxLabel": False},
                "splitLine": {"show": False}}  # fmt: skip

    lines = [
        {"type": "line", "name": f"energy {level:.4g}", "data": line.round(3).tolist(), "showSymbol": False,
         "symbolSize": 1, "lineStyle": {"width": 1.5, "color": _hex(table[shade])},
         "itemStyle": {"color": _hex(table[shade])}}
        for level, shade in zip(land.levels[1:], np.linspace(0, 255, 16).astype(int), strict=True)
        for line in generator.lines(level)
    ]  # fmt: skip
    shapes = {
        "closed form": {"symbol": "circle", "symbolSize": 18, "itemStyle": {"color": "transparent", "borderWidth": 3}},
        "numerical search": {"symbol": "diamond", "symbolSize": 9},
        "sign as printed": {"symbol": "triangle", "symbolSize": 15},
    }
    points = []
    for name, line, colour in _marked(derivation):
        shape = shapes[name]
        style = {"color": colour, "borderColor": colour} | shape.get("itemStyle", {})
        points.append(
            {"type": "scatter", "name": f"{name}: {line.energy:.4g}", "data": [[line.w, line.b]]}
            | shape
            | {"itemStyle": style}
        )
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 60, "bottom": 24},
        "legend": {"top": 0, "itemWidth": 16, "data": [point["name"] for point in points]},
        "tooltip": {"formatter": "{a}"},
        "xAxis": axis(land.w, "slope w", 28),
        "yAxis": axis(land.b, "offset b", 40),
        "series": [*lines, *points],
    }


def energy_surface(derivation: Derivation) -> Figure:
    """Eq. 2 over (w, b) for one neuron in three dimensions, with three points on it.

    The points: the minimum in closed form, the one found numerically (they coincide), and the one with the sign that
    the paper prints (it does not).
    """
    land = _landscape(derivation, 25)
    top = float(land.energy.max())
    project = _view_from_above(land, elevation=32.0, azimuth=-58.0)
    places, depths = project(land.w.numpy(), land.b.numpy(), land.energy)

    def patches(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The four corners of every patch of the grid, (patches, 4, …)."""
        corners = (values[:-1, :-1], values[1:, :-1], values[1:, 1:], values[:-1, 1:])
        return np.stack(corners, axis=2).reshape(-1, 4, *values.shape[2:])

    # Far patches first, so that near ones cover them.
    order = patches(depths).mean(axis=1).argsort()[::-1]
    height = (patches(land.energy).mean(axis=1) - land.levels[0]) / (top - land.levels[0])
    colours = colour_table("cividis")[(height**0.5 * 255).astype(int)] / 255
    # mplot3d's own axes would cost ten times as much as the surface does, on every move.
    figure = Figure(figsize=(6.4, 4.8))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.add_collection(
        PolyCollection(patches(places)[order], facecolors=colours[order], edgecolors="#ffffff60", lw=0.4, alpha=0.85)
    )
    low_w, high_w = float(land.w.min()), float(land.w.max())
    low_b, high_b = float(land.b.min()), float(land.b.max())
    floor = np.array(
        [[low_w, low_b, 0], [high_w, low_b, 0], [high_w, high_b, 0], [low_w, high_b, 0], [low_w, low_b, 0]]
    )
    post = np.array([[low_w, low_b, 0], [low_w, low_b, top]])
    for path in (floor, post):
        line, _ = project(*path.T)
        axes.plot(*line.T, color="#888888", lw=0.8, zorder=0)
    labels = {
        "slope w": (0.0, low_b, -0.12 * top),
        "offset b": (high_w * 1.12, (low_b + high_b) / 2, -0.1 * top),
        f"energy, 0 to {top:.3g}": (low_w, low_b, top * 1.06),
    }
    for text, place in labels.items():
        (position,), _ = project(*(np.array([value]) for value in place))
        axes.text(*position, text, ha="center", fontsize=10)
    markers = {"closed form": ("o", 12), "numerical search": ("x", 9), "sign as printed": ("^", 11)}
    for name, line, colour in _marked(derivation):
        marker, size = markers[name]
        (position,), _ = project(*(np.array([value]) for value in (line.w, line.b, line.energy)))
        axes.plot(*position, marker=marker, color=colour, markersize=size, markerfacecolor="none", markeredgewidth=2)
    axes.set(xlim=(-0.98, 0.98), ylim=(-0.86, 0.66))
    return figure


def _view_from_above(
    land: _Landscape, elevation: float, azimuth: float
) -> Callable[[NDArray, NDArray, NDArray], tuple[NDArray, NDArray]]:
    """A parallel projection of the landscape's box: (w, b, energy) → places (…, 2) on the picture, and depths (…)."""
    rise, turn = np.deg2rad(elevation), np.deg2rad(azimuth)
    right = np.array([-np.sin(turn), np.cos(turn), 0.0])
    away = -np.array([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)])
    up = np.array([-np.sin(rise) * np.cos(turn), -np.sin(rise) * np.sin(turn), np.cos(rise)])
    low = np.array([float(land.w.min()), float(land.b.min()), 0.0])
    high = np.array([float(land.w.max()), float(land.b.max()), float(land.energy.max())])

    def project(w: NDArray, b: NDArray, energy: NDArray) -> tuple[NDArray, NDArray]:
        box = (np.stack([w, b, energy], axis=-1) - low) / (high - low) - 0.5
        return np.stack([box @ right, box @ up], axis=-1), box @ away

    return project


def _hex(colour: NDArray[np.uint8]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def figure_pixels(figure: Figure, width: int) -> Pixels:
    """A matplotlib figure as a picture of ``width`` pixels."""
    figure.set_dpi(width / figure.get_figwidth())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def weight_distributions(analysis: Analysis) -> Figure:
    """How many neurons of each block have which weight, as steps over one log axis."""
    figure = Figure(figsize=(9, 3.6))
    axes = figure.add_axes((0.09, 0.16, 0.89, 0.8))
    colours = colour_table("viridis")[np.linspace(0, 230, len(analysis.blocks)).round().astype(int)]
    for block, colour in zip(analysis.blocks, colours, strict=True):
        counts, edges = np.histogram(block.attention.numpy(), bins=64, range=(ATTENTION_FLOOR, 1))
        axes.stairs(counts, edges, label=block.name, color=_hex(colour))
    axes.set(xlabel="attention weight", ylabel="neurons", yscale="log", xlim=(ATTENTION_FLOOR, 1))
    axes.legend(fontsize=8, ncols=2)
    return figure


def along_lambda(
    lines: dict[str, list[float]], lambdas: list[float], label: str, marks: dict[str, float], high: float | None = None
) -> ChartSpec:
    """Numbers against λ on a log axis, one line a name.

    Args:
        lines: for each name its values, one for each of ``lambdas``.
        label: of the vertical axis.
        marks: values of λ to mark by a vertical line, by what they are.
        high: end of the vertical axis; ``None`` leaves it to the values.
    """
    places = [round(math.log10(value), 4) for value in lambdas]
    table = colour_table("viridis")
    shades = np.linspace(0, 225, max(len(lines), 2)).astype(int)
    series: list[ChartSpec] = [
        {
            "type": "line",
            "name": name,
            "data": [[place, float(f"{value:.4g}")] for place, value in zip(places, values, strict=True)],
            "symbolSize": 5,
            "lineStyle": {"width": 2, "color": _hex(table[shade]), "type": dash},
            "itemStyle": {"color": _hex(table[shade])},
        }
        # Dashes too: neighbouring shades alone would be hard to tell apart.
        for (name, values), shade, dash in zip(
            lines.items(), shades, itertools.cycle(("solid", "dashed", "dotted")), strict=False
        )
    ]
    if series:
        series[0]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"type": "solid", "width": 2},
            "data": [
                {"xAxis": round(math.log10(value), 4), "lineStyle": {"color": colour},
                 "label": {"formatter": name, "color": colour}}
                for (name, value), colour in zip(marks.items(), (TARGET_COLOUR, "#555555"), strict=False)
            ],
        }  # fmt: skip
    vertical: ChartSpec = {"type": "value", "min": 0, "name": label, "nameLocation": "middle", "nameGap": 40}
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 84, "bottom": 24},
        "legend": {"top": 0, "right": 28, "type": "scroll"},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "min": -6, "max": 1, "interval": 1, "name": "log₁₀ λ", "nameLocation": "middle",
                  "nameGap": 28},
        "yAxis": vertical if high is None else {**vertical, "max": high},
        "series": series,
    }  # fmt: skip


def learning_curves(epochs: list[dict[str, float]]) -> ChartSpec:
    """Accuracy on the held-out images and training loss over a run's epochs, with a line where the image size changes.

    Args:
        epochs: the rows of a card's ``curves``: ``epoch``, ``px``, ``train_loss``, ``top1`` and ``top5`` (percent).
    """
    lines = (
        ("top-1 (%)", "top1", 0, BAR_COLOUR, "solid"),
        ("top-5 (%)", "top5", 0, OTHER_COLOUR, "dashed"),
        ("training loss", "train_loss", 1, "#555555", "dotted"),
    )
    series: list[ChartSpec] = [
        {
            "type": "line",
            "name": name,
            "yAxisIndex": axis,
            "data": [[epoch["epoch"], round(epoch[key], 3)] for epoch in epochs],
            "symbolSize": 5,
            "lineStyle": {"width": 2, "color": colour, "type": dash},
            "itemStyle": {"color": colour},
        }
        for name, key, axis, colour, dash in lines
    ]
    changes = [after for before, after in itertools.pairwise([{"px": None}, *epochs]) if before["px"] != after["px"]]
    series[0]["markLine"] = {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"type": "solid", "width": 1, "color": "#bbbbbb"},
        # In two rows, so that short stages do not write over each other.
        "data": [
            {
                "xAxis": epoch["epoch"] - 0.5,
                "label": {"formatter": f"{epoch['px']} px", "color": "#555555", "distance": 4 + 14 * (row % 2)},
            }
            for row, epoch in enumerate(changes)
        ],
    }
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 66, "bottom": 24},
        "legend": {"top": 0, "right": 28, "type": "scroll"},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "min": 0, "max": len(epochs), "minInterval": 1, "name": "epoch",
                  "nameLocation": "middle", "nameGap": 24},
        "yAxis": [
            {"type": "value", "min": 0, "max": 100},
            {"type": "value", "min": 0, "splitLine": {"show": False}},
        ],
        "series": series,
    }  # fmt: skip
