"""Class activation maps of one layer, from its activations and the gradient of one number by them.

That number is a class's logit, or the difference of two logits. Every method here is a pure function of the same two
tensors, so one forward and one backward pass serve them all, at every layer at once. Each returns the map (h, w) after
its ReLU in the unit of that number, not normalised and not enlarged: :func:`over_maximum` and :func:`enlarged` do that.

Checked by tests against pytorch-grad-cam, torchcam and captum at every block; where those differ, the docstring says how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CamMethod = Callable[[Tensor, Tensor], Tensor]


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: ReLU of the channels' sum, each channel weighted by its mean gradient.

    Args:
        activations: of one layer, (C, h, w), or of a batch, (N, C, h, w).
        gradients: of the explained number by the activations, of the same shape.

    Returns:
        The map (h, w), or (N, h, w), at least 0.

    Source: Selvaraju et al., "Grad-CAM", ICCV 2017, Eqs. 1 and 2. pytorch-grad-cam, torchcam and captum compute the same.
    """
    # Their sums, since a mean takes twice as long; and one product for all channels.
    weights = gradients.sum(dim=(-2, -1))[..., None, :] / (gradients.shape[-2] * gradients.shape[-1])
    return (weights @ activations.flatten(-2)).view(*activations.shape[:-3], *activations.shape[-2:]).relu_()


def grad_cam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++: channels weighted by Σ α · ReLU(gradient), with α = 1 / (2 + gradient · Σ activations).

    Arguments and result as :func:`grad_cam`. The paper takes exp(logit) as the score, whose higher derivatives are powers
    of the logit's gradient g times a factor that all channels share and that normalising cancels; so g is the logit's
    own gradient, and Eq. 19's α = g² / (2g² + g³ · Σ activations) is written with g² cancelled. Where g ≤ 0 the ReLU makes
    α of no matter, so after a ReLU layer the divisor is at least 2.

    Source: Chattopadhay et al., "Grad-CAM++", WACV 2018, Eq. 19. pytorch-grad-cam adds 1e-6 to Eq. 19's divisor
    before cancelling, which outweighs g² wherever |g| is below about 1e-3, as in the first blocks of a network. torchcam
    0.5 differs: its division does not take effect, so its α is g².
    """
    positive = gradients.relu()
    weights = (positive / (2 + activations.sum(dim=(1, 2), keepdim=True) * positive)).sum(dim=(1, 2))
    return torch.einsum("c,chw->hw", weights, activations).relu()


def hires_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM: ReLU of the channels' sum of gradient · activation, place by place.

    Arguments and result as :func:`grad_cam`. At a layer from which only pooling and one linear layer follow, such as a
    ResNet's last block, gradients are the same at all places and it is Grad-CAM.

    Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", 2020 (arXiv 2011.08891). pytorch-grad-cam computes the same; captum's LayerGradientXActivation is
    its sum over channels before the ReLU.
    """
    return (gradients * activations).sum(dim=0).relu()


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM: ReLU of the channels' sum of ReLU(gradient) · activation, place by place.

    Arguments and result as :func:`grad_cam`.

    Source: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE TIP 2021,
    without the tanh scaling that its Eq. 9 uses to fuse several layers. pytorch-grad-cam and torchcam compute the same.
    """
    return (gradients.relu() * activations).sum(dim=0).relu()


METHODS: dict[str, CamMethod] = {
    "Grad-CAM": grad_cam,
    "Grad-CAM++": grad_cam_plus_plus,
    "HiResCAM": hires_cam,
    "LayerCAM": layer_cam,
}
"""Every method by the name that stands on screen."""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A map over the places of one layer."""

    values: Tensor
    """(h, w) in [0, 1]: over its own maximum."""
    maximum: float
    """What the values were divided by, in the unit of the explained number; 0 if no place speaks for it."""

    @property
    def empty(self) -> bool:
        """Whether the map is zero everywhere."""
        return self.maximum == 0


def over_maximum(values: Tensor) -> HeatMap:
    """A map (h, w) of values at least 0, divided by its maximum; all zero stays all zero.

    pytorch-grad-cam and torchcam also subtract the least value first, which lifts the contrast of a map that is nowhere
    zero, and so shows less of what the method says.
    """
    maximum = float(values.max())
    return HeatMap(values / maximum if maximum > 0 else values, max(maximum, 0.0))


def enlarged(values: Tensor, size: int | tuple[int, int]) -> Tensor:
    """A map (h, w) at the size of the input, (H, W) or square: bilinear between the centres of its cells, as in the reference tools."""
    sides = (size, size) if isinstance(size, int) else size
    return F.interpolate(values[None, None], sides, mode="bilinear", align_corners=False)[0, 0]


def correlation(a: Tensor, b: Tensor) -> float | None:
    """Pearson correlation of two maps of the same shape over their places; ``None`` where one is the same everywhere."""
    a, b = (values.double().flatten() - values.double().mean() for values in (a, b))
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm > 1e-12 else None
