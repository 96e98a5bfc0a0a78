"""The energy function on one neuron: its best line, the energy of all lines, and what λ does to its importance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import contourpy
import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray

from ...lesson.derivation import Derivation, Line
from ...modules.formulas import IMPORTANCE_FLOOR, energy_landscape
from ...wording import _, labelled
from . import specification as spec
from .specification import ChartSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SURFACE_COLOURS = "cividis"


def number_line(derivation: Derivation) -> ChartSpec:
    """The line of least energy over the number line: others at −1, the target at +1, and where the line sends them."""
    best, t = derivation.closed_form, derivation.t
    others = derivation.others.tolist()
    low, high = min([*others, t]), max([*others, t])
    margin = 0.15 * ((high - low) or 1.0)
    ends = [[x, best.w * x + best.b] for x in (low - margin, high + margin)]
    miss = [[t, 1.0], [t, best.w * t + best.b]]
    series = [
        spec.points(_("others, to be sent to −1"), [[x, -1] for x in others], spec.OTHERS_COLOUR, 9, opacity=0.35),
        spec.points(_("target, to be sent to +1"), [[t, 1]], spec.TARGET_COLOUR, 15),
        spec.line(_("best line"), ends, spec.BAR_COLOUR),
        spec.line(_("the target's miss"), miss, spec.TARGET_COLOUR, "dotted"),
    ]
    across = spec.axis(
        _("value of the neuron, x"), 28, round(low - margin, 3), round(high + margin, 3), **spec.WITHOUT_GRID
    )
    return spec.chart(
        series, across, spec.axis("w·x + b", 32, -2, 2, interval=1), 56, {"formatter": labelled("{a}", "{c}")}
    )


def importance_curves(
    ratios: tuple[float, ...], z: float, ratio: float, reach: float = 5.0, places: int = 41
) -> ChartSpec:
    """Importance ½ + z²/4 · σ²/(σ² + λ) against z = d/σ, one curve a ratio λ/σ²; the neuron in hand as a point.

    Args:
        ratios: λ/σ² of the curves.
        z, ratio: of the neuron in hand; a ``z`` beyond ``reach`` widens the axis.
        reach: where the axis ends on either side.
        places: how many points make a curve.
    """
    reach = max(reach, abs(z) * 1.1)
    across = [round(-reach + 2 * reach * index / (places - 1), 3) for index in range(places)]

    def importance(place: float, share: float) -> float:
        return round(0.5 + place**2 / 4 / (1 + share), 4)

    series = [
        spec.line(
            f"λ/σ² = {share:g}", [[place, importance(place, share)] for place in across], spec.shade("viridis", level)
        )
        for share, level in zip(ratios, range(20, 230, 210 // max(len(ratios), 1)), strict=False)
    ]
    floor = [[-reach, IMPORTANCE_FLOOR], [reach, IMPORTANCE_FLOOR]]
    series.append(spec.line(_("floor ½"), floor, "#777777", "dashed", 1.5))
    series.append(spec.points(_("this neuron"), [[round(z, 3), importance(z, ratio)]], spec.TARGET_COLOUR, 14))
    ends = -round(reach, 2), round(reach, 2)
    return spec.chart(series, spec.axis("z = (t − μ)/σ", 28, *ends), spec.axis(_("importance 1/e*"), 36, 0), 56)


@dataclass(frozen=True)
class _Landscape:
    """Eq. 2 over a window of (w, b) that shows the minimum in closed form, and the levels to draw it at."""

    w: NDArray[np.float64]
    b: NDArray[np.float64]
    energy: NDArray[np.float64]
    """All three: (places, places)."""
    levels: NDArray[np.float64]

    @classmethod
    def of(cls, derivation: Derivation, places: int) -> _Landscape:
        best, printed = derivation.closed_form, derivation.as_printed
        reach_w = max(1.8 * abs(best.w), 0.2)
        centre_b = (best.b + printed.b) / 2
        reach_b = max(1.6 * abs(best.b - centre_b), 1.2)
        w, b = torch.meshgrid(
            torch.linspace(-reach_w, reach_w, places, dtype=torch.float64),
            torch.linspace(centre_b - reach_b, centre_b + reach_b, places, dtype=torch.float64),
            indexing="xy",
        )
        target = torch.tensor(derivation.t, dtype=torch.float64)
        energy = energy_landscape(w, b, target, derivation.others, derivation.e_lambda).numpy()
        # Equal steps of the root above the floor: the bottom of the bowl shows as well as its rim.
        levels = best.energy + np.linspace(0, float(energy.max() - best.energy) ** 0.5, 17) ** 2
        return cls(w.numpy(), b.numpy(), energy, levels)


@dataclass(frozen=True)
class _Mark:
    """A point on the surface: its line, its colour, and how it is drawn by ECharts and by matplotlib (sizes in pixels and points)."""

    name: str
    line: Line
    colour: str
    symbol: tuple[str, int]
    marker: tuple[str, int]


def _marks(derivation: Derivation) -> list[_Mark]:
    """The first two coincide, the third does not."""
    return [
        _Mark(_("closed form"), derivation.closed_form, spec.TARGET_COLOUR, ("circle", 18), ("o", 12)),
        _Mark(_("numerical search"), derivation.numerical, "#000000", ("diamond", 9), ("x", 9)),
        _Mark(_("sign as printed"), derivation.as_printed, "#f08c00", ("triangle", 15), ("^", 11)),
    ]


def energy_contours(derivation: Derivation) -> ChartSpec:
    """Eq. 2 over (w, b) for one neuron as lines of equal energy, with :func:`energy_surface`'s three points on it."""
    land = _Landscape.of(derivation, 31)
    generator = contourpy.contour_generator(land.w, land.b, land.energy)
    colours = [spec.shade(_SURFACE_COLOURS, level) for level in np.linspace(0, 255, 16)]
    contours = [
        spec.line(_("energy {level:.4g}", level=level), contour.round(3).tolist(), colour, width=1.5, symbolSize=1)
        for level, colour in zip(land.levels[1:], colours, strict=True)
        # The default kind of lines: one array (points, 2) a line.
        for contour in cast(list[NDArray[np.float64]], generator.lines(level))
    ]
    marked = []
    for mark in _marks(derivation):
        (symbol, size), colour = mark.symbol, mark.colour
        place = spec.points(labelled(mark.name, f"{mark.line.energy:.4g}"), [[mark.line.w, mark.line.b]], colour, size)
        ring = {"color": "transparent", "borderWidth": 3} if symbol == "circle" else {}
        marked.append(place | {"symbol": symbol, "itemStyle": {"color": colour, "borderColor": colour} | ring})

    def window(values: NDArray[np.float64], name: str, gap: int) -> ChartSpec:
        inner = {"splitNumber": 4, "axisLabel": {"showMinLabel": False, "showMaxLabel": False}} | spec.WITHOUT_GRID
        return spec.axis(name, gap, round(float(values.min()), 4), round(float(values.max()), 4), **inner)

    return spec.chart(
        [*contours, *marked],
        window(land.w, _("slope w"), 28),
        window(land.b, _("offset b"), 40),
        60,
        {"formatter": "{a}"},
        legend={"top": 0, "itemWidth": 16, "data": [place["name"] for place in marked]},
    )


