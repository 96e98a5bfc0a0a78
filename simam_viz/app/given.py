"""Networks that a person's own program or command line gives the app, for everybody who opens it."""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..checkpoints import opening
from ..checkpoints.loaded import LoadedCheckpoint
from ..checkpoints.weights_file import CheckpointError
from ..paths import ROOT
from ..wording import kept, remembered

_GIVEN: dict[str, LoadedCheckpoint] = {}
_HOST: list[ModuleType] = []
"""The ``__main__`` of the program that serves the app itself."""
_APP = ROOT / "app.py"


@dataclass(frozen=True)
class Started:
    """What ``streamlit run app.py -- …`` asks for."""

    file: Path | None = None
    """A checkpoint file."""
    network: LoadedCheckpoint | None = None
    """The network of ``--network``, with the weights of ``--weights``."""
    maker: opening.Maker | None = None
    """Opens the network of ``--network`` with other files of weights."""
    ray: str | None = None
    """The Ray cluster of ``--ray``."""
    trouble: str = ""
    """Why there is no such network, in a sentence."""


def give(loaded: LoadedCheckpoint) -> str:
    """Let the app of this process show a network, as the one to begin with; returns the name that it has there."""
    name = loaded.name if loaded.name not in _GIVEN or _GIVEN[loaded.name] is loaded else f"{loaded.name} {len(_GIVEN)}"
    _GIVEN.pop(name, None)
    _GIVEN[name] = loaded
    return name


def networks() -> dict[str, LoadedCheckpoint]:
    """Every network that was given, by name; the last one given comes first."""
    asked = started().network
    own = dict(reversed(_GIVEN.items()))
    return own if asked is None else {asked.name: asked} | own


def started() -> Started:
    """What the command line of ``streamlit run app.py`` asks for; a person's code is run once for it."""
    script, *rest = sys.argv or [""]
    return _started(tuple(rest)) if rest and Path(script).resolve() == _APP else Started()


@functools.cache
@remembered()
def _started(words: tuple[str, ...]) -> Started:
    parser = argparse.ArgumentParser(prog="streamlit run app.py --", exit_on_error=False, add_help=False)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--ray")
    opening.add_arguments(parser)
    file: Path | None = None
    maker = None
    try:
        options = parser.parse_args(words)
        file = options.file.resolve() if options.file else None
        asked = opening.asked(options)
        if asked is None:
            return Started(file, ray=options.ray)
        maker = opening.Maker(asked)
        return Started(file, maker.as_made(verbose=True), maker, options.ray)
    except (argparse.ArgumentError, CheckpointError, ValueError, TypeError, OSError) as error:
        return Started(file, maker=maker, trouble=kept(str(error)))
    except SystemExit:  # argparse ends the process at words that it does not know
        return Started(trouble=parser.format_usage().strip())


def keep_main() -> None:
    """Remember the program that this is, in whose place Streamlit puts the page that it runs."""
    if not _HOST:
        _HOST.append(sys.modules["__main__"])


def restore_main() -> None:
    """Let a program that serves the app itself be ``__main__`` again: what it pickles goes by that name."""
    if _HOST:
        sys.modules["__main__"] = _HOST[0]
