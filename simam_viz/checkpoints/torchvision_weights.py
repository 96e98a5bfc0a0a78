"""torchvision's ImageNet weights by name: downloaded once into the weights folder, checked, and given a card."""

from __future__ import annotations

import functools
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torchvision.models import get_model_weights
from tqdm import tqdm

from ..networks.architectures import ARCHITECTURES
from ..wording import _
from ..writing import written_whole
from .card import Card
from .store import weights_folder, write_card
from .weights_file import CheckpointError, check_size

_PIECE = 1 << 18
_TIMEOUT_SECONDS = 20

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) while a download runs."""


@dataclass(frozen=True)
class Published:
    """One set of weights that torchvision publishes."""

    name: str
    address: str
    sha256_start: str
    """The first digits of the file's SHA-256, which torchvision puts into the file's name."""
    megabytes: float
    card: Card = field(hash=False)

    def path(self, folder: Path | None = None) -> Path:
        """Where the file lies once it is downloaded."""
        return (folder or weights_folder()) / f"{self.name}.pth"


@functools.cache
def published() -> dict[str, Published]:
    """Every set of ImageNet weights for an architecture that opens here, by its name (``"resnet18-imagenet1k-v1"``)."""
    found = {}
    for arch in ARCHITECTURES:
        for entry in get_model_weights(arch):
            meta, preset = entry.meta, entry.transforms()
            name = f"{arch}-{entry.name}".lower().replace("imagenet1k_", "imagenet1k-")
            measured = meta["_metrics"]["ImageNet-1K"]
            side = preset.crop_size[0]
            card = {
                "title": f"torchvision {arch}, ImageNet ({entry.name.rpartition('_')[2]})",
                "arch": arch,
                "attention": "none",
                "trained_with_simam": False,
                "e_lambda": 0.1,
                "num_classes": len(meta["categories"]),
                "forward_pass": "torchvision's",
                "input_size": side,
                "normalisation": {"mean": list(preset.mean), "std": list(preset.std)},
                "trained_on": "ImageNet-1K, by torchvision's authors, without SimAM.",
                "published_accuracy": {"top1": measured["acc@1"], "top5": measured["acc@5"], "images": 50_000},
                "limits": "These weights never saw SimAM: its energies and weights on them are hypothetical.",
                "source": entry.url,
                "categories": list(meta["categories"]),
            }
            sha = Path(entry.url).stem.rpartition("-")[2]
            found[name] = Published(name, entry.url, sha, meta["_file_size"], Card.of(card))
    return found


def download(weights: Published, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch ``weights`` into ``folder`` (by default the weights folder), unless they are there; returns the file.

    The file appears whole, under its name, and only after its hash was found right; its card appears with it.

    Raises:
        CheckpointError: no connection, not enough room, or what came is not what torchvision published.
    """
    path = weights.path(folder)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as unfinished:
            sha256 = _receive(weights.address, unfinished, progress)
            if not sha256.startswith(weights.sha256_start):
                raise CheckpointError(
                    _(
                        "What came as {name} is not what torchvision published (its SHA-256 begins with {found}, not "
                        "{published}), so it was thrown away; try again.",
                        name=weights.name,
                        found=sha256[:8],
                        published=weights.sha256_start,
                    )
                )
            write_card(path, weights.card)
    except (OSError, http.client.HTTPException) as error:  # the second: what answers is no web server, or breaks off
        cause = getattr(error, "reason", None) or error
        reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        raise CheckpointError(
            _(
                "{name} could not be downloaded ({reason}); check the connection and try again. "
                "The bundled checkpoint works without one.",
                name=weights.name,
                reason=reason,
            )
        ) from None
    return path


def terminal_bar() -> Progress:
    """A progress bar on the error stream."""
    bar = tqdm(unit="B", unit_scale=True, delay=0.1)

    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return progress


def _receive(address: str, path: Path, progress: Progress | None) -> str:
    """Write what lies at ``address`` to ``path``; returns its SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    done = 0
    # The address is torchvision's own, https.
    with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer, path.open("wb") as file:  # noqa: S310
        total = int(answer.headers.get("Content-Length") or 0)
        check_size(total)
        while piece := answer.read(_PIECE):
            file.write(piece)
            digest.update(piece)
            done += len(piece)
            check_size(done)
            if progress:
                progress(done, max(total, done))
    if done < total:
        raise urllib.error.URLError(_("the connection broke off"))
    return digest.hexdigest()
