"""What ``train`` leaves when it has come to its end, read back; and its weights as they ship."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from ..evaluation.tiny_imagenet import TINY_IMAGENET
from ..networks.architectures import create_model
from ..networks.named import is_named
from ..wording import _
from .description import Facts, describe, identity
from .recipe import Recipe


@dataclass(frozen=True)
class FinishedRun:
    """A whole run."""

    weights: dict[str, Tensor]
    facts: Facts
    recipe: Recipe


def read_run(folder: Path) -> FinishedRun:
    """What ``train`` left in ``folder``.

    Raises:
        ValueError: it has not come to its end, a file is damaged, or no card can be made of such a run.
    """
    for name in ("final.safetensors", "run.json"):
        if not (folder / name).is_file():
            raise ValueError(
                _(
                    "There is no finished run in {folder}: {file} is missing; let its train command end.",
                    folder=folder,
                    file=name,
                )
            )
    fits_a_card = True
    try:
        weights = safetensors.torch.load_file(folder / "final.safetensors")
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        fits_a_card = not is_named(facts["arch"]) and facts.get("data", TINY_IMAGENET) == TINY_IMAGENET
        settings = {name: _tuples(value) for name, value in facts["recipe"].items()}
        run = FinishedRun(weights, facts, Recipe(**settings))
        model = create_model(facts["arch"], facts["attention"], len(facts["categories"]), run.recipe.e_lambda)
        model.load_state_dict(weights)
        for told_by in (identity, describe):
            told_by(facts, run.recipe)  # all that a card tells of the run is there
        complete = len(facts["curves"]) == run.recipe.epochs and facts["held_out_images"] > 0
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, OSError):
        complete = False
    if not fits_a_card:
        raise ValueError(
            _(
                "The run in {folder} is of {arch} on {data}; cards are made of create_model's networks on Tiny ImageNet.",
                folder=folder,
                arch=facts["arch"],
                data=facts["data"],
            )
        )
    if not complete:
        raise ValueError(
            _(
                "The run in {folder} is damaged: final.safetensors and run.json do not tell of one whole run.",
                folder=folder,
            )
        )
    return run


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
            raise ValueError(_("{tensor} of this run has values that half precision cannot hold.", tensor=name))
    return safetensors.torch.save(kept)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
