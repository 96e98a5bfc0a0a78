"""A plain network with random weights beside the bundled one, each card naming the other: what a twin looks like."""

from __future__ import annotations

import json
import os
from pathlib import Path

import safetensors.torch
import torch

import simam_viz
from simam_viz.checkpoints import list_checkpoints

TWIN = "plain_resnet18-random"


def folder_with_twin(folder: Path, name: str | None = None) -> Path:
    """Fill ``folder`` with the default checkpoint (a link to its weights, called ``name``) and its twin; returns it."""
    info = list_checkpoints()[0]
    name = name or info.name
    os.symlink(info.path, folder / f"{name}.safetensors")
    torch.manual_seed(1)
    plain = simam_viz.create_model("resnet18", "none", num_classes=info.card["num_classes"])
    safetensors.torch.save_file(plain.state_dict(), folder / f"{TWIN}.safetensors")
    cards = {
        name: info.card | {"twin": TWIN},
        TWIN: info.card | {"twin": name, "attention": "none", "title": "ResNet-18 (random)", "accuracy": None},
    }
    for name, card in cards.items():
        (folder / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")
    return folder
