"""The network in use as a drawing: its input, where attention works in it, and its answer, in order."""

from __future__ import annotations

import html
from itertools import groupby

import streamlit as st

from ....checkpoints import understood
from ....checkpoints.loading import LoadedCheckpoint
from ....checkpoints.understood import Stop
from ....wording import _, counted

_MOST = 12
"""From so many stops on, those of one stage that are alike are drawn as one."""


def network(loaded: LoadedCheckpoint) -> None:
    """A row of stops, which wraps where the screen is narrow; a reader of the screen hears a numbered list."""
    stops = understood.stops(loaded)
    boxes = [_box("input", _("Input"), understood.input_in_words(loaded), _fit(loaded))]
    boxes += [_group(list(group)) for group in _groups(stops)]
    boxes.append(_box("answer", _("Answer"), understood.answer_in_words(loaded)))
    label = html.escape(_("The network from its input to its answer"), quote=True)
    st.html(f'<ol class="network-map" aria-label="{label}">{"".join(boxes)}</ol>')
    st.markdown(understood.what_runs(loaded))


def _groups(stops: tuple[Stop, ...]) -> list[list[Stop]]:
    if len(stops) <= _MOST:
        return [[stop] for stop in stops]
    return [list(group) for _key, group in groupby(stops, key=lambda stop: (_stage(stop.name), stop.in_words))]


def _stage(name: str) -> str:
    """The part of a network's name that a stage goes by: ``layer3`` of ``layer3.0.conv2``, ``features.1`` of ``features.1.0``."""
    first, _dot, rest = name.partition(".")
    return first if any(letter.isdigit() for letter in first) else f"{first}.{rest.partition('.')[0]}"


def _group(stops: list[Stop]) -> str:
    first = stops[0]
    kind = "would" if first.hypothetical else first.kind
    if len(stops) == 1:
        return _box(kind, first.in_words, first.name)
    many = counted("at {count} place", "at {count} places", len(stops))
    reach = _("{first} to {last}", first=first.name, last=stops[-1].name)
    return _box(kind, first.in_words, reach, many)


def _box(kind: str, head: str, text: str, more: str = "") -> str:
    lines = [f"<strong>{html.escape(head)}</strong>", f"<span>{html.escape(text).replace('.', '.<wbr>')}</span>"]
    if more:
        lines.append(f"<span>{html.escape(more)}</span>")
    return f'<li class="network-stop network-{kind}">{"".join(lines)}</li>'


def _fit(loaded: LoadedCheckpoint) -> str:
    transforms = loaded.transforms
    if not transforms.takes_photos:
        return _("a tensor of your own")
    return _("the whole photo") if transforms.fit == "letterbox" else _("the photo's middle")
