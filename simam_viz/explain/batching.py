"""The one network that a batch runs: what several share, with the attention of each for its own image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from ..modules.simam import SimAM, each_its_own, is_plain
from ..modules.weighing import Each, Removed, Weighing
from ..networks.architectures import SIMAM_BLOCKS, is_ours, is_settled
from ..networks.lambdas import Times, at_lambda, set_e_lambda
from ..networks.places import weighing_modules
from ..networks.shared import private_copy, put_in_place, shared_copy, weights_memory
from ..wording import _
from .recording import Run


def check_shared(models: Sequence[nn.Module]) -> None:
    """``ValueError`` unless the models are one, but for what stands in the place of attention in any of them."""
    first, *others = dict.fromkeys(models)
    if not others:
        return
    places = _places([first, *others])
    expected = weights_memory(first, places)
    if any(weights_memory(other, places) != expected for other in others):
        raise ValueError(
            _(
                "These networks do not share their weights, or differ in more than their attention: analyse them one by one."
            )
        )


def one_model(networks: Sequence[Run]) -> tuple[nn.Module, bool]:
    """A private copy of what the networks share, with the attention of each, at its λ, for each image of a batch.

    And whether it is one of ours (:func:`is_ours`), which others ask as well and which takes a walk through all modules.
    """
    models, e_lambdas = [network.model for network, _own in networks], [e_lambda for _network, e_lambda in networks]
    # Hooks are put on blocks and attention: wherever else some may be, every module must be the copy's own.
    ours = is_ours(models[0])
    only_there = ours and networks[0][0].layers is None and _attends(models[0])
    whole = private_copy(models[0], is_settled) if only_there else private_copy(models[0])
    if len(models) == 1:
        set_e_lambda(whole, e_lambdas[0])
        return whole, ours
    made: dict[tuple[nn.Module, ...], Each] = {}
    for place in _places(dict.fromkeys(models)):
        there = tuple(model.get_submodule(place) for model in models)
        if there not in made:
            each = [_at(module, e_lambda) for module, e_lambda in zip(there, e_lambdas, strict=True)]
            made[there] = each_its_own(each)
        put_in_place(whole, place, made[there])
    return whole, is_ours(whole)


def parts_at_simam(model: nn.Module) -> bool:
    """Whether the images of a batch may go as one until :class:`Each` parts them: what lies before is computed once.

    Asked of a network of ours. Its output then meets a single image where the block ends, in a sum that must not be taken in place.
    """
    around = [
        model.get_submodule(name.rpartition(".")[0])
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, Each)
    ]
    return bool(around) and all(isinstance(block, SIMAM_BLOCKS) for block in around)


def _attends(model: nn.Module) -> bool:
    return any(isinstance(module, Weighing) for module in model.modules())


def _places(models: Iterable[nn.Module]) -> list[str]:
    """The names of all places where any of the models has attention; one module may stand in several."""
    return list(
        dict.fromkeys(
            name
            for model in models
            for name, module in weighing_modules(model).items()
            if not isinstance(module, Removed)
        )
    )


def _at(module: nn.Module, e_lambda: float | Times | None) -> Weighing:
    if is_plain(module):
        return SimAM(at_lambda(module.e_lambda, e_lambda))
    own = shared_copy(module)
    assert isinstance(own, Weighing)
    set_e_lambda(own, e_lambda)
    return own
