"""The description of a figure and the address: what the controls of the page ask for, and the other way about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from ....draw.paper import description
from ....draw.paper.description import MIDDLE, Description
from ....draw.paper.looks import class_word
from ....draw.paper.making import in_hand
from ....draw.paper.quantities import parse
from ....networks.lambdas import Times
from ....photos import squares
from ....wording import _, later
from ... import sidebar, state
from ...scene import Scene
from ...widgets import choose
from ...widgets.glossary import explain
from . import opened, order

_OFFERED = (
    "photo", "weight", "weight:max", "importance", "energy", "cam", "cam++", "hirescam", "layercam", "difference", "feature",
    "histogram", "histogram:weight", "sweep",
)  # fmt: skip
_ROWS = {"photos": later("photos"), "networks": later("networks"), "quantities": later("quantities")}
_DRAWN = {"overlay": later("over the photo"), "map": later("by themselves"), "both": later("both")}
_UPSAMPLING = {"smooth": later("smooth"), "cells": later("true cells")}
_UNDER = {"grey": later("in grey"), "colour": later("in colours")}
_LETTERS = {"none": later("none"), "a": "a, b, c", "A": "A, B, C", "(a)": "(a), (b), (c)"}
_YES = {"yes": True, "no": False}


def asked(view: Scene, photos: Mapping[str, str], networks: Mapping[str, str]) -> Description:
    """What the controls ask for; they are the description's settings, and the address holds them by their names.

    Args:
        view: what is looked at.
        photos: titles of those that there are, by their names in the address.
        networks: the same.

    Raises:
        ValueError: they contradict each other; in one sentence.
    """
    words = list(dict.fromkeys([*_OFFERED, *_words(state.get("panels"))]))
    titles = {word: parse(word).title for word in words}
    with st.grid(3, min_column_width=250):
        chosen = _several(_("Photos"), "photos", photos, [view.photo.name])
        which = _several(_("Networks"), "networks", networks, ["on"])
        show = _several(
            _("Quantities"), "panels", titles, ["photo", "weight", "cam"],
            help=_("In the order in which they are chosen. Channels and blocks come here from the page *Attention maps*."),
        )  # fmt: skip
    with st.grid(3, min_column_width=250, vertical_alignment="bottom"):
        block = choose.block(view.analysis()).name
        rows = _one(_("Rows"), "rows", _ROWS, "photos", st.segmented_control)
        against = None
        if len(view.loaded.categories) > 2 and view.loaded.output.has_probabilities:
            against = sidebar.class_menu(
                view.loaded, _("Contrast with"), "against", _("No other class"), explain("contrast of classes")
            )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        width = _number(_("Width in mm"), "width", 180.0, 20.0, 1000.0, 0.5, width=140)
        for usual, told in description.WIDTHS.items():
            label = _("{width:g}: {what}", width=usual, what=_(told))
            st.button(label, on_click=state.put, args=("width", f"{usual:g}"), key=f"paper-width-{usual:g}")
        with st.popover(_("Open a description"), icon=":material/data_object:"):
            opened.uploader()
        fixed = view.loaded.has_simam and state.control(
            st.toggle, _("λ at a fixed mean weight"), name="fixed-mean", default=False,
            parse=state.one_of(_YES), text=lambda on: "yes" if on else None, help=explain("fixed mean weight"),
        )  # fmt: skip
    with st.expander(_("Order and names"), icon=":material/swap_vert:"):
        names = order.names(
            {
                _("Photos"): ("photos", {name: photos[name] for name in chosen}),
                _("Networks"): ("networks", {name: networks[name] for name in which}),
                _("Quantities"): ("panels", {word: titles[word] for word in show}),
            }
        )
    with st.expander(_("How it is drawn"), icon=":material/palette:"):
        drawing = _drawing()
    target = "" if view.target is None else class_word(view.loaded.categories, view.target)
    return description.described(
        {
            "photos": chosen, "networks": which, "show": show, "names": names, "block": block, "rows": rows, "width": width,
            "target": target, "against": "" if against is None else class_word(view.loaded.categories, against),
            "fixed_mean": fixed,             "e_lambda": f"x{view.e_lambda.factor:g}" if isinstance(view.e_lambda, Times)
            else None if view.e_lambda == view.loaded.e_lambda else view.e_lambda,
            "size": None if view.input_size == view.loaded.transforms.input_size else view.input_size,
            "square": _squares(view, chosen),
        } | in_hand(view.loaded) | _question(view) | drawing
    )  # fmt: skip


def _squares(view: Scene, photos: Sequence[str]) -> list[str]:
    """What is seen of each photo: a square can be chosen of the one in hand."""
    if view.square is None or view.photo.name not in photos:
        return []
    return [squares.text(view.square) if name == view.photo.name else MIDDLE for name in photos]


def _question(view: Scene) -> dict[str, Any]:
    """What else is asked of the network in hand."""
    region = view.ask.region
    return {
        "region": "" if region is None else region if isinstance(region, str) else f"{region[0]},{region[1]}",
        "box": view.ask.box,
        "reference": view.ask.reference or "",
    }


def _several(label: str, name: str, titles: Mapping[str, str], default: list[str], **more: Any) -> list[str]:
    """Some of what there is, in the order in which they were chosen; at least one."""

    def parsed(text: str) -> list[str]:
        names = list(description.listed(text))
        if not names or len(set(names)) != len(names) or not set(names) <= set(titles):
            raise ValueError(text)
        return names

    return state.control(
        st.multiselect, label, list(titles), wrap=True, name=name, default=default, parse=parsed, text=",".join,
        format_func=lambda one: titles.get(one, one), **more,
    )  # fmt: skip


def _one(label: str, name: str, titles: dict[str, str], default: str, widget: Callable[..., Any] = st.selectbox) -> str:
    more: dict[str, Any] = {"required": True} if widget is st.segmented_control else {}
    return state.control(
        widget, label, list(titles), name=name, default=default, parse=state.one_of({one: one for one in titles}),
        text=lambda one: None if one == default else one, format_func=lambda one: _(titles[one]), **more,
    )  # fmt: skip


def _switch(label: str, name: str, default: bool, **more: Any) -> bool:
    return state.control(
        st.toggle, label, name=name, default=default, parse=state.one_of(_YES),
        text=lambda on: None if on == default else "yes" if on else "no", **more,
    )  # fmt: skip


def _number(label: str, name: str, default: float, low: float, high: float, step: float, **more: Any) -> float:
    def parsed(text: str) -> float:
        value = choose.finite(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return state.control(
        st.number_input, label, low, high, name=name, default=default, parse=parsed, step=step, format="%g",
        text=lambda value: None if value == default else state.number_text(value), **more,
    )  # fmt: skip


def _words(text: str | None) -> list[str]:
    """The quantities that the address asks for, as far as they mean something."""
    found = []
    for word in description.listed(text or ""):
        try:
            found.append(parse(word).word)
        except ValueError:
            return []
    return found


def _drawing() -> dict[str, Any]:
    """The settings that nothing has to be computed anew for."""
    with st.grid(4, min_column_width=170, vertical_alignment="bottom"):
        found: dict[str, Any] = {
            "drawn": _one(_("Maps"), "drawn", _DRAWN, "overlay"),
            "upsampling": _one(_("Enlarged"), "upsampling", _UPSAMPLING, "smooth"),
            "opacity": _number(_("Opacity of maps"), "opacity", 0.55, 0.0, 1.0, 0.05),
            "photo": _one(_("Photo under maps"), "under", _UNDER, "grey"),
            "colours": _one(_("Colours"), "colours", description.COLOURS, ""),
            "signed": _one(_("Colours with a sign"), "signed", description.SIGNED, ""),
            "font": _one(_("Font"), "font", {name: name for name in description.OWN_FONTS}, "DejaVu Sans"),
            "font_size": _number(_("Font size in points"), "font-size", 8.0, 3.0, 40.0, 0.5),
            "letters": _one(_("Panel letters"), "letters", _LETTERS, "a"),
            "across": int(_number(_("Most panels side by side (0: all)"), "across", 0.0, 0.0, 100.0, 1.0)),
        }
    with st.grid(4, min_column_width=170):
        return found | {
            "titles": _switch(_("Titles"), "titles", True),
            "bars": _switch(_("Colour bars"), "bars", True),
            "answers": _switch(_("Answers below heat maps"), "answers", False),
            "own_range": choose.own_range(),
        }
