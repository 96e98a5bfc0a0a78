"""Several photos through several networks: whose heat map looks where, and which is the more faithful?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint
from ..networks.lambdas import Times
from ..photos.squares import Square
from ..wording import _, counted, later
from .analysis import analyze
from .blocks import Analysis
from .cam import correlation
from .metrics import (
    CONTROLS,
    STEPS,
    TOO_UNSURE,
    Faithfulness,
    Mean,
    Probe,
    controls,
    counts,
    gain,
    least_in_words,
    mean,
)
from .recording import Run

FEWEST = 5
"""Photos that it takes for an interval."""
IMPOSSIBLE_CLASS = later("class impossible")
"""Why a heat map is neither drawn nor measured, as all of these in English: :func:`simam_viz.wording._` shows it."""
SAME_CLASS = later("class contrasted with itself")
ALL_ZERO = later("all zero")
_DRAWS, _AT_ONCE = 4_000, 100
_SEED = 20210718

Pair = tuple[Faithfulness, Faithfulness]
"""A map's measures and, for the same photo and network, those of the random map."""


@dataclass(frozen=True)
class Subject:
    """A photo to put to several networks; without a target, they explain what the first of them predicts."""

    name: str
    image: Image.Image
    target: int | None
    square: Square | None = None
    """The part of it that the networks see; ``None``: its middle."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of heat map of one photo through one network."""

    photo: str
    network: str
    map_name: str
    """One of :data:`simam_viz.explain.cam.METHODS` or of :data:`simam_viz.explain.metrics.CONTROLS`."""
    values: Tensor
    """The map, (h, w) in [0, 1]."""
    trouble: str
    """Why it was not measured, in English, for :func:`simam_viz.wording._` to show; empty if it was."""
    measures: Faithfulness | None

    @property
    def is_drawn(self) -> bool:
        """Whether it is a map to look at: one that is too unsure to be scored is."""
        return self.trouble in ("", TOO_UNSURE)


def findings(
    networks: Mapping[str, Run],
    photos: list[Subject],
    block: str,
    methods: list[str],
    input_size: int | None = None,
    against: int | None = None,
    steps: int = STEPS,
) -> Iterator[Finding]:
    """Measure every method's heat map and both controls for every photo through every network, one at a time.

    A map that is all zero, or of a class to which the network gives less than :data:`simam_viz.explain.metrics.LEAST_PROBABILITY`,
    is not measured: it says nothing. Nor is a photo whose class is ``against`` itself: there is nothing to contrast it with.

    Args:
        networks: a network and its λ (``None``: each module's own), by name.
        photos: what to put to them.
        block: whose output the heat maps are of.
        methods: of :data:`simam_viz.explain.cam.METHODS`.
        input_size: the same for all networks; ``None`` is the first one's own.
        against: as :func:`simam_viz.analyze` takes it.
        steps: of the curves.
    """
    input_size = common_size(networks, input_size)
    for photo in photos:
        target = photo.target
        for name, (loaded, e_lambda) in networks.items():
            analysis, same_class = contrasted(
                loaded, photo.image, e_lambda, target, input_size, against, square=photo.square
            )
            target = analysis.target
            found = analysis.block(block)
            heat = {method: found.heat_map(method) for method in methods}
            height, width = found.activations.shape[1:]
            maps = {method: map_.values for method, map_ in heat.items()} | controls((height, width))
            troubles = {method: ALL_ZERO for method, map_ in heat.items() if map_.empty}
            if same_class:
                troubles = dict.fromkeys(maps, same_class)
            elif analysis.impossible:
                troubles = dict.fromkeys(maps, IMPOSSIBLE_CLASS)
            elif not counts(float(analysis.probabilities[target])):
                troubles = dict.fromkeys(maps, TOO_UNSURE)
            probe = Probe(loaded, analysis, steps)
            for kind, values in maps.items():
                measures = None if kind in troubles else probe.measures(values)
                yield Finding(photo.name, name, kind, values, troubles.get(kind, ""), measures)


def all_findings(
    networks: Mapping[str, Run], photo: Subject, block: str, methods: list[str], *rest: Any
) -> list[Finding]:
    """All :func:`findings` of one photo; arguments as there."""
    return list(findings(networks, [photo], block, methods, *rest))


def common_size(networks: Mapping[str, Run], input_size: int | None) -> int | None:
    """The input size for all networks, so that their maps can be laid on each other: the first one's own, if none is asked for."""
    if input_size is None and networks:
        return next(iter(networks.values()))[0].transforms.input_size
    return input_size


