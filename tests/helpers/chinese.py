"""What of a text in Chinese is English: words in a row that are no names, formulas or code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from simam_viz.checkpoints.store import list_checkpoints
from simam_viz.photos.samples import list_samples

NAMES = (
    "SimAM Viz",
    *(
        "Tiny ImageNet",
        "Grad-CAM",
        "Google Drive",
        "Roebling",
        "Stefan van der Walt",
        "CC0",
        "Yang et al",
        "Selvaraju et al",
    ),
    *("DejaVu Sans", "DejaVu Serif", "torchvision resnet", "torchvision resnext", "torchvision mobilenet"),
)
"""Names and citations, which are the same in every language."""
_NO_WORDS = re.compile(
    r"[A-Z][a-z]+ et al|data:[^\"' )]+|<svg.*?</svg>|<style.*?</style>|<script.*?</script>|<math.*?</math>|<code>.*?</code>|<[^>]*>|"
    r"```.*?```|`[^`]*`|\$[^$]*\$|:material/\w+:|https?://\S+|--?[\w-]+|\w+[./_]\w[\w./-]*|\\\w+",
    re.DOTALL,
)
_WORDS = re.compile(r"[A-Za-z][a-z]+(?:[ '’]+[A-Za-z][a-z]*)+")
CLASSES = list_checkpoints()[0].card.categories or ()
CLASS_NAMES = sorted(
    {name for one in CLASSES for name in (one, *one.split(", ")) if " " in name}, key=len, reverse=True
)
"""English names of classes, which stand beside the Chinese ones."""
STREAMLITS_OWN = (
    *(
        "per file",
        "file upload",
        "Download as PNG",
        "Download as CSV",
        "Copy to clipboard",
        "Link to heading",
        "warning icon",
    ),
    *(
        "Choose an option",
        "Selected values",
        "Clear selection",
        "Clear all",
        "Clear value",
        "Show dropdown",
        "Help for",
    ),
    *("Add files", "Remove file", "add icon", "info icon", "options available"),
    *("Skip to main content", "Main menu", "Collapse sidebar", "Expand sidebar"),
)
"""What Streamlit says in English whatever the language of the page; our labels beside them say the same in Chinese."""
_NOT_SHOWN = {"id", "key", "icon", "element_id", "form_id", "fragment_id", "url", "user_key", "page_script_hash"}
_NOT_SHOWN |= {"js_content", "css_content", "component_name", "mime", "active_script_hash", "language"}


def english(text: str) -> list[str]:
    """Runs of two or more English words in a text; a list of single ones, with commas, is one of names."""
    for name in NAMES:
        text = text.replace(name, "·")
    return _WORDS.findall(_NO_WORDS.sub("·", text))


def english_but_classes(text: str, others: Iterable[str] = ()) -> list[str]:
    """The same, but for names of classes, and others."""
    for name in (*others, *CLASS_NAMES):
        text = text.replace(name, "·")
    return english(text)


def left_of(told: Iterable[str]) -> list[str]:
    """English words in a row of what a page in a browser says, but for names and Streamlit's own words."""
    known = (*STREAMLITS_OWN, *(sample.author for sample in list_samples()))
    return [words for text in told for words in english_but_classes(text, known)]


def texts(node: Any) -> Iterator[str]:
    """Everything that a part of a page sends to the browser as text, but for code and keys."""
    proto = getattr(node, "proto", None)
    if hasattr(proto, "ListFields"):
        yield from _of_message(proto)
    for child in getattr(node, "children", {}).values():
        yield from texts(child)


def _of_message(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.name in _NOT_SHOWN:
            continue
        for one in value.values() if hasattr(value, "values") else [value] if isinstance(value, str) else _each(value):
            if hasattr(one, "ListFields"):
                yield from _of_message(one)
            elif isinstance(one, str):
                yield from _of_json(json.loads(one)) if field.name == "json" else (one,)


def _each(value: Any) -> Any:
    return value if hasattr(value, "__iter__") and not isinstance(value, bytes) else [value]


def _of_json(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if name not in ("src", "image", "film", "png"):
            yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _of_json(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _of_json(one)
