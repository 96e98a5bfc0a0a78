"""The same image under several attentions, all with the same weights and the same target."""

from __future__ import annotations

import dataclasses
from typing import Literal

from PIL import Image
from torch import nn

from .analysis import Analysis, analyze
from .checkpoints import LoadedCheckpoint
from .models import replace_modules, shared_copy
from .simam import SimAM, UniformSimAM

Variant = Literal["on", "uniform", "off"]
VARIANTS: tuple[Variant, ...] = ("on", "uniform", "off")


def with_attention(loaded: LoadedCheckpoint, variant: Variant) -> LoadedCheckpoint:
    """The same weights with SimAM ``"on"``, made ``"uniform"`` over positions, or switched ``"off"``.

    Uniform gives every neuron its channel's mean weight, so that scale stays and selection in space goes. Off removes
    SimAM; batch norm then sees a scale it never saw in training.
    """
    if variant == "on":
        return loaded
    model = shared_copy(loaded.model)
    if variant == "uniform":
        replace_modules(model, SimAM, lambda simam: UniformSimAM(simam.e_lambda))
    elif variant == "off":
        replace_modules(model, SimAM, lambda simam: nn.Identity())
    else:
        raise ValueError(f'variant must be "on", "uniform" or "off", not {variant!r}.')
    return dataclasses.replace(loaded, model=model)


def compare(
    loaded: LoadedCheckpoint,
    image: Image.Image,
    e_lambda: float | None = None,
    target: int | None = None,
    input_size: int | None = None,
) -> dict[Variant, Analysis]:
    """Analyse ``image`` under every variant of :data:`VARIANTS`; arguments as :func:`simam_viz.analyze` takes them.

    Without a target, all explain the class that the network with attention on predicts.
    """
    analyses: dict[Variant, Analysis] = {}
    for variant in VARIANTS:
        analyses[variant] = analyze(with_attention(loaded, variant), image, e_lambda, target, input_size)
        target = analyses[variant].target
    return analyses
