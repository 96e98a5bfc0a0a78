"""One description of a figure: what page, command, Python and address share, and what a JSON or YAML file holds."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from ...checkpoints import opening
from ...networks.lambdas import Times
from ...networks.named import is_named
from ...photos import squares
from ...photos.squares import Square
from ...wording import _, enumeration, later
from .quantities import Quantity, parse

COLOURS = {
    "": later("Each quantity's own"),
    "viridis": later("viridis"),
    "inferno": later("inferno"),
    "magma": later("magma"),
    "cividis": later("cividis (for colour-blind readers)"),
    "gray": later("grey"),
}
"""Colour maps of quantities without a sign; all are perceptually uniform."""
SIGNED = {
    "": later("blue to red"),
    "PuOr_r": later("violet to orange (for colour-blind readers)"),
    "gray": later("grey"),
}
"""Colour maps of quantities with a sign."""
WIDTHS = {88.0: later("one column"), 180.0: later("two columns"), 254.0: later("a slide")}
"""Usual widths in mm."""
OWN_FONTS = ("DejaVu Sans", "DejaVu Serif", "STIXGeneral")
"""TrueType fonts that are there on every machine; others are taken where they are installed."""
LETTERS = ("none", "a", "A", "(a)")
DPI = (300, 600)
MIDDLE = "middle"
"""The square that networks see where nobody chose another."""
BETWEEN_SQUARES = "/"
"""Stands between squares of several photos in a command."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A whole figure. Everything has a default, but for the photos.

    The first part says what is computed, the second how it is drawn; lengths are in mm, the font's size in points.
    """

    photos: tuple[str, ...] = ()
    """Files, or names of samples."""
    checkpoint: str = ""
    """The network in hand: a name or a file; empty is the bundled default."""
    network: dict[str, str | int | bool] = field(default_factory=dict)
    """A network of one's own in its place: what the command says of it by ``--network``, ``--weights`` …, by their names
    without dashes (:data:`simam_viz.checkpoints.opening.OPTIONS`)."""
    networks: tuple[str, ...] = ("on",)
    """Of it: on, uniform, off, twin, simam, none, se, cbam, eca; or other checkpoints by name or file."""
    show: tuple[str, ...] = ("photo", "weight", "cam")
    """Words of :mod:`simam_viz.draw.paper.quantities`, in order."""
    block: str = ""
    """Where; empty is the deepest that still has 8 × 8 neurons."""
    target: str = ""
    """The class that heat maps explain, by name or index; empty is what the first network predicts of each photo."""
    against: str = ""
    """A class to contrast it with: heat maps then explain the lead over this one."""
    e_lambda: float | str | None = None
    """λ of every SimAM that follows it; ``"x10"`` is ten times each one's own, ``None`` its own."""
    fixed_mean: bool = False
    """Whether every SimAM keeps each channel's mean weight at what it is at its trained λ."""
    size: int | None = None
    """Side of the networks' input in pixels; ``None`` is the first one's own."""
    square: tuple[str, ...] = ()
    """What the networks see of each photo in turn, or of all if it is one: ``middle`` (the default), ``whole``, or
    ``left,top,side`` in the photo's pixels."""
    region: str = ""
    """Of networks that answer for every pixel: ``"row,column"``, or ``"predicted"``; empty is the mean over all positions."""
    box: int | None = None
    """Of a detector: which of the boxes that the first network finds in each photo; ``None`` is the best of the class."""
    reference: str = ""
    """Of an embedding: the photo to compare with, a file or a sample."""

    names: dict[str, str] = field(default_factory=dict)
    """What photos, networks and quantities are called on the figure, by their words; others keep their own titles."""
    rows: Literal["photos", "networks", "quantities"] = "photos"
    drawn: Literal["overlay", "map", "both"] = "overlay"
    """Maps over the photo, by themselves, or one beside the other."""
    across: int = 0
    """At most so many panels side by side, the others below them; 0 is all."""
    upsampling: Literal["smooth", "cells"] = "smooth"
    """Bicubic, or the map's true cells."""
    opacity: float = 0.55
    """Of a map over the photo, 0 to 1."""
    photo: Literal["grey", "colour"] = "grey"
    """Under the maps."""
    colours: Literal["", "viridis", "inferno", "magma", "cividis", "gray"] = ""
    signed: Literal["", "PuOr_r", "gray"] = ""
    own_range: bool = False
    """Whether every map has the colours from its own least to its own greatest value."""
    width: float = 180.0
    font: str = "DejaVu Sans"
    font_size: float = 8.0
    letters: Literal["none", "a", "A", "(a)"] = "a"
    titles: bool = True
    """Above columns and beside rows."""
    bars: bool = True
    """Colour bars."""
    answers: bool = False
    """Below each heat map, the class it explains and how sure the network is of it."""
    dpi: Literal[300, 600] = 300
    """Of a PNG."""

    def __post_init__(self) -> None:
        """ValueError, in one sentence, where a setting makes no sense."""
        for value, low, high, told in (
            (self.width, 20, 1000, later("A figure is 20 to 1,000 mm wide.")),
            (self.font_size, 3, 40, later("The font's size is 3 to 40 points.")),
            (self.opacity, 0, 1, later("The opacity lies between 0 and 1.")),
            (self.across, 0, 100, later("At most 100 panels stand side by side.")),
            (self.box or 0, 0, 10**6, later("Boxes are counted from 0.")),
        ):
            if not low <= value <= high:
                raise ValueError(_(told))
        if isinstance(self.e_lambda, str) and not _TIMES.fullmatch(self.e_lambda):
            raise ValueError(
                _("λ is a number, or x10 for ten times each module's own; {text!r} is neither.", text=self.e_lambda)
            )
        if unknown := sorted(self.network.keys() - set(opening.OPTIONS)):
            raise ValueError(_("A figure has no setting {name!r}.", name=("network." + unknown[0])[:60]))
        if self.checkpoint and "network" in self.network:
            raise ValueError(_("--checkpoint and --network name a network each; leave one of them out."))
        self.asked_region  # noqa: B018  (it raises where it is none)
        if self.photos and len(self.square) not in (0, 1, len(self.photos)):
            raise ValueError(_("A figure takes one square for all photos, or one for each of them."))
        for text in self.square:
            if text != MIDDLE:
                squares.parse(text)
        if not self.show or not self.networks:
            raise ValueError(_("A figure shows at least one quantity of at least one network."))
        if any(quantity.kind == "difference" for quantity in self.quantities) and len(self.networks) < 2:
            raise ValueError(_("A difference takes two networks: name a second one."))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(_not_one_of(name, getattr(self, name), allowed))

    @property
    def times(self) -> float | Times | None:
        """λ as :func:`simam_viz.analyze` takes it."""
        return Times(float(self.e_lambda[1:])) if isinstance(self.e_lambda, str) else self.e_lambda

    @property
    def asked_region(self) -> tuple[int, int] | Literal["predicted"] | None:
        """The region as :func:`simam_viz.analyze` takes it."""
        if self.region in ("", "predicted"):
            return cast('Literal["predicted"]', self.region) if self.region else None
        if (found := _PIXEL.fullmatch(self.region)) is None:
            raise ValueError(_("A region is row,column, or “predicted”; {text!r} is neither.", text=self.region[:60]))
        return int(found[1]), int(found[2])

    def title(self, quantity: Quantity) -> str:
        """What a quantity is called on the figure."""
        return self.names.get(quantity.word, quantity.title)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is shown, read."""
        return tuple(map(parse, self.show))

    def square_of(self, photo: int) -> Square | None:
        """What the networks see of the photo of this number, in its pixels; ``None`` is its middle."""
        text = (self.square * (photo + 1))[photo] if self.square else MIDDLE
        return None if text == MIDDLE else squares.parse(text)

    @property
    def code(self) -> str:
        """The code that would be run to make its network, ``mycode.py:make_net``; empty where none would."""
        said = str(self.network.get("network", ""))
        return "" if not said or is_named(said) else said

    @property
    def computed(self) -> tuple[object, ...]:
        """What has to be computed anew when it changes, apart from photos, what is seen of them, networks and quantities."""
        asked = self.target, self.against, self.region, self.box, self.reference
        return self.block, asked, self.e_lambda, self.fixed_mean, self.size

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults, as plain values."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        default = Description()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
            if value != getattr(default, name)
        }

    def json(self) -> str:
        """As the text of a JSON file, which is YAML, too."""
        return json.dumps({"simam_viz_figure": 1} | self.changed(), indent=1, ensure_ascii=False) + "\n"

    def command(self, out: str = "figure.pdf") -> str:
        """The command that makes this figure."""
        parts = ["python", "-m", "simam_viz", "figure", *self.photos]
        for name, value in self.changed().items():
            if name == "network":
                parts += opening.words(value)
            option = OPTIONS.get(name)
            if option is None:
                continue
            if name == "square":
                parts.append(f"{option}={BETWEEN_SQUARES.join(value)}")  # a number below 0 would pass for an option
            elif isinstance(value, bool):
                parts.append(option if value else f"--no-{option.removeprefix('--')}")
            elif isinstance(value, dict):
                parts += [part for word, title in value.items() for part in (option, f"{word}={title}")]
            elif isinstance(value, list):
                parts += [option, ",".join(value)]
            else:
                parts += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        return shlex.join([*parts, "--out", out])


_MOST_BYTES = 1_000_000
_PIXEL = re.compile(r"([0-9]{1,4}),([0-9]{1,4})")
_TIMES = re.compile(r"[x×][0-9.]+(e-?[0-9]+)?")
_CHOICES: dict[str, tuple[object, ...]] = {
    "rows": ("photos", "networks", "quantities"),
    "drawn": ("overlay", "map", "both"),
    "upsampling": ("smooth", "cells"),
    "photo": ("grey", "colour"),
    "colours": tuple(COLOURS),
    "signed": tuple(SIGNED),
    "letters": LETTERS,
    "dpi": DPI,
}

OPTIONS = {
    "checkpoint": "--checkpoint", "networks": "--networks", "show": "--show", "block": "--block", "target": "--target",
    "against": "--against",
    "fixed_mean": "--fixed-mean",
    "e_lambda": "--lambda", "size": "--size", "square": "--square", "region": "--region", "box": "--box", "reference": "--reference",
    "names": "--name", "rows": "--rows", "drawn": "--drawn", "across": "--across", "upsampling": "--upsampling",
    "opacity": "--opacity", "photo": "--photo", "colours": "--colours", "signed": "--signed-colours",
    "own_range": "--own-range", "width": "--width", "font": "--font", "font_size": "--font-size", "letters": "--letters",
    "titles": "--titles", "bars": "--bars", "answers": "--answers", "dpi": "--dpi",
}  # fmt: skip
"""What every setting but the photos and the network of one's own is called in a command."""


