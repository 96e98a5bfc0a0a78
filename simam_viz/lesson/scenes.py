"""The energy function in eight scenes: one idea, at most one formula and one number each.

What stands here is all that is said; the pictures are drawn in the browser (``app/components/scenes``), and without it these
words, formulas and numbers stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

from ..modules import formulas
from ..wording import later
from .derivation import Derivation
from .mathml import below, bracketed, fraction, lines, name, number, part, row, sign, squared, starred, value
from .saying import said


@dataclass(frozen=True)
class Scene:
    """One step of the lesson. Titles, words and labels are for :func:`simam_viz.wording._`."""

    name: str
    """In the address."""
    title: str
    words: str
    """With ``**bold**`` and ``μ_t``; :func:`as_html` sets them."""
    formula: Callable[[], str]
    """MathML, whose numbers are places that :func:`~simam_viz.lesson.mathml.filled` fills."""
    answer: str
    """Which of :func:`values_of` is the scene's number."""
    answer_label: str
    aside: str = ""
    """What is told to whoever opens it; its places are values, too."""


def _double(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _eq_2() -> str:
    ours = row(name("w", "w"), name("t", "t"), sign("+"), name("b", "b"))
    theirs = row(name("w", "w"), name("x", "others"), sign("+"), name("b", "b"))
    missed_target = squared(bracketed(number("1"), sign("−"), bracketed(ours)))
    missed_others = row(name("mean"), squared(bracketed(sign("−"), number("1"), sign("−"), bracketed(theirs))))
    charge = row(name("λ", "e_lambda"), squared(name("w", "w")))
    return lines(
        row(name("e", "e_line"), sign("="), part("miss_target", missed_target)),
        row(sign("+"), part("miss_others", missed_others), sign("+"), part("charge", charge)),
        row(sign("="), value("miss_target"), sign("+"), value("miss_others"), sign("+"), value("charge"), sign("="), value("e_line")),
    )  # fmt: skip


def _best() -> str:
    difference = bracketed(name("t", "t"), sign("−"), below("μ", "t", "mu_t"))
    numbers = bracketed(value("t"), sign("−"), value("mu_t", brackets=True))
    return lines(
        row(
            starred("w", "w_best"), sign("="),
            fraction(
                number("2") + difference,
                squared(difference) + sign("+") + number("2")
                + bracketed('<msubsup data-part="variance_t"><mi>σ</mi><mi>t</mi><mn>2</mn></msubsup>', sign("+"), name("λ", "e_lambda")),
            ),
        ),
        row(
            sign("="),
            fraction(
                number("2") + numbers,
                squared(numbers) + sign("+") + number("2") + bracketed(value("variance_t"), sign("+"), value("e_lambda")),
            ),
            sign("="), value("w_best"),
        ),
    )  # fmt: skip


def _energy(t: str, mu: str, spread: str, squares: str) -> str:
    """e* of a target with some mean and variance, by their names among the values."""
    index = "t" if mu == "mu_t" else ""
    mean = below("μ", index, mu) if index else name("μ", mu)
    variance = (
        f'<msubsup data-part="{squares}"><mi>σ</mi>{name(index) if index else "<mrow></mrow>"}<mn>2</mn></msubsup>'
    )
    symbols = bracketed(variance, sign("+"), name("λ", "e_lambda"))
    numbers = bracketed(value(squares), sign("+"), value("e_lambda"))
    result = "e_best" if index else "energy"
    return lines(
        row(
            starred("e", result), sign("="),
            fraction(
                number("4") + symbols,
                squared(bracketed(name("t", t), sign("−"), mean)) + sign("+") + number("2") + symbols,
            ),
        ),
        row(
            sign("="),
            fraction(
                number("4") + numbers,
                squared(bracketed(value(t), sign("−"), value(mu, brackets=True))) + sign("+") + number("2") + numbers,
            ),
            sign("="), value(result),
        ),
    )  # fmt: skip


def _weight() -> str:
    spread = bracketed('<msup data-part="variance"><mi>σ</mi><mn>2</mn></msup>', sign("+"), name("λ", "e_lambda"))
    distance = squared(bracketed(name("t", "t"), sign("−"), name("μ", "mu")))
    half = fraction(number("1"), number("2"))
    return lines(
        row(name("weight", "weight"), sign("="), name("sigmoid"), bracketed(fraction(distance, number("4") + spread), sign("+"), half)),
        row(
            sign("="), name("sigmoid"),
            bracketed(
                fraction(squared(value("d", brackets=True)), number("4") + bracketed(value("variance"), sign("+"), value("e_lambda"))),
                sign("+"), half,
            ),
            sign("="), value("weight"),
        ),
    )  # fmt: skip


def _importance() -> str:
    distance = squared(value("d", brackets=True))
    return lines(
        row(
            fraction(number("1"), starred("e", "energy")), sign("="),
            fraction(distance, number("4") + bracketed(value("variance"), sign("+"), value("e_lambda"))), sign("+"),
            fraction(number("1"), number("2")), sign("="), value("importance"),
        ),
    )  # fmt: skip


def _distance() -> str:
    return lines(
        row(
            name("t", "t"), sign("−"), name("μ", "mu"), sign("="), value("t"), sign("−"), value("mu", brackets=True), sign("="),
            value("d"),
        )
    )  # fmt: skip


def _refined() -> str:
    return lines(
        row(
            name("weight", "weight"), sign("·"), name("t", "t"), sign("="), value("weight"), sign("·"), value("t", brackets=True),
            sign("="), value("refined"),
        )
    )  # fmt: skip


SCENES = (
    Scene(
        "stand-out",
        later("A neuron that stands out"),
        later(
            "A **neuron** is one value of a feature map; these 81 are one **channel**. In the visual cortex, a neuron that fires unlike "
            "its neighbours damps them (**spatial suppression**): it carries the news. SimAM looks for such neurons, far from the "
            "channel's mean μ. Tap some, and drag the framed one, the **target** t, up and down."
        ),
        _distance,
        "d",
        later("The target's distance from the mean"),
    ),
    Scene(
        "line",
        later("A line that tells it from the others"),
        later(
            "Can a straight line tell the target from the others? It should send the target to +1, all the others to −1. Its "
            "**energy** e is how badly it fails: the target's miss, squared, the others' squared misses, on average, and λw², a charge "
            "for steepness. The flat line has 2. Drag the ends: how low can you get?"
        ),
        _eq_2,
        "e_line",
        later("The energy of your line"),
    ),
    Scene(
        "best-line",
        later("The best line"),
        later(
            "Every line is one point here, slope w across, offset b up. The energy is a **bowl** over them, so it has one bottom. Drag "
            "the point, then let it drop. No search is needed: a formula leads there. A target far **below** the others has a bottom as "
            "low: its best line just falls instead of rising."
        ),
        _best,
        "e_best",
        later("The least energy, e*"),
    ),
    Scene(
        "lambda",
        later("λ makes steep lines costly"),
        later(
            "Where the others hardly differ, a steep line would tell anything from them, even noise. So λ charges for "
            "steepness, and in e* it stands beside their variance σ_t²: **far below σ_t², λ does nothing; above it, the "
            "energy climbs**, until the flat line is the best and nothing stands out any more. Drag λ."
        ),
        lambda: _energy("t", "mu_t", "spread_t", "variance_t"),
        "e_best",
        later("The least energy, e*"),
    ),
    Scene(
        "one-pass",
        later("One mean for all, so one pass for all"),
        later(
            "So far each target had its own others. SimAM lets all share the **whole channel's** μ and σ²: one pass, one curve on which "
            "every neuron lies. Drag the target along it. Only the **squared** distance from μ counts: **as far below is as good as far "
            "above**."
        ),
        lambda: _energy("t", "mu", "spread", "variance"),
        "energy",
        later("The target's energy, shared"),
        later(
            "The target is itself in μ and σ², which costs a lone spike most: its exact energy is {e_best} (the ring). The order of the "
            "neurons stays. σ² is divided by M − 1 = 80, as in the authors' code; the paper divides by M. And it prints w* with a minus "
            "sign, a slip that its author confirmed: that line has energy {e_printed}."
        ),
    ),
    Scene(
        "weight",
        later("From energy to weight, never below 0.622"),
        later(
            "Low energy means: tells itself apart. So the **importance** is 1/e*. The flat line, w = b = 0, is there for everybody, with "
            "energy 2; the best is no worse, so **1/e* is at least ½**. The sigmoid makes it a **weight** below 1 and at least sigmoid(½) "
            "= 0.622. SimAM closes no neuron; it favours some."
        ),
        _weight,
        "weight",
        later("The target's weight"),
    ),
    Scene(
        "channel",
        later("The whole channel at once"),
        later(
            "Left the channel, right its weights, by which it is multiplied. **Paint** on the left: a new outlier raises σ² and takes "
            "weight from all others. λ ≪ σ² changes nothing, λ ≫ σ² flattens the map. The **mean** weight stays below 0.679 whatever you "
            "paint: SimAM ranks neurons, hardly channels."
        ),
        _refined,
        "mean_weight",
        later("The channel's mean weight"),
    ),
    Scene(
        "photo",
        later("On your photo: the same in the network"),
        later(
            "One channel of the network, as your photo makes it, and its weights by the very same formula. Tap a neuron; the frame shows "
            "where it looks. Violet ones lie **below** the mean: they are emphasised, too, and a ReLU that follows may then cut "
            "them."
        ),
        _importance,
        "weight",
        later("The neuron's weight"),
    ),
)  # fmt: skip

NAMES = tuple(scene.name for scene in SCENES)


def values_of(d: Derivation, w: float = 0.0, b: float = 0.0) -> dict[str, float]:
    """Every number of one neuron under the names that formulas give them, and those of one line w·x + b.

    Its twin in the browser is ``valuesOf`` in ``app/components/scenes/closed_form.js``.
    """
    best, spread_t, spread = d.closed_form, d.variance_others + d.e_lambda, d.variance + d.e_lambda
    target = (1 - (w * d.t + b)) ** 2
    others = float(formulas.labelling_error(_double(w), _double(b), _double(d.t), d.others)) - target
    return {
        "neurons": d.neurons, "t": d.t, "mu": d.mean, "variance": d.variance, "mu_t": d.mean_others,
        "variance_t": d.variance_others, "d": d.deviation, "delta": d.difference, "e_lambda": d.e_lambda, "spread": spread,
        "spread_t": spread_t, "w_best": best.w, "b_best": best.b, "e_best": best.energy, "exact_importance": d.exact_importance,
        "energy": d.energy, "importance": d.importance, "weight": d.weight, "refined": d.refined,
        "mean_weight": float(d.weights.mean()), "rank": d.rank, "z": d.z, "w": w, "b": b, "e_printed": d.as_printed.energy,
        "miss_target": target, "miss_others": others, "charge": d.e_lambda * w * w, "e_line": d.energy_of(w, b),
    }  # fmt: skip


def as_html(words: str, values: Mapping[str, float] | None = None) -> str:
    """The words of a scene as HTML, their places filled with numbers if there are any."""
    text = escape(words, quote=False)
    if values is not None:
        text = re.sub(r"\{(\w+)\}", lambda found: said(values[found[1]]), text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"([μσ])_t", r"\1<sub>t</sub>", text)
