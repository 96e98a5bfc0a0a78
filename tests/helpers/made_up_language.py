"""A language that puts every sentence in brackets: what stands outside of them on a page did not go through ``_``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations
from itertools import pairwise
from typing import Any

import pytest

from simam_viz import wording
from simam_viz.wording import speak

NAMES = {"SimAM Viz", ":orange-badge[ ]"}
"""What is called the same in every language, and how Streamlit marks a badge."""


class Bracketed(NullTranslations):
    """Says every sentence in ⟦brackets⟧, with its places as they are."""

    def gettext(self, message: str) -> str:
        return message if message.startswith("⟦") else f"⟦{message}⟧"  # once, however often it is said

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


BRACKETED = Bracketed()


@contextmanager
def bracketed() -> Iterator[None]:
    """This thread speaks it for as long as the block lasts."""
    speak(BRACKETED)
    try:
        yield
    finally:
        speak(NullTranslations())


def spoken_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread speaks it, those of pages too: it stands in the place of English."""
    monkeypatch.setattr(wording, "_LANGUAGE", ContextVar("language", default=None))
    monkeypatch.setattr(wording, "catalogue", lambda _code: BRACKETED)


def outside(text: str) -> str:
    """The words of a text that are in no brackets; symbols, icons, and the Chinese beside the English for now, do not count."""
    while (without := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
        text = without
    text = re.sub(r":material/\w+:|[一-鿿][^\n]*|\n[^\n]*[一-鿿][^\n]*", "", text)
    return text.strip("#* \n") if any(a.isalpha() and b.isalpha() for a, b in pairwise(text)) else ""


def texts(node: Any) -> Iterator[str]:
    """What a part of a page says: labels, headings, captions, help. What can be chosen from are names, for the most part."""
    for child in getattr(node, "children", {}).values():
        yield from texts(child)
    proto = getattr(node, "proto", None)
    for name in ("label", "body", "help", "placeholder"):
        if proto is not None and name in proto.DESCRIPTOR.fields_by_name and (text := getattr(proto, name)):
            yield text


def unsaid(node: Any) -> list[str]:
    """What of it did not go through ``_``."""
    return [left for text in texts(node) if (left := outside(text)) and left not in NAMES]
