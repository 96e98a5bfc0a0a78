"""Networks trained alike but for their attention: who they are, and how much one is right more often than another."""

from __future__ import annotations

import base64
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from ..evaluation.assessment import paired_difference
from ..wording import _
from .description import Card

NamedCard = tuple[str, Card]

_ALIKE = ("arch", "recipe_settings", "categories", "wnids", "training_images")
_TWIN_ENTRIES = ("twin", "twin_difference")


def find_siblings(facts: Card, others: dict[str, Card]) -> list[str]:
    """The names of those cards whose networks were trained like the one of ``facts``, with another attention."""
    return [
        name
        for name, card in others.items()
        if all(card.get(entry) == facts[entry] for entry in _ALIKE) and card.get("attention") != facts["attention"]
    ]


def find_twin(facts: Card, others: dict[str, Card]) -> str | None:
    """The one sibling that there is; a card can name no more.

    Raises:
        ValueError: there are several.
    """
    siblings = find_siblings(facts, others)
    if len(siblings) > 1:
        raise ValueError(
            _(
                "{first} and {second} could both be the twin of this run: keep one of them in the folder.",
                first=", ".join(siblings[:-1]),
                second=siblings[-1],
            )
        )
    return siblings[0] if siblings else None


def with_twins(name: str, card: Card, twin: str | None, others: dict[str, Card]) -> dict[str, Card]:
    """The cards to write, by name: this one, its twin's, and any that called this name its twin and no longer may."""
    changed = {name: card}
    for other, other_card in others.items():
        if other_card.get("twin") == name or other == twin:
            changed[other] = {entry: value for entry, value in other_card.items() if entry not in _TWIN_ENTRIES}
    if twin:
        difference = sibling_difference(*simam_first([(name, card), (twin, changed[twin])]))
        for one, other in ((name, twin), (twin, name)):
            changed[one] = {**changed[one], "twin": other, "twin_difference": difference}
    return changed


def simam_first(siblings: list[NamedCard]) -> list[NamedCard]:
    """The order in which differences are told; among the others it stays."""
    return sorted(siblings, key=lambda sibling: sibling[1]["attention"] != "simam")


def sibling_difference(first: NamedCard, second: NamedCard) -> Card:
    """Top-1 of the first minus top-1 of the second, paired image by image.

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
    paired = paired_difference(*(unpack_bits(answer["bits"], answer["images"]) for answer in answers))
    return {
        "first": first[0],
        "second": second[0],
        **{key: round(value, 3) for key, value in asdict(paired).items()},
        "images": answers[0]["images"],
        "input_sizes": {name: card["input_size"] for name, card in (first, second)},
        "how": "Top-1 of the first minus top-1 of the second on the same validation images, in percentage points, with its "
        "95 % interval (low to high): one seed each, so it speaks for these two files and not for SimAM at large.",
    }


def pack_bits(values: Tensor) -> str:
    """(N,) of bool as base64, eight to a byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(values.numpy()).tobytes()).decode()


def unpack_bits(text: str, count: int) -> Tensor:
    """What :func:`pack_bits` packed."""
    packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(packed, count=count).astype(bool))
