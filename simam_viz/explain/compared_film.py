"""The film of heat maps side by side: at every stop of λ, what several networks show of the class that all of them explain there.

What does not follow λ (siblings, SimAM switched off) is seen once for every class that is explained at any stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..checkpoints.loaded import LoadedCheckpoint
from . import variants
from .analysis import analyze_lambdas, analyze_together
from .blocks import Analysis
from .film import ANSWERS, Film, Frame, Levels, Stop, in_levels
from .inputs import Given
from .variants import Variant


@dataclass(frozen=True)
class HeatMapAt:
    """One heat map: of a network, by the name of its variant, at a block."""

    network: str
    block: str


@dataclass(frozen=True, eq=False)
class Question:
    """What to compare, whatever λ is.

    All that is needed to answer it is here: it is answered in other threads, too.
    """

    loaded: LoadedCheckpoint
    image: Given
    variants: tuple[Variant, ...]
    """The network in hand first (``"on"``, which follows λ)."""
    maps: tuple[HeatMapAt, ...]
    method: str
    """One of :data:`simam_viz.explain.cam.METHODS`."""
    target: int | None
    """The class to explain; ``None``: at every λ the one that the network predicts with attention as it is."""
    against: int | None
    """The class to contrast with, where that is not the one to explain."""
    input_size: int | None
    share: float | None
    """As :meth:`simam_viz.explain.blocks.Analysis.pictures` takes it."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What else is asked, as :func:`simam_viz.explain.analysis.analyze_together` takes it."""


class Comparison:
    """Heat maps of one question, stop by stop.

    Args:
        question: what to compare.
        seen: what is known by now, by the name of the variant, as far as it explains one class.
    """

    def __init__(self, question: Question, seen: Mapping[str, Analysis]) -> None:
        self._question = question
        self._still: dict[int, dict[HeatMapAt, Levels]] = {}
        """Heat maps that do not follow λ, by the class that they explain."""
        follows = {variant.name: variant.follows_lambda for variant in question.variants}
        target = seen[question.variants[0].name].target
        self._still[target] = self._maps({name: one for name, one in seen.items() if not follows[name]})

    def held(self) -> Comparison:
        """The same with its networks in memory: see :func:`simam_viz.explain.variants.held`."""
        found = Comparison.__new__(Comparison)
        question = replace(self._question, variants=tuple(map(variants.held, self._question.variants)))
        found.__dict__.update(_question=question, _still=dict(self._still))
        return found

    def begun(self, seen: Mapping[str, Analysis], at: Stop) -> Film:
        """The film of the one stop that all of ``seen`` is of."""
        first = seen[self._question.variants[0].name]
        return Film(
            first.view, first.categories, first.output.has_probabilities, (), {at: self._frame(first, self._maps(seen))}
        )

    def filmed(self, stops: Sequence[Stop]) -> list[Frame]:
        """Some stops, each as :func:`simam_viz.compare` would see it."""
        return [self._at(stop, target) for stop, target in zip(stops, self._targets(stops), strict=True)]

    def _targets(self, stops: Sequence[Stop]) -> list[int | None]:
        """The class to explain at each stop; ``None`` where the first network of the comparison predicts it."""
        asked = self._question
        if asked.target is not None or (asked.against is None and not asked.variants[0].fixed_mean):
            return [asked.target] * len(stops)
        # The first network is another one then, or has something to be contrasted with: ask the network as it is.
        found = analyze_lambdas(
            asked.loaded, asked.image, stops, None, asked.input_size, **asked.asked, heat_maps=False
        )
        return [analysis.target for analysis in found]

    def _at(self, stop: Stop, target: int | None) -> Frame:
        following = [variant for variant in self._question.variants if variant.follows_lambda]
        seen = self._seen(following, stop, target)
        first = seen[self._question.variants[0].name]
        if first.target not in self._still:
            others = [variant for variant in self._question.variants if not variant.follows_lambda]
            self._still[first.target] = self._maps(self._seen(others, stop, first.target))
        return self._frame(first, {**self._still[first.target], **self._maps(seen)})

    def _seen(self, some: Sequence[Variant], stop: Stop, target: int | None) -> dict[str, Analysis]:
        asked = self._question
        if not some:
            return {}

        def analyse(batch: list[Variant], target: int | None) -> list[Analysis]:
            runs = [(variant.network(), variant.e_lambda(stop)) for variant in batch]
            against = None if asked.against == target else asked.against
            found = analyze_together(
                runs, asked.image, target, asked.input_size, against, one_target=True, **asked.asked
            )
            return [analysis.pictures(asked.share) for analysis in found]

        return variants.explained_alike(some, {}, target, analyse)

    def _maps(self, seen: Mapping[str, Analysis]) -> dict[HeatMapAt, Levels]:
        return {
            place: self._map(seen[place.network], place.block) for place in self._question.maps if place.network in seen
        }

    def _map(self, analysis: Analysis, block: str) -> Levels:
        values = analysis.block(block).heat_map(self._question.method).values
        # Of a class that the network finds impossible it would show noise: as on screen, no heat map then.
        return in_levels(torch.zeros_like(values) if analysis.impossible else values)

    def _frame(self, first: Analysis, found: Mapping[HeatMapAt, Levels]) -> Frame:
        return Frame(
            first.target,
            float(first.said[first.target]),
            tuple((index, value) for index, _name, value in first.top(ANSWERS)),
            (), (), (),
            maps=tuple(found[place] for place in self._question.maps),
        )  # fmt: skip
