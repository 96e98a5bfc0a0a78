"""Named tensors → which network they belong to, under torchvision's names, and what fitted and what did not."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import torch
from torch import Tensor

from .models import ARCHITECTURES, create_model
from .weights_file import CheckpointError, shape_text, shown

_COUNTER = "num_batches_tracked"  # batch norm's step counter: of no use after training, so files may leave it out
_PREFIXES = {
    "module.": "“module.” taken off every name: PyTorch's DataParallel put it there",
    "_orig_mod.": "“_orig_mod.” taken off every name: torch.compile put it there",
    "model.": "“model.” taken off every name",
}
# The authors' networks hold SimAM in a Sequential, which numbers what stands in it.
_AUTHORS = (
    (
        re.compile(r"(layer\d+\.\d+\.conv2)\.0\.(weight)"),
        r"\1.\2",
        "conv2.0 read as conv2: the authors put SimAM into one Sequential with the second convolution",
        True,
    ),
    (
        re.compile(r"(features\.\d+\.conv\.\d+)\.2\.(weight|bias|running_mean|running_var|num_batches_tracked)"),
        r"\1.1.\2",
        "the depthwise convolution's batch norm moved from place 2 to place 1: in the authors' network SimAM stands between",
        True,
    ),
    (
        re.compile(r"classifier\.0\.(weight|bias)"),
        r"classifier.1.\1",
        "classifier.0 read as classifier.1: the authors' network has no dropout before it",
        False,
    ),
)
_PROFILER = re.compile(r"(.*\.)?total_(ops|params)")


@dataclass(frozen=True)
class Match:
    """How the tensors of a file fitted a network."""

    matched: int
    """Tensors of the network that the file had."""
    expected: int
    """Tensors that the network has."""
    translations: tuple[str, ...]
    """What was done to the names."""
    unused: dict[str, str]
    """Tensors of the file that the network has no use for: name → why."""
    filled: dict[str, str]
    """Tensors of the network that the file left out: name → what stands there instead."""


@dataclass(frozen=True)
class Recognised:
    """A network that tensors belong to."""

    arch: str
    num_classes: int
    weights: dict[str, Tensor]
    """Under torchvision's names, complete."""
    has_simam: bool
    """Whether the names themselves show that SimAM was in the network; if not, it may have been all the same."""
    match: Match


def recognise(tensors: dict[str, Tensor], arch: str | None = None) -> Recognised:
    """Find the architecture whose names and shapes fit exactly, whatever the number of classes.

    Args:
        tensors: by the names in the file: torchvision's, or those of the SimAM authors' networks.
        arch: the only architecture to consider; ``None`` considers all of :data:`simam_viz.models.ARCHITECTURES`.

    Raises:
        CheckpointError: none fits; the message and ``problems`` say which tensors do not, for the closest one.
    """
    if arch is not None and arch not in ARCHITECTURES:
        raise CheckpointError(f"There is no architecture {shown(str(arch))}; choose one of {', '.join(ARCHITECTURES)}.")
    weights, translations, has_simam = _translated(tensors)
    unused = {name: "a profiler's counter, no weight" for name in weights if _PROFILER.fullmatch(name)}
    weights = {name: tensor for name, tensor in weights.items() if name not in unused}
    chosen = arch or max(ARCHITECTURES, key=lambda each: _likeness(each, weights))
    problems = _problems(chosen, weights)
    if problems:
        raise CheckpointError(_sentence(chosen, arch is not None, weights, problems), tuple(problems.items()))
    expected = _expected(chosen)
    counters = {name: torch.tensor(0) for name in expected if name.endswith(_COUNTER) and name not in weights}
    match = Match(
        len(weights), len(expected), translations, unused, dict.fromkeys(counters, "0: not needed after training")
    )
    return Recognised(chosen, weights[_head(chosen)].shape[0], weights | counters, has_simam, match)


