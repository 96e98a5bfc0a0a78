"""Finished runs → the half-precision files that ship, and their cards, with everything in them measured."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoints.loading import LoadedCheckpoint, file_hash, load_checkpoint
from ..evaluation.assessment import fitted_temperature
from ..evaluation.class_folders import photos_in_class_folders
from ..evaluation.tiny_imagenet import TrainingData, load_training_data, load_validation, read_boxes
from ..networks.counting import count_parameters, multiply_adds
from ..wording import _, later
from ..writing import write_whole
from .description import Card, Facts, default_name, describe, identity, limits
from .finished_run import FinishedRun, read_run, to_half_precision
from .measurements import (
    TOLERATED_LOSS,
    BySize,
    default_size,
    earlier_readings,
    known_logits,
    mean_accuracy,
    measure_sizes,
    measure_validation,
    size_entry,
)
from .siblings import related

MAX_BYTES = 25 * 2**20
"""What a bundled file may weigh."""
SOURCES = "SOURCES.txt"
"""The file in a folder of sharp photos that says where they come from, for the cards."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class _Candidate:
    """A run on its way to a card."""

    run: FinishedRun
    name: str
    facts: Facts
    weights: bytes
    sha256: str
    known: Card
    """The card that it has already."""

    @property
    def file(self) -> str:
        return f"{self.name}.safetensors"

    def load(self) -> LoadedCheckpoint:
        """As the app reads it: what is measured is what ships."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.file
            copy.write_bytes(self.weights)
            copy.with_suffix(".json").write_text(json.dumps(self.facts), encoding="utf-8")
            return load_checkpoint(copy)


def make_cards(
    run_folders: Sequence[Path],
    root: Path,
    cache: Path,
    held_out: Path,
    out: Path,
    name: str | None = None,
    again: bool = False,
    sharp: Path | None = None,
    report: Report = print,
) -> list[Path]:
    """Turn finished runs into ``out/name.safetensors`` and ``out/name.json`` each; returns the cards' paths.

    Input sizes are compared on the held-out images and on ``sharp`` photos, and one is chosen for all runs; each network's
    temperature is fitted on the held-out images; only then are the official validation images read, once for each. Cards of
    networks in ``out`` that were trained alike with another attention tell their paired differences. Files appear whole or
    not at all, and all together.

    Args:
        run_folders: where ``train`` wrote.
        root: Tiny ImageNet in its official layout.
        cache: where decoded images are kept.
        held_out: the list of images that were held out from the runs.
        out: the folder for all files.
        name: of the checkpoint, of one run alone; ``None`` makes it from architecture, attention and data set.
        again: read the validation images even though this very file has its card.
        sharp: a folder with one folder of photos for each class, and :data:`SOURCES`.
        report: is told each step in one line.

    Raises:
        ValueError: a run is unfinished or damaged, does not fit the data, or has its card already.
    """
    others = _cards_in(out)
    candidates = [_candidate(folder, out, name, others, again) for folder in run_folders]
    if len({candidate.name for candidate in candidates}) < len(candidates):
        raise ValueError(_("Two of these runs would have the same name; make their cards one after the other."))
    data = load_training_data(root, cache, held_out)
    for folder, candidate in zip(run_folders, candidates, strict=True):
        _check_data(candidate, data, folder, root)
    held, photos = {}, {}
    for candidate in candidates:
        loaded, sizes = candidate.load(), candidate.facts["input_sizes"]
        report(candidate.name)
        held[candidate.name] = measure_sizes(loaded, data.held_out, sizes, later("held-out images"), report)
        if sharp is not None:
            images = photos_in_class_folders(sharp, loaded)
            photos[candidate.name] = measure_sizes(loaded, images, sizes, later("sharp photos"), report)
    px = default_size(mean_accuracy([*held.values(), *photos.values()]))
    report(_("default input size: {px} px; reading the official validation images", px=px))
    cards = others
    for candidate in candidates:
        measured = _sizes(held[candidate.name], photos.get(candidate.name), px, len(candidates), sharp)
        cards[candidate.name] = _card(candidate, held[candidate.name][px].logits, measured, data, root, cache, px)
    changed = related(cards, [candidate.name for candidate in candidates])
    out.mkdir(parents=True, exist_ok=True)
    for candidate in candidates:
        write_whole(out / candidate.file, candidate.weights)
    for changed_name, card in changed.items():
        write_whole(out / f"{changed_name}.json", _as_json(card))
    return [out / f"{candidate.name}.json" for candidate in candidates]


def _candidate(run_folder: Path, out: Path, name: str | None, others: dict[str, Card], again: bool) -> _Candidate:
    run = read_run(run_folder)
    name = name or default_name(run.facts)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            _("{name!r} is no name for a checkpoint: use letters, digits, dots, hyphens and underscores.", name=name)
        )
    weights = to_half_precision(run.weights)
    if len(weights) > MAX_BYTES:
        raise ValueError(
            _(
                "The file would have {size:,} bytes; a bundled one may have {most:,} at most.",
                size=len(weights),
                most=MAX_BYTES,
            )
        )
    digest = hashlib.sha256(weights).hexdigest()
    file, known = out / f"{name}.safetensors", others.get(name, {})
    measured_before = known.get("sha256") == digest and file.is_file() and file_hash(file) == digest
    if measured_before and not again:
        raise ValueError(
            _(
                "{name} has its card already: the validation images are read once for each file, so that no choice can be made "
                "by them; --again reads them anew.",
                name=name,
            )
        )
    return _Candidate(run, name, identity(run.facts, run.recipe), weights, digest, known if measured_before else {})


def _check_data(candidate: _Candidate, data: TrainingData, run_folder: Path, root: Path) -> None:
    if list(data.wnids) != candidate.facts["wnids"] or len(data.held_out) != candidate.run.facts["held_out_images"]:
        raise ValueError(
            _(
                "The run in {run} was trained on other classes or another held-out list than {folder}.",
                run=run_folder,
                folder=root,
            )
        )


def _sizes(held: BySize, photos: BySize | None, px: int, networks: int, sharp: Path | None) -> Card:
    """What a card says of input sizes, and of the photos that they were compared on."""
    images = len(held[px].labels)
    on = "the held-out images"
    if photos is not None:
        on = "the held-out images and on sharp photos, the mean of both,"
    if networks > 1:
        on += f" and over {networks} networks trained alike"
    rule = f"The largest of {', '.join(map(str, held))} px whose top-1 on {on} lies within {TOLERATED_LOSS:g} point of the best"
    how = f"the {images:,} training images held out, this file, float32, the preprocessing of the app"
    card: Card = {
        "input_size_rule": f"{rule}: heat maps want resolution.",
        "accuracy_by_input_size": size_entry(held, how),
    }
    if photos is not None and sharp is not None:
        source = sharp / SOURCES
        told = f" {source.read_text(encoding='utf-8').strip()}" if source.is_file() else ""
        card["accuracy_on_sharp_photos"] = size_entry(
            photos, f"the centre squares of full-size photos, this file, float32, the preprocessing of the app.{told}"
        )
    return card


def _card(
    candidate: _Candidate, logits: torch.Tensor, sizes: Card, data: TrainingData, root: Path, cache: Path, px: int
) -> Card:
    """Everything that one card says but its relations; ``logits`` are those of the held-out images at ``px``."""
    loaded, run = candidate.load(), candidate.run
    temperature = round(fitted_temperature(logits, torch.from_numpy(data.held_out.labels)), 4)
    card = {
        **candidate.facts,
        "input_size": px,
        **describe(run.facts, run.recipe),
        **sizes,
        "temperature": temperature,
        **measure_validation(loaded, load_validation(root, cache), read_boxes(root), px, temperature),
        "known_logits": known_logits(loaded, px),
        "parameters": count_parameters(loaded.model),
        "multiply_adds": multiply_adds(loaded.model, px),
        "parameter_names": "torchvision's; half precision, batch-norm running statistics in float32",
        "file": candidate.file,
        "sha256": candidate.sha256,
        "bytes": len(candidate.weights),
    }
    if candidate.known:
        card["earlier_readings"] = earlier_readings(candidate.known)
    return card | {"limits": limits(card)}


def _cards_in(folder: Path) -> dict[str, Card]:
    cards = {}
    for path in sorted(folder.glob("*.json")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            card = None
        if not isinstance(card, dict):
            raise ValueError(_("The card {card} is not a JSON object; mend or remove it.", card=path))
        cards[path.stem] = card
    return cards


def _as_json(card: Card) -> bytes:
    return (json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
