"""What networks return, read as scores; what cannot be read is refused in one sentence."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from simam_viz.networks.answers import Output, Question, both_names, main_part, understood

Y = torch.tensor([[0.5, -1.0, 2.0]], requires_grad=True)


@dataclass
class Returned:
    loss: Tensor | None
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None


class Mapped(OrderedDict):  # type: ignore[type-arg]
    """As HuggingFace's outputs: a dict whose entries are attributes."""


@pytest.mark.parametrize(
    "answer",
    [Y, (Y, None), [Y, Y + 1], (None, Y), {"logits": Y}, {"out": Y, "aux": Y + 1}, {"anything": Y}, {"out": {"logits": Y}},
     Returned(None, Y), Returned(Y.sum(), Y, (Y + 1,)), Mapped(loss=Y.sum(), logits=Y)],
)  # fmt: skip
def test_the_answer_among_what_is_returned(answer: Any) -> None:
    assert main_part(answer) is Y


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"a": Y, "b": Y}, "a, b"), ({}, r"\{\}"), (None, "NoneType"), (3.0, "float"), ([], "list")],
)
def test_what_has_no_answer(answer: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^The network returns {said}.*give score="):
        main_part(answer)


def read(answer: Any, kind: Any = "auto", **more: Any) -> Output:
    return understood(answer, kind, more.pop("score", None), more.pop("dims", 4), more.pop("detects", None))


def test_probabilities_are_explained_by_their_logarithms() -> None:
    softened = read(Y.softmax(1))
    assert (softened.kind, softened.squashed) == ("classes", "softmax")
    torch.testing.assert_close(softened.probabilities(softened.logits(Y.softmax(1))), Y.softmax(1))
    torch.testing.assert_close(softened.logits(Y.softmax(1)), Y.log_softmax(1))
    # Known by its values where the last operation is another.
    assert read(Y.softmax(1) * 1.0).squashed == "softmax"
    assert read(Y.softmax(1) * 1.001).squashed == ""
    assert read(Y).squashed == read(Y.log_softmax(1)).squashed == read(Y.relu()).squashed == ""


def test_sigmoids_are_labels_and_their_logits_are_explained() -> None:
    several = read(Y.sigmoid())
    assert (several.kind, several.squashed) == ("labels", "sigmoid")
    torch.testing.assert_close(several.logits(Y.sigmoid()), Y)
    torch.testing.assert_close(several.probabilities(Y), Y.sigmoid())
    (gradient,) = torch.autograd.grad(several.logits(Y.sigmoid())[0, 2], Y)
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 0.0, 1.0]]))
    one = read(Y[:, :1].sigmoid())
    assert (one.kind, one.squashed) == ("classes", "sigmoid")
    torch.testing.assert_close(one.logits(Y[:, :1].sigmoid()), Y[:, :1])
    torch.testing.assert_close(one.probabilities(Y[0, :1]).sum(), torch.tensor(1.0))
    far = torch.tensor([[200.0, -200.0]], requires_grad=True)
    assert read(far.sigmoid()).logits(far.sigmoid()).isfinite().all()


def test_pixels() -> None:
    maps = torch.arange(2 * 4 * 6.0).view(1, 2, 4, 6).requires_grad_()
    output = read(maps)
    assert output.kind == "pixels"
    torch.testing.assert_close(output.logits(maps), maps.mean((2, 3)))
    # The view is twice as large as the answer.
    clicked = Question(region=(7, 11), view=(8, 12))
    torch.testing.assert_close(output.logits(maps, clicked), maps[:, :, 3, 5])
    torch.testing.assert_close(output.logits(maps, Question(region=(2, 0), view=(8, 12))), maps[:, :, 1, 0])
    for dtype in (torch.bool, torch.float32, torch.uint8):
        mask = torch.zeros(8, 12, dtype=dtype)
        mask[2:4, 4:8] = 1
        marked = output.logits(maps, Question(region=mask, view=(8, 12)))
        torch.testing.assert_close(marked, maps[:, :, 1, 2:4].mean(2))
    with pytest.raises(ValueError, match="region is empty"):
        output.logits(maps, Question(region=torch.zeros(8, 12), view=(8, 12)))
    with pytest.raises(ValueError, match="3"):
        read(Y, "pixels")
    one = read(maps[:, :1])
    assert one.kind == "pixels" and one.yes_or_no and one.names_needed(1) == 2
    assert read(maps.mean((2, 3), keepdim=True)).kind == "classes", "one position is no map"


def test_regression_and_embedding() -> None:
    values = read(Y[:, 0], "regression")
    torch.testing.assert_close(values.logits(Y[:, 0]), Y[:, :1])
    torch.testing.assert_close(read(Y, "regression").logits(Y), Y)
    with pytest.raises(ValueError, match="no probabilities"):
        values.probabilities(Y)
    embedding = read(Y, "embedding")
    torch.testing.assert_close(
        embedding.logits(Y, Question(reference=2 * Y[0].detach())), torch.ones(1, 1), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ValueError, match="reference="):
        embedding.logits(Y)


def test_half_precision_is_scored_in_single() -> None:
    assert read(Y.half()).logits(Y.half()).dtype is torch.float32
    assert read(Y.double()).logits(Y.double()).dtype is torch.float64


@pytest.mark.parametrize(
    ("answer", "options", "said"),
    [
        (Y.sum(1), {}, 'one number a photo .*output="regression"'),
        (Y[:, None], {}, "shape 1 × 1 × 3"),
        (Y.detach(), {}, "no gradient"),
        (Y.argmax(1, keepdim=True), {}, "decisions have no gradient"),
        (Y, {"kind": "segments"}, "output must be one of auto, classes"),
        (Y, {"score": lambda y: y.sum()}, "shape"),
        (Y, {"score": lambda y: 3.0}, "score= must return a tensor .* not float"),
        (Y, {"kind": "boxes"}, "not understood as boxes"),
    ],
)
def test_refusals(answer: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read(answer, options.pop("kind", "auto"), **options)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_score_says_how_anything_is_read() -> None:
    output = read({"a": Y, "b": 3}, score=lambda answer: answer["a"][:, :2])
    torch.testing.assert_close(output.logits({"a": Y, "b": 3}), Y[:, :2])


def test_names_of_one_output() -> None:
    assert both_names(["defect"]) == ("defect", "not defect")
    assert both_names(["a", "b"]) == ("a", "b")
    assert both_names(["height"], Output("regression")) == ("height",)
