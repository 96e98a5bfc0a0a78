"""Arrays → interactive chart specifications (ECharts options as plain dicts), and matplotlib figures where those end."""

from .clickable import cells, clickable_map
from .distributions import histogram, variances, weight_distributions
from .lesson_charts import energy_contours, energy_surface, importance_curves, number_line
from .outcomes import ablation, along_lambda, curves, learning_curves, probabilities
from .specification import PAPER, SCREEN, ChartSpec, readable, with_save_button

__all__ = [
    "PAPER",
    "SCREEN",
    "ChartSpec",
    "ablation",
    "along_lambda",
    "cells",
    "clickable_map",
    "curves",
    "energy_contours",
    "energy_surface",
    "histogram",
    "importance_curves",
    "learning_curves",
    "number_line",
    "probabilities",
    "readable",
    "variances",
    "weight_distributions",
    "with_save_button",
]
