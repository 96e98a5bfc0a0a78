"""What a page looks at, and the analyses that this leads to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image
from torch import Tensor

from ..checkpoints.loading import LoadedCheckpoint
from ..draw.paper import sources
from ..explain import sweep, variants
from ..explain.analysis import Place, analyze
from ..explain.blocks import Analysis, Block, lambda_text
from ..explain.variants import Variant
from ..networks.lambdas import Times
from ..photos import squares
from ..photos.images import enlargement
from ..photos.samples import list_samples
from ..photos.squares import Placed, Square
from ..photos.transforms import Transforms
from ..wording import _, gap
from . import choose_photo, state, zoo
from .photo import Photo
from .question import Ask
from .server import elsewhere, forgetting, turns
from .server.everybody import ANALYSES, Everybodys
from .server.kept import Kept, once
from .widgets.shown import Shown

_ANALYSES = "analyses"
_KEPT_ANALYSES, _KEPT_BYTES = 12, 128 * 2**20


@dataclass(frozen=True)
class Subject:
    """What a page is about, whatever λ is: a photo, a network, and the settings of the sidebar."""

    photo: Photo
    loaded: LoadedCheckpoint
    target: int | None
    input_size: int
    ask: Ask
    square: Square | None
    """The part of the photo that is seen, in the photo's own pixels; ``None``: the part that the network is used to."""

    @property
    def kept_square(self) -> Square | None:
        """The same in the pixels of the copy of the photo that is kept here."""
        return None if self.square is None else squares.scaled(self.square, self.photo.size, self.photo.image.size)

    @property
    def seen(self) -> Placed:
        """The square that is seen, in the photo's own pixels."""
        left, top, right, _bottom = self.loaded.transforms.seen(*self.photo.size, self.input_size, self.square)
        return left, top, right - left

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The part that is seen of the copy of the photo that is kept here, in its pixels; a detector's grey around it included."""
        transforms, picture = self.loaded.transforms, self.photo.image
        if self.photo.tensor is not None or not transforms.takes_photos:
            return 0, 0, *picture.size
        rows, columns = transforms.size(self.input_size)
        return sources.seen_of(transforms, picture, (columns, rows), self.kept_square)

    @property
    def enlarged(self) -> str:
        """A sentence where what is seen has fewer pixels than the network's input; empty elsewhere."""
        if self.photo.tensor is not None or not (self.loaded.transforms.plain or self.square is not None):
            return ""
        return enlargement(self.photo.image, self.input_size, self.kept_square)

    @property
    def photo_notices(self) -> tuple[str, ...]:
        """What was done to the photo on its way into the network, a sentence each."""
        return tuple(filter(None, (*self.photo.notices, self.enlarged)))

    def at(self, e_lambda: float | Times | None, shown: Shown) -> Scene:
        """The same at one λ; what is drawn of it is kept in ``shown``."""
        return Scene(self.photo, self.loaded, self.target, self.input_size, self.ask, self.square, e_lambda, shown)


