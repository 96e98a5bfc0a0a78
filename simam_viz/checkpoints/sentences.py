"""A checkpoint's card → what a person reads: sentences, rows of tables, and the numbers of charts.

Cards differ in what they hold: each function gives nothing (``""`` or ``[]``) where a card has no such entry.
"""

from __future__ import annotations

from typing import Any

from .card import Card
from .loading import short_name

Row = dict[str, Any]

CODE = ("Command", "SimAM behind", "File", "SHA-256")
"""Facts that are no prose."""


def accuracy_sentence(card: Card) -> str:
    """Top-1 and top-5 on the validation images."""
    accuracy = card.accuracy
    if accuracy is None:
        return ""
    return (
        f"Measured: {accuracy.top1:.1f} % top-1 and {accuracy.top5:.1f} % top-5 on {accuracy.images:,} "
        f"validation images at {accuracy.input_size} px."
    )


def earlier_readings_sentence(card: Card) -> str:
    """What the validation images said when they had been read before."""
    if not card.earlier_readings:
        return ""
    told = "; ".join(
        f"{reading.top1:.2f} % top-1 and {reading.top5:.2f} % top-5 at {reading.input_size} px "
        f"({reading.preprocessing.rstrip('.')})"
        for reading in card.earlier_readings
    )
    return f"The validation images had been read for this file before: {told}."


def calibration_sentence(card: Card) -> str:
    """How far its probabilities are from how often it is right."""
    error = card.expected_calibration_error
    if error is None:
        return ""
    return (
        f"Expected calibration error {error:.1f} %: how far, on average, the probability that it gives its answer lies from "
        "how often such answers are right."
    )


def pointing_sentence(card: Card) -> str:
    """How often Grad-CAM peaks on the object."""
    game = card.pointing_game
    if game is None:
        return ""
    return (
        f"Pointing game: the peak of Grad-CAM at the last block lies in the object's box on {game.grad_cam:.1f} % of "
        f"{game.images:,} validation images; the middle of the image does on {game.centre:.1f} %."
    )


def twin_sentence(card: Card) -> str:
    """Whether the twin is better, with the interval of the difference."""
    told = card.twin_difference
    if told is None:
        return ""
    low, high = told.low, told.high
    verdict = (
        "The interval holds 0, so these images do not tell which is better."
        if low <= 0 <= high
        else f"So on images like these `{told.first if low > 0 else told.second}` is the better one."
    )
    first, second = (told.input_sizes[name] for name in (told.first, told.second))
    at = f"at {first} px" if first == second else f"each at its default input size, {first} and {second} px"
    return (
        f"Twins: top-1 of `{told.first}` minus top-1 of `{told.second}` is "
        f"{_signed(told.difference)} points on the same {told.images:,} validation images, {at} (95 % "
        f"interval {_signed(low)} to {_signed(high)}). {verdict} One seed each: it speaks for these two files, not for SimAM at large."
    )


def fact_rows(card: Card) -> list[Row]:
    """How the network was made and how big it is, as name and value."""
    facts = {
        "Recipe": card.recipe,
        "Command": card.command,
        "Seed": card.seed,
        "Training time": _duration(card.training_seconds),
        "Hardware": card.hardware,
        "Forward pass": card.forward_pass,
        "SimAM behind": _places(card),
        "Input sizes": card.input_size_rule,
        "Preprocessing": card.preprocessing,
        "Parameters": _count(card.parameters),
        "Multiply–adds an image": _count(card.multiply_adds),
        "File": card.file,
        "Bytes": _count(card.bytes),
        "SHA-256": card.sha256,
    }
    return [{"fact": name, "value": str(value)} for name, value in facts.items() if value not in (None, "")]


def size_rows(card: Card) -> list[Row]:
    """Accuracy by input size, the smallest first."""
    values = card.accuracy_by_input_size.values if card.accuracy_by_input_size else {}
    return [
        {"input (px)": int(size), "top-1 (%)": measured.top1, "top-5 (%)": measured.top5}
        for size, measured in sorted(values.items(), key=lambda item: int(item[0]))
    ]


def class_rows(card: Card, best: int | None = None) -> list[Row]:
    """Top-1 of every class, the best first; with ``best``, only so many from either end."""
    rows: list[Row] = [
        {"class": short_name(name), "top-1 (%)": share}
        for name, share in zip(card.categories or (), card.class_accuracy, strict=False)
        if share is not None
    ]
    rows.sort(key=lambda row: -row["top-1 (%)"])
    return rows if best is None or len(rows) <= 2 * best else rows[:best] + rows[-best:]


def confused_rows(card: Card, most: int = 10) -> list[Row]:
    """The most frequent mistakes on the validation images."""
    return [
        {"true class": short_name(pair.true), "taken for": short_name(pair.predicted), "images": pair.images}
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
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
