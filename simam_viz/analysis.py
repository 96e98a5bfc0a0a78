"""One image through one network: the 3-D attention of every block and its heat maps, in one pass each way."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from . import formulas
from .cam import METHODS, HeatMap, over_maximum
from .checkpoints import LoadedCheckpoint
from .images import ImageSource, check_input_size
from .models import Site, Stem, begin_behind, set_e_lambda, shared_copy, sites, stem
from .simam import EachSimAM, SimAM

QUANTITIES = ("attention weight", "importance", "energy", "feature", "refined feature")
"""What a block can show of its neurons, by the names that stand on screen."""


IMPOSSIBLE = 0.01
"""A class counts as impossible below this share of the probability that guessing gives it."""


@dataclass(frozen=True, eq=False)
class Block:
    """What one residual block did with one image. Maps are (C, H, W) unless said otherwise; computed when first read.

    On a network without SimAM, ``features`` is the second convolution's output and everything derived from it is what
    SimAM *would* give there.
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

    @cached_property
    def _heat_maps(self) -> dict[str, HeatMap]:
        return {}

    def heat_map(self, method: str) -> HeatMap:
        """The heat map of the target at the block's output, (H, W), by one of :data:`simam_viz.cam.METHODS`."""
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
        block._heat_maps.update({method: self.heat_map(method) for method in METHODS})
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
        return formulas.energy(self.features[None], self.simam.e_lambda)[0]

    @cached_property
    def importance(self) -> Tensor:
        """1/e* of every neuron."""
        return formulas.importance(self.features[None], self.simam.e_lambda)[0]

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
        return getattr(self, attributes[QUANTITIES.index(name)])


@dataclass(frozen=True, eq=False)
class Analysis:
    """One image as one network saw it, at one λ."""

    view: Image.Image
    """The crop the network saw, at the size of its input; every map lies on it."""
    logits: Tensor
    target: int
    """The class that the heat maps explain."""
    e_lambda: float
    attends: bool
    """Whether SimAM ran in the network; if not, the blocks' energies and weights are hypothetical."""
    categories: tuple[str, ...]
    blocks: tuple[Block, ...]
    against: int | None = None
    """The class that the target is contrasted with, if any."""

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, (K,)."""
        return self.logits.softmax(dim=0)

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


@dataclass(frozen=True, eq=False)
class Prepared:
    """One image on its way into one network, as far as no λ reaches: to be analysed at any number of λ."""

    view: Image.Image
    """The crop that the network sees."""
    x: Tensor
    """That crop as the network's input, (1, 3, S, S)."""
    stem: Stem | None
    """What the network makes of it before its first SimAM; ``None`` where that is not known."""


def prepare(loaded: LoadedCheckpoint, image: ImageSource, input_size: int | None = None) -> Prepared:
    """What all analyses of one image by the same weights have in common. Arguments and errors as :func:`analyze`."""
    if input_size is not None:
        check_input_size(input_size)
    view = loaded.transforms.view(image, input_size)
    model = loaded.model
    if any(module.training for module in model.modules()):
        model = shared_copy(model)
    # Plain tensors, which a later pass with gradients may take: not those of whoever calls this in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        x = loaded.transforms.tensor(view)[None]
        return Prepared(view, x, stem(model, x))


def analyze(
    loaded: LoadedCheckpoint,
    image: ImageSource | Prepared,
    e_lambda: float | None = None,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
) -> Analysis:
    """Run ``image`` through ``loaded.model`` once forward and once backward, and keep what every block did.

    The model is not changed and no lock is held: hooks and λ live on a copy of its module tree that shares its weights,
    so several threads may analyse with one model at once.

    Args:
        loaded: from :func:`simam_viz.load_checkpoint`.
        image: an image of any size, of which the network sees the centre square: whatever :func:`simam_viz.open_image`
            takes (a path, a file's bytes, a PIL image of any mode, an array), read by it; or what :func:`prepare` made of
            one for the same weights, which spares the share of the work that no λ changes.
        e_lambda: λ of every SimAM module; ``None`` is the checkpoint's own.
        target: index of the class that heat maps explain; ``None`` is the predicted class.
        input_size: side of the network's input in pixels; ``None`` is the checkpoint's own, or what the image was
            prepared for.
        against: index of a class to contrast the target with: what is explained is then logit[target] − logit[against].

    Raises:
        ValueError: λ is not above 0, a class does not exist, both are the same, the input is smaller than 32 or larger than
            4,096 pixels, or the image cannot be read (:class:`simam_viz.ImageError`).
        TypeError: a class is not a whole number, or the image is of no such type.
    """
    at = loaded.e_lambda if e_lambda is None else e_lambda
    return analyze_lambdas(loaded, image, [at], target, input_size, against)[0]


def analyze_lambdas(
    loaded: LoadedCheckpoint,
    image: ImageSource | Prepared,
    e_lambdas: Sequence[float],
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
) -> list[Analysis]:
    """:func:`analyze` at several λ with one pass each way, as a batch: quicker than one by one, in as much more memory.

    Arguments and errors as there. Without a target, each analysis explains the class predicted at its own λ.
    """
    return analyze_together([(loaded, e_lambda) for e_lambda in e_lambdas], image, target, input_size, against)


