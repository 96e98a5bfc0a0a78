"""Networks of few classes, and weights that tests may damage."""

from __future__ import annotations

import functools

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet18

import simam_viz
from simam_viz import create_model
from simam_viz.checkpoints.loading import LoadedCheckpoint, Transforms
from simam_viz.networks.lambdas import set_e_lambda
from simam_viz.networks.shared import shared_copy


@functools.cache
def small_weights() -> dict[str, torch.Tensor]:
    """Every value is 0 or 1, so that tests may change one tensor of a copy of the dict."""
    with torch.device("meta"):
        model = create_model("resnet18", "simam", 3)
    return {
        name: torch.zeros(t.shape, dtype=t.dtype) + name.endswith("running_var")
        for name, t in model.state_dict().items()
    }


def changed(**tensors: torch.Tensor | None) -> dict[str, torch.Tensor]:
    weights = small_weights() | {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in weights.items() if tensor is not None}


NAN = torch.zeros(64).index_fill(0, torch.tensor([5, 9]), float("nan"))


@functools.cache
def network(classes: int = 5) -> nn.Module:
    """A plain ResNet-18 whose batch norms have seen something."""
    torch.manual_seed(0)
    model = resnet18(num_classes=classes)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model.eval().requires_grad_(False)


def weights() -> dict[str, Tensor]:
    return dict(network().state_dict())


def other() -> dict[str, Tensor]:
    """The same network with other numbers, such as a teacher's."""
    return {name: tensor * 1.5 if tensor.is_floating_point() else tensor for name, tensor in weights().items()}


def small(arch: str, attention: str = "simam") -> LoadedCheckpoint:
    torch.manual_seed(0)
    model = simam_viz.create_model(arch, attention, num_classes=6).eval()
    return LoadedCheckpoint("small", model, Transforms(64), tuple("abcdef"), 0.1)


def alone(loaded: LoadedCheckpoint, image: Image.Image, e_lambda: float | None = None) -> torch.Tensor:
    """The logits as the network itself computes them, without any of our ways around."""
    reference = shared_copy(loaded.model)
    set_e_lambda(reference, e_lambda)
    with torch.no_grad():
        return reference(loaded.transforms(image)[None])[0]
