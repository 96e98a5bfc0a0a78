"""A Ray cluster that somebody started on this machine, as docs/deployment.md has it: on the loopback address alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.processes import in_session
from tests.helpers.project import ROOT

_WORD = "0123456789abcdef0123456789abcdef"


def free_port() -> int:
    """A port of the loopback address at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Head:
    """A cluster of two processors, begun and ended, and begun again at the same ports."""

    home: Path
    port: int = field(default_factory=free_port)
    client_port: int = field(default_factory=free_port)
    pid: int = 0
    """Of what was started; all that it starts is of its session."""

    @property
    def addresses(self) -> dict[str, str]:
        """By what it is: what ``--ray`` takes."""
        return {
            "auto": "auto",
            "address": f"127.0.0.1:{self.port}",
            "client": f"ray://127.0.0.1:{self.client_port}",
        }

    @property
    def environment(self) -> dict[str, str]:
        """What programs are told that use the cluster; ``auto`` looks into its folder alone."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _WORD, "RAY_TMPDIR": str(self.home)}

    def begin(self) -> None:
        """Start it, and wait until clients can come."""
        own = {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120",  # where other tests take the cores
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
        }
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address", "127.0.0.1",
            "--port", str(self.port), "--ray-client-server-port", str(self.client_port), "--num-cpus", "2",
            "--include-dashboard", "false", "--disable-usage-stats",
        ]  # fmt: skip
        (self.home / "ray_bootstrap_config.yaml").write_text("{}\n")  # or Ray asks clouds whether it runs in one
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.home,
                env=os.environ | self.environment | own,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self.process.pid
        end = time.monotonic() + 180
        while not (self.home / "ray" / "ray_current_cluster").exists() or not _listens(self.client_port):
            assert self.process.poll() is None and time.monotonic() < end, (self.home / "log").read_text()
            time.sleep(0.1)

    def kill_worker(self) -> None:
        """One of those that are there."""
        os.kill(
            next(pid for pid, line in in_session(self.pid).items() if line.startswith("ray::Holder")), signal.SIGKILL
        )

    def kill(self) -> None:
        """The head and all that is of it, as by a machine that stops."""
        if self.pid:
            for pid in in_session(self.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.pid = 0


@contextlib.contextmanager
def ray_head() -> Iterator[Head]:
    """Such a cluster, as long as the block runs."""
    # A short name: the sockets below it may not have a long one.
    head = Head(Path(tempfile.mkdtemp(prefix="simam-head-", dir="/tmp")))
    try:
        head.begin()
        yield head
    finally:
        head.kill()
        shutil.rmtree(head.home, ignore_errors=True)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
