"""How good a network is on a set of images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .data import ImageSet, enlarge

_BATCH_SIZE = 250


@torch.inference_mode()
def predict(model: nn.Module, images: ImageSet, px: int, bfloat16: bool = False) -> Tensor:
    """Logits (N, K) in float32 of all ``images``, enlarged to ``px``; the model is left in evaluation mode."""
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        return torch.cat([model(enlarge(batch, px)).float() for batch, _ in images.batches(_BATCH_SIZE)])


def top_k_accuracy(logits: Tensor, labels: Tensor, k: int) -> float:
    """Percentage of ``labels`` (N,) that are among the ``k`` highest of ``logits`` (N, K)."""
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return 100 * (best == labels[:, None]).any(dim=1).double().mean().item()


def evaluate(model: nn.Module, images: ImageSet, px: int, bfloat16: bool = False) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in percent."""
    logits, labels = predict(model, images, px, bfloat16), torch.from_numpy(images.labels)
    return top_k_accuracy(logits, labels, 1), top_k_accuracy(logits, labels, 5)
