"""The energy function on one neuron: channels to play with, and every step from Eq. 1 to Eq. 6 with its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..modules import formulas

SIDE = 9


def _grid() -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return rows.double(), columns.double()


def _ripple() -> Tensor:
    """A small texture without chance in it: no two neighbours are quite equal."""
    rows, columns = _grid()
    return 0.2 * torch.sin(2.1 * rows + 0.7) * torch.cos(1.7 * columns)


def _blob(row: int, column: int) -> Tensor:
    rows, columns = _grid()
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 2)


def _spot(background: float, value: float) -> Tensor:
    channel = background + _ripple()
    channel[4, 4] = value
    return channel


@dataclass(frozen=True)
class Preset:
    """A channel to begin with, and the neuron to look at first."""

    title: str
    make: Callable[[], Tensor]
    target: tuple[int, int]


PRESETS = {
    "spike": Preset("One spike", lambda: _spot(0.0, 3.0), (4, 4)),
    "edge": Preset("An edge", lambda: torch.where(_grid()[1] < 5, 0.0, 2.0) + _ripple(), (4, 5)),
    "noise": Preset(
        "Noise",
        lambda: torch.randn(SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(3)),
        (2, 6),
    ),
    "flat": Preset("A flat map", lambda: torch.full((SIDE, SIDE), 0.5, dtype=torch.float64), (4, 4)),
    "blobs": Preset("Two blobs", lambda: 2 * _blob(2, 2) + 3 * _blob(6, 6), (6, 6)),
    "dark-spot": Preset("A dark spot", lambda: _spot(1.5, -1.5), (4, 4)),
}


def preset_channel(name: str, edits: dict[tuple[int, int], float] | None = None) -> Tensor:
    """The 9 × 9 channel of a preset, float64, every value rounded to one decimal, with single values replaced."""
    channel = (PRESETS[name].make() * 10).round() / 10
    for (row, column), value in (edits or {}).items():
        channel[row, column] = value
    return channel + 0.0  # no negative zeros on screen


@dataclass(frozen=True)
class Line:
    """A line w·x + b and its energy (Eq. 2)."""

    w: float
    b: float
    energy: float


@dataclass(frozen=True)
class Derivation:
    """Every number on the way from one neuron of one channel to its weight, in double precision.

    Names follow the paper: t is the target neuron, x_i the M − 1 others; a trailing ``_others`` means statistics of the
    others alone (μ_t, σ_t²), without it those of the whole channel (μ, σ²).
    """

    channel: Tensor
    """(H, W), at least two neurons."""
    row: int
    column: int
    e_lambda: float

    def __post_init__(self) -> None:
        formulas.check_e_lambda(self.e_lambda)
        if self.channel.dim() != 2 or self.channel.numel() < 2:
            raise ValueError("A channel of at least two neurons is needed: with one alone there are no others.")

    @cached_property
    def t(self) -> float:
        return float(self.channel[self.row, self.column])

    @cached_property
    def others(self) -> Tensor:
        """(M − 1,), in reading order."""
        keep = torch.ones(self.channel.numel(), dtype=torch.bool)
        keep[self.row * self.channel.shape[1] + self.column] = False
        return self.channel.double().flatten()[keep]

    @property
    def neurons(self) -> int:
        """M."""
        return self.channel.numel()

    @cached_property
    def mean_others(self) -> float:
        return float(self.others.mean())

    @cached_property
    def variance_others(self) -> float:
        return float(self.others.var(correction=0))

    @cached_property
    def mean(self) -> float:
        return float(self.channel.double().mean())

    @cached_property
    def variance(self) -> float:
        """σ² over M − 1, as in the authors' code."""
        return float(self.channel.double().var())

    @property
    def variance_as_printed(self) -> float:
        """σ² over M, as the paper prints it."""
        return self.variance * (self.neurons - 1) / self.neurons

    @property
    def difference(self) -> float:
        """T − μ_t."""
        return self.t - self.mean_others

    @property
    def deviation(self) -> float:
        """D = t − μ."""
        return self.t - self.mean

    @property
    def z(self) -> float:
        """d/σ, 0 on a flat map."""
        return self.deviation / math.sqrt(self.variance) if self.variance > 0 else 0.0

    @property
    def lambda_share(self) -> float:
        """λ/σ²: how strongly λ flattens the channel; infinite on a flat map."""
        return self.e_lambda / self.variance if self.variance > 0 else math.inf

    def _map(self, function: Callable[[Tensor, float], Tensor]) -> Tensor:
        return function(self.channel.double()[None, None], self.e_lambda)[0, 0]

    @cached_property
    def energies(self) -> Tensor:
        """e* of every neuron of the channel (Eq. 5), (H, W)."""
        return self._map(formulas.energy)

    @cached_property
    def weights(self) -> Tensor:
        """sigmoid(1/e*) of every neuron, (H, W)."""
        return self._map(formulas.attention)

    @cached_property
    def energy(self) -> float:
        """e* by Eq. 5, with shared statistics."""
        return float(self.energies[self.row, self.column])

    @cached_property
    def importance(self) -> float:
        return float(self._map(formulas.importance)[self.row, self.column])

    @cached_property
    def exact_importance(self) -> float:
        """1/e* without sharing."""
        return float(self._map(formulas.exact_importance)[self.row, self.column])

    @cached_property
    def weight(self) -> float:
        return float(self.weights[self.row, self.column])

    @property
    def refined(self) -> float:
        """What leaves SimAM (Eq. 6)."""
        return self.t * self.weight

    @property
    def rank(self) -> int:
        """Place of the neuron in its channel by weight, 1 for the highest."""
        return int((self.energies < self.energy).sum()) + 1

    def energy_of(self, w: float, b: float) -> float:
        """Eq. 2 at one line."""
        place = (torch.tensor(v, dtype=torch.float64) for v in (w, b, self.t))
        return float(formulas.energy_landscape(*place, self.others, self.e_lambda))

    @cached_property
    def closed_form(self) -> Line:
        """The minimum by Eqs. 3 and 4."""
        target = torch.tensor(self.t, dtype=torch.float64)
        return Line(*(float(value) for value in formulas.optimal_line(target, self.others, self.e_lambda)))

    @cached_property
    def as_printed(self) -> Line:
        """The point with the minus sign that the paper prints before w*, and b* from it."""
        w = -self.closed_form.w
        b = -(self.t + self.mean_others) * w / 2
        return Line(w, b, self.energy_of(w, b))

    @cached_property
    def numerical(self) -> Line:
        """The minimum found by a search that knows Eq. 2 alone (L-BFGS from the flat line w = b = 0)."""
        line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        target = torch.tensor(self.t, dtype=torch.float64)
        search = torch.optim.LBFGS(
            [line], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
        )

        def step() -> Tensor:
            search.zero_grad()
            energy = formulas.energy_landscape(line[0], line[1], target, self.others, self.e_lambda)
            energy.backward()
            return energy

        search.step(step)
        w, b = line.tolist()
        return Line(w, b, self.energy_of(w, b))


