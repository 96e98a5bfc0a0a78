"""Past one core and one machine: what more of them give. docs/scale.md reckons from these figures."""

from __future__ import annotations

from . import scale_folders
from .measure import Row
from .scale_people import people_rows
from .scale_training import training_rows


def rows(quick: bool) -> list[Row]:
    """The rows of every part, in the order of docs/scale.md."""
    return [*scale_folders.rows(quick), *people_rows(quick), *training_rows(quick)]
