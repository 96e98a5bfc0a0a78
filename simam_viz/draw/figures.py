"""matplotlib's figures as pictures, with letters that its own font lacks.

Nothing that a screen draws at once imports this: matplotlib's figures and fonts take half a second.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from .render import HAN, HAN_FILE


def figure_picture(figure: Figure, width: int) -> Image.Image:
    """A matplotlib figure as a picture of ``width`` pixels."""
    with_han(figure)
    figure.set_dpi(width / figure.get_figwidth())
    canvas: Any = FigureCanvasAgg(figure)  # Any: its methods come without types
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


@functools.cache
def register_han() -> None:
    """Tell matplotlib of our font: once."""
    font_manager.fontManager.addfont(HAN_FILE)


def with_han(figure: Figure) -> None:
    """Let a figure's texts find letters that their font lacks in the one that ships with us."""
    register_han()
    for text in figure.findobj(Text):
        text.set_fontfamily([*text.get_fontfamily(), HAN])
