"""A made-up data set in Tiny ImageNet's layout, small enough to train on within a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from simam_viz.training.recipe import Recipe

CLASSES = ("n03", "n01", "n02")


@dataclass(frozen=True)
class SmallRecipe(Recipe):
    """The recipe, for batches that so few images can fill."""

    batch_size: int = 6
    statistics_batches: int = 2


def make_small_data(root: Path, validation: int = 4) -> Path:
    """3 classes of 12 images of 16 px in ``root``, 2 of each held out, and some for validation, each with a box."""
    pixels = np.random.default_rng(0)

    def save(path: Path, level: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = pixels.integers(0, 40, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise + np.uint8(level)).save(path, quality=95)

    for number, wnid in enumerate(CLASSES):
        for i in range(12):
            save(root / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", 80 * number)
    for i in range(validation):
        save(root / "val" / "images" / f"val_{i}.JPEG", 80 * (i % 3))
    rows = [f"val_{i}.JPEG\t{CLASSES[i % 3]}\t{i % 2 * 4}\t0\t{9 + i % 7}\t9\n" for i in range(validation)]
    (root / "val" / "val_annotations.txt").write_text("".join(rows))
    (root / "wnids.txt").write_text("\n".join(CLASSES) + "\n")
    (root / "words.txt").write_text("".join(f"{wnid}\tthing {wnid}\n" for wnid in sorted(CLASSES)))
    (root / "held_out.txt").write_text("".join(f"{wnid} 3 10\n" for wnid in CLASSES))
    return root


def data_arguments(root: Path) -> list[str]:
    """The options that point a command at ``root``."""
    return ["--data", str(root), "--cache", str(root / "cache"), "--held-out", str(root / "held_out.txt")]
