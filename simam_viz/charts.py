"""Arrays → interactive chart specifications (ECharts options as plain dicts), and matplotlib figures where those end."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from .formulas import energy_landscape
from .lesson import Derivation
from .render import Pixels, Scale, colour_table

ChartSpec = dict[str, Any]

BAR_COLOUR = "#5b4bd6"
TARGET_COLOUR = "#e61e28"
OTHERS_COLOUR = "#3b6fb6"


def histogram(
    values: Tensor,
    label: str,
    low: float,
    high: float,
    log_counts: bool = True,
    bins: int = 48,
    mark: float | None = None,
) -> ChartSpec:
    """How many neurons have which value.

    Args:
        values: of any shape; values outside ``low`` to ``high`` fall into the end bins.
        label: name of the quantity, on the horizontal axis.
        log_counts: show counts on a log axis, which has no place for empty bins.
        mark: a value to mark by a red line.
    """
    counts = torch.histc(values.detach().float().clamp(low, high), bins, low, high).int().tolist()
    width = (high - low) / bins
    centres = [round(low + (index + 0.5) * width, 4) for index in range(bins)]
    return {
        "animation": False,
        "grid": {"left": 24, "right": 16, "top": 12, "bottom": 24},
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
            "name": "neurons",
            "nameLocation": "middle",
            "nameGap": 42,
            # Half a neuron: so that a bin of one still has a height.
            "min": 0.5 if log_counts else 0,
            "startValue": 0.5 if log_counts else 0,
            "axisLabel": {"showMinLabel": not log_counts},
        },
        "series": [
            {
                "type": "bar",
                "name": "neurons",
                "data": [
                    [centre, count if count or not log_counts else None]
                    for centre, count in zip(centres, counts, strict=True)
                ],
                "barWidth": "92%",
                "itemStyle": {"color": BAR_COLOUR},
                "markLine": {
                    "symbol": "none",
                    "silent": True,
                    "label": {"show": False},
                    "lineStyle": {"type": "solid", "width": 2, "color": TARGET_COLOUR},
                    "data": [] if mark is None else [{"xAxis": mark}],
                },
            }
        ],
    }


def probabilities(names: list[str], values: list[float]) -> ChartSpec:
    """Classes and their probabilities as bars, the first at the top."""
    return {
        "animation": False,
        "grid": {"left": 8, "right": 48, "top": 4, "bottom": 4, "containLabel": True},
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


def clickable_map(values: Tensor, scale: Scale, target: tuple[int, int]) -> ChartSpec:
    """A channel (h, w) as a heat map whose cells can be clicked (series 0); ``target`` is framed in red.

    Data index = row · w + column.
    """
    height, width = values.shape
    table = colour_table(scale.colours)
    cells = [
        {"name": f"row {row}, column {column}", "value": [column, row, round(value, 4)]}
        for row, line in enumerate(values.tolist())
        for column, value in enumerate(line)
    ]
    axis = {"type": "category", "splitLine": {"show": False}, "axisTick": {"show": False}, "axisLine": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 44, "containLabel": True},
        "tooltip": {"formatter": "{b}: {@[2]}"},
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
            "inRange": {"color": ["#{:02x}{:02x}{:02x}".format(*table[level]) for level in range(0, 256, 17)]},
            "seriesIndex": 0,
        },
        "series": [
            {
                "type": "heatmap",
                "data": cells,
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
        "grid": {"left": 24, "right": 16, "top": 36, "bottom": 24},
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
    ratios: tuple[float, ...], z: float, ratio: float, reach: float = 5.0, points: int = 81
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
        "grid": {"left": 24, "right": 16, "top": 36, "bottom": 24},
        "legend": {"top": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "min": -round(reach, 2), "max": round(reach, 2), "name": "z = (t − μ)/σ",
                  "nameLocation": "middle", "nameGap": 28},
        "yAxis": {"type": "value", "min": 0, "name": "importance 1/e*", "nameLocation": "middle", "nameGap": 36},
        "series": [
            *[
                {"type": "line", "name": f"λ/σ² = {share:g}", "showSymbol": False,
                 "data": [[place, importance(place, share)] for place in places],
                 "lineStyle": {"width": 2, "color": "#{:02x}{:02x}{:02x}".format(*table[level])},
                 "itemStyle": {"color": "#{:02x}{:02x}{:02x}".format(*table[level])}}
                for share, level in zip(ratios, range(20, 230, 210 // max(len(ratios), 1)), strict=False)
            ],
            {"type": "scatter", "name": "this neuron", "data": [[round(z, 3), importance(z, ratio)]], "symbolSize": 14,
             "itemStyle": {"color": TARGET_COLOUR}},
        ],
    }  # fmt: skip


def energy_surface(derivation: Derivation) -> Figure:
    """Eq. 2 over (w, b) for one neuron, as contours and in three dimensions, with three points on it.

    The points: the minimum in closed form, the one found numerically (they coincide), and the one with the sign that
    the paper prints (it does not).
    """
    points = {
        "closed form": (derivation.closed_form, "o", "#e61e28", 11),
        "numerical": (derivation.numerical, "x", "#000000", 8),
        "sign as printed": (derivation.as_printed, "^", "#f08c00", 10),
    }
    reach_w = max(1.8 * abs(derivation.closed_form.w), 0.2)
    centre_b = (derivation.closed_form.b + derivation.as_printed.b) / 2
    reach_b = max(1.6 * abs(derivation.closed_form.b - centre_b), 1.2)
    w, b = torch.meshgrid(
        torch.linspace(-reach_w, reach_w, 61, dtype=torch.float64),
        torch.linspace(centre_b - reach_b, centre_b + reach_b, 61, dtype=torch.float64),
        indexing="xy",
    )
    target = torch.tensor(derivation.t, dtype=torch.float64)
    energy = energy_landscape(w, b, target, derivation.others, derivation.e_lambda).numpy()
    # Contours at equal steps of the root above the floor: the bottom of the bowl shows as well as its rim.
    floor = derivation.closed_form.energy
    levels = floor + np.linspace(0, float(energy.max() - floor) ** 0.5, 17) ** 2
    # Places are set by hand: matplotlib's layout engines would double the time.
    figure = Figure(figsize=(11, 4.6), dpi=90)
    flat = figure.add_axes((0.06, 0.12, 0.38, 0.84))
    drawn = flat.contourf(w, b, np.maximum(energy, floor), levels=levels, cmap="cividis")
    flat.contour(w, b, energy, levels=levels, colors="white", linewidths=0.4)
    colours = figure.add_axes((0.455, 0.12, 0.012, 0.84))
    figure.colorbar(drawn, cax=colours, label="energy e(w, b)", format="%.2g", ticks=levels[::4])
    deep = figure.add_axes((0.55, 0.02, 0.41, 0.96), projection="3d")
    deep.plot_surface(w.numpy(), b.numpy(), energy, cmap="cividis", alpha=0.75, rstride=4, cstride=4, linewidth=0)
    for name, (line, marker, colour, size) in points.items():
        label = f"{name}: {line.energy:.4g}"
        style = {"marker": marker, "color": colour, "markersize": size, "linestyle": "none", "label": label}
        hollow = {"markerfacecolor": "none", "markeredgewidth": 2}
        flat.plot(line.w, line.b, **style, **hollow)
        deep.plot([line.w], [line.b], [line.energy], **style, **hollow, zorder=10)
    for axes in (flat, deep):
        axes.set_xlabel("slope w")
        axes.set_ylabel("offset b")
    # Every tick costs a millisecond, and the contours beside it have the same axes.
    flat.locator_params(nbins=5)
    deep.set(xticks=[], yticks=[], zticks=[0, float(energy.max().round(1))])
    deep.set_zlabel("energy")
    deep.view_init(elev=32, azim=-62)
    flat.legend(loc="upper right", fontsize=9, title="energy at", framealpha=0.9)
    return figure


def figure_pixels(figure: Figure) -> Pixels:
    """A matplotlib figure as a picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
