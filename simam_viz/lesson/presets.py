"""Small channels to begin with: one idea each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..wording import later

SIDE = 9


def _grid() -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return rows.double(), columns.double()


def _ripple() -> Tensor:
    """A small texture without chance in it: no two neighbours are quite equal."""
    rows, columns = _grid()
    return 0.2 * torch.sin(2.1 * rows + 0.7) * torch.cos(1.7 * columns)


def _blob(row: int, column: int) -> Tensor:
    rows, columns = _grid()
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 2)


def _spot(background: float, value: float) -> Tensor:
    channel = background + _ripple()
    channel[4, 4] = value
    return channel


@dataclass(frozen=True)
class Preset:
    """A channel to begin with, and the neuron to look at first."""

    title: str
    """For :func:`simam_viz.wording._`."""
    make: Callable[[], Tensor]
    target: tuple[int, int]


PRESETS = {
    "spike": Preset(later("One spike"), lambda: _spot(0.0, 3.0), (4, 4)),
    "edge": Preset(later("An edge"), lambda: torch.where(_grid()[1] < 5, 0.0, 2.0) + _ripple(), (4, 5)),
    "noise": Preset(
        later("Noise"),
        lambda: torch.randn(SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(3)),
        (2, 6),
    ),
    "flat": Preset(later("A flat map"), lambda: torch.full((SIDE, SIDE), 0.5, dtype=torch.float64), (4, 4)),
    "blobs": Preset(later("Two blobs"), lambda: 2 * _blob(2, 2) + 3 * _blob(6, 6), (6, 6)),
    "dark-spot": Preset(later("A dark spot"), lambda: _spot(1.5, -1.5), (4, 4)),
}


def preset_channel(name: str, edits: dict[tuple[int, int], float] | None = None) -> Tensor:
    """The 9 × 9 channel of a preset, float64, every value rounded to one decimal, with single values replaced."""
    channel = (PRESETS[name].make() * 10).round() / 10
    for (row, column), value in (edits or {}).items():
        channel[row, column] = value
    return channel + 0.0  # no negative zeros on screen
