"""``wrap`` on a network that it has never seen: against one bare forward pass of the same network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import simam_viz
from simam_viz.networks.architectures import create_model, residual_blocks

from .measure import Budget, Row, durations, interleaved, ratio

GROUP = "wrapping"


class Retyped(nn.Module):
    """SimAM as people type it."""

    def forward(self, x: Tensor) -> Tensor:
        squares = (x - x.mean(dim=(2, 3), keepdim=True)).square()
        others = x.shape[2] * x.shape[3] - 1
        return x * torch.sigmoid(squares / (4 * (squares.sum(dim=(2, 3), keepdim=True) / others + 0.1)) + 0.5)


def rows(quick: bool) -> list[Row]:
    torch.manual_seed(0)
    model = create_model("resnet50", "none").eval()
    for block in residual_blocks(model).values():
        block.conv2 = nn.Sequential(block.conv2, Retyped())
    x = torch.rand(1, 3, 224, 224)
    passes = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal passes
        passes += 1

    with model.conv1.register_forward_hook(count):
        network = simam_viz.wrap(model, verbose=False)
    assert network.found is not None and len(network.found.sites) == 16

    def bare() -> None:
        with torch.no_grad():
            model(x)

    times = interleaved({"wrap": lambda: simam_viz.wrap(model, verbose=False), "bare": bare}, 3 if quick else 15)
    name = "wrap of a ResNet-50 with 16 re-typed SimAM, 224 px"
    return [
        Row(GROUP, f"{name}: forward passes", float(passes), "", budgets=(Budget("≤", 2),)),
        ratio(GROUP, f"{name} / one bare forward pass", times, "wrap", "bare"),
        durations(GROUP, name, times["wrap"], Budget("≤", 5.0)),
    ]
