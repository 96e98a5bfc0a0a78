"""What of a network's answer is explained, beside a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Ask:
    """What the sidebar, or a click on the photo, asks for; see :func:`simam_viz.analyze`."""

    region: tuple[int, int] | Literal["predicted"] | None = None
    """Of a network that answers for every pixel: where, or ``None`` for all positions."""
    box: int | None = None
    """Of a detector: the number of the box, or ``None`` for each class's best."""
    reference: str | None = None
    """Of an embedding: the name of the sample to compare with."""
