"""Past one process: what more of them give. docs/scale.md reckons from these figures."""

from __future__ import annotations

from . import scale_folders
from .measure import Row


def rows(quick: bool) -> list[Row]:
    """The rows of every part, in the order of docs/scale.md."""
    return scale_folders.rows(quick)
