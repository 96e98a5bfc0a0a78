"""The parts of the Grad-CAM comparison page that follow λ: heat maps side by side, by block, and ablation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, partial

import streamlit as st

from ....checkpoints.loading import LoadedCheckpoint, short_name
from ....draw import render
from ....explain import cam, variants
from ....explain.blocks import OWN_LAMBDAS, Analysis
from ....explain.variants import Variant
from ....export.tables import Row
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
        """What the heat maps are of."""
        rather = "" if self.against is None else f" rather than “{self.name(self.against)}”"
        return f"“{self.name(self.target)}”{rather}"

    @property
    def scale(self) -> render.Scale:
        """Of the heat maps."""
        return dataclasses.replace(render.CAM_SCALE, label=f"{self.method}, over its own maximum")

    def networks(self) -> dict[str, tuple[LoadedCheckpoint, float | None]]:
        """By title, the networks with their λ (``None``: each module's own), for work beyond the photo on screen."""
        return variants.by_title(self.variants.values(), self.view.e_lambda)

    def trouble(self, analysis: Analysis, block: str) -> str:
        """Why no heat map is drawn, in a sentence; empty if there is one to draw."""
        target = self.name(analysis.target)
        if analysis.impossible:
            return (
                f"This network finds “{target}” impossible ({pictures.percent(float(analysis.probabilities[analysis.target]))}, less "
                "than a hundredth of what guessing gives it): a heat map would show noise."
            )
        if analysis.block(block).heat_map(self.method).empty:
            return f"All zero: no place of {block} speaks for {self.explained}."
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
                st.selectbox, "Method", list(cam.METHODS), name="method", default=method,
                parse=state.one_of({name: name for name in cam.METHODS}), help=explain("cam methods"),
            )  # fmt: skip
        if blocks:
            block = choose.block(view.analysis()).name
        if methods and len(view.analysis().logits) > 1:  # yes is the opposite of no already
            against = sidebar.class_menu(
                view.loaded, "Contrast with", "against", "No other class", explain("contrast of classes")
            )
    if "off" in columns:
        fixed = state.control(
            st.toggle, "λ at a fixed mean weight", name="fixed-mean", default=False,
            parse=state.one_of({"yes": True, "no": False}), text=lambda on: "yes" if on else None,
            help=explain("fixed mean weight"),
        )  # fmt: skip
    if against == target:
        name = short_name(view.loaded.categories[target])
        st.info(f"“{name}” cannot be contrasted with itself: choose another class. Until then, it stands alone.")
    if fixed and view.e_lambda == view.loaded.e_lambda:
        which = f"the {zoo.lambda_word(view.loaded)} one" if view.e_lambda is not None else OWN_LAMBDAS
        st.caption(f"λ is {which}, so fixing the mean weight changes nothing: move λ.")
    if "twin" not in columns:
        _, trouble = zoo.twin(view.loaded)
        st.caption(f"The twin's column is missing. {trouble}")
    return Comparison(view, columns, method, block, None if against == target else against, fixed)


def heat_maps(asked: Comparison) -> None:
    """One card a network, and the difference of any two."""
    st.subheader(f"{asked.method} of {asked.explained} at {asked.block}", help=explain("cam methods"))
    target = asked.target
    _keep_answers(asked)
    for place, column in zip(st.columns(len(asked.columns), gap="small", border=True), asked.columns, strict=True):
        with place:
            analysis = asked.analyses[column]
            _, name, probability = analysis.top(1)[0]
            st.markdown(f"**{asked.titles[column]}**")
            _card(asked, f"cam-{column}", column, asked.block, 480)
            lead = ""
            if asked.against is not None:
                ahead = float(analysis.logits[target] - analysis.logits[asked.against])
                lead = f"  \nLead over {asked.name(asked.against)}: **{ahead:+.2f}** (in logits)"
            st.markdown(
                f"Prediction: **{short_name(name)}** ({pictures.percent(probability)})  \n"
                f"Probability of {asked.name(target)}: **{pictures.percent(float(analysis.probabilities[target]))}**{lead}"
            )
            st.caption(asked.variants[column].note)
    st.caption(
        f"{asked.method} says where the block's output speaks for the class, divided by each map's own maximum: compare places, "
        "not brightness. The colours are mixed with the photo in grey. It is not SimAM's weight map."
        + (asked.view.hypothetical if "off" in asked.columns else "")
    )
    if len(asked.columns) > 1:
        _difference(asked)


