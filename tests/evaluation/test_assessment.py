"""What cards say: each measure against a slow, plain computation."""

from __future__ import annotations

import pytest
import torch

from simam_viz.evaluation import assessment, pointing_game

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(500, 7, generator=GENERATOR) * 2
LABELS = torch.where(
    torch.rand(500, generator=GENERATOR) < 0.5, LOGITS.argmax(dim=1), torch.randint(0, 7, (500,), generator=GENERATOR)
)


def test_class_accuracy() -> None:
    result = assessment.class_accuracy(LOGITS, LABELS)
    for label in range(7):
        answers = LOGITS[label == LABELS].argmax(dim=1).tolist()
        assert float(result[label]) == pytest.approx(100 * answers.count(label) / len(answers))


def test_confused_pairs_are_counted_and_ordered() -> None:
    pairs = assessment.confused_pairs(LOGITS, LABELS, k=5)
    answers = list(zip(LABELS.tolist(), LOGITS.argmax(dim=1).tolist(), strict=True))
    assert all(true != said and answers.count((true, said)) == count for true, said, count in pairs)
    assert [count for *_, count in pairs] == sorted((count for *_, count in pairs), reverse=True)
    worst = max(answers.count((a, b)) for a in range(7) for b in range(7) if a != b)
    assert pairs[0][2] == worst
    assert assessment.confused_pairs(torch.eye(3), torch.arange(3)) == []


def test_expected_calibration_error() -> None:
    probabilities = LOGITS.softmax(dim=1)
    total = 0.0
    for index in range(15):
        inside = [
            (float(p.max()), int(p.argmax()) == label)
            for p, label in zip(probabilities, LABELS.tolist(), strict=True)
            if index / 15 < float(p.max()) <= (index + 1) / 15
        ]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            accuracy = sum(hit for _, hit in inside) / len(inside)
            total += len(inside) / 500 * abs(confidence - accuracy)
    assert assessment.expected_calibration_error(LOGITS, LABELS) == pytest.approx(100 * total, abs=1e-4)
    certain = torch.eye(4) * 100
    assert assessment.expected_calibration_error(certain, torch.arange(4)) == pytest.approx(0, abs=1e-4)
    assert assessment.expected_calibration_error(certain, (torch.arange(4) + 1) % 4) == pytest.approx(100, abs=1e-4)


def test_paired_difference_and_how_often_its_interval_holds() -> None:
    """Two networks that are right with 60 % and 55 %: the interval holds the true 5 points about 95 times in 100."""
    held = 0
    for seed in range(300):
        generator = torch.Generator().manual_seed(seed)
        first, second = (torch.rand(800, generator=generator) < rate for rate in (0.60, 0.55))
        result = assessment.paired_difference(first, second)
        assert result.difference == pytest.approx(100 * (result.only_first - result.only_second) / 800)
        held += result.low <= 5 <= result.high
    assert 0.91 <= held / 300 <= 0.985


def test_pointing_game() -> None:
    maps = torch.zeros(4, 4, 4)
    maps[0, 1, 2] = 1  # its centre is x = 40, y = 24 of 64
    maps[1, 1, 2] = 1
    maps[2, 3, 0] = 1  # x = 8, y = 56
    boxes = torch.tensor([[35, 20, 45, 30], [0, 0, 39, 63], [0, 50, 63, 63], [0, 0, 63, 63]])
    assert pointing_game.pointing_hits(maps, boxes, 64).tolist() == [True, True, True, False]
    assert not pointing_game.pointing_hits(maps[1:2], torch.tensor([[0, 0, 38, 63]]), 64).any()
    blob = pointing_game.centre_blob(9)
    assert divmod(int(blob.argmax()), 9) == (4, 4)


def test_the_fitted_temperature_is_the_likeliest() -> None:
    """Against a fine grid; and labels drawn at a known temperature give that temperature back."""

    def loss(temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(LOGITS.double() / temperature, LABELS))

    fitted = assessment.fitted_temperature(LOGITS, LABELS)
    assert fitted == pytest.approx(min((0.01 * step for step in range(20, 600)), key=loss), abs=0.006)
    logits = torch.randn(40_000, 5, generator=torch.Generator().manual_seed(1)) * 3
    for true in (0.6, 1.7):
        drawn = torch.multinomial((logits / true).softmax(1), 1, generator=torch.Generator().manual_seed(2))[:, 0]
        assert assessment.fitted_temperature(logits, drawn) == pytest.approx(true, rel=0.03)


def test_a_temperature_changes_certainty_and_no_answer() -> None:
    cooled = assessment.expected_calibration_error(LOGITS / 0.5, LABELS)
    assert assessment.expected_calibration_error(LOGITS, LABELS, temperature=0.5) == pytest.approx(cooled)
    right = torch.eye(3) * 9
    assert 0.01 <= assessment.fitted_temperature(right, torch.arange(3)) <= 1


def test_intervals_of_many_pairs_are_wider_by_bonferroni() -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = (torch.rand(2000, generator=generator) < rate for rate in (0.6, 0.57))
    one, ten = (assessment.paired_difference(first, second, pairs) for pairs in (1, 10))
    # Two-sided normal quantiles of 5 % and of 0.5 %, from a table.
    assert (ten.high - ten.low) / (one.high - one.low) == pytest.approx(2.807034 / 1.959964, rel=1e-5)
    assert ten.difference == one.difference
