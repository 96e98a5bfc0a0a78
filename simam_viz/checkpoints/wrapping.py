"""Anybody's network as something that :func:`simam_viz.analyze` takes, and in words what was found in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn

from ..modules.weighing import Kind
from ..networks import answers, boxes
from ..networks.answers import Output, Question
from ..networks.architectures import residual_blocks
from ..networks.lambdas import own_e_lambda
from ..networks.places import simam_lambdas
from ..networks.probing import Pass, probe
from ..networks.shared import shared_copy
from ..networks.sites import Layers, Steered, steered
from ..photos.images import check_input_size
from ..photos.transforms import IMAGENET_MEAN, IMAGENET_STD, Fit, Interpolation, Transforms
from ..wording import _, counted
from .card import Card
from .found import Found
from .loaded import DEFAULT_E_LAMBDA, LoadedCheckpoint, default_categories

_MOST_PLACES = 5


def wrap(
    model: nn.Module,
    categories: Sequence[str] | None = None,
    input_size: int | None = None,
    *,
    example: Image.Image | Tensor | None = None,
    output: answers.Kind | Literal["auto"] = "auto",
    score: Callable[[Any], Tensor] | None = None,
    layers: str | Sequence[str] | None = None,
    sites: Mapping[str, Kind] | None = None,
    device: str | torch.device | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: float = 1.0,
    interpolation: Interpolation = "bilinear",
    trained_with_simam: bool | None = None,
    name: str = "network",
    verbose: bool = True,
) -> LoadedCheckpoint:
    """Any network as something that :func:`simam_viz.analyze` takes; its weights are shared, not copied, and it stays as it is.

    One forward pass shows what runs in it. Attention is recognised by what a module does, whatever it is called: SimAM with
    its λ, weights a channel or a position, any other gate.

    Args:
        model: any network of convolutions.
        categories: names of its K classes; ``None`` takes those that it carries as ``names``, or calls 1000 of them by
            ImageNet's names. One output answers yes or no: one name is that of its yes (``["defect"]`` stands for “defect” and
            “not defect”), two names are its yes and its no, and ``None`` calls them “yes” and “no”.
        input_size: side of its input in pixels, where no example is given; ``None`` is 224, which is assumed.
        example: a photo, or a tensor (1, C, H, W), or with another number of dimensions from the third on: fixes channels and
            size of the input.
        output: what it answers with: ``"classes"`` (softmax), ``"labels"`` (a sigmoid each), ``"pixels"`` (classes for every
            pixel), ``"boxes"``, ``"embedding"``, ``"regression"``; ``"auto"`` finds out between the first four.
        score: what the network returns → scores (N, K), where ``output`` cannot say.
        layers: names of the modules at which heat maps are taken; ``None`` is, of each attention, the smallest module around
            it that adds its input to what it returns, else its own output.
        sites: attention that is not recognised, by the name of the module: its kind (``"channel"``, ``"position"``,
            ``"gate"``).
        device: where to compute; ``None`` is where the weights are.
        mean, std: normalisation of its input, by channel; ``None`` is ImageNet's, and none at all for ``output="boxes"``.
        crop: share of a photo's centre square that it sees.
        interpolation: how photos are resized.
        trained_with_simam: whether the weights were trained with the attention in place; ``None``: not known.
        name: what to call it.
        verbose: print what was found, which ``repr`` of the result says as well.

    Raises:
        ValueError: what cannot be understood, in one sentence that says what helps: names that do not match the number of
            scores, an answer without scores or without a gradient, a network without feature maps, an input that it does not
            take.
        TypeError: ``model`` is no network.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"A torch.nn.Module is needed, not {type(model).__name__}.")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(
            _("This network is TorchScript, into which nobody can look: give wrap the module that it was made of.")
        )
    copy = shared_copy(model)
    if device is not None:
        copy.to(device)
    detects = boxes.classes_of(copy)
    threshold = boxes.lowered(copy)
    detector = output == "boxes" or (output == "auto" and score is None and detects is not None)
    transforms = _transforms(copy, example, input_size, mean, std, "letterbox" if detector else "square")
    transforms = replace(transforms, crop=crop, interpolation=interpolation)
    x = _example(transforms, example)
    try:
        seen = probe(copy, x, dims=x.dim())
    except Exception as error:
        raise ValueError(
            _(
                "This network does not run on an input of shape {shape}: {reason}. Give wrap an example=… of what it takes.",
                shape=tuple(x.shape),
                reason=(str(error).strip().splitlines() or [type(error).__name__])[0].rstrip("."),
            )
        ) from error
    read = answers.understood(seen.answer, output, score, x.dim(), detects)
    if read.kind == "boxes" and threshold is not None:
        read = replace(read, threshold=threshold)
    if read.kind == "boxes" and not detector:  # which only its answer showed
        detector = True
        other = _transforms(copy, example, input_size, mean, std, "letterbox")
        transforms = replace(other, crop=crop, interpolation=interpolation)
    names, assumed_names = _categories(read, seen.answer, categories, _own_names(copy))
    known = steered(copy, seen, sites)
    heat = _layers(known, seen, layers)
    e_lambda = own_e_lambda(copy) if any(site.kind == "simam" for site in known.sites) else DEFAULT_E_LAMBDA
    card = Card.of({"title": name, "trained_with_simam": trained_with_simam, "simam_at": list(simam_lambdas(copy))})
    entries = {
        "categories": assumed_names,
        "normalisation": mean is None and not detector,
        "input_size": example is None and input_size is None,
        # One number a photo may as well be a value.
        "yes_or_no": output == "auto"
        and read.yes_or_no
        and not read.squashed
        and read.logits(seen.answer).shape[1] == 1,
    }
    assumed = tuple(entry for entry, is_assumed in entries.items() if is_assumed)
    loaded = LoadedCheckpoint(
        *(name, copy, transforms, names, e_lambda, card),
        assumed=tuple(entry for entry in assumed if entry != "yes_or_no"),  # the others are entries of its card
        output=read,
        layers=heat,
        example=example if isinstance(example, Tensor) else None,
    )
    inside = tuple(f"{site.name}." for site in known.sites)
    found = Found(
        known.sites,
        known.left,
        tuple(name for name in seen.weighing if not f"{name}.".startswith(inside)),
        _compiled(copy),
        heat,
        heat.names if heat.shown else tuple(residual_blocks(copy)),
        tuple(x.shape[1:]),
        str(transforms.dtype).removeprefix("torch."),
        transforms.device,
        read,
        len(names),
        assumed,
        uuid.uuid4().hex,
    )
    loaded = replace(loaded, found=found)
    if verbose:
        print(repr(loaded))
    return loaded


