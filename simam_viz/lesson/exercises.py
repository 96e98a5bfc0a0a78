"""Five questions that playing with the channel answers, and what is said to an answer."""

from __future__ import annotations

from dataclasses import dataclass

from ..modules import formulas
from ..wording import _, counted, later
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
            _(
                "Yes: its energy is {energy:.4g}, the lowest of all {neurons}. Being farthest from the mean {mean:.4g} is all it takes; "
                "that a second blob is there only raises the variance.",
                energy=d.energy,
                neurons=d.neurons,
                mean=d.mean,
            ),
        )
    return Verdict(
        False,
        _(
            "Not this one: {lower} of the {neurons} neurons have a lower energy than {energy:.4g}.",
            lower=d.rank - 1,
            neurons=d.neurons,
            energy=d.energy,
        ),
    )


def check_halving_lambda(d: Derivation, answer: float) -> Verdict:
    """Exercise: the λ that halves the advantage 1/e* − ½ a neuron has at λ → 0."""
    if d.variance == 0:
        return Verdict(False, _("On a flat map no neuron has an advantage to halve: choose another channel."))
    if abs(answer / d.variance - 1) <= 0.05:
        return Verdict(
            True,
            _(
                "Yes: λ = σ² = {variance:.4g}. The advantage is z²/4 · σ²/(σ² + λ), whatever the neuron's own z.",
                variance=d.variance,
            ),
        )
    kept = d.variance / (d.variance + answer) if answer > 0 else 1.0
    return Verdict(
        False,
        _(
            "Not quite: at λ = {e_lambda:.4g} it keeps {kept:.0%}. Look at σ² in the step “Eq. 5”.",
            e_lambda=answer,
            kept=kept,
        ),
    )


def check_floor(answer: float) -> Verdict:
    """Exercise: the weight of every neuron of a flat map."""
    if abs(answer - formulas.ATTENTION_FLOOR) < 6e-4:
        return Verdict(
            True,
            _(
                "Yes: every d is 0, so 1/e* = ½ and the weight is sigmoid(½) = {floor:.4f}. No neuron is closed.",
                floor=formulas.ATTENTION_FLOOR,
            ),
        )
    return Verdict(False, _("Not quite: choose the flat map and read the last steps, or compute sigmoid(½)."))


DARK_SPOT_ANSWERS = {
    later("It has the highest value."): Verdict(False, later("No: it has the lowest value of its channel.")),
    later("It is as far from the mean as a bright spot would be."): Verdict(
        True,
        later(
            "Yes: the importance depends on (t − μ)², so the side does not matter. A ReLU that follows may still cut the neuron."
        ),
    ),
    later("λ is too small."): Verdict(
        False, later("No: λ changes how much it stands out, and it comes first at every λ. Try.")
    ),
}
"""What is said to each answer; the answers and the words are for :func:`simam_viz.wording._`."""


def check_new_favourite(d: Derivation, preset: str) -> Verdict:
    """Exercise: in the channel with one spike, make another neuron the most emphasised."""
    if preset != "spike":
        return Verdict(False, _("Choose the channel with one spike first."))
    if (d.row, d.column) == PRESETS["spike"].target:
        return Verdict(False, _("The target is still the spike: click another neuron and change its value."))
    if d.rank > 1:
        return Verdict(
            False,
            counted(
                "Not yet: {count} neuron still has a lower energy. Go farther from the mean {mean:.4g}.",
                "Not yet: {count} neurons still have a lower energy. Go farther from the mean {mean:.4g}.",
                d.rank - 1,
                mean=d.mean,
            ),
        )
    return Verdict(
        True,
        _(
            "Yes: at {value:.4g} it lies farther from the mean than the spike. The spike lost weight without being touched: σ² is "
            "now {variance:.4g}, and importance is relative to it.",
            value=d.t,
            variance=d.variance,
        ),
    )
