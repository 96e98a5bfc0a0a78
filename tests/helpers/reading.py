"""What a visitor reads, in the language that the test speaks: whole messages of the app's own catalogue, and nothing else.

A test that waits for a sentence which the app does not say, or says in pieces, fails in English, too: it could not be made in Chinese.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Iterator

import pytest

from simam_viz import wording
from simam_viz.wording import LANGUAGES
from tools.catalogues import stored

in_both = pytest.mark.parametrize("language", list(LANGUAGES), indirect=True)
"""A journey that is short enough to be made in every language by the short form, too."""
in_english = pytest.mark.parametrize("language", ["en"], indirect=True)
"""A journey in which language makes no difference; the line above it says why."""
_MARKS = re.compile(r"^#+ |^- |\*\*|`")
"""What Markdown takes away. (An asterisk alone may be e*.)"""


@functools.cache
def _messages() -> frozenset[str]:
    ids = [message.id for message in stored("zh_CN") if message.id]
    return frozenset(text for one in ids for text in ([one] if isinstance(one, str) else one))


def _known(sentence: str) -> str:
    if sentence not in _messages():
        raise LookupError(f"the app has no message {sentence!r}")
    return sentence


def _(sentence: str, /, **places: object) -> str:
    """A message as the page shows it, with its places filled."""
    return _MARKS.sub("", wording._(_known(sentence), **places))


def counted(one: str, many: str, count: int, /, **places: object) -> str:
    """The same of a message about one thing or many."""
    return _MARKS.sub("", wording.counted(_known(one), _known(many), count, **places))


def pattern(sentence: str, /, **places: object) -> re.Pattern[str]:
    """A message of which only some places are known, exactly or by a pattern; the others may say anything."""
    return re.compile("".join(literal or "(.+)" for literal, _name in _parts(sentence, places)))


def read(sentence: str, text: str) -> dict[str, str]:
    """What stands in the places of a message on the page; raises ``LookupError`` where the text does not hold it."""
    found = re.search("".join(literal or f"(?P<{name}>.+)" for literal, name in _parts(sentence, {})), text)
    if found is None:
        raise LookupError(f"{text!r} does not say {sentence!r}")
    return found.groupdict()


def _parts(sentence: str, places: dict[str, object]) -> Iterator[tuple[str, str]]:
    """What a message says between its places, and in those that are known, as regular expressions; for others, their name."""
    for literal, name, form, conversion in string.Formatter().parse(wording._(_known(sentence))):
        if literal := _MARKS.sub("", literal):
            yield re.escape(literal), ""
        if name is None:
            continue
        if isinstance(known := places.get(name), re.Pattern):
            yield known.pattern, ""
        elif name in places:
            place = "{" + name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
            yield re.escape(wording._(place, **places)), ""
        else:
            yield "", name
