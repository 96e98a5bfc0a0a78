"""What stands on each page."""

from __future__ import annotations

from ..scene import Screen
from . import (
    attention_maps,
    energy_function,
    energy_histograms,
    gradcam_comparison,
    lambda_sweep,
    models,
    overview,
    paper_figure,
)

SCREENS: dict[str, Screen] = {
    "app.py": overview.page,
    "pages/energy_function.py": energy_function.page,
    "pages/attention_maps.py": attention_maps.page,
    "pages/energy_histograms.py": energy_histograms.page,
    "pages/gradcam_comparison.py": gradcam_comparison.page,
    "pages/lambda_sweep.py": lambda_sweep.page,
    "pages/figure.py": paper_figure.page,
    "pages/models.py": models.page,
}
"""By the file that Streamlit knows a page by."""
