"""The app as a process of its own, at a free port of the loopback address: for tests, benchmarks and screenshots."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 180
_END_SECONDS = 30


@dataclass(frozen=True)
class App:
    """Where the app is, and what it runs in."""

    address: str
    process: subprocess.Popen[bytes]


def of_clone(port: int, *options: str, program: Sequence[str] = ("streamlit",)) -> list[str]:
    """The command that serves the app of this clone; ``program`` is the module that runs it, with what stands before ``run``."""
    return [
        sys.executable, "-m", *program, "run", "app.py", "--server.headless", "true", "--server.address", "127.0.0.1",
        "--server.port", str(port), "--browser.gatherUsageStats", "false", *options,
    ]  # fmt: skip


@contextlib.contextmanager
def served(
    log: Path,
    command: Callable[[int], Sequence[str | Path]] = of_clone,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Iterator[App]:
    """The app, from when it answers to the end of the block.

    Args:
        log: a file for what it writes.
        command: what serves it at a port.
        cwd: the folder that it is started in.
        env: its environment; that of this process where there is none.

    Raises:
        RuntimeError: it does not start; with its log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with log.open("wb") as stream:
        process = subprocess.Popen(command(port), cwd=cwd, env=env, stdout=stream, stderr=subprocess.STDOUT)  # noqa: S603
    app = App(f"http://127.0.0.1:{port}", process)
    try:
        _wait(app, log)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(app: App, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while app.process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{app.address}/_stcore/health", timeout=5).close()  # noqa: S310
            return
        time.sleep(0.05)
    raise RuntimeError(f"The app did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")
