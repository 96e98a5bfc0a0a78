"""How values are distributed: histograms of neurons and of channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...explain.blocks import Analysis
from ...modules.formulas import ATTENTION_FLOOR
from ...wording import _, later
from . import specification as spec
from .specification import ChartSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BAR_WIDTH = "92%"


def histogram(
    parts: dict[str, Tensor],
    label: str,
    low: float,
    high: float,
    log_counts: bool = True,
    bins: int = 48,
    marks: dict[str, float] | None = None,
    unit: str = later("neurons"),
) -> ChartSpec:
    """How many values lie where; of one set as counts, of several as shares of each.

    Args:
        parts: values of any shape by name, drawn over each other; those outside ``low`` to ``high`` fall into the end bins.
        label: name of the quantity, on the horizontal axis.
        log_counts: show counts on a log axis, which has no place for empty bins.
        marks: values to mark by a line, by what they are.
        unit: the name of what is counted, for :func:`simam_viz.wording._`.
    """
    marks = marks or {}
    compared = len(parts) > 1
    # Half of the least that can stand in a bin: so that it still has a height.
    least = 0.5 * min(100 / values.numel() for values in parts.values()) if compared else 0.5
    start = least if log_counts else 0
    series = []
    for (name, values), colour in zip(parts.items(), (spec.BAR_COLOUR, spec.OTHER_COLOUR), strict=False):
        whole = values.numel() / 100 if compared else 1
        data = [
            [centre, spec.short(count / whole) if count or not log_counts else None]
            for centre, count in _counted(values, low, high, bins)
        ]
        style = {"color": colour, "opacity": 0.6 if compared else 1}
        series.append(spec.bars(data, colour, name, barWidth=_BAR_WIDTH, barGap="-100%", itemStyle=style))
    told = {"show": bool(marks) and "" not in marks, "position": "insideEndTop"}
    series[0]["markLine"] = spec.mark_lines(marks, label=told)
    return spec.chart(
        series,
        spec.axis(label, 28, low, high, **spec.WITHOUT_GRID),
        spec.axis(_("% of the {unit}", unit=_(unit)) if compared else _(unit), 42, start, startValue=start,
             type="log" if log_counts else "value", axisLabel={"showMinLabel": not log_counts}),
        36 if compared else 28,
        spec.OVER_BARS,
        legend={"show": compared, "top": 0},
    )  # fmt: skip


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
    series = [
        spec.bars(_counted(logs[chosen], low, high, bins), colour, name, stack="channels", barWidth=_BAR_WIDTH)
        for name, chosen, colour in (
            (_("kept apart by SimAM"), ~flat, spec.BAR_COLOUR),
            (_("flattened by λ"), flat, "#b9b9c9"),
        )
    ]
    series[0]["markLine"] = spec.mark_lines(
        {f"{name} = {value:g}": round(math.log10(value), 4) for name, value in marks.items()}
    )
    across = spec.axis(_("log₁₀ σ² of a channel"), 28, round(low, 2), round(high, 2), **spec.WITHOUT_GRID)
    return spec.chart(series, across, spec.axis(_("channels"), 36), 56, spec.OVER_BARS)


def _counted(values: Tensor, low: float, high: float, bins: int) -> list[tuple[float, int]]:
    """How many values lie in each of equal bins, with its centre; those beyond the ends lie in the end bins."""
    counts = torch.histc(values.detach().float().clamp(low, high), bins, low, high).int().tolist()
    width = (high - low) / bins
    return [(round(low + (index + 0.5) * width, 4), count) for index, count in enumerate(counts)]


def weight_distributions(analysis: Analysis) -> Figure:
    """How many neurons of each block have which weight, as steps over one log axis."""
    from matplotlib.figure import Figure  # which takes long to import, and no screen draws

    figure = Figure(figsize=(9, 3.6))
    axes = figure.add_axes((0.09, 0.16, 0.89, 0.8))
    levels = np.linspace(0, 230, len(analysis.blocks)).round().astype(int)
    low, high = ATTENTION_FLOOR, 1.0
    if any(block.kind != "simam" for block in analysis.blocks):  # which has a floor
        low, high = 0.0, max(1.0, *(float(block.attention.max()) for block in analysis.blocks))
    for block, level in zip(analysis.blocks, levels, strict=True):
        counts, edges = np.histogram(block.attention.numpy(), bins=64, range=(low, high))
        axes.stairs(counts, edges, label=block.name, color=spec.shade("viridis", level))
    axes.set(xlabel=_("attention weight"), ylabel=_("neurons"), yscale="log", xlim=(low, high))
    axes.legend(fontsize=8, ncols=2)
    return figure
