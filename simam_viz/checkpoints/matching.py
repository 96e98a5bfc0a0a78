"""A file's tensors → any network, by exact names behind any prefix: what fitted, and what did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..networks.named import Named
from ..wording import _, counted, enumeration, later, later_counted, together
from .fitting import COUNTER, Problem, problem, useless_values
from .recognition import MOST_PREFIXES, TOP_LEVEL, Match, Part, Told, chosen, common_prefix, left_over, part_below
from .weights_file import CheckpointError, Tensors, shape_text, shown, usable

_MOST_NAMES = 4
"""So many names of each kind stand in a sentence."""
_MOST_OFFERED = 5


@dataclass(frozen=True)
class _Candidate:
    """What lies below one prefix in one table, against a network's own tensors."""

    part: Part
    """Its ``inside`` is under the network's names, as far as they can be told."""
    named: int
    """Tensors of the network whose name is there."""
    fitting: int
    """Those of them whose shape is there too."""
    whole: bool
    """Whether nothing is missing that must be there."""


def match(model: nn.Module, tables: Mapping[str, Tensors], prefix: str | None = None, part: str | None = None) -> Match:
    """Put the tensors of a file into ``model``, where it has exactly theirs; else it stays as it was.

    Args:
        model: any network; its parameters and buffers are overwritten, in their own dtype and on their own device.
        tables: from :func:`simam_viz.checkpoints.weights_file.read_tables`.
        prefix: what is taken off the file's names, with or without its last dot; ``""`` takes nothing off, ``None`` whatever
            makes the network complete. Whatever lies outside of a prefix that is given is left out by the caller's own word.
        part: which network, where a file holds several (``"state_dict_ema"``); outside of it, the same.

    Returns:
        How they fitted: how many, what was done to the names, what was of no use, and what stands where the file had nothing.

    Raises:
        CheckpointError: they do not fit. ``problems`` lists every tensor that differs, ``prefixes`` what could be taken off so
            that more would fit, and ``parts``, where there are several networks, what can be asked for.
    """
    wanted = _own_tensors(model)
    candidates = _candidates(wanted, tables, prefix)
    taken = _chosen(candidates, tables, wanted, prefix, part)
    found, useless = _differences(wanted, taken, trusted=prefix is not None or part is not None)
    inside = taken.part.inside
    weights = usable(
        {name: inside[name] for name, own in wanted.items() if name in inside and _fits(name, inside[name], own)}
    )
    found |= _unusable(wanted, weights)
    if found:
        raise _error(wanted, taken, found, _offered(wanted, tables, prefix))
    replaced = _filled(wanted, weights)
    _put_in(model, wanted, weights)
    useless |= {
        f"{name or TOP_LEVEL}.{tensor}": later("not a tensor of this network")
        for name, table in tables.items()
        if name != taken.part.table
        for tensor in table
    }
    return Match(len(wanted) - len(replaced), len(wanted), taken.part.translations, useless, replaced)


def match_named(
    network: Named,
    tables: Mapping[str, Tensors],
    num_classes: int | None = None,
    prefix: str | None = None,
    part: str | None = None,
) -> tuple[nn.Module, Match]:
    """Make a network by its name and put the tensors of a file into it, as :func:`match` does.

    Args:
        network: from :func:`simam_viz.networks.named.named`.
        tables: as :func:`match` takes them.
        num_classes: how many classes it tells apart; ``None`` is what the file shows, where all else fits.
        prefix, part: as :func:`match` takes them.

    Returns:
        The network, in evaluation mode, and how the tensors fitted.

    Raises:
        CheckpointError: as by :func:`match`.
    """
    model = network.make(num_classes)
    if num_classes is None and network.num_classes:
        shown_by_file = classes_of_file(model, tables, network.num_classes, prefix)
        if shown_by_file not in (None, network.num_classes):
            model = network.make(shown_by_file)
    for head in network.auxiliary:
        if not any(f".{head}." in f".{name}" for table in tables.values() for name in table):
            setattr(model, head, None)
    return model, match(model, tables, prefix, part)


