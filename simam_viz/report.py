"""Analysis → one HTML file that holds everything it shows: it opens offline and asks the network for nothing."""

from __future__ import annotations

import base64
import datetime
import shlex
from collections.abc import Sequence
from pathlib import Path

import jinja2
from PIL import Image
from torch import Tensor

from . import charts, export, inspection, render
from .analysis import Analysis
from .checkpoints import LoadedCheckpoint, short_name
from .images import centre_square
from .render import Pixels
from .version import VERSION

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_MAP_SIZE = 360
_NEURONS = 15


def html(
    analysis: Analysis,
    loaded: LoadedCheckpoint,
    photo: Image.Image,
    title: str,
    credit: str = "",
    notices: Sequence[str] = (),
) -> bytes:
    """The report of one photo in one network: pictures, numbers, settings, the network's card, version.

    Args:
        photo: the whole photo; the report shows it with the square that the network saw.
        title: what to call the photo: any text, it is escaped.
        credit: whose photo it is, in brackets after the title.
        notices: what was done to the photo, a sentence each.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {"picture": _picture, "percent": "{:.1%}".format, "short": short_name}
    maps = [
        {
            "block": block,
            "summary": inspection.summarise(block),
            "weights": render.overlay(analysis.view, weights, _weight_scale(weights), _MAP_SIZE),
            "cam": render.overlay(analysis.view, block.cam, render.CAM_SCALE, _MAP_SIZE),
        }
        for block, weights in zip(analysis.blocks, render.mean_weights(analysis), strict=True)
    ]
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        analysis=analysis,
        loaded=loaded,
        title=title,
        credit=credit,
        notices=notices,
        photo=render.framed_photo(photo, centre_square(*photo.size), 720),
        top=analysis.top(5),
        target=analysis.categories[analysis.target],
        target_probability=float(analysis.probabilities[analysis.target]),
        maps=maps,
        weight_scale=_scale(_weight_scale(analysis.blocks[0].attention)),
        cam_scale=_scale(render.CAM_SCALE),
        distributions=charts.figure_pixels(charts.weight_distributions(analysis), 1080),
        neurons=inspection.most_emphasised(analysis, _NEURONS),
        command=command(analysis, loaded),
        version=VERSION,
        date=datetime.date.today().isoformat(),
    ).encode()


def files(
    analysis: Analysis, loaded: LoadedCheckpoint, photo: Image.Image, title: str, notices: Sequence[str] = ()
) -> dict[str, bytes]:
    """Everything that one analysis gives to take home, by file name: the report, pictures, tables, tensors."""
    return {"report.html": html(analysis, loaded, photo, title, notices=notices)} | export.full_files(analysis, loaded)


def command(analysis: Analysis, loaded: LoadedCheckpoint) -> str:
    """The command that makes this analysis again from the photo."""
    return (
        f"python -m simam_viz analyze PHOTO --out DIR --report --checkpoint {shlex.quote(loaded.name)} "
        + ("" if analysis.e_lambda is None else f"--lambda {analysis.e_lambda:g} ")
        + f"--target {analysis.target} --size {analysis.view.width}"
    )


def _weight_scale(weights: Tensor) -> render.Scale:
    return render.scale_for("mean weight", weights)


def _picture(pixels: Pixels) -> str:
    return "data:image/png;base64," + base64.b64encode(render.png(pixels)).decode()


def _scale(scale: render.Scale) -> dict[str, object]:
    return {"low": f"{scale.low:.3g}", "high": f"{scale.high:.3g}", "bar": render.gradient(scale, 256, 12)}
