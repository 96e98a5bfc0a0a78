"""Small pictures of maps as parts of a web page that needs nothing else: what a notebook shows of an analysis."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image
from torch import Tensor

from ..wording import _
from .cam import HeatMap

SIDE = 112
"""The longer side of a thumbnail, in pixels."""

# Every 32nd colour of matplotlib's viridis; this room draws without matplotlib.
_COLOURS = np.array(
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141),
        (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
    ],
    dtype=np.float64,
)  # fmt: skip


def photo(view: Image.Image) -> str:
    """A picture as an ``<img>``."""
    return _img(_small(view.convert("RGB")))


def map_over(view: Image.Image, values: Tensor, low: float, high: float) -> str:
    """A map (h, w), its values from ``low`` to ``high``, over the picture that it lies on, as an ``<img>``."""
    below = _small(view.convert("L")).convert("RGB")
    shares = ((values.detach().double().numpy() - low) / ((high - low) or 1.0)).clip(0, 1)
    steps = np.linspace(0, 1, len(_COLOURS))
    painted = np.stack([np.interp(shares, steps, _COLOURS[:, channel]) for channel in range(3)], axis=-1)
    picture = Image.fromarray(painted.round().astype(np.uint8)).resize(below.size, Image.Resampling.BILINEAR)
    return _img(Image.blend(below, picture, 0.6))


def of_block(view: Image.Image, weights: Tensor, heat: HeatMap | None) -> list[tuple[str, str]]:
    """The mean weight (h, w) of a block, and its Grad-CAM where there is one, with what stands below each."""
    low, high = float(weights.min()), float(weights.max())
    told = [
        (map_over(view, weights, low, high), _("mean weight, {low:.3f} to {high:.3f}", low=low, high=high)),
    ]
    if heat is not None:
        told.append((map_over(view, heat.values, 0.0, 1.0), _("Grad-CAM, up to {maximum:.3g}", maximum=heat.maximum)))
    return told


def table(rows: list[list[tuple[str, str]]]) -> str:
    """Rows of cells, each an ``<img>`` and a text below it, as a ``<table>``."""
    lines = [
        "<tr>"
        + "".join(
            f'<td style="text-align:left;vertical-align:top">{img}<br><small>{html.escape(text)}</small></td>'
            for img, text in row
        )
        + "</tr>"
        for row in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def paragraph(lines: list[str]) -> str:
    """Lines of text as a ``<p>``."""
    return f"<p>{'<br>'.join(map(html.escape, lines))}</p>"


def _small(picture: Image.Image) -> Image.Image:
    scale = SIDE / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _img(picture: Image.Image) -> str:
    stored = io.BytesIO()
    picture.save(stored, "JPEG", quality=85)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(stored.getvalue()).decode()}">'
