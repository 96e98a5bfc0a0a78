"""Is a heat map faithful? Take away what it points at, and see what the network says.

Every measure hides part of the network's input, pixel by pixel in all colours at once, and reads the probability of one
class. What is hidden is replaced, in the *normalised* input that the network sees, by:

- ``grey``, zero: the mean colour of the training images. Deletion and the average drop use it.
- ``blurred``, the photo through a Gaussian of σ = 5/224 of its side. Insertion begins there, because sharp pixels that
  appear on plain grey would make edges of their own.

A network was never trained on such pictures: the numbers say how *this network* reacts, and mean something only beside
those of other maps of the same size, which is what :func:`controls` are for.

Where a network gives the class less than :data:`LEAST_PROBABILITY` on the whole photo, there is no score: no map could take
away what is not there, and over so small a probability chance looks like faithfulness. (With its attention switched off, a
network that gave the class 3 % outdid the intact one by 0.782 to 0.222.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ..checkpoints.loaded import LoadedCheckpoint
from ..networks.lambdas import set_e_lambda
from ..networks.shared import out_of_memory, private_copy
from ..wording import _, later
from .blocks import Analysis
from .cam import enlarged, over_maximum

STEPS = 16
"""Steps of a curve. Input sizes are multiples of 16, so every step hides the same number of pixels."""
CONTROLS = ("random", "centre")
"""Heat maps that know nothing, by the names that :func:`controls` gives them."""
LEAST_PROBABILITY = 0.10
"""What a network must give a class on the whole photo for a heat map of that class to be scored."""
TOO_UNSURE = later("the network gives the class less than 10 %")
"""Why a heat map has no score, in English: :func:`simam_viz.wording._` shows it."""
_BATCH = 16
_SEED = 20210718


def least_in_words() -> str:
    """:data:`LEAST_PROBABILITY` as a person reads it."""
    return _("{share:g} %", share=100 * LEAST_PROBABILITY)


def counts(probability: float) -> bool:
    """Whether a network that gives a class this probability on the whole photo knows it well enough for a score."""
    return probability >= LEAST_PROBABILITY


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """One heat map's measures, for one photo, one network and one class. Probabilities are of that class.

    ``score`` and ``drop`` are NaN, and nothing counts in a mean, where the network gives the class less than
    :data:`LEAST_PROBABILITY`: see :attr:`counts`.
    """

    fractions: Tensor
    """Share of the pixels taken away (deletion) or put back (insertion), from 0 to 1, (steps + 1,)."""
    deletion_curve: Tensor
    """Probability as the highest pixels of the map are greyed first, (steps + 1,)."""
    insertion_curve: Tensor
    """Probability as the highest pixels of the map come into focus first, (steps + 1,)."""
    probability: float
    """Of the whole photo."""
    masked_probability: float
    """Of the photo multiplied by the map: what the map calls unimportant is grey."""

    @property
    def counts(self) -> bool:
        """Whether the network knows the class well enough on the whole photo for a score."""
        return counts(self.probability)

    @property
    def deletion(self) -> float:
        """Area under the deletion curve, in [0, 1]; the lower, the more of what the network uses lies where the map is high."""
        return float(torch.trapezoid(self.deletion_curve, self.fractions))

    @property
    def insertion(self) -> float:
        """Area under the insertion curve, in [0, 1]; the higher the better."""
        return float(torch.trapezoid(self.insertion_curve, self.fractions))

    @property
    def score(self) -> float:
        """Insertion − deletion, in [−1, 1]; the higher the better. NaN where the photo does not count."""
        return self.insertion - self.deletion if self.counts else math.nan

    @property
    def drop(self) -> float:
        """Share of the probability that is lost if only what the map shows is left, in [0, 1]; the lower the better.

        Its mean over photos is the average drop. NaN where the photo does not count.
        """
        if not self.counts:
            return math.nan
        return max(0.0, self.probability - self.masked_probability) / self.probability

    @property
    def increased(self) -> bool:
        """Whether the probability rises if only what the map shows is left; its share of photos is the increase in confidence."""
        return self.masked_probability > self.probability


@dataclass(frozen=True)
class Mean:
    """Measures of the same kind of heat map over several photos."""

    photos: int
    probability: float
    """Of the whole photos."""
    deletion: float
    insertion: float
    drop: float
    increase: float
    """Share of the photos whose probability rises."""


def mean(measures: list[Faithfulness]) -> Mean | None:
    """The measures' means over the photos that count; ``None`` if there is none."""
    measures = [m for m in measures if m.counts]
    count = len(measures)
    if not count:
        return None
    return Mean(
        count,
        sum(m.probability for m in measures) / count,
        sum(m.deletion for m in measures) / count,
        sum(m.insertion for m in measures) / count,
        sum(m.drop for m in measures) / count,
        sum(m.increased for m in measures) / count,
    )


def gain(pairs: list[tuple[Faithfulness, Faithfulness]]) -> float | None:
    """How much better maps are than others of the same photos and network: Σ difference of scores / Σ probability.

    Scores grow with the probability of the whole photo, which differs from network to network; over it, networks can be
    compared. Sums are divided, not each photo's numbers: a photo that the network hardly recognises counts for little, and
    one of which it gives the class less than :data:`LEAST_PROBABILITY` for nothing. ``None`` if no photo counts.

    Args:
        pairs: a map's measures and those of the one to compare it with, such as the random one, for each photo.
    """
    counting = [(map_, other) for map_, other in pairs if map_.counts and other.counts]
    if not counting:
        return None
    return sum(map_.score - other.score for map_, other in counting) / sum(map_.probability for map_, _ in counting)


