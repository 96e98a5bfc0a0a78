"""A folder of photos through the bundled network: photos a second by one process, by several, and by a Ray cluster of this machine."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import torch

from simam_viz.cluster.doing import Doing
from simam_viz.cluster.joining import has_ray, workers
from simam_viz.export import folder
from simam_viz.export.folder import Job, Settings
from simam_viz.photos.samples import list_samples

from .measure import Row, missing, quartiles
from .networks import bundled

GROUP = "scale"
SIZE = 224
"""Side of the network's input in pixels."""
Workers = Callable[[], AbstractContextManager[Doing]]


def rows(quick: bool) -> list[Row]:
    """Photos a second of ``analyze FOLDER`` once all workers are there, which takes seconds and is a row of its own."""
    photos, rounds = (8, 1) if quick else (96, 3)
    candidates: dict[str, tuple[Workers, int]] = {
        "1 process, one thread": (partial(workers, None, 1, print), 1),
        "1 process, all threads": (partial(workers, None, 1, print), torch.get_num_threads()),
        "2 processes of one thread (--processes 2)": (partial(workers, None, 2, print), 1),
    }
    if has_ray():
        candidates["Ray on this machine (--ray local)"] = (partial(workers, "local", 1, print), 1)
    found = []
    threads = torch.get_num_threads()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch) / "photos"
            _photos(root, photos)
            for name, (who, own_threads) in candidates.items():
                torch.set_num_threads(own_threads)
                found += _measured(name, who, root, Path(scratch) / "out", rounds)
    finally:
        torch.set_num_threads(threads)
    if not has_ray():
        found.append(
            missing(GROUP, "a folder of photos, Ray on this machine", "Ray is not installed (requirements-dev.txt)")
        )
    return found


def _photos(root: Path, count: int) -> None:
    """The samples, each turned a little: no two files are alike."""
    root.mkdir()
    samples = list_samples()
    for number in range(count):
        sample = samples[number % len(samples)]
        sample.image().rotate(3 * (number // len(samples))).save(root / f"{number:03}.jpg", quality=92)


def _measured(name: str, who: Workers, photos: Path, out: Path, rounds: int) -> list[Row]:
    job, files = Job(bundled(), Settings(input_size=SIZE)), folder.photos_in(photos, out)
    begun = time.perf_counter()
    rates = []
    with who() as doing:
        folder.run(job, files[:4], photos, out, doing=doing)  # every worker has the network
        ready = time.perf_counter() - begun
        for _round in range(rounds):
            shutil.rmtree(out)
            start = time.perf_counter()
            outcomes = folder.run(job, files, photos, out, doing=doing)
            rates.append(len(files) / (time.perf_counter() - start))
            if any(outcome.answer is None for outcome in outcomes):
                raise RuntimeError("A photo was not analysed.")
    shutil.rmtree(out)
    low, median, high = quartiles(rates)
    title = f"a folder of {len(files)} photos at {SIZE} px, {name}"
    return [
        Row(GROUP, f"{title}: throughput", median, "photos/s", low, high, "quartiles"),
        Row(GROUP, f"{title}: until the first photos are done", ready, "s"),
    ]
