"""Memory that a dropped network took goes back to the system, not only to this process."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def give_back() -> None:
    """Free what nothing refers to any more and hand free pages back; glibc alone would keep them, other systems need no word."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
