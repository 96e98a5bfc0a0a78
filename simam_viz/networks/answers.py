"""What a network returns → the scores of its classes, their probabilities, and the number that heat maps explain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ..wording import _, enumeration
from . import boxes
from .boxes import Boxes, unsquashed

Kind = Literal["classes", "labels", "pixels", "boxes", "embedding", "regression"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Squashed = Literal["", "softmax", "sigmoid"]

_SAYS_MOST = ("logits", "out", "scores", "pred", "preds", "prediction", "predictions", "output", "outputs")
"""Entries under which networks of the usual libraries return their answer, beside others."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked about an answer, beside a class."""

    region: Tensor | tuple[int, int] | Literal["predicted"] | None = None
    """Of an answer for every pixel: a mask (H, W), true where it counts; the row and column of one pixel of the view; or
    wherever each class is the predicted one (where it is nowhere, all positions)."""
    box: tuple[float, float, float, float] | None = None
    """Of a detector: the box meant, as left, top, right, bottom in pixels of the view."""
    reference: Tensor | None = None
    """Of an embedding: that of the photo to compare with, (D,)."""
    view: tuple[int, int] = (1, 1)
    """Height and width of what the network sees."""


NOTHING_ELSE = Question()


@dataclass(frozen=True)
class Output:
    """How the answers of one network are to be read."""

    kind: Kind = "classes"
    score: Callable[[Any], Tensor] | None = None
    """What the network returns → scores (N, K), where somebody says how."""
    squashed: Squashed = ""
    """What the answers went through already: then they are probabilities."""
    classes: int | None = None
    """K of a detector, whose boxes do not tell it."""
    threshold: float = 0.25
    """The score from which on a detector's box counts."""
    temperature: float = 1.0
    """What logits are divided by before they become probabilities, so that these say how often answers are right.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 9.
    """

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores mean probabilities."""
        return self.kind not in ("embedding", "regression")

    @property
    def yes_or_no(self) -> bool:
        """Whether one score alone means a yes and a no."""
        return self.kind in ("classes", "labels", "pixels")

    def names_needed(self, scores: int) -> int:
        """How many names go with so many scores: two for one that means yes or no."""
        return 2 if scores == 1 and self.yes_or_no else scores

    def logits(self, answer: Any, question: Question | None = None) -> Tensor:
        """The scores (N, K) before softmax or sigmoid; of an embedding its similarity, of a regression its values.

        Of an answer for every pixel, the mean over the positions that are asked about; of a detector, the score of each
        class's best box, −∞ where it has none.

        Raises:
            ValueError: the answer has no such scores; one sentence says why.
        """
        question = question or NOTHING_ELSE
        if self.kind == "boxes" and self.score is None:
            return boxes.class_scores(self.boxes(answer), self.classes or 1, question.box)
        scores = self.score(answer) if self.score else main_part(answer)
        if not isinstance(scores, Tensor):
            raise ValueError(_("score= must return a tensor (N, K), and not {kind}.", kind=type(scores).__name__))
        if self.kind == "pixels" and self.score is None:
            scores = _over_positions(scores, question)
        elif scores.dim() > 2 and scores.shape[2:].numel() == 1:
            scores = scores.flatten(1)
        if self.kind == "regression" and scores.dim() == 1:
            scores = scores[:, None]
        if scores.dim() != 2 or not scores.shape[1]:
            raise ValueError(_not_scores(scores, self))
        if not scores.is_floating_point():
            raise ValueError(
                _("The network's answer is of {dtype}: decisions have no gradient; give score=….", dtype=scores.dtype)
            )
        scores = scores if scores.dtype is torch.float64 else scores.float()
        if self.kind == "embedding":
            if question.reference is None:
                raise ValueError(_("An embedding is explained by its similarity to a second photo: give reference=…."))
            return F.cosine_similarity(scores, question.reference.to(scores)[None], dim=1)[:, None]
        if self.squashed == "sigmoid" or (self.squashed and scores.shape[1] == 1):
            return unsquashed(scores)
        return scores.clamp_min(torch.finfo(scores.dtype).tiny).log() if self.squashed else scores

    def boxes(self, answer: Any) -> list[Boxes]:
        """What a detector found in each image, the best first."""
        return boxes.read(answer, self.classes, self.threshold)

    def embedding(self, answer: Any) -> Tensor:
        """What an image of an embedding network becomes, (N, D)."""
        scores = self.score(answer) if self.score else main_part(answer)
        return scores.flatten(1)

    def explained(self, logits: Tensor) -> Tensor:
        """The number of each class that is explained, from logits (…, K): the class's logit, (…, K).

        One output that answers yes or no: (…, 2), the logit of yes and, for no, the same with the other sign.
        """
        if logits.shape[-1] == 1 and self.yes_or_no:
            return torch.cat([logits, -logits], dim=-1)
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of logits (…, K) over the temperature: their softmax, or the sigmoid of each where labels or boxes do not exclude others.

        Of one output, σ of it and 1 − σ, the probabilities of yes and of no, (…, 2).

        Raises:
            ValueError: an embedding or a regression has no probabilities.
        """
        if not self.has_probabilities:
            raise ValueError(
                _("The answers of this network are no probabilities; read its logits, which are its values.")
            )
        logits = logits / self.temperature
        if self.kind in ("labels", "boxes") or logits.shape[-1] == 1:
            return self.explained(logits).sigmoid()
        return logits.softmax(dim=-1)


