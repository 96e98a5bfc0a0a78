"""Five questions that playing with the channel answers, and what is said to an answer."""

from __future__ import annotations

from dataclasses import dataclass

from ..modules import formulas
from .derivation import Derivation
from .presets import PRESETS


@dataclass(frozen=True)
class Verdict:
    """What an exercise says to an answer."""

    right: bool
    words: str


def check_lowest_energy(d: Derivation) -> Verdict:
    """Exercise: make the neuron of lowest energy the target."""
    if d.rank == 1:
        return Verdict(
            True,
            f"Yes: its energy is {d.energy:.4g}, the lowest of all {d.neurons}. Being farthest from the mean {d.mean:.4g} is all "
            "it takes; that a second blob is there only raises the variance.",
        )
    return Verdict(
        False, f"Not this one: {d.rank - 1} of the {d.neurons} neurons have a lower energy than {d.energy:.4g}."
    )


def check_halving_lambda(d: Derivation, answer: float) -> Verdict:
    """Exercise: the λ that halves the advantage 1/e* − ½ a neuron has at λ → 0."""
    if d.variance == 0:
        return Verdict(False, "On a flat map no neuron has an advantage to halve: choose another channel.")
    if abs(answer / d.variance - 1) <= 0.05:
        return Verdict(
            True, f"Yes: λ = σ² = {d.variance:.4g}. The advantage is z²/4 · σ²/(σ² + λ), whatever the neuron's own z."
        )
    kept = d.variance / (d.variance + answer) if answer > 0 else 1.0
    return Verdict(False, f"Not quite: at λ = {answer:.4g} it keeps {kept:.0%}. Look at σ² in the step “Eq. 5”.")


def check_floor(answer: float) -> Verdict:
    """Exercise: the weight of every neuron of a flat map."""
    if abs(answer - formulas.ATTENTION_FLOOR) < 6e-4:
        return Verdict(
            True,
            f"Yes: every d is 0, so 1/e* = ½ and the weight is sigmoid(½) = {formulas.ATTENTION_FLOOR:.4f}. No neuron is closed.",
        )
    return Verdict(False, "Not quite: choose the flat map and read the last steps, or compute sigmoid(½).")


DARK_SPOT_ANSWERS = {
    "It has the highest value.": Verdict(False, "No: it has the lowest value of its channel."),
    "It is as far from the mean as a bright spot would be.": Verdict(
        True,
        "Yes: the importance depends on (t − μ)², so the side does not matter. A ReLU that follows may still cut the neuron.",
    ),
    "λ is too small.": Verdict(False, "No: λ changes how much it stands out, and it comes first at every λ. Try."),
}


def check_new_favourite(d: Derivation, preset: str) -> Verdict:
    """Exercise: in the channel with one spike, make another neuron the most emphasised."""
    if preset != "spike":
        return Verdict(False, "Choose the channel with one spike first.")
    if (d.row, d.column) == PRESETS["spike"].target:
        return Verdict(False, "The target is still the spike: click another neuron and change its value.")
    if d.rank > 1:
        return Verdict(
            False, f"Not yet: {d.rank - 1} neurons still have a lower energy. Go farther from the mean {d.mean:.4g}."
        )
    return Verdict(
        True,
        f"Yes: at {d.t:.4g} it lies farther from the mean than the spike. The spike lost weight without being touched: σ² is "
        f"now {d.variance:.4g}, and importance is relative to it.",
    )
