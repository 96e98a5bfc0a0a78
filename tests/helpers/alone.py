"""One test at a time where a person's pace counts: a machine that is busy with other tests is not the app that is tried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.helpers.project import ROOT

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def in_company(alone: bool) -> Iterator[None]:
    """Hold the machine for one test: with others of this checkout, or ``alone``."""
    if fcntl is None:
        yield
        return
    folder = ROOT / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    with (folder / "gate").open("w") as gate, (folder / "machine").open("w") as machine:
        # Who waits to be alone keeps the gate shut: else others would go on passing by.
        fcntl.flock(gate, fcntl.LOCK_EX)
        if alone:
            fcntl.flock(machine, fcntl.LOCK_EX)
            yield
        else:
            fcntl.flock(machine, fcntl.LOCK_SH)
            fcntl.flock(gate, fcntl.LOCK_UN)
            yield