def choices(name: str) -> tuple[object, ...]:
    """The values that a setting of few values can have."""
    return _CHOICES[name]


def listed(text: str) -> tuple[str, ...]:
    """Words between commas; a comma before a space, as in the name of a block, stands in the word."""
    return tuple(word for word in re.split(r",(?! )", text) if word)


def parsed_lambda(text: str) -> float | str:
    """λ as a description has it, from a command: a number, or a text such as “x10”."""
    return text if text[:1] in ("x", "×") else float(text)


def described(settings: Mapping[str, Any]) -> Description:
    """A description of plain values, such as a file or a command gives.

    Raises:
        ValueError: a setting does not exist, or its value makes no sense; in one sentence.
    """
    settings = {name: value for name, value in settings.items() if name != "simam_viz_figure"}
    known = {field.name for field in dataclasses.fields(Description)}
    for name in settings:
        if name not in known:
            raise ValueError(_("A figure has no setting {name!r}.", name=str(name)[:60]))
        if name in _CHOICES and settings[name] not in _CHOICES[name]:
            raise ValueError(_not_one_of(name, settings[name], _CHOICES[name]))
    try:
        return msgspec.convert(settings, Description)
    except msgspec.ValidationError as error:
        reason = str(error)
        raise ValueError(reason if " - at " not in reason else _cannot(reason)) from None


def _cannot(reason: str) -> str:
    what, _at, where = reason.partition(" - at ")
    return _(
        "The setting {name} of the figure is not what it should be: {what}.", name=where.strip("`$.[…]"), what=what
    )


def _not_one_of(name: str, value: object, allowed: tuple[object, ...]) -> str:
    said = enumeration(str(one) or '""' for one in allowed)
    return _("The figure's {name} can be {choices}, and not {value!r}.", name=name, choices=said, value=value)


def read(path: Path) -> Description:
    """The description in a JSON or YAML file.

    Raises:
        ValueError: it is none; in one sentence.
        OSError: it cannot be read.
    """
    return from_bytes(path.read_bytes(), path.name)


def from_bytes(data: bytes, name: str) -> Description:
    """The description in the bytes of a JSON or YAML file of this name; ``ValueError``, in one sentence, where it is none."""
    try:
        if len(data) > _MOST_BYTES:
            raise UnicodeError
        content = msgspec.yaml.decode(data)  # JSON is YAML
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ValueError(_("{name} describes no figure: it is neither JSON nor YAML with settings.", name=name))
    return described(content)


msgspec.convert({}, Description)  # learnt while there is one thread, as in simam_viz/checkpoints/card.py
