"""λ as a person chooses it: the stops there are, and the slider of the sidebar."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import streamlit as st

from ..checkpoints.loading import LoadedCheckpoint
from ..explain.film import Stop
from ..networks.lambdas import Times
from ..wording import _, later
from . import state, zoo
from .widgets.glossary import explain

EACH_ITS_OWN = later("each its own")
"""The first stop of λ for a network whose SimAM modules keep different ones; it is shown through :func:`_`."""
_OWN_STOPS = {
    "trained": later("{e_lambda:g} (trained)"),
    "assumed": later("{e_lambda:g} (assumed)"),
    "default": later("{e_lambda:g} (default)"),
    "own": later("{e_lambda:g} (its own)"),
}
"""The network's own λ among the stops, by :func:`zoo.lambda_word`; and below, the button that leads back to it."""
_BACK = {
    "trained": later("Back to the trained λ = {e_lambda:g}"),
    "assumed": later("Back to the assumed λ = {e_lambda:g}"),
    "default": later("Back to the default λ = {e_lambda:g}"),
    "own": later("Back to its own λ = {e_lambda:g}"),
}
_FACTORS = [*(float(f"{mantissa}e{exponent}") for exponent in range(-3, 3) for mantissa in (1, 2, 5)), 1000.0]


@dataclass(frozen=True)
class Stops:
    """Where λ of one network can stand."""

    entry: str
    """Of the view: ``"lambda"`` or ``"times"``."""
    title: str
    back: str
    """What leads back to the network's own λ."""
    own: Stop
    """The network's own."""
    values: tuple[Stop, ...]
    """All that there always are, in the order of the slider."""
    labels: dict[Stop, str]
    """What each is called on screen, one that a link asks for among them."""

    @property
    def offered(self) -> list[Stop]:
        """All, with one that a link asks for among them, in the order of the slider."""
        return list(self.labels)

    def text(self, stop: Stop) -> str | None:
        """What the view says of a stop; ``None`` for the network's own."""
        if stop == self.own or stop is None:
            return None
        return state.number_text(stop.factor if isinstance(stop, Times) else stop)

    def key(self, stop: Stop) -> str:
        """What a stop is called in the browser."""
        return self.text(stop) or "own"


def parse_lambda(text: str) -> float:
    """λ in its range; ``ValueError`` for anything else."""
    value = float(text)
    if not 1e-6 <= value <= 10:
        raise ValueError(text)
    return value


def lambda_stops(*more: float) -> list[float]:
    """λ from 1e-6 to 10 on a log scale, six stops a decade, with ``more`` values among them."""
    stops = {float(f"{mantissa}e{exponent}") for exponent in range(-6, 1) for mantissa in (1, 1.5, 2, 3, 5, 7)}
    return sorted(stops | {10.0} | set(more))


def own_values(loaded: LoadedCheckpoint) -> tuple[Stop, ...]:
    """The stops that there always are, in the order of the slider, where λ itself is moved."""
    own = loaded.e_lambda
    return (None, *lambda_stops()) if own is None else tuple(lambda_stops(own))


def of(loaded: LoadedCheckpoint) -> Stops | None:
    """The stops of a network as the view asks for them; ``None`` where no SimAM is shown, and so no λ."""
    if loaded.attends and not loaded.has_simam:
        return None
    own = loaded.e_lambda
    if own is None and loaded.has_simam and state.get("lambda-by") == "multiply":
        factors: list[Stop] = [None if factor == 1 else Times(factor) for factor in _FACTORS]
        labels = {stop: f"× {factor:g}" for stop, factor in zip(factors, _FACTORS, strict=True)}
        back = _("Back to each block's own λ")
        return Stops("times", _("Each block's own λ, times"), back, None, tuple(factors), labels)
    asked = []
    if text := state.get("lambda"):
        with contextlib.suppress(ValueError):
            asked = [parse_lambda(text)]  # a link may ask for any λ, not only for a stop
    word = zoo.lambda_word(loaded)
    offered: list[Stop] = [None, *lambda_stops(*asked)] if own is None else [*lambda_stops(own, *asked)]
    labels = {
        stop: _(EACH_ITS_OWN) if stop is None else _(_OWN_STOPS[word], e_lambda=stop) if stop == own else f"{stop:g}"
        for stop in offered
    }
    back = _("Back to each block's own λ") if own is None else _(_BACK[word], e_lambda=own)
    return Stops("lambda", _("λ, from 1e-6 to 10"), back, own, own_values(loaded), labels)


def choose(loaded: LoadedCheckpoint, on_page: bool = False) -> Stop:
    """λ of all SimAM modules, the network's own to begin with; ``None`` where each keeps its own, or there is none.

    Where modules keep different ones, these may be multiplied instead.

    Args:
        loaded: the network.
        on_page: whether the page has a slider of its own, and the browser has shown that it can draw it: then there is none here,
            which would say again, a moment late, what it was made to show (see :mod:`simam_viz.app.components`).
    """
    if loaded.attends and not loaded.has_simam:
        st.caption(_("This network's attention is not SimAM: there is no λ to move."))
        return None
    if loaded.e_lambda is None and loaded.has_simam:
        state.control(
            st.segmented_control, _("λ of all blocks"), ["set", "multiply"], name="lambda-by", default="set", required=True,
            parse=state.one_of({"set": "set", "multiply": "multiply"}),
            format_func={"set": _("set to one"), "multiply": _("multiply each")}.__getitem__,
        )  # fmt: skip
    stops = of(loaded)
    assert stops is not None
    with st.container(key="plain-lambda"):
        return _as_asked(stops) if on_page else _slider(stops)


def _as_asked(stops: Stops) -> Stop:
    """What the view asks for, without a control."""
    there = {stops.key(stop): stop for stop in stops.offered}
    if isinstance(stops.own, float):  # a link may name it, as the plain slider takes it
        there[state.number_text(stops.own)] = stops.own
    parse = parse_lambda if stops.entry == "lambda" else float
    value = state.parsed(stops.entry, lambda text: there[state.number_text(parse(text))], stops.own)
    state.settings()[stops.title] = stops.labels[value]
    state.write_url()
    return value


def _slider(stops: Stops) -> Stop:
    # In what the widget keeps, the network's own λ, where that is each block's own, has a word of its own.
    options = {_worded(stops, stop): stop for stop in stops.offered}
    labels = {word: stops.labels[stop] for word, stop in options.items()}
    own = _worded(stops, stops.own)
    parse = parse_lambda if stops.entry == "lambda" else state.one_of({state.number_text(f): f for f in _FACTORS})
    value = state.control(
        st.select_slider,
        stops.title,
        list(options),
        name=stops.entry,
        default=own,
        parse=parse,
        text=lambda word: stops.text(options[word]),
        format_func=lambda word: labels.get(word, str(word)),
        help=explain("lambda"),
    )
    st.button(
        stops.back,
        on_click=state.put,
        args=(stops.entry, None),
        disabled=value == own,
        width="stretch",
        key="trained-lambda" if stops.entry == "lambda" else "own-lambdas",
    )
    return options[value]


def _worded(stops: Stops, stop: Stop) -> float | str:
    if isinstance(stop, Times):
        return stop.factor
    if stop is None:
        return 1.0 if stops.entry == "times" else EACH_ITS_OWN
    return stop
