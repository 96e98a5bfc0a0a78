"""One image through one network: the 3-D attention of every block and Grad-CAM of every block, in one pass each way."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from . import formulas
from .checkpoints import LoadedCheckpoint
from .models import residual_blocks, set_e_lambda, shared_copy
from .simam import SimAM

QUANTITIES = ("attention weight", "importance", "energy", "feature", "refined feature")
"""What a block can show of its neurons, by the names that stand on screen."""


@dataclass(frozen=True, eq=False)
class Block:
    """What one residual block did with one image. Maps are (C, H, W) unless said otherwise; computed when first read.

    On a network without SimAM, ``features`` is the second convolution's output and everything derived from it is what
    SimAM *would* give there.
    """

    name: str
    features: Tensor
    """What enters SimAM."""
    cam: Tensor
    """Grad-CAM (Selvaraju et al., 2017) of the target at the block's output, (H, W) in [0, 1]."""
    cam_max: float
    """What ``cam`` was divided by, in logits; 0 means that no position speaks for the target and ``cam`` is all zero."""
    simam: SimAM
    """A module that computes these weights."""

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
    """The class that Grad-CAM explains."""
    e_lambda: float
    attends: bool
    """Whether SimAM ran in the network; if not, the blocks' energies and weights are hypothetical."""
    categories: tuple[str, ...]
    blocks: tuple[Block, ...]

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, (K,)."""
        return self.logits.softmax(dim=0)

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


def analyze(
    loaded: LoadedCheckpoint,
    image: Image.Image,
    e_lambda: float | None = None,
    target: int | None = None,
    input_size: int | None = None,
) -> Analysis:
    """Run ``image`` through ``loaded.model`` once forward and once backward, and keep what every block did.

    The model is not changed and no lock is held: hooks and λ live on a copy of its module tree that shares its weights,
    so several threads may analyse with one model at once.

    Args:
        loaded: from :func:`simam_viz.load_checkpoint`.
        image: an RGB image of any size; its centre square is what the network sees.
        e_lambda: λ of every SimAM module; ``None`` is the checkpoint's own.
        target: index of the class that Grad-CAM explains; ``None`` is the predicted class.
        input_size: side of the network's input in pixels; ``None`` is the checkpoint's own.

    Raises:
        ValueError: λ is not above 0, the class does not exist, or the input is smaller than 32 pixels.
        TypeError: the target is not a whole number.
    """
    e_lambda = formulas.check_e_lambda(loaded.e_lambda if e_lambda is None else e_lambda)
    if input_size is not None and input_size < 32:
        raise ValueError(f"The input must be at least 32 pixels wide, not {input_size}.")
    model = shared_copy(loaded.model)
    set_e_lambda(model, e_lambda)
    view = loaded.transforms.view(image, input_size)
    if target is not None:
        target = operator.index(target)
    with torch.inference_mode(False), torch.enable_grad(), _Record(model, e_lambda) as record:
        logits = model(loaded.transforms.tensor(view)[None])[0]
        if target is None:
            target = int(logits.argmax())
        if not 0 <= target < len(logits):
            raise ValueError(f"There is no class {target}; this network knows classes 0 to {len(logits) - 1}.")
        gradients = torch.autograd.grad(logits[target], record.outputs)
    blocks = []
    for site, features, output, gradient in zip(record.sites, record.features, record.outputs, gradients, strict=True):
        cam, cam_max = grad_cam(output.detach()[0], gradient[0])
        blocks.append(Block(site.name, features.detach()[0], cam, cam_max, site.simam))
    return Analysis(view, logits.detach(), target, e_lambda, record.attends, loaded.categories, tuple(blocks))


def grad_cam(activations: Tensor, gradients: Tensor) -> tuple[Tensor, float]:
    """Grad-CAM of one layer: ReLU of the channels' sum, each weighted by its mean gradient, over its own maximum.

    Args:
        activations: (C, H, W).
        gradients: of the target's logit by the activations, (C, H, W).

    Returns:
        The map (H, W) in [0, 1] and the maximum it was divided by; a map without a positive value stays all zero.

    Source: Selvaraju et al., "Grad-CAM", ICCV 2017, Eqs. 1 and 2.
    """
    weights = gradients.mean(dim=(1, 2))
    cam = torch.einsum("c,chw->hw", weights, activations).relu()
    maximum = float(cam.max())
    return (cam / maximum if maximum > 0 else cam), maximum


@dataclass(frozen=True)
class _Site:
    """One block that is watched, and a SimAM that weighs its features as the network does, or would."""

    name: str
    simam: SimAM
    attends: bool


class _Record:
    """Hooks that keep, for every residual block of a private copy, what enters SimAM and what leaves the block.

    Leaving the ``with`` block takes all hooks off, whether or not the pass succeeded.
    """

    def __init__(self, model: nn.Module, e_lambda: float) -> None:
        self.features: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.sites: list[_Site] = []
        self._handles: list[RemovableHandle] = []
        for name, block in residual_blocks(model).items():
            simam = next((module for module in block.modules() if isinstance(module, SimAM)), None)
            # Blocks outlive the copy: they get a SimAM of their own, not one that holds on to the network.
            kind = SimAM if simam is None else type(simam)
            self.sites.append(_Site(name, kind(e_lambda), simam is not None))
            if simam is not None:
                self._handles.append(simam.register_forward_pre_hook(self._keep_input))
            else:
                self._handles.append(block.conv2.register_forward_hook(self._keep_features))
            self._handles.append(block.register_forward_hook(self._keep_output))

    def __enter__(self) -> _Record:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    @property
    def attends(self) -> bool:
        return any(site.attends for site in self.sites)

    def _keep_input(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.features.append(inputs[0])

    def _keep_features(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.features.append(output)

    def _keep_output(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        self.outputs.append(output)
        # The first block's output is where the backward pass ends: nothing before it asks for a gradient.
        return None if output.requires_grad else output.requires_grad_()
