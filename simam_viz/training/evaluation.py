"""How good a network is on a set of images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .data import ImageSet

_BATCH_SIZE = 250


@torch.inference_mode()
def predict(model: nn.Module, images: ImageSet, prepare: Callable[[Tensor], Tensor], bfloat16: bool = False) -> Tensor:
    """Logits (N, K) in float32 of all ``images``; the model is left in evaluation mode.

    ``prepare`` turns a batch (n, side, side, 3) of uint8 into the network's input (n, 3, px, px).
    """
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        return torch.cat([model(prepare(batch)).float() for batch, _ in images.batches(_BATCH_SIZE)])


def top_k_accuracy(logits: Tensor, labels: Tensor, k: int) -> float:
    """Percentage of ``labels`` (N,) that are among the ``k`` highest of ``logits`` (N, K)."""
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return 100 * (best == labels[:, None]).any(dim=1).double().mean().item()


def accuracy(logits: Tensor, images: ImageSet) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in percent."""
    labels = torch.from_numpy(images.labels)
    return top_k_accuracy(logits, labels, 1), top_k_accuracy(logits, labels, 5)
