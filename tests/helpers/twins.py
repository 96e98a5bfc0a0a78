"""What networks look like that have a twin, and that have none: the default's weights with other cards."""

from __future__ import annotations

import json
import os
from pathlib import Path

import safetensors.torch
import torch

import simam_viz
from simam_viz.checkpoints.store import list_checkpoints

TWIN = "plain_resnet18-random"
_RELATIONS = ("twin", "twin_difference", "sibling_differences")


def put_default(folder: Path, name: str | None = None, twin: str | None = None) -> Path:
    """Put the default checkpoint into ``folder`` (a link to its weights, called ``name``), with this ``twin`` or none."""
    info = list_checkpoints()[0]
    name = name or info.name
    card = {entry: value for entry, value in info.card.items() if entry not in _RELATIONS}
    os.symlink(info.path, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(dict(card) | ({"twin": twin} if twin else {})), encoding="utf-8")
    return folder


def folder_with_twin(folder: Path, name: str | None = None) -> Path:
    """Fill ``folder`` with the default checkpoint and a plain one of random weights, each card naming the other."""
    info = list_checkpoints()[0]
    put_default(folder, name, TWIN)
    torch.manual_seed(1)
    plain = simam_viz.create_model("resnet18", "none", num_classes=info.card["num_classes"])
    safetensors.torch.save_file(plain.state_dict(), folder / f"{TWIN}.safetensors")
    card = info.card | {
        "twin": name or info.name,
        "attention": "none",
        "title": "ResNet-18 (random)",
        "accuracy": None,
        "sibling_differences": [],
    }
    (folder / f"{TWIN}.json").write_text(json.dumps(dict(card)), encoding="utf-8")
    return folder
