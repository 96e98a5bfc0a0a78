"""Photos and networks side by side, as one picture to keep."""

from __future__ import annotations

import functools
from functools import partial

import streamlit as st

from ....draw import figures, render
from ....explain import variants
from ....explain.blocks import lambda_text
from ....wording import _, counted
from ... import state
from ...widgets import pictures
from .columns import Comparison
from .faithful import in_pieces, sample, samples, this_photo

# Side of one photo in the figure, in pixels.
_TILE = 320


def figure(asked: Comparison) -> None:
    """Photos as rows, networks as columns, made on demand, as a PNG to keep."""
    st.subheader(_("A figure for a slide"))
    titles = samples()
    own = asked.view.photo
    if own.name not in titles:
        titles = {own.name: _("Your photo"), **titles}
    begin = [own.name, *(name for name in titles if name != own.name)][:4]

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if not set(names) <= set(titles) or len(set(names)) != len(names):
            raise ValueError(text)
        return names

    chosen = state.control(
        st.multiselect, _("Photos"), list(titles), name="photos", default=begin, parse=parse,
        text=lambda names: ",".join(names) or None, format_func=titles.__getitem__,
    )  # fmt: skip
    photos = [sample(asked, name) if name in samples() else this_photo(asked) for name in chosen]
    found = in_pieces(
        asked, "figure", photos, len(photos) * len(asked.columns),
        lambda: figures.cells(
            variants.by_title(asked.variants.values(), asked.view.e_lambda),
            photos, asked.block, asked.method, asked.view.input_size, asked.against,
        ),
        (asked.method, *asked.titles.values()), start=_("Make the figure"), unit=_("heat maps"),
    )  # fmt: skip
    if len(found) < len(photos) * len(asked.columns):
        return
    count = len(asked.columns)
    loaded = asked.view.loaded
    said = {"method": asked.method, "block": asked.block}
    what = (
        _("{method} at {block}, each map over its own maximum.", **said)
        if asked.against is None
        else _(
            "{method} of each class rather than “{against}” at {block}, each map over its own maximum.",
            against=asked.name(asked.against),
            **said,
        )
    )
    caption = f"{what} {loaded.card.get('title', loaded.name)}, {lambda_text(asked.view.e_lambda)}."
    rows = [found[i : i + count] for i in range(0, len(found), count)]
    draw = functools.cache(partial(figures.comparison_figure, rows, caption, asked.scale))
    pictures.picture(
        asked.view.shown,
        "figure",
        draw,
        _TILE,
        alt=counted(
            "{method} of {count} photo through {networks} networks, side by side",
            "{method} of {count} photos through {networks} networks, side by side",
            len(photos),
            method=asked.method,
            networks=count,
        ),
    )
    st.download_button(
        _("Download as PNG"), lambda: render.png(draw(_TILE)), file_name="simam-comparison.png", mime="image/png",
        icon=":material/download:", key="figure-download",
    )  # fmt: skip
    width, height = draw(_TILE).size
    st.caption(
        _(
            "{width} × {height} pixels. Below each map the probability of the class it explains, and what that network says. Each sample "
            "is explained for the class it shows, or for the class chosen in the sidebar.",
            width=width,
            height=height,
        )
    )
