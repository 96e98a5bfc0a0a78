"""Hooks on a private copy of a network: what enters its attention in a pass, and what heat maps are taken of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..checkpoints.loaded import DEFAULT_E_LAMBDA, LoadedCheckpoint
from ..modules.simam import EachSimAM, SimAM, tells_weights
from ..modules.weighing import Each, Removed, Weighing
from ..networks.architectures import residual_blocks
from ..networks.lambdas import Times, at_lambda
from ..networks.places import attending_modules
from ..wording import _

Run = tuple[LoadedCheckpoint, float | Times | None]
"""A network, and the λ to run it at; ``None`` leaves every SimAM module its own."""


def distinct_uses(names: Sequence[str]) -> list[str]:
    """The names of modules in the order in which they ran, each made its own: “neck.simam”, “neck.simam, 2nd use”."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}, {_ordinal(seen[name])} use")
    return distinct


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 11 <= number % 100 <= 13 else ending}"


@dataclass(frozen=True, eq=False)
class Use:
    """One time that attention, or what SimAM would stand behind, ran in a pass. The first dimension is the batch."""

    name: str
    features: Tensor
    """What entered the attention."""
    output: Tensor
    """What heat maps are taken of."""
    modules: tuple[Weighing, ...]
    """For each image, a module that weighs the features as the network does, or as SimAM would."""
    hypothetical: tuple[bool, ...]
    """For each image, whether the network does not weigh them so."""
    layer: str
    """Of which module's output heat maps are taken."""
    weights: Tensor | None
    """What the features were multiplied by, where the pass told; elsewhere the modules tell."""


class Recording:
    """Hooks that keep, whenever attention runs in a private copy, what enters it and what leaves the layer around it.

    Attention that runs within a layer is explained at the layer's output, and bears its name if it runs there once. Any other
    is explained at its own output. Leaving the ``with`` block takes all hooks off, whether or not the pass succeeded.

    Args:
        model: what runs.
        runs: the networks, one for each image of the batch, with their λ.
        ours: whether it is one of :func:`create_model`'s networks, whose layers overwrite nothing that is kept.
    """

    def __init__(self, model: nn.Module, runs: Sequence[Run], ours: bool) -> None:
        self.uses: list[Use] = []
        """In the order in which the pass reached their outputs."""
        self._ours = ours
        self._runs = runs
        self._entered: list[list[tuple[str, Tensor, Tensor | None]]] = []
        """For every layer that is running, what has entered attention in it, with the weights that the pass told."""
        self._modules: dict[str, tuple[Weighing, ...]] = {}
        self._hypothetical: dict[str, tuple[bool, ...]] = {}
        self._taken_off = ExitStack()
        chosen = runs[0][0].layers
        layers = (
            residual_blocks(model) if chosen is None else {name: model.get_submodule(name) for name in chosen.names}
        )
        shown = chosen is not None and chosen.shown
        attending = attending_modules(model)
        if shown and not any(isinstance(module, Weighing) for module in attending):
            attending = {}  # what stands behind the layers is shown, and not what would behind convolutions
        for module, name in attending.items():
            self._weighed_by(name, module.each if isinstance(module, Each) else [module] * len(runs))
            self._watch(module, name)
        for name, layer in layers.items():
            bare = shown and not any(module in attending for module in layer.modules())
            if bare:
                self._weighed_by(name, [nn.Identity()] * len(runs))
            self._watch_layer(layer, name, bare)
        if not self._modules:
            raise ValueError(
                _("This network has no SimAM and no residual block: put SimAM into it with simam_viz.insert_simam.")
            )

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_details: object) -> None:
        self._taken_off.close()

    def _weighed_by(self, name: str, each: Sequence[nn.Module]) -> None:
        told = [_weighing(one, run) for one, run in zip(each, self._runs, strict=True)]
        self._modules[name] = tuple(module for module, _hypothetical in told)
        self._hypothetical[name] = tuple(hypothetical for _module, hypothetical in told)

    def _watch(self, module: nn.Module, name: str) -> None:
        if tells_weights(module):
            vars(module)["forward"] = partial(self._told, module, name)  # of the private copy alone
            self._taken_off.callback(vars(module).pop, "forward")
            return
        entered: list[Tensor] = []

        def enter(module: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            features = (*inputs, *named.values())[0]
            entered.append(features if self._ours else features.clone())  # which the module may overwrite

        def leave(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            # What the next layer may overwrite is copied.
            theirs = output if self._ours or isinstance(module, Weighing) else output.clone()
            return self._left(name, entered.pop() if isinstance(module, Weighing) else theirs, None, output)

        if isinstance(module, Weighing):
            self._at_exit(module.register_forward_pre_hook(enter, with_kwargs=True))
        self._at_exit(module.register_forward_hook(leave))

    def _told(self, module: SimAM | EachSimAM, name: str, x: Tensor) -> Tensor:
        """A module's pass in which it tells its weights: they need not be computed anew, and it is quicker than hooks."""
        refined, weights = module.with_weights(x)
        given = self._left(name, x if self._ours else x.clone(), weights, refined)
        return refined if given is None else given

    def _left(self, name: str, features: Tensor, weights: Tensor | None, output: Tensor) -> Tensor | None:
        """Take note of what has gone through attention; what it gives is to be handed on, if not ``None``."""
        if len(features) == 1:  # one image, of which the attention makes a batch
            features = features.expand(len(self._runs), *features.shape[1:])
        if weights is not None:
            weights = weights.expand_as(features)
        if not self._entered:
            return self._keep(name, name, name, features, weights, output)
        self._entered[-1].append((name, features, weights))
        return None

    def _watch_layer(self, layer: nn.Module, name: str, bare: bool) -> None:
        def enter(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._entered.append([])

        def leave(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            entered = self._entered.pop()
            if bare:
                return self._keep(name, name, name, output if self._ours else output.clone(), None, output)
            given: Tensor | None = None
            for module, features, weights in entered:
                output = output if given is None else given
                given = self._keep(name if len(entered) == 1 else module, module, name, features, weights, output)
            return given

        self._at_exit(layer.register_forward_pre_hook(enter))
        self._at_exit(layer.register_forward_hook(leave))

    def _at_exit(self, hook: RemovableHandle) -> None:
        self._taken_off.callback(hook.remove)

    def _keep(
        self, name: str, module: str, layer: str, features: Tensor, weights: Tensor | None, output: Tensor
    ) -> Tensor | None:
        """Keep one use of a module in a layer; what it gives is to be handed on, if not ``None``."""
        if not self._ours:  # whoever has a hand on it, or is given it, may overwrite it
            output = output.clone()
        # The first output is where the backward pass ends: nothing before it asks for a gradient.
        output = output if output.requires_grad else output.requires_grad_()
        self.uses.append(Use(name, features, output, self._modules[module], self._hypothetical[module], layer, weights))
        return None if self._ours else output.clone()


def _weighing(module: nn.Module, run: Run) -> tuple[Weighing, bool]:
    """What weighs one image as the network does (its own module, of the private copy), or would; and whether it only would."""
    if isinstance(module, Weighing) and not isinstance(module, Removed):
        return module, False
    if isinstance(module, Removed) and module.kind != "simam":
        return module, True
    network, asked = run
    own = module.e_lambda if isinstance(module, Removed) else network.e_lambda
    own = DEFAULT_E_LAMBDA if own is None else own
    return SimAM(at_lambda(own, asked), module.correction if isinstance(module, Removed) else 1), True
