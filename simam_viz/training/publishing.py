"""A finished run → the half-precision file that ships, and its card, with everything in it measured."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint, file_hash, load_checkpoint
from ..evaluation.assessment import assess, centre_blob, paired_difference, pointing_hits, right_answers
from ..evaluation.predictions import accuracy, as_in_the_app, predict, predict_and_explain
from ..evaluation.tiny_imagenet import ImageSet, load_training_data, load_validation, read_boxes
from ..networks.architectures import create_model
from ..networks.counting import count_parameters, multiply_adds
from ..networks.places import usual_places
from ..photos.samples import list_samples
from .batches import MEAN, STD
from .recipe import Recipe, format_stages

INPUT_SIZES = (96, 128, 160, 192, 224, 256)
"""Input sizes in pixels that are measured on the held-out images, and that the app offers."""

TOLERATED_LOSS = 1.0
"""Percentage points of held-out top-1 that may be given up for a larger input, and with it finer maps."""

MAX_BYTES = 25 * 2**20
"""What a bundled file may weigh."""

KNOWN_LOGIT_TOLERANCE = 0.05
"""What another processor or another JPEG decoder may change a logit by: one grey level up or down on every pixel, at
random, moved the SimAM network's by 0.02 to 0.06, where logits of one sample spread over eight to ten units."""

Card = dict[str, Any]


@dataclass(frozen=True)
class FinishedRun:
    """What ``train`` leaves when it has come to its end."""

    weights: dict[str, Tensor]
    facts: dict[str, Any]
    recipe: Recipe


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
    name = name or default_name(run)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"{name!r} is no name for a checkpoint: use letters, digits, dots, hyphens and underscores.")
    weights = to_half_precision(run.weights)
    if len(weights) > MAX_BYTES:
        raise ValueError(f"The file would have {len(weights):,} bytes; a bundled one may have {MAX_BYTES:,} at most.")
    digest = hashlib.sha256(weights).hexdigest()
    file = out / f"{name}.safetensors"
    others = _cards_in(out)
    known = others.pop(name, {})
    measured_before = known.get("sha256") == digest and file.is_file() and file_hash(file) == digest
    if measured_before and not again:
        raise ValueError(
            f"{name} has its card already: the validation images are read once for each file, so that no choice can be "
            "made by them; --again reads them anew."
        )
    facts = identity(run)
    twin = _find_twin(facts, others)

    data = load_training_data(root, cache, held_out)
    if list(data.wnids) != facts["wnids"] or len(data.held_out) != run.facts["held_out_images"]:
        raise ValueError(f"The run in {run_folder} was trained on other classes or another held-out list than {root}.")
    with tempfile.TemporaryDirectory() as folder:
        # Read back as the app reads it: what is measured is what ships.
        copy = Path(folder) / file.name
        copy.write_bytes(weights)
        copy.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
        loaded = load_checkpoint(copy)
    loaded.model.to(memory_format=torch.channels_last)
    sizes = measure_sizes(loaded, data.held_out, report)
    px = default_size({size: top1 for size, (top1, _) in sizes.items()})
    report(f"default input size: {px} px; reading the official validation images")
    card = {
        **facts,
        "input_size": px,
        **describe(run),
        **_size_entries(sizes, len(data.held_out)),
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
    changed = _with_twins(name, card, twin, others)
    out.mkdir(parents=True, exist_ok=True)
    _write(file, weights)
    for changed_name, changed_card in changed.items():
        _write(out / f"{changed_name}.json", _as_json(changed_card))
    return out / f"{name}.json"


def read_run(folder: Path) -> FinishedRun:
    """What ``train`` left in ``folder``.

    Raises:
        ValueError: it has not come to its end, or a file is damaged.
    """
    for name in ("final.safetensors", "run.json"):
        if not (folder / name).is_file():
            raise ValueError(f"There is no finished run in {folder}: {name} is missing; let its train command end.")
    try:
        weights = safetensors.torch.load_file(folder / "final.safetensors")
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        settings = {name: _tuples(value) for name, value in facts["recipe"].items()}
        run = FinishedRun(weights, facts, Recipe(**settings))
        model = create_model(facts["arch"], facts["attention"], len(facts["categories"]), run.recipe.e_lambda)
        model.load_state_dict(weights)
        identity(run), describe(run)
        complete = len(facts["curves"]) == run.recipe.epochs and facts["held_out_images"] > 0
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, OSError):
        complete = False
    if not complete:
        raise ValueError(
            f"The run in {folder} is damaged: final.safetensors and run.json do not tell of one whole run."
        )
    return run


