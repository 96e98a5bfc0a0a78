"""The command line, one file a command: ``python -m simam_viz app | analyze | checkpoints | train | card | …``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from .. import quiet
from ..checkpoints.weights_file import CheckpointError
from ..photos.bombs import ImageError
from ..wording import _, of_environment, speaking, why
from . import (
    analyze_command,
    app_command,
    card_command,
    checkpoints_command,
    doctor_command,
    evaluate_command,
    faithful_command,
    figure_command,
    own_words,
    train_command,
)

_COMMANDS = (
    app_command,
    analyze_command,
    checkpoints_command,
    train_command,
    card_command,
    evaluate_command,
    faithful_command,
    figure_command,
    doctor_command,
)
_SCRIPT = "simam-viz"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code. What a person got wrong ends in one sentence on the error stream.

    It speaks the language that the environment asks for (``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES``, ``LANG``).
    """
    with speaking(of_environment()), own_words.said():
        return _main(arguments)


def _main(arguments: list[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no λ still gets the rest
    options = command_parser().parse_args(arguments)
    quiet.quieten()
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads, such as “head”, has enough
        # Else Python complains when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # what shells give a command that ended so
    except (ImageError, CheckpointError, ValueError, OSError) as error:
        print(f"simam_viz: {_sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(_("simam_viz: stopped. What is finished is kept; the same command goes on from there."), file=sys.stderr)
        return 130  # what shells give a command that Ctrl-C ended
    return 0


def command_parser() -> argparse.ArgumentParser:
    """The parser of all commands; what it parsed is run by ``arguments.run(arguments)``."""
    started_as = _SCRIPT if Path(sys.argv[0]).stem == _SCRIPT else "python -m simam_viz"
    parser = argparse.ArgumentParser(prog=started_as, description=_("See SimAM's attention in a network."))
    commands = parser.add_subparsers(title=_("commands"), required=True)
    for command in _COMMANDS:
        command.register(commands)
    return parser


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    if isinstance(error, FileNotFoundError):
        return _("There is no file or folder {name}; check its name.", name=error.filename)
    return _("{name} cannot be read or written: {reason}.", name=error.filename, reason=why(error))
