"""Many people on one server for minutes: every answer by its content, the log, and the server's memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tempfile
import time
from pathlib import Path

import safetensors.torch

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from tests.helpers.visitors import Tally, look, vanish, visit
from tools.served import App, served

ARRIVING = 60
"""Seconds within which a class comes."""


def run(people: int, minutes: float, pause: float = 0, photos: str = "own") -> bool:
    """``people`` sessions at once for so many minutes, others that come and vanish, and what it all came to.

    With ``photos`` of their ``own`` through three networks; or, as in a class, all at ``samples`` through those that are bundled,
    coming within one minute. Each looks at an answer for ``pause`` seconds on average, half as long at least, before asking for the next.
    """
    log = Path(tempfile.mkstemp(prefix="server-", suffix=".log")[1])
    weights = tempfile.TemporaryDirectory()
    samples = photos == "samples"
    networks = bundled() if samples else several_networks(Path(weights.name))
    environment = os.environ | {"SIMAM_VIZ_WEIGHTS": weights.name}
    tally, memory = Tally(), [0]
    with weights, served(log, env=environment) as app:
        failures = asyncio.run(everybody(app, networks, people, minutes, tally, memory, pause, samples))
    text = log.read_text(encoding="utf-8", errors="replace")
    bad_log = "Traceback" in text or "private-" in text
    print(
        f"sessions, {'samples' if samples else 'own photos'}: {tally.sessions} sessions, {tally.answers} answers checked, "
        f"{len(tally.wrong)} wrong, {tally.vanished} vanished, "
        f"{tally.queued} notes of a place in the queue, most memory {max(memory) / 2**20:.0f} MiB, at the end "
        f"{memory[-1] / 2**20:.0f} MiB, {tally.waits()}, log {'WRONG' if bad_log else 'clean'}: {log}"
    )
    for sentence in [*tally.wrong[:10], *failures[:10]]:
        print(f"  {sentence}")
    return not (tally.wrong or failures or bad_log) and tally.answers > 0


def bundled() -> list[LoadedCheckpoint]:
    """The pair that the app begins with."""
    return [simam_viz.load_checkpoint(info.path) for info in simam_viz.list_checkpoints()[:2]]


def several_networks(folder: Path) -> list[LoadedCheckpoint]:
    """The bundled network and two made from it, written into ``folder``: other classes first, and other certainty."""
    info = simam_viz.list_checkpoints()[0]
    for name, change in {"rolled": lambda fc: fc.roll(7, 0), "surer": lambda fc: fc * 1.3}.items():
        weights = safetensors.torch.load_file(info.path)
        weights |= {key: change(weights[key]).contiguous() for key in ("fc.weight", "fc.bias")}
        safetensors.torch.save_file(weights, folder / f"{name}.safetensors")
        (folder / f"{name}.json").write_text(json.dumps(info.card.entries | {"title": name}), encoding="utf-8")
    paths = [info.path, folder / "rolled.safetensors", folder / "surer.safetensors"]
    return [simam_viz.load_checkpoint(path) for path in paths]


async def everybody(
    app: App,
    networks: list[LoadedCheckpoint],
    people: int,
    minutes: float,
    tally: Tally,
    memory: list[int],
    pause: float,
    samples: bool,
) -> list[str]:
    end = time.monotonic() + 60 * minutes
    failures: list[str] = []

    def more(_: int) -> bool:
        return time.monotonic() < end

    async def person(seed: int) -> None:
        await asyncio.sleep(random.Random(seed).uniform(0, ARRIVING if samples else max(10, pause)))
        try:
            await (look if samples else visit)(app.address, networks, seed, tally, more, pause)
        except Exception as error:
            failures.append(f"visitor {seed}: {error!r}")

    async def passers_by() -> None:
        seed = 10_000
        while more(0):
            with contextlib.suppress(OSError, TimeoutError):
                await vanish(app.address, seed, tally)
            seed += 1
            await asyncio.sleep(3)

    async def watch() -> None:
        while more(0):
            memory.append(resident(app.process.pid))
            await asyncio.sleep(2)

    await asyncio.gather(*(person(seed) for seed in range(people)), passers_by(), watch())
    await asyncio.sleep(5)
    memory.append(resident(app.process.pid))
    return failures


def resident(pid: int) -> int:
    """Memory of a process in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
