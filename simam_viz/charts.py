"""Arrays → interactive chart specifications (ECharts options as plain dicts)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ChartSpec = dict[str, Any]

BAR_COLOUR = "#5b4bd6"


def histogram(
    values: Tensor, label: str, low: float, high: float, log_counts: bool = True, bins: int = 48
) -> ChartSpec:
    """How many neurons have which value.

    Args:
        values: of any shape; values outside ``low`` to ``high`` fall into the end bins.
        label: name of the quantity, on the horizontal axis.
        log_counts: show counts on a log axis, which has no place for empty bins.
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