CLASSES = Output()
"""Of a classifier: logits (N, K)."""


def main_part(answer: Any) -> Any:
    """The tensor among what a network returns that is its answer: the first of a tuple, ``logits`` of a dict or a dataclass.

    Raises:
        ValueError: nothing says which one is meant.
    """
    if isinstance(answer, Tensor):
        return answer
    if dataclasses.is_dataclass(answer) and not isinstance(answer, (type, Mapping)):
        answer = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    if isinstance(answer, Mapping):
        filled = {str(name): part for name, part in answer.items() if part is not None}
        for name in _SAYS_MOST:
            if name in filled:
                return main_part(filled[name])
        if len(filled) == 1:
            return main_part(next(iter(filled.values())))
        raise ValueError(
            _(
                "The network returns {names}, of which none is known to be its answer: give score=…, a function that takes "
                "what the network returns to scores (N, K).",
                names=enumeration(filled) or "{}",
            )
        )
    if isinstance(answer, (tuple, list)):
        for part in answer:
            if part is not None:
                return main_part(part)
    raise ValueError(
        _(
            "The network returns {kind}, in which no scores are found: give score=…, a function that takes what the network "
            "returns to scores (N, K).",
            kind=type(answer).__name__,
        )
    )


def understood(
    answer: Any, kind: Kind | Literal["auto"], score: Callable[[Any], Tensor] | None, dims: int, detects: int | None
) -> Output:
    """How to read a network's answers, from one of them.

    Args:
        answer: what the network returned for one input, with its graph.
        kind: what somebody says it is; ``"auto"`` finds out.
        score: as :class:`Output` has it.
        dims: of the network's input: 4 for (N, C, H, W).
        detects: how many classes the network detects, if it is a detector that says so.

    Raises:
        ValueError: the answer cannot be understood; one sentence says why, and what helps.
    """
    if kind not in ("auto", *KINDS):
        raise ValueError(_("output must be one of auto, {kinds}, not {kind!r}.", kinds=enumeration(KINDS), kind=kind))
    if score is not None:
        output = Output("classes" if kind == "auto" else kind, score)
    elif kind == "boxes" or (kind == "auto" and (boxes.looks_like(answer) or detects)):
        output = Output("boxes", classes=detects or boxes.greatest_label(answer) + 1)
    else:
        part = main_part(answer)
        assert isinstance(part, Tensor)
        spread = part.dim() == dims and part.shape[2:].numel() > 1
        meant: Kind = ("pixels" if spread else "classes") if kind == "auto" else kind
        squashed = _squashed(part) if meant in ("classes", "labels", "pixels") else ""
        if kind == "auto" and squashed == "sigmoid" and part.dim() > 1 and part.shape[1] > 1 and not spread:
            meant = "labels"
        output = Output(meant, squashed=squashed)
    if output.kind == "embedding":
        return output
    logits = output.logits(answer)
    if not logits.requires_grad and bool(logits.isfinite().any()):  # a detector that found nothing tells nothing
        raise ValueError(
            _(
                "No heat map can be made: the network's answer has no gradient, because its forward pass switches gradients "
                "off or returns decisions."
            )
        )
    return output


