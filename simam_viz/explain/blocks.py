"""What one image did in one network, block by block: features, weights, heat maps, and what follows from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

from PIL import Image
from torch import Tensor

from ..modules import formulas
from ..modules.simam import SimAM
from ..networks import answers
from ..wording import _, later
from .cam import METHODS, HeatMap, over_maximum

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


def lambda_text(e_lambda: float | None) -> str:
    """“λ = 0.1”, or where modules keep different ones (``None``), “each block's own λ”."""
    return _(OWN_LAMBDAS) if e_lambda is None else f"λ = {e_lambda:g}"


@dataclass(frozen=True, eq=False)
class Block:
    """What one residual block did with one image. Maps are (C, H, W) unless said otherwise; computed when first read.

    A block that runs several times in a pass is one of these each time. On a network without SimAM, ``features`` is the
    second convolution's output and everything derived from it is what SimAM *would* give there.
    """

    name: str
    features: Tensor
    """What enters SimAM."""
    activations: Tensor
    """What leaves the block, after the residual sum and ReLU; of another shape than ``features`` in a bottleneck."""
    gradients: Tensor
    """Of what is explained (the target's logit, or its lead over another class's) by the activations."""
    simam: SimAM
    """A module that computes these weights."""

    @property
    def e_lambda(self) -> float:
        """The λ of these weights."""
        return self.simam.e_lambda

    @cached_property
    def _heat_maps(self) -> dict[str, HeatMap]:
        return {}

    def heat_map(self, method: str) -> HeatMap:
        """The heat map of the target at the block's output, (H, W), by one of :data:`simam_viz.explain.cam.METHODS`."""
        if method not in self._heat_maps:
            self._heat_maps[method] = over_maximum(METHODS[method](self.activations, self.gradients))
        return self._heat_maps[method]

    def compacted(self) -> Block:
        """The same with every heat map computed, and without the activations and gradients that they came from."""
        block = dataclasses.replace(
            self,
            features=self.features.clone(),  # of a batch, it would hold on to the whole of it
            activations=self.activations[:0].clone(),
            gradients=self.gradients[:0].clone(),
        )
        block._heat_maps.update({method: self.heat_map(method) for method in METHODS})  # noqa: SLF001  (of its own kind)
        return block

    @property
    def nbytes(self) -> int:
        """Bytes of memory that its tensors take now; more once more of it is read."""
        maps = (value for value in vars(self).values() if isinstance(value, Tensor))
        return sum(tensor.nbytes for tensor in (*maps, *(heat.values for heat in self._heat_maps.values())))

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
        """Minimal energy e* of every neuron (Eq. 5)."""
        return formulas.energy(self.features[None], self.e_lambda)[0]

    @cached_property
    def importance(self) -> Tensor:
        """1/e* of every neuron."""
        return formulas.importance(self.features[None], self.e_lambda)[0]

    @cached_property
    def attention(self) -> Tensor:
        """The weight that every neuron was multiplied by."""
        return self.simam.weights(self.features[None])[0]

    @cached_property
    def refined(self) -> Tensor:
        """What leaves SimAM: features × attention (Eq. 6)."""
        return self.features * self.attention

    def quantity(self, name: str) -> Tensor:
        """One of :data:`QUANTITIES`; ``ValueError`` for any other name."""
        attributes = ("attention", "importance", "energy", "features", "refined")
        values: Tensor = getattr(self, attributes[QUANTITIES.index(name)])
        return values


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
    """Whether SimAM ran in the network; if not, the blocks' energies and weights are hypothetical."""
    categories: tuple[str, ...]
    blocks: tuple[Block, ...]
    against: int | None = None
    """The class that the target is contrasted with, if any."""

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, (K,); of one output, the probabilities of yes and of no, (2,)."""
        return answers.probabilities(self.logits)

    @property
    def lambda_text(self) -> str:
        """“λ = 0.1”, or “each block's own λ”."""
        return lambda_text(self.e_lambda)

    @property
    def impossible(self) -> bool:
        """Whether the network gives the target less than a hundredth of what guessing would: then no heat map of it means much."""
        return float(self.probabilities[self.target]) < IMPOSSIBLE / len(self.probabilities)

    def top(self, k: int = 5) -> list[tuple[int, str, float]]:
        """The ``k`` most probable classes as (index, name, probability), the most probable first."""
        values, indices = self.probabilities.topk(min(k, len(self.probabilities)))
        return [(i, self.categories[i], p) for i, p in zip(indices.tolist(), values.tolist(), strict=True)]

    def block(self, name: str) -> Block:
        """The block called ``name``, such as ``"layer1.0"``; ``KeyError`` if there is none."""
        for block in self.blocks:
            if block.name == name:
                return block
        raise KeyError(name)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that its blocks take now."""
        return sum(block.nbytes for block in self.blocks)

    def compacted(self) -> Analysis:
        """The same in a third of the memory, to be kept: see :meth:`Block.compacted`."""
        return dataclasses.replace(self, blocks=tuple(block.compacted() for block in self.blocks))
