"""What a page looks at, and the analyses that this leads to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from ..checkpoints.loading import LoadedCheckpoint
from ..explain import variants
from ..explain.analysis import analyze, analyze_lambdas, analyze_together
from ..explain.blocks import Analysis, Block, lambda_text
from ..explain.variants import Variant
from ..photos.images import enlargement, square_view
from ..wording import _
from . import zoo
from .photo import Photo
from .server import forgetting, turns
from .server.kept import Kept
from .widgets.takeaway import Shown

_ANALYSES = "analyses"
_KEPT_ANALYSES, _KEPT_BYTES = 6, 128 * 2**20


@dataclass(frozen=True)
class Subject:
    """What a page is about, whatever λ is: a photo, a network, and the settings of the sidebar."""

    photo: Photo
    loaded: LoadedCheckpoint
    target: int | None
    input_size: int

    @property
    def photo_notices(self) -> tuple[str, ...]:
        """What was done to the photo on its way into the network, a sentence each."""
        return tuple(filter(None, (*self.photo.notices, enlargement(self.photo.image, self.input_size))))

    def at(self, e_lambda: float | None, shown: Shown) -> Scene:
        """The same at one λ; what is drawn of it is kept in ``shown``."""
        return Scene(self.photo, self.loaded, self.target, self.input_size, e_lambda, shown)


@dataclass(frozen=True)
class Scene(Subject):
    """A subject at one λ: what the part of a page that follows λ shows."""

    e_lambda: float | None
    """Of all SimAM modules; ``None`` leaves each its own."""
    shown: Shown
    """Where whatever is drawn is kept, to be taken home."""

    @property
    def twin(self) -> LoadedCheckpoint | None:
        """The network trained by the same recipe but for SimAM, if it is here and can be loaded."""
        return zoo.twin(self.loaded)[0]

    def analysis(self, column: str = "on", fixed_mean: bool = False, against: int | None = None) -> Analysis:
        """The photo through one of the networks to compare; all explain the same class, that which attention on predicts."""
        return self.analyses([column], fixed_mean, against)[column]

    def analyses(
        self, columns: Sequence[str], fixed_mean: bool = False, against: int | None = None
    ) -> dict[str, Analysis]:
        """:meth:`analysis` for several columns: those that share their weights, and are not kept, run as one batch."""
        target = self.target
        if target is None and ("on" not in columns or fixed_mean or against is not None):
            target = self.analysis().target
        there = variants.variants(self.loaded, self.twin if "twin" in columns else None, fixed_mean=fixed_mean)
        return _analyse(self, [variant for variant in there if variant.name in columns], target, against)

    def swept(self, e_lambdas: Sequence[float], target: int | None) -> list[Analysis]:
        """At several λ, past what the session keeps: a sweep would push everything else out of it.

        The caller holds a turn (see :mod:`turns`).
        """
        return analyze_lambdas(self.loaded, self.square, e_lambdas, target, self.input_size)

    def fresh_analysis(self) -> Analysis:
        """The same as :meth:`analysis` from nothing but this scene: a download runs where no session can be reached.

        The caller holds a turn.
        """
        return analyze(self.loaded, self.photo.image, self.e_lambda, self.target, self.input_size)

    @property
    def square(self) -> Image.Image:
        """What networks see of the photo: cut and resized once, which takes as long as an analysis where the photo is large."""
        return _square(self.photo.image, self.photo.name, self.input_size)

    def at_lambda(self, e_lambda: float | None) -> Scene:
        """The same at another λ; at ``None``, with every SimAM module's own."""
        return dataclasses.replace(self, e_lambda=e_lambda)

    @property
    def lambda_text(self) -> str:
        """“λ = 0.1”, or “each block's own λ”."""
        return lambda_text(self.e_lambda)

    def own_lambda(self, block: Block) -> float:
        """The λ that the network itself has in one block of this scene's analysis."""
        if self.e_lambda is None:
            return block.e_lambda
        own = self.loaded.e_lambda
        return self.at_lambda(None).analysis().block(block.name).e_lambda if own is None else own

    @property
    def hypothetical(self) -> str:
        """A remark for captions where the network has no SimAM, or its weights were not trained with it.

        Whole sentences, a space before each: they follow others.
        """
        if not self.analysis().attends:
            return " " + _("Hypothetical: this network was run without SimAM.")
        told = []
        if self.loaded.trained_with_simam is None:
            told.append(_("It is not known whether these weights were trained with SimAM."))
        elif not self.loaded.trained_with_simam:
            told.append(_("These weights never saw SimAM in training."))
        if "simam_at" in self.loaded.assumed:
            told.append(_("Where SimAM stands in it is assumed."))
        return "".join(f" {sentence}" for sentence in told)


def _analyse(scene: Scene, asked: Sequence[Variant], target: int | None, against: int | None) -> dict[str, Analysis]:
    """The photo through some networks, by name. Without a target, attention on is the first of them and its prediction is explained."""
    # In the session itself: nothing that comes from an upload is ever within another session's reach.
    kept: Kept[Analysis] = st.session_state.setdefault(_ANALYSES, Kept(_KEPT_ANALYSES, _KEPT_BYTES))
    forgetting.keeps(_ANALYSES, kept)
    subject = (scene.photo.name, scene.loaded.identity, scene.input_size, scene.target, against)

    def key(variant: Variant) -> tuple[object, ...]:
        return (*subject, variant.name, variant.fixed_mean, variant.e_lambda(scene.e_lambda))

    def analyse(batch: list[Variant], target: int | None) -> list[Analysis]:
        runs = [(variant.network(), variant.e_lambda(scene.e_lambda)) for variant in batch]
        with turns.turn(), st.spinner(_("Looking at the photo…")):
            together = analyze_together(runs, scene.square, target, scene.input_size, against, one_target=True)
            analyses = [analysis.compacted() for analysis in together]
            for variant, analysis in zip(batch, analyses, strict=True):
                kept.put(key(variant), analysis)
        return analyses

    # What is kept may explain the class that was predicted at another λ.
    known = {variant.name: analysis for variant in asked if (analysis := kept.get(key(variant))) is not None}
    return variants.explained_alike(asked, known, target, analyse)


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _square(_image: Image.Image, photo_name: str, size: int) -> Image.Image:
    return square_view(_image, size)


Part = Callable[[Scene], None]
"""Draws what follows λ."""
Screen = Callable[[Subject], Iterator[Part]]
"""Draws a page, and yields its :data:`Part` where that is to stand, once."""
