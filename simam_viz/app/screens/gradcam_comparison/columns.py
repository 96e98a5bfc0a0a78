"""The parts of the Grad-CAM comparison page that follow λ: heat maps side by side, by block, and ablation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, partial

import streamlit as st

from ....checkpoints.loading import short_name
from ....draw import render
from ....explain import cam, variants
from ....explain.blocks import Analysis
from ....explain.recording import Run
from ....explain.variants import Variant
from ....export.tables import Row
from ....wording import _
from ... import sidebar, state, zoo
from ...scene import Scene
from ...widgets import choose, pictures
from ...widgets.glossary import explain


@dataclass(frozen=True)
class Comparison:
    """What the controls of the page ask for."""

    view: Scene
    columns: tuple[str, ...]
    method: str
    block: str
    against: int | None
    fixed_mean: bool

    @cached_property
    def analyses(self) -> dict[str, Analysis]:
        """The photo through every column's network."""
        return self.view.analyses(self.columns, self.fixed_mean, self.against)

    @property
    def plain(self) -> bool:
        """Whether the network in hand has no SimAM."""
        return "off" not in self.columns

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """The networks to compare, by name."""
        return {
            variant.name: variant
            for variant in variants.variants(self.view.loaded, self.view.twin, fixed_mean=self.fixed_mean)
        }

    @property
    def titles(self) -> dict[str, str]:
        """What the networks are called on screen, by name."""
        return {name: variant.title for name, variant in self.variants.items()}

    @property
    def target(self) -> int:
        """The class that all heat maps explain."""
        return self.view.analysis().target

    def name(self, index: int) -> str:
        """A class as it is called on screen."""
        return short_name(self.view.loaded.categories[index])

    @property
    def explained(self) -> str:
        """The name of what the heat maps are of."""
        target = self.name(self.target)
        if self.against is None:
            return _("“{target}”", target=target)
        return _("“{target}” rather than “{against}”", target=target, against=self.name(self.against))

    @property
    def scale(self) -> render.Scale:
        """Of the heat maps."""
        return dataclasses.replace(render.CAM_SCALE, label=_("{method}, over its own maximum", method=self.method))

    def networks(self) -> dict[str, Run]:
        """By name, the networks with their λ (``None``: each module's own), for work beyond the photo on screen."""
        return {
            name: (variant.network(), variant.e_lambda(self.view.e_lambda)) for name, variant in self.variants.items()
        }

    def trouble(self, analysis: Analysis, block: str) -> str:
        """Why no heat map is drawn, in a sentence; empty if there is one to draw."""
        target = self.name(analysis.target)
        if analysis.impossible:
            return _(
                "This network finds “{target}” impossible ({share}, less than a hundredth of what guessing gives it): a heat map would "
                "show noise.",
                target=target,
                share=pictures.percent(float(analysis.probabilities[analysis.target])),
            )
        if analysis.block(block).heat_map(self.method).empty:
            return _("All zero: no place of {block} speaks for {explained}.", block=block, explained=self.explained)
        return ""