def classes_of_file(
    model: nn.Module, tables: Mapping[str, Tensors], num_classes: int, prefix: str | None = None
) -> int | None:
    """How many classes a file tells apart that has all names of ``model``, which tells ``num_classes`` apart.

    ``None`` where another number of classes does not explain all differences in shape.
    """
    wanted = _own_tensors(model)
    best = max(_candidates(wanted, tables, prefix), key=lambda each: (each.named, each.fitting), default=None)
    if best is None:
        return None
    found: set[int] = set()
    for name, own in wanted.items():
        tensor = best.part.inside.get(name)
        if tensor is None or name.endswith(COUNTER) or tensor.shape == own.shape:
            continue
        if tensor.dim() != own.dim() or not own.dim() or tensor.shape[1:] != own.shape[1:]:
            return None
        # A detector has several numbers a class: their count grows as that of the classes does.
        classes, rest = divmod(len(tensor) * num_classes, len(own))
        if rest:
            return None
        found.add(classes)
    return found.pop() if len(found) == 1 else None if found else num_classes


def _own_tensors(model: nn.Module) -> Tensors:
    """The network's own tensors by name; two names of one tensor are two."""
    own = {name: tensor for name, tensor in model.state_dict(keep_vars=True).items() if isinstance(tensor, Tensor)}
    lazy = next((name for name, tensor in own.items() if is_lazy(tensor)), None)
    if lazy is not None:
        raise CheckpointError(
            _(
                "The network does not know the shape of {tensor} before its first forward pass (a lazy layer): make one first.",
                tensor=shown(lazy),
            )
        )
    return own


# Which tensors of the file are meant.


def _candidates(wanted: Tensors, tables: Mapping[str, Tensors], prefix: str | None) -> list[_Candidate]:
    """What could be meant, the best first: below every prefix without which names of the network appear."""
    found = [each for name, table in tables.items() for each in _in_table(wanted, name, table, prefix, "")]
    # What stands before all of the network's own names may be a wrapper's doing too.
    own = common_prefix(wanted) if wanted else ""
    if own and not any(each.whole for each in found):
        found += [each for name, table in tables.items() for each in _in_table(wanted, name, table, prefix, own)]
    return sorted(found, key=lambda each: (each.whole, each.fitting, each.named), reverse=True)


def _in_table(wanted: Tensors, place: str, table: Tensors, prefix: str | None, added: str) -> Iterator[_Candidate]:
    names = {name.removeprefix(added) for name in wanted}
    counts: Counter[str] = Counter()
    for name in table:
        pieces = name.split(".")
        for end in range(len(pieces)):
            if ".".join(pieces[end:]) in names:
                counts[".".join([*pieces[:end], ""]) if end else ""] += 1
    if prefix is not None:
        given = _dotted(prefix)
        counts = Counter({given: counts[given]}) if counts[given] else Counter()
    for each, _times in counts.most_common(MOST_PREFIXES):
        part = part_below(place, table, each)
        if added:
            said: Told = later("“{prefix}” put before every name, as the network has it"), {"prefix": shown(added)}
            inside = {added + name: tensor for name, tensor in part.inside.items()}
            part = replace(part, inside=inside, translations=(*part.translations, said))
        yield _candidate(wanted, part)


def _candidate(wanted: Tensors, part: Part) -> _Candidate:
    fits = {name for name, own in wanted.items() if name in part.inside and _fits(name, part.inside[name], own)}
    shared = {id(wanted[name]) for name in fits}
    whole = all(name in fits or name.endswith(COUNTER) or id(own) in shared for name, own in wanted.items())
    return _Candidate(part, sum(name in part.inside for name in wanted), len(fits), whole and bool(fits))


