"""λ from one end to the other: what the network says, how its weights vary, and where Grad-CAM looks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..checkpoints.loaded import LoadedCheckpoint
from ..wording import _
from .analysis import analyze_lambdas
from .blocks import Analysis
from .inputs import Given


@dataclass(frozen=True, eq=False)
class Point:
    """The analysis of one photo at one λ, reduced to what a sweep shows."""

    e_lambda: float | None
    """``None`` where every block keeps its own."""
    probabilities: Tensor
    """Of every class, (K,); of answers that are no probabilities, their values."""
    contrasts: dict[str, float]
    """By block: standard deviation of all its weights."""
    mean_weights: dict[str, float]
    """By block: the scale that λ hands on to batch norm."""
    cams: dict[str, Tensor]
    """By block: Grad-CAM of the sweep's target, (H, W) in [0, 1]."""

    @property
    def predicted(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())


@dataclass(frozen=True)
class Flip:
    """The predicted class changes from ``before`` to ``after`` as λ rises from ``low`` to ``high``."""

    low: float
    high: float
    before: int
    after: int


def reduced(analysis: Analysis) -> Point:
    """What a sweep keeps of one analysis; ``ValueError`` if its network has no SimAM."""
    blocks = [block for block in analysis.blocks if block.kind == "simam" and not block.hypothetical]
    if not blocks:
        raise ValueError(_("This network has no SimAM: no λ changes what it does."))
    return Point(
        analysis.e_lambda,
        analysis.said,
        {block.name: float(block.attention.std(correction=0)) for block in blocks},
        {block.name: float(block.attention.mean()) for block in blocks},
        {block.name: block.cam for block in blocks},
    )


def points(
    loaded: LoadedCheckpoint,
    image: Given,
    e_lambdas: Sequence[float],
    target: int | None,
    input_size: int | None,
    **question: Any,
) -> list[Point]:
    """Some points of a sweep, as one batch; arguments and errors as of :func:`simam_viz.explain.analysis.analyze_lambdas`."""
    return [reduced(found) for found in analyze_lambdas(loaded, image, e_lambdas, target, input_size, **question)]


def table(points: list[Point], names: Sequence[str], classes: Sequence[int]) -> list[dict[str, object]]:
    """A line for each λ: what is predicted, the probabilities of ``classes``, contrast and mean weight of every block.

    Args:
        names: of all K classes.
        classes: indices of those whose probabilities get a column.
    """
    return [
        {
            "λ": point.e_lambda,
            _("predicted class"): names[point.predicted],
            _("probability"): float(point.probabilities.max()),
            **{f"p({names[k]})": float(point.probabilities[k]) for k in classes},
            **{_("contrast {block}", block=block): value for block, value in point.contrasts.items()},
            **{_("mean weight {block}", block=block): value for block, value in point.mean_weights.items()},
        }
        for point in points
    ]


def flips(points: list[Point]) -> list[Flip]:
    """Between which neighbouring λ the predicted class changes; ``points`` in rising order of λ, each a number."""
    found = []
    for before, after in itertools.pairwise(points):
        if before.predicted != after.predicted:
            assert before.e_lambda is not None and after.e_lambda is not None
            found.append(Flip(before.e_lambda, after.e_lambda, before.predicted, after.predicted))
    return found


def leading_classes(points: list[Point], at: Point, k: int = 5) -> list[int]:
    """The ``k`` most probable classes of ``at``, and every class that is predicted anywhere, without repetition."""
    top = at.probabilities.topk(min(k, len(at.probabilities))).indices.tolist()
    return list(dict.fromkeys([*top, *(point.predicted for point in points)]))
