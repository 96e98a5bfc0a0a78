"""Named tensors → which network they belong to, under torchvision's names, and what fitted and what did not."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from ..networks.architectures import ARCHITECTURES, create_model
from .weights_file import CheckpointError, Tensors, shape_text, shown, usable

_COUNTER = "num_batches_tracked"  # batch norm's step counter: of no use after training, so files may leave it out
_KNOWN_PREFIXES = {"module": ": PyTorch's DataParallel put it there", "_orig_mod": ": torch.compile put it there"}
_PROFILER = re.compile(r"(.*\.)?total_(ops|params)")
# In the authors' MobileNetV2, SimAM stands between the depthwise convolution and its batch norm.
_MOVED_NORM = re.compile(r"(features\.\d+\.conv\.\d+)\.2\.(weight|bias|running_mean|running_var|num_batches_tracked)")
_HEAD_WORDS = ("fc", "classifier", "head", "linear", "logits", "output", "cls")
_BESIDE = re.compile(
    r"(?i)(.*_)?(loss(es)?|criteri(on|a)|metrics?|acc(uracy)?|cent(er|re)s?|queue|prototypes?|confusion)(_.*)?\d*"
)
"""What a piece of the name of a tensor beside a network is called that has no part in its forward pass."""
_LIKE = 0.5
"""Tensors of which at least this share fits a network are meant as one."""
_MOST_PREFIXES = 16
_TOP_LEVEL = "top level"


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
    simam_at: tuple[str, ...] = ()
    """Behind which layers the names themselves show a SimAM; empty where they show none, which proves nothing."""


@dataclass(frozen=True)
class Recognised:
    """A network that tensors belong to."""

    arch: str
    num_classes: int
    weights: Tensors
    """Under torchvision's names, complete."""
    match: Match


@dataclass(frozen=True)
class _Part:
    """One network among the tensors of a file."""

    table: str
    prefix: str
    inside: Tensors
    """What lies below the prefix, by the rest of its name."""
    beside: Tensors
    """What else lies in the same table, by its whole name."""
    translations: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.table, self.prefix.removesuffix(".")))) or _TOP_LEVEL


def recognise(tables: Mapping[str, Tensors], arch: str | None = None, part: str | None = None) -> Recognised:
    """Find the network in a file, and the architecture whose names and shapes fit it exactly, whatever its number of classes.

    Args:
        tables: from :func:`simam_viz.checkpoints.weights_file.read_tables`; names are torchvision's, or those of the SimAM authors'
            networks, behind any common prefix.
        arch: the only architecture to consider; ``None`` considers all of :data:`simam_viz.networks.architectures.ARCHITECTURES`.
        part: which network, where a file holds several (``"teacher"``, ``"state_dict_ema"``); whatever else lies beside it
            is then left out by the caller's own word.

    Raises:
        CheckpointError: none fits (``problems`` says which tensors do not, for the closest one), or there are several, or
            something stands beside it that may belong to its forward pass (``parts`` names what can be asked for).
    """
    if arch is not None and arch not in ARCHITECTURES:
        raise CheckpointError(f"There is no architecture {shown(str(arch))}; choose one of {', '.join(ARCHITECTURES)}.")
    chosen = _chosen_part(tables, arch, part)
    named = max((_named(each, chosen) for each in ([arch] if arch else ARCHITECTURES)), key=lambda each: each.likeness)
    unused, problems = _beside(named, chosen, trusted=part is not None)
    weights = usable({name: tensor for name, tensor in named.weights.items() if name not in unused})
    unused |= {
        f"{name or _TOP_LEVEL}.{tensor}": "not a tensor of this network"
        for name, table in tables.items()
        if name != chosen.table
        for tensor in table
    }
    problems = _problems(named.arch, weights) | problems
    if problems:
        outside = not problems.keys() - chosen.beside.keys()
        sentence = (
            f"Beside the network {chosen.name} stands {shown(next(iter(problems)))}, which may have a part in its forward pass; "
            "if it has none, choose that network by itself."
            if outside
            else _sentence(named, arch is not None, weights, problems)
        )
        raise CheckpointError(sentence, tuple(problems.items()), (chosen.name,) if outside else ())
    expected = _expected(named.arch)
    counters = {name: torch.tensor(0) for name in expected if name.endswith(_COUNTER)}
    filled = dict.fromkeys((name for name in counters if name not in weights), "0: not needed after training")
    match = Match(
        matched=sum(name in weights for name in expected),
        expected=len(expected),
        translations=(*chosen.translations, *named.translations),
        unused=unused,
        filled=filled,
        simam_at=named.simam_at,
    )
    weights = {name: weights[name] if name in weights else counters[name] for name in expected}
    weights |= {name: weights[name].reshape(-1)[:1].sum() for name in counters}
    return Recognised(named.arch, len(weights[_head(named.arch)]), weights, match)


