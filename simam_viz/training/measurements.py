"""What a card says of a network that had to be measured: on the held-out images, then once on the validation images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint
from ..evaluation.accuracy import Answers, accuracy_entry, evaluate, top_k_accuracy
from ..evaluation.assessment import class_accuracy, confused_pairs, expected_calibration_error, right_answers
from ..evaluation.image_sets import ImageSet, LabelledImages
from ..evaluation.pointing_game import centre_blob, evaluate_and_explain, pointing_hits
from ..photos.samples import list_samples
from ..wording import _
from .description import Card
from .siblings import pack_bits

TOLERATED_LOSS = 1.0
"""Percentage points of held-out top-1 that may be given up for a larger input, and with it finer maps."""

BySize = dict[int, Answers]
"""Answers to the same images at each input size in pixels."""

KNOWN_LOGIT_TOLERANCE = 0.05
"""What another processor or another JPEG decoder may change a logit by: one grey level up or down on every pixel, at
random, moved the SimAM network's by 0.02 to 0.06, where logits of one sample spread over eight to ten units."""


def default_size(top1: dict[int, float]) -> int:
    """The largest size (pixels) whose top-1 (percent) lies within :data:`TOLERATED_LOSS` points of the best."""
    best = max(top1.values())
    return max(size for size, value in top1.items() if best - value <= TOLERATED_LOSS + 1e-9)


def mean_accuracy(measured: Iterable[BySize]) -> dict[int, float]:
    """Top-1 in percent at each input size, the mean over networks and over the data sets that they were measured on."""
    each = [{px: top_k_accuracy(answers.places, 1) for px, answers in by_size.items()} for by_size in measured]
    return {px: sum(one[px] for one in each) / len(each) for px in each[0]}


def measure_sizes(
    loaded: LoadedCheckpoint, images: LabelledImages, sizes: Iterable[int], told: str, report: Callable[[str], None]
) -> BySize:
    """The answers to all images at each input size; ``told`` is what the images are called in a report's line."""
    measured = {}
    for px in sizes:
        found = [answers for answers in evaluate(loaded, images, px) if isinstance(answers, Answers)]
        measured[px] = answers = Answers(torch.cat([a.logits for a in found]), torch.cat([a.labels for a in found]))
        report(
            _(
                "{images:,} {kind} at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %",
                images=len(answers.labels),
                kind=_(told),
                px=px,
                top1=top_k_accuracy(answers.places, 1),
                top5=top_k_accuracy(answers.places, 5),
            )
        )
    return measured


def size_entry(measured: BySize, how: str) -> Card:
    """What a card says of :func:`measure_sizes`."""
    values = {}
    for px, answers in measured.items():
        top1, top5 = (round(top_k_accuracy(answers.places, k), 2) for k in (1, 5))
        values[str(px)] = {"top1": top1, "top5": top5}
    return {"images": len(next(iter(measured.values())).labels), "how": how, "values": values}


def measure_validation(
    loaded: LoadedCheckpoint, images: ImageSet, boxes: Tensor, px: int, temperature: float = 1.0
) -> Card:
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
        "expected_calibration_error": round(expected_calibration_error(logits, labels, temperature=temperature), 2),
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