def contrasted(
    loaded: LoadedCheckpoint,
    image: Image.Image | Tensor,
    e_lambda: float | Times | None,
    target: int | None,
    input_size: int | None,
    against: int | None,
    **question: Any,
) -> tuple[Analysis, str]:
    """:func:`simam_viz.analyze`, and :data:`SAME_CLASS` if the target is ``against`` itself; it then stands alone.

    Without a target, the network's prediction may turn out to be that class. ``question``: ``region``, ``box``, ``reference``, ``square``.
    """
    if target is None and against is not None:
        target = analyze(loaded, image, e_lambda, None, input_size, **question).target
    if against is None or target != against:
        return analyze(loaded, image, e_lambda, target, input_size, against, **question), ""
    return analyze(loaded, image, e_lambda, target, input_size, **question), SAME_CLASS


def measured_everywhere(found: list[Finding]) -> list[Finding]:
    """Those of photos on which every map and control of ``found`` was measured through every network in it.

    Only over the same photos can means be compared. What was stopped halfway through a photo lacks some of them.
    """
    networks = {f.network for f in found}
    kinds = {f.map_name for f in found} | set(CONTROLS)
    measured = {(f.photo, f.network, f.map_name) for f in found if f.measures and f.measures.counts}
    whole = {
        photo
        for photo in {f.photo for f in found}
        if all((photo, network, kind) in measured for network in networks for kind in kinds)
    }
    return [f for f in found if f.photo in whole]


def pairs(found: list[Finding], network: str, kind: str) -> dict[str, Pair]:
    """By photo, one kind of map through one network beside the random map, wherever both were measured and count."""
    measures = {
        (f.photo, f.map_name): f.measures for f in found if f.network == network and f.measures and f.measures.counts
    }
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
    """Over those on which every map was measured; ``None`` if there is none."""
    gain: float | None
    """:func:`simam_viz.explain.metrics.gain` over the random map."""


def table(found: list[Finding]) -> list[Row]:
    """The means of every map through every network. The rows of one network are over the same photos."""
    rows = []
    for network in dict.fromkeys(f.network for f in found):
        of_network = [f for f in found if f.network == network]
        usable = measured_everywhere(of_network)
        for kind in dict.fromkeys(f.map_name for f in of_network):
            rows.append(
                Row(
                    network,
                    kind,
                    sum(f.map_name == kind for f in of_network),
                    mean([f.measures for f in usable if f.map_name == kind and f.measures]),
                    gain(list(pairs(usable, network, kind).values())),
                )
            )
    return rows