def controls(shape: tuple[int, int]) -> dict[str, Tensor]:
    """Two maps (h, w) in [0, 1] that know nothing of the network, for a number to be compared with.

    ``"random"`` is uniform noise from a fixed seed. ``"centre"`` is a Gaussian around the middle, σ a quarter of each
    side: photographers put things there.
    """
    height, width = shape
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(_SEED))
    rows, columns = ((torch.arange(side) + 0.5) / side - 0.5 for side in (height, width))
    blob = torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * 0.25**2))
    return dict(zip(CONTROLS, (over_maximum(noise).values, over_maximum(blob).values), strict=True))


def blurred(x: Tensor) -> Tensor:
    """A normalised input (3, S, S) out of focus: through a Gaussian of σ = 5/224 · S."""
    sigma = 5 / 224 * max(x.shape[-2:])
    unsharp: Tensor = gaussian_blur(x, [2 * round(3 * sigma) + 1] * 2, [sigma] * 2)
    return unsharp


class Probe:
    """One photo through one network, ready for heat maps of it to be measured one by one.

    Args:
        loaded, analysis, steps, baselines: as :func:`faithfulness` takes them.
    """

    def __init__(
        self,
        loaded: LoadedCheckpoint,
        analysis: Analysis,
        steps: int = STEPS,
        baselines: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        if not loaded.output.has_probabilities:
            raise ValueError(_("Faithfulness is measured by probabilities, and this network answers with none."))
        self._output, self._question = loaded.output, analysis.question
        self._model = private_copy(loaded.model)
        set_e_lambda(self._model, analysis.asked if analysis.e_lambda is None else analysis.e_lambda)
        self._target = analysis.target
        self._photo = (
            loaded.transforms.tensor(analysis.view)
            if analysis.given is None
            else loaded.transforms.given(analysis.given)[0]
        )
        if self._photo.dim() != 3:
            raise ValueError(_("Faithfulness is measured on pictures, and this network's input is none."))
        grey, blur = baselines or (torch.zeros_like(self._photo), blurred(self._photo))
        self._grey, self._blurred = grey.to(self._photo), blur.to(self._photo)
        self._counts = torch.linspace(0, self._photo[0].numel(), steps + 1).round().long()

    def measures(self, map_: Tensor) -> Faithfulness:
        """What :func:`faithfulness` says of one map (h, w) in [0, 1]."""
        photo, grey, blur, counts = self._photo, self._grey, self._blurred, self._counts
        whole, nothing, unsharp = self._ends
        # Ranked on the processor, and not in half precision, where many pixels would be equal.
        shown = enlarged(map_.float().cpu(), (photo.shape[-2], photo.shape[-1]))
        order = shown.flatten().argsort(descending=True, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order))
        taken = (rank.view(1, 1, *shown.shape) < counts[1:-1].view(-1, 1, 1, 1)).to(photo.device)
        hidden = [torch.where(taken, grey, photo), torch.where(taken, photo, blur), (photo * shown.to(photo))[None]]
        between = len(counts) - 2
        deletion, insertion, masked = self._probabilities(torch.cat(hidden)).split([between, between, 1])
        return Faithfulness(
            counts / len(order),
            torch.cat([whole[None], deletion, nothing[None]]),
            torch.cat([unsharp[None], insertion, whole[None]]),
            float(whole),
            float(masked),
        )

    @cached_property
    def _ends(self) -> Tensor:
        """The probability of the whole photo, and of what deletion ends at and insertion begins with."""
        return self._probabilities(torch.stack([self._photo, self._grey, self._blurred]))

    @torch.no_grad()
    def _probabilities(self, inputs: Tensor) -> Tensor:
        """The target's probability, (N,), for inputs (N, 3, S, S)."""
        read = self._output
        found: list[Tensor] = []
        rest, size = inputs, _BATCH
        while len(rest):
            try:
                logits = read.logits(self._model(rest[:size]), self._question)
            except RuntimeError as error:
                if size == 1 or not out_of_memory(error):
                    raise
                size //= 2
                continue
            found.append(read.probabilities(logits)[:, self._target].cpu())
            rest = rest[size:]
        return torch.cat(found)


def faithfulness(
    loaded: LoadedCheckpoint,
    analysis: Analysis,
    maps: dict[str, Tensor],
    steps: int = STEPS,
    baselines: tuple[Tensor, Tensor] | None = None,
) -> Iterator[tuple[str, Faithfulness]]:
    """Measure one heat map after the other; a caller can stop between any two.

    Pixels are taken in order of the enlarged map (:func:`simam_viz.explain.cam.enlarged`), the highest first; of equal ones, the
    upper left first.

    Definitions are those of torchcam's metrics, with two differences of default: torchcam fills insertion's beginning with
    zeros unless it is given another baseline, and its extractors also subtract a map's least value, which changes the drop but
    no order of pixels. pytorch-grad-cam's DropInConfidence is the lost probability itself, our drop times the probability.

    Args:
        loaded: the network that was analysed.
        analysis: says for which input, class and λ.
        maps: by name, each (h, w) in [0, 1].
        steps: of the curves.
        baselines: what deletion ends at and insertion begins with, each (3, S, S) normalised; ``None`` is zero and the
            blurred photo.

    Yields:
        A name and that map's measures.

    Sources: deletion and insertion: Petsiuk et al., "RISE", BMVC 2018, Sec. 4. Average drop and increase in confidence:
    Chattopadhay et al., "Grad-CAM++", WACV 2018, Sec. 4.1.
    """
    probe = Probe(loaded, analysis, steps, baselines)
    for name, map_ in maps.items():
        yield name, probe.measures(map_)
