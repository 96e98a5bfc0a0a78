"""What the tensors of an architecture are called and how they are shaped, and in what those of a file differ."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import nn

from ..networks.architectures import ARCHITECTURES, Attention, create_model
from ..networks.outlines import outlined
from ..wording import _, counted, enumeration, later
from .weights_file import Tensors, shape_text, shown

COUNTER = "num_batches_tracked"
"""Batch norm's step counter: of no use after training, so files may leave it out."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one tensor."""

    why: str
    """As it stands beside the tensor's name."""
    told: str
    """The same with its name, as it stands behind a colon."""


@functools.cache
def expected(arch: str, attention: Attention = "none") -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors; the classifier's first dimension, the number of classes, is −1.

    SimAM has none, so the plain network stands for the one with SimAM, too.
    """
    classifier = head(arch).rpartition(".")[0]
    return {
        name: (-1, *tensor.shape[1:]) if name.startswith(f"{classifier}.") else tuple(tensor.shape)
        for name, tensor in _empty(arch, attention).state_dict().items()
    }


@functools.cache
def layers(arch: str) -> frozenset[str]:
    """Names of all convolutions and norms."""
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    return frozenset(name for name, module in _empty(arch, "none").named_modules() if isinstance(module, kinds))


@functools.cache
def _empty(arch: str, attention: Attention) -> nn.Module:
    with outlined():
        model: nn.Module = create_model(arch, attention)
        return model


def head(arch: str) -> str:
    """The name of the weight of its classifier."""
    return "classifier.1.weight" if arch == "mobilenet_v2" else "fc.weight"


def fits(shape: torch.Size, wanted: tuple[int, ...]) -> bool:
    """Whether a tensor's shape is one of :func:`expected`, whatever the number of classes."""
    return len(shape) == len(wanted) and all(w in (-1, n) for n, w in zip(shape, wanted, strict=True))


def problems(arch: str, weights: Tensors, attention: Attention = "none") -> dict[str, Problem]:
    """Tensors that do not fit ``arch`` with that attention, by name."""
    found = {}
    for name, shape in expected(arch, attention).items():
        tensor = weights.get(name)
        if name.endswith(COUNTER):
            continue
        if tensor is None:
            found[name] = problem(name, later("is missing"), later("{tensor} is missing"))
        elif not fits(tensor.shape, shape):
            found[name] = problem(
                name,
                later("has shape {found} where {arch} has {wanted}"),
                later("{tensor} has shape {found} where {arch} has {wanted}"),
                found=shape_text(tensor.shape),
                arch=arch,
                wanted=shape_text(tuple(_("classes") if n == -1 else n for n in shape)),
            )
        elif unusable := useless_values(name, tensor):
            found[name] = unusable
    found |= {name: no_place(name, arch) for name in weights if name not in expected(arch, attention)}
    weight = head(arch)
    bias = weight.removesuffix("weight") + "bias"
    if not {weight, bias} & found.keys() and len(weights[weight]) != len(weights[bias]):
        found[bias] = problem(
            bias,
            later("has {values} values for the {classes} classes of {weight}"),
            later("{tensor} has {values} values for the {classes} classes of {weight}"),
            values=len(weights[bias]),
            classes=len(weights[weight]),
            weight=weight,
        )
    if weight not in found and len(weights[weight]) == 0:
        found[weight] = problem(weight, later("tells no classes apart"), later("{tensor} tells no classes apart"))
    return found


def useless_values(name: str, tensor: torch.Tensor) -> Problem | None:
    """What is wrong with the numbers of a tensor, whatever its shape, where floating-point ones are needed."""
    if not tensor.is_floating_point():
        return problem(
            name,
            later("holds {kind} values, not floating-point numbers"),
            later("{tensor} holds {kind} values, not floating-point numbers"),
            kind=str(tensor.dtype).removeprefix("torch."),
        )
    if name.endswith("running_var") and bool((tensor < 0).any()):
        return problem(
            name,
            later("holds negative variances, which would turn the network's numbers into NaN"),
            later("{tensor} holds negative variances, which would turn the network's numbers into NaN"),
        )
    return None


def no_place(name: str, arch: str) -> Problem:
    """What is wrong with a tensor that ``arch`` does not have."""
    return problem(name, later("has no place in {arch}"), later("{tensor} has no place in {arch}"), arch=arch)


def no_fit_sentence(arch: str, asked_for: bool, likeness: float, weights: Tensors, found: dict[str, Problem]) -> str:
    """Why a file is refused, from :func:`problems` with the architecture that comes closest, or that was asked for.

    Args:
        arch: that architecture.
        asked_for: whether somebody asked for it.
        likeness: the share of the tensors of either side that the other has.
        weights: the file's tensors.
        found: at least one problem.
    """
    if not asked_for and likeness < 0.1:
        return _(
            "These weights fit none of the supported networks ({networks}); the file's first tensors are {tensors}.",
            networks=enumeration(ARCHITECTURES),
            tensors=enumeration(f"{shown(name)} {shape_text(t.shape)}" for name, t in list(weights.items())[:4]),
        )
    problem, others = next(iter(found.values())).told, len(found) - 1
    if not others and asked_for:
        return _("These weights do not fit {arch}: {problem}.", arch=arch, problem=problem)
    if not others:
        return _("These weights do not fit {arch}, which comes closest: {problem}.", arch=arch, problem=problem)
    if asked_for:
        return counted(
            "These weights do not fit {arch}: {problem}, and one more tensor does not fit.",
            "These weights do not fit {arch}: {problem}, and {count} more tensors do not fit.",
            others,
            arch=arch,
            problem=problem,
        )
    return counted(
        "These weights do not fit {arch}, which comes closest: {problem}, and one more tensor does not fit.",
        "These weights do not fit {arch}, which comes closest: {problem}, and {count} more tensors do not fit.",
        others,
        arch=arch,
        problem=problem,
    )


def problem(name: str, why: str, told: str, **places: object) -> Problem:
    """One, from two sentences whose places are still empty; in the second, ``{tensor}`` is the name."""
    return Problem(_(why, **places), _(told, tensor=shown(name), **places))
