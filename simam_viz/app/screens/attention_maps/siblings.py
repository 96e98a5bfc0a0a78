"""The same photo's weights as each attention module has them in its own network, all of them trained alike."""

from __future__ import annotations

from functools import partial

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from ....checkpoints.card import Card
from ....checkpoints.loading import siblings_of
from ....draw import render
from ....explain import inspection
from ....explain.blocks import Analysis, Block
from ....networks.architectures import ATTENTION_NAMES
from ....wording import _, later
from ... import zoo
from ...scene import Scene
from ...widgets import pictures

_SHEETS = 6
_RANGES = {
    "simam": later("one weight a neuron"),
    "se": later("one weight a channel"),
    "cbam": later("one a channel × one a position"),
    "eca": later("one weight a channel"),
}


def side_by_side(view: Scene, block: Block) -> None:
    """A card for each module; nothing where no network was trained alike."""
    here, trouble = zoo.siblings(view.loaded)
    own = view.loaded.card.attention or ""
    columns = {own: "on"} | {name: name for name in here}
    if (twin := view.twin) is not None and here:
        columns[twin.card.attention or ""] = "twin"
    shown = [name for name in _RANGES if name in columns]
    if trouble and view.loaded.card.sibling_differences:
        st.caption(trouble)
    if len(shown) < 2:
        return
    st.subheader(_("The same photo in networks trained alike, at {block}", block=block.layer))
    analyses = view.analyses([columns[name] for name in shown])
    with st.grid(len(shown), min_column_width=170):
        for name in shown:
            with st.container():
                _card(view, name, analyses[columns[name]], block)
    st.caption(
        _(
            "Six channels of each network as tilted sheets of the photo: of SimAM those of greatest contrast, of the others evenly from "
            "the lowest to the highest weight. Each network learned channels of its own: compare how the weights lie, not channel "
            "with channel."
        )
    )


def trained_alike(loaded_card: Card) -> dict[str, float]:
    """Top-1 in percent of the networks that were trained alike, with this one's own, by the name of the module."""
    cards = {loaded_card.attention or "": loaded_card} | {
        name: info.card for name, info in siblings_of(loaded_card).items()
    }
    return {
        ATTENTION_NAMES[name]: card.accuracy.top1
        for name, card in cards.items()
        if name in _RANGES and card.accuracy is not None and len(cards) > 1
    }


def _card(view: Scene, name: str, analysis: Analysis, block: Block) -> None:
    weights, position = _weights(analysis, block.name)
    order = _sheet_order(analysis.block(block.name) if name == "simam" else None, weights)
    scale = render.scale_for("attention weight", weights[order], own_range=True)
    st.markdown(f"**{ATTENTION_NAMES[name]}**")
    pictures.picture(
        view.shown,
        f"alike-{name}",
        partial(sheets, view.analysis().view, [weights[channel] for channel in order], scale),
        240,
        smooth=True,
        alt=_(
            "Six channels of {block} as tilted sheets of the photo, weighed by {module}",
            block=block.layer,
            module=ATTENTION_NAMES[name],
        ),
        caption=_(
            "{range}: {low:.3f} to {high:.3f}, mean {mean:.3f}",
            range=_(_RANGES[name]),
            low=weights.min(),
            high=weights.max(),
            mean=weights.mean(),
        ),
        scale=scale,
    )
    if position is not None:
        scale = render.scale_for("mean weight", position, True, "position")
        pictures.over_photo(
            view.shown,
            f"alike-{name}-position",
            view.analysis().view,
            position,
            scale,
            240,
            title=ATTENTION_NAMES[name],
            alt=_(
                "The weights that {module} gives positions of {block}, over the photo",
                block=block.layer,
                module=ATTENTION_NAMES[name],
            ),
            caption=_("its weight a position: {low:.3f} to {high:.3f}", low=position.min(), high=position.max()),
        )


def _weights(analysis: Analysis, name: str) -> tuple[Tensor, Tensor | None]:
    """What every neuron of a layer is multiplied by in all, (C, H, W); and one weight a position (H, W), where there is one."""
    layer = analysis.block(name).layer
    there = [block for block in analysis.blocks if block.layer == layer]
    position = next((block.attention[0] for block in there if block.kind == "position"), None)
    return torch.stack([block.attention for block in there]).prod(dim=0), position


def _sheet_order(simam: Block | None, weights: Tensor) -> list[int]:
    """The channels whose sheets are drawn: SimAM's of greatest contrast, others' evenly from the lowest to the highest mean."""
    if simam is not None:
        return inspection.ranked_channels(inspection.contrast(simam))[:_SHEETS]
    order = weights.mean(dim=(1, 2)).argsort()
    places = torch.linspace(0, len(order) - 1, min(_SHEETS, len(order))).round().long()
    return [int(channel) for channel in order[places]]


def sheets(photo: Image.Image, maps: list[Tensor], scale: render.Scale, size: int) -> Image.Image:
    """Maps (H, W) over the photo, as tilted sheets one behind the other."""
    return render.stack([render.overlay(photo, map_, scale, size) for map_ in maps], size)
