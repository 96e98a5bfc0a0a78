"""A card in which everything is said, and made up."""

from __future__ import annotations

from simam_viz.checkpoints.card import Card

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
