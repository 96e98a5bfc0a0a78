"""What a network's logits say: probabilities, and the number of a class that heat maps explain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def scores(logits: Tensor) -> Tensor:
    """The number of each class that is explained, from logits (…, K): the class's logit, (…, K).

    One output alone answers yes or no: (…, 2), the logit of yes and, for no, the same with the other sign.
    """
    return torch.cat([logits, -logits], dim=-1) if logits.shape[-1] == 1 else logits


def probabilities(logits: Tensor) -> Tensor:
    """The softmax of logits (…, K); of one output, σ of it and 1 − σ, the probabilities of yes and of no, (…, 2)."""
    return scores(logits).sigmoid() if logits.shape[-1] == 1 else logits.softmax(dim=-1)


def both_names(categories: Sequence[str]) -> tuple[str, ...]:
    """Names of all classes where ``categories`` may name one alone: “defect” stands for “defect” and “not defect”.

    Two names given for one output are its yes and its no, in this order.
    """
    names = tuple(categories)
    return (names[0], f"not {names[0]}") if len(names) == 1 else names
