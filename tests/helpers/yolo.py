"""YOLOs, and one with SimAM by its yaml: ``python -m tests.helpers.yolo`` and a name, in a process of its own.

ultralytics changes PIL, PyTorch, NumPy and the warnings of whatever process imports it.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from PIL import Image
from torch import nn
from ultralytics.nn import tasks

import simam_viz
from tests.helpers import attention_zoo as zoo
from tests.helpers.observed import check_blocks

PHOTO = Image.effect_noise((96, 64), 90).convert("RGB")


def yolo(yaml: str | dict[str, Any], classes: int = 3) -> nn.Module:
    """Untrained, its batch norms having seen something, so that features reach its answer."""
    torch.manual_seed(0)
    model: nn.Module = tasks.DetectionModel(yaml, nc=classes, verbose=False)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(torch.rand(2, 3, 128, 128))
    for module in model.eval().model[-1].cv3.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.01)
    return model


def with_simam() -> nn.Module:
    """SimAM as its users register it: a line of the yaml behind the third layer of the head, and one in the backbone."""
    tasks.SimAM = type("SimAM", (zoo.Retyped,), {})
    return yolo(
        {
            "nc": 3,
            "backbone": [
                [-1, 1, "Conv", [8, 3, 2]],
                [-1, 1, "Conv", [16, 3, 2]],
                [-1, 1, "C2f", [16, True]],
                [-1, 1, "SimAM", [16]],
                [-1, 1, "Conv", [32, 3, 2]],
                [-1, 1, "C2f", [32, True]],
                [-1, 1, "Conv", [32, 3, 2]],
            ],
            "head": [
                [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
                [[-1, 5], 1, "Concat", [1]],
                [-1, 1, "C2f", [32]],
                [-1, 1, "SimAM", [32, 0.1]],
                [[10, 6], 1, "Detect", ["nc"]],
            ],
        }
    )


def check_simam() -> None:
    """What is shown of it is what it does, and a predicted box can be chosen."""
    model = with_simam()
    network = simam_viz.wrap(model, input_size=64, verbose=False)
    assert network.found is not None and network.output.kind == "boxes" and network.transforms.fit == "letterbox"
    assert [(site.name, site.kind, site.e_lambda) for site in network.found.sites] == [
        ("model.3", "simam", 1e-4),
        ("model.10", "simam", 0.1),
    ]
    assert network.categories == ("0", "1", "2") and network.transforms.mean == (0.0,) * 3
    x = network.transforms(PHOTO)[None]
    analysis = simam_viz.analyze(network, PHOTO)
    answer = check_blocks(analysis, model, ["model.3", "model.10"], x)
    assert len(analysis.boxes) >= 1 and analysis.box == analysis.boxes[0]
    best = answer[0][0, 4:].amax(dim=1)
    torch.testing.assert_close(analysis.probabilities, best, rtol=1e-3, atol=1e-5)
    # A predicted box is chosen: its own heat map, where it lies.
    chosen = simam_viz.analyze(network, PHOTO, box=len(analysis.boxes) - 1)
    assert chosen.box == analysis.boxes[-1] and chosen.target == analysis.boxes[-1].label
    assert chosen.blocks[0].gradients.abs().max() > 0
    if len(analysis.boxes) > 1:
        assert not torch.equal(chosen.blocks[0].gradients, analysis.blocks[0].gradients)
    found = simam_viz.compare(network, PHOTO)
    assert not torch.equal(found["off"].logits, found["on"].logits)
    for block in found["off"].blocks:
        expected = model_input(model, network, block.name)
        torch.testing.assert_close(block.features, expected, rtol=1e-4, atol=1e-5)


def model_input(model: nn.Module, network: simam_viz.LoadedCheckpoint, name: str) -> torch.Tensor:
    """What enters a layer where both SimAM are the identity."""
    kept: list[torch.Tensor] = []
    handles = [
        model.get_submodule(place).register_forward_hook(lambda m, i, o: i[0]) for place in ("model.3", "model.10")
    ]
    handles.append(model.get_submodule(name).register_forward_pre_hook(lambda m, i: kept.append(i[0].clone())))
    with torch.no_grad():
        model(network.transforms(PHOTO)[None])
    for handle in handles:
        handle.remove()
    return kept[0][0]


def check_as_it_is(name: str) -> None:
    """One of ultralytics' own, untrained."""
    kind = tasks.SegmentationModel if "seg" in name else tasks.DetectionModel
    torch.manual_seed(0)
    network = simam_viz.wrap(kind(name, nc=3, verbose=False).eval(), input_size=128, verbose=False)
    analysis = simam_viz.analyze(network, PHOTO)
    assert network.output.kind == "boxes" and not analysis.attends and len(analysis.boxes) == 10
    assert analysis.probabilities.shape == (3,) and not any(box.certain for box in analysis.boxes)


if __name__ == "__main__":
    check_simam() if sys.argv[1] == "simam" else check_as_it_is(sys.argv[1])