def _transforms(
    model: nn.Module,
    example: Image.Image | Tensor | None,
    input_size: int | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    fit: Fit,
) -> Transforms:
    input_size = 224 if input_size is None else input_size
    weights = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(()))
    shape: tuple[int, ...] | None = None
    channels = next((m.in_channels for m in model.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d)), 3)
    if isinstance(example, Tensor):
        if example.dim() < 3 or example.shape[0] != 1:
            raise ValueError(
                _(
                    "example must be a photo or a tensor (1, C, H, W), not one of shape {shape}.",
                    shape=tuple(example.shape),
                )
            )
        channels, shape = example.shape[1], tuple(example.shape[2:])
        input_size = max(shape)
        shape = None if len(set(shape)) == 1 and len(shape) == 2 else shape
    elif example is not None:
        input_size = max(example.size)
        shape = None if fit == "letterbox" or example.width == example.height else (example.height, example.width)
    else:
        check_input_size(input_size)
    if fit == "letterbox":
        usual: tuple[tuple[float, ...], tuple[float, ...]] = (0.0,) * channels, (1.0,) * channels
    elif channels == 3:
        usual = IMAGENET_MEAN, IMAGENET_STD
    else:  # of a grey picture, the mean of the three
        usual = (sum(IMAGENET_MEAN) / 3,) * channels, (sum(IMAGENET_STD) / 3,) * channels
    chosen = tuple(mean) if mean is not None else usual[0], tuple(std) if std is not None else usual[1]
    if {len(chosen[0]), len(chosen[1])} != {channels}:
        raise ValueError(
            _("mean and std must have a number for each of the {channels} channels of the input.", channels=channels)
        )
    return Transforms(input_size, *chosen, shape=shape, fit=fit, dtype=weights.dtype, device=str(weights.device))