@dataclass(frozen=True)
class Step:
    """One step of the derivation: what it does, the formula, and the same with this neuron's numbers (KaTeX).

    Only ``numbers`` depends on the neuron.
    """

    title: str
    words: str
    formula: str
    numbers: str


def number(value: float, digits: int = 4) -> str:
    """A number as KaTeX, with so many significant digits."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        digits, exponent = text.split("e")
        return rf"{digits} \times 10^{{{int(exponent)}}}"
    return text


def ratio(value: float) -> str:
    """A ratio for prose, three digits; a sign where there is no number for it."""
    return "∞" if math.isinf(value) else f"{value:.3g}"


def signed(value: float) -> str:
    """The same in brackets where it is negative, to stand after an operator."""
    return f"({number(value)})" if value < 0 else number(value)


def plus(value: float) -> str:
    """The same with its sign before it, to be added."""
    return number(value) if value < 0 else f"+{number(value)}"


def times(value: float) -> str:
    """The same with its sign before it, as a factor of what follows."""
    return plus(value) + r"\,"


def _lines(*lines: str) -> str:
    return r"\begin{aligned}" + r"\\[4pt]".join(lines) + r"\end{aligned}"


def _centred(*lines: str) -> str:
    return r"\begin{gathered}" + r"\\[4pt]".join(lines) + r"\end{gathered}"


def _misses(others: list[float]) -> str:
    """The others' part of Eq. 1 with their values, in lines; of many, the first and the last."""
    squares = [rf"(y_o-({number(x)}\,w+b))^2" for x in others[:1] + others[1:][-1:]]
    between = r"+\cdots\\[4pt]&\qquad+" if len(others) > 2 else r"\\[4pt]&\qquad+"
    return rf"&\quad+\tfrac{{1}}{{{len(others)}}}\bigl[{between.join(squares)}\bigr]"


