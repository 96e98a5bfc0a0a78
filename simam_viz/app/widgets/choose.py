"""Controls that several pages share, for what part of the network to look at and in which colours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import streamlit as st
from torch import Tensor

from ...explain.blocks import Analysis, Block
from ...explain.inspection import CHANNEL_MEASURES
from ...wording import _, later
from .. import state
from .glossary import explain

_BY_NUMBER = later("channel number")
_PLACES = {"row": later("Row (0 to {last})"), "column": later("Column (0 to {last})")}


def block(analysis: Analysis) -> Block:
    """The block to look into; choosing another one returns to its first channel.

    All pages begin at the same one: the deepest whose maps still have 8 × 8 neurons to look at.
    """
    blocks = {block.name: block for block in analysis.blocks}
    names = list(blocks)
    name = state.control(
        st.selectbox,
        _("Block"),
        names,
        name="block",
        default=_first_block(analysis),
        parse=state.one_of({name: name for name in names}),
        on_change=_forget_the_neuron,
        format_func=lambda name: f"{name} ({' × '.join(map(str, blocks[name].features.shape))})",
        help=explain("block") + "\n\n" + _("In brackets: channels × rows × columns."),
    )
    return blocks[name]


def block_now(analysis: Analysis) -> Block:
    """The block that is looked into, where no control shows it."""
    names = {block.name: block.name for block in analysis.blocks}
    return analysis.block(state.parsed("block", state.one_of(names), _first_block(analysis)))


def _first_block(analysis: Analysis) -> str:
    names = [block.name for block in analysis.blocks]
    wide = [block.name for block in analysis.blocks if min(block.features.shape[1:]) >= 8]
    return (wide or names)[-1]


def _forget_the_neuron() -> None:
    for name in ("channel", "row", "column"):
        state.put(name, None)


def other_block(analysis: Analysis, block: Block) -> Block:
    """A block to compare with; the one before to begin with."""
    blocks = {other.name: other for other in analysis.blocks}
    names = list(blocks)
    return blocks[
        state.control(
            st.selectbox,
            _("Other block"),
            names,
            name="other",
            default=names[names.index(block.name) - 1],
            parse=state.one_of({name: name for name in names}),
        )
    ]


def other_channel(block: Block) -> int:
    """A channel to compare with."""
    return _index(later("Other channel (0 to {last})"), "other", block.features.shape[0], default=1)


def channel(block: Block) -> int:
    """The channel to look at."""
    # The channel of a block: the link must say of which, even where the block is the one to begin with.
    return _index(
        later("Channel (0 to {last})"),
        "channel",
        block.features.shape[0],
        help=explain("channel"),
        on_change=lambda: state.put("block", block.name),
    )


def position(name: Literal["row", "column"], size: int) -> int:
    """The row or column of a neuron in a map that has ``size`` of them; the middle one to begin with."""
    return _index(_PLACES[name], name, size, default=size // 2)


def _index(
    label: str,
    name: str,
    size: int,
    default: int = 0,
    help: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> int:
    return state.control(
        st.number_input,
        _(label, last=size - 1),
        0,
        size - 1,
        name=name,
        default=default,
        parse=below(size),
        step=1,
        help=help,
        on_change=on_change,
    )


def below(size: int) -> Callable[[str], int]:
    """A parser of the numbers from 0 to ``size`` − 1."""

    def parse(text: str) -> int:
        index = int(text)
        if not 0 <= index < size:
            raise ValueError(text)
        return index

    return parse


def own_range() -> bool:
    """Whether maps are coloured from their own least to their own greatest value."""
    return state.control(
        st.toggle,
        _("Own colour range"),
        name="range",
        default=False,
        parse=state.one_of({"own": True, "common": False}),
        text=lambda own: "own" if own else "common",
        help=_("Pictures of one kind share one range, so that they can be compared. Own: from least to greatest."),
    )


def quantity(block: Block) -> str:
    """What to show of neurons: one of the block's :attr:`simam_viz.explain.blocks.Block.quantities`."""
    names = block.quantities
    return state.control(
        st.selectbox,
        _("Show"),
        list(names),
        name="show",
        default="attention weight",
        parse=state.one_of({name: name for name in names}),
        format_func=_,
        help="\n\n".join(map(explain, names)),
    )


def order() -> str | None:
    """What channels are sorted by: one of :data:`simam_viz.explain.inspection.CHANNEL_MEASURES`, or their number."""
    names = [_BY_NUMBER, *CHANNEL_MEASURES]
    chosen = state.control(
        st.selectbox,
        _("Sort channels by"),
        names,
        name="sort",
        default=_BY_NUMBER,
        parse=state.one_of({name: name for name in names}),
        on_change=lambda: state.put("least", None),
        format_func=_,
        help=explain("channel measures"),
    )
    return None if chosen == _BY_NUMBER else chosen


def minimum(measure: str, values: Tensor) -> float | None:
    """The least value a channel must have to be shown; ``None`` shows all."""
    low, high = float(values.min()), float(values.max())

    return state.control(
        st.number_input,
        _("At least ({low:.3g} to {high:.3g})", low=low, high=high),
        name="least",
        default=None,
        parse=finite,
        text=lambda value: None if value is None else state.number_text(value),
        placeholder=_("all channels"),
        format="%.4g",
        step=(high - low) / 20 or 1.0,
        help=_("Only channels whose {measure} is at least this.", measure=_(measure)),
    )


def finite(text: str) -> float:
    """A parser of finite numbers."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
