"""What one image did in one network, block by block: features, weights, heat maps, and what follows from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image
from torch import Tensor

from ..modules import formulas
from ..modules.simam import SimAM
from ..modules.weighing import Kind, Weighing
from ..networks.answers import CLASSES, NOTHING_ELSE, Output, Question
from ..networks.lambdas import Times, at_lambda, common_e_lambda
from ..photos.squares import Square
from ..wording import _, comma, counted, labelled, later
from . import thumbnails
from .cam import METHODS, HeatMap, over_maximum

OF_ANY_ATTENTION = (later("attention weight"), later("feature"), later("refined feature"))
"""What a block can show of its neurons where its attention is not SimAM, which alone has an energy."""

QUANTITIES = (
    later("attention weight"),
    later("importance"),
    later("energy"),
    later("feature"),
    later("refined feature"),
)
"""What a block can show of its neurons, by the names that :func:`simam_viz.wording._` shows."""

IMPOSSIBLE = 0.01
"""A class counts as impossible below this share of the probability that guessing gives it."""

OWN_LAMBDAS = later("each block's own λ")
"""How it is called that every SimAM module keeps a λ of its own; :func:`simam_viz.wording._` shows it."""


_MOST_TOLD = 6
"""So many blocks have a line in ``repr``, which has at most ten; and so many a row in a notebook:"""
_MOST_PICTURED = 12


def lambda_text(e_lambda: float | Times | None) -> str:
    """“λ = 0.1”, or where modules keep different ones (``None``), “each block's own λ”, which may be multiplied."""
    if isinstance(e_lambda, Times):
        return _("each block's own λ × {factor:g}", factor=e_lambda.factor)
    return _(OWN_LAMBDAS) if e_lambda is None else f"λ = {e_lambda:g}"


