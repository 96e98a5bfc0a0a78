"""Overview: the network as a map, from the photo through every block to what it says."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st

from ...checkpoints.loading import LoadedCheckpoint, class_said
from ...draw import charts, render
from ...explain.blocks import Analysis, Block, Box
from ...explain.film import Film
from ...modules.weighing import IN_WORDS
from ...wording import _, comma, labelled, semicolon, together
from .. import choose_photo, films, live, pages, seen_square, state, zoo
from ..scene import Part, Scene, Subject
from ..widgets import choose, pictures
from ..widgets.glossary import TERMS, explain
from ..widgets.shown import Panel
from .before_after import before_and_after
from .models import shown_card


def page(subject: Subject) -> Iterator[Part]:
    """What this is and three ways on; the network, which follows λ; and the photo."""
    _first_line(subject)
    live.code()
    yield _overview
    if not _chosen_on(subject):
        _the_photo(subject)


def _first_line(subject: Subject) -> None:
    sentence, doors = st.columns([4, 3], vertical_alignment="center")
    sentence.markdown(_SENTENCES[_kind(subject.loaded)]())
    with doors, st.container(horizontal=True, horizontal_alignment="right", gap="small", key="doors"):
        pages.leap("pages/energy_function.py", _("Learn it"))
        with st.popover(_("My photo"), icon=":material/add_photo_alternate:"):
            choose_photo.uploader(_("A photo of your own"), "door-photo")
        pages.leap("pages/models.py", _("My network"))


def _kind(loaded: LoadedCheckpoint) -> str:
    return "simam" if loaded.has_simam else "other" if loaded.attends else "none"


_SENTENCES = {
    "simam": lambda: _(
        "**SimAM** weighs every neuron by how far it stands out in its channel: here is what that does to a photo, block by block, "
        "in a real network."
    ),
    "other": lambda: _(
        "**Attention** weighs what a network sees: here is what this network's own does to a photo, block by block."
    ),
    "none": lambda: _(
        "**SimAM** weighs every neuron by how far it stands out in its channel: here is what that would do to a photo, block by "
        "block, in a network that runs without it."
    ),
}


def _overview(view: Scene) -> None:
    view.shown.panels = ["photo", "weight", "cam"]
    reel = films.reel(view, live.cams_looked_at())
    own = state.parsed("range", {"own": True, "common": False}.__getitem__, False)
    live.network_map(view, reel, own)
    _to_take_home(view, [station.name for station in reel.film.stations], own)
    choose.own_range()
    st.caption(_explained(view, reel.film, own))
    if not live.drawn_there():
        with st.container(key="plain"):
            _plain(view, own)
    zoo.mark(view.loaded)
    shown_card.in_three_lines(view.loaded)
    if _chosen_on(view):
        _choose_on_photo(view, view.analysis())
    before_and_after(view.at_lambda(view.loaded.e_lambda))


def _explained(view: Scene, film: Film, own: bool) -> str:
    """What the colours of the map mean, and of what the network speaks."""
    kinds = {station.kind for station in film.stations}
    simam = kinds == {"simam"}
    sentences = [
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
        _(
            "Grad-CAM at the output of the layer that is named, divided by its own maximum; mixed with the photo in grey."
        )
        if view.loaded.found is not None
        else _(
            "Grad-CAM at each block's output, after the residual sum and ReLU, divided by its own maximum; mixed with the photo in grey."
        ),
        _of_classes(view),
    ]
    attends = not all(station.hypothetical for station in film.stations)
    return together(*sentences) + view.remark(attends)


def _of_classes(view: Scene) -> str:
    classes = len(view.loaded.categories)
    if view.loaded.output.kind != "classes":
        return _ANSWERS[view.loaded.output.kind]()
    if view.loaded.has_simam:
        return _(
            "The five most probable of the {classes} classes this network knows, at {e_lambda}.",
            classes=classes,
            e_lambda=view.lambda_text,
        )
    return _("The five most probable of the {classes} classes this network knows.", classes=classes)


def _to_take_home(view: Scene, blocks: Sequence[str], own: bool) -> None:
    """The pictures that the browser draws, for whoever wants them as files; analysed when they are asked for."""
    analysis = functools.cache(view.fresh_analysis)

    def weights(name: str) -> Panel:
        block = analysis().block(name)
        mean = block.attention.mean(dim=0)
        return Panel(
            _("Mean weight at {block}", block=name), mean, render.scale_for("mean weight", mean, own, block.kind)
        )

    def cam(name: str) -> Panel:
        found = analysis()
        named = {"target": class_said(found.categories[found.target]), "block": name}
        return Panel(_("Grad-CAM of {target} at {block}", **named), found.block(name).cam, render.CAM_SCALE)

    if not _chosen_on(view):
        seen_square.keep(view)
    for name in blocks:
        view.shown.keep_panel(f"weights-{name}", partial(weights, name))
        view.shown.keep_panel(f"cam-{name}", partial(cam, name))


def _chosen_on(subject: Subject) -> bool:
    """Whether a box, or a pixel, is chosen on the photo."""
    return subject.loaded.output.kind in ("boxes", "pixels")


def _the_photo(subject: Subject) -> None:
    """The whole photo with what the network sees of it."""
    with st.container(width=560):
        seen_square.photo(subject)
        for notice in subject.photo_notices:
            st.caption(state.plain(notice))


def _plain(view: Scene, own: bool) -> None:
    """The answer and every block as pictures from here, for browsers in which nothing can draw them."""
    analysis = view.analysis()
    target = class_said(analysis.categories[analysis.target])
    top = [(class_said(name), probability) for _index, name, probability in analysis.top(5)]
    name, probability = top[0]
    share = render.answer(analysis, probability)
    st.markdown(_("#### The network says: {name} ({share})", name=state.plain(name), share=share))
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
    for notice in analysis.notices:
        st.caption(state.plain(_(notice)))
    st.subheader(_("Where attention is high, block by block"), help=explain("attention weight"))
    with st.grid(4, min_column_width=130):
        for block, weights in zip(analysis.blocks, render.mean_weights(analysis), strict=True):
            scale = render.scale_for("mean weight", weights, own, block.kind)
            pictures.over_photo(
                None,
                f"weights-{block.name}",
                analysis.view,
                weights,
                scale,
                SMALL,
                title="",
                quality=QUALITY,
                with_scale=False,
                alt=_("Heat map of SimAM's mean weight over the photo at {block}", block=block.name)
                if block.kind == "simam"
                else _("Heat map of the mean weight over the photo at {block}", block=block.name),
                caption=f"**{block.name}**" + _kind_note(block),
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
            pictures.over_photo(
                None,
                f"cam-{block.name}",
                analysis.view,
                block.cam,
                render.CAM_SCALE,
                SMALL,
                title="",
                quality=QUALITY,
                with_scale=False,
                alt=alt,
                caption=caption,
            )


def _kind_note(block: Block) -> str:
    note = "" if block.kind == "simam" else comma() + _(IN_WORDS[block.kind])
    return note + (comma() + _("hypothetical") if block.hypothetical else "")


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
SMALL, QUALITY = 160, 70
"""Pictures for browsers that draw none are sent to everybody at first: about as wide as they are shown."""


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
            boxes=semicolon().join(_box_in_words(analysis, i) for i in range(len(boxes))),
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
    return labelled(index + 1, f"{class_said(analysis.categories[box.label])} {pictures.percent(box.score)}")
