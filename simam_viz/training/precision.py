"""The number format that networks are trained in: bfloat16 where the processor computes in it, float32 elsewhere."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["bfloat16", "float32"]


def native_precision() -> Precision:
    """The fast format of this processor.

    Without instructions of its own for it (AVX512_BF16, AMX_BF16, or BF16 on ARM), a processor emulates bfloat16, which
    can be ten times slower than float32. A PyTorch too old to tell counts as one without.
    """
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    native = any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return "bfloat16" if native else "float32"


def autocast(precision: Precision) -> torch.autocast:
    """The context in which a network computes in ``precision``."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")
