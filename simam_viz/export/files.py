"""Analysis → files: which there are, in which folders, as one archive or on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint, class_said
from ..draw import render
from ..draw.paper import formats, printing
from ..draw.paper.sources import seen_of
from ..explain.blocks import Analysis
from ..wording import _, semicolon
from ..writing import written_whole
from . import report
from .tables import csv_bytes, every_table, json_bytes
from .tensors import every_tensor, npz_bytes

FULL_SIZE = 1024
"""Side in pixels of pictures that are saved: enough for a slide."""


def pictures(analysis: Analysis, loaded: LoadedCheckpoint, photo: Image.Image) -> dict[str, bytes]:
    """PNG files: of each block the weights and Grad-CAM over the photo, with their colours, and all channels in every quantity."""
    box = seen_of(loaded.transforms, photo, analysis.view.size, analysis.square)
    on_grey = loaded.transforms.fit == "letterbox"

    def laid(title: str, values: Tensor, scale: render.Scale) -> bytes:
        return formats.written(printing.printed_map(title, photo, box, values, scale, on_grey=on_grey), "png")

    drawn = {}
    for block, weights in zip(analysis.blocks, render.mean_weights(analysis), strict=True):
        named = {"block": block.name, "target": class_said(analysis.categories[analysis.target])}
        scale = render.scale_for("mean weight", weights, kind=block.kind)
        drawn[f"{block.name}-mean-weight"] = laid(_("Mean weight at {block}", block=block.name), weights, scale)
        drawn[f"{block.name}-grad-cam"] = laid(
            _("Grad-CAM of {target} at {block}", **named), block.cam, render.CAM_SCALE
        )
        for quantity in block.quantities:
            values = block.quantity(quantity)
            name = f"{block.name}-channels-{quantity.replace(' ', '-')}"
            channels = render.mosaic(values, render.scale_for(quantity, values, kind=block.kind), 2 * FULL_SIZE)
            drawn[name] = render.png(channels)
    return drawn


def basic_files(analysis: Analysis, loaded: LoadedCheckpoint, answer: dict[str, object]) -> dict[str, bytes]:
    """What ``analyze`` writes in any case: ``overview.png``, ``attention.npz`` (one array a block), ``top5.json``."""
    return {
        "overview.png": render.png(render.overview(analysis, remark=semicolon().join(loaded.remarks))),
        "attention.npz": npz_bytes({block.name: block.attention.numpy() for block in analysis.blocks}),
        "top5.json": json_bytes(answer),
    }


def full_files(
    analysis: Analysis, loaded: LoadedCheckpoint, photo: Image.Image, title: str, notices: Sequence[str] = ()
) -> dict[str, bytes]:
    """The report, and all pictures, tables and tensors; arguments as :func:`simam_viz.export.report.html` takes them."""
    files = {"report.html": report.html(analysis, loaded, photo, title, notices=notices)}
    files |= {f"pictures/{name}.png": data for name, data in pictures(analysis, loaded, photo).items()}
    files |= {f"tables/{name}.csv": csv_bytes(rows) for name, rows in every_table(analysis).items()}
    files["tensors.npz"] = npz_bytes(every_tensor(analysis, loaded))
    return files


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
    # A stack ends what it holds in reverse: the last file entered first gets its name last.
    with ExitStack() as stack:
        for path, data in reversed(list(zip(paths, files.values(), strict=True))):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(written_whole(path)).write_bytes(data)
    return paths
