"""The processes of one run, as torchrun starts them: who does what, and what they tell each other."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from ..wording import _

T = TypeVar("T")

_LOOPBACK = "127.0.0.1"
_STOPPED = 2
"""Exit code of a process that leaves it to the first to say what was wrong."""


@dataclass(frozen=True)
class Processes:
    """How many there are, and which of them this is. One alone has nobody to talk to, and does nothing of the kind."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in each of them; it is put into ``tensor`` itself."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor

    def of_first(self, tensor: Tensor) -> Tensor:
        """The first one's tensor, in each of them; it is put into ``tensor`` itself."""
        if self.count > 1:
            dist.broadcast(tensor, 0)
        return tensor

    def from_first(self, value: T) -> T:
        """The first one's value, in each of them."""
        if self.count == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told)
        return told[0]

    def in_turn(self, work: Callable[[], T]) -> T:
        """``work`` in every process, in the first before the others, which find what it left.

        Raises:
            Exception: in the first, what the work raised there; what it raised in another one, as a ``ValueError``.
            SystemExit: in the others, wherever it failed, so that one alone says so.
        """
        if self.count == 1:
            return work()
        done: list[T] = []
        error = _tried(work, done) if self.first else None
        self._agree(error)
        error = None if self.first else _tried(work, done)
        self._agree(error)
        return done[0]

    def _agree(self, error: Exception | None) -> None:
        told: list[str | None] = [None] * self.count
        dist.all_gather_object(told, None if error is None else str(error))
        wrong = [sentence for sentence in told if sentence is not None]
        if not wrong:
            return
        if not self.first:
            raise SystemExit(_STOPPED)
        raise error or ValueError(wrong[0])


def _tried(work: Callable[[], T], done: list[T]) -> Exception | None:
    try:
        done.append(work())
    except Exception as error:
        return error
    return None


def part(items: int, number: int, parts: int) -> slice:
    """The ``number``-th of so many ``parts`` of ``items`` that follow each other, equal in size but for one."""
    return slice(number * items // parts, (number + 1) * items // parts)


@contextmanager
def started_together() -> Iterator[Processes]:
    """The processes that torchrun started for this run, connected while the block runs; one alone where it did not.

    On one machine they talk over its loopback address alone. They meet where torchrun says; where it was told to leave that to
    them (docs/training.md), at that address too.
    """
    count = int(os.environ.get("WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1
    if count == 1:
        yield Processes()
        return
    here = os.environ.get("LOCAL_WORLD_SIZE") == str(count)
    if here and (loopback := _loopback()):
        for library in ("GLOO", "NCCL"):
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", loopback)
    meeting = _own_meeting(count) if here and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" else {}
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", **meeting)
    processes = Processes(dist.get_rank(), count)
    if processes.first:  # so torchrun ends those that are left where one has ended: the first one says so
        signal.signal(signal.SIGTERM, _stop)
    try:
        yield processes
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        if not processes.first:
            raise SystemExit(_STOPPED) from None
        raise ValueError(_broken_off(error)) from error
    # Not where something went wrong: it would wait for those that are gone. The threads that carry the messages must not
    # outlive Python, and they end when nothing holds on to the group.
    processes.summed(torch.zeros(()))
    gc.collect()
    dist.destroy_process_group()


def _broken_off(error: RuntimeError) -> str:
    lines = str(error).strip().splitlines()
    # nccl's: also what has nothing to do with another process's end.
    if isinstance(error, dist.DistBackendError) and lines:
        return _(
            "The processes of this run could not go on together ({reason}). What was saved is whole: the same command goes on "
            "from there.",
            reason=lines[-1].rstrip("."),
        )
    return _(
        "Another process of this run has ended, and this one cannot go on alone. What was saved is whole: the same command "
        "goes on from there."
    )


def _own_meeting(count: int) -> dict[str, Any]:
    """Where processes of one machine meet without torchrun: PyTorch's store, at the loopback address and nowhere else.

    PyTorch itself would open the port on every interface, so the first process opens it.
    """
    rank, port = int(os.environ["RANK"]), int(os.environ["MASTER_PORT"])
    opened = socket.create_server((_LOOPBACK, port)).detach() if rank == 0 else None
    store = dist.TCPStore(_LOOPBACK, port, count, rank == 0, master_listen_fd=opened)  # type: ignore[attr-defined]
    return {"store": store, "rank": rank, "world_size": count}


def own_cores() -> int:
    """How many of this machine's cores each of the processes on it may take."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // _beside())


def _beside() -> int:
    """How many processes of this run are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def own_device(device: torch.device) -> torch.device:
    """The device of this process, where all of them were given ``device``: each has a GPU of its own.

    Raises:
        ValueError: there are not so many, or several processes cannot train on such a device.
    """
    here = _beside()
    if here == 1 or device.type == "cpu":
        return device
    if device.type != "cuda":
        raise ValueError(_("Several processes train on cpu or cuda, not on {device}.", device=device))
    if device.index is not None:
        raise ValueError(
            _("Of several processes each has a GPU of its own: write --device cuda, not {device}.", device=device)
        )
    there = torch.cuda.device_count()
    if here > there:
        raise ValueError(
            _("{processes} processes want a GPU each, and this machine has {gpus}.", processes=here, gpus=there)
        )
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(own)
    return own


def _loopback() -> str | None:
    """The name of this machine's loopback interface."""
    names = [name for _index, name in socket.if_nameindex()]
    return next((name for name in names if name.startswith("lo")), None)
