"""Named tensors → which network they belong to, under torchvision's names, and what fitted and what did not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

from ..modules.gates import GATES
from ..networks.architectures import ARCHITECTURES, Attention
from ..wording import _, enumeration, later
from .fitting import COUNTER, Problem, expected, fits, head, layers, no_fit_sentence, no_place, problems
from .weights_file import CheckpointError, Tensors, shown, usable

_KNOWN_PREFIXES = {
    "module": later("“{prefix}.” taken off every name: PyTorch's DataParallel put it there"),
    "_orig_mod": later("“{prefix}.” taken off every name: torch.compile put it there"),
}
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
MOST_PREFIXES = 16
TOP_LEVEL = "top level"

Told = tuple[str, dict[str, object]]
"""A sentence and what stands in its places: a network that is loaded once is shown in more than one language."""


@dataclass(frozen=True)
class Match:
    """How the tensors of a file fitted a network."""

    matched: int
    """Tensors of the network that the file had."""
    expected: int
    """Tensors that the network has."""
    renaming: tuple[Told, ...]
    """What was done to the names."""
    useless: dict[str, str]
    """Tensors of the file that the network has no use for: name → why, in English."""
    replaced: dict[str, str]
    """Tensors of the network that the file left out: name → what stands there instead, in English."""
    simam_at: tuple[str, ...] = ()
    """Behind which layers the names themselves show a SimAM; empty where they show none, which proves nothing."""
    attention: Attention = "none"
    """Which attention the tensors themselves show: SE, CBAM or ECA have some; SimAM has none."""

    @property
    def translations(self) -> tuple[str, ...]:
        """What was done to the names, a sentence each."""
        return tuple(_(sentence, **places) for sentence, places in self.renaming)

    @property
    def unused(self) -> dict[str, str]:
        """Tensors of the file that the network has no use for: name → why."""
        return {name: _(why) for name, why in self.useless.items()}

    @property
    def filled(self) -> dict[str, str]:
        """Tensors of the network that the file left out: name → what stands there instead."""
        return {name: _(what) for name, what in self.replaced.items()}


@dataclass(frozen=True)
class Recognised:
    """A network that tensors belong to."""

    arch: str
    num_classes: int
    weights: Tensors
    """Under torchvision's names, complete."""
    match: Match


@dataclass(frozen=True)
class Part:
    """One network among the tensors of a file."""

    table: str
    """Where the table of tensors stands in the file."""
    prefix: str
    """What the network's names begin with there, its last dot included."""
    inside: Tensors
    """What lies below the prefix, by the rest of its name."""
    beside: Tensors
    """What else lies in the same table, by its whole name."""
    translations: tuple[Told, ...] = field(default=())

    @property
    def name(self) -> str:
        """What it can be asked for by."""
        return ".".join(filter(None, (self.table, self.prefix.removesuffix(".")))) or TOP_LEVEL


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
        raise CheckpointError(
            _(
                "There is no architecture {arch}; choose one of {known}.",
                arch=shown(str(arch)),
                known=enumeration(ARCHITECTURES),
            )
        )
    taken = _chosen_part(tables, arch, part)
    named = max(_candidates(arch, taken), key=lambda each: each.likeness)
    useless, doubtful = _beside(named, taken, trusted=part is not None)
    weights = usable({name: tensor for name, tensor in named.weights.items() if name not in useless})
    useless |= {
        f"{name or TOP_LEVEL}.{tensor}": later("not a tensor of this network")
        for name, table in tables.items()
        if name != taken.table
        for tensor in table
    }
    found = problems(named.arch, weights, named.attention) | doubtful
    if found:
        outside = not found.keys() - taken.beside.keys()
        sentence = (
            _(
                "Beside the network {network} stands {tensor}, which may have a part in its forward pass; if it has none, choose "
                "that network by itself.",
                network=taken.name,
                tensor=shown(next(iter(found))),
            )
            if outside
            else no_fit_sentence(named.arch, arch is not None, named.likeness, weights, found)
        )
        whys = tuple((name, problem.why) for name, problem in found.items())
        raise CheckpointError(sentence, whys, (taken.name,) if outside else ())
    names = expected(named.arch, named.attention)
    counters = {name: torch.tensor(0) for name in names if name.endswith(COUNTER)}
    left_out = (name for name in counters if name not in weights)
    match = Match(
        matched=sum(name in weights for name in names),
        expected=len(names),
        renaming=(*taken.translations, *named.translations),
        useless=useless,
        replaced=dict.fromkeys(left_out, later("0: not needed after training")),
        simam_at=named.simam_at,
        attention=named.attention,
    )
    weights = {name: weights[name] if name in weights else counters[name] for name in names}
    weights |= {name: weights[name].reshape(-1)[:1].sum() for name in counters}
    return Recognised(named.arch, len(weights[head(named.arch)]), weights, match)


