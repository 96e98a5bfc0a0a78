"""Processes of this machine that a test started, by the session that the system counts them to; and where they listen."""

from __future__ import annotations

import contextlib
from pathlib import Path

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
"""This machine's own addresses, as the system writes them."""


def in_session(leader: int) -> dict[int, str]:
    """What runs in the session of a process, by number: the words that it was started with."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            if session == leader:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def called(leader: int, words: str) -> int:
    """The one process of a session that was started with these words."""
    (pid,) = [pid for pid, line in in_session(leader).items() if words in line]
    return pid


def family(leader: int) -> set[int]:
    """A process, what it started, and what that started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found, more = set(), {leader}
    while more:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in more}
    return found


def addresses(pids: set[int]) -> set[str]:
    """Where these processes listen, or are connected to, as the system writes addresses."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets.add(str(file.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _number, local, remote, state, *_rest = line.split()
            if f"socket:[{line.split()[9]}]" in sockets:
                found |= {local.partition(":")[0]} if state == "0A" else {remote.partition(":")[0]}
    return found
