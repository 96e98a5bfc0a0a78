"""The app as a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.processes import LOOPBACK, addresses, family
from tools.served import of_clone, served


@contextmanager
def running(folder: Path, *options: str, program: tuple[str, ...] = ("streamlit",)) -> Iterator[str]:
    """The address of an app of its own, logging into ``folder``; ``program`` as :func:`tools.served.of_clone` takes it."""
    with served(folder / "server.log", lambda port: of_clone(port, *options, program=program)) as app:
        yield app.address
        if sys.platform == "linux":
            assert addresses(family(app.process.pid)) <= LOOPBACK, "nothing listens, or is asked, beyond this machine"