@dataclass(frozen=True, eq=False)
class Block:
    """What one residual block did with one image. Maps are (C, H, W) unless said otherwise; computed when first read.

    A block that runs several times in a pass is one of these each time. Where the network has no attention, ``features`` is
    what SimAM would get, and everything derived from it is what SimAM *would* give there.
    """

    name: str
    features: Tensor
    """What enters the attention."""
    activations: Tensor
    """What leaves the layer of the heat map, as a block after its residual sum and ReLU; it may have another shape."""
    gradients: Tensor
    """Of what is explained (the target's logit, or its lead over another class's) by the activations; without channels where
    no heat map was asked for."""
    module: Weighing
    """Computes these weights."""
    hypothetical: bool = False
    """Whether the network does not do so: then everything here is what SimAM *would* give."""
    layer: str = ""
    """The module whose output heat maps are of; several attentions may stand in one."""

    def __repr__(self) -> str:
        words = {
            "simam": _("SimAM"),
            "channel": _("one weight a channel"),
            "position": _("one weight a position"),
            "gate": _("a gate"),
        }
        told = [_("{kind}, which would stand here", kind=words[self.kind]) if self.hypothetical else words[self.kind]]
        told += [] if self.e_lambda is None else [lambda_text(self.e_lambda)]
        told.append(" × ".join(map(str, self.features.shape)))
        told.append(_("mean weight {weight:.3f}", weight=float(self.attention.mean())))
        return labelled(self.name, comma().join(told))

    @property
    def kind(self) -> Kind:
        """What the weights range over: ``"simam"``, ``"channel"``, ``"position"``, or ``"gate"`` for any other."""
        return self.module.kind

    @property
    def e_lambda(self) -> float | None:
        """The λ of these weights; ``None`` where they are not SimAM's."""
        return self.module.e_lambda if isinstance(self.module, SimAM) else None

    @property
    def _simam(self) -> SimAM:
        if not isinstance(self.module, SimAM):
            raise ValueError(_("The attention of {block} is not SimAM: it has no energy and no λ.", block=self.name))
        return self.module

    @cached_property
    def _heat_maps(self) -> dict[str, HeatMap]:
        return {}

    def heat_map(self, method: str) -> HeatMap:
        """The heat map of the target at the block's output, (H, W), by one of :data:`simam_viz.explain.cam.METHODS`.

        ``ValueError`` where the analysis was asked for none.
        """
        if method not in self._heat_maps:
            activations, gradients = self.activations, self.gradients
            if not self.has_heat_maps:
                raise ValueError(
                    _("This analysis was made with heat_maps=False: there is no heat map of {block}.", block=self.name)
                )
            if activations.dim() == 3:
                values = METHODS[method](activations, gradients)
            else:  # of a 1-D or 3-D convolution: no method asks how its positions lie
                flat = METHODS[method](activations.flatten(1)[:, None], gradients.flatten(1)[:, None])
                values = flat.view(activations.shape[1:])
            self._heat_maps[method] = over_maximum(values)
        return self._heat_maps[method]

    @property
    def has_heat_maps(self) -> bool:
        """Whether heat maps can be told: not where an analysis was asked for none."""
        return bool(self._heat_maps) or len(self.gradients) > 0

    def compacted(self) -> Block:
        """The same with every heat map computed, and without the activations and gradients that they came from."""
        block = dataclasses.replace(
            self,
            features=self.features.clone(),  # of a batch, it would hold on to the whole of it
            activations=self.activations[:0].clone(),
            gradients=self.gradients[:0].clone(),
        )
        block._heat_maps.update(self._all_heat_maps())  # noqa: SLF001  (of its own kind)
        return block

    def _all_heat_maps(self) -> dict[str, HeatMap]:
        return {method: self.heat_map(method) for method in METHODS} if self.has_heat_maps else {}

    def picture(self, index: int | None = None) -> Block:
        """The same as maps (C, H, W): of a 1-D convolution one row high, of a 3-D one the slice ``index``, by default the middle.

        What follows from a whole channel (its weights and energies) is that of the whole channel.
        """
        dims = self.features.dim()
        if dims == 3:
            return self
        depth = self.features.shape[1]
        at = depth // 2 if index is None else index

        def flat(values: Tensor, first: int) -> Tensor:
            if dims == 2:
                return values.unsqueeze(first)
            return values.select(first, min(at * values.shape[first] // depth, values.shape[first] - 1))

        block = dataclasses.replace(self, features=flat(self.features, 1))
        named = ("attention", "refined", *(("energy", "importance") if self.kind == "simam" else ()))
        vars(block).update({name: flat(getattr(self, name), 1) for name in named} | {"variances": self.variances})
        maps = {m: HeatMap(flat(map_.values, 0), map_.maximum) for m, map_ in self._all_heat_maps().items()}
        block._heat_maps.update(maps)  # noqa: SLF001
        return block

    @property
    def nbytes(self) -> int:
        """Bytes of memory that its tensors take now; more once more of it is read."""
        maps = (value for value in vars(self).values() if isinstance(value, Tensor))
        return sum(tensor.nbytes for tensor in (*maps, *(heat.values for heat in self._heat_maps.values())))

    def told_at(self, e_lambda: float | Times | None) -> Block:
        """The same as SimAM would weigh it at another λ, where it only would; heat maps do not follow that."""
        if not (self.hypothetical and isinstance(self.module, SimAM)):
            return self
        simam = SimAM(at_lambda(self.module.e_lambda, e_lambda), self.module.correction)
        block = dataclasses.replace(self, module=simam)
        vars(block)["_heat_maps"] = self._heat_maps
        return block

    @property
    def cam(self) -> Tensor:
        """Grad-CAM (Selvaraju et al., 2017) of the target at the block's output, (H, W) in [0, 1]."""
        return self.heat_map("Grad-CAM").values

    @property
    def cam_max(self) -> float:
        """What ``cam`` was divided by, in logits; 0 means that no position speaks for the target and ``cam`` is all zero."""
        return self.heat_map("Grad-CAM").maximum

    @cached_property
    def variances(self) -> Tensor:
        """σ² of every channel's features, over M − 1, (C,)."""
        return formulas.channel_statistics(self.features[None])[1].flatten()

    @cached_property
    def energy(self) -> Tensor:
        """Minimal energy e* of every neuron (Eq. 5); ``ValueError`` where the attention is not SimAM."""
        return self._simam.energy(self.features[None])[0]

    @cached_property
    def importance(self) -> Tensor:
        """1/e* of every neuron; ``ValueError`` where the attention is not SimAM."""
        return self._simam.importance(self.features[None])[0]

    @cached_property
    def attention(self) -> Tensor:
        """The weight that every neuron was multiplied by."""
        return self.module.weights(self.features[None])[0]

    @cached_property
    def refined(self) -> Tensor:
        """What leaves the attention: features × weights (Eq. 6)."""
        return self.features * self.attention

    @property
    def quantities(self) -> tuple[str, ...]:
        """Which of :data:`QUANTITIES` it has."""
        return QUANTITIES if self.kind == "simam" else OF_ANY_ATTENTION

    def quantity(self, name: str) -> Tensor:
        """One of :data:`QUANTITIES`; ``ValueError`` for any other name."""
        attributes = ("attention", "importance", "energy", "features", "refined")
        values: Tensor = getattr(self, attributes[QUANTITIES.index(name)])
        return values


def told_lambda(asked: float | Times | None, blocks: Sequence[Block]) -> float | None:
    """The λ of an analysis: that of all its blocks, or the one that was asked for; ``None`` where they keep different ones."""
    return float(asked) if isinstance(asked, (int, float)) else common_e_lambda(block.e_lambda for block in blocks)


@dataclass(frozen=True)
class Box:
    """What a detector found."""

    place: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the view."""
    label: int
    """Its class."""
    score: float
    """In [0, 1]."""
    certain: bool = True
    """Whether it passed the detector's threshold; where none did, the ten best are told all the same."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """One image as one network saw it, at one λ."""

    view: Image.Image
    """The crop the network saw, at the size of its input; every map lies on it."""
    logits: Tensor
    """(K,)."""
    target: int
    """The class that the heat maps explain."""
    e_lambda: float | None
    """The λ of all blocks; ``None`` where they keep different ones: see :attr:`Block.e_lambda`."""
    attends: bool
    """Whether attention ran in the network; if not, the blocks' energies and weights are hypothetical."""
    categories: tuple[str, ...]
    blocks: tuple[Block, ...]
    against: int | None = None
    """The class that the target is contrasted with, if any."""
    output: Output = CLASSES
    """How the network's answers are read."""
    given: Tensor | None = None
    """The network's input (1, C, …), where a tensor was given and not a photo."""
    view_caption: str = ""
    """How ``view`` was made of a tensor."""
    question: Question = NOTHING_ELSE
    """What else was asked about the answer."""
    boxes: tuple[Box, ...] = ()
    """Of a detector: what it found, the best first."""
    box: Box | None = None
    """Of a detector: the box that is explained; ``None`` where it found none of the target's class."""
    notices: tuple[str, ...] = ()
    """What had to be done otherwise than asked, a sentence each, in English for :func:`~simam_viz.wording._`."""
    asked: float | Times | None = None
    """The λ that was asked for; ``None``: each SimAM module its own."""
    square: Square | None = None
    """The part of the photo that was asked for, in its pixels; ``None``: the part that the network is used to."""

    def __repr__(self) -> str:
        return "\n".join([*self._told(), *map(repr, self.blocks[:_MOST_TOLD]), *self._more(_MOST_TOLD)])

    def _told(self) -> list[str]:
        """The answer, what is explained, and λ."""
        chances = self.output.has_probabilities
        said = [f"{name} {value:.1%}" if chances else f"{name} {value:.4g}" for _index, name, value in self.top(3)]
        explained = _("heat maps explain {name}", name=self.categories[self.target])
        if self.against is not None:
            explained = _(
                "heat maps explain {name} against {other}",
                name=self.categories[self.target],
                other=self.categories[self.against],
            )
        attention = counted("{count} attention", "{count} attentions", len(self.blocks))
        if not self.attends:
            attention = _("no attention, but what SimAM would do")
        elif any(block.e_lambda is not None for block in self.blocks):
            attention += f", {self.lambda_text}"
        return [comma().join(said), explained, attention]

    def _more(self, shown: int) -> list[str]:
        rest = len(self.blocks) - shown
        return [_("and {rest} more", rest=rest)] if rest > 0 else []

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer, and of the last blocks the mean weight and the heat map over the picture."""
        pictures = self.pictures()
        rows = [[(thumbnails.photo(self.view), "")]]
        for block in pictures.blocks[-_MOST_PICTURED:]:
            heat = block.heat_map("Grad-CAM") if block.has_heat_maps else None
            rows.append([*thumbnails.of_block(self.view, block.attention.mean(dim=0), heat), ("", repr(block))])
        return thumbnails.paragraph(self._told()) + thumbnails.table(rows)

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, (K,); of one output, the probabilities of yes and of no, (2,)."""
        return self.output.probabilities(self.logits)

    @property
    def said(self) -> Tensor:
        """What the network says of each class, (K,): its probability, or the value of an answer that is none."""
        return self.probabilities if self.output.has_probabilities else self.logits

    @property
    def lambda_text(self) -> str:
        """“λ = 0.1”, or “each block's own λ”."""
        return lambda_text(self.e_lambda)

    @property
    def impossible(self) -> bool:
        """Whether the network gives the target less than a hundredth of what guessing would: then no heat map of it means much."""
        if not self.output.has_probabilities:
            return False
        return float(self.probabilities[self.target]) < IMPOSSIBLE / len(self.probabilities)

    def top(self, k: int = 5) -> list[tuple[int, str, float]]:
        """The ``k`` most probable classes as (index, name, probability), the most probable first.

        Of an embedding or a regression, whose answers are no probabilities, the greatest values instead.
        """
        values, indices = self.said.topk(min(k, len(self.said)))
        return [(i, self.categories[i], p) for i, p in zip(indices.tolist(), values.tolist(), strict=True)]

    def block(self, name: str) -> Block:
        """The block called ``name``, such as ``"layer1.0"``; ``KeyError`` if there is none.

        A layer in which several attentions stand goes by its own name as well, and then means the last of them: all are
        explained at its output. So does the name of an attention of another network where this one has a single one.
        """
        for block in self.blocks:
            if block.name == name:
                return block
        for block in reversed(self.blocks):
            if block.layer and (block.layer == name or name.startswith(f"{block.layer}.")):
                return block
        raise KeyError(name)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that its blocks take now."""
        return sum(block.nbytes for block in self.blocks)

    def pictures(self, share: float | None = None) -> Analysis:
        """The same with all maps as pictures: see :meth:`Block.picture`.

        Args:
            share: of maps of a 3-D convolution, which slice, from 0 to below 1 of all; ``None`` is the middle.
        """
        if all(block.features.dim() == 3 for block in self.blocks):
            return self
        return dataclasses.replace(
            self,
            blocks=tuple(
                block.picture(None if share is None else int(share * block.features.shape[1])) for block in self.blocks
            ),
        )

    def told_at(self, e_lambda: float | Times | None) -> Analysis:
        """The same at another λ, where the network itself knows none: see :meth:`Block.told_at`."""
        blocks = tuple(block.told_at(e_lambda) for block in self.blocks)
        return dataclasses.replace(self, blocks=blocks, e_lambda=told_lambda(e_lambda, blocks), asked=e_lambda)

    def compacted(self) -> Analysis:
        """The same in a third of the memory, to be kept: see :meth:`Block.compacted`."""
        return dataclasses.replace(self, blocks=tuple(block.compacted() for block in self.blocks))
