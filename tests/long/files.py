"""Every costly file, each opened by a child process with limits of memory and processor time."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

import simam_viz
from tests.helpers import hostile_weights
from tests.helpers.image_bombs import BOMBS, LARGE

SECONDS = 5
GIBIBYTE = 2**30


def images() -> bool:
    """Bombs must be refused or opened, photos at the edge of what is taken must open: within 5 s and 1 GiB."""
    wrong = []
    for group, must_open in ((BOMBS, False), (LARGE, True)):
        for name, build in group.items():
            data = build()
            if len(data) > 20 * 2**20 and must_open:
                continue  # honest, but beyond the limit
            end = opened(lambda data=data: simam_viz.open_image(data).size, simam_viz.ImageError, SECONDS, GIBIBYTE)
            if not end["fine"] or (must_open and "refused" in end):
                wrong.append(name)
            report(name, len(data), end)
    print(f"images: {len(BOMBS) + len(LARGE)} costly files, {len(wrong)} wrong {wrong or ''}")
    return not wrong


def weights() -> bool:
    """Every hostile file must be a CheckpointError, leave no trace, and cost no more than 20 s and 2 GiB."""
    wrong = []
    for name, build in hostile_weights.HOSTILE.items():
        data = build()
        end = opened(
            lambda data=data: simam_viz.load_checkpoint(io.BytesIO(data)).name,
            simam_viz.CheckpointError,
            20,
            2 * GIBIBYTE,
        )
        if not end["fine"] or "refused" not in end or hostile_weights.TRACE.exists():
            wrong.append(name)
        report(name, len(data), end)
    print(f"weights: {len(hostile_weights.HOSTILE)} hostile files, {len(wrong)} wrong {wrong or ''}")
    return not wrong


def report(name: str, size: int, end: dict) -> None:
    words = "" if end["fine"] else "  <-- WRONG"
    print(f"  {name:48} {size / 2**20:6.1f} MB  {end.get('refused') or end.get('opened') or end.get('error')}"
          f"  {end.get('seconds', 0):.2f} s  {end.get('peak', 0) / 2**20:.0f} MiB{words}", flush=True)  # fmt: skip


def opened(work: Callable[[], object], expected: type[Exception], seconds: int, memory: int) -> dict:
    """What became of ``work`` in a child that may use so much processor time, and so much memory beyond what it has."""
    sys.stdout.flush()
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        os.write(there, json.dumps(_in_child(work, expected, seconds, memory)).encode())
        os._exit(0)
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    if not said:
        name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit code {status}"
        return {"fine": False, "error": f"ended by {name}"}
    return json.loads(said)


def _in_child(work: Callable[[], object], expected: type[Exception], seconds: int, memory: int) -> dict:
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + memory,) * 2)
    before, start = _memory("VmRSS"), time.process_time()
    try:
        end = {"fine": True, "opened": f"opened: {work()}"}
    except expected as error:
        end = {"fine": "\n" not in str(error), "refused": f"refused: {str(error)[:90]}"}
    except BaseException as error:
        end = {"fine": False, "error": repr(error)[:200]}
    return {**end, "seconds": time.process_time() - start, "peak": max(0, _memory("VmHWM") - before)}


def _memory(kind: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(kind)).split()[1])
