"""An analysis in numbers: the summary as JSON, every table as CSV."""

from __future__ import annotations

import csv
import io
import json
import math

from ..checkpoints.loading import LoadedCheckpoint
from ..explain import inspection
from ..explain.blocks import Analysis, Block
from ..photos import squares
from ..version import VERSION
from ..wording import _

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
        "square": None if analysis.square is None else squares.text(analysis.square),
        "attends": analysis.attends,
        "trained_with_simam": loaded.trained_with_simam,
        "assumed": list(loaded.assumed),
        "target": {
            "index": analysis.target,
            "name": analysis.categories[analysis.target],
            _said(analysis): _rounded(float(analysis.said[analysis.target])),
        },
        "top5": [
            {"index": index, "name": name, _said(analysis): _rounded(said)} for index, name, said in analysis.top(5)
        ],
        "blocks": {
            block.name: _numbers(inspection.summarise(block)) | _own_lambda(analysis, block, "e_lambda")
            for block in analysis.blocks
        },
    }


def _said(analysis: Analysis) -> str:
    """What the network's answers are called in a table."""
    return "probability" if analysis.output.has_probabilities else "value"


def _rounded(value: float) -> float:
    return round(value, 6)


def _finite(value: float) -> float | None:
    """A score; ``None`` of a class that a detector found nowhere."""
    return value if math.isfinite(value) else None


def _own_lambda(analysis: Analysis, block: Block, name: str) -> Row:
    """The λ of one block, where every block keeps its own."""
    return {name: block.e_lambda} if analysis.e_lambda is None and block.e_lambda is not None else {}


def _numbers(block: inspection.BlockSummary) -> dict[str, object]:
    return {
        "shape": [block.channels, block.rows, block.columns],
        "mean_weight": round(block.mean_weight, 6),
        "highest_weight": round(block.highest_weight, 6),
        "spread": round(block.spread, 6),
        "flat_neurons": round(block.flat_neurons, 6),
    }


TABLES = frozenset({"classes", "blocks", "channels", "neurons"})
"""The names of :func:`every_table`."""


def every_table(analysis: Analysis) -> dict[str, list[Row]]:
    """Every table of an analysis by its name, one of :data:`TABLES`; the names of its columns are the same in every language."""
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
            _said(analysis): said,
            "logit": _finite(float(analysis.output.explained(analysis.logits)[index])),
        }
        for index, name, said in analysis.top(len(analysis.categories))
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
    """How a block's neurons, or those of one channel, are distributed: a row for energy, importance and weight each.

    It stands on a page, and is in the page's language; so is :func:`variances`.
    """
    part = slice(None) if channel is None else channel
    return [
        {
            _("quantity"): _(quantity), _("neurons"): values.numel(), _("least"): float(values.min()), _("mean"): float(values.mean()),
            _("greatest"): float(values.max()),
        }
        for quantity in ("energy", "importance", "attention weight")
        if quantity in block.quantities
        for values in [block.quantity(quantity)[part]]
    ]  # fmt: skip


def variances(block: Block) -> list[Row]:
    """The variances of a block's channels beside its λ, in one row."""
    flat = inspection.flattened(block)
    return [
        {
            _("channels"): len(flat), _("flattened by λ"): int(flat.sum()),
            _("of a variance below λ"): int((block.variances < (block.e_lambda or 0)).sum()),
            _("median variance"): float(block.variances.median()),
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


def json_bytes(content: dict[str, object]) -> bytes:
    """Plain types as readable JSON."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
