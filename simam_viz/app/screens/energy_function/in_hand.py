"""The small channel as the person has set it: which one, what of it is changed, and which neuron is the target."""

from __future__ import annotations

from torch import Tensor

from ....lesson.presets import PRESETS, SIDE, preset_channel
from ... import state
from ...widgets.neuron_map import Place

NO_EDITS: dict[Place, float] = {}


def small_channel() -> tuple[str, Tensor, Place, dict[Place, float]]:
    """The preset, the 9 × 9 channel with what was changed, the target's place, and the changes."""
    name = state.parsed("toy", state.one_of({name: name for name in PRESETS}), next(iter(PRESETS)))
    edits = state.parsed("edits", parse_edits, NO_EDITS)
    place = state.parsed("at", parse_place, PRESETS[name].target)
    return name, preset_channel(name, edits), place, edits


def parse_place(text: str) -> Place:
    """“row,column” of the small channel; ``ValueError`` for anything else."""
    row, column = (int(part) for part in text.split(","))
    if not (0 <= row < SIDE and 0 <= column < SIDE):
        raise ValueError(text)
    return row, column


def parse_edits(text: str) -> dict[Place, float]:
    """“row,column,value;…” of the small channel; ``ValueError`` for anything else."""
    edits = {}
    for entry in text.split(";"):
        row, column, value = entry.split(",")
        number = float(value)
        if not -5 <= number <= 5:
            raise ValueError(text)
        edits[parse_place(f"{row},{column}")] = number
    return edits


def edits_text(edits: dict[Place, float]) -> str:
    """The inverse of :func:`parse_edits`."""
    return ";".join(f"{row},{column},{value:g}" for (row, column), value in edits.items())
