"""Analysis → one HTML file that holds everything it shows: it opens offline and asks the network for nothing."""

from __future__ import annotations

import base64
import datetime
import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from PIL import Image
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint, class_said
from ..draw import charts, figures, framing, render
from ..draw.paper import panels
from ..draw.paper.sources import seen_of
from ..explain import inspection
from ..explain.blocks import Analysis, Block
from ..photos import squares
from ..version import VERSION
from ..wording import _, tag
from .tables import Row

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_MAP_SIZE = 360
_NEURONS = 15


@dataclass(frozen=True)
class OnScreen:
    """What a page showed when the report was asked for."""

    page: str
    settings: Mapping[str, str]
    """What its controls were set to, by their labels."""
    tables: Mapping[str, list[Row]]
    """Its tables, and other numbers on it, by their titles."""


def html(
    analysis: Analysis,
    loaded: LoadedCheckpoint,
    photo: Image.Image,
    title: str,
    credit: str = "",
    notices: Sequence[str] = (),
    on_screen: OnScreen | None = None,
    size: squares.Size | None = None,
) -> bytes:
    """The report of one photo in one network: pictures, numbers, settings, the network's card, version.

    Args:
        photo: the whole photo; the report shows it with the square that the network saw.
        title: what to call the photo: any text, it is escaped.
        credit: whose photo it is, in brackets after the title.
        notices: what was done to the photo, a sentence each.
        on_screen: what the page showed beside it, to be told of, too.
        size: width and height of the photo in whose pixels ``analysis.square`` is given, where ``photo`` is a smaller copy.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "picture": _picture, "percent": "{:.1%}".format, "short": class_said, "parts": _parts, "cell": _cell,
    }  # fmt: skip
    environment.globals["_"] = _
    square = None if analysis.square is None else squares.scaled(analysis.square, size or photo.size, photo.size)
    box = seen_of(loaded.transforms, photo, analysis.view.size, square)
    on_grey = loaded.transforms.fit == "letterbox"

    def laid(values: Tensor, scale: render.Scale) -> Image.Image:
        return panels.over_photo(photo, box, values, scale, _MAP_SIZE, on_grey)

    maps = [
        {
            "block": block,
            "summary": inspection.summarise(block),
            "weights": laid(weights, _weight_scale(weights, block)),
            "cam": laid(block.cam, render.CAM_SCALE),
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
        seen=framing.seen_in_words(*(size or photo.size), max(analysis.view.size), loaded.transforms, analysis.square),
        on_screen=on_screen,
        photo=framing.framed_photo(photo, _seen(photo, loaded, analysis, size or photo.size), 720),
        top=analysis.top(5),
        target=analysis.categories[analysis.target],
        target_said=render.answer(analysis, float(analysis.said[analysis.target])),
        answer=functools.partial(render.answer, analysis),
        simam=all(block.kind == "simam" for block in analysis.blocks),
        maps=maps,
        weight_scale=_scale(_weight_scale(analysis.blocks[0].attention.mean(dim=0), analysis.blocks[0])),
        cam_scale=_scale(render.CAM_SCALE),
        distributions=figures.figure_picture(charts.weight_distributions(analysis), 1080),
        neurons=inspection.most_emphasised(analysis, _NEURONS),
        e_lambda=_lambda_in_words(analysis, loaded),
        command=command(analysis, loaded),
        version=VERSION,
        tag=tag(),
        date=datetime.date.today().isoformat(),
    ).encode()


def _seen(
    photo: Image.Image, loaded: LoadedCheckpoint, analysis: Analysis, size: squares.Size
) -> tuple[int, int, int, int]:
    square = None if analysis.square is None else squares.scaled(analysis.square, size, photo.size)
    left, top, right, bottom = map(round, loaded.transforms.seen(*photo.size, max(analysis.view.size), square))
    return left, top, right, bottom


def command(analysis: Analysis, loaded: LoadedCheckpoint) -> str:
    """The command that makes this analysis again from the photo; empty for a network that only a program has."""
    network = f"--checkpoint {shlex.quote(loaded.name)}"
    if loaded.found is not None:
        if ":" not in (loaded.card.arch or ""):
            return ""
        network = f"--network {shlex.quote(str(loaded.card.arch))}" + (" --weights FILE" if loaded.sha256 else "")
    return (
        f"python -m simam_viz analyze PHOTO --out DIR --report {network} "
        + ("" if analysis.e_lambda is None else f"--lambda {analysis.e_lambda:g} ")
        + f"--target {analysis.target} --size {max(analysis.view.size)}"
        + ("" if analysis.square is None else f" --square={squares.text(analysis.square)}")
    )


def _lambda_in_words(analysis: Analysis, loaded: LoadedCheckpoint) -> str:
    """At which λ, and how that compares with the network's own."""
    if analysis.e_lambda is None:
        return _("each block's own")
    if loaded.e_lambda is None:
        return _("{e_lambda:g} (each block was trained with its own)", e_lambda=analysis.e_lambda)
    if analysis.e_lambda == loaded.e_lambda:
        return _("{e_lambda:g} (as trained)", e_lambda=analysis.e_lambda)
    return _("{e_lambda:g} (trained with {own:g})", e_lambda=analysis.e_lambda, own=loaded.e_lambda)


def _weight_scale(weights: Tensor, block: Block) -> render.Scale:
    return render.scale_for("mean weight", weights, kind=block.kind)


def _parts(rows: list[Row], most: int = 10) -> list[list[Row]]:
    """A table in parts of at most so many columns, each of which begins with the first one."""
    first, *others = dict.fromkeys(name for row in rows for name in row)
    groups = [others[start : start + most - 1] for start in range(0, len(others), most - 1)] or [[]]
    return [[{name: row.get(name) for name in (first, *group)} for row in rows] for group in groups]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _picture(picture: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(render.png(picture)).decode()


def _scale(scale: render.Scale) -> dict[str, object]:
    return {"low": f"{scale.low:.3g}", "high": f"{scale.high:.3g}", "bar": render.gradient(scale, 256, 12)}