def steps(d: Derivation) -> list[Step]:
    """The derivation of SimAM's weight for one neuron, no step left out; no line wider than a phone."""
    t, var_t, lam = signed(d.t), number(d.variance_others), number(d.e_lambda)
    delta, spread = signed(d.difference), number(d.variance_others + d.e_lambda)
    line, half = d.closed_form, d.difference / 2
    residual = 1 - half * line.w
    shared = d.variance + d.e_lambda
    by_b = rf"2(1{times(d.mean_others)}w+b)-2(1{times(-d.t)}w-b)=0"
    return [
        Step(
            "The neurons",
            "A channel has $M$ neurons, one value for each row and column. $t$ is the target neuron, $x_i$ with "
            "$i=1,\\dots,M-1$ are the others; $\\mu_t$ and $\\sigma_t^2$ are the mean and the variance of the others.",
            _centred(
                r"\mu_t=\frac{1}{M-1}\sum_i x_i",
                r"\sigma_t^2=\frac{1}{M-1}\sum_i (x_i-\mu_t)^2",
            ),
            _centred(
                rf"t={number(d.t)} \quad M={d.neurons}",
                rf"\mu_t={number(d.mean_others)} \quad \sigma_t^2={var_t}",
            ),
        ),
        Step(
            "Eq. 1: can a line tell the target from the others?",
            "A line with slope $w$ and offset $b$ sends the target to $\\hat t = wt+b$ and the others to $\\hat x_i = wx_i+b$. "
            "It should send the target to $y_t$ and every other neuron to $y_o$ (together: $y$). The energy $e$ is by how much "
            "it fails: the target's squared miss and the mean of the others'.",
            _lines(r"e(w,b,y)&=(y_t-\hat t)^2", r"&\quad+\frac{1}{M-1}\sum_{i}(y_o-\hat x_i)^2"),
            _lines(rf"e(w,b,y)&=(y_t-({number(d.t)}\,w+b))^2", _misses(d.others.tolist())),
        ),
        Step(
            "Eq. 2: labels 1 and −1, and λ",
            "Take $y_t=1$ and $y_o=-1$, and add $\\lambda w^2$ so that steep lines cost something; $\\lambda>0$ is the one number "
            "that SimAM leaves free. Write $x_i=\\mu_t+(x_i-\\mu_t)$: the mixed terms average to zero, and the mean over the others "
            "becomes a variance and a squared mean. So three numbers say all about the channel: $t$, $\\mu_t$, $\\sigma_t^2$.",
            _lines(
                r"e(w,b)&=\frac{1}{M-1}\sum_i(-1-(wx_i+b))^2",
                r"&\quad+(1-(wt+b))^2+\lambda w^2",
                r"&=w^2\sigma_t^2+(1+w\mu_t+b)^2",
                r"&\quad+(1-wt-b)^2+\lambda w^2",
            ),
            _lines(
                rf"e(w,b)&={var_t}\,w^2+(1{times(d.mean_others)}w+b)^2",
                rf"&\quad+(1{times(-d.t)}w-b)^2+{lam}\,w^2",
            ),
        ),
        Step(
            "The derivative by b",
            "As a sum of squares, the energy is a bowl over $(w,b)$: its one minimum, marked by a star, is where both derivatives "
            "are zero. The one by $b$ puts $b^*$ where the line crosses zero halfway between target and others.",
            _lines(
                r"\frac{\partial e}{\partial b}&=2(1+w\mu_t+b)",
                r"&\quad-2(1-wt-b)=0",
                r"&\Rightarrow\; 4b+2(t+\mu_t)\,w=0",
                r"&\Rightarrow\; b^*=-\tfrac12(t+\mu_t)\,w",
            ),
            _centred(
                by_b,
                rf"b^*=-\tfrac12({number(d.t)}{plus(d.mean_others)})\,w={number(-(d.t + d.mean_others) / 2)}\,w",
            ),
        ),
        Step(
            "The derivative by w",
            "With that $b^*$, both brackets, the misses of the others' mean and of the target, are the same: "
            "$1+w\\mu_t+b^*=1-wt-b^*=1-\\tfrac12(t-\\mu_t)w$. Put it in: one linear equation for $w$ is left.",
            _lines(
                r"\frac{\partial e}{\partial w}&=2w\sigma_t^2+2\mu_t(1+w\mu_t+b)",
                r"&\quad-2t(1-wt-b)+2\lambda w=0",
                r"&\Rightarrow\; 2w(\sigma_t^2+\lambda)",
                r"&\quad+2(\mu_t-t)\bigl(1-\tfrac12(t-\mu_t)w\bigr)=0",
                r"&\Rightarrow\; w(\sigma_t^2+\lambda)",
                r"&\quad=(t-\mu_t)\bigl(1-\tfrac12(t-\mu_t)w\bigr)",
            ),
            _centred(
                rf"t-\mu_t={number(d.difference)} \quad \sigma_t^2+\lambda={spread}",
                rf"{spread}\,w={delta}\,\bigl(1-\tfrac12\cdot {delta}\,w\bigr)",
            ),
        ),
        Step(
            "Eqs. 3 and 4: the best line",
            "Collect what has a $w$, multiply by 2, divide. (The paper prints a minus sign before this $w^*$; its author has "
            "confirmed the slip. The surface below shows where that sign would lead.)",
            _centred(
                r"w\bigl(\sigma_t^2+\lambda+\tfrac12(t-\mu_t)^2\bigr)=t-\mu_t",
                r"w^*=\frac{2(t-\mu_t)}{(t-\mu_t)^2+2\sigma_t^2+2\lambda}",
                r"b^*=-\tfrac12(t+\mu_t)\,w^*",
            ),
            _lines(
                rf"w^*&=\frac{{2\cdot {delta}}}{{{delta}^2+2\cdot {spread}}}={number(line.w)}",
                rf"b^*&={number(-(d.t + d.mean_others) / 2)}\cdot {signed(line.w)}={number(line.b)}",
            ),
        ),
        Step(
            "The least energy",
            "Put $w^*$ and $b^*$ back into Eq. 2. Both misses are $r$; write $\\delta=t-\\mu_t$ and $A=\\sigma_t^2+\\lambda$ to keep it "
            "short. The sum is over one denominator, of which one factor cancels.",
            _lines(
                r"r&=1-\tfrac12\,\delta\,w^*=\frac{2A}{\delta^2+2A}",
                r"e^*&=2r^2+A\,w^{*2}",
                r"&=\frac{8A^2+4A\,\delta^2}{(\delta^2+2A)^2}",
                r"&=\frac{4A\,(2A+\delta^2)}{(\delta^2+2A)^2}=\frac{4A}{\delta^2+2A}",
                r"&=\frac{4(\sigma_t^2+\lambda)}{(t-\mu_t)^2+2\sigma_t^2+2\lambda}",
            ),
            _lines(
                rf"r&=\frac{{2\cdot {spread}}}{{{delta}^2+2\cdot {spread}}}={number(residual)}",
                rf"e^*&=2\cdot {signed(residual)}^2+{spread}\cdot {signed(line.w)}^2",
                rf"&=\frac{{4\cdot {spread}}}{{{delta}^2+2\cdot {spread}}}={number(line.energy)}",
            ),
        ),
        Step(
            "Eq. 5: one mean and one variance for the whole channel",
            "Every neuron has its own $\\mu_t$ and $\\sigma_t^2$. In a big channel they hardly differ, so SimAM shares the "
            "mean $\\mu$ and variance $\\sigma^2$ of all $M$ neurons (the paper's $\\hat\\mu$, $\\hat\\sigma^2$): one pass serves all. "
            "The order of the neurons stays; a lone spike is valued less. The paper divides $\\sigma^2$ by $M$, the authors' code by "
            "$M-1$, and so do we.",
            _lines(
                r"\mu&=\frac1M\sum x \quad \sigma^2=\frac{1}{M-1}\sum (x-\mu)^2",
                r"e^*&\approx\frac{4(\sigma^2+\lambda)}{(t-\mu)^2+2\sigma^2+2\lambda}",
            ),
            _lines(
                rf"\mu&={number(d.mean)} \quad \sigma^2={number(d.variance)}",
                rf"t-\mu&={number(d.deviation)} \quad \sigma^2+\lambda={number(shared)}",
                rf"e^*&=\frac{{4\cdot {number(shared)}}}{{{signed(d.deviation)}^2+2\cdot {number(shared)}}}={number(d.energy)}",
                rf"\tfrac{{1}}{{e^*}}&={number(d.importance)}\text{{ shared, }}{number(d.exact_importance)}\text{{ exact}}",
                rf"&\text{{(}}\sigma^2\text{{ over }}M\text{{, as printed: }}{number(d.variance_as_printed)}\text{{)}}",
            ),
        ),
        Step(
            "Importance",
            "Low energy means that a line separates the neuron well: it stands out. So its importance is the inverse. The ½ is "
            "a floor: a neuron at the mean has it, none has less.",
            _lines(
                r"\frac{1}{e^*}&=\frac{(t-\mu)^2+2(\sigma^2+\lambda)}{4(\sigma^2+\lambda)}",
                r"&=\frac{(t-\mu)^2}{4(\sigma^2+\lambda)}+\frac12",
            ),
            rf"\frac{{1}}{{e^*}}=\frac{{{signed(d.deviation)}^2}}{{4\cdot {number(shared)}}}+\frac12={number(d.importance)}",
        ),
        Step(
            "The weight",
            "The sigmoid only keeps the weight below 1. It is rising, so the order of the neurons stays.",
            _lines(
                r"\text{weight}&=\operatorname{sigmoid}\!\left(\frac{1}{e^*}\right)",
                r"&=\frac{1}{1+\exp(-1/e^*)}",
            ),
            rf"\frac{{1}}{{1+\exp(-{number(d.importance)})}}={number(d.weight, 6)}",
        ),
        Step(
            "Eq. 6: scaling",
            "The neuron is multiplied by its weight; $\\tilde t$ leaves SimAM. (The paper writes it for all neurons at once: "
            "$\\tilde X=\\operatorname{sigmoid}(1/E)\\odot X$, where $E$ holds the $e^*$ of each and $\\odot$ multiplies place by place.)",
            r"\tilde t=\operatorname{sigmoid}\!\left(\frac{1}{e^*}\right)\cdot t",
            rf"\tilde t={number(d.weight, 6)}\cdot {t}={number(d.refined)}",
        ),
    ]


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