# Which network of the file is meant.


def _chosen_part(tables: Mapping[str, Tensors], arch: str | None, part: str | None) -> Part:
    """The only network in the file, or the one that is asked for; where none is seen, the largest table."""
    found = chosen((found for name, table in tables.items() for found in _parts(name, table, arch)), part)
    if found is not None:
        return found
    name, table = max(tables.items(), key=lambda item: len(item[1]))
    return part_below(name, table, common_prefix(table))


def chosen(found: Iterable[Part], part: str | None) -> Part | None:
    """The only one of a file's networks, or the one that is asked for; ``None`` where there are none.

    Raises:
        CheckpointError: there are several, or not the one that is asked for.
    """
    parts = {each.name: each for each in found}
    for name in reversed(list(parts)):  # the same weights under two names are one network
        if any(_equal(parts[name].inside, parts[other].inside) for other in parts if other != name):
            parts.pop(name)
    if part is not None:
        if part not in parts:
            if not parts:
                raise CheckpointError(
                    _(
                        "There is no network {network} in this file; it holds no network that opens here.",
                        network=shown(part),
                    )
                )
            raise CheckpointError(
                _(
                    "There is no network {network} in this file; it holds {known}.",
                    network=shown(part),
                    known=enumeration(map(shown, parts)),
                )
            )
        return parts[part]
    plain, averaged = ({n for n in parts if n.split(".")[0] == word} for word in ("state_dict", "state_dict_ema"))
    if len(plain) == len(averaged) == 1 and len(parts) == 2:
        (name,) = plain
        said = later("state_dict taken, not state_dict_ema, which holds the same network with averaged weights")
        return replace(parts[name], translations=((said, {}), *parts[name].translations))
    if len(parts) > 1:
        raise CheckpointError(
            _(
                "This file holds {networks} networks: {names}. Say which of them is meant.",
                networks=len(parts),
                names=enumeration(map(shown, parts)),
            ),
            parts=tuple(parts),
        )
    return next(iter(parts.values()), None)


def _parts(place: str, table: Tensors, arch: str | None) -> Iterator[Part]:
    """Every network in one table: what lies below one prefix and looks like a supported architecture."""
    prefixes = Counter(
        name.rpartition(f"{word}.")[0] for name in table for word in ("layer1", "features") if f".{word}." in f".{name}"
    )
    for prefix, _times in prefixes.most_common(MOST_PREFIXES):
        part = part_below(place, table, prefix)
        if any(each.likeness >= _LIKE for each in _candidates(arch, part)):
            yield part


def part_below(name: str, table: Tensors, prefix: str) -> Part:
    """What lies below a prefix (its last dot included) in the table called ``name``."""
    inside = {tensor.removeprefix(prefix): value for tensor, value in table.items() if tensor.startswith(prefix)}
    beside = {tensor: value for tensor, value in table.items() if not tensor.startswith(prefix)}
    told: list[Told] = []
    for piece in filter(None, prefix.split(".")):
        sentence = _KNOWN_PREFIXES.get(piece, later("“{prefix}.” taken off every name"))
        told.append((sentence, {"prefix": shown(piece)}))
    return Part(name, prefix, inside, beside, tuple(told))


def common_prefix(table: Tensors) -> str:
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
    attention: Attention
    weights: Tensors
    simam_at: tuple[str, ...]
    translations: tuple[Told, ...]
    likeness: float
    """Share of the tensors of either side that the other has with the same shape."""
    head: tuple[str, ...]
    """The names that its classifier has in the file, where they are others than torchvision's."""


def _candidates(arch: str | None, part: Part) -> Iterator[_Named]:
    """The part as each network that it may be: ``arch``, or any, with whatever attention has tensors of such names."""
    gated = any(".attention." in name for name in part.inside)
    kinds: list[Attention] = ["none", *(GATES if gated else ())]
    for each in [arch] if arch else ARCHITECTURES:
        for attention in kinds:
            yield _named(each, attention, part)