def _translated(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...], bool]:
    weights, done, has_simam = dict(tensors), [], False
    while prefix := next((p for p in _PREFIXES if weights and all(name.startswith(p) for name in weights)), None):
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
        done.append(_PREFIXES[prefix])
    for pattern, replacement, sentence, shows_simam in _AUTHORS:
        renamed = {name: pattern.sub(replacement, name) if pattern.fullmatch(name) else name for name in weights}
        changed = [name for name in weights if renamed[name] != name]
        # Never on top of a tensor that is there already: such a file is not the authors'.
        if changed and len(set(renamed.values())) == len(renamed):
            weights = {renamed[name]: tensor for name, tensor in weights.items()}
            done.append(f"{sentence} ({len(changed)} tensors)")
            has_simam |= shows_simam
    return weights, tuple(done), has_simam


@functools.cache
def _expected(arch: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors; the classifier's first dimension, the number of classes, is −1."""
    with torch.device("meta"):
        model = create_model(arch)
    head = _head(arch).rpartition(".")[0]
    return {
        name: (-1, *tensor.shape[1:]) if name.startswith(f"{head}.") else tuple(tensor.shape)
        for name, tensor in model.state_dict().items()
    }


def _head(arch: str) -> str:
    return "classifier.1.weight" if arch == "mobilenet_v2" else "fc.weight"


def _likeness(arch: str, weights: dict[str, Tensor]) -> float:
    """Share of the tensors of either side that the other has with the same shape."""
    expected = _expected(arch)
    same = sum(name in expected and _fits(tensor.shape, expected[name]) for name, tensor in weights.items())
    return same / max(len(expected.keys() | weights.keys()), 1)


def _fits(shape: torch.Size, expected: tuple[int, ...]) -> bool:
    return len(shape) == len(expected) and all(e in (-1, n) for n, e in zip(shape, expected, strict=True))


def _problems(arch: str, weights: dict[str, Tensor]) -> dict[str, str]:
    """Tensors that do not fit ``arch``: name → why."""
    expected = _expected(arch)
    problems = {}
    for name, shape in expected.items():
        tensor = weights.get(name)
        if tensor is None:
            if not name.endswith(_COUNTER):
                problems[name] = "is missing"
        elif not _fits(tensor.shape, shape):
            wanted = shape_text(tuple("classes" if n == -1 else n for n in shape))
            problems[name] = f"has shape {shape_text(tensor.shape)} where {arch} has {wanted}"
        elif not tensor.is_floating_point() and not name.endswith(_COUNTER):
            problems[name] = f"holds {str(tensor.dtype).removeprefix('torch.')} values, not floating-point numbers"
        elif name.endswith("running_var") and bool((tensor < 0).any()):
            problems[name] = "holds negative variances, which would turn the network's numbers into NaN"
    problems |= {name: f"has no place in {arch}" for name in weights if name not in expected}
    head = _head(arch)
    bias = head.removesuffix("weight") + "bias"
    if not {head, bias} & problems.keys() and len(weights[head]) != len(weights[bias]):
        problems[bias] = f"has {len(weights[bias])} values for the {len(weights[head])} classes of {head}"
    if head not in problems and len(weights[head]) == 0:
        problems[head] = "tells no classes apart"
    return problems


def _sentence(arch: str, asked_for: bool, weights: dict[str, Tensor], problems: dict[str, str]) -> str:
    if not asked_for and _likeness(arch, weights) < 0.1:
        some = ", ".join(f"{shown(name)} {shape_text(t.shape)}" for name, t in list(weights.items())[:4])
        return f"These weights fit none of the supported networks ({', '.join(ARCHITECTURES)}); the file's first tensors are {some}."
    first, why = next(iter(problems.items()))
    others = len(problems) - 1
    more = {0: "", 1: ", and one more tensor does not fit"}.get(others, f", and {others:,} more tensors do not fit")
    return f"These weights do not fit {arch}{'' if asked_for else ', which comes closest'}: {shown(first)} {why}{more}."
