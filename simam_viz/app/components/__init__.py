"""What the browser draws by itself while λ is dragged: components in plain JavaScript, with no build step.

The JavaScript and the films travel in elements without a picture of their own; what is seen are stubs of a few lines, which find
the rest on the page. Streamlit sends an element's JavaScript along with it in every run. Where none of this can run, the plain
pictures and the slider of the sidebar stay: ``style.css`` hides them only when the page says that this is here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def packed(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What a component's JavaScript gets as ``data``, in a list: in a mapping Streamlit looks for tables, and imports pandas for it."""
    return [data]


def source(name: str) -> str:
    """The text of a file beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