def default_name(run: FinishedRun) -> str:
    return ("simam_" if run.facts["attention"] == "simam" else "") + f"{run.facts['arch']}-tinyimagenet"


def to_half_precision(weights: dict[str, Tensor]) -> bytes:
    """A safetensors file of ``weights`` in half precision, batch norm's running statistics in float32.

    Raises:
        ValueError: a weight is not finite, or too big for half precision.
    """
    kept = {}
    for name, tensor in weights.items():
        if name.endswith("num_batches_tracked"):
            continue  # of no use after training
        kept[name] = (tensor.float() if "running" in name else tensor.half()).contiguous()
        if not kept[name].isfinite().all():
            raise ValueError(f"{name} of this run has values that half precision cannot hold.")
    return safetensors.torch.save(kept)


def default_size(top1: dict[int, float]) -> int:
    """The largest size (pixels) whose top-1 (percent) lies within :data:`TOLERATED_LOSS` points of the best."""
    best = max(top1.values())
    return max(size for size, value in top1.items() if best - value <= TOLERATED_LOSS + 1e-9)


def measure_sizes(
    loaded: LoadedCheckpoint, held_out: ImageSet, report: Callable[[str], None]
) -> dict[int, tuple[float, float]]:
    """Top-1 and top-5 in percent on the held-out images at each of :data:`INPUT_SIZES`."""
    measured = {}
    for px in INPUT_SIZES:
        logits = predict(loaded.model, held_out, as_in_the_app(loaded.transforms, px))
        measured[px] = top1, top5 = accuracy(logits, held_out)
        report(f"{len(held_out):,} held-out images at {px} px: top-1 {top1:.2f} %, top-5 {top5:.2f} %")
    return measured


def measure_validation(loaded: LoadedCheckpoint, images: ImageSet, boxes: Tensor, px: int) -> Card:
    """Everything a card says of the official validation images, from one pass over them."""
    logits, maps = predict_and_explain(loaded.model, images, as_in_the_app(loaded.transforms, px))
    labels = torch.from_numpy(images.labels)
    measured = assess(logits, labels)
    side = images.images.shape[1]
    middle = centre_blob(9).expand(len(images), -1, -1)  # odd, so that its peak is the very middle
    return {
        "accuracy": {
            "top1": measured["top1"],
            "top5": measured["top5"],
            "images": len(images),
            "input_size": px,
            "how": "Tiny ImageNet's official validation images, this file, float32, the preprocessing of the app. Nothing "
            "was chosen by them.",
        },
        "expected_calibration_error": measured["expected_calibration_error"],
        "class_accuracy": measured["class_accuracy"],
        "confused_pairs": [
            {"true": loaded.categories[true], "predicted": loaded.categories[predicted], "images": count}
            for true, predicted, count in measured["confused_pairs"]
        ],
        "pointing_game": {
            "grad_cam": _percent(pointing_hits(maps, boxes, side)),
            "centre": _percent(pointing_hits(middle, boxes, side)),
            "images": len(images),
            "how": "How often (percent) the peak of Grad-CAM of the true class, at the output of the last block, lies in "
            "the box of val_annotations.txt; centre: the same for a blob in the middle of every image.",
        },
        "right_answers": {
            "order": "val_annotations.txt",
            "images": len(images),
            "bits": pack_bits(right_answers(logits, labels)),
        },
    }


def earlier_readings(card: Card) -> list[Card]:
    """What earlier readings of the validation images gave for the same file, that of ``card`` the last."""
    reading = {name: card["accuracy"][name] for name in ("top1", "top5", "input_size")}
    return [*card.get("earlier_readings", []), {**reading, "preprocessing": card["preprocessing"]}]


