"""How good a network is on a set of images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor, nn

from ..checkpoints.loading import Transforms
from ..explain.cam import grad_cam
from ..networks.architectures import residual_blocks
from .tiny_imagenet import ImageSet

BATCH_SIZE = 250


@torch.inference_mode()
def predict(model: nn.Module, images: ImageSet, prepare: Callable[[Tensor], Tensor]) -> Tensor:
    """Logits (N, K) in float32 on the CPU of all ``images``; the model is left in evaluation mode.

    ``prepare`` turns a batch (n, side, side, 3) of uint8, on the model's device, into the network's input (n, 3, px, px).
    """
    model.eval()
    device = next((parameter.device for parameter in model.parameters()), None)
    return torch.cat([model(prepare(batch.to(device))).float().cpu() for batch, _ in images.batches(BATCH_SIZE)])


def as_in_the_app(transforms: Transforms, px: int) -> Callable[[Tensor], Tensor]:
    """A ``prepare`` for :func:`predict`: a checkpoint's own preprocessing, to inputs (n, 3, px, px)."""

    def prepare(batch: Tensor) -> Tensor:
        views = (transforms.view(Image.fromarray(image), px) for image in batch.numpy())
        return torch.stack([transforms.tensor(view) for view in views]).contiguous(memory_format=torch.channels_last)

    return prepare


def predict_and_explain(
    model: nn.Module, images: ImageSet, prepare: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """As :func:`predict`, and Grad-CAM of each image's true class at the last block's output, (N, h, w)."""
    model.eval()
    last_block = list(residual_blocks(model).values())[-1]
    outputs: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())  # the backward pass need go no further
        return outputs[-1]

    logits, maps = [], []
    with last_block.register_forward_hook(keep):
        for batch, labels in images.batches(BATCH_SIZE):
            answers = model(prepare(batch))
            # One image's logits depend on that image alone, so the gradient of the sum holds the gradient of each.
            (gradients,) = torch.autograd.grad(answers.gather(1, labels[:, None]).sum(), outputs[-1])
            logits.append(answers.detach().float())
            maps.append(grad_cam(outputs.pop().detach(), gradients))
    return torch.cat(logits), torch.cat(maps)


def top_k_accuracy(logits: Tensor, labels: Tensor, k: int) -> float:
    """Percentage of ``labels`` (N,) that are among the ``k`` highest of ``logits`` (N, K)."""
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return 100 * (best == labels[:, None]).any(dim=1).double().mean().item()


def accuracy(logits: Tensor, images: ImageSet) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in percent."""
    labels = torch.from_numpy(images.labels)
    return top_k_accuracy(logits, labels, 1), top_k_accuracy(logits, labels, 5)
