"""The ``figure`` command: photos × networks × quantities as PDF, SVG or PNG, with a caption to go with it."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ..checkpoints import opening
from ..checkpoints.loaded import LoadedCheckpoint
from ..checkpoints.loading import find_checkpoint, list_checkpoints
from ..draw.paper import description, formats
from ..draw.paper.description import Description
from ..draw.paper.looks import Column, Piece, count, pieces
from ..draw.paper.making import columns_of, composed, named_network
from ..draw.paper.sources import Picture, photos_of
from ..explain import variants
from ..networks.shared import bytes_of
from ..version import VERSION
from ..wording import _, counted, later
from ..writing import write_whole
from .arguments import Commands, default_cache

_HELP = {
    "checkpoint": later("the network in hand: a bundled name or a file (default: the bundled default)"),
    "networks": later("of it, with commas: on, uniform, off, twin, se, cbam, eca; or other checkpoints (default: on)"),
    "show": later(
        "with commas, in order: photo, weight, weight:max, weight:7 (a channel), importance, energy, cam, cam++, hirescam, "
        "layercam, difference, feature:7, refined:7, histogram, histogram:weight, sweep; most with @BLOCK behind (default: "
        "photo,weight,cam)"
    ),
    "block": later("such as layer3.1 (default: the deepest with 8 × 8 neurons or more)"),
    "target": later("class of the heat maps, by name or index (default: what the first network predicts)"),
    "against": later("a class to contrast it with"),
    "fixed_mean": later("every channel's mean weight stays what it is at the trained λ"),
    "e_lambda": later("λ of every SimAM (default: each as trained)"),
    "size": later("side of the networks' input in pixels"),
    "region": later("of networks that answer for every pixel: row,column, or predicted (default: all positions)"),
    "box": later("of a detector: which of its boxes, counted from 0 (default: the class's best)"),
    "reference": later("of an embedding: the photo to compare with, a file or a sample"),
    "names": later("what a photo, a network or a quantity is called on the figure: on=Ours; as often as need be"),
    "square": later(
        "what the networks see of the photos, in turn, with slashes: middle, whole, or left,top,side in a photo's pixels; or one "
        "for all (default: middle)"
    ),
    "rows": later("what the rows are (default: photos)"),
    "drawn": later("maps over the photo, by themselves, or both (default: overlay)"),
    "across": later("at most so many panels side by side, the others below them (default: all)"),
    "upsampling": later("smooth, or the maps' true cells (default: smooth)"),
    "opacity": later("of maps over the photo, 0 to 1 (default: 0.55)"),
    "photo": later("the photo under maps (default: grey)"),
    "colours": later("one colour map for all quantities without a sign"),
    "signed": later("one for those with a sign"),
    "own_range": later("colours from each map's own least to its own greatest value"),
    "width": later("in mm: 88 is one column, 180 two, 254 a slide (default: 180)"),
    "font": later("a TrueType font that is installed (default: DejaVu Sans)"),
    "font_size": later("in points (default: 8)"),
    "letters": later("on the panels (default: a)"),
    "titles": later("above columns and beside rows"),
    "bars": later("colour bars"),
    "answers": later("below each heat map, the class and how sure the network is"),
    "dpi": later("of a PNG (default: 300)"),
}
_NUMBERS = {
    "e_lambda": description.parsed_lambda,
    "size": int,
    "box": int,
    "across": int,
    "opacity": float,
    "width": float,
    "font_size": float,
    "dpi": int,
}


def register(commands: Commands) -> None:
    """Add ``figure`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "figure",
        help=_("a figure for a paper: photos × networks × quantities as PDF, SVG or PNG"),
        description=_(
            "Writes the figure, its caption as text (.txt), LaTeX (.tex) and Markdown (.md), and its description (.json), from which "
            "--from makes it again. The same command gives the same bytes. Ctrl-C stops it; the same command then goes on."
        ),
    )
    parser.add_argument("photos", nargs="*", metavar="PHOTO", help=_("files, or names of samples"))
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=_("ends in .pdf, .svg or .png"))
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help=_("a description, JSON or YAML"))
    defaults = Description()
    for name, option in description.OPTIONS.items():
        more: dict[str, Any] = {"help": _(_HELP[name]), "dest": f"figure_{name}", "default": None}
        if name == "names":
            more |= {"action": "append", "type": _name, "metavar": "WORD=TITLE"}
        elif isinstance(getattr(defaults, name), bool):
            more["action"] = argparse.BooleanOptionalAction
        elif name in ("rows", "drawn", "upsampling", "photo", "colours", "signed", "letters", "dpi"):
            more["choices"] = [choice for choice in description.choices(name) if choice != ""]
            more["type"] = _NUMBERS.get(name, str)
        else:
            more |= {"type": _NUMBERS.get(name, str), "metavar": option.removeprefix("--").upper()}
        parser.add_argument(option, **more)
    opening.add_arguments(parser)
    parser.set_defaults(run=_run)


def _name(text: str) -> tuple[str, str]:
    word, equals, title = text.partition("=")
    if not (word and equals):
        raise argparse.ArgumentTypeError(_("a name is given as WORD=TITLE, such as on=Ours"))
    return word, title


def _run(arguments: argparse.Namespace) -> None:
    kind = formats.check_format(arguments.out)
    asked = _asked(arguments)
    photos = photos_of(asked)
    loaded = None
    if "network" in asked.network:
        loaded = named_network(asked)
        print(repr(loaded), file=sys.stderr)
    columns = columns_of(asked, loaded)
    kept = _kept_pieces(asked, photos, loaded)
    done = _computed(asked, photos, columns, kept)
    figure = composed(asked, photos, [column.title for column in columns], done)
    command = asked.command(str(arguments.out))
    caption = dataclasses.replace(figure.caption, command=command, file=arguments.out.name)
    for path, data in {
        arguments.out.with_suffix(".txt"): caption.text.encode(),
        arguments.out.with_suffix(".tex"): caption.latex.encode(),
        arguments.out.with_suffix(".md"): caption.markdown.encode(),
        arguments.out.with_suffix(".json"): asked.json().encode(),
        arguments.out: formats.written(figure, kind),
    }.items():
        write_whole(path, data)
        print(path)
    kept.unlink(missing_ok=True)


def _asked(arguments: argparse.Namespace) -> Description:
    """What the description says, and what the command line says otherwise."""
    asked = description.read(arguments.source) if arguments.source else Description()
    settings = {field.name: getattr(asked, field.name) for field in dataclasses.fields(asked)}
    for name in description.OPTIONS:
        if (value := getattr(arguments, f"figure_{name}")) is not None:
            if name == "names":
                value = asked.names | dict(value)
            if name == "square":
                value = tuple(value.split(description.BETWEEN_SQUARES))
            settings[name] = description.listed(value) if name in ("networks", "show") else value
    opening.asked(arguments)  # says what makes no sense
    own = opening.written(arguments)
    if asked.code and not arguments.figure_checkpoint and "network" not in own:
        raise ValueError(
            _(
                "{file} names code, which would be run: {network}. If you trust it, name it yourself, with --network.",
                file=arguments.source.name,
                network=asked.code,
            )
        )
    if "network" in own:
        settings |= {"network": own, "checkpoint": arguments.figure_checkpoint or ""}
    elif arguments.figure_checkpoint:
        settings["network"] = own
    else:
        settings["network"] = asked.network | own
    if arguments.photos:
        settings["photos"] = tuple(arguments.photos)
    return description.described(settings)


def _computed(asked: Description, photos: list[Picture], columns: list[Column], kept: Path) -> list[Piece]:
    """Every piece; of those that an earlier run was stopped after, or failed after, none is computed again."""
    done: list[Piece] = torch.load(kept, weights_only=True) if kept.is_file() else []
    before, total = len(done), count(asked, len(photos), len(columns))
    try:
        with tqdm(total=total, initial=len(done), unit=_("part"), file=sys.stderr, disable=total < 4) as bar:
            for piece in pieces(asked, photos, columns, list(done)):
                done.append(piece)
                bar.update()
    except BaseException:
        if len(done) > before:
            kept.parent.mkdir(parents=True, exist_ok=True)
            buffer = io.BytesIO()
            torch.save(done, buffer)
            write_whole(kept, buffer.getvalue())
        if done:
            told = counted("{count} part is kept in {file}.", "{count} parts are kept in {file}.", len(done), file=kept)
            print(told, file=sys.stderr)
        raise
    return done


def _kept_pieces(asked: Description, photos: list[Picture], loaded: LoadedCheckpoint | None) -> Path:
    """Where what was computed is kept when this figure is stopped: whatever is only drawn otherwise has the same place.

    Photos and networks count by what is in their files, whatever these are called.
    """
    told = hashlib.sha256(
        repr((VERSION, asked.networks, asked.show, asked.square, asked.computed, asked.network)).encode()
    )
    for photo in photos:
        told.update(photo.image.tobytes())
    for name, tensor in loaded.model.state_dict().items() if loaded else ():
        told.update(name.encode() + bytes_of(tensor))
    named = [
        find_checkpoint(name) for name in (asked.checkpoint, *asked.networks) if name and name not in variants.NAMES
    ]
    # Of a network in hand, its twin and its siblings may be any of those that are listed.
    listed = [info.path for info in list_checkpoints()] if len(named) < len(asked.networks) else []
    code = [Path(asked.code.rpartition(":")[0])] if ".py:" in asked.code else []
    for path in sorted({*named, *listed, *code}):
        with path.open("rb") as file:
            told.update(hashlib.file_digest(file, "sha256").digest())
    return default_cache() / "figures" / f"{told.hexdigest()[:32]}.pt"
