"""The same image and the same class under several attentions: the same weights with SimAM on, uniform and off, and siblings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from torch import Tensor

from ..checkpoints.loaded import LoadedCheckpoint
from ..modules.simam import FixedMeanSimAM, SimAM, UniformSimAM
from ..modules.weighing import Removed, Uniform, Weighing
from ..networks.architectures import Attention
from ..networks.lambdas import Times
from ..networks.shared import replace_modules, shared_copy
from ..photos.images import open_image
from ..photos.squares import Square
from ..wording import _, later
from .analysis import Place, Region, analyze_together
from .blocks import Analysis
from .inputs import Given
from .recording import Run

Mode = Literal["on", "uniform", "off"]
MODES: tuple[Mode, ...] = ("on", "uniform", "off")
"""What can be done with SimAM in one network, its weights staying as they are."""
NAMES = (*MODES, "twin", *get_args(Attention))
"""Of all variants that there may be."""

Siblings = Mapping[str, Callable[[], LoadedCheckpoint]]
"""Networks trained alike but for their attention, by its name: each is made when it is asked for, and kept by nobody."""

TITLES: dict[str, str] = {
    "simam": later("With SimAM"),
    "none": later("Without attention"),
    "se": later("With SE"),
    "cbam": later("With CBAM"),
    "eca": later("With ECA"),
}
"""What siblings are called on screen; :func:`simam_viz.wording._` shows it."""
_NOTES = {
    "simam": later("The same recipe and the same images with SimAM: one weight a neuron, by a formula."),
    "none": later("The same recipe and the same images without attention."),
    "se": later("The same recipe and the same images with SE: one weight a channel, by two learned layers."),
    "cbam": later(
        "The same recipe and the same images with CBAM: one weight a channel, then one a position, both learned."
    ),
    "eca": later(
        "The same recipe and the same images with ECA: one weight a channel, by a learned filter over channels."
    ),
}


@dataclass(frozen=True, eq=False)
class Variant:
    """One of the networks to compare."""

    name: str
    """In Python and in the address."""
    title: str
    """On screen, in the language of whoever asks for the variants."""
    note: str
    """What it is, in a sentence or two."""
    network: Callable[[], LoadedCheckpoint]
    """Gives the network, whenever it is needed."""
    shares_weights: bool
    """Whether its weights are those of the network in hand: all of these run as one batch."""
    own_lambda: float | None
    """Its λ where the λ that is asked for does nothing; ``None`` leaves every SimAM module its own."""
    follows_lambda: bool
    """Whether the λ that is asked for does anything."""
    fixed_mean: bool = False
    """Whether each channel keeps its mean weight: see :func:`with_attention`."""

    def e_lambda(self, asked: float | Times | None) -> float | Times | None:
        """The λ to run it at where one is asked for."""
        return asked if self.follows_lambda else self.own_lambda


class Networks(Mapping[str, Run]):
    """Networks with their λ by a name, each made when it is asked for: no more of them are in memory than are in use."""

    def __init__(self, variants: Mapping[str, Variant], e_lambda: float | Times | None) -> None:
        self._variants, self._e_lambda = dict(variants), e_lambda

    def __getitem__(self, name: str) -> Run:
        variant = self._variants[name]
        return variant.network(), variant.e_lambda(self._e_lambda)

    def __iter__(self) -> Iterator[str]:
        return iter(self._variants)

    def __len__(self) -> int:
        return len(self._variants)

    def held(self) -> Networks:
        """The same, :func:`held`."""
        return Networks({title: held(variant) for title, variant in self._variants.items()}, self._e_lambda)


def variants(
    loaded: LoadedCheckpoint,
    twin: LoadedCheckpoint | None = None,
    *,
    fixed_mean: bool = False,
    siblings: Siblings | None = None,
) -> tuple[Variant, ...]:
    """What there is to compare: a network with its own attention in every mode, or a plain one as it is; its twin; its siblings.

    Others may be added behind these, in any number. Arguments as :func:`compare` takes them.
    """
    attends = loaded.attends

    def own(mode: Mode, title: str, note: str, follows_lambda: bool, fixed_mean: bool = False) -> Variant:
        network = partial(with_attention, loaded, mode, fixed_mean)
        return Variant(mode, title, note, network, True, loaded.e_lambda, follows_lambda, fixed_mean)

    if attends and not loaded.has_simam:
        found = [
            own("on", _("Attention on"), _("The network as it is."), False),
            own(
                "uniform",
                _("Uniform over positions"),
                _(
                    "Each channel is scaled by the mean of its weights: selection in space goes, and weights a channel stay."
                ),
                False,
            ),
            own(
                "off",
                _("Switched off"),
                _(
                    "The attention removed from the same weights. What follows then sees a scale it never saw in training, so a "
                    "worse answer here does not show that attention helps."
                ),
                False,
            ),
        ]
    elif attends:
        on = _("SimAM in place, at the λ that is chosen.")
        fixed = _("SimAM at the λ that is chosen, each channel's mean weight kept at what the trained λ gives.")
        uniform = _("Each channel is scaled by the mean of its weights: its scale stays, selection in space goes.")
        off = _(
            "SimAM removed from the same weights. Batch norm then sees a scale it never saw in training, so a worse "
            "answer here does not show that attention helps."
        )
        found = [
            own("on", _("Attention on, mean weight fixed"), fixed, True, True)
            if fixed_mean
            else own("on", _("Attention on"), on, True),
            own("uniform", _("Uniform over positions"), uniform, not fixed_mean, fixed_mean),
            own("off", _("Switched off"), off, False),
        ]
    else:
        plain = _("This network was trained, and runs, without SimAM.")
        found = [own("on", _("This network, without SimAM"), plain, True)]
    if twin is not None:
        title, note = (
            _("The twin, with SimAM"),
            _("A network of the same shape, trained by the same recipe with SimAM."),
        )
        if attends:
            title, note = (
                _("The twin"),
                _("A network of the same shape, trained by the same recipe without SimAM: the fair comparison."),
            )
        follows = not loaded.trained_with_simam  # the twin of a plain network has SimAM
        found.append(Variant("twin", title, note, partial(_itself, twin), False, loaded.e_lambda, follows))
    for attention, network in (siblings or {}).items():
        found.append(Variant(attention, _(TITLES[attention]), _(_NOTES[attention]), network, False, None, False))
    return tuple(found)


def with_attention(loaded: LoadedCheckpoint, variant: Mode, fixed_mean: bool = False) -> LoadedCheckpoint:
    """The same weights with SimAM ``"on"``, made ``"uniform"`` over positions, or switched ``"off"``.

    Uniform gives every neuron its channel's mean weight, so that scale stays and selection in space goes. Off removes
    SimAM; batch norm then sees a scale it never saw in training. With ``fixed_mean``, every SimAM keeps each channel's mean
    weight at what it is at the λ the module was trained with, whatever λ it is given.

    Raises:
        ValueError: there is no such variant.
    """
    if variant not in MODES:
        raise ValueError(_('variant must be "on", "uniform" or "off", not {variant!r}.', variant=variant))
    if variant == "on" and not fixed_mean:
        return loaded
    model = shared_copy(loaded.model)
    if variant == "off":
        replace_modules(model, Weighing, removed)
    elif variant == "uniform":
        replace_modules(model, Weighing, uniform)
    else:
        replace_modules(model, SimAM, lambda s: FixedMeanSimAM(s.e_lambda, s.e_lambda, s.correction))
    return dataclasses.replace(loaded, model=model)


def removed(module: Weighing) -> Removed:
    """The place of an attention module that was taken out."""
    if isinstance(module, Removed):
        return module
    if isinstance(module, SimAM):
        return Removed("simam", module.e_lambda, module.correction)
    return Removed(module.kind)


def uniform(module: Weighing) -> Weighing:
    """The same weights without selection in space; those that are one a channel have none, and stay."""
    if isinstance(module, SimAM):
        return UniformSimAM(module.e_lambda, module.correction)
    return module if module.kind == "channel" or isinstance(module, Removed) else Uniform(module)


def held(variant: Variant) -> Variant:
    """The same with its network in memory: other processes may not have its file. Those of one's own weights go along with them."""
    return (
        variant if variant.shares_weights else dataclasses.replace(variant, network=partial(_itself, variant.network()))
    )