@dataclass(frozen=True)
class Difference:
    """A number of the first network minus the same number of the second."""

    value: float
    interval: tuple[float, float] | None
    """Its 95 % interval, if there are :data:`FEWEST` photos or more: where it might lie over other photos like these."""

    @property
    def decided(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


@dataclass(frozen=True)
class Versus:
    """One kind of heat map through two networks."""

    photos: int
    """On which both were measured, and count; what follows ``correlations`` is over these."""
    correlations: list[float]
    """Of the two maps, for each photo where neither is the same everywhere; of those that are too unsure for a score, too."""
    gain: Difference | None
    """Of :func:`simam_viz.explain.metrics.gain` over the random map; more is better. ``None`` if no photo counts for both."""
    drop: Difference | None
    """Of the average drop; less is better. ``None`` if no photo counts for both."""
    better_than_random: tuple[bool, bool]
    """Whether the gain of the first, and of the second, is above 0 at all."""


def versus(found: list[Finding], first: str, second: str, kind: str) -> Versus | None:
    """Do two networks look at different places, and is the first's map more faithful? ``None`` if no photo can tell."""
    through = [f for f in found if f.network in (first, second)]
    maps = {(f.photo, f.network): f.values for f in through if f.map_name == kind and f.is_drawn}
    related = [
        correlation(values, maps[photo, second])
        for (photo, network), values in maps.items()
        if network == first and (photo, second) in maps
    ]
    if not related:
        return None
    both = measured_everywhere(through)
    ours, theirs = (pairs(both, network, kind) for network in (first, second))
    correlations = [r for r in related if r is not None]
    if not ours:
        return Versus(0, correlations, None, None, (False, False))
    one, other = list(ours.values()), [theirs[photo] for photo in ours]
    return Versus(
        len(ours),
        correlations,
        _difference(*([(map_.score - random.score, map_.probability) for map_, random in of] for of in (one, other))),
        _difference(*([(map_.drop, 1.0) for map_, _random in of] for of in (one, other))),
        ((gain(one) or 0.0) > 0, (gain(other) or 0.0) > 0),
    )


def places_sentence(told: Versus) -> str:
    """Whether the two networks look at the same places, in words."""
    related = told.correlations
    if not related:
        return _("The two maps cannot be correlated: one is the same everywhere.")
    if len(related) == 1:
        return _(
            "The two maps correlate by {correlation:.2f} (1: the same places, 0: unrelated, below 0: opposite).",
            correlation=related[0],
        )
    return _(
        "The two maps correlate by {mean:.2f} on average, from {least:.2f} to {greatest:.2f} (1: the same places, 0: unrelated, "
        "below 0: opposite).",
        mean=sum(related) / len(related),
        least=min(related),
        greatest=max(related),
    )


def lead_sentences(told: Versus, first: str, second: str) -> list[str]:
    """Whose maps are more faithful, in words, by what the two networks are called; one sentence a measure."""
    if told.gain is None or told.drop is None:
        return [
            _(
                "There is no photo on which both were measured: {first} and {second} must give its class {share} or more.",
                first=first,
                second=second,
                share=least_in_words(),
            )
        ]
    if not any(told.better_than_random):
        gains = _("neither map is better than a random one")
    else:
        gains = _verdict(told, told.gain, first if told.gain.value > 0 else second)
    drops = _verdict(told, told.drop, first if told.drop.value < 0 else second)
    gain = later("Better than a random map by, {first} minus {second}: {difference}; {verdict}.")
    if told.gain.interval:
        gain = later(
            "Better than a random map by, {first} minus {second}: {difference} (95 % interval {low} to {high}); {verdict}."
        )
    drop = later("Average drop (less is better), {first} minus {second}: {difference} points; {verdict}.")
    if told.drop.interval:
        drop = later(
            "Average drop (less is better), {first} minus {second}: {difference} points (95 % interval {low} to {high}); "
            "{verdict}."
        )
    return [
        _(gain, first=first, second=second, verdict=gains, **_numbers(told.gain, 1, 3)),
        _(drop, first=first, second=second, verdict=drops, **_numbers(told.drop, 100, 1)),
    ]


def _numbers(found: Difference, times: float, digits: int) -> dict[str, str]:
    """A difference and the ends of its interval, if it has one, as they stand in a sentence."""

    def number(value: float) -> str:
        return f"{times * value:+.{digits}f}".replace("-", "−")

    low, high = found.interval or (0.0, 0.0)
    return {"difference": number(found.value), "low": number(low), "high": number(high)}


def _verdict(told: Versus, found: Difference, better: str) -> str:
    """What a difference says, as it stands behind a semicolon."""
    if found.value == 0:
        return _("both alike")
    if told.photos == 1:
        return _("on this photo {better} does better", better=better)
    if found.decided:
        return _("on photos like these {better} does better", better=better)
    return counted(
        "{count} photo does not tell which does better", "{count} photos do not tell which does better", told.photos
    )


def _difference(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> Difference:
    """Σ of the first numbers over Σ of the second ones of one network, minus the same of the other, and its interval.

    Both are of the same photos in the same order. The interval is the bootstrap-t over photos, with the standard error of the
    linearised ratios: unlike percentiles it holds what it promises for few photos too (93 of 100 for 8 photos, where those
    hold 87). Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, Sec. 12.5.
    """
    both = torch.tensor([first, second], dtype=torch.float64)  # (networks, photos, numbers)
    value, error = _ratios(both)
    photos = both.shape[1]
    if photos < FEWEST:
        return Difference(float(value), None)
    generator = torch.Generator().manual_seed(_SEED)
    found = []
    for _round in range(_DRAWS // _AT_ONCE):
        drawn = torch.randint(photos, (_AT_ONCE, photos), generator=generator)
        values, errors = _ratios(both[:, drawn])
        found.append(((values - value) / errors).nan_to_num(nan=0.0))
    ends = torch.cat(found).quantile(torch.tensor([0.975, 0.025], dtype=torch.float64))
    low, high = (value - ends * error).tolist()
    return Difference(float(value), (low, high))


def _ratios(both: Tensor) -> tuple[Tensor, Tensor]:
    """For (2, …, photos, 2): the difference of the two ratios of sums (…), and its standard error (…)."""
    above, below = both.unbind(-1)
    total = below.sum(dim=-1, keepdim=True).clamp(min=1e-7)
    ratio = above.sum(dim=-1, keepdim=True) / total
    photos = below.shape[-1]
    contributions = (above - ratio * below) * photos / total  # of each photo to its ratio; they add up to 0
    variance = (contributions[0] - contributions[1]).square().sum(dim=-1) / max(photos - 1, 1)
    return (ratio[0] - ratio[1]).squeeze(-1), (variance / photos).sqrt()
