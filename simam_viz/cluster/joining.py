"""How workers are had: processes of this machine, or the actors of a Ray cluster."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from ..wording import _, later
from . import bridge
from .crew import Crew, Line, LostError
from .doing import HERE, Doing

_NO_RAY = later(
    "Ray is not installed here: run pip install 'simam-viz[cluster]', or leave --ray and SIMAM_VIZ_RAY out."
)
_FOLDER, _IN_USE = "simam-ray-", "in-use"


def process_crew(processes: int, tell: Callable[[str], None]) -> Crew:
    """So many processes of this machine, of one thread each.

    Raises:
        LostError: they do not start.
    """

    def begin(answered: Callable[[Line, tuple[Any, ...]], None]) -> Line:
        return Line(["simam_viz.cluster.worker"], {}, False, answered)

    return Crew(begin, processes, False, tell)


def has_ray() -> bool:
    """Whether Ray is installed."""
    return importlib.util.find_spec("ray") is not None


def ray_crew(address: str, tell: Callable[[str], None], workers: int = 0) -> Crew:
    """The actors of a Ray cluster.

    Args:
        address: ``"local"`` starts one on this machine; ``"auto"`` takes the one that this machine belongs to; any other is that
            of a cluster, such as ``ray://head:10001``.
        tell: hears it when the cluster is lost.
        workers: how many; 0: what ``SIMAM_VIZ_RAY_WORKERS`` says, else as many as the cluster has processors.

    Raises:
        LostError: Ray is not installed, or there is no such cluster.
    """
    if not has_ray():
        raise LostError(_(_NO_RAY))
    folder, lock = _own_folder()
    environment = bridge.environment(address, folder)
    asked = os.environ.get("SIMAM_VIZ_RAY_WORKERS", "")
    count = workers or (int(asked) if asked.isdecimal() else 0)

    def begin(answered: Callable[[Line, tuple[Any, ...]], None]) -> Line:
        line = Line(["simam_viz.cluster.bridge", address, str(count)], environment, True, answered)
        if address != bridge.LOCAL:  # Ray ends the bridge without a word where nobody answers
            line.reason = _("no cluster answers at {address}", address=address)
        weakref.finalize(line, _remove, folder, lock)
        return line

    return Crew(begin, 1, True, tell)


def _own_folder() -> tuple[Path, FileLock]:
    """An empty folder for a cluster, locked as long as it is in use; those of programs that were killed are removed."""
    # A short name: the sockets below it may not have a long one.
    root = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir())  # noqa: S108
    for left in root.glob(f"{_FOLDER}*/{_IN_USE}"):
        lock = FileLock(left, blocking=False)
        with contextlib.suppress(Timeout, OSError):
            lock.acquire()
            _remove(left.parent, lock)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=root))
    lock = FileLock(folder / _IN_USE, blocking=False)
    lock.acquire()
    return folder, lock


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


@contextlib.contextmanager
def workers(ray: str | None, processes: int, tell: Callable[[str], None]) -> Iterator[Doing]:
    """Who does the work within: a Ray cluster, so many processes, or this process itself.

    Workers have one thread each, and beside them so has this process: what it does when they are lost, it does as they would,
    bit for bit.

    Raises:
        LostError: there are no such workers.
        ValueError: both are asked for.
    """
    if ray and processes > 1:
        raise ValueError(_("--ray and --processes name workers each; leave one of them out."))
    if not ray and processes <= 1:
        yield HERE
        return
    crew = ray_crew(ray, tell) if ray else process_crew(processes, tell)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield crew
    finally:
        torch.set_num_threads(threads)
        crew.close()
