"""One image through one network: the 3-D attention of every block and its heat maps, in one pass each way."""

from __future__ import annotations

import dataclasses
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..checkpoints.loading import DEFAULT_E_LAMBDA, LoadedCheckpoint
from ..modules import formulas
from ..modules.simam import EachSimAM, RemovedSimAM, SimAM
from ..networks import answers
from ..networks.architectures import (
    Stem,
    attending_modules,
    begin_behind,
    common_e_lambda,
    is_ours,
    own_buffers,
    residual_blocks,
    set_e_lambda,
    shared_copy,
    stem,
    weights_memory,
)
from ..photos.images import ImageSource, check_input_size
from .cam import METHODS, HeatMap, over_maximum

QUANTITIES = ("attention weight", "importance", "energy", "feature", "refined feature")
"""What a block can show of its neurons, by the names that stand on screen."""


IMPOSSIBLE = 0.01
"""A class counts as impossible below this share of the probability that guessing gives it."""

OWN_LAMBDAS = "each block's own λ"
"""How it is called in a sentence that every SimAM module keeps a λ of its own."""


def lambda_text(e_lambda: float | None) -> str:
    """“λ = 0.1”, or where modules keep different ones (``None``), “each block's own λ”."""
    return OWN_LAMBDAS if e_lambda is None else f"λ = {e_lambda:g}"


def distinct_uses(names: Sequence[str]) -> list[str]:
    """The names of modules in the order in which they ran, each made its own: “neck.simam”, “neck.simam, 2nd use”."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}, {_ordinal(seen[name])} use")
    return distinct


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 11 <= number % 100 <= 13 else ending}"


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
        return getattr(self, attributes[QUANTITIES.index(name)])


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


@dataclass(frozen=True, eq=False)
class Prepared:
    """One image on its way into one network, as far as no λ reaches: to be analysed at any number of λ."""

    view: Image.Image
    """The crop that the network sees."""
    x: Tensor
    """That crop as the network's input, (1, 3, S, S)."""
    stem: Stem | None
    """What the network makes of it before its first SimAM; ``None`` where that is not known."""
    made_for: tuple[object, ...]
    """Tells for which weights, and for which normalisation of the input."""


def prepare(loaded: LoadedCheckpoint, image: ImageSource, input_size: int | None = None) -> Prepared:
    """What all analyses of one image by the same weights have in common. Arguments and errors as :func:`analyze`."""
    return Prepared(*_begun(loaded, image, input_size), _made_for(loaded))


