"""Charts whose cells can be clicked: tiles of a picture, neurons of a channel."""

from __future__ import annotations

import torch
from torch import Tensor

from ...wording import _
from ..render import Scale
from . import specification as spec
from .specification import ChartSpec

_INVISIBLE = "rgba(0,0,0,0)"


def cells(labels: list[str], columns: int) -> ChartSpec:
    """Invisible cells to lay over a picture of tiles, row by row, each with its label: point to read, click to choose."""
    rows = -(-len(labels) // columns)
    data = [{"name": label, "value": [index % columns, index // columns, 0]} for index, label in enumerate(labels)]
    return {
        "animation": False,
        "backgroundColor": "transparent",
        "grid": {"left": 0, "right": 0, "top": 0, "bottom": 0},
        "tooltip": {"formatter": "{b}"},
        "xAxis": _numbered(columns, show=False),
        "yAxis": _numbered(rows, show=False, inverse=True),
        "visualMap": {"show": False, "min": 0, "max": 1, "inRange": {"color": [_INVISIBLE, _INVISIBLE]}},
        "series": [_choosable(data, chosen=3, pointed=2)],
    }


def clickable_map(
    values: Tensor,
    scale: Scale,
    target: tuple[int, int],
    details: dict[str, Tensor] | None = None,
    written: bool = False,
) -> ChartSpec:
    """A channel (h, w) as a heat map whose cells can be clicked (series 0); ``target`` is framed in red.

    Data index = row · w + column. Pointing at a cell shows its value, or those of ``details``, maps (h, w) by their names,
    which are for :func:`simam_viz.wording._`. ``written`` puts every cell's value on it, for a map small enough.
    """
    height, width = values.shape
    shown = details or {scale.label: values}
    told = "<br>".join(["{b}", *(f"{_(name)} {{@[{index}]}}" for index, name in enumerate(shown, start=3))])
    data = [
        {
            "name": _("row {row}, column {column}", row=index // width, column=index % width),
            "value": [index % width, index // width, *map(spec.short, numbers)],
        }
        for index, numbers in enumerate(torch.stack([values, *shown.values()]).flatten(1).T.tolist())
    ]
    bare = {part: {"show": False} for part in ("splitLine", "axisTick", "axisLine")}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 44, "containLabel": True},
        "toolbox": {"top": "bottom"},
        "tooltip": {"formatter": told},
        "xAxis": _numbered(width, **bare, name=""),
        "yAxis": _numbered(height, **bare, inverse=True),
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
            "inRange": {"color": [spec.shade(scale.colours, level) for level in range(0, 256, 17)]},
            "seriesIndex": 0,
            "dimension": 2,
        },
        "series": [
            _choosable(data, chosen=1, pointed=1) | {"label": {"show": written, "formatter": "{@[2]}", "fontSize": 11}},
            {
                "type": "heatmap",
                "data": [[target[1], target[0], 0]],
                "silent": True,
                "itemStyle": {"color": _INVISIBLE, "borderColor": spec.TARGET_COLOUR, "borderWidth": 3},
            },
        ],
    }


def _numbered(count: int, **more: object) -> ChartSpec:
    """An axis of ``count`` columns or rows."""
    return {"type": "category", "data": [str(index) for index in range(count)]} | more


def _choosable(data: list[ChartSpec], chosen: int, pointed: int) -> ChartSpec:
    """Cells of which one at a time can be chosen; how wide the frames of the chosen and of the pointed one are."""
    return {
        "type": "heatmap",
        "data": data,
        "selectedMode": "single",
        "select": {"itemStyle": {"borderColor": spec.TARGET_COLOUR, "borderWidth": chosen}},
        "emphasis": {"itemStyle": {"borderColor": "#222222", "borderWidth": pointed}},
        "progressive": 0,
    }