def analyze_together(
    networks: Sequence[tuple[LoadedCheckpoint, float]],
    image: ImageSource | Prepared,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
    *,
    one_target: bool = False,
) -> list[Analysis]:
    """:func:`analyze` one image under several attentions with one pass each way, as a batch.

    Arguments and errors as there, and:

    Args:
        networks: networks with the λ of each. They share all their weights, and may differ in what stands in the place of
            SimAM (see :func:`simam_viz.comparison.with_attention`).
        one_target: without a target, all explain the class that the first predicts, and not each its own.
    """
    e_lambdas = [formulas.check_e_lambda(e_lambda) for _, e_lambda in networks]
    if not networks:
        return []
    loaded = networks[0][0]
    prepared = image if isinstance(image, Prepared) else prepare(loaded, image, input_size)
    model = _one_model([network.model for network, _ in networks], e_lambdas)
    if prepared.stem is not None:
        begin_behind(model, prepared.stem, len(networks))
    target, against = (None if index is None else operator.index(index) for index in (target, against))
    with torch.inference_mode(False), torch.enable_grad(), _Record(model, e_lambdas) as record:
        logits = model(prepared.x.expand(len(networks), -1, -1, -1))
        for index in (target, against):
            if index is not None and not 0 <= index < logits.shape[1]:
                raise ValueError(f"There is no class {index}; this network knows classes 0 to {logits.shape[1] - 1}.")
        targets = logits.argmax(dim=1).tolist()
        if target is not None or one_target:
            targets = [targets[0] if target is None else target] * len(networks)
        if against in targets:
            raise ValueError(f"Class {against} cannot be contrasted with itself; choose another class.")
        explained = logits[range(len(targets)), targets]
        if against is not None:
            explained = explained - logits[:, against]
        # No image of the batch has any part in another's logits: the sum's gradients are each image's own.
        gradients = torch.autograd.grad(explained.sum(), record.outputs)
    return [
        Analysis(
            prepared.view,
            logits[i].detach(),
            targets[i],
            e_lambda,
            record.attends(i),
            loaded.categories,
            tuple(
                Block(site.name, features[i].detach(), output[i].detach(), gradient[i], site.simams[i])
                for site, features, output, gradient in zip(
                    record.sites, record.features, record.outputs, gradients, strict=True
                )
            ),
            against,
        )
        for i, e_lambda in enumerate(e_lambdas)
    ]


def _one_model(models: Sequence[nn.Module], e_lambdas: Sequence[float]) -> nn.Module:
    """A private copy of what the ``models`` share, with the attention of each, at its λ, for each image of a batch."""
    whole = shared_copy(models[0])
    if len(models) == 1:
        set_e_lambda(whole, e_lambdas[0])
        return whole
    different = dict.fromkeys(models)
    places = dict.fromkeys(name for model in different for name, m in model.named_modules() if isinstance(m, SimAM))
    for place in places:
        each = [shared_copy(model.get_submodule(place)) for model in models]
        for one, e_lambda in zip(each, e_lambdas, strict=True):
            set_e_lambda(one, e_lambda)
        whole.set_submodule(place, EachSimAM(each))
    return whole


@dataclass(frozen=True)
class _Site:
    """One block that is watched, and for each image a SimAM that weighs its features as the network does, or would."""

    name: str
    simams: tuple[SimAM, ...]
    attends: tuple[bool, ...]
    """For each image, whether the network does."""


class _Record:
    """Hooks that keep, for every site of a private copy, what enters SimAM and what leaves the block around it.

    Leaving the ``with`` block takes all hooks off, whether or not the pass succeeded. ``sites``, ``features`` and
    ``outputs`` run in parallel, in the order in which the pass reached them.
    """

    def __init__(self, model: nn.Module, e_lambdas: Sequence[float]) -> None:
        self._sites: dict[str, _Site] = {}
        self._features: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []
        for site in sites(model):
            each = site.simam.each if isinstance(site.simam, EachSimAM) else [site.simam] * len(e_lambdas)
            # Blocks outlive the copy: they get a SimAM of their own, from before it is hooked.
            simams = [shared_copy(one) if isinstance(one, SimAM) else SimAM() for one in each]
            for simam, e_lambda in zip(simams, e_lambdas, strict=True):
                simam.e_lambda = e_lambda
            attends = tuple(isinstance(one, SimAM) for one in each)
            self._sites[site.name] = _Site(site.name, tuple(simams), attends)
            self._watch(site)
        if not self._sites:
            raise ValueError(
                "This network has no SimAM and no residual block: put SimAM into it with simam_viz.insert_simam."
            )

    def __enter__(self) -> _Record:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    @property
    def sites(self) -> list[_Site]:
        return [self._sites[name] for name in self._outputs]

    @property
    def features(self) -> list[Tensor]:
        return [self._features[name] for name in self._outputs]

    @property
    def outputs(self) -> list[Tensor]:
        return list(self._outputs.values())

    def attends(self, image: int) -> bool:
        """Whether SimAM ran anywhere in the network for one image of the batch."""
        return any(site.attends[image] for site in self._sites.values())

    def _watch(self, site: Site) -> None:
        def keep_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._features[site.name] = inputs[0]

        def keep_features(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._features[site.name] = output

        def keep_output(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            # The first block's output is where the backward pass ends: nothing before it asks for a gradient.
            kept = self._outputs[site.name] = output if output.requires_grad else output.requires_grad_()
            # In a network that is not ours, the next layer may overwrite what it is given.
            return None if site.within_block else kept.clone()

        if site.simam is not None:
            self._handles.append(site.simam.register_forward_pre_hook(keep_input))
        else:
            self._handles.append(site.convolution.register_forward_hook(keep_features))
        self._handles.append(site.output.register_forward_hook(keep_output))