def _begun(
    loaded: LoadedCheckpoint, image: ImageSource, input_size: int | None
) -> tuple[Image.Image, Tensor, Stem | None]:
    if input_size is not None:
        check_input_size(input_size)
    view = loaded.transforms.view(image, input_size)
    model = loaded.model
    if any(module.training for module in model.modules()):
        model = shared_copy(model)
    # Plain tensors, which a later pass with gradients may take: not those of whoever calls this in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        x = loaded.transforms.tensor(view)[None]
        return view, x, stem(model, x)


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
        e_lambda: λ of every SimAM module; ``None`` leaves each its own.
        target: index of the class that heat maps explain; ``None`` is the predicted class. Of one output, 0 is yes and 1
            is no, whose heat map explains −logit.
        input_size: side of the network's input in pixels; ``None`` is the checkpoint's own, or what the image was
            prepared for.
        against: index of a class to contrast the target with: what is explained is then logit[target] − logit[against].

    Raises:
        ValueError: λ is not one that SimAM takes, a class does not exist, both are the same or the two answers of one output
            (each is the other's opposite already), the input is smaller than 32 or larger than 4,096 pixels, the image cannot
            be read (:class:`simam_viz.ImageError`), it was prepared for other weights or another size, or no SimAM took part.
        TypeError: a class is not a whole number, or the image is of no such type.
    """
    return analyze_lambdas(loaded, image, [e_lambda], target, input_size, against)[0]


def analyze_lambdas(
    loaded: LoadedCheckpoint,
    image: ImageSource | Prepared,
    e_lambdas: Sequence[float | None],
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
) -> list[Analysis]:
    """:func:`analyze` at several λ with one pass each way, as a batch: quicker than one by one, in as much more memory.

    Arguments and errors as there. Without a target, each analysis explains the class predicted at its own λ.
    """
    return analyze_together([(loaded, e_lambda) for e_lambda in e_lambdas], image, target, input_size, against)


def analyze_together(
    networks: Sequence[tuple[LoadedCheckpoint, float | None]],
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
        networks: networks with the λ of each. They share all their weights, in the same memory, and may differ in what
            stands in the place of SimAM (see :func:`simam_viz.explain.variants.with_attention`).
        one_target: without a target, all explain the class that the first predicts, and not each its own.

    Raises:
        ValueError: the networks do not share their weights; they must be analysed one by one.
    """
    for _, e_lambda in networks:
        if e_lambda is not None:
            formulas.check_e_lambda(e_lambda)
    if not networks:
        return []
    loaded = networks[0][0]
    _check_shared([network.model for network, _ in networks])
    prepared = _prepared(loaded, image, input_size)
    target, against = (None if index is None else operator.index(index) for index in (target, against))
    explained_alone: set[str] = set()
    while True:
        model = _one_model(networks)
        if prepared.stem is not None:
            begin_behind(model, prepared.stem, len(networks))
        with torch.inference_mode(False), torch.enable_grad(), _Record(model, networks, explained_alone) as record:
            logits = model(prepared.x.expand(len(networks), -1, -1, -1))
            # What a module does twice within a block is known only when it has done it.
            if record.several <= explained_alone:
                break
            explained_alone |= record.several
    if not record.uses:
        raise ValueError("None of this network's SimAM modules took part in its answer, so there is nothing to show.")
    with torch.inference_mode(False), torch.enable_grad():
        scores = answers.scores(logits)
        classes = scores.shape[1]
        for index in (target, against):
            if index is not None and not 0 <= index < classes:
                raise ValueError(f"There is no class {index}; this network knows classes 0 to {classes - 1}.")
        targets = scores.argmax(dim=1).tolist()
        if target is not None or one_target:
            targets = [targets[0] if target is None else target] * len(networks)
        if against in targets:
            raise ValueError(f"Class {against} cannot be contrasted with itself; choose another class.")
        explained = scores[range(len(targets)), targets]
        if against is not None:
            if logits.shape[1] == 1:
                raise ValueError("With one output, yes is the opposite of no already: there is nothing to contrast.")
            explained = explained - scores[:, against]
        if not explained.requires_grad:
            raise ValueError(
                "No heat map can be made: this network's answer does not depend on what SimAM gives, or its forward pass "
                "switches gradients off."
            )
        # No image of the batch has any part in another's logits: the sum's gradients are each image's own.
        gradients = torch.autograd.grad(explained.sum(), [use.output for use in record.uses], materialize_grads=True)
    analyses = []
    for i, (network, e_lambda) in enumerate(networks):
        blocks = tuple(
            Block(name, use.features[i].detach(), use.output[i].detach(), gradient[i], use.simams[i])
            for (name, use), gradient in zip(record.named_uses(), gradients, strict=True)
        )
        at = common_e_lambda(block.e_lambda for block in blocks) if e_lambda is None else float(e_lambda)
        analyses.append(
            Analysis(
                prepared.view,
                logits[i].detach(),
                targets[i],
                at,
                record.attends(i),
                network.categories,
                blocks,
                against,
            )
        )
    return analyses


def _prepared(loaded: LoadedCheckpoint, image: ImageSource | Prepared, input_size: int | None) -> Prepared:
    """The image on its way into one network; ``ValueError`` if it was prepared for another one, or another size."""
    if not isinstance(image, Prepared):
        return Prepared(*_begun(loaded, image, input_size), ())  # for this once
    if image.made_for != _made_for(loaded):
        raise ValueError("This image was prepared for other weights, or another normalisation: prepare it for these.")
    if input_size not in (None, image.view.width):
        raise ValueError(f"This image was prepared at {image.view.width} pixels, not at {input_size}.")
    return image


def _made_for(loaded: LoadedCheckpoint) -> tuple[object, ...]:
    return weights_memory(loaded.model), loaded.transforms.mean, loaded.transforms.std


def _check_shared(models: Sequence[nn.Module]) -> None:
    """``ValueError`` unless the models are one, but for what stands in the place of SimAM in any of them."""
    first, *others = dict.fromkeys(models)
    if not others:
        return
    places = _places([first, *others])
    expected = weights_memory(first, places)
    if any(weights_memory(other, places) != expected for other in others):
        raise ValueError(
            "These networks do not share their weights, or differ in more than their attention: analyse them one by one."
        )


def _places(models: Iterable[nn.Module]) -> list[str]:
    """The names of all places where any of the models has SimAM; one module may stand in several."""
    names = (
        name for model in models for name, m in model.named_modules(remove_duplicate=False) if isinstance(m, SimAM)
    )
    return list(dict.fromkeys(names))


def _one_model(networks: Sequence[tuple[LoadedCheckpoint, float | None]]) -> nn.Module:
    """A private copy of what the networks share, with the attention of each, at its λ, for each image of a batch."""
    models, e_lambdas = [network.model for network, _ in networks], [e_lambda for _, e_lambda in networks]
    whole = shared_copy(models[0])
    own_buffers(whole)
    if len(models) == 1:
        set_e_lambda(whole, e_lambdas[0])
        return whole
    made: dict[tuple[nn.Module, ...], EachSimAM] = {}
    for place in _places(dict.fromkeys(models)):
        there = tuple(model.get_submodule(place) for model in models)
        if there not in made:
            each = [shared_copy(module) for module in there]
            for one, e_lambda in zip(each, e_lambdas, strict=True):
                set_e_lambda(one, e_lambda)
            made[there] = EachSimAM(each)
        whole.set_submodule(place, made[there])
    return whole


@dataclass(frozen=True, eq=False)
class _Use:
    """One time that SimAM, or what stands for it, ran in a pass. The first dimension is the batch."""

    name: str
    features: Tensor
    """What entered SimAM."""
    output: Tensor
    """What heat maps are taken of."""
    simams: tuple[SimAM, ...]
    """For each image, a SimAM that weighs the features as the network does, or would."""


class _Record:
    """Hooks that keep, whenever SimAM runs in a private copy, what enters it and what leaves the block around it.

    A residual block in which SimAM runs once gives the use its name and its output. Where SimAM runs several times in one
    block, or outside of any, each use is explained at its own output. Leaving the ``with`` block takes all hooks off, whether
    or not the pass succeeded.

    Args:
        explained_alone: names of modules that run several times in one block, as a pass before has shown.
    """

    def __init__(
        self, model: nn.Module, networks: Sequence[tuple[LoadedCheckpoint, float | None]], explained_alone: set[str]
    ) -> None:
        self.uses: list[_Use] = []
        """In the order in which the pass reached their outputs."""
        self.several: set[str] = set()
        """Names of modules that ran several times in one block."""
        self._ours = is_ours(model)
        self._entered: list[list[tuple[str, Tensor]]] = []
        """For every residual block that is running, what has entered SimAM in it."""
        self._simams: dict[str, tuple[SimAM, ...]] = {}
        self._attends: list[bool] = [False] * len(networks)
        self._handles: list[RemovableHandle] = []
        attending = attending_modules(model)
        blocks = residual_blocks(model)
        around = {module: block for block in blocks.values() for module in block.modules()}
        in_block = Counter(around[module] for module in attending if module in around)
        for module, name in attending.items():
            each = module.each if isinstance(module, EachSimAM) else [module] * len(networks)
            self._simams[name] = _simams(each, networks)
            self._attends = [so_far or isinstance(one, SimAM) for so_far, one in zip(self._attends, each, strict=True)]
            alone = in_block[around.get(module)] != 1 or name in explained_alone
            self._watch(module, name, alone)
        for name, block in blocks.items():
            self._watch_block(block, name)
        if not attending:
            raise ValueError(
                "This network has no SimAM and no residual block: put SimAM into it with simam_viz.insert_simam."
            )

    def __enter__(self) -> _Record:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def attends(self, image: int) -> bool:
        """Whether SimAM is anywhere in the network for one image of the batch."""
        return self._attends[image]

    def named_uses(self) -> list[tuple[str, _Use]]:
        """The uses, each by a name of its own: the second of one module is called “…, 2nd use”."""
        return list(zip(distinct_uses([use.name for use in self.uses]), self.uses, strict=True))

    def _watch(self, module: nn.Module, name: str, alone: bool) -> None:
        def keep(
            module: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor
        ) -> Tensor | None:
            features = (*inputs, *named.values())[0] if isinstance(module, (SimAM, RemovedSimAM)) else output
            if not self._ours:  # the next layer may overwrite what it is given
                features = features.clone()
            if alone or not self._entered:
                return self._keep(name, name, features, output)
            self._entered[-1].append((name, features))
            return None

        self._handles.append(module.register_forward_hook(keep, with_kwargs=True))

    def _watch_block(self, block: nn.Module, name: str) -> None:
        def enter(block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._entered.append([])

        def leave(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            entered = self._entered.pop()
            if len(entered) > 1:
                self.several |= {module for module, _ in entered}
            if len(entered) != 1:
                return None
            ((module, features),) = entered
            return self._keep(name, module, features, output)

        self._handles += [block.register_forward_pre_hook(enter), block.register_forward_hook(leave)]

    def _keep(self, name: str, module: str, features: Tensor, output: Tensor) -> Tensor | None:
        """Keep one use of a module; what it gives is to be handed on, if not ``None``."""
        if not self._ours:  # whoever has a hand on it, or is given it, may overwrite it
            output = output.clone()
        # The first output is where the backward pass ends: nothing before it asks for a gradient.
        output = output if output.requires_grad else output.requires_grad_()
        self.uses.append(_Use(name, features, output, self._simams[module]))
        return None if self._ours else output.clone()


def _simams(each: Sequence[nn.Module], networks: Sequence[tuple[LoadedCheckpoint, float | None]]) -> tuple[SimAM, ...]:
    """For each image, a SimAM that weighs as the network does (its own, of the private copy), or would."""
    found = []
    for one, (network, e_lambda) in zip(each, networks, strict=True):
        if isinstance(one, SimAM):
            found.append(one)
            continue
        own = one.e_lambda if isinstance(one, RemovedSimAM) else network.e_lambda
        found.append(SimAM(next(at for at in (e_lambda, own, DEFAULT_E_LAMBDA) if at is not None)))
    return tuple(found)
