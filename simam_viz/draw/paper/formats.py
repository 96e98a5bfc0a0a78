"""A figure as a file: PDF and SVG with text as text, PNG; the same bytes for the same figure, and none of them half-written."""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import IO, Any, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from ...version import VERSION
from ...wording import _, enumeration
from ...writing import write_whole
from . import fonts
from .description import Description

SUFFIXES = ("pdf", "svg", "png")
_BAND, _LARGER = 48, 1.1
"""So many rows of a picture are packed both ways; the quick one may make them so much larger."""
_TEXT = re.compile(r"<text[^>]*>(.*?)</text>", re.DOTALL)


class PaperFigure(Figure):
    """A matplotlib figure that knows how it was asked for, what stands below it, and how a journal wants it written."""

    description: Description
    caption: Any
    """:class:`simam_viz.draw.paper.caption.Caption`."""
    notices: tuple[str, ...] = ()

    def savefig(self, fname: str | os.PathLike[str] | IO[bytes], **options: Any) -> None:
        """Write it: PDF with embedded TrueType, SVG with text and its fonts, PNG at the description's resolution.

        Args:
            fname: a path, or a binary file.
            options: ``format`` (else the path's ending), ``dpi`` of a PNG; any others as matplotlib's own has them.

        Raises:
            ValueError: there is no such format.
            OSError: the file cannot be written; nothing half-written is left.
        """
        ending = options.pop("format", None) or Path(str(getattr(fname, "name", fname))).suffix.removeprefix(".")
        data = written(self, str(ending).lower(), options.pop("dpi", None), **options)
        if isinstance(fname, (str, os.PathLike)):
            write_whole(Path(fname), data)
        else:
            fname.write(data)

    def _repr_png_(self) -> bytes:
        return written(self, "png", 150)


def check_format(path: Path) -> str:
    """The format that a path's ending asks for; ``ValueError`` for none of :data:`SUFFIXES`."""
    ending = path.suffix.removeprefix(".").lower()
    if ending not in SUFFIXES:
        raise ValueError(
            _(
                "A figure is written as {endings}; {name} ends otherwise.",
                endings=enumeration(f".{s}" for s in SUFFIXES),
                name=path.name,
            )
        )
    return ending


def written(figure: PaperFigure, kind: str, dpi: float | None = None, **options: Any) -> bytes:
    """A figure as the bytes of a file of one of :data:`SUFFIXES`; ``dpi`` of a PNG, else the description's own."""
    check_format(Path(f"figure.{kind}"))
    asked = figure.description
    made = f"SimAM Viz {VERSION}"
    dates: dict[str, dict[str, str | None]] = {
        "pdf": {"Creator": made, "CreationDate": None, "ModDate": None},
        "svg": {"Creator": made, "Date": None},
        "png": {"Software": made},
    }
    if kind == "png":
        options.setdefault("pil_kwargs", {"compress_type": zlib.Z_RLE})  # two thirds of the time, and no larger
    buffer = io.BytesIO()
    with fonts.setting(asked.font, asked.font_size):
        FigureCanvasAgg(figure)  # whatever canvas a notebook gave it, this one writes every format
        with _quick_pdf(buffer, dates[kind]) if kind == "pdf" else nullcontext(buffer) as file:
            Figure.savefig(
                figure,
                cast("IO[bytes]", file),
                format=kind,
                dpi=dpi or (asked.dpi if kind == "png" else 72),
                metadata=dates[kind],
                **options,
            )
        data = buffer.getvalue()
        return _with_fonts(data, asked) if kind == "svg" else data


@contextmanager
def _quick_pdf(buffer: io.BytesIO, metadata: dict[str, str | None]) -> Iterator[PdfPages]:
    """A PDF whose pictures are packed without loss, and in photos in a quarter of matplotlib's time."""
    with PdfPages(buffer, metadata=metadata) as pages:
        # matplotlib hands Pillow the picture and no settings; a version that does so elsewhere is slower, and no worse.
        file = pages._ensure_file()  # noqa: SLF001
        write = file._writePng  # noqa: SLF001
        file._writePng = lambda picture: write(_Quick(picture))  # noqa: SLF001
        yield pages


@dataclass(frozen=True)
class _Quick:
    """A picture that is packed by its runs and its values' frequencies alone where that does as well: in photos it does."""

    picture: Image.Image

    def save(self, buffer: IO[bytes], format: str) -> None:
        """As Pillow has it. A band of the picture shows which way is better."""
        width, height = self.picture.size
        band = self.picture.crop((0, (height - _BAND) // 2, width, (height + _BAND) // 2))
        quick = len(_png(band, zlib.Z_RLE)) <= _LARGER * len(_png(band, zlib.Z_DEFAULT_STRATEGY))
        buffer.write(_png(self.picture, zlib.Z_RLE if quick else zlib.Z_DEFAULT_STRATEGY))


def _png(picture: Image.Image, strategy: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="png", compress_type=strategy)
    return buffer.getvalue()


def _with_fonts(svg: bytes, asked: Description) -> bytes:
    """An SVG that brings what it needs of its fonts."""
    # Maps are as large as the photo already: nothing is to be sampled coarsely where the figure is shown smaller.
    text = svg.decode().replace("image-rendering:crisp-edges;image-rendering:pixelated", "")
    letters = "".join(unescape(re.sub(r"<[^>]*>", "", found)) for found in _TEXT.findall(text))
    weights = ("normal", "bold") if "font-weight: 700" in text else ("normal",)
    sheet = fonts.embedded("".join(sorted(set(letters))), asked.font, weights)
    return text.replace('<style type="text/css">', f'<style type="text/css">{sheet}\n', 1).encode()
