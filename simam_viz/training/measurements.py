"""What a card says of a network that had to be measured: on the held-out images, then once on the validation images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint
from ..evaluation.accuracy import accuracy_entry, places, top_k_accuracy
from ..evaluation.assessment import class_accuracy, confused_pairs, expected_calibration_error, right_answers
from ..evaluation.image_sets import ImageSet
from ..evaluation.pointing_game import centre_blob, evaluate_and_explain, pointing_hits
from ..photos.samples import list_samples
from ..wording import _
from .description import Card
from .siblings import pack_bits

TOLERATED_LOSS = 1.0
"""Percentage points of held-out top-1 that may be given up for a larger input, and with it finer maps."""

KNOWN_LOGIT_TOLERANCE = 0.05
"""What another processor or another JPEG decoder may change a logit by: one grey level up or down on every pixel, at
random, moved the SimAM network's by 0.02 to 0.06, where logits of one sample spread over eight to ten units."""


def default_size(top1: dict[int, float]) -> int:
    """The largest size (pixels) whose top-1 (percent) lies within :data:`TOLERATED_LOSS` points of the best."""
    best = max(top1.values())
    return max(size for size, value in top1.items() if best - value <= TOLERATED_LOSS + 1e-9)


def measure_sizes(
    loaded: LoadedCheckpoint, held_out: ImageSet, sizes: Iterable[int], report: Callable[[str], None]
) -> dict[int, tuple[float, float]]:
    """Top-1 and top-5 in percent on the held-out images at each input size."""
    measured = {}
    for px in sizes:
        found = [place for place in places(loaded, held_out, px) if isinstance(place, int)]
        measured[px] = top1, top5 = top_k_accuracy(found, 1), top_k_accuracy(found, 5)
        report(
            _(
                "{images:,} held-out images at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %",
                images=len(held_out),
                px=px,
                top1=top1,
                top5=top5,
            )
        )
    return measured


def size_entries(sizes: dict[int, tuple[float, float]], images: int) -> Card:
    """What a card says of :func:`measure_sizes` on so many images."""
    return {
        "input_size_rule": f"The largest of {', '.join(map(str, sizes))} px whose top-1 on the held-out images lies "
        f"within {TOLERATED_LOSS:g} point of the best: heat maps want resolution.",
        "accuracy_by_input_size": {
            "images": images,
            "how": f"the {images:,} training images held out, this file, float32, the preprocessing of the app",
            "values": {str(px): {"top1": round(top1, 2), "top5": round(top5, 2)} for px, (top1, top5) in sizes.items()},
        },
    }


def measure_validation(loaded: LoadedCheckpoint, images: ImageSet, boxes: Tensor, px: int) -> Card:
    """Everything a card says of the official validation images, from one pass over them."""
    answers, maps = evaluate_and_explain(loaded, images, px)
    logits, labels = answers.logits, answers.labels
    side = images.images.shape[1]
    middle = centre_blob(9).expand(len(images), -1, -1)  # odd, so that its peak is the very middle
    how = (
        "Tiny ImageNet's official validation images, this file, float32, the preprocessing of the app. Nothing was chosen by "
        "them."
    )
    return {
        "accuracy": accuracy_entry(answers.places, px, how),
        "expected_calibration_error": round(expected_calibration_error(logits, labels), 2),
        "class_accuracy": [
            None if math.isnan(value) else round(value, 1) for value in class_accuracy(logits, labels).tolist()
        ],
        "confused_pairs": [
            {"true": loaded.categories[true], "predicted": loaded.categories[predicted], "images": count}
            for true, predicted, count in confused_pairs(logits, labels)
        ],
        "pointing_game": {
            "grad_cam": _percent(pointing_hits(maps, boxes, side)),
            "centre": _percent(pointing_hits(middle, boxes, side)),
            "images": len(images),
            "how": "How often (percent) the peak of Grad-CAM of the true class, at the output of the last block, lies in "
            "the box of val_annotations.txt; centre: the same for a blob in the middle of every image.",
        },
        "right_answers": {
            "order": "val_annotations.txt",
            "images": len(images),
            "bits": pack_bits(right_answers(logits, labels)),
        },
    }


def earlier_readings(card: Card) -> list[Card]:
    """What earlier readings of the validation images gave for the same file, that of ``card`` the last."""
    reading = {name: card["accuracy"][name] for name in ("top1", "top5", "input_size")}
    return [*card.get("earlier_readings", []), {**reading, "preprocessing": card["preprocessing"]}]


def known_logits(loaded: LoadedCheckpoint, px: int, samples: int = 4, classes: int = 5) -> Card:
    """The highest logits on the first bundled samples: for each sample's name, logits by class number."""
    transforms = replace(loaded.transforms, input_size=px)
    values = {}
    for sample in list_samples()[:samples]:
        with torch.inference_mode():
            logits = loaded.model(transforms(sample.image())[None])[0]
        top = logits.topk(min(classes, len(logits)))
        values[sample.name] = {
            str(index): round(value, 4) for index, value in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        }
    return {"input_size": px, "tolerance": KNOWN_LOGIT_TOLERANCE, "values": values}


def _percent(hits: Tensor) -> float:
    return round(100 * hits.double().mean().item(), 2)
