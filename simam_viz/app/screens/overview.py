"""Overview: the photo, what the network says, and every block at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import streamlit as st

from ...checkpoints.loading import short_name
from ...draw import charts, render
from ...photos.images import centre_square
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
        pictures.picture(
            view.shown,
            "photo",
            partial(render.framed_photo, view.photo.image, centre_square(*view.photo.image.size)),
            640,
            smooth=True,
            alt=view.photo.alt,
            caption=f"{view.photo.title}{view.photo.credit}. "
            + render.seen_in_words(*view.photo.image.size, view.input_size),
        )
        for notice in view.photo_notices:
            st.caption(state.plain(notice))
    with answer:
        top = [(short_name(name), probability) for _index, name, probability in analysis.top(5)]
        name, probability = top[0]
        share = pictures.percent(probability)
        st.markdown(_("#### The network says: {name} ({share})", name=name, share=share))
        zoo.mark(view.loaded)
        pictures.chart(
            view.shown,
            charts.probabilities([name for name, _share in top], [probability for _name, probability in top]),
            height=200,
            alt=_("The five most probable classes as bars"),
            key="top-5",
        )
        classes = len(analysis.categories)
        st.caption(
            _(
                "The five most probable of the {classes} classes this network knows, at {e_lambda}.",
                classes=classes,
                e_lambda=view.lambda_text,
            )
            if analysis.attends
            else _("The five most probable of the {classes} classes this network knows.", classes=classes)
        )
        shown_card.classes_known(view.shown, view.loaded)

    st.subheader(_("Where attention is high, block by block"), help=explain("attention weight"))
    own = choose.own_range()
    with st.grid(4, min_column_width=130):
        for block, weights in zip(analysis.blocks, render.mean_weights(analysis), strict=True):
            scale = render.scale_for("mean weight", weights, own)
            pictures.picture(
                view.shown,
                f"weights-{block.name}",
                partial(render.overlay, analysis.view, weights, scale),
                320,
                smooth=True,
                alt=_("Heat map of SimAM's mean weight over the photo at {block}", block=block.name),
                caption=f"**{block.name}**",
                scale=scale,
            )
    st.caption(
        " ".join(
            (
                _(
                    "SimAM's weight at each position, averaged over the block's channels, mixed half and half with the photo in grey."
                ),
                _("Each block has its own colour range.")
                if own
                else _("All blocks and all λ share one colour range; its end stands for 0.8 and above."),
                _("A mean hides most of what single channels do: see Attention maps."),
                _(TERMS["padding"][0]),
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
            "Grad-CAM at each block's output, after the residual sum and ReLU, divided by its own maximum; mixed with the photo in grey."
        )
    )
