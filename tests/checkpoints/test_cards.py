"""What a person reads of a card: whole cards, old ones and empty ones."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from simam_viz.checkpoints import sentences
from simam_viz.checkpoints.card import Card
from simam_viz.checkpoints.store import BUNDLED_FOLDER, list_checkpoints
from simam_viz.draw import charts
from tests.helpers.cards import CARD
from tests.helpers.project import ROOT


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


FIRST = """
import sys, threading
from pathlib import Path
from simam_viz.checkpoints.card import Card
from simam_viz.draw.paper import description
sys.setswitchinterval(1e-6)
data, together = Path(sys.argv[1]).read_bytes(), threading.Barrier(16)
def first():
    together.wait()
    Card.read(data, "card.json")
    description.described({"networks": ["on", "off"]})
threads = [threading.Thread(target=first) for _ in range(16)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
print("all")
"""


@pytest.mark.long
def test_many_may_be_the_first_to_read_a_card() -> None:
    """As on a server that has just started: what reads cards crashed the process when two were the first."""
    card = BUNDLED_FOLDER / "simam_resnet18-tinyimagenet.json"
    done = subprocess.run(
        [sys.executable, "-c", FIRST, str(card)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "all\n")
