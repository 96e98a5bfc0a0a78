"""Two files that were trained by one recipe, one with SimAM and one without, made into networks whose cards name each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..modules.simam import SimAM
from ..modules.weighing import Removed
from ..networks.shared import replace_modules, shared_copy
from ..wording import _
from .loaded import LoadedCheckpoint
from .loading import with_card
from .weights_file import CheckpointError


def paired(
    first: LoadedCheckpoint, second: LoadedCheckpoint, first_has_simam: bool | None
) -> tuple[LoadedCheckpoint, LoadedCheckpoint]:
    """Both as each other's twin, the one without SimAM run without it.

    Args:
        first: the network in hand.
        second: what was dropped beside it; it is given the class names and the input of ``first``.
        first_has_simam: whether it was ``first`` that was trained with SimAM, where neither of them shows it.

    Raises:
        CheckpointError: they are the same file, another architecture or number of classes, or both are known to be trained
            with SimAM, or without; or nobody says which of the two was.
    """
    if first.sha256 and first.sha256 == second.sha256:
        raise CheckpointError(_("This is the file that is in use already; its twin is another one."))
    if first.found is not None and first.card.arch is None:
        raise CheckpointError(
            _(
                "The network in use was made by a program, and only that can make its twin: give it both, each as the other's twin."
            )
        )
    if _network(first) != _network(second):
        raise CheckpointError(
            _(
                "A twin has the same architecture: this file is of {found}, the network in use of {wanted}.",
                found=second.card.arch,
                wanted=first.card.arch,
            )
        )
    if len(first.categories) != len(second.categories):
        raise CheckpointError(
            _(
                "A twin tells the same classes apart: this file knows {found}, the network in use {wanted}.",
                found=len(second.categories),
                wanted=len(first.categories),
            )
        )
    if not (first.has_simam or second.has_simam):
        raise CheckpointError(_("Twins differ in SimAM alone, and neither of these networks has it."))
    with_simam = _which(first, second, first_has_simam)
    norm = first.transforms
    told: dict[str, Any] = {"categories": list(first.categories), "input_size": norm.input_size}
    if norm.channels == 3:
        told["normalisation"] = {"mean": list(norm.mean), "std": list(norm.std)}
    if "forward_pass" not in first.assumed and first.card.forward_pass:
        told["forward_pass"] = first.card.forward_pass
    return _as(first, with_simam, {"twin": second.name}), _as(second, not with_simam, told | {"twin": first.name})


def _network(loaded: LoadedCheckpoint) -> str | None:
    arch = loaded.card.arch
    return arch.removesuffix("-none").removesuffix("-simam") if arch and arch.startswith("authors:") else arch


def _which(first: LoadedCheckpoint, second: LoadedCheckpoint, said: bool | None) -> bool:
    """Whether it is the first that was trained with SimAM."""
    ours, theirs = first.trained_with_simam, second.trained_with_simam
    if None not in (ours, theirs) and ours == theirs:
        raise CheckpointError(
            _("Both were trained with SimAM; a twin is trained by the same recipe without it.")
            if ours
            else _("Both were trained without SimAM; a twin is trained by the same recipe with it.")
        )
    if ours is not None:
        return ours
    if theirs is not None:
        return not theirs
    if said is None:
        raise CheckpointError(_("Say which of the two was trained with SimAM; their tensors do not show it."))
    return said


def _as(loaded: LoadedCheckpoint, with_simam: bool, entries: dict[str, Any]) -> LoadedCheckpoint:
    told = entries | {"trained_with_simam": with_simam}
    if loaded.found is not None:
        return with_card(loaded if with_simam else _without_simam(loaded), told)
    attention: dict[str, Any] = {"attention": "simam" if with_simam else "none"}
    own = loaded.card.e_lambda
    if not with_simam and isinstance(own, dict):
        attention["e_lambda"] = next(iter(own.values()))  # there is no place left to have one of its own
    return with_card(loaded, told | attention)


def _without_simam(loaded: LoadedCheckpoint) -> LoadedCheckpoint:
    """The same weights without SimAM; any other attention stays, as it does in the twin."""
    model = shared_copy(loaded.model)
    replace_modules(model, SimAM, lambda simam: Removed("simam", simam.e_lambda, simam.correction))
    return replace(loaded, model=model)