@dataclass(frozen=True)
class Scene(Subject):
    """A subject at one λ: what the part of a page that follows λ shows."""

    e_lambda: float | Times | None
    """Of all SimAM modules; ``None`` leaves each its own."""
    shown: Shown
    """Where whatever is drawn is kept, to be taken home."""
    place: Place | None = None
    """Of a detector: where the box that is explained lies."""
    heat_maps: bool = True
    """Whether analyses have them: where they need not, a new one takes half the time."""

    @property
    def key(self) -> tuple[object, ...]:
        """All that what is seen in the network depends on, apart from what is done to its attention."""
        asked = (self.target, self.ask, self.place, self.share)
        network = self.loaded.identity, self.loaded.transforms.device
        return self.photo.name, self.square, *network, self.input_size, self.e_lambda, *asked

    def of_attention(self) -> Scene:
        """The same for what shows attention and answers, and no heat map."""
        return dataclasses.replace(self, heat_maps=False)

    @property
    def twin(self) -> LoadedCheckpoint | None:
        """The network trained by the same recipe but for SimAM, if it is here and can be loaded."""
        return zoo.twin(self.loaded)[0]

    @property
    def siblings(self) -> variants.Siblings:
        """Networks trained alike with other attention, as far as they are here."""
        return zoo.siblings(self.loaded)[0]

    def analysis(self, column: str = "on", fixed_mean: bool = False, against: int | None = None) -> Analysis:
        """The photo through one of the networks to compare; all explain the same class, that which attention on predicts."""
        return self.analyses([column], fixed_mean, against)[column]

    def analyses(
        self, columns: Sequence[str], fixed_mean: bool = False, against: int | None = None
    ) -> dict[str, Analysis]:
        """:meth:`analysis` for several columns: those that share their weights, and are not kept, run as one batch."""
        if self.ask.box is not None:
            return self._of_box(self.ask.box).analyses(columns, fixed_mean, against)
        target = self.target
        if target is None and ("on" not in columns or fixed_mean or against is not None):
            target = self.analysis().target
        siblings = self.siblings if not {*variants.MODES, "twin"}.issuperset(columns) else {}
        there = variants.variants(
            self.loaded, self.twin if "twin" in columns else None, fixed_mean=fixed_mean, siblings=siblings
        )
        return _analyse(self, [variant for variant in there if variant.name in columns], target, against)

    def key_of(self, variant: Variant, against: int | None) -> tuple[object, ...]:
        """All that the analysis of one of the networks to compare depends on, but for the class, if none is chosen."""
        at = self.at_lambda(variant.e_lambda(self.e_lambda))
        return (*at.key, against, variant.name, variant.fixed_mean)

    def computed(
        self, batch: Sequence[Variant], source: Image.Image | Tensor, target: int | None, against: int | None
    ) -> list[Analysis]:
        """The networks of one batch, computed now. The caller holds a turn; where it is no page, ``source`` is :meth:`cut`."""
        sent = [variants.held(variant) for variant in batch]
        asked = (sent, self.e_lambda, source, target, self.input_size, against, self.share)
        found = elsewhere.do(variants.analysed, *asked, **self.question, heat_maps=self.heat_maps)
        return [self.flat(analysis) for analysis in found]

    def _of_box(self, number: int) -> Scene:
        """The same with the class of one box that was found in this photo, and its place, to be explained."""
        free = dataclasses.replace(self, target=None, ask=dataclasses.replace(self.ask, box=None))
        boxes = free.analysis().boxes
        if number >= len(boxes):  # of another photo, or at another λ
            return free
        return dataclasses.replace(free, target=boxes[number].label, place=boxes[number].place)

    @property
    def is_everybodys(self) -> bool:
        """Whether everybody may see what comes of it: of a sample, through a network that comes with the app."""
        return not choose_photo.is_upload(self.photo.name) and self.photo.tensor is None and zoo.is_bundled(self.loaded)

    def is_everybodys_through(self, variant: Variant) -> bool:
        """The same of one of the networks that are compared: a twin may be somebody's own."""
        return self.is_everybodys and (variant.name != "twin" or zoo.is_bundled(variant.network()))

    def swept(self, e_lambdas: Sequence[float], target: int | None) -> list[sweep.Point]:
        """At several λ, past what the session keeps: a sweep would push everything else out of it.

        The caller holds a turn (see :mod:`turns`).
        """
        scene = self if self.ask.box is None else self._of_box(self.ask.box)
        target = scene.target if target is None else target
        asked = (self.loaded, self.source, e_lambdas, target, self.input_size)
        return elsewhere.do(sweep.points, *asked, **scene.question)

    def fresh_analysis(self) -> Analysis:
        """The same as :meth:`analysis` from nothing but this scene: a download runs where no session can be reached.

        The caller holds a turn.
        """
        asked = self.question | {
            "box": self.ask.box if self.place is None else self.place,
            "square": self.kept_square,
        }
        given = self.photo.image if self.photo.tensor is None else self.photo.tensor
        analysis = elsewhere.do(analyze, self.loaded, given, self.e_lambda, self.target, self.input_size, **asked)
        # What is taken home speaks of the photo itself.
        return dataclasses.replace(self.flat(analysis), square=self.square)

    def flat(self, analysis: Analysis) -> Analysis:
        """An analysis whose maps are pictures: of 3-D convolutions, the slice that was chosen."""
        if self.share is None:
            return analysis.pictures()
        return dataclasses.replace(analysis.pictures(self.share), view=self.photo.image)

    @property
    def share(self) -> float | None:
        """Of 3-D convolutions, which slice was chosen, from 0 to below 1 of all."""
        tensor = self.photo.tensor
        if tensor is None or tensor.dim() != 5:
            return None
        depth = tensor.shape[2]
        at = state.parsed("slice", int, depth // 2)
        return min(max(at, 0), depth - 1) / depth

    @property
    def source(self) -> Image.Image | Tensor:
        """What analyses are given: the photo; the tensor; or what is seen of the photo, cut and resized once for all networks.

        That takes as long as an analysis where the photo is large.
        """
        if self.photo.tensor is not None:
            return self.photo.tensor
        if not self.loaded.transforms.plain:
            return self.photo.image
        return once("view", (self.photo.name, self.input_size, self.square), self.cut, 2)

    def cut(self) -> Image.Image:
        """What a network that takes photos as most do sees of this one."""
        return Transforms(self.input_size).view(self.photo.image, square=self.kept_square)

    @property
    def question(self) -> dict[str, Any]:
        """What else is asked about the answer, as :func:`simam_viz.explain.analysis.analyze_together` takes it."""
        references = {sample.name: sample for sample in list_samples()}
        named = self.ask.reference
        reference = references[named].image() if named in references else None
        # Of a source that is cut already, there is nothing to choose any more.
        square = None if self.loaded.transforms.plain else self.kept_square
        return {"region": self.ask.region, "box": self.place, "reference": reference, "square": square}

    def at_lambda(self, e_lambda: float | Times | None) -> Scene:
        """The same at another λ; at ``None``, with every SimAM module's own."""
        return dataclasses.replace(self, e_lambda=e_lambda)

    @property
    def lambda_text(self) -> str:
        """“λ = 0.1”, or “each block's own λ”."""
        return lambda_text(self.e_lambda)

    def own_lambda(self, block: Block) -> float | None:
        """The λ that the network itself has in one block of this scene's analysis; ``None`` where that is not SimAM."""
        if self.e_lambda is None:
            return block.e_lambda
        own = self.loaded.e_lambda
        if block.e_lambda is None:
            return None
        return self.at_lambda(None).analysis().block(block.name).e_lambda if own is None else own

    @property
    def hypothetical(self) -> str:
        """A remark for captions where the network has no SimAM, or its weights were not trained with it.

        Whole sentences, a gap before each: they follow others.
        """
        return self.remark(self.analysis().attends)

    def remark(self, attends: bool) -> str:
        """The same where it is known whether attention ran in the network."""
        if not attends:
            return gap() + _("Hypothetical: this network was run without SimAM.")
        if self.loaded.found is not None or not self.loaded.has_simam:
            return ""  # what is shown is what runs in it
        told = []
        if self.loaded.trained_with_simam is None:
            told.append(_("It is not known whether these weights were trained with SimAM."))
        elif not self.loaded.trained_with_simam:
            told.append(_("These weights never saw SimAM in training."))
        if "simam_at" in self.loaded.assumed:
            told.append(_("Where SimAM stands in it is assumed."))
        return "".join(gap() + sentence for sentence in told)


def _analyse(scene: Scene, asked: Sequence[Variant], target: int | None, against: int | None) -> dict[str, Analysis]:
    """The photo through some networks, by name. Without a target, attention on is the first of them and its prediction is explained."""
    # In the session itself: nothing that comes from an upload is ever within another session's reach.
    kept: Kept[Analysis] = st.session_state.setdefault(_ANALYSES, Kept(_KEPT_ANALYSES, _KEPT_BYTES))
    forgetting.keeps(_ANALYSES, kept)

    def key(variant: Variant) -> tuple[object, ...]:
        whole = scene.key_of(variant, against)
        return whole if scene.heat_maps else (*whole, "without heat maps")

    def place(variant: Variant) -> Kept[Analysis] | Everybodys[Analysis]:
        return ANALYSES if scene.is_everybodys_through(variant) else kept

    def there_of(variant: Variant) -> Analysis | None:
        """One that has more than is asked for will do, too."""
        return place(variant).get(scene.key_of(variant, against)) or place(variant).get(key(variant))

    def compute(batch: list[Variant], target: int | None) -> list[Analysis]:
        with turns.turn(), st.spinner(_("Looking at the photo…")):
            analyses = scene.computed(batch, scene.source, target, against)
        for variant, analysis in zip(batch, analyses, strict=True):
            place(variant).put(key(variant), analysis)
        return analyses

    def analyse(batch: list[Variant], target: int | None) -> list[Analysis]:
        keys = [key(variant) for variant in batch]
        if not all(place(variant) is ANALYSES for variant in batch):
            return compute(batch, target)
        with ANALYSES.making(keys, st.empty):
            there = [analysis for variant in batch if (analysis := there_of(variant)) is not None]
            right = there[0].target if there and target is None else target
            if len(there) == len(batch) and all(analysis.target == right for analysis in there):
                return there
            return compute(batch, target)

    # What is kept may explain the class that was predicted at another λ.
    known = {variant.name: analysis for variant in asked if (analysis := there_of(variant)) is not None}
    return variants.explained_alike(asked, known, target, analyse)


Part = Callable[[Scene], None]
"""Draws what follows λ."""
Screen = Callable[[Subject], Iterator[Part]]
"""Draws a page, and yields its :data:`Part` where that is to stand, once."""
