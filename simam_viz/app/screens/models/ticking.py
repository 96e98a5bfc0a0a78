"""SimAM put into a network of torchvision or timm, behind the convolutions that are ticked."""

from __future__ import annotations

import functools
import importlib.util

import streamlit as st

from ....checkpoints import torchvision_weights
from ....checkpoints.inserting import Plan
from ....networks.convolutions import Convolution, outline
from ....networks.named import names
from ....wording import _, counted, later
from ... import dropping, state
from ...own import Errand
from ...server import turns

_ASKED = "ticking-asked"
_RANDOM, _FILE = later("random numbers"), later("a file of weights")
_LARGEST_TABLE = 320
"""Pixels of the table's height."""


@st.fragment
def tick() -> None:
    """Choose a network and where SimAM stands in it, and build it. A fragment: a tick runs no more than this."""
    st.markdown(
        _(
            "SimAM has no parameters, so it can be put behind any convolution of any network: choose one, tick the places, build it, and "
            "every page shows it."
        )
    )
    with st.grid(3, min_column_width=200):
        source = st.selectbox(_("Networks of"), _sources(), key="ticking-source")
        network = st.selectbox(
            _("Network"),
            _names(source),
            index=_names(source).index("resnet18") if "resnet18" in _names(source) else 0,
            key=f"ticking-network-{source}",
            help=_("Type a part of its name to find it."),
        )
        e_lambda = st.number_input(
            "λ", 1e-6, 10.0, 0.1, format="%g", key="ticking-lambda",
            help=_("The authors train with 0.1 on ImageNet and 1e-4 on CIFAR."),
        )  # fmt: skip
    name = f"{source}:{network}"
    try:
        with st.spinner(_("Looking for its convolutions…")):
            found = _outline(name, dropping.largest())
    except ValueError as error:
        st.error(state.plain(str(error)))
        return
    places = _ticked(name, found)
    st.caption(
        counted(
            "SimAM stands behind {count} of {all} convolutions.",
            "SimAM stands behind {count} of {all} convolutions.",
            len(places),
            all=len(found),
        )
    )
    _weights_and_build(Plan(name, places, e_lambda), network)


def _ticked(name: str, found: tuple[Convolution, ...]) -> tuple[str, ...]:
    """The table of a network's convolutions; the names of those that are ticked."""
    key = f"ticking-places-{name}"
    usual = [row for row, convolution in enumerate(found) if convolution.usual]
    with st.container(horizontal=True, gap="small"):
        for label, rows, word in (
            (_("The authors' places"), usual, "usual"),
            (_("All"), list(range(len(found))), "all"),
            (_("None"), [], "none"),
        ):
            st.button(label, on_click=_put_ticks, args=(key, rows), key=f"ticking-{word}")
    table = [
        {
            _("convolution"): each.name,
            _("channels"): each.channels,
            _("kernel"): _by(each.kernel),
            _("stride"): _by(each.stride),
            _("groups"): each.groups,
            _("the authors' place"): each.usual,
        }
        for each in found
    ]
    chosen = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(_LARGEST_TABLE, 36 * (len(table) + 1)),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": usual}},
        key=key,
    )
    ticked = set(chosen["selection"]["rows"])
    return tuple(each.name for row, each in enumerate(found) if row in ticked)


def _put_ticks(key: str, rows: list[int]) -> None:
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}


def _weights_and_build(plan: Plan, network: str) -> None:
    published = {
        weights.card.title or name: weights
        for name, weights in torchvision_weights.published().items()
        if plan.network.startswith("torchvision:") and weights.card.arch == network and weights.path().is_file()
    }
    weights = st.selectbox(
        _("Its weights"), [_RANDOM, _FILE, *published], format_func=_, key=f"ticking-weights-{network}"
    )
    place = "checkpoint-ticking"
    if weights == _FILE:
        dropping.file_of_weights(
            place,
            _("Weights of this network"),
            _(
                "safetensors or PyTorch, under the names of {network} with or without SimAM. Nothing in it is run; it stays in this "
                "session's memory.",
                network=network,
            ),
        )
    elif weights == _RANDOM:
        st.caption(
            ":material/warning: "
            + _(
                "Random numbers: the pictures show how SimAM works in this network, and nothing that a trained network sees; its answers "
                "mean nothing."
            )
        )
    else:
        st.caption(_("Trained on ImageNet **without SimAM**: what SimAM shows on them is marked so."))
    there = weights == _FILE and dropping.holds(place)
    ready = bool(plan.places) and (weights != _FILE or there)
    st.button(
        _("Build"),
        type="primary",
        icon=":material/construction:",
        disabled=not ready,
        on_click=st.session_state.update,
        args=({_ASKED: True},),
        key="ticking-build",
    )
    # Not what the button returns: another run may take over before this one comes here, and it would be told of no click.
    if not (st.session_state.pop(_ASKED, False) and ready):
        return
    with turns.turn(), st.spinner(_("Building {network}…", network=network)):
        if there:
            dropping.accept(place, Errand(plan=plan))
        elif weights == _RANDOM:
            dropping.build(plan)
        else:
            dropping.build(plan, published[weights].path().read_bytes(), trained_with_simam=False)
    st.rerun()


def _sources() -> list[str]:
    return ["torchvision", *(["timm"] if importlib.util.find_spec("timm") else [])]


@functools.cache
def _names(source: str) -> list[str]:
    # timm's names with a dot are of weights that it would download.
    return sorted(name for name in names(source) if "." not in name)


@st.cache_data(max_entries=32, show_spinner=False)
def _outline(network: str, most_bytes: int) -> tuple[Convolution, ...]:
    return outline(network, most_bytes)


def _by(sides: tuple[int, ...]) -> str:
    return " × ".join(map(str, sides))