# Which network of the file is meant.


def _chosen_part(tables: Mapping[str, Tensors], arch: str | None, part: str | None) -> _Part:
    """The only network in the file, or the one that is asked for."""
    parts = {found.name: found for name, table in tables.items() for found in _parts(name, table, arch)}
    for name in reversed(list(parts)):  # the same weights under two names are one network
        if any(_equal(parts[name].inside, parts[other].inside) for other in parts if other != name):
            parts.pop(name)
    if part is not None:
        if part not in parts:
            known = ", ".join(map(shown, parts)) or "no network that opens here"
            raise CheckpointError(f"There is no network {shown(part)} in this file; it holds {known}.")
        return parts[part]
    plain, averaged = ({n for n in parts if n.split(".")[0] == word} for word in ("state_dict", "state_dict_ema"))
    if len(plain) == len(averaged) == 1 and len(parts) == 2:
        (name,) = plain
        said = "state_dict taken, not state_dict_ema, which holds the same network with averaged weights"
        return replace(parts[name], translations=(said, *parts[name].translations))
    if len(parts) > 1:
        raise CheckpointError(
            f"This file holds {len(parts)} networks: {', '.join(map(shown, parts))}. Say which of them is meant.",
            parts=tuple(parts),
        )
    if parts:
        return next(iter(parts.values()))
    name, table = max(tables.items(), key=lambda item: len(item[1]))
    return _part(name, table, _common_prefix(table))


def _parts(place: str, table: Tensors, arch: str | None) -> Iterator[_Part]:
    """Every network in one table: what lies below one prefix and looks like a supported architecture."""
    prefixes = Counter(
        name.rpartition(f"{word}.")[0] for name in table for word in ("layer1", "features") if f".{word}." in f".{name}"
    )
    for prefix, _ in prefixes.most_common(_MOST_PREFIXES):
        part = _part(place, table, prefix)
        if any(_named(each, part).likeness >= _LIKE for each in ([arch] if arch else ARCHITECTURES)):
            yield part


def _part(name: str, table: Tensors, prefix: str) -> _Part:
    inside = {tensor.removeprefix(prefix): value for tensor, value in table.items() if tensor.startswith(prefix)}
    beside = {tensor: value for tensor, value in table.items() if not tensor.startswith(prefix)}
    told = []
    for piece in filter(None, prefix.split(".")):
        told.append(f"“{shown(piece)}.” taken off every name{_KNOWN_PREFIXES.get(piece, '')}")
    return _Part(name, prefix, inside, beside, tuple(told))


def _common_prefix(table: Tensors) -> str:
    """The longest prefix that all names share, in whole pieces."""
    first, *others = table
    pieces = first.split(".")[:-1]
    for name in others:
        other = name.split(".")[:-1]
        pieces = pieces[: next((i for i, (a, b) in enumerate(zip(pieces, other, strict=False)) if a != b), len(other))]
    return ".".join([*pieces, ""]) if pieces else ""


