"""Letters on paper: TrueType fonts that every text of a figure is set in, how wide it gets, and what a file needs of them."""

from __future__ import annotations

import base64
import functools
import io
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from ...wording import _
from ..figures import register_han
from ..render import HAN, HAN_FILE

_GREEK = "DejaVu Sans"
_LOCK = threading.RLock()
MM_A_POINT = 25.4 / 72


def families(font: str) -> list[str]:
    """The fonts to look for a letter in, one after the other: the chosen one, one with Greek, one with Chinese letters.

    Raises:
        ValueError: it is not installed, or no TrueType.
    """
    _file(font)
    return list(dict.fromkeys([font, _GREEK, HAN]))


@functools.cache
def _file(font: str) -> Path:
    if font == HAN:
        return HAN_FILE
    try:
        found = Path(font_manager.findfont(FontProperties(family=[font]), fallback_to_default=False))
    except ValueError:
        raise ValueError(
            _("There is no font called {font!r} here; DejaVu Sans, DejaVu Serif and STIXGeneral always are.", font=font)
        ) from None
    if found.suffix.lower() != ".ttf":
        raise ValueError(_("The font {font!r} is no TrueType font, which journals ask for.", font=font))
    return found


@contextmanager
def setting(font: str, size: float) -> Iterator[None]:
    """Draw and write in here: nothing of a person's own settings of matplotlib comes through, one thread at a time.

    Text stays text: TrueType in a PDF, ``<text>`` in an SVG. Names in a file depend on its contents alone.
    """
    ours = {
        "font.family": families(font), "font.size": size, "axes.titlesize": size, "axes.unicode_minus": True,
        "pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "simam-viz", "svg.image_inline": True,
        "text.usetex": False, "mathtext.default": "regular", "path.simplify": True,
    }  # fmt: skip
    with _LOCK:
        register_han()
        default = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
        with matplotlib.rc_context(default | ours):  # type: ignore[arg-type]  # of every name that there is
            yield


def width(text: str, font: str, size: float) -> float:
    """How wide a text gets, in mm; within :func:`setting`."""
    renderer: Any = _renderer()
    across, _down, _below = renderer.get_text_width_height_descent(
        text, FontProperties(family=families(font), size=size), False
    )
    return float(across) * MM_A_POINT


@functools.cache
def _renderer() -> RendererAgg:
    return RendererAgg(8, 8, 72)  # type: ignore[no-untyped-call]


def wrapped(text: str, room: float, font: str, size: float, lines: int = 2) -> list[str]:
    """A text in at most so many lines that fit into ``room`` mm; what does not fit ends in “…”."""
    told: list[str] = []
    line = ""
    for piece in _pieces(text):
        if piece == "\n" or (line and width((line + piece).rstrip(), font, size) > room):
            told.append(line.rstrip())
            line = "" if piece == "\n" else piece.lstrip()
        else:
            line += piece
    told = [*told, line.rstrip()] if line.strip() or not told else told
    if len(told) > lines:
        told = [*told[: lines - 1], " ".join(told[lines - 1 :])]
    return [_shortened(one, room, font, size) for one in told]


def _pieces(text: str) -> Iterator[str]:
    """Where a line may break: behind a space, and around every Chinese letter."""
    word = ""
    for letter in text:
        if letter == "\n" or unicodedata.east_asian_width(letter) in "WF":
            if word:
                yield word
            yield letter
            word = ""
            continue
        word += letter
        if letter == " ":
            yield word
            word = ""
    if word:
        yield word


def _shortened(line: str, room: float, font: str, size: float) -> str:
    if width(line, font, size) <= room:
        return line
    while line and width(line + "…", font, size) > room:
        line = line[:-1]
    return line.rstrip() + "…"


def embedded(letters: str, font: str, weights: tuple[str, ...] = ("normal",)) -> str:
    """A style sheet that brings, for an SVG, what ``letters`` need of the fonts, so that it looks everywhere as on paper."""
    faces = []
    for family in families(font):
        for weight in weights if family != HAN else ("normal",):
            path = HAN_FILE
            if family != HAN:
                path = Path(font_manager.findfont(FontProperties(family=[family], weight=weight)))
            if data := _cut(path, letters):
                faces.append(
                    f"@font-face {{font-family: '{family}'; font-weight: {weight}; "
                    f"src: url(data:font/ttf;base64,{base64.b64encode(data).decode()}) format('truetype');}}"
                )
    return "\n".join(faces)


@functools.lru_cache(16)
def _cut(path: Path, letters: str) -> bytes:
    """The font with these letters alone; empty where it has none of them."""
    with TTFont(path, recalcTimestamp=False) as font:
        wanted = {ord(letter) for letter in letters} & font.getBestCmap().keys()
        if not wanted - {32}:
            return b""
        options = subset.Options()
        options.hinting = False
        options.notdef_outline = True
        options.layout_features = ["kern", "mark", "mkmk", "ccmp"]
        options.drop_tables += ["FFTM"]
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=sorted(wanted))
        cutter.subset(font)
        buffer = io.BytesIO()
        font.save(buffer)
    return buffer.getvalue()
