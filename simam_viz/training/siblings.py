"""Networks trained alike but for their attention: who they are, and how much one is right more often than another."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import asdict
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from ..evaluation.assessment import paired_difference
from ..wording import _, enumeration
from .description import Card

NamedCard = tuple[str, Card]

_ALIKE = ("arch", "recipe_settings", "categories", "wnids", "training_images")
_RELATIONS = ("twin", "twin_difference", "sibling_differences")
_TWINS = ("simam", "none")


def related(cards: dict[str, Card], new: Collection[str]) -> dict[str, Card]:
    """The cards to write, by name: ``new`` ones and those that say something of them, or no longer may, all of them up to date.

    Networks that were trained alike but for their attention are siblings; the one with SimAM and the one without any are
    each other's twins, if there is one of each.

    Raises:
        ValueError: there are several that could be a new one's twin, or siblings were measured on different images.
    """
    changed: dict[str, Card] = {}
    for name in new:
        family = {other: card for other, card in cards.items() if _alike(card, cards[name])}
        changed |= {member: _with_relations(member, family) for member in family}
    for name, card in cards.items():
        told = {card.get("twin"), *(difference["second"] for difference in card.get("sibling_differences", ()))}
        if name not in changed and not told.isdisjoint(new):
            changed[name] = _alone(card)
    return {name: card for name, card in changed.items() if name in new or card != cards[name]}


def _with_relations(name: str, family: dict[str, Card]) -> Card:
    """A card, with what it says of those that were trained alike."""
    card = _alone(family[name])
    own = card["attention"]
    others = [other for other, theirs in family.items() if theirs["attention"] != own]
    if len(family) > 2 and others:
        pairs = sum(a["attention"] != b["attention"] for a, b in combinations(family.values(), 2))
        card["sibling_differences"] = [
            sibling_difference((name, card), (other, family[other]), pairs) for other in others
        ]
    twins = [other for other in others if {own, family[other]["attention"]} == {*_TWINS}]
    if len(twins) > 1:
        raise ValueError(
            _(
                "{first} and {second} could both be the twin of this run: keep one of them in the folder.",
                first=enumeration(twins[:-1]),
                second=twins[-1],
            )
        )
    for twin in twins:
        pair = sorted([(name, card), (twin, family[twin])], key=lambda one: one[1]["attention"] != "simam")
        card |= {"twin": twin, "twin_difference": sibling_difference(pair[0], pair[1])}
    return card


def _alike(card: Card, other: Card) -> bool:
    """Whether two networks were trained by one recipe on the same images, and measured."""
    return "right_answers" in card and all(card.get(entry) == other[entry] for entry in _ALIKE)


def _alone(card: Card) -> Card:
    return {entry: value for entry, value in card.items() if entry not in _RELATIONS}


def sibling_difference(first: NamedCard, second: NamedCard, comparisons: int = 1) -> Card:
    """Top-1 of the first minus top-1 of the second, paired image by image, with as many ``comparisons`` in all.

    Raises:
        ValueError: they were measured on different images.
    """
    answers = [card["right_answers"] for _name, card in (first, second)]
    if answers[0]["images"] != answers[1]["images"]:
        raise ValueError(
            _(
                "{first} and {second} were measured on different images, so they cannot be compared.",
                first=first[0],
                second=second[0],
            )
        )
    ours, theirs = (unpack_bits(answer["bits"], answer["images"]) for answer in answers)
    paired = paired_difference(ours, theirs, comparisons)
    corrected = f", all {comparisons} pairs' intervals together (Bonferroni)" if comparisons > 1 else ""
    return {
        "first": first[0],
        "second": second[0],
        **{key: round(value, 3) for key, value in asdict(paired).items()},
        "images": answers[0]["images"],
        "input_sizes": {name: card["input_size"] for name, card in (first, second)},
        "how": "Top-1 of the first minus top-1 of the second on the same validation images, in percentage points, with its "
        f"95 % interval (low to high){corrected}: one seed each, so it speaks for these two files and not for their "
        "attention at large.",
    }


def pack_bits(values: Tensor) -> str:
    """(N,) of bool as base64, eight to a byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(values.numpy()).tobytes()).decode()


def unpack_bits(text: str, count: int) -> Tensor:
    """What :func:`pack_bits` packed."""
    packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(packed, count=count).astype(bool))
