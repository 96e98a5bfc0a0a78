"""What argparse says by itself, in the language of the command line.

argparse asks gettext for the sentences of the process; ours are those of a thread (:mod:`simam_viz.wording`). So within
:func:`said` its two functions are ours. What it says to programmers, of parsers that are built wrongly, stays English.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from ..wording import later, later_counted, spoken

_SENTENCES = (
    later("usage: "),
    later("positional arguments"),
    later("options"),
    later("%(heading)s:"),
    later("show this help message and exit"),
    later("%(prog)s: error: %(message)s\n"),
    later("argument %(argument_name)s: %(message)s"),
    later("the following arguments are required: %s"),
    later("one of the arguments %s is required"),
    later("unrecognized arguments: %s"),
    later("not allowed with argument %s"),
    later("expected one argument"),
    later("expected at most one argument"),
    later("expected at least one argument"),
    later_counted("expected %s argument", "expected %s arguments"),
    later("ignored explicit argument %r"),
    later("ambiguous option: %(option)s could match %(matches)s"),
    later("invalid %(type)s value: %(value)r"),
    later("invalid choice: %(value)r (choose from %(choices)s)"),
    later("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
    later("unknown parser %(parser_name)r (choices: %(choices)s)"),
    later("can't open '%(filename)s': %(error)s"),
)
"""Of Python 3.11 to 3.14, of which the first two put a colon of their own behind a heading; for the catalogues."""


@contextmanager
def said() -> Iterator[None]:
    """Within, argparse speaks the language of whoever uses it."""
    before = argparse._, argparse.ngettext  # type: ignore[attr-defined]
    argparse._ = lambda sentence: spoken().gettext(sentence)  # type: ignore[attr-defined]
    argparse.ngettext = lambda one, many, count: spoken().ngettext(one, many, count)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        argparse._, argparse.ngettext = before  # type: ignore[attr-defined]
