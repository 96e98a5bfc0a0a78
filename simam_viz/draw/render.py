"""Arrays → pictures: colour maps, overlays, mosaics, one picture of a whole network.

Pictures are Pillow's. Colour maps are matplotlib's perceptually uniform ones, read from a table of 256 colours, so a
picture costs one look-up and no figure object. Where its colours are few it keeps them as a palette (mode ``P``): as PNG
it then takes one byte a pixel, in a fraction of the time.
"""

from __future__ import annotations

import functools
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..checkpoints.loading import class_said
from ..modules.formulas import ATTENTION_FLOOR, IMPORTANCE_FLOOR
from ..modules.weighing import Kind
from ..wording import _, later, semicolon

if TYPE_CHECKING:
    from ..explain.blocks import Analysis


@dataclass(frozen=True)
class Scale:
    """What the colours of a picture mean: the value at either end, the colour map between them, and the quantity."""

    low: float
    high: float
    colours: str
    label: str
    """Names the quantity; for :func:`simam_viz.wording._`."""
    reach: Literal["common", "own", ""] = ""
    """Whether all pictures of the quantity share these ends, or this one has its own; empty where there is no choice."""


HAN_FILE = Path(__file__).parent / "fonts" / "DroidSansFallbackSubset.ttf"
HAN = "Droid Sans Fallback Subset"
"""The font with Chinese letters, and its name."""
WEIGHT_COLOURS = "viridis"
CAM_COLOURS = "inferno"
FEATURE_COLOURS = "RdBu_r"
FRAME_COLOUR = (230, 30, 40)
COMMON_SCALES = {
    "attention weight": Scale(ATTENTION_FLOOR, 1.0, WEIGHT_COLOURS, later("attention weight"), "common"),
    # Means over channels stay far below 1: this much of the range is theirs.
    "mean weight": Scale(ATTENTION_FLOOR, 0.8, WEIGHT_COLOURS, later("mean weight"), "common"),
    "importance": Scale(IMPORTANCE_FLOOR, 2.0, "cividis", later("importance"), "common"),
    "energy": Scale(0.0, 2.0, "cividis", later("energy"), "common"),
}
CAM_SCALE = Scale(0.0, 1.0, CAM_COLOURS, later("Grad-CAM, over its own maximum"))
OPACITY, DIFFERENCE_OPACITY = 0.55, 0.7
"""Of a map over the photo, and of the difference of two."""
DIFFERENCE_SCALE = Scale(-1.0, 1.0, FEATURE_COLOURS, later("first heat map minus second"))


def percent(probability: float) -> str:
    """A probability as a percentage that is never a false zero."""
    return f"{probability:.1%}" if probability >= 0.0005 else "<0.1%"


def scale_for(quantity: str, values: Tensor, own_range: bool = False, kind: Kind = "simam") -> Scale:
    """The scale for maps of one quantity, of an attention of this ``kind``.

    Weights, energies and importances share one range in all pictures, so that these can be compared, unless ``own_range``
    is asked for: from the least to the greatest value. Weights that are not SimAM's have no floor: theirs go from 0 to 1, or
    as far as they reach. Features have a sign: their scale is symmetric about 0.
    """
    if kind != "simam" and quantity in ("attention weight", "mean weight") and not own_range:
        low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
        return Scale(low, high, WEIGHT_COLOURS, quantity, "common" if (low, high) == (0.0, 1.0) else "own")
    if quantity in COMMON_SCALES and not own_range:
        return COMMON_SCALES[quantity]
    if quantity in ("feature", "refined feature"):
        reach = float(values.abs().max()) or 1.0
        return Scale(-reach, reach, FEATURE_COLOURS, quantity, "own")
    low, high = float(values.min()), float(values.max())
    return Scale(low, high if high > low else low + 1e-6, COMMON_SCALES[quantity].colours, quantity, "own")


def side_scale(values: Tensor, own_range: bool = False) -> Scale:
    """The scale for :func:`simam_viz.explain.inspection.weights_by_side`: violet below the channel's mean, orange above it."""
    reach = (float(values.abs().max()) or 1e-6) if own_range else 1 - ATTENTION_FLOOR
    label = later("weight above the floor, by side of the mean")
    return Scale(-reach, reach, "PuOr_r", label, "own" if own_range else "common")