def by_title(variants: Iterable[Variant], e_lambda: float | Times | None) -> Networks:
    """By title, the networks with the λ of each (``None``: each module's own), for work on more than one photo."""
    return Networks({variant.title: variant for variant in variants}, e_lambda)


def batches(variants: Sequence[Variant]) -> list[list[Variant]]:
    """What can run together: first all that have the weights of the network in hand, then every other network alone."""
    together = [variant for variant in variants if variant.shares_weights]
    alone = [[variant] for variant in variants if not variant.shares_weights]
    return [together, *alone] if together else alone


def explained_alike(
    variants: Sequence[Variant],
    known: Mapping[str, Analysis],
    target: int | None,
    analyse: Callable[[list[Variant], int | None], Iterable[Analysis]],
) -> dict[str, Analysis]:
    """One image through every variant, by name: all explain the same class.

    Args:
        variants: without a target, the first has the weights of the network in hand, and all explain what it predicts.
        known: what was analysed before, by name. What explains another class is analysed again.
        target: the class to explain.
        analyse: one of the :func:`batches` and the class → its analyses; ``None`` is the class that its first one predicts.
    """
    found = dict(known)

    def look(batch: list[Variant], target: int | None) -> None:
        found.update(zip((variant.name for variant in batch), analyse(batch, target), strict=True))

    if target is None:
        first = variants[0].name
        if first not in found:
            look(batches([variant for variant in variants if variant.name not in found])[0], None)
        target = found[first].target
    for batch in batches([v for v in variants if v.name not in found or found[v.name].target != target]):
        look(batch, target)
    return {variant.name: found[variant.name] for variant in variants}


