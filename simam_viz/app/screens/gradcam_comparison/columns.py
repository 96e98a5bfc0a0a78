"""The parts of the Grad-CAM comparison page that follow λ: heat maps side by side, and by block."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import streamlit as st
import torch

from ....checkpoints.loading import class_said
from ....draw import render
from ....explain import cam
from ....explain.blocks import Analysis, Block
from ....explain.compared_film import HeatMapAt
from ....export.tables import Row
from ....wording import _, together
from ... import live, state
from ...films import Compared
from ...widgets import choose, pictures
from ...widgets.glossary import explain
from ...widgets.shown import Panel
from .comparison import Comparison


def heat_maps(asked: Comparison) -> None:
    """One card a network, and the difference of any two."""
    st.subheader(
        _("{method} of {explained} at {block}", method=asked.method, explained=asked.explained, block=asked.block),
        help=explain("cam methods"),
    )
    target = asked.target
    _keep_answers(asked)
    with st.container(key="compared"):  # narrow screens page through it
        places = st.columns(len(asked.columns), gap="small", border=True)
    followed = [_followed(asked, f"cam-{column}", (number,)) for number, column in enumerate(asked.columns)]
    for place, column in zip(places, asked.columns, strict=True):
        with place:
            analysis = asked.analyses[column]
            st.markdown(f"**{asked.titles[column]}**")
            _card(asked, f"cam-{column}", column, asked.block, 480)
            prediction, share = _prediction(analysis)
            said = [
                _(
                    "Prediction: **{prediction}** ({share})",
                    prediction=prediction,
                    share=render.answer(analysis, share),
                ),
                _said_of(analysis, target, asked.name(target)),
            ]
            if asked.against is not None:
                said.append(
                    _(
                        "Lead over {against}: **{lead:+.2f}** (in logits)",
                        against=asked.name(asked.against),
                        lead=float(analysis.logits[target] - analysis.logits[asked.against]),
                    )
                )
            with st.container(key=f"said-{column}"):
                st.markdown("  \n".join(said))
            st.caption(asked.variants[column].note)
    st.caption(
        _(
            "{method} says where the block's output speaks for the class, divided by each map's own maximum: compare places, "
            "not brightness. The colours are mixed with the photo in grey. It is not the attention's weight map.",
            method=asked.method,
        )
        + ("" if asked.plain else asked.view.hypothetical)
    )
    if len(asked.columns) > 1:
        followed += _difference(asked)
    _live(asked, [HeatMapAt(column, asked.block) for column in asked.columns], followed)


def _followed(asked: Comparison, name: str, maps: tuple[int, ...]) -> live.Followed:
    return live.Followed(name, "over", asked.scale, look="cams", maps=maps)


def _live(asked: Comparison, maps: Sequence[HeatMapAt], pictures: Sequence[live.Followed]) -> None:
    """What stands on the page follows λ from here on."""
    compared = Compared(asked.analyses, asked.variants, tuple(maps), asked.method, asked.contrast, asked.fixed_mean)
    live.compared(asked.view, compared, pictures)


def _said_of(analysis: Analysis, target: int, name: str) -> str:
    if analysis.output.has_probabilities:
        share = pictures.percent(float(analysis.said[target]))
        return _("Probability of {target}: **{share}**", target=name, share=share)
    return _("Value of {target}: **{value:.4g}**", target=name, value=float(analysis.said[target]))


def _prediction(analysis: Analysis) -> tuple[str, float]:
    """The most probable class, as it is called on screen, and its probability."""
    top = analysis.top(1)[0]
    return class_said(top[1]), top[2]


def _card(asked: Comparison, key: str, column: str, block: str, size: int, caption: str | None = None) -> None:
    """One heat map over the photo; or the photo in grey, and why there is none."""
    analysis = asked.analyses[column]
    trouble = asked.trouble(analysis, block)
    heat = analysis.block(block).heat_map(asked.method)
    said = {"method": asked.method, "explained": asked.explained, "block": block, "network": asked.titles[column]}
    pictures.picture(
        asked.view.shown,
        key,
        partial(render.grey_photo, analysis.view)
        if trouble
        else partial(render.overlay, analysis.view, heat.values, asked.scale),
        size,
        smooth=True,
        alt=_("{method} of {explained} at {block}, {network}: {trouble}", trouble=trouble, **said)
        if trouble
        else _("{method} of {explained} at {block}, {network}", **said),
        caption=caption,
        scale=None if trouble else asked.scale,
        panel=None if trouble else Panel(_("{method} at {block}, {network}", **said), heat.values, asked.scale),
    )
    if trouble:
        st.warning(trouble)


def _keep_answers(asked: Comparison) -> None:
    """What each network says of the photo, as a table to take home."""
    target, against = asked.name(asked.target), asked.against
    rows: list[Row] = []
    for column in asked.columns:
        analysis = asked.analyses[column]
        prediction, share = _prediction(analysis)
        row: Row = {
            _("network"): asked.titles[column],
            _("prediction"): prediction,
            _("probability"): share,
            _("probability of {target}", target=target): float(analysis.said[asked.target]),
        }
        if against is not None:
            lead = float(analysis.logits[asked.target] - analysis.logits[against])
            row[_("lead over {against} (logits)", against=asked.name(against))] = lead
        rows.append(row)
    asked.view.shown.keep_table(
        "comparison",
        _("{method} of {explained}: what each network says", method=asked.method, explained=asked.explained),
        rows,
    )


def _difference(asked: Comparison) -> list[live.Followed]:
    """Draw it; returns the picture that follows λ, if there is one."""
    st.subheader(_("Where two of them differ"))
    with st.grid(4, min_column_width=180, vertical_alignment="bottom"):
        first = _choose_column(asked, _("First"), "first", asked.columns[0])
        second = _choose_column(
            asked, _("Second"), "second", asked.columns[-1] if "twin" in asked.columns else asked.columns[1]
        )
        own = choose.own_range()
    one, other = (asked.analyses[column] for column in (first, second))
    troubles = [
        _("{network}: {trouble}", network=asked.titles[column], trouble=trouble)
        for column, analysis in ((first, one), (second, other))
        if (trouble := asked.trouble(analysis, asked.block))
    ]
    if first == second:
        st.info(_("Both are the same network: choose two."))
        return []
    if troubles:
        st.info(together(_("There is no difference to draw."), *troubles))
        return []
    a, b = (analysis.block(asked.block).heat_map(asked.method).values for analysis in (one, other))
    titles = {"first": asked.titles[first], "second": asked.titles[second]}
    scale = render.DIFFERENCE_SCALE
    if own:
        reach = float((a - b).abs().max()) or 1.0
        scale = dataclasses.replace(scale, low=-reach, high=reach)
    picture, words = st.columns([1, 2], gap="large")
    with picture:
        pictures.picture(
            asked.view.shown,
            "difference",
            partial(render.difference, one.view, a, b, scale),
            480,
            smooth=True,
            alt=_("{first} minus {second}, over the photo", **titles),
            scale=scale,
            panel=Panel(_("{first} minus {second}", **titles), a - b, scale),
        )
    with words:
        st.markdown(
            _(
                ":red[**Red**]: {first} looks more there. :blue[**Blue**]: {second} does. White: both alike.",
                **titles,
            )
        )
        related, apart = cam.correlation(a, b), float((a - b).abs().mean())
        asked.view.shown.keep_table(
            "difference",
            _("Where two heat maps differ at {block}", block=asked.block),
            [
                {
                    _("first"): titles["first"],
                    _("second"): titles["second"],
                    _("correlation"): related,
                    _("mean absolute difference"): apart,
                }
            ],
        )
        with st.grid(2, min_column_width=180):
            st.metric(
                _("Correlation of the two maps"), _("none") if related is None else f"{related:.3f}",
                help=_("Pearson, over the block's places. 1: the same places; 0: unrelated; below 0: opposite ones."),
            )  # fmt: skip
            st.metric(_("Mean absolute difference"), f"{apart:.3f}", help=_("Of values from 0 to 1."))
        st.caption(
            _(
                "Each map was divided by its own maximum first, so this compares places and says nothing of how strong the evidence is."
            )
        )
    maps = (asked.columns.index(first), asked.columns.index(second))
    return [
        live.Followed("difference", "over", scale, look="differences", maps=maps, opacity=render.DIFFERENCE_OPACITY)
    ]


def _choose_column(asked: Comparison, label: str, name: str, default: str) -> str:
    return state.control(
        st.selectbox, label, list(asked.columns), name=name, default=default,
        parse=state.one_of({column: column for column in asked.columns}), format_func=asked.titles.__getitem__,
    )  # fmt: skip


def every_block(asked: Comparison) -> None:
    """A strip of all blocks for each network."""
    st.subheader(
        _("{method} of {explained} at every block", method=asked.method, explained=asked.explained),
        help=explain("cam methods"),
    )
    _keep_answers(asked)
    places: list[HeatMapAt] = []
    followed: list[live.Followed] = []
    for column in asked.columns:
        analysis = asked.analyses[column]
        probability = render.answer(analysis, float(analysis.said[asked.target]))
        st.markdown(
            _(
                "**{network}**: {target} {share}",
                network=asked.titles[column],
                target=asked.name(asked.target),
                share=probability,
            )
        )
        if analysis.impossible:
            st.warning(asked.trouble(analysis, asked.block))
            continue
        with st.grid(8, min_column_width=72, gap="xsmall"):
            for name, block in _one_a_map(analysis.blocks, asked.method).items():
                empty = block.heat_map(asked.method).empty
                followed.append(_followed(asked, f"strip-{column}-{name}", (len(places),)))
                places.append(HeatMapAt(column, block.name))
                said = {
                    "method": asked.method, "explained": asked.explained, "block": name, "network": asked.titles[column],
                }  # fmt: skip
                pictures.picture(
                    asked.view.shown,
                    f"strip-{column}-{name}",
                    partial(render.grey_photo, analysis.view)
                    if empty
                    else partial(render.overlay, analysis.view, block.heat_map(asked.method).values, asked.scale),
                    224,
                    smooth=True,
                    alt=_("{method} of {explained} at {block}, {network}: all zero", **said)
                    if empty
                    else _("{method} of {explained} at {block}, {network}", **said),
                    caption=_("{block}: all zero, no place speaks for the class", block=name) if empty else name,
                    panel=None
                    if empty
                    else Panel(
                        _("{method} at {block}, {network}", **said), block.heat_map(asked.method).values, asked.scale
                    ),
                )
    pictures.colour_scale(asked.scale)
    st.caption(_("Each map over its own maximum, mixed with the photo in grey."))
    _live(asked, places, followed)


def _one_a_map(blocks: Sequence[Block], method: str) -> dict[str, Block]:
    """The blocks by name; those that share a layer and its heat map, such as CBAM's two halves, as one by the layer's."""
    kept: dict[str, Block] = {}
    for block in blocks:
        name = next(reversed(kept), "")
        before = kept.get(name)
        if (
            before is not None
            and block.layer == before.layer
            and torch.equal(block.heat_map(method).values, before.heat_map(method).values)
        ):
            del kept[name]
            kept[block.layer] = block
        else:
            kept[block.name] = block
    return kept
