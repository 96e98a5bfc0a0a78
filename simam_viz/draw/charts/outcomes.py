"""What a network answers, what changes its answer, and how well it learnt to."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ...wording import _
from . import specification as spec
from .specification import ChartSpec


def probabilities(names: list[str], values: list[float]) -> ChartSpec:
    """Classes and their probabilities as bars, the first at the top."""
    data = [{"value": round(value, 4), "label": {"formatter": f"{value:.1%}"}} for value in values]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 48, "top": 20, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "min": 0, "max": 1, "show": False},
        "yAxis": {"type": "category", "inverse": True, "data": names, "axisTick": {"show": False}},
        "series": [spec.bars(data, spec.BAR_COLOUR, label={"show": True, "position": "right"}, barWidth="60%")],
    }


def ablation(blocks: list[str], changes: dict[str, list[float]]) -> ChartSpec:
    """What a change of one block at a time does to a probability: one bar a block for each kind of change.

    Args:
        blocks: names, in network order.
        changes: by kind, the probability with that block changed minus the one without, one a block.
    """
    across = {
        "type": "category",
        "data": blocks,
        "axisLine": {"onZero": True},
        "axisLabel": {"interval": 0, "rotate": 30},
    }
    series = [
        spec.bars([round(100 * value, 3) for value in values], colour, kind)
        for (kind, values), colour in zip(changes.items(), (spec.BAR_COLOUR, spec.OTHER_COLOUR), strict=False)
    ]
    return spec.chart(series, across, spec.axis(_("change in percentage points"), 44), 36, spec.OVER_BARS)


def curves(lines: dict[str, list[float]], fractions: list[float], label: str, faint: tuple[str, ...] = ()) -> ChartSpec:
    """Probabilities against the share of the pixels, one line each.

    Args:
        lines: by name, one probability a fraction.
        fractions: from 0 to 1.
        label: of the horizontal axis.
        faint: names of lines that are there to compare with; drawn dashed and grey.
    """
    greys = itertools.cycle(("#777777", "#b0b0b0"))
    colours = itertools.cycle((spec.BAR_COLOUR, spec.OTHER_COLOUR, "#009e73", spec.TARGET_COLOUR))
    series = [
        spec.line(
            name,
            [[round(100 * fraction, 2), round(value, 5)] for fraction, value in zip(fractions, values, strict=True)],
            next(greys if name in faint else colours),
            "dashed" if name in faint else "solid",
        )
        for name, values in lines.items()
    ]
    return spec.chart(series, spec.axis(label, 28, 0, 100), spec.axis(_("probability of the class"), 40, 0), 92)


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
    places = [_log(value) for value in lambdas]
    levels = np.linspace(0, 225, max(len(lines), 2)).astype(int)
    # Dashes too: neighbouring shades alone would be hard to tell apart.
    dashes = itertools.cycle(("solid", "dashed", "dotted"))
    series = [
        spec.line(name, [[place, spec.short(value)] for place, value in zip(places, values, strict=True)],
             spec.shade("viridis", level), dash, dots=True)
        for (name, values), level, dash in zip(lines.items(), levels, dashes, strict=False)
    ]  # fmt: skip
    if series:
        series[0]["markLine"] = spec.mark_lines({name: _log(value) for name, value in marks.items()})
    across = spec.axis("log₁₀ λ", 28, -6, 1, interval=1)
    return spec.chart(series, across, spec.axis(label, 40, 0, high), 84, **spec.SCROLLED_LEGEND)


def _log(e_lambda: float) -> float:
    return round(math.log10(e_lambda), 4)


def learning_curves(epochs: list[dict[str, float]]) -> ChartSpec:
    """Accuracy on the held-out images and training loss over a run's epochs, with a line where the image size changes.

    Args:
        epochs: the rows of a card's ``curves``: ``epoch``, ``px``, ``train_loss``, ``top1`` and ``top5`` (percent).
    """
    series = [
        spec.line(name, [[epoch["epoch"], round(epoch[key], 3)] for epoch in epochs], colour, dash, dots=True,
             yAxisIndex=upright)
        for name, key, upright, colour, dash in (
            (_("top-1 (%)"), "top1", 0, spec.BAR_COLOUR, "solid"),
            (_("top-5 (%)"), "top5", 0, spec.OTHER_COLOUR, "dashed"),
            (_("training loss"), "train_loss", 1, spec.GREY, "dotted"),
        )
    ]  # fmt: skip
    sizes = [None, *(epoch["px"] for epoch in epochs)]
    changes = [epoch for before, epoch in zip(sizes, epochs, strict=False) if epoch["px"] != before]
    series[0]["markLine"] = spec.mark_lines(
        {},
        lineStyle={"type": "solid", "width": 1, "color": "#bbbbbb"},
        # In two rows, so that short stages do not write over each other.
        data=[
            {
                "xAxis": epoch["epoch"] - 0.5,
                "label": {
                    "formatter": _("{size} px", size=epoch["px"]),
                    "color": spec.GREY,
                    "distance": 4 + 14 * (row % 2),
                },
            }
            for row, epoch in enumerate(changes)
        ],
    )
    across = spec.axis(_("epoch"), 24, 0, len(epochs), minInterval=1)
    uprights = [{"type": "value", "min": 0, "max": 100}, {"type": "value", "min": 0} | spec.WITHOUT_GRID]
    grid = {"left": 8, "right": 8, "top": 66, "bottom": 24}
    return spec.chart(series, across, uprights, 66, grid=grid, **spec.SCROLLED_LEGEND)