def _example(transforms: Transforms, example: Image.Image | Tensor | None) -> Tensor:
    if isinstance(example, Tensor):
        return transforms.given(example)
    if example is not None:
        return transforms(example)[None]
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, transforms.channels, *transforms.size(), generator=generator)
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (transforms.mean, transforms.std))
    return ((noise - mean) / std).to(device=transforms.device, dtype=transforms.dtype)


def _compiled(model: nn.Module) -> tuple[str, ...]:
    """The outermost modules that are TorchScript."""
    found: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) and not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
    return tuple(found)


def _own_names(model: nn.Module) -> tuple[str, ...]:
    """The names of its classes that a network carries itself, as YOLOs do."""
    names = getattr(model, "names", None)
    names = list(names.values()) if isinstance(names, Mapping) else names
    return tuple(names) if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names) else ()


def _categories(
    output: Output, answer: Any, given: Sequence[str] | None, own: tuple[str, ...]
) -> tuple[tuple[str, ...], bool]:
    """The names of the classes, and whether they are assumed."""
    if output.kind == "embedding":
        return ("similarity",) if given is None else tuple(given), False
    scores = output.logits(answer, Question()).shape[1]
    if given is None:
        if output.kind == "regression":
            return tuple(f"value {index}" for index in range(scores)), False
        if len(own) == scores:
            return own, False
        return default_categories(scores) if output.yes_or_no or scores > 1 else ("class 0",), True
    names = answers.both_names(given, output)
    if len(names) != output.names_needed(scores):
        raise ValueError(
            _(
                "{given} names are given, but the network answers with {scores}: name each once, in the network's order.",
                given=len(given),
                scores=counted("{count} score", "{count} scores", scores),
            )
        )
    return names, False


def _layers(known: Steered, seen: Pass, asked: str | Sequence[str] | None) -> Layers:
    if asked is not None:
        names = (asked,) if isinstance(asked, str) else tuple(asked)
        modules = dict(known.model.named_modules())
        for name in names:
            if name not in modules:
                raise ValueError(_("layers: this network has no module called {name!r}.", name=name))
            if name not in seen.maps:
                raise ValueError(
                    _("layers: {name} returns no feature map, so no heat map can be taken there.", name=name)
                )
        return Layers(names, shown=True)
    ours = residual_blocks(known.model)
    names = tuple(name for name, _module in known.model.named_modules() if name in ours or name in seen.adding)
    if known.sites or ours:
        return Layers(names)
    if names:
        return Layers(names, shown=True)
    if seen.tokens or not seen.leaves:
        raise ValueError(
            _(
                "SimAM has no place in this network: it weighs the neurons of a channel by their positions in a feature map "
                "(N, C, H, W), and here features are tokens or single numbers, without a map."
            )
        )
    # The last layer at each resolution; pooling would only repeat what stands before it.
    last: dict[tuple[int, ...], str] = {}
    for name, shape in seen.leaves.items():
        if shape[2:].numel() > 1 and "Pool" not in type(known.model.get_submodule(name)).__name__:
            last[tuple(shape[2:])] = name
    return Layers(tuple(last.values())[-_MOST_PLACES:], shown=True)
