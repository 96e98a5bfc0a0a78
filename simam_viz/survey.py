"""Several photos through several networks: whose heat map looks where, and which is the more faithful?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from .analysis import Analysis, analyze
from .cam import correlation
from .checkpoints import LoadedCheckpoint
from .metrics import STEPS, Faithfulness, Mean, controls, faithfulness, gain, mean

FEWEST = 5
"""Photos that it takes for an interval: drawn from fewer, it would only repeat them."""
_DRAWS = 10_000
_SEED = 20210718

Pair = tuple[Faithfulness, Faithfulness]
"""A map's measures and, for the same photo and network, those of the random map."""


@dataclass(frozen=True)
class Subject:
    """A photo to put to several networks; without a target, they explain what the first of them predicts."""

    name: str
    image: Image.Image
    target: int | None


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of heat map of one photo through one network."""

    photo: str
    network: str
    map_name: str
    """One of :data:`simam_viz.cam.METHODS` or of :data:`simam_viz.metrics.CONTROLS`."""
    values: Tensor
    """The map, (h, w) in [0, 1]."""
    trouble: str
    """Why it was not measured, in words; empty if it was."""
    measures: Faithfulness | None


def findings(
    networks: dict[str, tuple[LoadedCheckpoint, float]],
    photos: list[Subject],
    block: str,
    methods: list[str],
    input_size: int | None = None,
    against: int | None = None,
    steps: int = STEPS,
) -> Iterator[Finding]:
    """Measure every method's heat map and both controls for every photo through every network, one at a time.

    A map that is all zero, or of a class that the network finds impossible, is not measured: it says nothing. Nor is a
    photo whose class is ``against`` itself: there is nothing to contrast it with.

    Args:
        networks: a network and its λ, by name.
        photos: what to put to them.
        block: whose output the heat maps are of.
        methods: of :data:`simam_viz.cam.METHODS`.
        input_size, against: as :func:`simam_viz.analyze` takes them.
        steps: of the curves.
    """
    for photo in photos:
        target = photo.target
        for name, (loaded, e_lambda) in networks.items():
            analysis, same_class = contrasted(loaded, photo.image, e_lambda, target, input_size, against)
            target = analysis.target
            found = analysis.block(block)
            heat = {method: found.heat_map(method) for method in methods}
            maps = {method: map_.values for method, map_ in heat.items()} | controls(tuple(found.activations.shape[1:]))
            troubles = {method: "all zero" for method, map_ in heat.items() if map_.empty}
            if same_class:
                troubles = dict.fromkeys(maps, same_class)
            elif analysis.impossible:
                troubles = dict.fromkeys(maps, "class impossible")
            measured = faithfulness(loaded, analysis, {k: v for k, v in maps.items() if k not in troubles}, steps)
            for kind, values in maps.items():
                measures = None if kind in troubles else next(measured)[1]
                yield Finding(photo.name, name, kind, values, troubles.get(kind, ""), measures)


def contrasted(
    loaded: LoadedCheckpoint,
    image: Image.Image,
    e_lambda: float,
    target: int | None,
    input_size: int | None,
    against: int | None,
) -> tuple[Analysis, str]:
    """:func:`simam_viz.analyze`, and why its maps mean nothing if the target is ``against`` itself; it then stands alone.

    Without a target, the network's prediction may turn out to be that class.
    """
    if target is None and against is not None:
        target = analyze(loaded, image, e_lambda, None, input_size).target
    if against is None or target != against:
        return analyze(loaded, image, e_lambda, target, input_size, against), ""
    return analyze(loaded, image, e_lambda, target, input_size), "class contrasted with itself"


def measured_everywhere(findings: list[Finding]) -> list[Finding]:
    """Those of photos for which none of ``findings`` lacks its measures: only over the same photos can means be compared."""
    missing = {finding.photo for finding in findings if finding.measures is None}
    return [finding for finding in findings if finding.photo not in missing]


def pairs(found: list[Finding], network: str, kind: str) -> dict[str, Pair]:
    """By photo, one kind of map through one network beside the random map, wherever both were measured."""
    measures = {(f.photo, f.map_name): f.measures for f in found if f.network == network and f.measures}
    return {
        photo: (map_, measures[photo, "random"])
        for (photo, name), map_ in measures.items()
        if name == kind and (photo, "random") in measures
    }


@dataclass(frozen=True)
class Row:
    """One kind of heat map through one network, over the photos on which every map through that network was measured."""

    network: str
    map_name: str
    asked: int
    """Photos that were put to the network."""
    mean: Mean | None
    """Over those that were measured; ``None`` if none was."""
    gain: float | None
    """:func:`simam_viz.metrics.gain` over the random map."""


def table(found: list[Finding]) -> list[Row]:
    """The means of every map through every network. The rows of one network are over the same photos."""
    rows = []
    for network in dict.fromkeys(f.network for f in found):
        of_network = [f for f in found if f.network == network]
        usable = measured_everywhere(of_network)
        for kind in dict.fromkeys(f.map_name for f in of_network):
            measures = [f.measures for f in usable if f.map_name == kind and f.measures]
            beside = list(pairs(usable, network, kind).values())
            rows.append(
                Row(
                    network,
                    kind,
                    sum(f.map_name == kind for f in of_network),
                    mean(measures) if measures else None,
                    gain(beside) if beside else None,
                )
            )
    return rows


@dataclass(frozen=True)
class Versus:
    """One kind of heat map through two networks, over the photos on which both were measured."""

    photos: int
    ahead: int
    """Photos on which the first network's map is the more faithful one."""
    correlations: list[float]
    """Of the two maps, for each photo where neither is the same everywhere."""
    lead: float
    """:func:`simam_viz.metrics.gain` over the random map of the first network's maps minus that of the second's."""
    interval: tuple[float, float] | None
    """Where 95 % of such leads lie if the photos are drawn anew; ``None`` for fewer than :data:`FEWEST`."""

    @property
    def decided(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def versus(found: list[Finding], first: str, second: str, kind: str) -> Versus | None:
    """Do two networks look at different places, and is the first's map more faithful? ``None`` if no photo can tell."""
    both = measured_everywhere([f for f in found if f.network in (first, second)])
    ours, theirs = (pairs(both, network, kind) for network in (first, second))
    photos = [photo for photo in ours if photo in theirs]  # work that was stopped may lack the other
    if not photos:
        return None
    one, other = ([of[photo] for photo in photos] for of in (ours, theirs))
    maps = {(f.photo, f.network): f.values for f in both if f.map_name == kind}
    related = (correlation(maps[photo, first], maps[photo, second]) for photo in photos)
    return Versus(
        len(photos),
        sum(gain([a]) > gain([b]) for a, b in zip(one, other, strict=True)),
        [r for r in related if r is not None],
        gain(one) - gain(other),
        _interval(one, other) if len(photos) >= FEWEST else None,
    )


def places_sentence(told: Versus) -> str:
    """Whether the two networks look at the same places, in words."""
    scale = "(1: the same places, 0: unrelated, below 0: opposite)."
    related = told.correlations
    if not related:
        return "The two maps cannot be correlated: one is the same everywhere."
    if len(related) == 1:
        return f"The two maps correlate by {related[0]:.2f} {scale}"
    average = sum(related) / len(related)
    return f"The two maps correlate by {average:.2f} on average, from {min(related):.2f} to {max(related):.2f} {scale}"


def lead_sentence(told: Versus, first: str, second: str) -> str:
    """Whose maps are more faithful, in words, by what the two networks are called."""
    better = first if told.lead > 0 else second
    if told.photos == 1:
        return f"By this measure that of “{better}” is, by {abs(told.lead):.3f}." if told.lead else "Both alike."
    within = "" if told.interval is None else " (95 % interval {:+.3f} to {:+.3f})".format(*told.interval)
    verdict = f"So on photos like these that of “{better}” is." if told.decided else "So these photos do not tell."
    return (
        f"Over the {told.photos:,} photos that both can be asked about, the gain over the random map of “{first}” minus that of "
        f"“{second}” is {told.lead:+.3f}{within}, and it is above 0 on {told.ahead:,} of them. {verdict}"
    )


def _interval(one: list[Pair], other: list[Pair]) -> tuple[float, float]:
    """The percentile bootstrap's 95 % interval of gain(one) − gain(other), both of the same photos in the same order.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, Sec. 13.3. Of few photos it is somewhat too narrow.
    """
    drawn = torch.randint(len(one), (_DRAWS, len(one)), generator=torch.Generator().manual_seed(_SEED))

    def gains(of: list[Pair]) -> Tensor:
        better = torch.tensor([map_.score - random.score for map_, random in of], dtype=torch.float64)
        known = torch.tensor([map_.probability for map_, _ in of], dtype=torch.float64)
        return better[drawn].sum(dim=1) / known[drawn].sum(dim=1).clamp(min=1e-7)

    low, high = (gains(one) - gains(other)).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