def _chosen(
    candidates: list[_Candidate], tables: Mapping[str, Tensors], wanted: Tensors, prefix: str | None, part: str | None
) -> _Candidate:
    """What is asked for; else the only one that is whole; else the one that comes closest."""
    if prefix is not None and not candidates:
        _refuse_prefix(tables, prefix)
    whole = [each for each in candidates if each.whole]
    by_name: dict[str, _Candidate] = {}
    for each in candidates if part is not None else whole:
        by_name.setdefault(each.part.name, each)
    if part in by_name:
        return by_name[part]
    # Only what fits is compared: the rest of a file may claim to be of any size.
    taken = chosen((replace(each.part, inside=_fitting(wanted, each.part)) for each in by_name.values()), part)
    if taken is not None:
        return replace(by_name[taken.name], part=replace(by_name[taken.name].part, translations=taken.translations))
    if candidates:
        return candidates[0]
    name, table = max(tables.items(), key=lambda item: len(item[1]))
    return _candidate(wanted, part_below(name, table, ""))


def _fitting(wanted: Tensors, part: Part) -> Tensors:
    return {
        name: tensor
        for name, tensor in part.inside.items()
        if name in wanted and tensor.shape == wanted[name].shape and tensor.layout is torch.strided
    }


def _refuse_prefix(tables: Mapping[str, Tensors], prefix: str) -> None:
    given = _dotted(prefix)
    if given and not any(name.startswith(given) for table in tables.values() for name in table):
        raise CheckpointError(_("No tensor of this file has a name that begins with “{prefix}”.", prefix=shown(given)))


def _dotted(prefix: str) -> str:
    return f"{prefix.removesuffix('.')}." if prefix else ""


