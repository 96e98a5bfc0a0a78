"""Arrays to pictures: a grid of all channels against matplotlib's subplots, overlays, and a figure for a paper."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
import torch
from PIL import Image

import simam_viz
from simam_viz.draw import render
from simam_viz.draw.paper import formats

from .measure import Budget, Row, durations, interleaved, ratio
from .networks import photo

CHANNELS, SIDE, WIDTH = 512, 7, 1460
KEPT = (1632, 1224)
"""Of a photo as the app keeps it: 2 megapixels."""


def rows(quick: bool) -> list[Row]:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(CHANNELS, SIDE, SIDE, generator=generator) ** 3 * 0.37 + 0.63
    scale = render.scale_for("attention weight", maps)
    view = photo().resize((224, 224))

    def grid() -> bytes:
        return render.png(render.mosaic(maps, scale, WIDTH))

    def grid_as_rgb() -> bytes:
        return render.png(render.mosaic(maps, scale, WIDTH).convert("RGB"))

    def overlay() -> bytes:
        return render.png(render.overlay(view, maps[0], scale, 320))

    def heat_map() -> bytes:
        return render.png(render.heat_map(maps[0], scale, 480))

    decoded = (np.asarray(Image.open(io.BytesIO(data())).convert("RGB")) for data in (grid, grid_as_rgb))
    assert np.array_equal(*decoded), "The encodings of the grid differ."
    times = interleaved(
        {"grid": grid, "grid as RGB": grid_as_rgb, "overlay": overlay, "heat map": heat_map}, 15 if quick else 101
    )
    # matplotlib takes seconds for all of them: a quick run compares fewer, and says so.
    fewer = maps[:32] if quick else maps
    slow = interleaved(
        {"grid": lambda: render.png(render.mosaic(fewer, scale, WIDTH)), "subplots": lambda: subplots(fewer)},
        1 if quick else 5,
    )
    size = f"{len(grid()) / 1024:.0f} KiB"
    return [
        durations("rendering", f"grid of {CHANNELS} maps to PNG, {WIDTH} px wide", times["grid"], Budget("≤", 0.020), note=size),
        ratio("rendering", f"matplotlib subplots : grid of {len(fewer)} maps to PNG", slow, "subplots", "grid", Budget("≥", 100)),
        ratio("rendering", "grid to PNG : the same through an RGB PNG", times, "grid", "grid as RGB"),
        durations("rendering", "overlay of 320 px to PNG", times["overlay"]),
        durations("rendering", "heat map of 480 px to PNG", times["heat map"]),
        *figures(quick),
    ]  # fmt: skip


def figures(quick: bool) -> list[Row]:
    """One photo, three panels, from the photo to the file: analysed, drawn and written each time, in a running process."""
    loaded = simam_viz.load_checkpoint(simam_viz.list_checkpoints()[0].name)
    photos = {"a sample": photo(), "2 megapixels": photo().resize(KEPT)}

    def made(image: Image.Image, kind: str) -> bytes:
        figure = simam_viz.figure({"photo": image}, loaded, show=("photo", "weight", "cam"), width=88)
        return formats.written(figure, kind)

    times = interleaved(
        {
            f"{name} to {kind.upper()}": partial(made, image, kind)
            for name, image in photos.items()
            for kind in formats.SUFFIXES
        },
        3 if quick else 11,
    )
    return [
        durations("rendering", f"figure of one photo ({name}), three panels", seconds, Budget("≤", 2.0))
        for name, seconds in times.items()
    ]


def subplots(maps: torch.Tensor) -> bytes:
    """The same grid as one would draw it with matplotlib: an axis for every channel."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = render.mosaic_columns(len(maps))
    figure, axes = plt.subplots(-(-len(maps) // columns), columns, figsize=(WIDTH / 100, WIDTH / 200), dpi=100)
    for axis, values in zip(axes.flat, maps.numpy(), strict=False):
        axis.imshow(values, vmin=0.622, vmax=1, cmap="viridis")
        axis.axis("off")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()