def _equal(first: Tensors, second: Tensors) -> bool:
    return first.keys() == second.keys() and all(
        tensor.shape == second[name].shape
        and tensor.dtype == second[name].dtype
        and (tensor.data_ptr() == second[name].data_ptr() or bool((tensor == second[name]).all()))
        for name, tensor in first.items()
    )


# Under which names its tensors go.


@dataclass(frozen=True)
class _Named:
    """The tensors of a part under the names of one architecture, as far as they can be told."""

    arch: str
    weights: Tensors
    simam_at: tuple[str, ...]
    translations: tuple[str, ...]
    likeness: float
    """Share of the tensors of either side that the other has with the same shape."""
    head: tuple[str, ...]
    """The names that its classifier has in the file, where they are others than torchvision's."""


def _named(arch: str, part: _Part) -> _Named:
    expected, layers = _expected(arch), _layers(arch)
    renamed: dict[str, str] = {}
    places: dict[str, None] = {}
    for name in part.inside:
        if name in expected:
            continue
        layer, _, leaf = name.rpartition(".")
        if layer.endswith(".0") and layer[:-2] in layers and f"{layer[:-2]}.{leaf}" in expected:
            renamed[name] = f"{layer[:-2]}.{leaf}"
            places[layer[:-2]] = None
        elif (moved := _MOVED_NORM.fullmatch(name)) and f"{moved[1]}.1.{moved[2]}" in expected:
            renamed[name] = f"{moved[1]}.1.{moved[2]}"
            places[f"{moved[1]}.0"] = None
    # Never on top of a tensor that is there already: such a file is another network's.
    if (
        len(set(renamed.values())) < len(renamed)
        or renamed.keys() & expected.keys()
        or part.inside.keys() & set(renamed.values())
    ):
        renamed, places = {}, {}
    weights = {renamed.get(name, name): tensor for name, tensor in part.inside.items()}
    told = []
    if renamed:
        order = [name.rpartition(".")[0] for name in expected]
        places = dict.fromkeys(sorted(places, key=order.index))
        some = ", ".join([*places][:3]) + (" …" if len(places) > 3 else "")
        told.append(
            f"SimAM behind {some}, by the names: a Sequential holds that layer and something without weights behind it, as the "
            f"authors' networks hold SimAM ({len(places)} places, {len(renamed)} tensors renamed)"
        )
    weights, head, sentence = _with_head(arch, weights, part.beside)
    same = sum(name in expected and _fits(tensor.shape, expected[name]) for name, tensor in weights.items())
    likeness = same / max(len(expected.keys() | weights.keys()), 1)
    return _Named(arch, weights, tuple(places), (*told, *sentence), likeness, head)


def _with_head(arch: str, weights: Tensors, beside: Tensors) -> tuple[Tensors, tuple[str, ...], tuple[str, ...]]:
    """The weights with their classifier under torchvision's name, the names that it had, and a sentence about it.

    A classifier may stand behind a dropout, be called otherwise, or stand beside the rest of the network.
    """
    head = _head(arch)
    if head in weights:
        return weights, (), ()
    expected = _expected(arch)
    others = {name: tensor for name, tensor in (weights | beside).items() if name not in expected}
    dense = [
        name for name, tensor in others.items() if tensor.dim() == 2 and any(w in name.lower() for w in _HEAD_WORDS)
    ]
    if len(dense) != 1 or others[dense[0]].shape[1] != expected[head][1]:
        return weights, (), ()
    layer = dense[0].removesuffix(".weight")
    if f"{layer}.bias" not in others or layer == dense[0]:
        return weights, (), ()
    taken = {dense[0]: head, f"{layer}.bias": head.removesuffix("weight") + "bias"}
    kept = {name: tensor for name, tensor in weights.items() if name not in taken}
    kept |= {new: others[old] for old, new in taken.items()}
    ours = head.removesuffix(".weight")
    sentence = (
        f"{shown(layer)} read as {ours}, the classifier: nothing with weights stands before it (a dropout has none)"
    )
    return kept, tuple(taken), (sentence,)


