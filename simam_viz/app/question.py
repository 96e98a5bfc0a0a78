"""What of a network's answer is explained, beside a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from ..checkpoints.loaded import LoadedCheckpoint
from ..photos.samples import list_samples
from ..wording import _
from . import state
from .photo import Photo

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
        box = _asked_box()
        if box is None:
            st.caption(_("Of each class, its best box is explained; click one on the Overview."))
        else:
            st.caption(_("Box {number} of the photo is explained.", number=box + 1))
            st.button(_("Each class's best box"), on_click=state.put, args=("box", None), width="stretch", key="no-box")
        return Ask(box=box)
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


def own_input(photo: Photo, loaded: LoadedCheckpoint) -> Photo:
    """The tensor that a network was wrapped with, in place of the photo: by choice, or where no photo can be its input."""
    example = loaded.example
    if example is None:
        return photo
    if loaded.transforms.takes_photos:
        chosen = state.control(
            st.toggle, _("The network's own example"), name="example", default=True,
            parse=state.one_of({"yes": True, "no": False}), text=lambda on: None if on else "no",
            help=_("The tensor that the network was wrapped with; off, the photo, as such an input."),
        )  # fmt: skip
        if not chosen:
            return photo
    else:
        st.caption(_("No photo can be this network's input: what is shown is the tensor that it was wrapped with."))
    depth = example.shape[2] if example.dim() == 5 else 1
    at = choose_slice(depth) if depth > 1 else None
    picture, caption = loaded.transforms.picture(example[0], at)
    title = _("The network's own example")
    return Photo(
        f"example-{loaded.identity}", title, "", title, picture, title, tuple(filter(None, [caption])), example
    )


def choose_slice(depth: int) -> int:
    """Which slice of maps of a 3-D convolution is shown, counted in slices of the input; the middle one to begin with."""

    def parse(text: str) -> int:
        if not 0 <= (index := int(text)) < depth:
            raise ValueError(text)
        return index

    return state.control(
        st.slider, _("Slice"), 0, depth - 1, name="slice", default=depth // 2, parse=parse, text=str,
        help=_("Maps of 3-D convolutions are shown slice by slice; what follows from a whole channel is that of the whole channel."),
    )  # fmt: skip


def changed(ask: Ask, loaded: LoadedCheckpoint) -> bool:
    """Whether the view asks for another box or region by now: a click on the photo does that."""
    if loaded.output.kind == "boxes":
        return ask.box != _asked_box()
    return loaded.output.kind == "pixels" and ask.region != _region(state.get("region") or "")


def _asked_box() -> int | None:
    box = state.parsed("box", int, _NO_BOX)
    return box if box >= 0 else None


def _region(text: str) -> tuple[int, int] | Literal["predicted"] | None:
    """What an entry of the view says; ``None``, all positions, for what means nothing."""
    if text == "predicted":
        return "predicted"
    try:
        return parse_pixel(text)
    except ValueError:
        return None


def _choose_region() -> tuple[int, int] | Literal["predicted"] | None:
    titles = {"all": _("all positions"), "predicted": _("where the class is predicted")}
    asked = state.get("region") or ""
    if isinstance(pixel := _region(asked), tuple):
        titles[asked] = _("the pixel at row {row}, column {column}", row=pixel[0], column=pixel[1])
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
    return _region(chosen)


def parse_pixel(text: str) -> tuple[int, int]:
    """“row,column” of the picture that the network sees; ``ValueError`` for anything else."""
    row, column = (int(part) for part in text.split(","))
    if not (0 <= row <= 4096 and 0 <= column <= 4096):
        raise ValueError(text)
    return row, column
