"""A language that puts every sentence in brackets: what stands outside of them on a page did not go through ``_``."""

from __future__ import annotations

import re
from gettext import NullTranslations
from itertools import pairwise


class Bracketed(NullTranslations):
    """Says every sentence in ⟦brackets⟧, with its places as they are."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


BRACKETED = Bracketed()


def outside(text: str) -> str:
    """The words of a text that are in no brackets; symbols, icons, and the Chinese beside the English for now, do not count."""
    while (without := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
        text = without
    text = re.sub(r":material/\w+:|[一-鿿][^\n]*|\n[^\n]*[一-鿿][^\n]*", "", text)
    return text.strip("#* \n") if any(a.isalpha() and b.isalpha() for a, b in pairwise(text)) else ""
