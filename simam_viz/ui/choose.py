"""Controls that several pages share, for what part of the network to look at and in which colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from ..analysis import Block
from . import state
from .glossary import explain
from .scene import Scene


def block(scene: Scene) -> Block:
    """The block to look into; choosing another one returns to its first channel.

    All pages begin at the same one: the deepest whose maps still have 8 × 8 neurons to look at.
    """
    blocks = {block.name: block for block in scene.analysis().blocks}
    names = list(blocks)
    wide = [name for name in names if min(blocks[name].features.shape[1:]) >= 8]
    name = state.control(
        st.selectbox,
        "Block",
        names,
        name="block",
        default=(wide or names)[-1],
        parse=state.one_of({name: name for name in names}),
        on_change=_forget_the_neuron,
        format_func=lambda name: f"{name} ({' × '.join(map(str, blocks[name].features.shape))})",
        help=explain("block") + "\n\nIn brackets: channels × rows × columns.",
    )
    return blocks[name]


def _forget_the_neuron() -> None:
    for name in ("channel", "row", "column"):
        state.put(name, None)


def channel(block: Block) -> int:
    """The channel to look at."""
    # The channel of a block: the link must say of which, even where the block is the one to begin with.
    return _index(
        "Channel",
        "channel",
        block.features.shape[0],
        help=explain("channel"),
        on_change=lambda: state.put("block", block.name),
    )


def position(name: Literal["row", "column"], size: int) -> int:
    """The row or column of a neuron in a map that has ``size`` of them; the middle one to begin with."""
    return _index(name.capitalize(), name, size, default=size // 2)


def _index(
    label: str,
    name: str,
    size: int,
    default: int = 0,
    help: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> int:
    def parse(text: str) -> int:
        index = int(text)
        if not 0 <= index < size:
            raise ValueError(text)
        return index

    return state.control(
        st.number_input,
        f"{label} (0 to {size - 1})",
        0,
        size - 1,
        name=name,
        default=default,
        parse=parse,
        step=1,
        help=help,
        on_change=on_change,
    )


def own_range() -> bool:
    """Whether maps are coloured from their own least to their own greatest value."""
    return state.control(
        st.toggle,
        "Own colour range",
        name="range",
        default=False,
        parse=state.one_of({"own": True, "common": False}),
        text=lambda own: "own" if own else "common",
        help="Pictures of one kind share one range, so that they can be compared. Own: from least to greatest.",
    )
