"""Overview: the photo, what the network says, and every block at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st

from ...checkpoints.loading import short_name
from ...draw import charts, render
from ...explain.blocks import Analysis, Block, Box
from ...modules.weighing import IN_WORDS
from ...wording import _
from .. import state, zoo
from ..scene import Part, Scene, Subject
from ..widgets import choose, pictures
from ..widgets.glossary import TERMS, explain
from .models import shown_card


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ."""
    yield _overview


def _overview(view: Scene) -> None:
    analysis = view.analysis()
    target = short_name(analysis.categories[analysis.target])

    photo, answer = st.columns([1, 1], gap="large")
    with photo:
        if analysis.output.kind != "boxes":  # whose picture is the whole photo, too
            pictures.picture(
                view.shown,
                "photo",
                partial(render.framed_photo, view.photo.image, _seen(view))
                if view.photo.tensor is None
                else partial(render.fitted, view.photo.image),
                640,
                smooth=True,
                alt=view.photo.alt,
                caption=f"{view.photo.title}{view.photo.credit}. "
                + ("" if view.photo.tensor is not None else _seen_in_words(view)),
            )
        for notice in (*view.photo_notices, *analysis.notices):
            st.caption(state.plain(notice))
        if analysis.output.kind in ("boxes", "pixels"):
            _choose_on_photo(view, analysis)
    with answer:
        top = [(short_name(name), probability) for _index, name, probability in analysis.top(5)]
        name, probability = top[0]
        share = render.answer(analysis, probability)
        st.markdown(_("#### The network says: {name} ({share})", name=state.plain(name), share=share))
        zoo.mark(view.loaded)
        if analysis.output.has_probabilities:
            pictures.chart(
                view.shown,
                charts.probabilities([name for name, _share in top], [probability for _name, probability in top]),
                height=200,
                alt=_("The five most probable classes as bars"),
                key="top-5",
            )
        elif len(top) > 1:
            said = [{_("value"): name, _("of this photo"): float(value)} for name, value in top]
            pictures.table(view.shown, "values", _("What the network says"), said)
        classes = len(analysis.categories)
        st.caption(
            _ANSWERS[analysis.output.kind]()
            if analysis.output.kind != "classes"
            else _(
                "The five most probable of the {classes} classes this network knows, at {e_lambda}.",
                classes=classes,
                e_lambda=view.lambda_text,
            )
            if view.loaded.has_simam
            else _("The five most probable of the {classes} classes this network knows.", classes=classes)
        )
        shown_card.classes_known(view.shown, view.loaded)

    st.subheader(_("Where attention is high, block by block"), help=explain("attention weight"))
    own = choose.own_range()
    simam = all(block.kind == "simam" for block in analysis.blocks)
    with st.grid(4, min_column_width=130):
        for block, weights in zip(analysis.blocks, render.mean_weights(analysis), strict=True):
            scale = render.scale_for("mean weight", weights, own, block.kind)
            pictures.picture(
                view.shown,
                f"weights-{block.name}",
                partial(render.overlay, analysis.view, weights, scale),
                320,
                smooth=True,
                alt=_("Heat map of SimAM's mean weight over the photo at {block}", block=block.name)
                if block.kind == "simam"
                else _("Heat map of the mean weight over the photo at {block}", block=block.name),
                caption=f"**{block.name}**" + _kind_note(block),
                scale=scale,
            )
    st.caption(
        " ".join(
            (
                _(
                    "SimAM's weight at each position, averaged over the block's channels, mixed half and half with the photo in grey."
                )
                if simam
                else _(
                    "The attention's weight at each position, averaged over channels, mixed half and half with the photo in grey."
                ),
                _("Each block has its own colour range.")
                if own
                else _("All blocks and all λ share one colour range; its end stands for 0.8 and above.")
                if simam
                else _("SimAM's weights share the range from 0.622 to 0.8, all others that from 0 to 1."),
                _("A mean hides most of what single channels do: see Attention maps."),
                *([_(TERMS["padding"][0])] if simam else []),
            )
        )
        + view.hypothetical
    )

    st.subheader(_("Where Grad-CAM finds “{target}”", target=target), help=explain("Grad-CAM"))
    with st.grid(4, min_column_width=130):
        for block in analysis.blocks:
            named = {"target": target, "block": block.name}
            if block.cam_max > 0:
                alt, caption = _("Grad-CAM of {target} over the photo at {block}", **named), f"**{block.name}**"
            else:
                alt = _(
                    "Grad-CAM of {target} over the photo at {block}: all zero, no position speaks for {target}", **named
                )
                caption = _("**{block}**: all zero, no position speaks for {target}", **named)
            pictures.picture(
                view.shown,
                f"cam-{block.name}",
                partial(render.overlay, analysis.view, block.cam, render.CAM_SCALE),
                320,
                smooth=True,
                alt=alt,
                caption=caption,
                scale=render.CAM_SCALE,
            )
    st.caption(
        _(
            "Grad-CAM at the output of the layer that is named, divided by its own maximum; mixed with the photo in grey."
        )
        if view.loaded.found is not None
        else _(
            "Grad-CAM at each block's output, after the residual sum and ReLU, divided by its own maximum; mixed with the photo in grey."
        )
    )


