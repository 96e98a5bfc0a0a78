"""What detectors return → boxes with a class and a score each, of torchvision's kind and of YOLO's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_convert, box_iou

from ..wording import _

_OFFERED = 10
"""So many boxes are offered where none passes the threshold."""
_MOST_OFFERED = 25
"""And no more than so many where more pass it."""
_MOST = 300
_OVERLAP = 0.7


@dataclass(frozen=True, eq=False)
class Boxes:
    """What was found in one image, the best first."""

    places: Tensor
    """(M, 4): left, top, right, bottom, in pixels of the network's input."""
    logits: Tensor
    """(M,): each box's score before the sigmoid, with its graph."""
    labels: Tensor
    """(M,): the class of each."""
    passing: int
    """How many of them, the first, passed the threshold."""

    @property
    def offered(self) -> int:
        """How many of them, the first, are worth a look: those that passed, 25 at most, or, if none did, the ten best."""
        return min(self.passing, _MOST_OFFERED) or min(_OFFERED, len(self.labels))


def unsquashed(probabilities: Tensor) -> Tensor:
    """The logit of each probability; its gradient undoes the sigmoid's, to the last digit unless that had rounded to 0 or 1."""
    least = torch.finfo(probabilities.dtype).tiny
    inside = probabilities.clamp(least, 1 - torch.finfo(probabilities.dtype).eps / 2)
    return inside.log() - (-inside).log1p()


def looks_like(answer: Any) -> bool:
    """Whether an answer is a list of what was found in each image, as torchvision's detectors return it."""
    return (
        isinstance(answer, (list, tuple))
        and len(answer) > 0
        and all(isinstance(found, Mapping) and {"boxes", "scores", "labels"} <= found.keys() for found in answer)
    )


def greatest_label(answer: Any) -> int:
    """The greatest class in an answer; −1 where it has none."""
    if not looks_like(answer):
        return -1
    return max((int(found["labels"].max()) for found in answer if len(found["labels"])), default=-1)


def classes_of(model: nn.Module) -> int | None:
    """How many classes a detector tells apart, as its own layers say; ``None`` if they do not."""
    for module in reversed(list(model.modules())):
        if isinstance(number := getattr(module, "nc", None), int):
            return number
        if isinstance(layer := getattr(module, "cls_score", None), nn.Linear):
            return layer.out_features
        if hasattr(module, "cls_logits") and isinstance(number := getattr(module, "num_classes", None), int):
            return number
        if type(module).__name__ in ("SSDClassificationHead", "SSDLiteClassificationHead"):
            return int(str(module.num_columns))
    return None


def lowered(model: nn.Module) -> float | None:
    """Let a private copy of a detector return what does not pass its threshold, too; returns the threshold that it had."""
    had = None
    for module in model.modules():
        if isinstance(threshold := getattr(module, "score_thresh", None), float):
            had = threshold
            setattr(module, "score_thresh", 0.0)  # noqa: B010  (PyTorch takes all attributes for tensors or modules)
    return had


def read(answer: Any, classes: int | None, threshold: float) -> list[Boxes]:
    """The boxes of each image.

    Args:
        answer: torchvision's list of dicts; or a tensor, or a tuple that begins with one: (N, 4 + K, A) as YOLOs have it
            from version 8 on (centre, width and height, and the probability of each of K classes, at A places), (N, A, 5 + K)
            of those before, or (N, A, 6) of those that need no suppression (corners, score, class).
        classes: K.
        threshold: the score that a box must reach to count; where none does, the ten best are given.

    Raises:
        ValueError: the answer is none of these.
    """
    if looks_like(answer):
        return [_kept(found["boxes"], found["scores"], found["labels"], threshold) for found in answer]
    while isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]
    if isinstance(answer, Tensor) and answer.dim() == 3 and classes:
        if answer.shape[1] == 4 + classes:
            found = answer.transpose(1, 2)
            return [_suppressed(box_convert(one[:, :4], "cxcywh", "xyxy"), one[:, 4:], threshold) for one in found]
        if answer.shape[2] == 5 + classes and answer.shape[1] > 6:
            return [
                _suppressed(box_convert(one[:, :4], "cxcywh", "xyxy"), one[:, 4:5] * one[:, 5:], threshold)
                for one in answer
            ]
        if answer.shape[2] == 6:
            return [_kept(one[:, :4], one[:, 4], one[:, 5].long(), threshold) for one in answer]
        if 4 + classes < answer.shape[1] < answer.shape[2]:  # and a mask's coefficients, key points or an angle
            found = answer.transpose(1, 2)
            return [
                _suppressed(box_convert(one[:, :4], "cxcywh", "xyxy"), one[:, 4 : 4 + classes], threshold)
                for one in found
            ]
    raise ValueError(
        _(
            "The network's answer is not understood as boxes (torchvision's list of dicts, or a YOLO's tensor): give score=…, a "
            "function that takes what the network returns to scores (N, K)."
        )
    )


def class_scores(found: list[Boxes], classes: int, near: tuple[float, float, float, float] | None = None) -> Tensor:
    """The logit of each class's best box in each image, (N, K); −∞ where it has none.

    Args:
        found: from :func:`read`.
        classes: K.
        near: of each class, the box that overlaps this one most instead: left, top, right, bottom.
    """
    rows = []
    for one in found:
        scores: list[Tensor] = []
        nowhere = one.logits.new_full((), -math.inf)
        for index in range(classes):
            of_class = (one.labels == index).nonzero()[:, 0]
            if not len(of_class):
                scores.append(nowhere)
                continue
            best = of_class[0]
            if near is not None:
                best = of_class[nearest(one.places[of_class].detach(), near)]
            scores.append(one.logits[best])
        rows.append(torch.stack(scores))
    return torch.stack(rows)


def nearest(places: Tensor, near: tuple[float, float, float, float]) -> int:
    """Which of some boxes (M, 4) overlaps another most; where none does, whose sides are closest to its."""
    target = places.new_tensor([near])
    overlaps = box_iou(places, target)[:, 0].nan_to_num(0)  # two boxes without an area divide 0 by 0
    distances = (places - target).abs().sum(dim=1)
    same = distances <= 1e-6 * target.abs().sum()
    if bool(overlaps.any()) and not bool(same.any()):
        return int(overlaps.argmax())
    return int(distances.argmin())


def _suppressed(places: Tensor, probabilities: Tensor, threshold: float) -> Boxes:
    """The boxes of one image that no better one of their class overlaps."""
    scores, labels = probabilities.max(dim=1)
    likely = scores.detach().topk(min(len(scores), 4 * _MOST)).indices
    # A class that wins nowhere has a best box, too.
    likely = torch.cat([likely, probabilities.detach().argmax(dim=0)])
    of_best = torch.cat(
        [labels[likely[: -probabilities.shape[1]]], torch.arange(probabilities.shape[1], device=labels.device)]
    )
    chosen = probabilities[likely, of_best]
    keep = batched_nms(places[likely].detach().float(), chosen.detach().float(), of_best, _OVERLAP)
    return _kept(places[likely][keep], chosen[keep], of_best[keep], threshold)


def _kept(places: Tensor, scores: Tensor, labels: Tensor, threshold: float) -> Boxes:
    order = scores.detach().argsort(descending=True, stable=True)
    passing = int((scores.detach() >= threshold).sum())
    return Boxes(places[order], unsquashed(scores[order].float()), labels[order], passing)