def _named(arch: str, attention: Attention, part: Part) -> _Named:
    wanted, known = expected(arch, attention), layers(arch)
    renamed: dict[str, str] = {}
    places: dict[str, None] = {}
    for name in part.inside:
        if name in wanted:
            continue
        layer, _dot, leaf = name.rpartition(".")
        if layer.endswith(".0") and layer[:-2] in known and f"{layer[:-2]}.{leaf}" in wanted:
            renamed[name] = f"{layer[:-2]}.{leaf}"
            places[layer[:-2]] = None
        elif (moved := _MOVED_NORM.fullmatch(name)) and f"{moved[1]}.1.{moved[2]}" in wanted:
            renamed[name] = f"{moved[1]}.1.{moved[2]}"
            places[f"{moved[1]}.0"] = None
    # Never on top of a tensor that is there already: such a file is another network's.
    if (
        len(set(renamed.values())) < len(renamed)
        or renamed.keys() & wanted.keys()
        or part.inside.keys() & set(renamed.values())
    ):
        renamed, places = {}, {}
    weights = {renamed.get(name, name): tensor for name, tensor in part.inside.items()}
    told: list[Told] = []
    if renamed:
        order = [name.rpartition(".")[0] for name in wanted]
        places = dict.fromkeys(sorted(places, key=order.index))
        some = enumeration([*places][:3]) + (" …" if len(places) > 3 else "")
        sentence = later(
            "SimAM behind {layers}, by the names: a Sequential holds that layer and something without weights behind it, as the "
            "authors' networks hold SimAM ({places} places, {tensors} tensors renamed)"
        )
        told.append((sentence, {"layers": some, "places": len(places), "tensors": len(renamed)}))
    weights, classifier, said = _with_head(arch, weights, part.beside)
    same = sum(name in wanted and fits(tensor.shape, wanted[name]) for name, tensor in weights.items())
    likeness = same / max(len(wanted.keys() | weights.keys()), 1)
    return _Named(arch, attention, weights, tuple(places), (*told, *said), likeness, classifier)


def _with_head(arch: str, weights: Tensors, beside: Tensors) -> tuple[Tensors, tuple[str, ...], tuple[Told, ...]]:
    """The weights with their classifier under torchvision's name, the names that it had, and a sentence about it.

    A classifier may stand behind a dropout, be called otherwise, or stand beside the rest of the network.
    """
    ours = head(arch)
    if ours in weights:
        return weights, (), ()
    wanted = expected(arch)
    others = {name: tensor for name, tensor in (weights | beside).items() if name not in wanted}
    dense = [
        name for name, tensor in others.items() if tensor.dim() == 2 and any(w in name.lower() for w in _HEAD_WORDS)
    ]
    if len(dense) != 1 or others[dense[0]].shape[1] != wanted[ours][1]:
        return weights, (), ()
    layer = dense[0].removesuffix(".weight")
    if f"{layer}.bias" not in others or layer == dense[0]:
        return weights, (), ()
    taken = {dense[0]: ours, f"{layer}.bias": ours.removesuffix("weight") + "bias"}
    kept = {name: tensor for name, tensor in weights.items() if name not in taken}
    kept |= {new: others[old] for old, new in taken.items()}
    sentence = later(
        "{layer} read as {classifier}, the classifier: nothing with weights stands before it (a dropout has none)"
    )
    return kept, tuple(taken), ((sentence, {"layer": shown(layer), "classifier": ours.removesuffix(".weight")}),)


def _beside(named: _Named, part: Part, trusted: bool) -> tuple[dict[str, str], dict[str, Problem]]:
    """Tensors that are no part of the network, with why they are left out; and those that may be one, with what is wrong."""
    outside = {name: tensor for name, tensor in part.beside.items() if name not in named.head}
    useless, doubtful = left_over(expected(named.arch, named.attention), named.weights, outside, trusted)
    return useless, {name: no_place(name, named.arch) for name in doubtful}


def left_over(
    wanted: Collection[str], inside: Tensors, outside: Tensors, trusted: bool
) -> tuple[dict[str, str], list[str]]:
    """What stands beside a network: tensors that are no part of it, with why they are left out, and those that may be one.

    A loss keeps class weights, a metric its counts: they have no part in a forward pass. A convolution or a norm beside the
    network may have one, so only whoever chose that part can leave it out.

    Args:
        wanted: names of the network's own tensors.
        inside: what lies among them; what shares no first piece with any of them counts as beside.
        outside: what lies elsewhere in the same table.
        trusted: whether somebody chose that part.
    """
    roots = {name.split(".")[0] for name in wanted}
    others = outside | {
        name: tensor
        for name, tensor in inside.items()
        if name not in wanted and (name.split(".")[0] not in roots or _PROFILER.fullmatch(name))
    }
    useless: dict[str, str] = {}
    doubtful: list[str] = []
    layers_beside = Counter(name.rpartition(".")[0] for name in others)
    for name, tensor in others.items():
        layer = name.rpartition(".")[0]
        partners = layer and layers_beside[layer] > 1
        alone = tensor.dim() == 0 or (tensor.dim() == 1 and not partners)
        if _PROFILER.fullmatch(name):
            useless[name] = later("a profiler's counter, no weight")
        elif name == "n_averaged":
            useless[name] = later("how many weights were averaged (torch.optim.swa_utils)")
        elif trusted or alone or any(map(_BESIDE.fullmatch, name.split("."))):
            useless[name] = later("stands beside the network, not in it")
        else:
            doubtful.append(name)
    return useless, doubtful
