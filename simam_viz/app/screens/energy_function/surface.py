"""The energy of every line for one neuron, as a landscape."""

from __future__ import annotations

from functools import partial

import streamlit as st
from PIL.Image import Image

from ....draw import charts
from ....lesson.derivation import Derivation
from ....wording import _, together
from ...widgets import pictures
from ...widgets.shown import Shown

SURFACE_WIDTH = 640


def surface(shown: Shown, d: Derivation) -> None:
    """Eq. 2 over (w, b), its minimum found both ways, and the line that belongs to it."""
    contours, bowl = st.columns(2, gap="large", vertical_alignment="center")
    with contours:
        pictures.chart(
            shown,
            charts.energy_contours(d),
            height=400,
            key="contours",
            name="energy-contours",
            alt=_("Lines of equal energy over slope and offset, with the three points marked"),
        )
    with bowl:
        pictures.picture(
            shown,
            "surface",
            partial(_surface, d),
            SURFACE_WIDTH,
            alt=_(
                "The energy of Eq. 2 over slope and offset as a bowl in three dimensions, with the three points marked"
            ),
        )
    what_is_shown = _(
        "The energy of every line w·x + b for this neuron, colours from low (dark blue) to high (yellow). The closed form "
        "(red circle) and a search that knows nothing but Eq. 2 (within it) meet at the bottom of the bowl."
    )
    if d.as_printed.energy > d.closed_form.energy + 1e-9:
        sign = _(
            "The sign that the paper prints (orange triangle) leads up the wall: a worse energy than that of the flat line "
            "w = b = 0, which is {flat:g}.",
            flat=d.energy_of(0.0, 0.0),
        )
    else:
        sign = _("This neuron equals the mean of the others, so w* is 0 and its sign does not matter.")
    st.caption(together(what_is_shown, sign))
    points = {
        _("closed form"): d.closed_form,
        _("numerical search"): d.numerical,
        _("sign as printed"): d.as_printed,
    }
    pictures.table(
        shown,
        "lines",
        _("The points on the energy surface"),
        [
            {_("point"): name, "w": f"{line.w:.6g}", "b": f"{line.b:.6g}", _("energy"): f"{line.energy:.6g}"}
            for name, line in points.items()
        ],
    )
    st.caption(
        _(
            "This least energy, {exact:.4g}, is exact: μ_t and σ_t² are those of the others. With one μ and σ² for the "
            "whole channel (Eq. 5) SimAM computes {energy:.4g} instead.",
            exact=d.closed_form.energy,
            energy=d.energy,
        )
    )


def _surface(d: Derivation, width: int) -> Image:
    from ....draw import figures  # matplotlib's take half a second to import

    return figures.figure_picture(charts.energy_surface(d), width)