def energy_surface(derivation: Derivation) -> Figure:
    """Eq. 2 over (w, b) for one neuron in three dimensions, with three points on it.

    The points: the minimum in closed form, the one found numerically (they coincide), and the one with the sign that
    the paper prints (it does not).
    """
    from matplotlib.figure import Figure  # which takes long to import, and few screens draw

    land = _Landscape.of(derivation, 25)
    w, b, energy = land.w, land.b, land.energy
    left, right, front, back, top = w.min(), w.max(), b.min(), b.max(), energy.max()
    figure = Figure(figsize=(6.4, 4.8))
    # Any: matplotlib's three-dimensional axes come without types.
    axes: Any = figure.add_axes((-0.02, -0.02, 1, 1), projection="3d", proj_type="ortho", computed_zorder=False)
    axes.view_init(elev=32, azim=-58)
    axes.set_axis_off()

    middles = (energy[:-1, :-1] + energy[1:, :-1] + energy[1:, 1:] + energy[:-1, 1:]) / 4
    heights = np.sqrt((middles - land.levels[0]) / (top - land.levels[0]))
    colours = matplotlib.colormaps[_SURFACE_COLOURS](heights)
    axes.plot_surface(w, b, energy, facecolors=colours, edgecolor="white", lw=0.4, alpha=0.85, shade=False)

    edges = {"color": "#888888", "lw": 0.8, "zorder": 0}
    axes.plot([left, right, right, left, left], [front, front, back, back, front], 0, **edges)
    axes.plot([left, left], [front, front], [0, top], **edges)
    for text, place in {
        _("slope w"): (0.0, front, -0.12 * top),
        _("offset b"): (right * 1.12, (front + back) / 2, -0.1 * top),
        _("energy, 0 to {top:.3g}", top=top): (left, front, top * 1.06),
    }.items():
        axes.text(*place, text, ha="center", fontsize=10)
    for mark in _marks(derivation):
        (marker, size), best = mark.marker, mark.line
        axes.plot(best.w, best.b, best.energy, marker, color=mark.colour, ms=size, mfc="none", mew=2)
    axes.set(xlim=(left, right), ylim=(front, back), zlim=(0, top))
    axes.set_box_aspect((1, 1, 1), zoom=1.02)
    return figure
