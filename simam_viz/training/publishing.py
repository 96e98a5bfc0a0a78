"""A finished run → the half-precision file that ships, and its card, with everything in it measured."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from ..checkpoints.loading import file_hash, load_checkpoint
from ..evaluation.tiny_imagenet import load_training_data, load_validation, read_boxes
from ..networks.counting import count_parameters, multiply_adds
from ..wording import _
from ..writing import write_whole
from .description import Card, default_name, describe, identity, limits
from .finished_run import read_run, to_half_precision
from .measurements import default_size, earlier_readings, known_logits, measure_sizes, measure_validation, size_entries
from .siblings import find_twin, with_twins

MAX_BYTES = 25 * 2**20
"""What a bundled file may weigh."""


def make_card(
    run_folder: Path,
    root: Path,
    cache: Path,
    held_out: Path,
    out: Path,
    name: str | None = None,
    again: bool = False,
    report: Callable[[str], None] = print,
) -> Path:
    """Turn a finished run into ``out/name.safetensors`` and ``out/name.json``; returns the card's path.

    Input sizes are compared on the held-out images; the official validation images are read once, at the size chosen.
    If ``out`` holds the card of the same network trained alike with the other attention, each card names the other and
    both tell their paired difference. Files appear whole or not at all.

    Args:
        run_folder: where ``train`` wrote.
        root: Tiny ImageNet in its official layout.
        cache: where decoded images are kept.
        held_out: the list of images that were held out from the run.
        out: the folder for both files.
        name: of the checkpoint; ``None`` makes it from architecture, attention and data set.
        again: read the validation images even though this very file has its card.
        report: is told each step in one line.

    Raises:
        ValueError: the run is unfinished or damaged, does not fit the data, or has its card already.
    """
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
    file = out / f"{name}.safetensors"
    others = _cards_in(out)
    known = others.pop(name, {})
    measured_before = known.get("sha256") == digest and file.is_file() and file_hash(file) == digest
    if measured_before and not again:
        raise ValueError(
            _(
                "{name} has its card already: the validation images are read once for each file, so that no choice can be made "
                "by them; --again reads them anew.",
                name=name,
            )
        )
    facts = identity(run.facts, run.recipe)
    twin = find_twin(facts, others)

    data = load_training_data(root, cache, held_out)
    if list(data.wnids) != facts["wnids"] or len(data.held_out) != run.facts["held_out_images"]:
        raise ValueError(
            _(
                "The run in {run} was trained on other classes or another held-out list than {folder}.",
                run=run_folder,
                folder=root,
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        # Read back as the app reads it: what is measured is what ships.
        copy = Path(folder) / file.name
        copy.write_bytes(weights)
        copy.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
        loaded = load_checkpoint(copy)
    loaded.model.to(memory_format=torch.channels_last)
    sizes = measure_sizes(loaded, data.held_out, facts["input_sizes"], report)
    px = default_size({size: top1 for size, (top1, _top5) in sizes.items()})
    report(_("default input size: {px} px; reading the official validation images", px=px))
    card = {
        **facts,
        "input_size": px,
        **describe(run.facts, run.recipe),
        **size_entries(sizes, len(data.held_out)),
        **measure_validation(loaded, load_validation(root, cache), read_boxes(root), px),
        "known_logits": known_logits(loaded, px),
        "parameters": count_parameters(loaded.model),
        "multiply_adds": multiply_adds(loaded.model, px),
        "parameter_names": "torchvision's; half precision, batch-norm running statistics in float32",
        "file": file.name,
        "sha256": digest,
        "bytes": len(weights),
    }
    if measured_before:
        card["earlier_readings"] = earlier_readings(known)
    card["limits"] = limits(card)
    changed = with_twins(name, card, twin, others)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(file, weights)
    for changed_name, changed_card in changed.items():
        write_whole(out / f"{changed_name}.json", _as_json(changed_card))
    return out / f"{name}.json"


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
