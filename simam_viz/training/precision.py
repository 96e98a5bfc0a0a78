"""The number format that networks are trained in: bfloat16 where the processor has matrix units for it, float32 elsewhere."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["bfloat16", "float32"]


def native_precision() -> Precision:
    """The fast format of this processor.

    bfloat16 pays where the processor has matrix units for it (AMX_BF16, or BF16 on ARM): about twice float32's speed.
    AVX512_BF16 alone does not make up for the conversions (0.84 of float32's speed, SimAM-ResNet-18 at 64 px), and
    emulated bfloat16 can be ten times slower. A PyTorch too old to tell counts as one without.
    """
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    native = any(capabilities.get(name, False) for name in ("amx_bf16", "bf16"))
    return "bfloat16" if native else "float32"


def autocast(precision: Precision) -> torch.autocast:
    """The context in which a network computes in ``precision``."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")
