"""The words beside pictures and scales."""

from __future__ import annotations

from simam_viz.app.widgets import pictures


def test_ends_of_a_scale_are_told_apart() -> None:
    assert pictures.span(0.622459, 1.0) == ("0.622", "1")
    low, high = pictures.span(0.622459, 0.622481)
    assert low != high
    assert pictures.percent(0.0001) == "<0.1%" and pictures.percent(0.5) == "50.0%"
