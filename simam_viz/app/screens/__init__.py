"""What stands on each page."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from ..scene import Screen

_SCREENS = {
    "app.py": "overview",
    "pages/energy_function.py": "energy_function",
    "pages/attention_maps.py": "attention_maps",
    "pages/energy_histograms.py": "energy_histograms",
    "pages/gradcam_comparison.py": "gradcam_comparison",
    "pages/lambda_sweep.py": "lambda_sweep",
    "pages/figure.py": "paper_figure",
    "pages/models.py": "models",
}
"""By the file that Streamlit knows a page by."""


def screen_of(page: str) -> Screen:
    """The screen of a page, which is imported when somebody opens it: the first page then need not wait for all others."""
    return cast(Screen, import_module(f".{_SCREENS[page]}", __name__).page)
