"""The pointing game: whether Grad-CAM of the true class is highest where the object is."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..checkpoints.loading import LoadedCheckpoint
from ..explain.cam import grad_cam
from ..networks.architectures import residual_blocks
from ..photos.bombs import ImageError
from .accuracy import Answers, network_inputs
from .image_sets import LabelledImage


def evaluate_and_explain(
    loaded: LoadedCheckpoint, images: Iterable[LabelledImage], input_size: int, at_once: int = 32
) -> tuple[Answers, Tensor]:
    """The network's answers to all images, and Grad-CAM of each one's true class at the last block's output, (N, h, w).

    Arguments as those of :func:`.accuracy.evaluate`; here an image that cannot be read raises its :class:`ImageError`.
    """
    last_block = list(residual_blocks(loaded.model).values())[-1]
    outputs: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())  # the backward pass need go no further
        return outputs[-1]

    all_logits, all_labels, maps = [], [], []
    with last_block.register_forward_hook(keep):
        for batch in network_inputs(loaded, images, input_size, at_once):
            if isinstance(batch, ImageError):
                raise batch
            inputs, labels = batch
            logits = loaded.model(inputs)
            # One image's logits depend on that image alone, so the gradient of the sum holds the gradient of each.
            (gradients,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), outputs[-1])
            all_logits.append(logits.detach().float())
            all_labels.append(labels)
            maps.append(grad_cam(outputs.pop().detach(), gradients))
    return Answers(torch.cat(all_logits), torch.cat(all_labels)), torch.cat(maps)


def pointing_hits(maps: Tensor, boxes: Tensor, image_size: int) -> Tensor:
    """Whether each map's highest point lies in the box of its image, (N,) of bool.

    Args:
        maps: (N, h, w) over the whole image; a map without a positive value points nowhere and misses.
        boxes: (N, 4) as (left, top, right, bottom), pixels of the image, ends included.
        image_size: side of the (square) image in pixels.

    Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, section 4.2 (without its margin).
    """
    _, height, width = maps.shape
    values, places = maps.flatten(1).max(dim=1)
    # The centre of the highest cell, in pixels of the image.
    x = (places % width + 0.5) * image_size / width
    y = (places.div(width, rounding_mode="floor") + 0.5) * image_size / height
    inside = (x >= boxes[:, 0]) & (x <= boxes[:, 2] + 1) & (y >= boxes[:, 1]) & (y <= boxes[:, 3] + 1)
    return inside & (values > 0)


def centre_blob(size: int) -> Tensor:
    """A map (size, size) that is highest in its middle: what a pointing game must beat."""
    axis = torch.linspace(-1, 1, size)
    return torch.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) * 2)
