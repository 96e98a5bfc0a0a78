"""Measures of a network's answers: accuracy of each class, confusions, calibration, and a fair comparison of two."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor


def class_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Top-1 accuracy of every class in percent, (K,); NaN for a class without an image.

    Args:
        logits: (N, K).
        labels: true classes, (N,).
    """
    hits = (logits.argmax(dim=1) == labels).double()
    classes = logits.shape[1]
    return 100 * torch.bincount(labels, hits, classes) / torch.bincount(labels, minlength=classes)


def confused_pairs(logits: Tensor, labels: Tensor, k: int = 20) -> list[tuple[int, int, int]]:
    """The ``k`` most frequent mistakes as (true class, predicted class, images), the most frequent first."""
    classes = logits.shape[1]
    counts = torch.bincount(labels * classes + logits.argmax(dim=1), minlength=classes**2).view(classes, classes)
    counts.fill_diagonal_(0)
    values, places = counts.flatten().sort(descending=True, stable=True)
    return [
        (place // classes, place % classes, count)
        for place, count in zip(places[:k].tolist(), values[:k].tolist(), strict=True)
        if count
    ]


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = 15, temperature: float = 1.0) -> float:
    """Mean distance between confidence and accuracy, in percent, over equal-width bins of confidence.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 3.
    """
    confidence, predicted = (logits / temperature).softmax(dim=1).max(dim=1)
    hits = (predicted == labels).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.bincount(place, hits - confidence.double(), bins).abs()
    return 100 * gaps.sum().item() / len(labels)


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The number that logits (N, K) are divided by so that softmax gives the true classes (N,) the greatest likelihood.

    It changes no answer, only how certain it is called. Found by Newton's method in 1/T, in which the likelihood is concave.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 9.
    """
    wide = logits.double()
    own = wide.gather(1, labels[:, None])[:, 0]
    scale = 1.0
    for _step in range(100):
        probabilities = (wide * scale).softmax(dim=1)
        mean = (probabilities * wide).sum(dim=1)
        slope = (own - mean).mean().item()
        curvature = ((probabilities * wide.square()).sum(dim=1) - mean.square()).mean().item()
        # Never more than halved or doubled at once: far from the optimum the curvature says little.
        step = min(max(slope / max(curvature, 1e-12), -scale / 2), scale)
        scale += step
        if abs(step) < 1e-9 * scale:
            break
    return min(max(1 / scale, 0.01), 100.0)


@dataclass(frozen=True)
class PairedDifference:
    """How much more often one network is right than another on the same images, in percentage points."""

    difference: float
    low: float
    high: float
    only_first: int
    """Images that the first gets right and the second wrong."""
    only_second: int


def right_answers(logits: Tensor, labels: Tensor) -> Tensor:
    """Which images get their true class as the most probable one, (N,) of bool."""
    return logits.argmax(dim=1) == labels


def paired_difference(first: Tensor, second: Tensor, comparisons: int = 1) -> PairedDifference:
    """Top-1 of one network minus top-1 of another in percentage points, with its 95 % interval.

    Args:
        first, second: their :func:`right_answers` on the same images in the same order, (N,) of bool, at least two.
        comparisons: how many pairs are compared in all: every interval is then so wide that all of them together hold with
            95 % (Bonferroni's correction).

    The interval is the normal one of a mean of paired differences, each −1, 0 or 1. It speaks for these two networks on
    more images of the kind, not for other seeds.
    """
    each = first.double() - second.double()
    mean = each.mean().item()
    half_width = NormalDist().inv_cdf(1 - 0.05 / 2 / comparisons) * each.std().item() / len(each) ** 0.5
    return PairedDifference(
        100 * mean,
        100 * (mean - half_width),
        100 * (mean + half_width),
        int((each > 0).sum()),
        int((each < 0).sum()),
    )
