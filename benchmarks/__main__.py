"""``python -m benchmarks``: one table of every figure, with the machine above it and JSON beside it."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

from .measure import PACE, Row, missing

GROUPS = (
    "simam",
    "rendering",
    "analysis",
    "wrapping",
    "growth",
    "memory",
    "sessions",
    "film",
    "browser",
    "lesson",
    "scale",
)
"""In the order they run; each is a module with ``rows(quick)``."""

PATIENCE = 600.0
"""Seconds that a full run may wait, in all, for a machine that something else has slowed."""

PACKAGES = (
    "torch", "torchvision", "numpy", "pillow", "streamlit", "matplotlib", "playwright", "grad-cam", "torchcam", "captum", "ray",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repeats: to see that it works, not to quote")
    parser.add_argument("--only", action="append", choices=GROUPS, help="one group; may be given several times")
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks.json"), help="where the figures go as JSON")
    arguments = parser.parse_args()

    PACE.patience = 0 if arguments.quick else PATIENCE
    about = machine()
    print("\n".join(f"{name}: {value}" for name, value in about.items()), flush=True)
    found: list[Row] = []
    for group in arguments.only or GROUPS:
        start = time.perf_counter()
        print(f"\n{group}", flush=True)
        try:
            rows = importlib.import_module(f".{group}", __package__).rows(arguments.quick)
        except Exception as error:
            # What went wrong in one group must not cost the figures of the others.
            traceback.print_exc()
            rows = [missing(group, "this group failed", f"{type(error).__name__}: {error}"[:200])]
        for row in rows:
            print("  " + line(row), flush=True)
        print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)
        found += rows
    waited = {"waited for a machine slowed by something else": f"{PACE.waited:.0f} s"}
    result = {
        "machine": about | machine_load() | waited,
        "quick": arguments.quick,
        "rows": [row.as_dict() for row in found],
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print("\n" + "\n".join(f"{name}: {value}" for name, value in waited.items()))
    print(f"{summary(found)} JSON: {arguments.json}")
    return int(any(row.median is None and row.name == "this group failed" for row in found))


def machine() -> dict[str, Any]:
    """Where the figures come from: processor, system, load, versions."""
    import torch

    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads of torch": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "versions": ", ".join(f"{name} {version}" for name, version in packages.items()),
    }


def machine_load() -> dict[str, str]:
    return {"load after": f"{os.getloadavg()[0]:.1f}"} if hasattr(os, "getloadavg") else {}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def line(row: Row) -> str:
    """A row as text: verdict, figure, spread, budget, name, note."""
    verdict = {True: "met", False: "MISSED", None: ""}[row.met]
    budget = ", ".join(f"{b.of if b.of != 'high' else 'p95'} {b.sign} {b.bound:g}" for b in row.budgets)
    spread = f"{row.low:.3g}…{row.high:.3g} ({row.spread})" if row.low is not None else ""
    figure = "–" if row.median is None else f"{row.median:.3g} {row.unit}"
    return f"{verdict:7}{figure:>11}  {spread:32}{budget:27}{row.name}" + (f"  [{row.note}]" if row.note else "")


def summary(rows: list[Row]) -> str:
    held = [row for row in rows if row.met is not None]
    return f"{sum(row.met for row in held)} of {len(held)} rows with a budget meet it."


if __name__ == "__main__":
    sys.exit(main())
