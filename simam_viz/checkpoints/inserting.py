"""SimAM put wherever somebody wants it into a network that others publish, with weights or without."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from torch import nn

from ..networks.convolutions import with_simam_behind
from ..networks.named import Named, named
from ..wording import _
from .loaded import LoadedCheckpoint
from .matching import classes_of_file, match, match_named
from .opening import for_wrap, random_weights
from .recognition import Match
from .weights_file import CheckpointError, Tensors, read_tables
from .wrapping import wrap


@dataclass(frozen=True)
class Plan:
    """Which network, and where SimAM is to stand in it."""

    network: str
    """As :func:`simam_viz.networks.named.named` takes it."""
    places: tuple[str, ...]
    """Names of the convolutions that it stands behind."""
    e_lambda: float = 0.1


def planned(
    plan: Plan,
    data: bytes | None = None,
    trained_with_simam: bool | None = None,
    prefix: str | None = None,
    part: str | None = None,
) -> LoadedCheckpoint:
    """The network of a plan, ready to analyse.

    Args:
        plan: what is wanted.
        data: a file of weights, of the plain network or of the one with SimAM; ``None`` leaves random numbers.
        trained_with_simam: whether those weights were trained with SimAM there; ``None``: not known.
        prefix, part: as :func:`simam_viz.checkpoints.matching.match` takes them.

    Raises:
        CheckpointError: the file is of no use, or does not fit.
        ValueError: there is no such network or place, or the network does not run with SimAM there.
    """
    known = named(plan.network)
    if not plan.places:
        raise ValueError(_("Tick at least one convolution for SimAM to stand behind."))
    fitted: Match | None = None
    if data is None:
        model = with_simam_behind(known.make(), plan.places, plan.e_lambda)
    else:
        model, fitted, shown = _filled(known, plan, read_tables(data), prefix, part)
        trained_with_simam = True if shown else trained_with_simam
    title = _(
        "{network} + SimAM × {places}",
        network=plan.network.partition(":")[2].partition(".")[0],
        places=len(plan.places),
    )
    loaded = wrap(
        model.eval(), name=title, verbose=False, trained_with_simam=trained_with_simam, **for_wrap(known, model)
    )
    entries: dict[str, object] = {"arch": plan.network}
    if data is None:
        return replace(loaded, card=loaded.card | entries | random_weights())
    sha256 = hashlib.sha256(data).hexdigest()
    return replace(loaded, card=loaded.card | entries, match=fitted, size=len(data), sha256=sha256)


def _filled(
    known: Named, plan: Plan, tables: dict[str, Tensors], prefix: str | None, part: str | None
) -> tuple[nn.Module, Match, bool]:
    """The network with SimAM and a file's weights, how they fitted, and whether their names show that SimAM was there."""
    try:
        plain, fitted = match_named(known, tables, prefix=prefix, part=part)
    except CheckpointError as error:
        # The file's names may be those of a network with SimAM in it, as insert_simam makes it.
        model = with_simam_behind(known.make(), plan.places, plan.e_lambda)
        classes = classes_of_file(model, tables, known.num_classes, prefix) if known.num_classes else None
        if classes not in (None, known.num_classes):
            model = with_simam_behind(known.make(classes), plan.places, plan.e_lambda)
        try:
            return model, match(model, tables, prefix, part), True
        except CheckpointError:
            raise error from None
    return with_simam_behind(plain, plan.places, plan.e_lambda), fitted, False