def _beside(named: _Named, part: _Part, trusted: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Tensors that are no part of the network, with why they are left out; and those that may be one, with what is wrong.

    A loss keeps class weights, a metric its counts: they have no part in a forward pass. A convolution or a norm beside the
    network may have one, so only whoever chose that part can leave it out.
    """
    expected = _expected(named.arch)
    roots = {name.split(".")[0] for name in expected}
    others = {name: tensor for name, tensor in part.beside.items() if name not in named.head}
    others |= {
        name: tensor
        for name, tensor in named.weights.items()
        if name not in expected and (name.split(".")[0] not in roots or _PROFILER.fullmatch(name))
    }
    unused, problems = {}, {}
    for name, tensor in others.items():
        layer = name.rpartition(".")[0]
        partners = layer and sum(other.rpartition(".")[0] == layer for other in others) > 1
        alone = tensor.dim() == 0 or (tensor.dim() == 1 and not partners)
        if _PROFILER.fullmatch(name):
            unused[name] = "a profiler's counter, no weight"
        elif name == "n_averaged":
            unused[name] = "how many weights were averaged (torch.optim.swa_utils)"
        elif trusted or alone or any(map(_BESIDE.fullmatch, name.split("."))):
            unused[name] = "stands beside the network, not in it"
        else:
            problems[name] = f"has no place in {named.arch}"
    return unused, problems


@functools.cache
def _expected(arch: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors; the classifier's first dimension, the number of classes, is −1."""
    head = _head(arch).rpartition(".")[0]
    return {
        name: (-1, *tensor.shape[1:]) if name.startswith(f"{head}.") else tuple(tensor.shape)
        for name, tensor in _plain(arch).state_dict().items()
    }


@functools.cache
def _layers(arch: str) -> frozenset[str]:
    """Names of all convolutions and norms."""
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    return frozenset(name for name, module in _plain(arch).named_modules() if isinstance(module, kinds))


@functools.cache
def _plain(arch: str) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = create_model(arch, "none")
        return model


def _head(arch: str) -> str:
    return "classifier.1.weight" if arch == "mobilenet_v2" else "fc.weight"


def _fits(shape: torch.Size, expected: tuple[int, ...]) -> bool:
    return len(shape) == len(expected) and all(e in (-1, n) for n, e in zip(shape, expected, strict=True))


def _problems(arch: str, weights: Tensors) -> dict[str, str]:
    """Tensors that do not fit ``arch``: name → why."""
    expected = _expected(arch)
    problems = {}
    for name, shape in expected.items():
        tensor = weights.get(name)
        if name.endswith(_COUNTER):
            continue
        if tensor is None:
            problems[name] = "is missing"
        elif not _fits(tensor.shape, shape):
            wanted = shape_text(tuple("classes" if n == -1 else n for n in shape))
            problems[name] = f"has shape {shape_text(tensor.shape)} where {arch} has {wanted}"
        elif not tensor.is_floating_point():
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


def _sentence(named: _Named, asked_for: bool, weights: Tensors, problems: dict[str, str]) -> str:
    if not asked_for and named.likeness < 0.1:
        some = ", ".join(f"{shown(name)} {shape_text(t.shape)}" for name, t in list(weights.items())[:4])
        return f"These weights fit none of the supported networks ({', '.join(ARCHITECTURES)}); the file's first tensors are {some}."
    first, why = next(iter(problems.items()))
    others = len(problems) - 1
    more = {0: "", 1: ", and one more tensor does not fit"}.get(others, f", and {others:,} more tensors do not fit")
    closest = "" if asked_for else ", which comes closest"
    return f"These weights do not fit {named.arch}{closest}: {shown(first)} {why}{more}."
