"""Numbers that are the same to the last bit wherever a figure is made: sums depend on how many threads share them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_inside = 0
_threads = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """What is computed in here is computed by the calling thread alone.

    The number belongs to a thread and is what new threads begin with, so the last one that was set outside counts.
    """
    global _inside, _threads
    with _LOCK:
        if not _inside:
            _threads = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            torch.set_num_threads(_threads)
