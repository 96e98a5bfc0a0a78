"""Analysis → files: a PNG of the whole, an NPZ of the weights, JSON of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from . import render
from .analysis import Analysis


def summary(analysis: Analysis, checkpoint: str) -> dict[str, object]:
    """The settings and the answer: top-5 classes, target, λ, input size, and each block's shape."""
    return {
        "checkpoint": checkpoint,
        "e_lambda": analysis.e_lambda,
        "input_size": analysis.view.width,
        "attends": analysis.attends,
        "target": {"index": analysis.target, "name": analysis.categories[analysis.target]},
        "top5": [
            {"index": index, "name": name, "probability": round(probability, 6)}
            for index, name, probability in analysis.top(5)
        ],
        "blocks": {block.name: list(block.features.shape) for block in analysis.blocks},
    }


def write(analysis: Analysis, folder: Path, checkpoint: str) -> list[Path]:
    """Write ``overview.png``, ``attention.npz`` (one array (C, H, W) a block, by its name) and ``top5.json``.

    The folder is made if need be; files of these names in it are replaced. Returns what was written.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    overview, attention, top5 = (folder / name for name in ("overview.png", "attention.npz", "top5.json"))
    overview.write_bytes(render.png(render.overview(analysis)))
    np.savez_compressed(attention, **{block.name: block.attention.numpy() for block in analysis.blocks})
    top5.write_text(json.dumps(summary(analysis, checkpoint), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [overview, attention, top5]