def analysed(
    batch: Sequence[Variant],
    e_lambda: float | Times | None,
    image: Given,
    target: int | None,
    input_size: int | None,
    against: int | None,
    share: float | None,
    **question: Any,
) -> list[Analysis]:
    """One of the :func:`batches`, explaining one class, as pictures and in as few bytes as a screen needs.

    Args:
        batch: networks that share their weights.
        e_lambda: the λ that is asked for.
        share: as :meth:`simam_viz.explain.blocks.Analysis.pictures` takes it.
        question: ``region``, ``box``, ``reference``, ``square``, ``heat_maps``; as all others, as
            :func:`simam_viz.explain.analysis.analyze_together` takes them.
    """
    runs = [(variant.network(), variant.e_lambda(e_lambda)) for variant in batch]
    found = analyze_together(runs, image, target, input_size, against, one_target=True, **question)
    return [analysis.pictures(share).compacted() for analysis in found]


def compare(
    loaded: LoadedCheckpoint,
    image: Given,
    e_lambda: float | Times | None = None,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
    *,
    fixed_mean: bool = False,
    twin: LoadedCheckpoint | None = None,
    siblings: Iterable[LoadedCheckpoint] = (),
    region: Region | None = None,
    box: Place | None = None,
    reference: Given | None = None,
    square: Square | None = None,
) -> dict[str, Analysis]:
    """Analyse ``image`` under each of :func:`variants`: attention on, uniform and off, and through ``twin`` and ``siblings``.

    What has the same weights runs as one batch.

    Without a target, all explain the class that the network with attention on predicts. Arguments as
    :func:`simam_viz.analyze` takes them, and:

    Args:
        fixed_mean: on and uniform at the mean weights of every module's trained λ; see :func:`with_attention`.
        twin: the network trained by the same recipe without SimAM; it must tell the same classes apart.
        siblings: networks trained by the same recipe with other attention, which their cards name; each is found in what
            is returned under that name (``"se"``). They must tell the same classes apart, too.
    """
    others: dict[str, Callable[[], LoadedCheckpoint]] = {}
    for sibling in siblings:
        if sibling.card.attention not in TITLES or sibling.card.attention in others:
            raise ValueError(
                _("Siblings are told apart by the attention that their cards name, and no two may name the same.")
            )
        others[sibling.card.attention] = partial(_itself, sibling)
    if not isinstance(image, Tensor):
        image = open_image(image)  # once for all: a file object is read to its end

    def analyse(batch: list[Variant], target: int | None) -> list[Analysis]:
        runs = [(variant.network(), variant.e_lambda(e_lambda)) for variant in batch]
        return analyze_together(
            runs, image, target, input_size, against,
            one_target=True, region=region, box=box, reference=reference, square=square,
        )  # fmt: skip

    return explained_alike(variants(loaded, twin, fixed_mean=fixed_mean, siblings=others), {}, target, analyse)


def _itself(loaded: LoadedCheckpoint) -> LoadedCheckpoint:
    return loaded