def _card(asked: Comparison, key: str, column: str, block: str, size: int, caption: str | None = None) -> None:
    """One heat map over the photo; or the photo in grey, and why there is none."""
    analysis = asked.analyses[column]
    trouble = asked.trouble(analysis, block)
    heat = analysis.block(block).heat_map(asked.method)
    pictures.picture(
        asked.view.shown,
        key,
        partial(render.grey_photo, analysis.view)
        if trouble
        else partial(render.overlay, analysis.view, heat.values, asked.scale),
        size,
        smooth=True,
        alt=f"{asked.method} of {asked.explained} at {block}, {asked.titles[column]}"
        + (f": {trouble}" if trouble else ""),
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
        _, name, probability = analysis.top(1)[0]
        row: Row = {
            "network": asked.titles[column], "prediction": short_name(name), "probability": probability,
            f"probability of {target}": float(analysis.probabilities[asked.target]),
        }  # fmt: skip
        if against is not None:
            row[f"lead over {asked.name(against)} (logits)"] = float(
                analysis.logits[asked.target] - analysis.logits[against]
            )
        rows.append(row)
    asked.view.shown.keep_table("comparison", f"{asked.method} of {asked.explained}: what each network says", rows)


def _difference(asked: Comparison) -> None:
    st.subheader("Where two of them differ")
    with st.grid(4, min_column_width=180, vertical_alignment="bottom"):
        first = _choose_column(asked, "First", "first", asked.columns[0])
        second = _choose_column(
            asked, "Second", "second", asked.columns[-1] if "twin" in asked.columns else asked.columns[1]
        )
        own = choose.own_range()
    one, other = (asked.analyses[column] for column in (first, second))
    troubles = [
        f"{asked.titles[c]}: {t}" for c, a in ((first, one), (second, other)) if (t := asked.trouble(a, asked.block))
    ]
    if first == second:
        st.info("Both are the same network: choose two.")
        return
    if troubles:
        st.info("There is no difference to draw. " + " ".join(troubles))
        return
    a, b = (analysis.block(asked.block).heat_map(asked.method).values for analysis in (one, other))
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
            alt=f"{asked.titles[first]} minus {asked.titles[second]}, over the photo",
            scale=scale,
        )
    with words:
        st.markdown(
            f":red[**Red**]: {asked.titles[first]} looks more there. :blue[**Blue**]: {asked.titles[second]} does. White: both alike."
        )
        related, apart = cam.correlation(a, b), float((a - b).abs().mean())
        asked.view.shown.keep_table(
            "difference",
            f"Where two heat maps differ at {asked.block}",
            [
                {"first": asked.titles[first], "second": asked.titles[second], "correlation": related,
                 "mean absolute difference": apart}
            ],
        )  # fmt: skip
        with st.grid(2, min_column_width=180):
            st.metric(
                "Correlation of the two maps", "none" if related is None else f"{related:.3f}",
                help="Pearson, over the block's places. 1: the same places; 0: unrelated; below 0: opposite ones.",
            )  # fmt: skip
            st.metric("Mean absolute difference", f"{apart:.3f}", help="Of values from 0 to 1.")
        st.caption(
            "Each map was divided by its own maximum first, so this compares places and says nothing of how strong the evidence is."
        )


def _choose_column(asked: Comparison, label: str, name: str, default: str) -> str:
    return state.control(
        st.selectbox, label, list(asked.columns), name=name, default=default,
        parse=state.one_of({column: column for column in asked.columns}), format_func=asked.titles.__getitem__,
    )  # fmt: skip


def every_block(asked: Comparison) -> None:
    """A strip of all blocks for each network."""
    st.subheader(f"{asked.method} of {asked.explained} at every block", help=explain("cam methods"))
    _keep_answers(asked)
    for column in asked.columns:
        analysis = asked.analyses[column]
        probability = pictures.percent(float(analysis.probabilities[asked.target]))
        st.markdown(f"**{asked.titles[column]}**: {asked.name(asked.target)} {probability}")
        if analysis.impossible:
            st.warning(asked.trouble(analysis, asked.block))
            continue
        with st.grid(8, min_column_width=72, gap="xsmall"):
            for block in analysis.blocks:
                empty = block.heat_map(asked.method).empty
                pictures.picture(
                    asked.view.shown,
                    f"strip-{column}-{block.name}",
                    partial(render.grey_photo, analysis.view)
                    if empty
                    else partial(render.overlay, analysis.view, block.heat_map(asked.method).values, asked.scale),
                    224,
                    smooth=True,
                    alt=f"{asked.method} of {asked.explained} at {block.name}, {asked.titles[column]}"
                    + (": all zero" if empty else ""),
                    caption=block.name + (": all zero, no place speaks for the class" if empty else ""),
                )
    pictures.colour_scale(asked.scale)
    st.caption("Each map over its own maximum, mixed with the photo in grey.")
