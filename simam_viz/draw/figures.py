"""The kind of figure that papers show: photos as rows, networks as columns, heat maps over the photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from ..checkpoints.loading import short_name
from ..explain.cam import HeatMap
from ..explain.recording import Run
from ..explain.survey import IMPOSSIBLE_CLASS, Subject, common_size, contrasted
from ..wording import _, later
from .render import Scale, gradient, grey_photo, overlay, percent

# Has the Greek letters that captions need.
_FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@dataclass(frozen=True, eq=False)
class Cell:
    """One photo through one network."""

    photo: str
    network: str
    view: Image.Image
    heat: HeatMap
    target: str
    probability: float
    """Of the target."""
    predicted: str
    trouble: str
    """Why no map is drawn, in words for :func:`simam_viz.wording._`; empty if one is."""


def cells(
    networks: dict[str, Run],
    photos: list[Subject],
    block: str,
    method: str,
    input_size: int | None = None,
    against: int | None = None,
) -> Iterator[Cell]:
    """The cells of a figure, row by row; arguments as :func:`simam_viz.explain.survey.findings` takes them."""
    input_size = common_size(networks, input_size)
    for photo in photos:
        target = photo.target
        for name, (loaded, e_lambda) in networks.items():
            analysis, trouble = contrasted(loaded, photo.image, e_lambda, target, input_size, against)
            target = analysis.target
            heat = analysis.block(block).heat_map(method)
            if not trouble:
                trouble = IMPOSSIBLE_CLASS if analysis.impossible else later("map all zero") if heat.empty else ""
            yield Cell(
                photo.name,
                name,
                analysis.view,
                heat,
                short_name(analysis.categories[target]),
                float(analysis.said[target]),
                short_name(analysis.top(1)[0][1]),
                trouble,
            )


def comparison_figure(rows: list[list[Cell]], caption: str, scale: Scale, tile: int) -> Image.Image:
    """All cells as one picture on white: the photo first, then its heat map through each network.

    Args:
        rows: one a photo, with the same networks in the same order.
        caption: one line below; says what is shown.
        scale: of the heat maps.
        tile: side of one picture in pixels.
    """
    gap, text = tile // 24, tile // 16
    font, bold = ImageFont.truetype(_FONT, text), ImageFont.truetype(_FONT, round(text * 1.25))
    step_x, step_y = tile + gap, tile + 2 * text + 2 * gap
    top, foot = 2 * text + gap, 3 * text + 2 * gap
    width, height = gap + (1 + len(rows[0])) * step_x, top + len(rows) * step_y + foot
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)

    def write(x: int, y: int, words: str, room: int, face: ImageFont.FreeTypeFont, colour: str = "black") -> None:
        if draw.textlength(words, face) > room:
            while words and draw.textlength(words + "…", face) > room:
                words = words[:-1]
            words += "…"
        draw.text((x, y), words, colour, face)

    for column, title in enumerate([_("Photo"), *(cell.network for cell in rows[0])]):
        write(gap + column * step_x, gap, title, tile, bold)
    for row, found in enumerate(rows):
        y = top + row * step_y
        first = found[0]
        canvas.paste(first.view.resize((tile, tile), Image.Resampling.BICUBIC), (gap, y))
        write(gap, y + tile + gap // 3, first.photo, tile, font)
        write(gap, y + tile + gap // 3 + text + 4, _("heat maps of “{target}”", target=first.target), tile, font)
        for column, cell in enumerate(found, start=1):
            x = gap + column * step_x
            shown = grey_photo(cell.view, tile) if cell.trouble else overlay(cell.view, cell.heat.values, scale, tile)
            canvas.paste(shown, (x, y))
            words = f"{cell.target} {percent(cell.probability)}"
            write(x, y + tile + gap // 3, words + (f": {_(cell.trouble)}" if cell.trouble else ""), tile, font)
            write(x, y + tile + gap // 3 + text + 4, _("says {name}", name=cell.predicted), tile, font, "#555555")
    y = height - foot + gap // 2
    bar = tile
    canvas.paste(gradient(scale, bar, text), (gap, y))
    write(gap, y + text + 4, "0", text, font)
    write(gap + bar - text, y + text + 4, "1", text, font)
    write(gap + bar + gap, y, caption, width - bar - 3 * gap, font)
    return canvas
