"""What tests of work in other threads share."""

from __future__ import annotations

import time
from collections.abc import Callable


def nobody(ahead: int) -> None:
    """Tell nobody how many are ahead."""


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
