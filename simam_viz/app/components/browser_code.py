"""The files of ``browser/`` as the modules that Streamlit hands to the browser."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

_FOLDER = Path(__file__).with_name("browser")
_PARTS = ("film.js", "paint.js", "slider.js", "lambda.js", "map.js", "pictures.js", "main.js")
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@functools.cache
def library() -> str:
    """Everything but the stubs, as one module: parts import from nothing but each other, and no two share a name."""
    whole = "\n".join(_EXPORT.sub("", _IMPORT.sub("", _text(part))) for part in _PARTS)
    return whole.replace('"{{css}}"', json.dumps(_text("film.css")))


def stub(name: str) -> str:
    """One of the small modules, as it is."""
    return _text(f"{name}.js")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
