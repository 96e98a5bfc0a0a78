"""A language that sets every sentence in corner brackets, to see what is said through the one function and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations

from simam_viz.wording import speak


class _Marked(NullTranslations):
    def gettext(self, message: str) -> str:
        return f"「{message}」"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


@contextmanager
def marked_language() -> Iterator[None]:
    """Speak it for as long as the block lasts."""
    speak(_Marked())
    try:
        yield
    finally:
        speak(NullTranslations())
