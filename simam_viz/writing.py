"""Files that are whole: whoever reads one, or is killed while it is written, finds the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_UNFINISHED = re.compile(r"\.[0-9a-f]{12}\.tmp$")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to; what lies there when the block ends becomes ``path``, on disk and at once.

    If the block fails, ``path`` stays as it is and what was written is removed. Two may write the same file at once.

    Raises:
        OSError: the folder is not there or cannot be written to, or the disk is full.
    """
    unfinished = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        yield unfinished
        # On disk before it bears the name: else a crash of the machine could leave a name without what it stands for.
        with unfinished.open("r+b") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, os.fspath(unfinished)):
            error.filename = os.fspath(path)  # what the person knows it by
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all; raises as :func:`written_whole` does."""
    with written_whole(path) as unfinished:
        unfinished.write_bytes(content)


def clear_unfinished(folder: Path) -> None:
    """Remove what :func:`written_whole` left in ``folder`` and below when its process was killed; nobody may be writing there."""
    for path in folder.rglob(".*.tmp"):
        if _UNFINISHED.search(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def alone(lock: Path, otherwise: str) -> Iterator[None]:
    """Nobody else is within a block with the same ``lock``, a file that is there meanwhile; of who was killed, the system lets go.

    Raises:
        ValueError: somebody is; it says ``otherwise``.
        OSError: there can be no such file.
    """
    held = FileLock(lock, blocking=False)
    try:
        held.acquire()
    except Timeout:
        raise ValueError(otherwise) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # some systems keep what is open
            lock.unlink()
        held.release()
