"""Every sentence that a person sees goes through here, whole, so that it can be said in another language.

``_("The network says: {name} ({share})", name=name, share=share)`` looks the sentence up with its places still empty, and fills
them after. What is put into a place is a name or a number, never a piece of a sentence: another language has another order.
Components in the browser get their sentences from Python, as data.
"""

from __future__ import annotations

from contextvars import ContextVar
from gettext import NullTranslations

_ENGLISH = NullTranslations()
_LANGUAGE: ContextVar[NullTranslations] = ContextVar("language", default=_ENGLISH)


def speak(language: NullTranslations) -> None:
    """Say what follows, in this thread, in another language."""
    _LANGUAGE.set(language)


def spoken() -> NullTranslations:
    """The language of this thread."""
    return _LANGUAGE.get()


def _(sentence: str, /, **places: object) -> str:
    """A sentence in the language of whoever reads it, with its ``{places}`` filled."""
    if not sentence:
        return ""  # gettext gives the catalogue's head for it
    said = _LANGUAGE.get().gettext(sentence)
    return said.format(**places) if places else said


def counted(one: str, many: str, count: int, /, **places: object) -> str:
    """A sentence about one thing or about ``{count}`` of them."""
    return _LANGUAGE.get().ngettext(one, many, count).format(count=f"{count:,}", **places)


def later(sentence: str) -> str:
    """Marks a sentence that stands in a table made at import, and is given to :func:`_` when it is shown."""
    return sentence
