"""The ``doctor`` command: what a report of a fault should say of the machine, and what is missing on it."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

import torch

from ..checkpoints.store import list_checkpoints, weights_folder
from ..evaluation.data_sets import data_folder
from ..paths import INSTALLED, ROOT
from ..photos.samples import list_samples
from ..version import VERSION
from ..wording import _, comma, counted, labelled, later
from .arguments import Commands, default_cache

_DISTRIBUTION = "simam-viz"
_OPTIONAL = {
    "pillow-heif": later("photos in HEIC"),
    "timm": later("networks of timm"),
    "ray": later("work on a cluster"),
}


def register(commands: Commands) -> None:
    """Add ``doctor`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "doctor", help=_("versions, devices, cores, folders and what is missing: for a report of a fault")
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    place = _("installed in {folder}", folder=ROOT.parent) if INSTALLED else _("a clone in {folder}", folder=ROOT)
    print(f"SimAM Viz {VERSION}{comma()}{place}")
    print(f"Python {platform.python_version()}, {sys.executable}")
    print(platform.platform())
    _section(_("Devices"), _devices())
    versions = {name: _version(name) for name in required()}
    _section(_("Packages"), [f"{name} {version}" for name, version in versions.items() if version])
    _section(_("Folders"), _folders())
    _section(_("Networks and photos"), _shipped())
    missing = [_("{package}, which is needed", package=name) for name, version in versions.items() if not version]
    missing += [
        _("{package}, for {purpose} (not needed otherwise)", package=name, purpose=_(purpose))
        for name, purpose in _OPTIONAL.items()
        if not _version(name)
    ]
    missing += [_("the network {name}, trained like the default one", name=name) for name in _siblings_missing()]
    _section(_("Missing"), missing or [_("nothing")])


def required() -> list[str]:
    """The packages that this one needs, as its metadata say, or in a clone its ``requirements.txt``."""
    try:
        lines = [line for line in metadata.requires(_DISTRIBUTION) or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"[\w.-]+", line) for line in lines)
    return [name[0] for name in found if name]


def _section(title: str, lines: list[str]) -> None:
    print(f"\n{title}")
    print(*(f"    {line}" for line in lines), sep="\n")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = counted("{count} core", "{count} cores", usable)
    lines = [_("cpu: {cores}, PyTorch computes with {threads}", cores=cores, threads=torch.get_num_threads())]
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        lines.append(labelled(f"cuda:{index}", f"{facts.name}{comma()}{facts.total_memory / 2**30:.1f} GiB"))
    if torch.backends.mps.is_available():
        lines.append("mps")
    return lines


def _folders() -> list[str]:
    folders = {
        _("what ships"): ROOT,
        _("weights of your own"): weights_folder(),
        _("data sets of your own"): data_folder(),
        _("cache"): default_cache(),
    }
    return [_told(title, path) for title, path in folders.items()]


def _told(title: str, path: Path) -> str:
    if not path.is_dir():
        return _("{title}: {path} (not there)", title=title, path=path)
    if not os.access(path, os.W_OK):
        return _("{title}: {path} (cannot be written to)", title=title, path=path)
    return _("{title}: {path}", title=title, path=path)


def _shipped() -> list[str]:
    infos = list_checkpoints()
    lines = [labelled(info.name, info.path) for info in infos]
    return [*lines, counted("{count} sample photo", "{count} sample photos", len(list_samples()))]


def _siblings_missing() -> list[str]:
    infos = list_checkpoints()
    here = {info.name for info in infos}
    return [told.second for told in infos[0].card.sibling_differences if told.second not in here] if infos else []