def known_logits(loaded: LoadedCheckpoint, px: int, samples: int = 4, classes: int = 5) -> Card:
    """The highest logits on the first bundled samples: for each sample's name, logits by class number."""
    transforms = replace(loaded.transforms, input_size=px)
    values = {}
    for sample in list_samples()[:samples]:
        with torch.inference_mode():
            logits = loaded.model(transforms(sample.image())[None])[0]
        top = logits.topk(min(classes, len(logits)))
        values[sample.name] = {
            str(index): round(value, 4) for index, value in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        }
    return {"input_size": px, "tolerance": KNOWN_LOGIT_TOLERANCE, "values": values}


def pack_bits(values: Tensor) -> str:
    """(N,) of bool as base64, eight to a byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(values.numpy()).tobytes()).decode()


def unpack_bits(text: str, count: int) -> Tensor:
    """What :func:`pack_bits` packed."""
    packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(packed, count=count).astype(bool))


def identity(run: FinishedRun) -> Card:
    """What the app needs to load and name the network, but for the input size."""
    facts = run.facts
    simam = facts["attention"] == "simam"
    network = facts["arch"].replace("resnet", "ResNet-").replace("resnext50_", "ResNeXt-50 ")
    return {
        "title": f"SimAM-{network}" if simam else network,
        "arch": facts["arch"],
        "attention": facts["attention"],
        "e_lambda": run.recipe.e_lambda,
        "num_classes": len(facts["categories"]),
        "input_sizes": list(INPUT_SIZES),
        "forward_pass": "torchvision's",
        **({"simam_at": facts.get("simam_at") or list(usual_places(facts["arch"])["convolution"])} if simam else {}),
        "normalisation": {"mean": list(MEAN), "std": list(STD)},
        "preprocessing": "Centre square, resized to the input size (bilinear, antialiased), scaled to 0–1, normalised.",
        "wnids": list(facts["wnids"]),
        "categories": list(facts["categories"]),
        "recipe_settings": json.loads(json.dumps(asdict(run.recipe))),
        "training_images": facts["training_images"],
    }


def describe(run: FinishedRun) -> Card:
    """What a card says of the training, from ``run.json``."""
    facts, recipe = run.facts, run.recipe
    stages = ", ".join(f"{epochs} at {px} px" for px, epochs in recipe.stages)
    machines = [
        f"{m['processor']}, {m['threads']} thread{'s' * (m['threads'] > 1)}, {m['precision']}, PyTorch {m['torch']}"
        for m in facts["hardware"]
    ]
    return {
        "trained_on": f"Tiny ImageNet: {facts['training_images']:,} of its training images of 64 × 64 in "
        f"{len(facts['categories'])} classes, enlarged while training; {facts['held_out_images']:,} others held out, on "
        "which every choice was made.",
        "data_terms": "Tiny ImageNet is a subset of ImageNet: for non-commercial research and education only.",
        "recipe": f"{recipe.epochs} epochs ({stages}); batch {recipe.batch_size}; SGD with Nesterov momentum "
        f"{recipe.momentum:g}, rate up to {recipe.peak_rate:g} over the first {100 * recipe.warm_up:g} % of the steps, then cosine "
        f"to 0; weight decay {recipe.weight_decay:g} except on biases and norms; label smoothing {recipe.label_smoothing:g}; "
        f"random resized crop (area {recipe.crop_area[0]:g}–{recipe.crop_area[1]:g}, reflection padding) and flip; running "
        f"average of the weights ({recipe.averaging:g} a step), batch-norm statistics computed anew for it.",
        "command": f"python -m simam_viz train --data tiny-imagenet-200 --arch {facts['arch']} "
        f"--attention {facts['attention']} --stages {format_stages(recipe.stages)} --seed {recipe.seed} --out DIR",
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "training_seconds": round(facts["seconds"]),
        "hardware": "; then ".join(machines),
        "curves": [
            {name: round(epoch[name], 4) for name in ("epoch", "px", "seconds", "train_loss", "top1", "top5")}
            for epoch in facts["curves"]
        ],
    }


def limits(card: Card) -> str:
    """What the network is not good for, with its own numbers."""
    return (
        f"It answers {100 - card['accuracy']['top1']:.1f} % of the validation images wrongly. It knows "
        f"{card['num_classes']} classes and nothing else: whatever it sees, it names one of them. It was trained on "
        "images of 64 px, so fine detail means little to it, and it is one network from one seed and a short training. Its "
        f"confidence differs from its accuracy by {card['expected_calibration_error']:.1f} points on average. It is meant "
        "for looking at attention, not for decisions."
    )


def _size_entries(sizes: dict[int, tuple[float, float]], images: int) -> Card:
    return {
        "input_size_rule": f"The largest of {', '.join(map(str, INPUT_SIZES))} px whose top-1 on the held-out images lies "
        f"within {TOLERATED_LOSS:g} point of the best: heat maps want resolution.",
        "accuracy_by_input_size": {
            "images": images,
            "how": f"the {images:,} training images held out, this file, float32, the preprocessing of the app",
            "values": {str(px): {"top1": round(top1, 2), "top5": round(top5, 2)} for px, (top1, top5) in sizes.items()},
        },
    }


def _find_twin(facts: Card, others: dict[str, Card]) -> str | None:
    """The card of the same network trained alike with the other attention, by name."""
    alike = ("arch", "recipe_settings", "categories", "wnids", "training_images")
    twins = [
        name
        for name, card in others.items()
        if all(card.get(entry) == facts[entry] for entry in alike) and card.get("attention") != facts["attention"]
    ]
    if len(twins) > 1:
        raise ValueError(f"{' and '.join(twins)} could both be the twin of this run: keep one of them in the folder.")
    return twins[0] if twins else None


def _with_twins(name: str, card: Card, twin: str | None, others: dict[str, Card]) -> dict[str, Card]:
    """The cards to write, by name: this one, its twin's, and any that called this name its twin and no longer may."""
    changed = {name: card}
    for other, other_card in others.items():
        if other_card.get("twin") == name or other == twin:
            changed[other] = {k: v for k, v in other_card.items() if k not in ("twin", "twin_difference")}
    if twin:
        pair = sorted(((name, card), (twin, changed[twin])), key=lambda item: item[1]["attention"] != "simam")
        difference = twin_difference(*pair)
        for (one, one_card), (other, _) in (pair, pair[::-1]):
            changed[one] = {**one_card, "twin": other, "twin_difference": difference}
    return changed