def _seen_in_words(view: Scene) -> str:
    return render.seen_in_words(*view.photo.image.size, view.input_size, view.loaded.transforms)


def _seen(view: Scene) -> tuple[int, int, int, int]:
    """Which part of the photo the network sees, in its pixels."""
    left, top, right, bottom = (
        round(edge) for edge in view.loaded.transforms.seen(*view.photo.image.size, view.input_size)
    )
    return left, top, right, bottom


def _kind_note(block: Block) -> str:
    note = "" if block.kind == "simam" else f", {_(IN_WORDS[block.kind])}"
    return note + (", " + _("hypothetical") if block.hypothetical else "")


_ANSWERS = {
    "labels": lambda: _("Labels do not exclude each other: each has a probability of its own."),
    "pixels": lambda: _("The network answers for every pixel: this is the mean over the positions that are explained."),
    "boxes": lambda: _("Of each class, the score of its best box."),
    "embedding": lambda: _(
        "The network answers with features: this is how similar they are to those of the second photo."
    ),
    "regression": lambda: _("The network answers with values."),
}
_CELLS = 24


def _choose_on_photo(view: Scene, analysis: Analysis) -> None:
    """What a detector found, or a segmenter sees, on the photo: a click chooses a box, or a pixel."""
    width, height = analysis.view.size
    across, down = width / _CELLS, height / _CELLS
    centres = [((index % _CELLS + 0.5) * across, (index // _CELLS + 0.5) * down) for index in range(_CELLS**2)]
    boxes = analysis.boxes
    if analysis.output.kind == "pixels":

        def pick(cell: int) -> None:
            x, y = centres[cell]
            state.put("region", f"{int(y)},{int(x)}")

        pictures.tiles(
            view.shown,
            "pixels",
            partial(render.fitted, analysis.view),
            640,
            [_("row {row}, column {column}", row=int(y), column=int(x)) for x, y in centres],
            _CELLS,
            pick,
            alt=_("What the network sees, to click a pixel in"),
            caption=_("Click a place: its class is then explained there alone, and not over all positions."),
        )
        return
    if not boxes:
        st.info(_("The network found nothing on this photo."))
        return
    at = [_smallest(boxes, x, y, across / 2, down / 2) for x, y in centres]
    labels = [_box_in_words(analysis, index) if index is not None else "" for index in at]

    def choose_box(cell: int) -> None:
        if (index := at[cell]) is not None:
            state.put("box", str(index))
            state.put("class", None)

    chosen = next((index for index, box in enumerate(boxes) if box == analysis.box), None)
    pictures.tiles(
        view.shown,
        "boxes",
        partial(render.boxes, analysis.view, [box.place for box in boxes], chosen),
        640,
        labels,
        _CELLS,
        choose_box,
        alt=_(
            "What the network found on the photo: {boxes}",
            boxes="; ".join(_box_in_words(analysis, i) for i in range(len(boxes))),
        ),
        caption=_("Click a box to explain it; the one in red is explained now.")
        if any(box.certain for box in boxes)
        else _(
            "No box passes the detector's threshold: these are its ten best. Click one to explain it; the one in red is explained now."
        ),
    )


def _smallest(boxes: Sequence[Box], x: float, y: float, reach_x: float, reach_y: float) -> int | None:
    """The smallest box around a place, or within reach of it, by its number."""
    around = [
        (index, (right - left) * (bottom - top))
        for index, (left, top, right, bottom) in enumerate(box.place for box in boxes)
        if left - reach_x <= x <= right + reach_x and top - reach_y <= y <= bottom + reach_y
    ]
    return min(around, key=lambda pair: pair[1])[0] if around else None


def _box_in_words(analysis: Analysis, index: int) -> str:
    box = analysis.boxes[index]
    return f"{index + 1}: {short_name(analysis.categories[box.label])} {pictures.percent(box.score)}"
