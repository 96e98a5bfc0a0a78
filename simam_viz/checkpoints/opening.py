"""Networks that are made by a person's own code, or by name, with or without a file of weights."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from torch import nn

from ..modules.weighing import Kind as SiteKind
from ..networks import answers
from ..networks.constructors import constructor
from ..networks.lambdas import set_e_lambda
from ..networks.named import Named, is_named, named
from ..photos.transforms import Interpolation
from ..wording import _
from .card import Card
from .loaded import LoadedCheckpoint
from .matching import match, match_named
from .recognition import Match
from .weights_file import MAX_BYTES, CheckpointError, Tensors, check_size, read_tables
from .wrapping import wrap


@dataclass(frozen=True)
class Opening:
    """What a command line says of a network of a person's own."""

    network: str
    """``mycode.py:make_net``, ``package.module:name``, ``timm:NAME``, ``torchvision:NAME`` or ``authors:NAME``."""
    weights: Path | None = None
    """A file of weights for it; ``None`` takes them as the network is made."""
    pretrained: bool = False
    """Whether weights that are published under its name are to be downloaded."""
    output: str = "auto"
    categories: tuple[str, ...] | None = None
    input_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layers: tuple[str, ...] | None = None
    sites: tuple[tuple[str, str], ...] = ()
    device: str | None = None
    written: Mapping[str, Any] = field(default_factory=dict)
    """The same as the command line has it, by the names of :data:`OPTIONS`; empty where it comes from none."""


OPTIONS = (
    "network", "weights", "pretrained", "output", "categories", "input_size", "mean", "std", "layers", "sites", "device",
)  # fmt: skip
"""What :func:`add_arguments` adds, by the names that it has in a namespace."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--network`` and what belongs to it; :func:`asked` reads them."""
    group = parser.add_argument_group(_("a network of your own"))
    group.add_argument(
        "--network",
        metavar="SOURCE",
        help=_("your own code, mycode.py:make_net, which is run; or timm:NAME, torchvision:NAME, authors:NAME"),
    )
    group.add_argument(
        "--weights", type=Path, metavar="FILE", help=_("a file of weights for it (safetensors, PyTorch)")
    )
    group.add_argument("--pretrained", action="store_true", help=_("download the weights published under its name"))
    group.add_argument(
        "--output",
        choices=("auto", *answers.KINDS),
        default="auto",
        help=_("what it answers with (default: found out)"),
    )
    group.add_argument(
        "--categories", metavar="NAMES", help=_("names of its classes, with commas; or a text file, one a line")
    )
    group.add_argument(
        "--input-size", type=int, metavar="PIXELS", help=_("side of its input (default: 224, or its own)")
    )
    group.add_argument("--mean", metavar="NUMBERS", help=_("mean of its input by channel, with commas"))
    group.add_argument("--std", metavar="NUMBERS", help=_("standard deviation of its input by channel, with commas"))
    group.add_argument("--layers", metavar="NAMES", help=_("modules at which heat maps are taken, with commas"))
    group.add_argument(
        "--sites",
        metavar="NAME=KIND",
        help=_("attention that is not recognised: module=channel, position or gate, with commas"),
    )
    group.add_argument(
        "--device", metavar="NAME", help=_("where to compute, cpu or cuda (default: where the weights are)")
    )


def asked(options: argparse.Namespace) -> Opening | None:
    """What the arguments of :func:`add_arguments` ask for; ``None`` without ``--network``.

    Raises:
        ValueError: one of them makes no sense.
    """
    if options.network is None:
        given = [name for name in ("weights", "categories", "layers", "sites") if getattr(options, name)]
        if given:
            raise ValueError(_("--{name} belongs to a network of your own: name it with --network.", name=given[0]))
        return None
    sites = []
    for entry in filter(None, (options.sites or "").split(",")):
        name, equals, kind = entry.partition("=")
        if not equals:
            raise ValueError(_("--sites takes module=kind, such as neck.3=gate, not {entry!r}.", entry=entry))
        sites.append((name.strip(), kind.strip()))
    return Opening(
        options.network,
        options.weights,
        options.pretrained,
        options.output,
        _names(options.categories),
        options.input_size,
        _numbers("--mean", options.mean),
        _numbers("--std", options.std),
        tuple(name.strip() for name in options.layers.split(",")) if options.layers else None,
        tuple(sites),
        options.device,
        written(options),
    )


def written(options: argparse.Namespace) -> dict[str, Any]:
    """What was said with the arguments of :func:`add_arguments`, as plain values: texts, numbers, ``True``."""
    said = {name: getattr(options, name) for name in OPTIONS}
    said = {name: str(value) if isinstance(value, Path) else value for name, value in said.items()}
    return {
        name: value
        for name, value in said.items()
        if value not in (None, False) and (name, value) != ("output", "auto")
    }


def words(said: Mapping[str, Any]) -> list[str]:
    """What :func:`written` gives, as the words of a command."""
    found = []
    for name, value in said.items():
        option = f"--{name.replace('_', '-')}"
        if name == "pretrained":
            found.append(option)
        elif str(value).startswith("-"):  # it would pass for an option
            found.append(f"{option}={value}")
        else:
            found += [option, str(value)]
    return found


def read(said: Mapping[str, Any]) -> argparse.Namespace:
    """What :func:`written` gave, as it was.

    Raises:
        ValueError: a value makes no sense; in one sentence.
    """
    parser = argparse.ArgumentParser(exit_on_error=False, add_help=False)
    add_arguments(parser)
    try:
        return parser.parse_args(words(said))
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from None


