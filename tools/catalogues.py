"""What is said in the code, and in each language: ``python -m tools.catalogues extract | check | pseudo FOLDER``.

``extract`` brings every catalogue up to date with the code: what is new stands there untranslated, what resembles something old is
marked fuzzy, what is gone goes. ``check`` fails where anything is left to do, and names it. ``pseudo`` writes a catalogue that says
everything ［ŵíťħ ȧččéñťš］ and longer, as the language ``zh`` of the app when its folder is put in the place of
``simam_viz/locale``: what still reads plain on a page does not go through ``wording._``, and what is cut off is too narrow.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from simam_viz.checkpoints.card import Card
from simam_viz.checkpoints.store import list_checkpoints
from simam_viz.photos.samples import list_samples
from simam_viz.wording import CATALOGUES, DOMAIN, ENGLISH, LANGUAGES

ROOT = Path(__file__).parents[1]
_KEYWORDS = {"_": None, "later": None, "counted": (1, 2), "later_counted": (1, 2)}
_OPTIONS = {"**.jinja": {"trimmed": "true", "silent": "false"}}
_SENTENCES = ("trained_on", "limits", "data_terms", "recipe", "hardware", "input_size_rule", "preprocessing")
_PLACE = re.compile(r"(?<!\\text)\{[^{}]*\}|%\(\w+\)[sdr]|%[sd]")
_ACCENTED = str.maketrans("abcdeghilnorstuwyACEINOSUW", "ȧḃčďéğħíłñöŕšťüŵýÅČÉÍÑÖŠÜŴ")
_UNTOUCHED = re.compile(r"\{[^{}]*\}|%\(\w+\)[sdr]|%[sd]|`[^`]*`|\$[^$]*\$|\\\w+|:material/\w+:|\]\([^)]*\)|<[^>]*>")


def of_the_code() -> Catalog:
    """Every message of the code, with the files that say it."""
    found = Catalog(project="SimAM Viz", charset="utf-8", fuzzy=False)
    for folder in ("simam_viz", "pages"):
        extracted = extract_from_dir(
            ROOT / folder, [("**.py", "python"), ("**.jinja", "jinja2")], keywords=_KEYWORDS, options_map=_OPTIONS
        )
        for file, _line, message, comments, context in extracted:
            # Without lines: a change of code is none of the catalogue.
            found.add(message, None, [(f"{folder}/{file}", 0)], auto_comments=comments, context=context)
    for sample in list_samples():
        for text in (sample.title, sample.alt, sample.licence):
            found.add(text, None, [("assets/samples/credits.json", 0)])
    for info in list_checkpoints():
        if info.bundled:
            for category in info.card.categories or ():
                found.add(category, None, [("assets/weights", 0)], context="class")
            for text in _sentences(info.card):
                found.add(text, None, [("assets/weights", 0)])
    return found


def _sentences(card: Card) -> Iterator[str]:
    """What a card says in sentences, and not in numbers and names."""
    for name in _SENTENCES:
        if text := card.get(name):
            yield text
    if card.accuracy_by_input_size and card.accuracy_by_input_size.how:
        yield card.accuracy_by_input_size.how


def stored(locale: str, folder: Path = CATALOGUES) -> Catalog:
    """The catalogue of a locale."""
    with _path(locale, folder).open("rb") as file:
        return read_po(file, locale, DOMAIN)


def write(catalogue: Catalog, locale: str, folder: Path = CATALOGUES) -> None:
    """Write the catalogue of a locale."""
    path = _path(locale, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, sort_by_file=True, ignore_obsolete=True, include_lineno=False)


def faults(catalogue: Catalog, code: Catalog) -> list[str]:
    """What is missing, fuzzy, no longer said, or has other places than the English; a line each."""
    found = [
        f"not in the catalogue: {_short(message)}"
        for message in code
        if message.id and catalogue.get(message.id, message.context) is None
    ]
    for message in catalogue:
        if not message.id:
            continue
        texts = [message.string or ""] if isinstance(message.string, str | None) else list(message.string)
        if code.get(message.id, message.context) is None:
            found.append(f"no longer said: {_short(message)}")
        elif not all(texts):
            found.append(f"not translated: {_short(message)}")
        elif message.fuzzy:
            found.append(f"fuzzy: {_short(message)}")
        else:
            english = message.id if isinstance(message.id, str) else message.id[-1]
            found += [f"other places: {_short(message)}" for text in texts if _places(text) != _places(english)]
    return found


def pseudo(code: Catalog, locale: str) -> Catalog:
    """A catalogue that says everything with accents and a third longer."""
    made = Catalog(locale=locale, domain=DOMAIN, charset="utf-8", fuzzy=False)
    for message in code:
        if message.id:
            said = _accented(message.id if isinstance(message.id, str) else message.id[-1])
            made.add(
                message.id,
                said if isinstance(message.id, str) else (said,) * made.num_plurals,
                message.locations,
                context=message.context,
            )
    return made


def _accented(text: str) -> str:
    """Longer, with accents, and with its places, formulas and code as they are."""
    kept = _UNTOUCHED.findall(text)
    parts = [part.translate(_ACCENTED) for part in _UNTOUCHED.split(text)]
    said = "".join(part + (kept[at] if at < len(kept) else "") for at, part in enumerate(parts))
    lead = text[: len(text) - len(text.lstrip())]
    return f"{lead}［{said.strip()}{'·' * (len(text) // 3)}］"


def _places(text: str) -> Counter[str]:
    return Counter(_PLACE.findall(text.replace("{{", "").replace("}}", "")))  # braces that format() leaves


def _short(message: Message) -> str:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"{text[:100]!r} ({', '.join(file for file, _line in message.locations[:1])})"


def _path(locale: str, folder: Path) -> Path:
    return folder / locale / "LC_MESSAGES" / f"{DOMAIN}.po"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.catalogues", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("extract", help="bring every catalogue up to date with the code")
    commands.add_parser("check", help="fail where a catalogue is not complete")
    commands.add_parser("pseudo", help="write a catalogue of accents").add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    code = of_the_code()
    locales = [locale for name, (locale, _own) in LANGUAGES.items() if name != ENGLISH]
    if asked.command == "pseudo":
        for locale in locales:
            write(pseudo(code, locale), locale, asked.folder)
        return 0
    found = []
    for locale in locales:
        catalogue = stored(locale) if _path(locale, CATALOGUES).exists() else Catalog(locale=locale, domain=DOMAIN)
        if asked.command == "extract":
            catalogue.update(code)
            write(catalogue, locale)
        else:
            found += [f"{locale}: {fault}" for fault in faults(catalogue, code)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
