"""Where checkpoints lie: the bundled ones, a folder of one's own, and the card beside each file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .weights_file import CheckpointError

_ROOT = Path(__file__).resolve().parent.parent
BUNDLED_FOLDER = _ROOT / "assets" / "weights"
SUFFIXES = (".safetensors", ".pt", ".pth", ".tar", ".bin")
"""How the names of checkpoint files end."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_accuracy(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(value.get(name)) for name in ("top1", "top5", "images"))


_LISTED: dict[str, Callable[[Any], bool]] = {
    "title": lambda value: isinstance(value, str),
    "arch": lambda value: isinstance(value, str),
    "attention": lambda value: isinstance(value, str),
    "trained_with_simam": lambda value: isinstance(value, bool),
    "e_lambda": _is_number,
    "num_classes": _is_number,
    "accuracy": lambda value: _is_accuracy(value) and _is_number(value.get("input_size")),
    "published_accuracy": _is_accuracy,
}
"""Entries that are shown of every checkpoint there is, loaded or not: one bad card must not spoil the list."""


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint that can be loaded by ``name``, with its card (a dict as read from JSON)."""

    name: str
    path: Path
    card: dict[str, Any] = field(hash=False)

    @property
    def bundled(self) -> bool:
        """Whether it came with the app; what such a card says is not changed."""
        return self.path.parent == BUNDLED_FOLDER

    @property
    def title(self) -> str:
        return str(self.card.get("title") or self.name)

    @property
    def trained_with_simam(self) -> bool | None:
        """What the card says of its training; ``None`` where it says nothing."""
        return self.card.get("trained_with_simam", {"simam": True, "none": False}.get(self.card.get("attention")))

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
    """The folder of one's own checkpoints: ``SIMAM_VIZ_WEIGHTS``, or ``weights`` beside ``app.py``."""
    return Path(os.environ.get("SIMAM_VIZ_WEIGHTS") or _ROOT / "weights")


def list_checkpoints(more: Iterable[Path] = ()) -> list[CheckpointInfo]:
    """The bundled checkpoints, the default first; then those in :func:`weights_folder`, then the files ``more``.

    A file is called by its name without its ending or, where that is taken, with it. A card that cannot be read counts as
    none here; :func:`simam_viz.load_checkpoint` says what is wrong with it.
    """
    bundled = [
        CheckpointInfo(path.stem, path, read_card(path)) for path in sorted(BUNDLED_FOLDER.glob("*.safetensors"))
    ]
    bundled.sort(key=lambda info: (info.card.get("attention") != "simam", info.name))
    infos = {info.name: info for info in bundled}
    folder = weights_folder()
    own: list[Path] = []
    with contextlib.suppress(OSError):
        own = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    for path in [*own, *more]:
        if any(path == info.path for info in infos.values()):
            continue
        card: dict[str, Any] = {}
        with contextlib.suppress(CheckpointError):
            card = read_card(path)
        name = path.stem if path.stem not in infos else path.name
        infos.setdefault(name, CheckpointInfo(name, path, card))
    return list(infos.values())


def card_path(path: Path) -> Path:
    """The card that belongs to a file: the JSON file of the same name beside it."""
    return path.with_suffix(".json")


def read_card(path: Path) -> dict[str, Any]:
    """The card beside the weights at ``path``; empty if there is none.

    Raises:
        CheckpointError: it is no JSON object, or an entry that lists of checkpoints show makes no sense.
    """
    card = card_path(path)
    if not card.is_file():
        return {}
    try:
        data = card.read_bytes()
    except OSError:
        raise CheckpointError(f"The card {card.name} beside the weights cannot be read.") from None
    return parse_card(data, card.name)


def parse_card(data: bytes, name: str) -> dict[str, Any]:
    """The card in a file of that name; ``CheckpointError`` as :func:`read_card` raises it."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CheckpointError(f"The card {name} is not a JSON object; mend or remove it.")
    for entry, makes_sense in _LISTED.items():
        if content.get(entry) is not None and not makes_sense(content[entry]):
            raise CheckpointError(f"The entry {entry} of the card {name} makes no sense; mend or remove it.")
    return content


def write_card(path: Path, card: dict[str, Any]) -> Path:
    """Put ``card`` beside the weights at ``path``, whole or not at all; ``OSError`` where that is not allowed."""
    target = card_path(path)
    unfinished = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    try:
        unfinished.write_text(card_text(card), encoding="utf-8")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def card_text(card: dict[str, Any]) -> str:
    """A card as the text of its file."""
    return json.dumps(card, indent=1, ensure_ascii=False) + "\n"
