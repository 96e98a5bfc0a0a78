"""On what a run was trained, for its card."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch


def describe_hardware(device: torch.device) -> dict[str, Any]:
    """Processor, threads, PyTorch version and, where another device than the CPU computes, that."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    facts = {"processor": processor, "threads": torch.get_num_threads(), "torch": str(torch.__version__)}
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
    elif device.type != "cpu":
        facts["device"] = device.type
    return facts