class Maker:
    """Opens one network as often as there are files for it; a person's code is run once."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self._named = named(opening.network) if is_named(opening.network) else None
        self._make: Callable[[], nn.Module] | None = None if self._named else constructor(opening.network)

    def as_made(self, verbose: bool = False) -> LoadedCheckpoint:
        """The network with the weights that the command line names, or as it is made.

        Raises:
            ValueError: the network cannot be made or understood.
            CheckpointError: the file of weights does not fit it.
        """
        path = self.opening.weights
        if path is not None:
            check_size(path.stat().st_size)
            loaded = self.with_weights(path.read_bytes(), path.name, verbose=verbose)
            return replace(loaded, opened_by=self.opening.written)
        if self._named is not None:
            model = self._named.make(pretrained=self.opening.pretrained)
            limits = {} if self.opening.pretrained else random_weights()
            return self._opened(model, self.opening.network, limits, verbose)
        assert self._make is not None
        return self._opened(self._make(), Path(self.opening.network).name, {}, verbose)

    def with_weights(
        self, data: bytes, file_name: str, prefix: str | None = None, part: str | None = None, verbose: bool = False
    ) -> LoadedCheckpoint:
        """The network with the weights in a file.

        Args:
            data: the file's bytes.
            file_name: what to call it.
            prefix: what to drop from the beginning of its names.
            part: which network, where the file holds several.
            verbose: print what was found.

        Raises:
            CheckpointError: they do not fit; the sentence says which names differ.
        """
        tables = read_tables(data)
        fitted: Match
        if self._named is not None:
            model, fitted = match_named(self._named, tables, _count(self.opening), prefix, part)
        else:
            assert self._make is not None
            model = self._make()
            fitted = match(model, tables, prefix, part)
        loaded = self._opened(model, Path(file_name).stem, {"title": file_name[:300]}, verbose)
        said = self.opening.written
        return replace(
            loaded,
            match=fitted,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            opened_by={**said, "weights": file_name} if said and prefix is None and part is None else {},
        )

    def _opened(self, model: nn.Module, name: str, entries: Mapping[str, Any], verbose: bool) -> LoadedCheckpoint:
        asked_for, known = self.opening, self._named
        own = {} if known is None else for_wrap(known, model)
        if asked_for.input_size is not None:
            own["input_size"] = asked_for.input_size
        for entry in ("categories", "mean", "std", "layers", "device"):
            if (value := getattr(asked_for, entry)) is not None:
                own[entry] = value
        if asked_for.output != "auto":
            own["output"] = asked_for.output
        sites = cast("dict[str, SiteKind]", dict(asked_for.sites))
        try:
            loaded = wrap(model.eval(), sites=sites, name=name, verbose=verbose, **own)
        except RuntimeError as error:  # of the device
            raise ValueError(str(error).strip().splitlines()[0]) from error
        card = loaded.card | {"arch": asked_for.network} | entries
        return replace(loaded, card=card, opened_by=asked_for.written)


def opened_by_name(
    name: str, arch: str, tables: Mapping[str, Tensors], card: Card, part: str | None
) -> tuple[LoadedCheckpoint, Match]:
    """A file that belongs to a network that others publish (``timm:NAME`` …), as its card describes it.

    Raises:
        CheckpointError: there is no such network, the tensors do not fit it, or it cannot be looked into.
    """
    try:
        known = named(arch)
        model, fitted = match_named(known, tables, card.num_classes, part=part)
        if isinstance(card.e_lambda, float):
            set_e_lambda(model, card.e_lambda)
        own = for_wrap(known, model)
        if card.categories is not None:
            own["categories"] = card.categories
        if card.input_size is not None:
            own["input_size"] = card.input_size
        if card.normalisation is not None:
            own |= {"mean": card.normalisation.mean or own.get("mean"), "std": card.normalisation.std or own.get("std")}
        said = card.trained_with_simam
        loaded = wrap(
            model, trained_with_simam=said if isinstance(said, bool) else None, name=name, verbose=False, **own
        )
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    known_card = Card.of({**loaded.card, **card, "arch": arch, "title": card.title or name})
    return replace(loaded, card=known_card), fitted


def for_wrap(known: Named, model: nn.Module) -> dict[str, Any]:
    """How :func:`wrap` is to look at a network that others publish."""
    own: dict[str, Any] = {"input_size": max(known.input_size), "output": known.output}
    if known.mean is not None and known.std is not None:
        own |= {"mean": known.mean, "std": known.std}
    if known.crop is not None and known.output != "boxes":
        own |= {"crop": known.crop}
    if known.interpolation in ("bilinear", "bicubic"):
        own |= {"interpolation": cast("Interpolation", known.interpolation)}
    dense = [m for m in model.modules() if isinstance(m, nn.Linear)]
    classes = dense[-1].out_features if dense else known.num_classes
    if known.categories is not None and (known.output in ("boxes", "pixels") or classes == len(known.categories)):
        own["categories"] = known.categories
    return own


def random_weights() -> dict[str, Any]:
    """What the card of a network that was never trained says."""
    return {"random_weights": True, "limits": _("Its weights are random numbers: its answers mean nothing.")}


def _count(opening: Opening) -> int | None:
    return len(opening.categories) if opening.categories else None


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    path = Path(text)
    if path.suffix == ".txt" or path.is_file():
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(_("--categories: {name} is no list of names.", name=path.name))
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    return tuple(name.strip() for name in text.split(","))


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        raise ValueError(_("{option} takes numbers with commas, not {text!r}.", option=option, text=text)) from None
