"""Analysis → files: pictures as PNG, tables as CSV, tensors as NPZ, the settings and the answer as JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checkpoints.loading import LoadedCheckpoint
from ..draw import render
from ..draw.render import Pixels
from ..explain import inspection
from ..explain.blocks import OWN_LAMBDAS, QUANTITIES, Analysis, Block
from ..networks import answers
from ..version import VERSION

FULL_SIZE = 1024
"""Side in pixels of pictures that are saved: enough for a slide."""

Row = dict[str, object]
_EMPHASISED = 100
# Spreadsheets run what begins like this as a formula, and class and file names come from strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def summary(analysis: Analysis, loaded: LoadedCheckpoint) -> dict[str, object]:
    """The settings, the answer and one line of numbers for each block, of plain types."""
    return {
        "simam_viz": VERSION,
        "checkpoint": loaded.name,
        "e_lambda": analysis.e_lambda,
        "input_size": analysis.view.width,
        "attends": analysis.attends,
        "trained_with_simam": loaded.trained_with_simam,
        "assumed": list(loaded.assumed),
        "target": {
            "index": analysis.target,
            "name": analysis.categories[analysis.target],
            "probability": round(float(analysis.probabilities[analysis.target]), 6),
        },
        "top5": [
            {"index": index, "name": name, "probability": round(probability, 6)}
            for index, name, probability in analysis.top(5)
        ],
        "blocks": {
            block.name: _numbers(inspection.summarise(block)) | _own_lambda(analysis, block, "e_lambda")
            for block in analysis.blocks
        },
    }


def _own_lambda(analysis: Analysis, block: Block, name: str) -> Row:
    """The λ of one block, where every block keeps its own."""
    return {name: block.e_lambda} if analysis.e_lambda is None else {}


def _numbers(block: inspection.BlockSummary) -> dict[str, object]:
    return {
        "shape": [block.channels, block.rows, block.columns],
        "mean_weight": round(block.mean_weight, 6),
        "highest_weight": round(block.highest_weight, 6),
        "spread": round(block.spread, 6),
        "flat_neurons": round(block.flat_neurons, 6),
    }


TABLES = frozenset({"classes", "blocks", "channels", "neurons"})
"""The names of :func:`tables`."""


def tables(analysis: Analysis) -> dict[str, list[Row]]:
    """Every table of an analysis by its name, one of :data:`TABLES`."""
    return {
        "classes": _classes(analysis),
        "blocks": _blocks(analysis),
        "channels": _channels(analysis),
        "neurons": [
            {
                "block": n.block, "channel": n.channel, "row": n.row, "column": n.column, "feature": n.feature,
                "channel mean": n.mean, "channel variance": n.variance, "z": n.z, "energy": n.energy,
                "importance": n.importance, "weight": n.weight, "rank in channel": n.rank_in_channel,
                "rank in block": n.rank_in_block,
            }
            for n in inspection.most_emphasised(analysis, _EMPHASISED)
        ],
    }  # fmt: skip


def _classes(analysis: Analysis) -> list[Row]:
    return [
        {
            "index": index,
            "class": name,
            "probability": probability,
            "logit": float(answers.scores(analysis.logits)[index]),
        }
        for index, name, probability in analysis.top(len(analysis.categories))
    ]


def _blocks(analysis: Analysis) -> list[Row]:
    rows = []
    for block in analysis.blocks:
        s = inspection.summarise(block)
        rows.append({
            "block": s.name, "channels": s.channels, "rows": s.rows, "columns": s.columns, "mean weight": s.mean_weight,
            "highest weight": s.highest_weight, "standard deviation of the weights": s.spread,
            "share of neurons at the floor": s.flat_neurons, "share of flat channels": s.flat_channels,
            "Grad-CAM maximum (logits)": block.cam_max,
        } | _own_lambda(analysis, block, "λ"))  # fmt: skip
    return rows


def _channels(analysis: Analysis) -> list[Row]:
    rows: list[Row] = []
    for block in analysis.blocks:
        means, mean_weights = block.features.mean(dim=(1, 2)), block.attention.mean(dim=(1, 2))
        measures = {name: measure(block) for name, measure in inspection.CHANNEL_MEASURES.items()}
        flat = inspection.flattened(block)
        for channel in range(len(means)):
            rows.append(
                {"block": block.name, "channel": channel, "mean feature": float(means[channel])}
                | {name: float(values[channel]) for name, values in measures.items()}
                | {"mean weight": float(mean_weights[channel]), "flat": bool(flat[channel])}
            )
    return rows


def distribution(block: Block, channel: int | None = None) -> list[Row]:
    """How a block's neurons, or those of one channel, are distributed: a row for energy, importance and weight each."""
    part = slice(None) if channel is None else channel
    return [
        {
            "quantity": quantity, "neurons": values.numel(), "least": float(values.min()), "mean": float(values.mean()),
            "greatest": float(values.max()),
        }
        for quantity in ("energy", "importance", "attention weight")
        for values in [block.quantity(quantity)[part]]
    ]  # fmt: skip


def variances(block: Block) -> list[Row]:
    """The variances of a block's channels beside its λ, in one row."""
    flat = inspection.flattened(block)
    return [
        {
            "channels": len(flat), "flattened by λ": int(flat.sum()),
            "of a variance below λ": int((block.variances < block.e_lambda).sum()), "median variance": float(block.variances.median()),
        }
    ]  # fmt: skip


