"""A checkpoint's card → what a person reads: sentences, rows of tables, and the numbers of charts.

Cards differ in what they hold: each function gives nothing (``""`` or ``[]``) where a card has no such entry.
"""

from __future__ import annotations

from typing import Any

from .checkpoints import short_name

Card = dict[str, Any]
Row = dict[str, Any]


def accuracy_sentence(card: Card) -> str:
    accuracy = card.get("accuracy")
    if not accuracy:
        return ""
    return (
        f"Measured: {accuracy['top1']:.1f} % top-1 and {accuracy['top5']:.1f} % top-5 on {accuracy['images']:,} "
        f"validation images at {accuracy['input_size']} px."
    )


def earlier_readings_sentence(card: Card) -> str:
    readings = card.get("earlier_readings", [])
    if not readings:
        return ""
    told = "; ".join(
        f"{reading['top1']:.2f} % top-1 and {reading['top5']:.2f} % top-5 at {reading['input_size']} px "
        f"({reading['preprocessing'].rstrip('.')})"
        for reading in readings
    )
    return f"The validation images had been read for this file before: {told}."


def calibration_sentence(card: Card) -> str:
    error = card.get("expected_calibration_error")
    if error is None:
        return ""
    return (
        f"Expected calibration error {error:.1f} %: how far, on average, the probability that it gives its answer lies from "
        "how often such answers are right."
    )


def pointing_sentence(card: Card) -> str:
    game = card.get("pointing_game")
    if not game:
        return ""
    return (
        f"Pointing game: the peak of Grad-CAM at the last block lies in the object's box on {game['grad_cam']:.1f} % of "
        f"{game['images']:,} validation images; the middle of the image does on {game['centre']:.1f} %."
    )


def twin_sentence(card: Card) -> str:
    difference = card.get("twin_difference")
    if not difference:
        return ""
    low, high = difference["low"], difference["high"]
    verdict = (
        "The interval holds 0, so these images do not tell which is better."
        if low <= 0 <= high
        else f"So on images like these `{difference['first' if low > 0 else 'second']}` is the better one."
    )
    sizes = difference["input_sizes"]
    first, second = sizes[difference["first"]], sizes[difference["second"]]
    at = f"at {first} px" if first == second else f"each at its default input size, {first} and {second} px"
    return (
        f"Twins: top-1 of `{difference['first']}` minus top-1 of `{difference['second']}` is "
        f"{_signed(difference['difference'])} points on the same {difference['images']:,} validation images, {at} (95 % "
        f"interval {_signed(low)} to {_signed(high)}). {verdict} One seed each: it speaks for these two files, not for SimAM at large."
    )


def fact_rows(card: Card) -> list[Row]:
    """How the network was made and how big it is, as name and value (Markdown)."""
    facts = {
        "Recipe": card.get("recipe"),
        "Command": _code(card.get("command")),
        "Seed": card.get("seed"),
        "Training time": _duration(card.get("training_seconds")),
        "Hardware": card.get("hardware"),
        "Input sizes": card.get("input_size_rule"),
        "Preprocessing": card.get("preprocessing"),
        "Parameters": _count(card.get("parameters")),
        "Multiply–adds an image": _count(card.get("multiply_adds")),
        "File": _code(card.get("file")),
        "Bytes": _count(card.get("bytes")),
        "SHA-256": _code(card.get("sha256")),
    }
    return [{"fact": name, "value": str(value)} for name, value in facts.items() if value not in (None, "")]


def size_rows(card: Card) -> list[Row]:
    """Accuracy by input size, the smallest first."""
    values = card.get("accuracy_by_input_size", {}).get("values", {})
    return [
        {"input (px)": int(size), "top-1 (%)": measured["top1"], "top-5 (%)": measured["top5"]}
        for size, measured in sorted(values.items(), key=lambda item: int(item[0]))
    ]


def class_rows(card: Card, best: int | None = None) -> list[Row]:
    """Top-1 of every class, the best first; with ``best``, only so many from either end."""
    rows = [
        {"class": short_name(name), "top-1 (%)": share}
        for name, share in zip(card.get("categories", []), card.get("class_accuracy", []), strict=False)
        if share is not None
    ]
    rows.sort(key=lambda row: -row["top-1 (%)"])
    return rows if best is None or len(rows) <= 2 * best else rows[:best] + rows[-best:]


def confused_rows(card: Card, most: int = 10) -> list[Row]:
    """The most frequent mistakes on the validation images."""
    return [
        {"true class": short_name(pair["true"]), "taken for": short_name(pair["predicted"]), "images": pair["images"]}
        for pair in card.get("confused_pairs", [])[:most]
    ]


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