def twin_difference(first: tuple[str, Card], second: tuple[str, Card]) -> Card:
    """Top-1 of the first (name, card) minus top-1 of the second, paired image by image.

    Raises:
        ValueError: they were measured on different images.
    """
    answers = [card["right_answers"] for _, card in (first, second)]
    if answers[0]["images"] != answers[1]["images"]:
        raise ValueError(f"{first[0]} and {second[0]} were measured on different images, so they cannot be compared.")
    paired = paired_difference(*(unpack_bits(answer["bits"], answer["images"]) for answer in answers))
    return {
        "first": first[0],
        "second": second[0],
        **{key: round(value, 3) for key, value in asdict(paired).items()},
        "images": answers[0]["images"],
        "input_sizes": {name: card["input_size"] for name, card in (first, second)},
        "how": "Top-1 of the first minus top-1 of the second on the same validation images, in percentage points, with its "
        "95 % interval (low to high): one seed each, so it speaks for these two files and not for SimAM at large.",
    }


def _cards_in(folder: Path) -> dict[str, Card]:
    cards = {}
    for path in sorted(folder.glob("*.json")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            card = None
        if not isinstance(card, dict):
            raise ValueError(f"The card {path} is not a JSON object; mend or remove it.")
        cards[path.stem] = card
    return cards


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _percent(hits: Tensor) -> float:
    return round(100 * hits.double().mean().item(), 2)


def _as_json(card: Card) -> bytes:
    return (json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _write(file: Path, content: bytes) -> None:
    """Write ``file`` in one go: whoever reads it, or is killed meanwhile, finds the old one or the new one."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