FAQ = {
    "How does Eq. 5 follow from Eq. 2?": (
        "Set both derivatives of Eq. 2 to zero. The one by b says that the line crosses zero halfway between the target and the "
        "mean of the others; put in, the one by w becomes linear and gives w\\*. Put back, Eq. 2 becomes a single fraction in t, "
        "μ_t, σ_t² and λ. Eq. 5 then shares one μ and σ² over the channel. Every step stands above with numbers, and in "
        "docs/derivation.md with its checks. The minus sign before w\\* in the paper is a misprint."
    ),
    "Why does minimum energy mean important?": (
        "The energy is how badly the best line fails to tell the neuron from the rest of its channel. The lower it is, the more "
        "the neuron stands out. That standing out means importance is borrowed from neuroscience (spatial suppression); it is an "
        "assumption, not a theorem. The weights are not learnt, the features under them are."
    ),
    f"Why is 1/e* never below one half, and a weight never below {formulas.ATTENTION_FLOOR:.3f}?": (
        "Because the flat line w = b = 0 is always there, with energy 2: the least energy is at most 2, so 1/e* is at least ½ and "
        f"sigmoid(½) = {formulas.ATTENTION_FLOOR:.3f}. SimAM never closes a neuron, it only favours some."
    ),
    "Are the heat maps in the paper these weights?": (
        "No: they are Grad-CAM, which shows where a class is decided, computed on networks trained with SimAM. The weights "
        "themselves are on the page Attention maps, and both side by side on Overview."
    ),
    "Why are channels hardly ranked?": (
        "SimAM compares a neuron with its own channel only. Divided by the variance, every channel has the same mean of z², so "
        f"every channel's mean weight lies between {formulas.ATTENTION_FLOOR:.3f} and sigmoid(¾) = "
        f"{formulas.MEAN_ATTENTION_CEILING:.4f}."
    ),
}
