"""A whole card → the network that it describes, without its weights."""

from __future__ import annotations

from typing import cast, get_args

from torch import nn

from ..networks.architectures import Attention, create_model
from ..networks.outlines import outlined
from ..networks.places import create_simam_model
from ..wording import _
from .card import Card
from .weights_file import CheckpointError


def described_network(card: Card) -> nn.Module:
    """The network that a whole card describes, without memory or values for the weights that are about to be put in.

    Raises:
        CheckpointError: it contradicts itself, or names a place that the architecture does not have.
    """
    own, places = card.e_lambda, card.simam_at or ()
    assert card.arch is not None and card.num_classes is not None and own is not None
    _check_attention(card)
    model: nn.Module
    try:
        with outlined():
            if card.attention != "simam":
                model = create_model(card.arch, cast(Attention, card.attention), card.num_classes)
            else:
                lambdas = own if isinstance(own, dict) else dict.fromkeys(places, own)
                model = create_simam_model(card.arch, lambdas, card.num_classes)
            return model
    except ValueError as error:
        raise CheckpointError(
            _("The card does not fit the weights: {reason}.", reason=str(error).rstrip(".。"))
        ) from None


def _check_attention(card: Card) -> None:
    """``CheckpointError`` where a whole card contradicts itself about the attention and its λ."""
    own, places = card.e_lambda, card.simam_at or ()
    trouble = ""
    if card.attention not in get_args(Attention):
        trouble = _(
            "The card does not fit the weights: it names the attention {attention!r}, whose tensors are not there.",
            attention=card.attention,
        )
    elif card.attention != "simam" and isinstance(own, dict):
        trouble = _("The card does not fit the weights: its entry e_lambda gives λ by place, but there is no SimAM.")
    elif card.attention == "simam" and not places:
        trouble = _("The card does not fit the weights: it names SimAM and no place for it (entry simam_at).")
    elif isinstance(own, dict) and own.keys() != set(places):
        trouble = _("The card does not fit the weights: its entry e_lambda must give λ for each place of simam_at.")
    if trouble:
        raise CheckpointError(trouble)
