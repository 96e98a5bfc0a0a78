"""What of a network's answer is explained, beside a class."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from ..checkpoints.loaded import LoadedCheckpoint
from ..photos.samples import list_samples
from ..wording import _
from . import state

_NO_BOX = -1


@dataclass(frozen=True)
class Ask:
    """What the sidebar, or a click on the photo, asks for; see :func:`simam_viz.analyze`."""

    region: tuple[int, int] | Literal["predicted"] | None = None
    """Of a network that answers for every pixel: where, or ``None`` for all positions."""
    box: int | None = None
    """Of a detector: the number of the box, or ``None`` for each class's best."""
    reference: str | None = None
    """Of an embedding: the name of the sample to compare with."""


def choose_question(loaded: LoadedCheckpoint) -> Ask:
    """What of the answer is explained, beside a class: where a network answers for every pixel, with boxes, or with features."""
    kind = loaded.output.kind
    if kind == "pixels":
        return Ask(region=_choose_region())
    if kind == "boxes":
        box = state.parsed("box", int, _NO_BOX)
        told = _("Box {number} of the photo is explained.", number=box + 1)
        st.caption(told if box >= 0 else _("Of each class, its best box is explained; click one on the Overview."))
        if box >= 0:
            st.button(_("Each class's best box"), on_click=state.put, args=("box", None), width="stretch", key="no-box")
        return Ask(box=box if box >= 0 else None)
    if kind == "embedding":
        samples = {sample.name: _(sample.title) for sample in list_samples()}
        return Ask(
            reference=state.control(
                st.selectbox,
                _("Similar to"),
                list(samples),
                name="reference",
                default=next(iter(samples)),
                parse=state.one_of({name: name for name in samples}),
                format_func=samples.__getitem__,
                help=_(
                    "This network answers with features: what is explained is how similar they are to those of a second photo."
                ),
            )
        )
    return Ask()


def _choose_region() -> tuple[int, int] | Literal["predicted"] | None:
    titles = {"all": _("all positions"), "predicted": _("where the class is predicted")}
    asked = state.get("region") or ""
    with contextlib.suppress(ValueError):
        row, column = parse_pixel(asked)
        titles[asked] = _("the pixel at row {row}, column {column}", row=row, column=column)
    chosen = state.control(
        st.selectbox,
        _("Explained at"),
        list(titles),
        name="region",
        default="all",
        parse=state.one_of({name: name for name in titles}),
        text=lambda name: None if name == "all" else name,
        format_func=titles.__getitem__,
        help=_("This network answers for every pixel: click one on the Overview to explain it alone."),
    )
    if chosen == "predicted":
        return "predicted"
    return None if chosen == "all" else parse_pixel(chosen)


def parse_pixel(text: str) -> tuple[int, int]:
    """“row,column” of the picture that the network sees; ``ValueError`` for anything else."""
    row, column = (int(part) for part in text.split(","))
    if not (0 <= row <= 4096 and 0 <= column <= 4096):
        raise ValueError(text)
    return row, column
