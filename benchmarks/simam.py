"""SimAM.forward against the authors' formula as published, and what it adds to the plain network."""

from __future__ import annotations

import torch
from torch import Tensor

import simam_viz
from simam_viz.modules.simam import SimAM
from simam_viz.networks.architectures import residual_blocks

from .measure import Budget, Row, interleaved, ratio

LAMBDA = 0.1
FORMATS = {
    "float32": (torch.float32, torch.contiguous_format),
    "float32 channels_last": (torch.float32, torch.channels_last),
    "bfloat16": (torch.bfloat16, torch.contiguous_format),
    "bfloat16 channels_last": (torch.bfloat16, torch.channels_last),
}


def published(x: Tensor, e_lambda: float) -> Tensor:
    """SimAM as the paper's pseudo-code has it, line by line (Yang et al. 2021, Fig. 3)."""
    others = x.shape[2] * x.shape[3] - 1
    squares = (x - x.mean(dim=[2, 3], keepdim=True)).pow(2)
    variance = squares.sum(dim=[2, 3], keepdim=True) / others
    inverse_energy = squares / (4 * (variance + e_lambda)) + 0.5
    return x * torch.sigmoid(inverse_energy)


class Published(torch.nn.Module):
    """The same as a module, as the authors' code has it: a network calls no bare function."""

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (N, C, H, W), refined."""
        return published(x, LAMBDA)


def map_sizes(arch: str, size: int = 224) -> list[tuple[int, int, int]]:
    """The different shapes (C, H, W) that enter SimAM in a network."""
    model = simam_viz.create_model(arch).eval()
    shapes: dict[tuple[int, int, int], None] = {}
    for block in residual_blocks(model).values():
        block.simam.register_forward_pre_hook(lambda _, inputs: shapes.setdefault(tuple(inputs[0].shape[1:])))
    with torch.inference_mode():
        model(torch.zeros(1, 3, size, size))
    return list(shapes)


def rows(quick: bool) -> list[Row]:
    rounds = 7 if quick else 41
    found = []
    sizes = {shape: None for arch in ("resnet18", "resnet50") for shape in map_sizes(arch)}
    module, theirs = SimAM(LAMBDA), Published()
    for label, (dtype, memory_format) in FORMATS.items():
        for batch in (1, 8):
            for shape in sizes:
                x = torch.randn(batch, *shape).to(dtype, memory_format=memory_format)
                exact = published(x.double(), LAMBDA)
                tolerance = {"rtol": 2e-2, "atol": 1e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-6}
                torch.testing.assert_close(module(x).double(), exact, **tolerance)
                with torch.inference_mode():
                    times = interleaved({"ours": lambda x=x: module(x), "published": lambda x=x: theirs(x)}, rounds)
                name = f"forward : published formula, {batch} × {' × '.join(map(str, shape))}, {label}"
                found.append(ratio("simam", name, times, "ours", "published", Budget("≤", 1.05)))
    for arch in ("resnet18",) if quick else ("resnet18", "resnet50"):
        found += _overheads(arch, rounds, training_batch=2 if quick else 8)
    return found


def _overheads(arch: str, rounds: int, training_batch: int) -> list[Row]:
    """The network with SimAM over the plain one, same weights, inference and training."""
    attentive, plain = (simam_viz.create_model(arch, attention) for attention in ("simam", "none"))
    plain.load_state_dict(attentive.state_dict())
    with_published = simam_viz.create_model(arch)
    for block in residual_blocks(with_published).values():
        block.simam.forward = lambda x: published(x, LAMBDA)
    networks = {"SimAM": attentive, "plain": plain, "published": with_published}
    one, several = torch.randn(1, 3, 224, 224), torch.randn(training_batch, 3, 224, 224)

    def infer(model: torch.nn.Module) -> None:
        with torch.inference_mode():
            model(one)

    def train(model: torch.nn.Module) -> None:
        model.zero_grad()
        model(several).logsumexp(dim=1).sum().backward()

    found = []
    for what, step, repeats in (
        ("inference, batch 1", infer, rounds),
        (f"training, batch {training_batch}", train, max(3, rounds // 6)),
    ):
        for model in networks.values():
            model.train(step is train)
        times = interleaved({name: lambda m=model, s=step: s(m) for name, model in networks.items()}, repeats)
        found.append(ratio("simam", f"{arch} with SimAM : plain, {what} at 224", times, "SimAM", "plain"))
        name = f"{arch} with the published formula : plain, {what} at 224"
        found.append(ratio("simam", name, times, "published", "plain"))
    return found
