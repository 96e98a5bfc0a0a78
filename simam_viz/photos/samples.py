"""The sample photos that ship with the app, with their credits."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..paths import ASSETS
from .images import open_image

SAMPLES_FOLDER = ASSETS / "samples"


@dataclass(frozen=True)
class Sample:
    """One photo: ``name`` stands in links, ``title`` on screen, ``alt`` describes it to a screen reader."""

    name: str
    title: str
    alt: str
    classes: tuple[str, ...]
    author: str
    licence: str
    source: str

    @property
    def path(self) -> Path:
        """Where its file lies."""
        return SAMPLES_FOLDER / f"{self.name}.jpg"

    def image(self) -> Image.Image:
        """The photo, read anew."""
        return open_image(self.path)


@functools.cache
def list_samples() -> tuple[Sample, ...]:
    """All samples, the one to show first at the head."""
    credits = json.loads((SAMPLES_FOLDER / "credits.json").read_text(encoding="utf-8"))
    return tuple(
        Sample(
            name=Path(entry["file"]).stem,
            title=entry["title"],
            alt=entry["alt"],
            classes=tuple(entry["classes"]),
            author=entry["author"],
            licence=entry["licence"],
            source=entry["source"],
        )
        for entry in credits
    )
