"""A freshly started app, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.served import served


@dataclass(frozen=True)
class Server:
    """The app's address, its process, and when it was started (``time.perf_counter``)."""

    address: str
    pid: int
    started: float

    def resident(self) -> float:
        """Resident memory in MiB: what of the process is in memory now (Linux)."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("The app's process is gone.")


@contextlib.contextmanager
def running(warm: bool = True) -> Iterator[Server]:
    """Start the app on a free port; stop it at the end. Unless ``warm``, nothing is computed before somebody asks for it."""
    environment = os.environ | ({} if warm else {"SIMAM_VIZ_WARM": "0"})
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "log", env=environment) as app:
        yield Server(app.address, app.process.pid, started)
