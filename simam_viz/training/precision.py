"""The number format that networks are trained in: bfloat16 where this machine computes faster in it, float32 elsewhere."""

from __future__ import annotations

import time
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

Precision = Literal["bfloat16", "float32"]

_ROUNDS = 5
_CPU = torch.device("cpu")


def native_precision(device: torch.device = _CPU) -> Precision:
    """The faster format on ``device``, found by trying both on a convolution like those in training: some hundredths of a second.

    What a processor can do is no guide: bfloat16 is twice float32's speed on some processors with AVX512_BF16, slower than
    float32 on others, and ten times slower where it is emulated.
    """
    fastest = {precision: float("inf") for precision in get_args(Precision)}
    inputs = {precision: _layer(precision, device) for precision in fastest}
    for _ in range(_ROUNDS):  # in turn, so that both see the same machine
        for precision, (x, weight) in inputs.items():
            fastest[precision] = min(fastest[precision], _seconds(x, weight))
    return min(fastest, key=fastest.__getitem__)


def autocast(precision: Precision, device: torch.device = _CPU) -> torch.autocast:
    """The context in which a network on ``device`` computes in ``precision``."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def _layer(precision: Precision, device: torch.device) -> tuple[Tensor, Tensor]:
    """Input (N, C, H, W) and weight of one convolution."""
    x, weight = torch.ones(32, 64, 16, 16), torch.ones(64, 64, 3, 3)
    x, weight = (
        tensor.to(device, getattr(torch, precision), memory_format=torch.channels_last).requires_grad_()
        for tensor in (x, weight)
    )
    return x, weight


def _seconds(x: Tensor, weight: Tensor) -> float:
    """Of one pass each way."""
    begun = time.perf_counter()
    output = F.conv2d(x, weight, padding=1)
    torch.autograd.grad(output, (x, weight), torch.ones_like(output))
    if x.device.type != "cpu":
        torch.accelerator.synchronize(x.device)
    return time.perf_counter() - begun
