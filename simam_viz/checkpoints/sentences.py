"""A checkpoint's card → what a person reads: sentences, rows of tables, and the numbers of charts.

Cards differ in what they hold: each function gives nothing (``""`` or ``[]``) where a card has no such entry.
"""

from __future__ import annotations

from typing import Any

from ..wording import _, later
from .card import Card
from .loading import short_name

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
    readings = "; ".join(
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
    return " ".join(sentences)


def fact_rows(card: Card) -> list[Row]:
    """How the network was made and how big it is, as name and value; the name is English, for :func:`_` to show."""
    facts = {
        later("Recipe"): card.recipe,
        later("Command"): card.command,
        later("Seed"): card.seed,
        later("Training time"): _duration(card.training_seconds),
        later("Hardware"): card.hardware,
        later("Forward pass"): _(card.forward_pass) if card.forward_pass else None,
        later("SimAM behind"): _places(card),
        later("Input sizes"): card.input_size_rule,
        later("Preprocessing"): card.preprocessing,
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
        (short_name(name), share)
        for name, share in zip(card.categories or (), card.class_accuracy, strict=False)
        if share is not None
    ]
    known.sort(key=lambda entry: -entry[1])
    shown = known if best is None or len(known) <= 2 * best else known[:best] + known[-best:]
    return [{_("class"): name, _("top-1 (%)"): share} for name, share in shown]


def confused_rows(card: Card, most: int = 10) -> list[Row]:
    """The most frequent mistakes on the validation images."""
    return [
        {_("true class"): short_name(pair.true), _("taken for"): short_name(pair.predicted), _("images"): pair.images}
        for pair in card.confused_pairs[:most]
    ]


def _places(card: Card) -> str:
    places = card.simam_at or ()
    return ", ".join(places) if card.attention == "simam" else ""


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return _("{hours} h {minutes:02d} min", hours=minutes // 60, minutes=minutes % 60)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
