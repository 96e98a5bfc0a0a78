"""The words beside pictures and scales."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from simam_viz.app.widgets import pictures
from simam_viz.draw import render


def test_ends_of_a_scale_are_told_apart() -> None:
    assert pictures.span(0.622459, 1.0) == ("0.622", "1")
    low, high = pictures.span(0.622459, 0.622481)
    assert low != high
    assert pictures.percent(0.0001) == "<0.1%" and pictures.percent(0.5) == "50.0%"


@pytest.mark.parametrize(
    ("channels", "rows", "columns", "width", "tile"),
    [
        (512, 10, 10, 1460, 20),
        (64, 56, 40, 1460, 56),
        (12, 14, 14, 1004, 28),
        (512, 100, 100, 1460, 41),
        (12, 10, 10, 2004, 60),
    ],
)
def test_tiles_are_sent_with_whole_pixels_and_the_gaps_of_the_full_picture(
    channels: int, rows: int, columns: int, width: int, tile: int
) -> None:
    across = render.mosaic_columns(channels)
    maps = torch.rand(channels, rows, columns, generator=torch.Generator().manual_seed(1))
    small, gap = pictures.sent_tiles(maps, width, across)
    assert small == across * (tile + gap) + gap <= width
    full = (width - render.GAP) // across
    assert gap / (tile + gap) == pytest.approx(render.GAP / full, abs=0.02)
    if rows == columns and tile > rows:
        scale = render.Scale(0, 1, "viridis", "x")
        sent = np.asarray(render.mosaic(maps, scale, small, gap=gap, columns=across).convert("RGB"))
        first = sent[gap : gap + tile, gap : gap + tile]
        assert (first == np.asarray(render.heat_map(maps[0], scale, tile).convert("RGB"))).all()