def csv_bytes(rows: list[Row]) -> bytes:
    """A table as CSV in UTF-8, its columns those of the first row; text that a spreadsheet would run is made harmless."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    if rows:
        writer.writerow([_cell(column) for column in rows[0]])
        writer.writerows([_cell(row.get(column, "")) for column in rows[0]] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")  # the mark tells spreadsheets that λ is λ


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return f"{value:.9g}" if isinstance(value, float) else value


def tensors(analysis: Analysis, loaded: LoadedCheckpoint) -> dict[str, NDArray]:
    """Every tensor of an analysis by its name; ``explanation`` says in words what each is and gives its shape."""
    arrays = {
        "logits": analysis.logits.numpy(),
        "probabilities": analysis.probabilities.numpy(),
        "view": np.asarray(analysis.view),
    }
    meanings = {
        "logits": "what the network says, (classes)",
        "probabilities": "softmax of the logits, (classes)"
        if len(analysis.logits) > 1
        else "of yes, the sigmoid of the logit, and of no, (2)",
        "view": "the crop that the network saw, RGB, (rows, columns, 3)",
    }
    said = {
        "features": "what enters SimAM, (channels, rows, columns)",
        "energy": "minimal energy e* of every neuron, Eq. 5, (channels, rows, columns)",
        "importance": "1/e*, (channels, rows, columns)",
        "attention": "sigmoid(1/e*), the weight that a neuron is multiplied by, (channels, rows, columns)",
        "refined": "features × attention, Eq. 6, what leaves SimAM, (channels, rows, columns)",
        "cam": "Grad-CAM of the target at the block's output, 0 to 1, (rows, columns)",
    }
    for block in analysis.blocks:
        for name, meaning in said.items():
            key = f"{block.name}.{name}"
            arrays[key] = getattr(block, name).numpy()
            meanings[key] = meaning
    arrays["explanation"] = np.array(_explanation(analysis, loaded, arrays, meanings))
    return arrays


def _explanation(
    analysis: Analysis, loaded: LoadedCheckpoint, arrays: dict[str, NDArray], meanings: dict[str, str]
) -> str:
    remark = "; ".join(loaded.remarks)
    ran = f"\nOf this network: {remark}; read its attention as hypothetical." if remark else ""
    if not analysis.attends:
        ran = "\nThis network has no SimAM: its energies and weights are hypothetical."
    lines = [f"{name} {arrays[name].shape} {arrays[name].dtype}: {meaning}" for name, meaning in meanings.items()]
    return (
        f"Written by SimAM Viz {VERSION}. {_lambdas(analysis)}; target class: "
        f"{analysis.categories[analysis.target]}.{ran}\n\n" + "\n".join(lines)
    )


def _lambdas(analysis: Analysis) -> str:
    if analysis.e_lambda is not None:
        return analysis.lambda_text
    return f"{OWN_LAMBDAS}: " + ", ".join(f"{block.name} {block.e_lambda:g}" for block in analysis.blocks)


def npz_bytes(arrays: Mapping[str, NDArray]) -> bytes:
    """Named arrays as one NPZ file; read it with ``numpy.load``."""
    buffer = io.BytesIO()
    np.savez(
        buffer, **arrays
    )  # not compressed: random-looking floats would shrink by a tenth and take ten times as long
    return buffer.getvalue()


def pictures(analysis: Analysis, size: int = FULL_SIZE) -> dict[str, Pixels]:
    """Of each block: the weights over the photo, Grad-CAM, and all channels in every quantity."""
    drawn = {}
    for block, weights in zip(analysis.blocks, render.mean_weights(analysis), strict=True):
        scale = render.scale_for("mean weight", weights)
        drawn[f"{block.name}-mean-weight"] = render.overlay(analysis.view, weights, scale, size)
        drawn[f"{block.name}-grad-cam"] = render.overlay(analysis.view, block.cam, render.CAM_SCALE, size)
        for quantity in QUANTITIES:
            values = block.quantity(quantity)
            name = f"{block.name}-channels-{quantity.replace(' ', '-')}"
            drawn[name] = render.mosaic(values, render.scale_for(quantity, values), 2 * size)
    return drawn


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Named files as one ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            packed = zipfile.ZIP_STORED if name.endswith((".png", ".npz")) else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, packed)
    return buffer.getvalue()


def write(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write named files into ``folder``, made if need be: all of them, or none if one cannot be written.

    Names may contain folders; files of these names are replaced, the last one last. Returns what was written.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    paths = [folder / name for name in files]
    unfinished = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths]
    try:
        for path, data in zip(unfinished, files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for temporary, path in zip(unfinished, paths, strict=True):
            temporary.replace(path)
    finally:
        for temporary in unfinished:
            temporary.unlink(missing_ok=True)
    return paths


def basic_files(analysis: Analysis, loaded: LoadedCheckpoint, answer: dict[str, object]) -> dict[str, bytes]:
    """What ``analyze`` writes in any case: ``overview.png``, ``attention.npz`` (one array a block), ``top5.json``."""
    return {
        "overview.png": render.png(render.overview(analysis, remark="; ".join(loaded.remarks))),
        "attention.npz": npz_bytes({block.name: block.attention.numpy() for block in analysis.blocks}),
        "top5.json": json_bytes(answer),
    }


def full_files(analysis: Analysis, loaded: LoadedCheckpoint) -> dict[str, bytes]:
    """All pictures, tables and tensors."""
    files = {f"pictures/{name}.png": render.png(pixels) for name, pixels in pictures(analysis).items()}
    files |= {f"tables/{name}.csv": csv_bytes(rows) for name, rows in tables(analysis).items()}
    files["tensors.npz"] = npz_bytes(tensors(analysis, loaded))
    return files


def json_bytes(content: dict[str, object]) -> bytes:
    """Plain types as readable JSON."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
