"""What the controls of the Grad-CAM comparison page ask for: which networks, which heat maps."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from ....checkpoints.loading import class_said
from ....draw import render
from ....explain import cam, variants
from ....explain.blocks import Analysis
from ....explain.variants import Networks, Variant
from ....wording import _, together
from ... import sidebar, state, zoo
from ...scene import Scene
from ...widgets import choose, pictures
from ...widgets.glossary import explain

_ALONE = "alone"
"""In the address: no network beside the one in hand."""


@dataclass(frozen=True)
class Comparison:
    """What the controls of the page ask for."""

    view: Scene
    columns: tuple[str, ...]
    """The names of the networks that are shown, that in hand first."""
    method: str
    block: str
    contrast: int | None
    """The class that was chosen to contrast with."""
    fixed_mean: bool

    @property
    def against(self) -> int | None:
        """The class to contrast with; ``None`` also where that is the one to explain."""
        return None if self.contrast == self.target else self.contrast

    @cached_property
    def analyses(self) -> dict[str, Analysis]:
        """The photo through every column's network."""
        return self.view.analyses(self.columns, self.fixed_mean, self.against)

    @property
    def plain(self) -> bool:
        """Whether the network in hand has no SimAM."""
        return "off" not in self.variants

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """All networks that there are to compare, by name."""
        return _variants(self.view, self.fixed_mean)

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
        return class_said(self.view.loaded.categories[index])

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

    def networks(self) -> Networks:
        """By name, the networks with their λ (``None``: each module's own), for work beyond the photo on screen."""
        return Networks({name: self.variants[name] for name in self.columns}, self.view.e_lambda)

    def titled(self) -> Networks:
        """The same by what they are called on screen."""
        return variants.by_title((self.variants[name] for name in self.columns), self.view.e_lambda)

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


def controls(view: Scene, methods: bool, blocks: bool, side_by_side: bool) -> Comparison:
    """What to compare, and how: drawn at the top of the page, kept in the address.

    Args:
        methods: whether the part below shows heat maps, and so asks for a method and a contrast.
        blocks: whether it asks for one block.
        side_by_side: whether it shows this photo through every network.
    """
    there = _variants(view, False)
    columns = _chosen(there)
    if side_by_side and state.get("against") is None and state.get("fixed-mean") is None:
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
    if view.loaded.has_simam:
        fixed = state.control(
            st.toggle, _("λ at a fixed mean weight"), name="fixed-mean", default=False,
            parse=state.one_of({"yes": True, "no": False}), text=lambda on: "yes" if on else None,
            help=explain("fixed mean weight"),
        )  # fmt: skip
    if against == target:
        name = class_said(view.loaded.categories[target])
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
    if "twin" not in there and len(there) <= len(variants.MODES):
        trouble = zoo.twin(view.loaded)[1]
        st.caption(together(_("The twin's column is missing."), trouble))
    if trouble := zoo.siblings(view.loaded)[1]:
        st.caption(trouble)
    return Comparison(view, columns, method, block, against, fixed)


def _variants(view: Scene, fixed_mean: bool) -> dict[str, Variant]:
    there = variants.variants(view.loaded, view.twin, fixed_mean=fixed_mean, siblings=view.siblings)
    return {variant.name: variant for variant in there}


def _chosen(there: dict[str, Variant]) -> tuple[str, ...]:
    """Which networks are shown: the one in hand, and those beside it that the person chose."""
    first, *others = there
    others_trained = [name for name in others if name not in variants.MODES]
    # Where there are networks of other attention, they are the fair comparison, and five columns are enough to read.
    default = others_trained if len(others_trained) > 1 else others
    if not others:
        return (first,)

    def parse(text: str) -> list[str]:
        names = [] if text == _ALONE else text.split(",")
        if not set(names) <= set(others) or len(set(names)) != len(names):
            raise ValueError(text)
        return names

    chosen = state.control(
        st.pills, _("Beside this network"), others, name="columns", default=default, selection_mode="multi", parse=parse,
        text=lambda names: None if {*names} == {*default} else ",".join(n for n in others if n in names) or _ALONE,
        format_func=lambda name: there[name].title, help=explain("networks to compare"),
    )  # fmt: skip
    return (first, *(name for name in others if name in chosen))
