"""Training steps a second with one process and with two, of the same batches; a part of the group ``scale``.

As a program of its own, which torchrun starts too, it trains and says how long each step took.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from simam_viz.evaluation.image_sets import ImageSet
from simam_viz.evaluation.tiny_imagenet import TrainingData
from simam_viz.training.allocator import keep_freed_memory
from simam_viz.training.network import Design
from simam_viz.training.processes import Processes, started_together
from simam_viz.training.recipe import Recipe
from simam_viz.training.run import Run

from .measure import Row, quartiles

ROOT = Path(__file__).parents[1]
BATCH, PX, ARCH = 128, 64, "resnet18"
WARM = 3
"""Steps that do not count."""


def training_rows(quick: bool) -> list[Row]:
    """Both, in turn, so that both see the same machine; and the one against the other, round by round."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    rounds, steps = (1, 4) if quick else (5, 20)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for processes in (1, 2) if number % 2 == 0 else (2, 1):
            rates[processes].append(1 / statistics.median(_seconds(processes, max(1, cores // processes), steps)))
    what = f"{ARCH} with SimAM at {PX} px, float32, batch {BATCH} on {cores} cores"
    found = []
    for processes, each in rates.items():
        threads = max(1, cores // processes)
        name = f"training steps a second, {processes} × {threads} threads"
        low, median, high = quartiles(each)
        found.append(Row("scale", name, median, "1/s", low, high, "quartiles", note=what))
    low, median, high = quartiles([two / one for one, two in zip(rates[1], rates[2], strict=True)])
    found.append(
        Row("scale", "training steps a second, two processes : one", median, "×", low, high, "quartiles", note=what)
    )
    return found


def _seconds(processes: int, threads: int, steps: int) -> list[float]:
    """Of each step, as a fresh run in so many processes says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    torchrun = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}"]
    meeting = ["--master_addr", "127.0.0.1", "--master_port", port]
    done = subprocess.run(
        [sys.executable, *torchrun, *meeting, "-m", "benchmarks.scale_training", str(steps)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _train(processes: Processes, steps: int) -> list[float]:
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (BATCH * (steps + WARM), PX, PX, 3), dtype=np.uint8)
    data = ImageSet(images, np.arange(len(images)) % 200)
    kinds = tuple(map(str, range(200)))
    recipe = Recipe(stages=((PX, 1),), batch_size=BATCH)
    run = Run(TrainingData(data, data, (), kinds), recipe, Design(ARCH), "float32", processes=processes)
    seconds = []
    for _ in range(steps + WARM):
        start = time.perf_counter()
        run.take_step().item()
        seconds.append(time.perf_counter() - start)
    return seconds[WARM:]


def main() -> None:
    keep_freed_memory()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with started_together() as processes:
        seconds = _train(processes, int(sys.argv[1]))
        if processes.first:
            print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