@functools.cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """The 256 colours of a matplotlib colour map, (256, 3)."""
    return (matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def levels_of(values: Tensor, scale: Scale) -> NDArray[np.uint8]:
    """Which of the 256 colours of ``scale`` each value has; those outside the scale take its end colour."""
    levels = (values.detach().float().numpy() - scale.low) * (255 / (scale.high - scale.low))
    return levels.round().clip(0, 255).astype(np.uint8)


def _painted(levels: Image.Image, table: NDArray[np.uint8]) -> Image.Image:
    """A grey picture (mode ``L``) with the colours of ``table`` (n, 3) in place of its levels of grey."""
    levels.putpalette(table.tobytes())
    return levels


def heat_map(values: Tensor, scale: Scale, size: int) -> Image.Image:
    """A map (h, w) as a picture of ``size`` × ``size``, one square a neuron."""
    levels = Image.fromarray(levels_of(values, scale))
    return _painted(levels.resize((size, size), Image.Resampling.NEAREST), colour_table(scale.colours))


def over(
    photo: Image.Image, values: Tensor, scale: Scale, opacity: float = 0.55, smooth: bool = True, grey: bool = True
) -> Image.Image:
    """A map (h, w) over a photo at the photo's own resolution; at an ``opacity`` of 1, the map by itself.

    Args:
        photo: what the map lies on.
        values: the map.
        scale: its colours.
        opacity: of the colours.
        smooth: enlarge it by bicubic interpolation; else every cell stays one.
        grey: whether the photo loses its colours, so that all colours are the map's.
    """
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    enlarged = Image.fromarray(values.detach().float().numpy()).resize(photo.size, way)
    colours = _painted(
        Image.fromarray(levels_of(torch.from_numpy(np.array(enlarged)), scale)), colour_table(scale.colours)
    ).convert("RGB")
    return Image.blend((photo.convert("L") if grey else photo).convert("RGB"), colours, opacity)


def overlay(view: Image.Image, values: Tensor, scale: Scale, size: int, opacity: float = OPACITY) -> Image.Image:
    """A map (h, w), enlarged smoothly, over the crop the network saw in grey, its longer side ``size``."""
    return over(grey_photo(view, size), values, scale, opacity)


def difference(view: Image.Image, first: Tensor, second: Tensor, scale: Scale, size: int) -> Image.Image:
    """Where one map (h, w) in [0, 1] is higher than another, with its sign, over the crop in grey, its longer side ``size``."""
    return overlay(view, first - second, scale, size, opacity=DIFFERENCE_OPACITY)


def grey_photo(view: Image.Image, size: int) -> Image.Image:
    """The crop the network saw in grey, in place of an :func:`overlay` where there is nothing to lay over it."""
    return view.convert("L").resize(shape_of(view, size), Image.Resampling.BICUBIC).convert("RGB")


def shape_of(view: Image.Image, size: int) -> tuple[int, int]:
    """Width and height of a picture of the network's input, its longer side ``size``; a strip is not drawn thinner than 1 : 4."""
    longer = max(view.size)
    width, height = (max(round(size * side / longer), size // 4) for side in view.size)
    return width, height


def fitted(view: Image.Image, size: int) -> Image.Image:
    """The crop the network saw, its longer side ``size``."""
    return view.convert("RGB").resize(shape_of(view, size), Image.Resampling.BICUBIC)


def boxes(
    view: Image.Image, places: Sequence[tuple[float, float, float, float]], chosen: int | None, size: int
) -> Image.Image:
    """The crop the network saw with numbered boxes (left, top, right, bottom in its pixels), the chosen one in red."""
    width, height = shape_of(view, size)
    picture = fitted(view, size)
    draw, font, line = ImageDraw.Draw(picture), ImageFont.load_default(max(12, size // 32)), max(2, size // 200)
    across, down = width / view.width, height / view.height
    order = [index for index in reversed(range(len(places))) if index != chosen]
    for index in [*order, *([] if chosen is None else [chosen])]:
        left, top, right, bottom = (edge * scale for edge, scale in zip(places[index], (across, down) * 2, strict=True))
        colour = FRAME_COLOUR if index == chosen else (255, 255, 255)
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=(0, 0, 0), width=line + 2)
        draw.rectangle(
            (left + 1, top + 1, max(left + 1, right - 1), max(top + 1, bottom - 1)), outline=colour, width=line
        )
        words = str(index + 1)
        extent = draw.textbbox((left + line + 3, top + line + 1), words, font=font)
        draw.rectangle((extent[0] - 3, extent[1] - 2, extent[2] + 3, extent[3] + 2), fill=colour)
        draw.text((left + line + 3, top + line + 1), words, (255, 255, 255) if index == chosen else (0, 0, 0), font)
    return picture


def answer(analysis: Analysis, value: float) -> str:
    """What a network says of a class, as it is told: a percentage, or a number where its answers are no probabilities."""
    return percent(value) if analysis.output.has_probabilities else f"{value:.4g}"


GAP = 4
"""Pixels between the tiles of a mosaic."""


def mosaic_columns(channels: int) -> int:
    """How many tiles stand in a row of a mosaic: a power of two, twice to four times as many as there are rows."""
    return 1 << math.ceil(math.log2(max(channels, 1) * 2) / 2)


def mosaic(
    maps: Tensor, scale: Scale, width: int, selected: int | None = None, gap: int = GAP, columns: int | None = None
) -> Image.Image:
    """All maps (C, h, w) as tiles of one picture, row by row, at most ``width`` pixels; ``selected`` is framed in red."""
    channels, map_height, map_width = maps.shape
    columns = columns or mosaic_columns(channels)
    rows = math.ceil(channels / columns)
    step = (width - gap) // columns
    tile = step - gap
    # Of the scale's colours only those that occur: with white and red there are hardly ever more than a byte can tell.
    levels = levels_of(maps, scale)
    used = np.flatnonzero(np.bincount(levels.ravel(), minlength=256))
    table = np.vstack([colour_table(scale.colours)[used], (255, 255, 255), FRAME_COLOUR]).astype(np.uint8)
    white, red = len(used), len(used) + 1
    place = np.zeros(256, dtype=np.uint8 if red < 256 else np.uint16)
    place[used] = np.arange(len(used))

    nearest_row, nearest_column = np.arange(tile) * map_height // tile, np.arange(tile) * map_width // tile
    cells = np.full((rows * columns, step, step), white, dtype=place.dtype)
    cells[:channels, gap:, gap:] = place[levels][:, nearest_row[:, None], nearest_column]
    canvas = np.full((rows * step + gap, columns * step + gap), white, dtype=place.dtype)
    canvas[:-gap, :-gap] = cells.reshape(rows, columns, step, step).swapaxes(1, 2).reshape(rows * step, columns * step)
    if selected is not None:
        row, column = divmod(selected, columns)
        frame = canvas[row * step : (row + 1) * step + gap, column * step : (column + 1) * step + gap]
        frame[:gap] = frame[-gap:] = red
        frame[:, :gap] = frame[:, -gap:] = red
    return _painted(Image.fromarray(canvas), table) if red < 256 else Image.fromarray(table[canvas])


def mark_cell(picture: Image.Image, place: tuple[int, int], shape: tuple[int, int]) -> Image.Image:
    """The picture of a map of ``shape`` (h, w) with the neuron at ``place`` (row, column) framed in red."""
    (row, column), (height, width) = place, shape
    rows, columns = picture.height / height, picture.width / width
    line = max(2, picture.height // 160)
    corners = (column * columns, row * rows, (column + 1) * columns - 1, (row + 1) * rows - 1)
    box = [round(edge) for edge in corners]
    # Small cells: the frame goes around and not over the neuron.
    if min(rows, columns) < 6 * line:
        box = [box[0] - line, box[1] - line, box[2] + line, box[3] + line]
    marked, frame = _with_red(picture)
    ImageDraw.Draw(marked).rectangle(box, outline=frame, width=line)
    return marked


def _with_red(picture: Image.Image) -> tuple[Image.Image, int | tuple[int, int, int]]:
    """A copy to frame something in, and what to frame it with."""
    palette = picture.getpalette()
    counts = [] if palette is None else picture.histogram()
    if palette is None or 0 not in counts:
        return picture.convert("RGB"), FRAME_COLOUR
    unused = counts.index(0)
    # Of 256 colours hardly a map has all: red takes the place of one, and a byte a pixel is packed in a third of the time.
    palette[3 * unused : 3 * unused + 3] = FRAME_COLOUR
    copied = picture.copy()
    copied.putpalette(palette)
    return copied, unused


def marked_map(values: Tensor, scale: Scale, place: tuple[int, int], size: int) -> Image.Image:
    """A map (h, w) as :func:`heat_map` draws it, with one neuron framed as :func:`mark_cell` does."""
    height, width = values.shape
    return mark_cell(heat_map(values, scale, size), place, (height, width))


def stack(planes: list[Image.Image], size: int = 150) -> Image.Image:
    """Pictures of equal shape as tilted sheets, one behind the other, the first in front; on white."""
    lean, step = size // 4, size // 5
    height = size * 2 // 3
    # From a place on the canvas back to a place on the sheet: x' = x + lean · y / height, squeezed in height.
    canvas = Image.new(
        "RGB", (size + lean + step * (len(planes) - 1), height + step * (len(planes) - 1) // 2 + 2), "white"
    )
    for index, plane in reversed(list(enumerate(planes))):
        sheet = plane.convert("RGBA").resize((size, size), Image.Resampling.NEAREST)
        ImageDraw.Draw(sheet).rectangle((0, 0, size - 1, size - 1), outline="#444")
        slope = lean / height
        matrix = (1, slope, -lean, 0, size / height, 0)
        leant = sheet.transform((size + lean, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        place = (step * index, step * (len(planes) - 1 - index) // 2)
        canvas.paste(leant, place, leant)
    return canvas


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def jpeg(picture: Image.Image, quality: int = 95) -> bytes:
    """A smooth picture as the bytes of a JPEG file: by default off by 5 of 255 levels at most or so, in a tenth of PNG's time."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)
    return buffer.getvalue()


def gradient(scale: Scale, width: int = 256, height: int = 12) -> Image.Image:
    """The scale's colours from low to high, ``width`` × ``height``."""
    row = colour_table(scale.colours)[np.linspace(0, 255, width).round().astype(int)]
    return Image.fromarray(np.tile(row, (height, 1, 1)))


def mean_weights(analysis: Analysis) -> list[Tensor]:
    """For every block, its weights' mean over channels, (H, W)."""
    return [block.attention.mean(dim=0) for block in analysis.blocks]


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int) -> None:
    """Black text in Pillow's own font; letters that it lacks, in the one that ships with us."""
    x, y = place
    for han, letters in itertools.groupby(text, key=lambda letter: letter >= "\u2e80"):
        font = ImageFont.truetype(HAN_FILE, size) if han else ImageFont.load_default(size)
        draw.text((x, y), run := "".join(letters), "black", font)
        x += draw.textlength(run, font)


def overview(analysis: Analysis, size: int = 224, remark: str = "") -> Image.Image:
    """One picture of the whole analysis: the crop, then mean weight and Grad-CAM of every block, with scales and text.

    ``remark`` is something to know about the network, which stands in brackets in the first line.
    """
    margin, text = 12, 16
    maps = mean_weights(analysis)
    top = semicolon().join(f"{class_said(name)} {answer(analysis, said)}" for _index, name, said in analysis.top(3))
    target = class_said(analysis.categories[analysis.target])
    row_height = size + 2 * text + 3 * margin
    columns = len(maps) + 1
    canvas = Image.new("RGB", (columns * (size + margin) + margin, 2 * text + margin + 2 * row_height), "white")
    draw = ImageDraw.Draw(canvas)
    remark = remark if analysis.attends else _("hypothetical: this network has no SimAM")
    hypothetical = f" ({remark})" if remark else ""
    words = analysis.lambda_text.replace("λ =", "lambda").replace("λ", "lambda")  # this font has no Greek
    _write(draw, (margin, margin), f"{top}   |   {words}{hypothetical}", text)
    rows = (
        (
            _("Mean attention weight over channels, each block in its own range"),
            [scale_for("mean weight", m, own_range=True) for m in maps],
            maps,
        ),
        (
            _("Grad-CAM of {target}", target=target),
            [CAM_SCALE] * len(maps),
            [block.cam for block in analysis.blocks],
        ),
    )
    for row, (title, scales, values) in enumerate(rows):
        y = 2 * text + margin + row * row_height
        if row == 0:
            crop = analysis.view.resize(shape_of(analysis.view, size), Image.Resampling.BICUBIC)
            canvas.paste(crop, (margin, y + text + margin // 2))
        _write(draw, (margin + (size + margin if row == 0 else 0), y), title, text)
        for column, (block, scale, map_) in enumerate(zip(analysis.blocks, scales, values, strict=True), start=1):
            x, below = margin + column * (size + margin), y + text + margin // 2 + size
            canvas.paste(overlay(analysis.view, map_, scale, size), (x, y + text + margin // 2))
            canvas.paste(gradient(scale, size, 6), (x, below + 2))
            empty = row == 1 and block.cam_max == 0
            ends = _("all zero") if empty else _("{low:.3f} to {high:.3f}", low=scale.low, high=scale.high)
            _write(draw, (x, below + 10), f"{block.name}  {ends}", text)
    return canvas
