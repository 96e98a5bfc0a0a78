"""What a card says of a run without measuring anything: what the network is, how it was trained, what it is not good for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ..modules.gates import GATES
from ..networks.places import usual_places
from .recipe import Recipe, format_stages, settings_in_words

INPUT_SIZES = (96, 128, 160, 192, 224, 256)
"""Input sizes in pixels that are measured on the held-out images, and that the app offers."""

_TITLES = {"none": "", "simam": "SimAM-", "se": "SE-", "cbam": "CBAM-", "eca": "ECA-"}

Card = dict[str, Any]
"""Entries of a card's file."""

Facts = dict[str, Any]
"""What ``run.json`` holds."""


def default_name(facts: Facts) -> str:
    """What a checkpoint is called where nobody names it: architecture, attention and data set."""
    attention = "" if facts["attention"] == "none" else f"{facts['attention']}_"
    return f"{attention}{facts['arch']}-tinyimagenet"


def identity(facts: Facts, recipe: Recipe) -> Card:
    """What the app needs to load and name the network, but for the input size."""
    attention = facts["attention"]
    simam = attention == "simam"
    network = facts["arch"].replace("resnet", "ResNet-").replace("resnext50_", "ResNeXt-50 ")
    return {
        "title": _TITLES[attention] + network,
        "arch": facts["arch"],
        "attention": attention,
        **({} if attention in GATES else {"e_lambda": recipe.e_lambda}),
        "num_classes": len(facts["categories"]),
        "input_sizes": list(INPUT_SIZES),
        "forward_pass": "torchvision's",
        **({"simam_at": facts.get("simam_at") or list(usual_places(facts["arch"])["convolution"])} if simam else {}),
        "normalisation": {"mean": list(recipe.mean), "std": list(recipe.std)},
        "preprocessing": "Centre square, resized to the input size (bilinear, antialiased), scaled to 0–1, normalised.",
        "wnids": list(facts["wnids"]),
        "categories": list(facts["categories"]),
        "recipe_settings": json.loads(json.dumps(recipe.settings())),
        "training_images": facts["training_images"],
    }


def describe(facts: Facts, recipe: Recipe) -> Card:
    """What a card says of the training, from ``run.json``."""
    machines = [_machine(m) for m in facts["hardware"]]
    device = facts["hardware"][-1].get("device", "cpu") if facts["hardware"] else "cpu"
    return {
        "trained_on": f"Tiny ImageNet: {facts['training_images']:,} of its training images of 64 × 64 in "
        f"{len(facts['categories'])} classes, enlarged while training; {facts['held_out_images']:,} others held out, on "
        "which every choice was made.",
        "data_terms": "Tiny ImageNet is a subset of ImageNet: for non-commercial research and education only.",
        "recipe": settings_in_words(recipe),
        "command": f"python -m simam_viz train --data tiny-imagenet-200 --arch {facts['arch']} "
        f"--attention {facts['attention']} --stages {format_stages(recipe.stages)} --seed {recipe.seed} "
        f"{''.join(f'{words} ' for words in _other_flags(facts, recipe))}"
        f"{'' if device == 'cpu' else '--device cuda '}--out DIR",
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "training_seconds": round(facts["seconds"]),
        "hardware": "; then ".join(machines),
        "curves": [
            {name: round(epoch[name], 4) for name in ("epoch", "px", "seconds", "train_loss", "top1", "top5")}
            for epoch in facts["curves"]
        ],
    }


def card_of_run(facts: Facts, recipe: Recipe) -> Card:
    """What the app has to know to open the weights of a run that has just ended; nothing in it was measured for it."""
    last = facts["curves"][-1]
    return {
        **identity(facts, recipe),
        "input_size": recipe.stages[-1][0],
        "trained_on": f"{facts['data']}: {facts['training_images']:,} images in {len(facts['categories'])} classes.",
        "recipe": settings_in_words(recipe),
        "accuracy": {
            "top1": round(last["top1"], 2),
            "top5": round(last["top5"], 2),
            "images": facts["held_out_images"],
            "input_size": last["px"],
            "how": f"{facts['data']}, the images to measure on, after the last epoch",
        },
    }


def _other_flags(facts: Facts, recipe: Recipe) -> list[str]:
    """What of a run's command is not as by default, beside what is always told."""
    usual, found = Recipe(), []
    for flag, name in (("lambda", "e_lambda"), ("batch", "batch_size"), ("rate", "peak_rate"), ("weight-decay",) * 2):
        name = name.replace("-", "_")
        if getattr(recipe, name) != getattr(usual, name):
            found.append(f"--{flag} {getattr(recipe, name)}")
            usual = replace(usual, **{name: getattr(recipe, name)})
    if replace(usual, stages=recipe.stages, seed=recipe.seed) != replace(usual, **vars(recipe)):
        found.insert(0, "--recipe recipe.yaml")
    if "start" in facts:
        found.append(f"--init {facts['start']['name']}")
    return found


def _machine(facts: Facts) -> str:
    threads = f"{facts['threads']} thread{'s' * (facts['threads'] > 1)}"
    device = f"{facts['device']}, beside " if "device" in facts else ""
    together = facts.get("networks_at_once", 1)
    if facts.get("processes", 1) > 1:
        threads = f"{facts['processes']} processes of {threads}"
    shared = f", {together} networks trained side by side" if together > 1 else ""
    return f"{device}{facts['processor']}, {threads}, {facts['precision']}, PyTorch {facts['torch']}{shared}"


def limits(card: Card) -> str:
    """What the network is not good for, with its own numbers."""
    return (
        f"It answers {100 - card['accuracy']['top1']:.1f} % of the validation images wrongly. It knows "
        f"{card['num_classes']} classes and nothing else: whatever it sees, it names one of them. It was trained on "
        "images of 64 px, so fine detail means little to it, and it is one network from one seed and a short training. Its "
        f"confidence differs from its accuracy by {card['expected_calibration_error']:.1f} points on average. It is meant "
        "for looking at attention, not for decisions."
    )
