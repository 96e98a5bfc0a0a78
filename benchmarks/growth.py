"""How it grows: with the batch, with the input's size, with the network's depth."""

from __future__ import annotations

import torch

import simam_viz
from simam_viz.modules.simam import SimAM
from simam_viz.networks.shared import shared_copy

from .analysis import floor
from .measure import Row, interleaved, ratio
from .networks import photo, untrained
from .simam import LAMBDA, published


def rows(quick: bool) -> list[Row]:
    rounds = 3 if quick else 9
    found = []
    module = SimAM(LAMBDA)
    for batch in (1, 8) if quick else (1, 2, 4, 8, 16, 32):
        x = torch.randn(batch, 128, 28, 28)
        with torch.inference_mode():
            times = interleaved({"ours": lambda x=x: module(x), "published": lambda x=x: published(x, LAMBDA)}, rounds)
        found.append(ratio("growth", f"forward : published, {batch} × 128 × 28 × 28", times, "ours", "published"))
    sizes = (128, 224) if quick else (128, 160, 224, 320, 448)
    found += [_analysis("resnet18", size, rounds) for size in sizes]
    found += [_analysis(arch, 224, rounds) for arch in (() if quick else ("resnet34", "resnet50", "resnet101"))]
    return found


def _analysis(arch: str, size: int, rounds: int) -> Row:
    loaded, image = untrained(arch), photo()
    model = shared_copy(loaded.model)
    x = loaded.transforms.tensor(loaded.transforms.view(image, size))[None]

    def ours() -> None:
        for block in simam_viz.analyze(loaded, image, target=0, input_size=size).blocks:
            _ = block.attention, block.cam

    times = interleaved({"ours": ours, "floor": lambda: floor(model, x, 0)}, rounds)
    return ratio("growth", f"analyze : floor, {arch} at {size}", times, "ours", "floor")