def _offered(wanted: Tensors, tables: Mapping[str, Tensors], prefix: str | None) -> tuple[str, ...]:
    """Prefixes without which more would fit than without the one that was given, or with the names as they are; best first."""
    candidates, now = _candidates(wanted, tables, None), _dotted(prefix or "")
    fitting = max((each.fitting for each in candidates if each.part.prefix == now), default=0)
    # Below a part of the best prefix some names of the network appear by chance, such as those of another block.
    enough = max(fitting + 1, candidates[0].fitting // 2) if candidates else 0
    better = (each.part.prefix for each in candidates if each.fitting >= enough and each.part.prefix)
    return tuple(dict.fromkeys(better))[:_MOST_OFFERED]


# In what they differ.


def _fits(name: str, tensor: Tensor, own: Tensor) -> bool:
    return tensor.shape == own.shape or (name.endswith(COUNTER) and not own.dim() and tensor.numel() > 0)


def _differences(wanted: Tensors, taken: _Candidate, trusted: bool) -> tuple[dict[str, Problem], dict[str, str]]:
    """What is wrong with names and shapes; and what of the file is of no use, which is not wrong."""
    inside, begins = taken.part.inside, taken.part.prefix
    shared = {id(wanted[name]) for name in inside if name in wanted}
    found: dict[str, Problem] = {}
    for name, own in wanted.items():
        if name in inside and not _fits(name, inside[name], own):
            found[name] = problem(
                name,
                later("has shape {found} where the network has {wanted}"),
                later("{tensor} has shape {found} where the network has {wanted}"),
                found=shape_text(inside[name].shape),
                wanted=shape_text(own.shape),
            )
        elif name not in inside and not name.endswith(COUNTER) and id(own) not in shared:
            found[name] = problem(name, later("is missing"), later("{tensor} is missing"))
    useless, doubtful = left_over(wanted, inside, taken.part.beside, trusted)
    useless = {begins + name if name in inside else name: why for name, why in useless.items()}
    strangers = [name for name in inside if name not in wanted and begins + name not in useless]
    for name in dict.fromkeys([*strangers, *doubtful]):
        file_name = begins + name if name in inside else name
        found[file_name] = problem(
            file_name,
            later("has no place in the network"),
            later("{tensor} has no place in the network"),
        )
    return found, useless


def _unusable(wanted: Tensors, weights: Tensors) -> dict[str, Problem]:
    """Tensors of the right name and shape with numbers that the network cannot use."""
    wrong = {}
    for name, tensor in weights.items():
        if wanted[name].is_floating_point() and (why := useless_values(name, tensor)):
            wrong[name] = why
    return wrong


def _error(
    wanted: Tensors, taken: _Candidate, found: Mapping[str, Problem], offered: tuple[str, ...]
) -> CheckpointError:
    inside = taken.part.inside
    missing = [name for name in found if name in wanted and name not in inside]
    reshaped = [
        name for name in found if name in wanted and name in inside and not _fits(name, inside[name], wanted[name])
    ]
    strangers = [name for name in found if name not in wanted]
    told = [
        _(
            "These weights do not fit the network: {fitting:,} of its {expected:,} tensors are there in the right shape.",
            fitting=taken.fitting,
            expected=len(wanted),
        )
    ]
    shapes = [f"{shown(name)} {shape_text(inside[name].shape)}/{shape_text(wanted[name].shape)}" for name in reshaped]
    for names, all_of_them, (one_more, many_more) in (
        (
            [*map(shown, missing)],
            later("Missing in the file: {names}."),
            later_counted(
                "Missing in the file: {names} and one more.", "Missing in the file: {names} and {count} more."
            ),
        ),
        (
            shapes,
            later("Of another shape (the file's/the network's): {names}."),
            later_counted(
                "Of another shape (the file's/the network's): {names} and one more.",
                "Of another shape (the file's/the network's): {names} and {count} more.",
            ),
        ),
        (
            [*map(shown, strangers)],
            later("Left over in the file: {names}."),
            later_counted(
                "Left over in the file: {names} and one more.", "Left over in the file: {names} and {count} more."
            ),
        ),
    ):
        first, rest = enumeration(names[:_MOST_NAMES]), len(names) - _MOST_NAMES
        if rest > 0:
            told.append(counted(one_more, many_more, rest, names=first))
        elif names:
            told.append(_(all_of_them, names=first))
    if not (missing or reshaped or strangers):
        told = [_("These weights do not fit the network: {problem}.", problem=next(iter(found.values())).told)]
    part = (taken.part.name,) if strangers and not missing and not reshaped and taken.part.prefix else ()
    return CheckpointError(together(*told), tuple((name, each.why) for name, each in found.items()), part, offered)


# Into the network.


def _filled(wanted: Tensors, weights: Tensors) -> dict[str, str]:
    """What the file left out and may leave out → what stands there instead; it is put among ``weights``."""
    shared = {id(wanted[name]): weights[name] for name in weights}
    replaced: dict[str, str] = {}
    for name, own in wanted.items():
        if name in weights:
            continue
        if id(own) in shared:
            weights[name] = shared[id(own)]
            replaced[name] = later("the same tensor as another of the network, which the file has")
        else:
            weights[name] = torch.zeros(own.shape, dtype=own.dtype)
            replaced[name] = later("0: not needed after training")
    return replaced


def _put_in(model: nn.Module, wanted: Tensors, weights: Tensors) -> None:
    for name, own in wanted.items():
        if name.endswith(COUNTER) and not own.dim():
            weights[name] = weights[name].reshape(-1)[:1].sum()
    complete = {name: weights[name] for name in wanted}
    # Some layers read a table by the version that wrote it: this one has the names of the network's own.
    state = model.state_dict()
    state.update(complete)
    try:
        result = model.load_state_dict(state, strict=False)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:  # a layer's own way to load may raise anything
        raise CheckpointError(
            _(
                "The network itself refuses these weights ({kind}: {reason}).",
                kind=type(error).__name__,
                reason=shown(" ".join(str(error).split())),
            )
        ) from error
    lost = [name for name in (*result.missing_keys, *result.unexpected_keys) if name in wanted]
    if lost:
        raise CheckpointError(
            _("The network did not take {tensor} under that name, which it gave itself.", tensor=shown(lost[0]))
        )
