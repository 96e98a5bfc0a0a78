"""The derivation as text: every step from Eq. 1 to Eq. 6, in general and with one neuron's numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ..wording import _
from .derivation import Derivation
from .katex import centred, lines, number, plus, signed, times


@dataclass(frozen=True)
class Step:
    """One step of the derivation: what it does, the formula, and the same with this neuron's numbers (KaTeX).

    Only ``numbers`` depends on the neuron.
    """

    title: str
    words: str
    formula: str
    numbers: str


def _misses(others: list[float]) -> str:
    """The others' part of Eq. 1 with their values, in lines; of many, the first and the last."""
    squares = [rf"(y_o-({number(x)}\,w+b))^2" for x in others[:1] + others[1:][-1:]]
    between = r"+\cdots\\[4pt]&\qquad+" if len(others) > 2 else r"\\[4pt]&\qquad+"
    return rf"&\quad+\tfrac{{1}}{{{len(others)}}}\bigl[{between.join(squares)}\bigr]"


def written_steps(d: Derivation) -> list[Step]:
    """The derivation of SimAM's weight for one neuron, no step left out; no line wider than a phone."""
    t, var_t, lam = signed(d.t), number(d.variance_others), number(d.e_lambda)
    delta, spread = signed(d.difference), number(d.variance_others + d.e_lambda)
    line, half = d.closed_form, d.difference / 2
    residual = 1 - half * line.w
    shared = d.variance + d.e_lambda
    by_b = rf"2(1{times(d.mean_others)}w+b)-2(1{times(-d.t)}w-b)=0"
    return [
        Step(
            _("The neurons"),
            _(
                "A channel has $M$ neurons, one value for each row and column. $t$ is the target neuron, $x_i$ with "
                "$i=1,\\dots,M-1$ are the others; $\\mu_t$ and $\\sigma_t^2$ are the mean and the variance of the others."
            ),
            centred(
                r"\mu_t=\frac{1}{M-1}\sum_i x_i",
                r"\sigma_t^2=\frac{1}{M-1}\sum_i (x_i-\mu_t)^2",
            ),
            centred(
                rf"t={number(d.t)} \quad M={d.neurons}",
                rf"\mu_t={number(d.mean_others)} \quad \sigma_t^2={var_t}",
            ),
        ),
        Step(
            _("Eq. 1: can a line tell the target from the others?"),
            _(
                "A line with slope $w$ and offset $b$ sends the target to $\\hat t = wt+b$ and the others to $\\hat x_i = wx_i+b$. "
                "It should send the target to $y_t$ and every other neuron to $y_o$ (together: $y$). The energy $e$ is by how much "
                "it fails: the target's squared miss and the mean of the others'."
            ),
            lines(r"e(w,b,y)&=(y_t-\hat t)^2", r"&\quad+\frac{1}{M-1}\sum_{i}(y_o-\hat x_i)^2"),
            lines(rf"e(w,b,y)&=(y_t-({number(d.t)}\,w+b))^2", _misses(d.others.tolist())),
        ),
        Step(
            _("Eq. 2: labels 1 and −1, and λ"),
            _(
                "Take $y_t=1$ and $y_o=-1$, and add $\\lambda w^2$ so that steep lines cost something; $\\lambda>0$ is the one number "
                "that SimAM leaves free. Write $x_i=\\mu_t+(x_i-\\mu_t)$: the mixed terms average to zero, and the mean over the others "
                "becomes a variance and a squared mean. So three numbers say all about the channel: $t$, $\\mu_t$, $\\sigma_t^2$."
            ),
            lines(
                r"e(w,b)&=\frac{1}{M-1}\sum_i(-1-(wx_i+b))^2",
                r"&\quad+(1-(wt+b))^2+\lambda w^2",
                r"&=w^2\sigma_t^2+(1+w\mu_t+b)^2",
                r"&\quad+(1-wt-b)^2+\lambda w^2",
            ),
            lines(
                rf"e(w,b)&={var_t}\,w^2+(1{times(d.mean_others)}w+b)^2",
                rf"&\quad+(1{times(-d.t)}w-b)^2+{lam}\,w^2",
            ),
        ),
        Step(
            _("The derivative by b"),
            _(
                "As a sum of squares, the energy is a bowl over $(w,b)$: its one minimum, marked by a star, is where both derivatives "
                "are zero. The one by $b$ puts $b^*$ where the line crosses zero halfway between target and others."
            ),
            lines(
                r"\frac{\partial e}{\partial b}&=2(1+w\mu_t+b)",
                r"&\quad-2(1-wt-b)=0",
                r"&\Rightarrow\; 4b+2(t+\mu_t)\,w=0",
                r"&\Rightarrow\; b^*=-\tfrac12(t+\mu_t)\,w",
            ),
            centred(
                by_b,
                rf"b^*=-\tfrac12({number(d.t)}{plus(d.mean_others)})\,w={number(-(d.t + d.mean_others) / 2)}\,w",
            ),
        ),
        Step(
            _("The derivative by w"),
            _(
                "With that $b^*$, both brackets, the misses of the others' mean and of the target, are the same: "
                "$1+w\\mu_t+b^*=1-wt-b^*=1-\\tfrac12(t-\\mu_t)w$. Put it in: one linear equation for $w$ is left."
            ),
            lines(
                r"\frac{\partial e}{\partial w}&=2w\sigma_t^2+2\mu_t(1+w\mu_t+b)",
                r"&\quad-2t(1-wt-b)+2\lambda w=0",
                r"&\Rightarrow\; 2w(\sigma_t^2+\lambda)",
                r"&\quad+2(\mu_t-t)\bigl(1-\tfrac12(t-\mu_t)w\bigr)=0",
                r"&\Rightarrow\; w(\sigma_t^2+\lambda)",
                r"&\quad=(t-\mu_t)\bigl(1-\tfrac12(t-\mu_t)w\bigr)",
            ),
            centred(
                rf"t-\mu_t={number(d.difference)} \quad \sigma_t^2+\lambda={spread}",
                rf"{spread}\,w={delta}\,\bigl(1-\tfrac12\cdot {delta}\,w\bigr)",
            ),
        ),
        Step(
            _("Eqs. 3 and 4: the best line"),
            _(
                "Collect what has a $w$, multiply by 2, divide. (The paper prints a minus sign before this $w^*$; its author has "
                "confirmed the slip. The surface below shows where that sign would lead.)"
            ),
            centred(
                r"w\bigl(\sigma_t^2+\lambda+\tfrac12(t-\mu_t)^2\bigr)=t-\mu_t",
                r"w^*=\frac{2(t-\mu_t)}{(t-\mu_t)^2+2\sigma_t^2+2\lambda}",
                r"b^*=-\tfrac12(t+\mu_t)\,w^*",
            ),
            lines(
                rf"w^*&=\frac{{2\cdot {delta}}}{{{delta}^2+2\cdot {spread}}}={number(line.w)}",
                rf"b^*&={number(-(d.t + d.mean_others) / 2)}\cdot {signed(line.w)}={number(line.b)}",
            ),
        ),
        Step(
            _("The least energy"),
            _(
                "Put $w^*$ and $b^*$ back into Eq. 2. Both misses are $r$; write $\\delta=t-\\mu_t$ and $A=\\sigma_t^2+\\lambda$ to keep "
                "it short. The sum is over one denominator, of which one factor cancels."
            ),
            lines(
                r"r&=1-\tfrac12\,\delta\,w^*=\frac{2A}{\delta^2+2A}",
                r"e^*&=2r^2+A\,w^{*2}",
                r"&=\frac{8A^2+4A\,\delta^2}{(\delta^2+2A)^2}",
                r"&=\frac{4A\,(2A+\delta^2)}{(\delta^2+2A)^2}=\frac{4A}{\delta^2+2A}",
                r"&=\frac{4(\sigma_t^2+\lambda)}{(t-\mu_t)^2+2\sigma_t^2+2\lambda}",
            ),
            lines(
                rf"r&=\frac{{2\cdot {spread}}}{{{delta}^2+2\cdot {spread}}}={number(residual)}",
                rf"e^*&=2\cdot {signed(residual)}^2+{spread}\cdot {signed(line.w)}^2",
                rf"&=\frac{{4\cdot {spread}}}{{{delta}^2+2\cdot {spread}}}={number(line.energy)}",
            ),
        ),
        Step(
            _("Eq. 5: one mean and one variance for the whole channel"),
            _(
                "Every neuron has its own $\\mu_t$ and $\\sigma_t^2$. In a big channel they hardly differ, so SimAM shares the "
                "mean $\\mu$ and variance $\\sigma^2$ of all $M$ neurons (the paper's $\\hat\\mu$, $\\hat\\sigma^2$): one pass serves all. "
                "The order of the neurons stays; a lone spike is valued less. The paper divides $\\sigma^2$ by $M$, the authors' code by "
                "$M-1$, and so do we."
            ),
            lines(
                r"\mu&=\frac1M\sum x \quad \sigma^2=\frac{1}{M-1}\sum (x-\mu)^2",
                r"e^*&\approx\frac{4(\sigma^2+\lambda)}{(t-\mu)^2+2\sigma^2+2\lambda}",
            ),
            lines(
                rf"\mu&={number(d.mean)} \quad \sigma^2={number(d.variance)}",
                rf"t-\mu&={number(d.deviation)} \quad \sigma^2+\lambda={number(shared)}",
                rf"e^*&=\frac{{4\cdot {number(shared)}}}{{{signed(d.deviation)}^2+2\cdot {number(shared)}}}={number(d.energy)}",
                _(
                    r"\tfrac{{1}}{{e^*}}&={shared}\text{{ shared, }}{exact}\text{{ exact}}",
                    shared=number(d.importance),
                    exact=number(d.exact_importance),
                ),
                _(
                    r"&\text{{(}}\sigma^2\text{{ over }}M\text{{, as printed: }}{printed}\text{{)}}",
                    printed=number(d.variance_as_printed),
                ),
            ),
        ),
        Step(
            _("Importance"),
            _(
                "Low energy means that a line separates the neuron well: it stands out. So its importance is the inverse. The ½ is "
                "a floor: a neuron at the mean has it, none has less."
            ),
            lines(
                r"\frac{1}{e^*}&=\frac{(t-\mu)^2+2(\sigma^2+\lambda)}{4(\sigma^2+\lambda)}",
                r"&=\frac{(t-\mu)^2}{4(\sigma^2+\lambda)}+\frac12",
            ),
            rf"\frac{{1}}{{e^*}}=\frac{{{signed(d.deviation)}^2}}{{4\cdot {number(shared)}}}+\frac12={number(d.importance)}",
        ),
        Step(
            _("The weight"),
            _("The sigmoid only keeps the weight below 1. It is rising, so the order of the neurons stays."),
            lines(
                _(r"\text{weight}&=\operatorname{sigmoid}\!\left(\frac{1}{e^*}\right)"),
                r"&=\frac{1}{1+\exp(-1/e^*)}",
            ),
            rf"\frac{{1}}{{1+\exp(-{number(d.importance)})}}={number(d.weight, 6)}",
        ),
        Step(
            _("Eq. 6: scaling"),
            _(
                "The neuron is multiplied by its weight; $\\tilde t$ leaves SimAM. (The paper writes it for all neurons at once: "
                "$\\tilde X=\\operatorname{sigmoid}(1/E)\\odot X$, where $E$ holds the $e^*$ of each and $\\odot$ multiplies place by "
                "place.)"
            ),
            r"\tilde t=\operatorname{sigmoid}\!\left(\frac{1}{e^*}\right)\cdot t",
            rf"\tilde t={number(d.weight, 6)}\cdot {t}={number(d.refined)}",
        ),
    ]
