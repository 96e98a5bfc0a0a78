"""Faithfulness measures and findings of chosen scores, without a network."""

from __future__ import annotations

import torch

from simam_viz.explain import metrics, survey


def measured(score: float, probability: float, drop: float = 0.0) -> metrics.Faithfulness:
    """Measures with this score (insertion − deletion), probability of the whole photo and drop."""
    ends, level = torch.tensor([0.0, 1.0]), torch.full((2,), score)
    return metrics.Faithfulness(ends, torch.zeros(2), level, probability, probability * (1 - drop))


def through(
    network: str, scores: list[float], probabilities: list[float], map_: torch.Tensor, drop: float = 0.0
) -> list[survey.Finding]:
    """Findings for Grad-CAM of these scores, and for controls that score nothing, for photos 0, 1, 2, …"""
    return [
        survey.Finding(str(photo), network, kind, map_, "", measured(score * (kind == "Grad-CAM"), probability, drop))
        for photo, (score, probability) in enumerate(zip(scores, probabilities, strict=True))
        for kind in ("Grad-CAM", *metrics.CONTROLS)
    ]
