"""A checkpoint's card → what a person reads: sentences, rows of tables, and the numbers of charts.

Cards differ in what they hold: each function gives nothing (``""`` or ``[]``) where a card has no such entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..wording import _, counted, enumeration, later, semicolon, together
from .card import Card, TwinDifference
from .loading import class_said

Row = dict[str, Any]

CODE = ("Command", "SimAM behind", "File", "SHA-256")
"""Names of facts that are no prose."""


def accuracy_sentence(card: Card) -> str:
    """Top-1 and top-5 on the validation images."""
    accuracy = card.accuracy
    if accuracy is None:
        return ""
    return _(
        "Measured: {top1:.1f} % top-1 and {top5:.1f} % top-5 on {images:,} validation images at {px} px.",
        top1=accuracy.top1,
        top5=accuracy.top5,
        images=accuracy.images,
        px=accuracy.input_size,
    )


def earlier_readings_sentence(card: Card) -> str:
    """What the validation images said when they had been read before."""
    if not card.earlier_readings:
        return ""
    readings = semicolon().join(
        _(
            "{top1:.2f} % top-1 and {top5:.2f} % top-5 at {px} px ({preprocessing})",
            top1=reading.top1,
            top5=reading.top5,
            px=reading.input_size,
            preprocessing=reading.preprocessing.rstrip("."),
        )
        for reading in card.earlier_readings
    )
    return _("The validation images had been read for this file before: {readings}.", readings=readings)


def sharp_sentence(card: Card) -> str:
    """How often it is right on photos as people upload them."""
    told = card.accuracy_on_sharp_photos
    measured = told.values.get(str(card.input_size)) if told else None
    if told is None or measured is None:
        return ""
    return _(
        "On {images:,} sharp, full-size photos of its classes: {top1:.1f} % top-1 at {px} px.",
        images=told.images or 0,
        top1=measured.top1,
        px=card.input_size,
    )


def calibration_sentence(card: Card) -> str:
    """How far its probabilities are from how often it is right."""
    error = card.expected_calibration_error
    if error is None:
        return ""
    return _(
        "Expected calibration error {error:.1f} %: how far, on average, the probability that it gives its answer lies from "
        "how often such answers are right.",
        error=error,
    )


def pointing_sentence(card: Card) -> str:
    """How often Grad-CAM peaks on the object."""
    game = card.pointing_game
    if game is None:
        return ""
    return _(
        "Pointing game: the peak of Grad-CAM at the last block lies in the object's box on {grad_cam:.1f} % of "
        "{images:,} validation images; the middle of the image does on {centre:.1f} %.",
        grad_cam=game.grad_cam,
        images=game.images,
        centre=game.centre,
    )


def twin_sentence(card: Card) -> str:
    """Whether the twin is better, with the interval of the difference."""
    told = card.twin_difference
    if told is None:
        return ""
    low, high = told.low, told.high
    first, second = (told.input_sizes[name] for name in (told.first, told.second))
    same_size = later(
        "Twins: top-1 of `{first}` minus top-1 of `{second}` is {difference} points on the same {images:,} validation images, "
        "at {first_px} px (95 % interval {low} to {high})."
    )
    each_its_own = later(
        "Twins: top-1 of `{first}` minus top-1 of `{second}` is {difference} points on the same {images:,} validation images, "
        "each at its default input size, {first_px} and {second_px} px (95 % interval {low} to {high})."
    )
    sentences = (
        _(
            same_size if first == second else each_its_own,
            first=told.first,
            second=told.second,
            difference=_signed(told.difference),
            images=told.images,
            first_px=first,
            second_px=second,
            low=_signed(low),
            high=_signed(high),
        ),
        _("The interval holds 0, so these images do not tell which is better.")
        if low <= 0 <= high
        else _("So on images like these `{better}` is the better one.", better=told.first if low > 0 else told.second),
        _("One seed each: it speaks for these two files, not for SimAM at large."),
    )
    return together(*sentences)


def sibling_rows(cards: Iterable[Card]) -> list[Row]:
    """Every pair of networks that were trained alike: whose top-1 is higher, by how much, and whether that is more than chance."""
    rows: list[Row] = []
    for told in _pairs(cards):
        if told.difference < 0:
            told = told.swapped
        rows.append(
            {
                _("network"): told.first,
                _("minus"): told.second,
                _("points"): told.difference,
                _("95 % interval"): f"{_signed(told.low)} … {_signed(told.high)}",
                _("more than chance"): _("yes") if told.decided else _("no"),
            }
        )
    return sorted(rows, key=lambda row: -row[_("points")])


def sibling_sentences(cards: Sequence[Card]) -> list[str]:
    """What follows from :func:`sibling_rows`, and what does not; empty where no networks were trained alike."""
    pairs = _pairs(cards)
    if not pairs:
        return []
    decided = [pair if pair.low > 0 else pair.swapped for pair in pairs if pair.decided]
    better = semicolon().join(_("`{first}` over `{second}`", first=pair.first, second=pair.second) for pair in decided)
    seeds = {card.seed for card in cards}
    return [
        counted(
            "Of {pairs} pairs of networks trained alike, {count} differs by more than chance on the validation images ({better}).",
            "Of {pairs} pairs of networks trained alike, {count} differ by more than chance on the validation images ({better}).",
            len(decided),
            pairs=len(pairs),
            better=better,
        )
        if decided
        else _(
            "None of the {pairs} pairs of networks trained alike differs by more than chance on the validation images.",
            pairs=len(pairs),
        ),
        _(
            "The intervals hold for all pairs together (Bonferroni), and speak for these very files on more images of the kind."
        ),
        counted(
            "It is one data set, one recipe and {count} seed: another seed, recipe or data set may order them otherwise, so it does not "
            "show which module is better at large.",
            "It is one data set, one recipe and {count} seeds: another recipe or data set may order them otherwise, so it does not "
            "show which module is better at large.",
            len(seeds),
        ),
    ]


def _pairs(cards: Iterable[Card]) -> list[TwinDifference]:
    """Each pair of siblings once."""
    found: dict[frozenset[str], TwinDifference] = {}
    for card in cards:
        for told in card.sibling_differences:
            found.setdefault(frozenset((told.first, told.second)), told)
    return list(found.values())


def fact_rows(card: Card) -> list[Row]:
    """How the network was made and how big it is, as name and value; the name is English, for :func:`_` to show."""
    facts = {
        later("Recipe"): _(card.recipe) if card.recipe else None,
        later("Command"): card.command,
        later("Seed"): card.seed,
        later("Training time"): _duration(card.training_seconds),
        later("Hardware"): _(card.hardware) if card.hardware else None,
        later("Forward pass"): _(card.forward_pass) if card.forward_pass else None,
        later("SimAM behind"): _places(card),
        later("Input sizes"): _(card.input_size_rule) if card.input_size_rule else None,
        later("Preprocessing"): _(card.preprocessing) if card.preprocessing else None,
        later("Parameters"): _count(card.parameters),
        later("Multiply–adds an image"): _count(card.multiply_adds),
        later("File"): card.file,
        later("Bytes"): _count(card.bytes),
        later("SHA-256"): card.sha256,
    }
    return [{"fact": name, "value": str(value)} for name, value in facts.items() if value not in (None, "")]


def size_rows(card: Card) -> list[Row]:
    """Accuracy by input size, the smallest first."""
    values = card.accuracy_by_input_size.values if card.accuracy_by_input_size else {}
    return [
        {_("input (px)"): int(size), _("top-1 (%)"): measured.top1, _("top-5 (%)"): measured.top5}
        for size, measured in sorted(values.items(), key=lambda item: int(item[0]))
    ]


def class_rows(card: Card, best: int | None = None) -> list[Row]:
    """Top-1 of every class, the best first; with ``best``, only so many from either end."""
    known = [
        (class_said(name), share)
        for name, share in zip(card.categories or (), card.class_accuracy, strict=False)
        if share is not None
    ]
    known.sort(key=lambda entry: -entry[1])
    shown = known if best is None or len(known) <= 2 * best else known[:best] + known[-best:]
    return [{_("class"): name, _("top-1 (%)"): share} for name, share in shown]


def confused_rows(card: Card, most: int = 10) -> list[Row]:
    """The most frequent mistakes on the validation images."""
    return [
        {_("true class"): class_said(pair.true), _("taken for"): class_said(pair.predicted), _("images"): pair.images}
        for pair in card.confused_pairs[:most]
    ]


def _places(card: Card) -> str:
    places = card.simam_at or ()
    return enumeration(places) if card.attention == "simam" else ""


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return _("{hours} h {minutes:02d} min", hours=minutes // 60, minutes=minutes % 60)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
