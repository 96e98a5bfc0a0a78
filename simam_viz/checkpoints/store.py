"""Where checkpoints lie: the bundled ones, a folder of one's own, and the card beside each file."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from msgspec import UnsetType

from ..networks.architectures import Attention
from ..paths import ASSETS, own_folder
from ..wording import _
from ..writing import write_whole
from .card import MAX_BYTES, Card
from .weights_file import CheckpointError

BUNDLED_FOLDER = ASSETS / "weights"
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".th", ".tar", ".bin")
"""How the names of checkpoint files end, in any case."""


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint that can be loaded by ``name``, with its card."""

    name: str
    path: Path
    card: Card = field(hash=False)

    @property
    def bundled(self) -> bool:
        """Whether it came with the app; what such a card says is not changed."""
        return self.path.parent == BUNDLED_FOLDER

    @property
    def title(self) -> str:
        """As the card has it; its name where it has none."""
        return self.card.title or self.name

    @property
    def trained_with_simam(self) -> bool | None:
        """What the card says of its training; ``None`` where it says nothing."""
        said = self.card.trained_with_simam
        if not isinstance(said, UnsetType):
            return said
        return self.card.attention == "simam" if self.card.attention in get_args(Attention) else None

    @property
    def version(self) -> tuple[int, ...]:
        """Changes whenever the file or its card does."""
        stamps: list[int] = []
        for path in (self.path, card_path(self.path)):
            with contextlib.suppress(OSError):
                status = path.stat()
                stamps += [status.st_mtime_ns, status.st_size]
        return tuple(stamps)


def weights_folder() -> Path:
    """The folder of one's own checkpoints: ``SIMAM_VIZ_WEIGHTS``, else what :func:`simam_viz.paths.own_folder` says."""
    return Path(os.environ.get("SIMAM_VIZ_WEIGHTS") or own_folder("weights"))


def list_checkpoints(more: Iterable[Path] = ()) -> list[CheckpointInfo]:
    """The bundled checkpoints, the default first; then those in :func:`weights_folder`, then the files ``more``.

    A file is called by its name without its ending or, where that is taken, with it. A card that cannot be read counts as
    none here; :func:`simam_viz.load_checkpoint` says what is wrong with it.
    """
    bundled = [
        CheckpointInfo(path.stem, path, read_card(path)) for path in sorted(BUNDLED_FOLDER.glob("*.safetensors"))
    ]
    order: dict[str | None, int] = {attention: place for place, attention in enumerate(get_args(Attention))}
    bundled.sort(key=lambda info: (order.get(info.card.attention, len(order)), info.name))
    infos = {info.name: info for info in bundled}
    folder = weights_folder()
    own: list[Path] = []
    with contextlib.suppress(OSError):
        own = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    for path in [*own, *more]:
        if any(path == info.path for info in infos.values()):
            continue
        card = Card()
        with contextlib.suppress(CheckpointError):
            card = read_card(path)
        name = path.stem if path.stem not in infos else path.name
        infos.setdefault(name, CheckpointInfo(name, path, card))
    return list(infos.values())


def is_bundled_name(name: str) -> bool:
    """Whether :func:`list_checkpoints` calls a bundled checkpoint so."""
    return any(path.stem == name for path in BUNDLED_FOLDER.glob("*.safetensors"))


def card_path(path: Path) -> Path:
    """The card that belongs to a file: the JSON file of the same name beside it."""
    return path.with_suffix(".json")


def read_card(path: Path) -> Card:
    """The card beside the weights at ``path``; empty if there is none.

    Raises:
        CheckpointError: it is no JSON object, or an entry makes no sense.
    """
    card = card_path(path)
    if not card.is_file():
        return Card()
    try:
        with card.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        raise CheckpointError(_("The card {card} beside the weights cannot be read.", card=card.name)) from None
    return _card(data, card.name)


@functools.lru_cache(maxsize=64)
def _card(data: bytes, name: str) -> Card:
    # Every page lists all checkpoints, more than once, and nobody changes a card that was read.
    return Card.read(data, name)


def write_card(path: Path, card: Card | Mapping[str, Any]) -> Path:
    """Put ``card`` beside the weights at ``path``, whole or not at all; ``OSError`` where that is not allowed."""
    target = card_path(path)
    text = (card if isinstance(card, Card) else Card.of(card, target.name)).text
    write_whole(target, text.encode())
    return target
