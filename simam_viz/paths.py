"""Where things lie: what ships with the code, in a clone and in an installed package, and what a person adds."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "shipped"
"""What stands at the top of a clone; a wheel carries it here (pyproject.toml says what of it)."""

INSTALLED = _SHIPPED.is_dir()
"""Whether this is an installed package and not a clone."""
ROOT = _SHIPPED if INSTALLED else _PACKAGE.parent
"""Holds ``app.py``, ``pages``, ``assets`` and ``.streamlit``."""
ASSETS = ROOT / "assets"


def own_folder(name: str) -> Path:
    """The folder ``name`` of a person's own files: beside ``app.py`` in a clone, else below the user's data.

    ``XDG_DATA_HOME`` says where the user's data lie, ``~/.local/share`` where it is not set. The folder need not be there.
    """
    if not INSTALLED:
        return ROOT / name
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "simam_viz" / name


def folder_in_words(name: str) -> str:
    """The same as screens name it: without whose home it is."""
    folder = own_folder(name)
    if not INSTALLED:
        return name
    return f"~/{folder.relative_to(Path.home()).as_posix()}" if folder.is_relative_to(Path.home()) else str(folder)