def both_names(categories: Sequence[str], output: Output = CLASSES) -> tuple[str, ...]:
    """Names of all classes where ``categories`` may name one alone: “defect” stands for “defect” and “not defect”.

    Two names given for one output are its yes and its no, in this order.
    """
    names = tuple(categories)
    return (names[0], f"not {names[0]}") if len(names) == 1 and output.yes_or_no else names


def _over_positions(scores: Tensor, question: Question) -> Tensor:
    """The mean score over the positions that are asked about, (N, K), of scores (N, K, h, w)."""
    if scores.dim() < 3:
        raise ValueError(_not_scores(scores, Output("pixels")))
    region = question.region
    if region is None:
        return scores.flatten(2).mean(dim=2)
    if scores.dim() != 4:
        raise ValueError(_("A region can be chosen on pictures only."))
    height, width = scores.shape[2:]
    if isinstance(region, str):
        if scores.shape[1] == 1:
            won = scores.detach() > 0
        else:
            won = F.one_hot(scores.detach().argmax(dim=1), scores.shape[1]).movedim(-1, 1).bool()
        won = won | ~won.flatten(2).any(dim=2)[..., None, None]
        return (scores * won).sum(dim=(2, 3)) / won.sum(dim=(2, 3))
    if isinstance(region, tuple):
        row, column = (
            min(int(at * side / whole), side - 1)
            for at, side, whole in zip(region, (height, width), question.view, strict=True)
        )
        return scores[:, :, row, column]
    mask = F.interpolate(region.to(scores)[None, None], (height, width), mode="area")[0, 0]
    if not float(mask.sum()):
        raise ValueError(_("The region is empty; mark at least one pixel of it."))
    return (scores * mask).sum(dim=(2, 3)) / mask.sum()


def _squashed(part: Tensor) -> Squashed:
    """Whether answers (N, K, …) are probabilities: known by the last operation or, of several classes, by their values."""
    step = part.grad_fn
    while step is not None and step.name() in (
        "ViewBackward0",
        "ReshapeAliasBackward0",
        "SqueezeBackward1",
        "ToCopyBackward0",
    ):
        step = step.next_functions[0][0]
    known: dict[str, Squashed] = {"SigmoidBackward0": "sigmoid", "SoftmaxBackward0": "softmax"}
    if step is not None and (squashed := known.get(step.name())):
        return squashed
    values = part.detach().cpu().double()
    if values.dim() > 1 and values.shape[1] > 1 and bool((values >= 0).all()):
        sums = values.sum(dim=1)
        if bool(((sums - 1).abs() <= 1e-4).all()):
            return "softmax"
    return ""


def _not_scores(scores: Tensor, output: Output) -> str:
    shape = " × ".join(map(str, scores.shape)) or "()"
    if scores.dim() == 1:
        return _(
            'The network answers with one number a photo ({shape}): say output="regression", or give score=….',
            shape=shape,
        )
    return _(
        "The network's answer has the shape {shape}, which is not understood as {kind}: say what it is with output=…, or give "
        "score=…, a function that takes what the network returns to scores (N, K).",
        shape=shape,
        kind=output.kind,
    )