def controls(view: Scene, methods: bool, blocks: bool, together: bool) -> Comparison:
    """What to compare, and how: drawn at the top of the page, kept in the address.

    Args:
        methods: whether the part below shows heat maps, and so asks for a method and a contrast.
        blocks: whether it asks for one block.
        together: whether it shows this photo through every network.
    """
    columns = tuple(variant.name for variant in variants.variants(view.loaded, view.twin))
    if together and state.get("against") is None and state.get("fixed-mean") is None:
        view.analyses(columns)  # the prediction, which comes next, and all the part below needs, in one batch
    target = view.analysis().target
    method, against, fixed = "Grad-CAM", None, False
    block = view.analysis().blocks[-1].name
    with st.grid(3, min_column_width=180):
        if methods:
            method = state.control(
                st.selectbox, _("Method"), list(cam.METHODS), name="method", default=method,
                parse=state.one_of({name: name for name in cam.METHODS}), help=explain("cam methods"),
            )  # fmt: skip
        if blocks:
            block = choose.block(view.analysis()).name
        several = len(view.analysis().logits) > 1  # yes is the opposite of no already
        if methods and several and view.loaded.output.has_probabilities:
            against = sidebar.class_menu(
                view.loaded, _("Contrast with"), "against", _("No other class"), explain("contrast of classes")
            )
    if "off" in columns:
        fixed = state.control(
            st.toggle, _("λ at a fixed mean weight"), name="fixed-mean", default=False,
            parse=state.one_of({"yes": True, "no": False}), text=lambda on: "yes" if on else None,
            help=explain("fixed mean weight"),
        )  # fmt: skip
    if against == target:
        name = short_name(view.loaded.categories[target])
        st.info(
            _(
                "“{target}” cannot be contrasted with itself: choose another class. Until then, it stands alone.",
                target=name,
            )
        )
    if fixed and view.e_lambda == view.loaded.e_lambda:
        st.caption(
            _("λ is each block's own λ, so fixing the mean weight changes nothing: move λ.")
            if view.e_lambda is None
            else _(
                "λ is the {word} one, so fixing the mean weight changes nothing: move λ.",
                word=_(zoo.lambda_word(view.loaded)),
            )
        )
    if "twin" not in columns:
        trouble = zoo.twin(view.loaded)[1]
        st.caption(" ".join((_("The twin's column is missing."), trouble)))
    return Comparison(view, columns, method, block, None if against == target else against, fixed)


def heat_maps(asked: Comparison) -> None:
    """One card a network, and the difference of any two."""
    st.subheader(
        _("{method} of {explained} at {block}", method=asked.method, explained=asked.explained, block=asked.block),
        help=explain("cam methods"),
    )
    target = asked.target
    _keep_answers(asked)
    for place, column in zip(st.columns(len(asked.columns), gap="small", border=True), asked.columns, strict=True):
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
            st.markdown("  \n".join(said))
            st.caption(asked.variants[column].note)
    st.caption(
        _(
            "{method} says where the block's output speaks for the class, divided by each map's own maximum: compare places, "
            "not brightness. The colours are mixed with the photo in grey. It is not SimAM's weight map.",
            method=asked.method,
        )
        + (asked.view.hypothetical if "off" in asked.columns else "")
    )
    if len(asked.columns) > 1:
        _difference(asked)


def _said_of(analysis: Analysis, target: int, name: str) -> str:
    if analysis.output.has_probabilities:
        share = pictures.percent(float(analysis.said[target]))
        return _("Probability of {target}: **{share}**", target=name, share=share)
    return _("Value of {target}: **{value:.4g}**", target=name, value=float(analysis.said[target]))


def _prediction(analysis: Analysis) -> tuple[str, float]:
    """The most probable class, as it is called on screen, and its probability."""
    top = analysis.top(1)[0]
    return short_name(top[1]), top[2]


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


def _difference(asked: Comparison) -> None:
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
        return
    if troubles:
        st.info(" ".join((_("There is no difference to draw."), *troubles)))
        return
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
            for block in analysis.blocks:
                empty = block.heat_map(asked.method).empty
                said = {
                    "method": asked.method, "explained": asked.explained, "block": block.name, "network": asked.titles[column],
                }  # fmt: skip
                pictures.picture(
                    asked.view.shown,
                    f"strip-{column}-{block.name}",
                    partial(render.grey_photo, analysis.view)
                    if empty
                    else partial(render.overlay, analysis.view, block.heat_map(asked.method).values, asked.scale),
                    224,
                    smooth=True,
                    alt=_("{method} of {explained} at {block}, {network}: all zero", **said)
                    if empty
                    else _("{method} of {explained} at {block}, {network}", **said),
                    caption=_("{block}: all zero, no place speaks for the class", block=block.name)
                    if empty
                    else block.name,
                )
    pictures.colour_scale(asked.scale)
    st.caption(_("Each map over its own maximum, mixed with the photo in grey."))
