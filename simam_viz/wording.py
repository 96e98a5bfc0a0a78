"""Every sentence that a person sees goes through here, whole, so that it can be said in another language.

``_("The network says: {name} ({share})", name=name, share=share)`` looks the sentence up with its places still empty, and fills
them after. What is put into a place is a name or a number, never a piece of a sentence: another language has another order.
Components in the browser get their sentences from Python, as data.

Each thread speaks a language of its own, and no other hears it. The catalogues are ``locale/…/LC_MESSAGES/simam_viz.po``.
"""

from __future__ import annotations

import functools
import io
import os
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
CATALOGUES = Path(__file__).with_name("locale")
DOMAIN = "simam_viz"
ENGLISH = "en"
LANGUAGES = {ENGLISH: ("en", "English"), "zh": ("zh_CN", "简体中文")}
"""By its code in addresses: the folder of its catalogue, which is its locale's name, and what it calls itself."""


class Catalogue(GNUTranslations):
    """A language: its catalogue, and how it writes numbers."""

    def __init__(self, locale: str) -> None:
        # Only for who speaks another language than English.
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        packed = io.BytesIO()
        with (CATALOGUES / locale / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
            write_mo(packed, read_po(file, locale))
        packed.seek(0)
        super().__init__(packed)
        self.locale = locale
        self._filling = _Filling(locale)

    def fill(self, said: str, places: Mapping[str, Any]) -> str:
        """A sentence with its places filled."""
        return self._filling.vformat(said, (), places)

    def __reduce__(self) -> tuple[Callable[[str], Catalogue], tuple[str]]:
        return _of_locale, (self.locale,)  # to a worker goes its name


class _Filling(string.Formatter):
    """Fills places as :meth:`str.format` does, with the decimal and the grouping sign of a locale."""

    def __init__(self, locale: str) -> None:
        from babel.numbers import get_decimal_symbol, get_group_symbol

        self._signs = str.maketrans({".": get_decimal_symbol(locale), ",": get_group_symbol(locale)})

    def format_field(self, value: Any, format_spec: str) -> str:
        text: str = format(value, format_spec)
        return text.translate(self._signs) if isinstance(value, int | float) else text


_of_locale = functools.cache(Catalogue)
_ENGLISH = NullTranslations()


def catalogue(code: str) -> NullTranslations:
    """A language by its code, one of :data:`LANGUAGES`."""
    return _ENGLISH if code == ENGLISH else _of_locale(LANGUAGES[code][0])


_LANGUAGE: ContextVar[NullTranslations | None] = ContextVar("language", default=None)
_asked: Callable[[], str | None] = lambda: None  # noqa: E731


def speak(language: NullTranslations) -> None:
    """Say what follows, in this thread, in another language."""
    _LANGUAGE.set(language)


@contextmanager
def speaking(language: NullTranslations) -> Iterator[None]:
    """Say what is said within, in this thread, in another language."""
    before = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


def listen(asked: Callable[[], str | None]) -> None:
    """From now on ``asked`` tells the code of the language of a thread that was told none; ``None`` where it does not know."""
    global _asked
    _asked = asked


def spoken() -> NullTranslations:
    """The language of this thread."""
    language = _LANGUAGE.get()
    if language is None:
        code = _asked()
        language = catalogue(code or ENGLISH)
        if code:
            speak(language)
    return language


def tag() -> str:
    """The language of this thread, as HTML names it."""
    language = spoken()
    return language.locale.replace("_", "-") if isinstance(language, Catalogue) else ENGLISH


def preferred(wanted: Iterable[str]) -> str | None:
    """The code of the first language in a list of locales (``zh_CN.UTF-8``, ``zh-Hans``, ``C``) that there is here."""
    for locale in wanted:
        code = locale.replace("-", "_").split("_")[0].split(".")[0].lower()
        if code in LANGUAGES:
            return code
        if code in ("c", "posix"):
            return ENGLISH
    return None


def of_environment() -> NullTranslations:
    """The language that ``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` ask for, as gettext reads them."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if asked := os.environ.get(name):
            return catalogue(preferred(asked.split(":")) or ENGLISH)
    return catalogue(ENGLISH)


def _filled(language: NullTranslations, said: str, places: Mapping[str, object]) -> str:
    return language.fill(said, places) if isinstance(language, Catalogue) else said.format(**places)


def _(sentence: str, /, **places: object) -> str:
    """A sentence in the language of whoever reads it, with its ``{places}`` filled."""
    if not sentence:
        return ""  # gettext gives the catalogue's head for it
    language = spoken()
    said = language.gettext(sentence)
    return _noted(_filled(language, said, places) if places else said, _, sentence, **places)


def counted(one: str, many: str, count: int, /, **places: object) -> str:
    """A sentence about one thing or about ``{count}`` of them."""
    language = spoken()
    said = language.ngettext(one, many, count).replace("{count}", "{count:,}")
    return _noted(_filled(language, said, {"count": count, **places}), counted, one, many, count, **places)


def later(sentence: str) -> str:
    """Marks a sentence that stands in a table made at import, and is given to :func:`_` when it is shown."""
    return sentence


def gap() -> str:
    """What stands between two sentences: nothing in Chinese, whose full stop brings its own."""
    return _("{first} {second}", first="", second="")


def comma() -> str:
    """What stands between two things said of one: Chinese has a comma of its own, which brings its gap."""
    return _("{first}, {second}", first="", second="")


def enumeration(names: Iterable[str]) -> str:
    """Names in a row: Chinese has a comma for these alone."""
    return _("{name}, {next}", name="", next="").join(names)


def labelled(label: object, said: object) -> str:
    """What something is called, and what is said of it."""
    return _("{label}: {said}", label=label, said=said)


def semicolon() -> str:
    """What stands between two in a row that have commas themselves."""
    return _("{first}; {second}", first="", second="")


def together(*sentences: str) -> str:
    """Sentences one behind the other; empty ones are left out."""
    return _noted(gap().join(filter(None, sentences)), together, *sentences)


class Said(str):
    """A text that was :func:`kept`, which can be said :func:`again`."""

    anew: Callable[[], str]


_REMEMBERED: ContextVar[dict[str, Callable[[], str]] | None] = ContextVar("remembered", default=None)


@contextmanager
def remembered() -> Iterator[None]:
    """How each text within came to be said is remembered, for those of them that will be :func:`kept`."""
    before = _REMEMBERED.set({})
    try:
        yield
    finally:
        _REMEMBERED.reset(before)


def kept(text: str) -> str:
    """A text for somebody who may have changed the language when they read it; what nobody :func:`remembered` stays as it is."""
    anew = (_REMEMBERED.get() or {}).get(text)
    if anew is None:
        return text
    said = Said(text)
    said.anew = anew
    return said


def again(text: str) -> str:
    """What was :func:`kept`, in the language of this thread; any other text as it is."""
    return text.anew() if isinstance(text, Said) else text


def _noted(text: str, say: Callable[..., str], /, *words: object, **places: object) -> str:
    """A text that was just said; how, is remembered where that is asked for."""
    memory = _REMEMBERED.get()
    if memory is not None:
        parts = [kept(word) if isinstance(word, str) else word for word in words]
        named = {name: kept(part) if isinstance(part, str) else part for name, part in places.items()}
        memory[text] = functools.partial(_said_anew, say, parts, named)
    return text


def _said_anew(say: Callable[..., str], words: Iterable[object], places: Mapping[str, object]) -> str:
    def anew(part: object) -> object:
        return again(part) if isinstance(part, str) else part

    return say(*map(anew, words), **{name: anew(part) for name, part in places.items()})


def in_this_language(function: Callable[..., T]) -> Callable[..., T]:
    """A function that another thread will call, in the language of this one."""
    language = spoken()

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> T:
        with speaking(language):
            return function(*args, **named)

    return call


def later_counted(one: str, many: str) -> tuple[str, str]:
    """Marks two that are given to :func:`counted` when they are shown."""
    return one, many


def why(error: OSError) -> str:
    """Why the system refused: in its own English, or said in the language of this thread where it is one of the usual ones."""
    return _(error.strerror) if error.strerror else ""


_OF_THE_SYSTEM = (
    later("No such file or directory"),
    later("Permission denied"),
    later("Operation not permitted"),
    later("Is a directory"),
    later("Not a directory"),
    later("File exists"),
    later("File name too long"),
    later("No space left on device"),
    later("Disk quota exceeded"),
    later("Read-only file system"),
    later("Input/output error"),
    later("Too many open files"),
    later("Address already in use"),
    later("Cannot assign requested address"),
)
