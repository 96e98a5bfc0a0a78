"""The maps that a browser draws, as Python draws them."""

from __future__ import annotations

from PIL import Image
from torch import Tensor

from simam_viz.app.screens.attention_maps.channel import WIDTH
from simam_viz.app.widgets.pictures import sent_tiles
from simam_viz.draw import render
from simam_viz.explain.blocks import Analysis


def drawn(analysis: Analysis, values: Tensor, scale: render.Scale) -> Image.Image:
    """A map as the browser draws it: over the view at its own size."""
    return render.overlay(analysis.view, values, scale, max(analysis.view.size))


def attention_drawn(analysis: Analysis) -> dict[str, Image.Image]:
    """The mean weight of every block, as the Overview shows it."""
    means = {block.name: block.attention.mean(dim=0) for block in analysis.blocks}
    return {name: drawn(analysis, mean, render.scale_for("mean weight", mean)) for name, mean in means.items()}


def mosaic_sent(maps: Tensor, scale: render.Scale) -> Image.Image:
    """The channels of a block, as they are sent to the browser."""
    columns = render.mosaic_columns(len(maps))
    width, gap = sent_tiles(maps, WIDTH, columns)
    return render.mosaic(maps, scale, width, gap=gap, columns=columns)
