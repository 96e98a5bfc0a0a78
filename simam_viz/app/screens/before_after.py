"""The same photo with attention and without it, in one picture."""

from __future__ import annotations

import html
from functools import partial

import streamlit as st

from ...checkpoints.loading import class_said
from ...draw import before_after, render
from ...explain.blocks import Analysis
from ...explain.variants import variants
from ...wording import _, gap
from .. import state
from ..scene import Scene
from ..widgets import pictures
from ..widgets.glossary import explain

_QUALITY = 80
"""Of the picture as JPEG: three soft maps over a photo, on the first page that everybody loads."""


def before_and_after(view: Scene) -> None:
    """Grad-CAM without attention, with it, and the difference, at the block where they differ most; with both answers.

    Nothing where no attention can be taken out, or where the network names no classes.
    """
    off = next((variant for variant in variants(view.loaded) if variant.name == "off"), None)
    if off is None or view.analysis().output.kind not in ("classes", "labels"):
        return
    st.subheader(_("Before and after: what attention changes"), help=explain("Grad-CAM"))
    found = view.analyses(["on", "off"])
    with_it, without = found["on"], found["off"]
    target = class_said(with_it.categories[with_it.target])
    number = before_after.most_changed(with_it, without)
    after, before = with_it.blocks[number], without.blocks[number]
    if without.impossible or not (after.cam_max > 0 and before.cam_max > 0):
        st.caption(
            _(
                "Without attention, no place of the photo speaks for “{target}”: there is no heat map to compare.",
                target=target,
            )
        )
        return
    titles = (
        _("Without attention: {answer}", answer=_answer(without)),
        _("With attention: {answer}", answer=_answer(with_it)),
        _("The difference"),
    )
    st.html(
        '<div class="side-by-side">' + "".join(f"<strong>{html.escape(title)}</strong>" for title in titles) + "</div>"
    )
    pictures.picture(
        view.shown,
        "before-after",
        partial(before_after.before_and_after, with_it.view, before.cam, after.cam),
        1080,
        smooth=True,
        quality=_QUALITY,
        alt=_(
            "Grad-CAM of {target} at {block} without attention, with attention, and their difference",
            target=target,
            block=after.name,
        ),
    )
    maps, difference = st.columns([2, 1])
    with maps:
        pictures.colour_scale(render.CAM_SCALE)
    with difference:
        pictures.colour_scale(render.DIFFERENCE_SCALE)
    st.caption(
        _(
            "Grad-CAM of “{target}” at **{block}**, where attention changes it most, at {e_lambda}; each map divided by its own "
            "maximum. Red: higher with attention; blue: higher without.",
            target=state.plain(target),
            block=after.name,
            e_lambda=view.lambda_text,
        )
        + gap()
        + off.note
    )


def _answer(analysis: Analysis) -> str:
    """What a network says first, and how sure it is."""
    _index, name, probability = analysis.top(1)[0]
    return f"{class_said(name)} {render.answer(analysis, probability)}"
