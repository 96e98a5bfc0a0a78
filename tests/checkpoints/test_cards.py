"""What a person reads of a card: whole cards, old ones and empty ones."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from simam_viz.checkpoints import sentences
from simam_viz.checkpoints.card import Card
from simam_viz.checkpoints.loading import list_checkpoints
from simam_viz.draw import charts

CARD = Card.of({
    "accuracy": {"top1": 56.25, "top5": 79.0, "images": 10000, "input_size": 192},
    "expected_calibration_error": 4.25,
    "pointing_game": {"grad_cam": 61.5, "centre": 52.0, "images": 10000},
    "twin_difference": {"first": "a", "second": "b", "difference": -1.5, "low": -2.25, "high": -0.75, "images": 10000,
                        "input_sizes": {"a": 192, "b": 160}},
    "accuracy_by_input_size": {"values": {"128": {"top1": 55.0, "top5": 78.0}, "96": {"top1": 50.0, "top5": 75.0}}},
    "categories": ["one, uno", "two", "three", "four", "five"],
    "class_accuracy": [10.0, 90.0, None, 50.0, 30.0],
    "confused_pairs": [{"true": "one, uno", "predicted": "two", "images": 9}, {"true": "two", "predicted": "one, uno", "images": 4}],
    "training_seconds": 9290,
    "parameters": 11279112,
    "seed": 0,
    "curves": [
        {"epoch": 1, "px": 64, "seconds": 9.0, "train_loss": 5.0, "top1": 5.0, "top5": 15.0},
        {"epoch": 2, "px": 64, "seconds": 18.0, "train_loss": 4.5, "top1": 9.0, "top5": 25.0},
        {"epoch": 3, "px": 96, "seconds": 30.0, "train_loss": 4.0, "top1": 15.0, "top5": 35.0},
    ],
})  # fmt: skip


def test_sentences_tell_the_numbers() -> None:
    assert "56.2 % top-1 and 79.0 % top-5 on 10,000 validation images at 192 px" in sentences.accuracy_sentence(CARD)
    assert "4.2 %" in sentences.calibration_sentence(CARD)
    assert re.search(r"61\.5 % of 10,000.*52\.0 %", sentences.pointing_sentence(CARD))
    reading = {"top1": 54.1, "top5": 78.5, "input_size": 160, "preprocessing": "Resized (bicubic)."}
    assert "54.10 % top-1 and 78.50 % top-5 at 160 px (Resized (bicubic))." in sentences.earlier_readings_sentence(
        Card.of({"earlier_readings": [reading]})
    )
    sentence = sentences.twin_sentence(CARD)
    assert (
        "−1.50 points" in sentence
        and "−2.25 to −0.75" in sentence
        and "192 and 160 px" in sentence
        and "`b` is the better one" in sentence
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-0.1, 0.9, "do not tell which"), (0.1, 0.9, "`a` is the better one")]
)
def test_the_verdict_on_twins_follows_the_interval(low: float, high: float, verdict: str) -> None:
    difference = {**CARD["twin_difference"], "difference": (low + high) / 2, "low": low, "high": high}
    assert verdict in sentences.twin_sentence(Card.of({"twin_difference": difference}))


def test_rows_are_in_order() -> None:
    assert [row["input (px)"] for row in sentences.size_rows(CARD)] == [96, 128]
    assert [tuple(row.values()) for row in sentences.class_rows(CARD)] == [
        ("two", 90.0), ("four", 50.0), ("five", 30.0), ("one", 10.0)
    ]  # fmt: skip
    assert [row["class"] for row in sentences.class_rows(CARD, best=1)] == ["two", "one"]
    assert [tuple(row.values()) for row in sentences.confused_rows(CARD, most=1)] == [("one", "two", 9)]
    facts = {row["fact"]: row["value"] for row in sentences.fact_rows(CARD)}
    assert facts == {"Seed": "0", "Training time": "2 h 35 min", "Parameters": "11,279,112"}


def test_a_card_without_entries_gives_nothing() -> None:
    for sentence in (
        sentences.accuracy_sentence,
        sentences.earlier_readings_sentence,
        sentences.calibration_sentence,
        sentences.pointing_sentence,
        sentences.twin_sentence,
    ):
        assert sentence(Card()) == ""
    for rows in (sentences.size_rows, sentences.class_rows, sentences.confused_rows, sentences.fact_rows):
        assert rows(Card()) == []


def test_bundled_cards_can_be_read() -> None:
    for info in list_checkpoints():
        assert (
            sentences.accuracy_sentence(info.card) and sentences.size_rows(info.card) and sentences.fact_rows(info.card)
        )


def test_learning_curves_mark_where_the_size_changes() -> None:
    spec = charts.learning_curves(CARD["curves"])
    assert [series["data"][-1] for series in spec["series"]] == [[3, 15.0], [3, 35.0], [3, 4.0]]
    marks = spec["series"][0]["markLine"]["data"]
    assert [(mark["xAxis"], mark["label"]["formatter"]) for mark in marks] == [(0.5, "64 px"), (2.5, "96 px")]


def test_the_card_is_on_screen() -> None:
    def page(entries: dict) -> None:
        import simam_viz
        from simam_viz.app.screens.models import shown_card
        from simam_viz.app.widgets import takeaway
        from simam_viz.checkpoints.card import Card
        from simam_viz.checkpoints.loading import LoadedCheckpoint, Transforms

        takeaway.begin()
        card, model = Card.of(entries), simam_viz.create_model("resnet18", num_classes=5)
        shown_card.classes_known(LoadedCheckpoint("a", model, Transforms(), card.categories, 0.1, card))

    app = AppTest.from_function(page, kwargs={"entries": dict(CARD)}, default_timeout=30).run()
    assert not app.exception
    text = " ".join(markdown.value for markdown in app.markdown)
    for part in ("56.2 %", "Expected calibration error", "Pointing game", "−1.50 points", "2 h 35 min", "one, uno"):
        assert part in text
    assert [len(table.value) for table in app.dataframe] == [2, 4, 2]
