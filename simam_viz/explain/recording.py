"""Hooks on a private copy of a network: what enters SimAM in a pass, and what heat maps are taken of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..checkpoints.loading import DEFAULT_E_LAMBDA, LoadedCheckpoint
from ..modules.simam import EachSimAM, RemovedSimAM, SimAM
from ..networks.architectures import is_ours, residual_blocks
from ..networks.places import attending_modules
from ..wording import _


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
    """One time that SimAM, or what stands for it, ran in a pass. The first dimension is the batch."""

    name: str
    features: Tensor
    """What entered SimAM."""
    output: Tensor
    """What heat maps are taken of."""
    simams: tuple[SimAM, ...]
    """For each image, a SimAM that weighs the features as the network does, or would."""


class Recording:
    """Hooks that keep, whenever SimAM runs in a private copy, what enters it and what leaves the block around it.

    A residual block in which SimAM runs once gives the use its name and its output. Where SimAM runs several times in one
    block, or outside of any, each use is explained at its own output. Leaving the ``with`` block takes all hooks off, whether
    or not the pass succeeded.

    Args:
        explained_alone: names of modules that run several times in one block, as a pass before has shown.
    """

    def __init__(
        self, model: nn.Module, networks: Sequence[tuple[LoadedCheckpoint, float | None]], explained_alone: set[str]
    ) -> None:
        self.uses: list[Use] = []
        """In the order in which the pass reached their outputs."""
        self.several: set[str] = set()
        """Names of modules that ran several times in one block."""
        self._ours = is_ours(model)
        self._images = len(networks)
        self._entered: list[list[tuple[str, Tensor]]] = []
        """For every residual block that is running, what has entered SimAM in it."""
        self._simams: dict[str, tuple[SimAM, ...]] = {}
        self._handles: list[RemovableHandle] = []
        attending = attending_modules(model)
        blocks = residual_blocks(model)
        around = {module: block for block in blocks.values() for module in block.modules()}
        in_block = Counter(around[module] for module in attending if module in around)
        for module, name in attending.items():
            each = module.each if isinstance(module, EachSimAM) else [module] * len(networks)
            self._simams[name] = _simams(each, networks)
            alone = module not in around or in_block[around[module]] != 1 or name in explained_alone
            self._watch(module, name, alone)
        for name, block in blocks.items():
            self._watch_block(block, name)
        if not attending:
            raise ValueError(
                _("This network has no SimAM and no residual block: put SimAM into it with simam_viz.insert_simam.")
            )

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_details: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _watch(self, module: nn.Module, name: str, alone: bool) -> None:
        def keep(
            module: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor
        ) -> Tensor | None:
            features = (*inputs, *named.values())[0] if isinstance(module, (SimAM, RemovedSimAM)) else output
            if not self._ours:  # the next layer may overwrite what it is given
                features = features.clone()
            if len(features) == 1:  # one image, of which SimAM makes a batch
                features = features.expand(self._images, *features.shape[1:])
            if alone or not self._entered:
                return self._keep(name, name, features, output)
            self._entered[-1].append((name, features))
            return None

        self._handles.append(module.register_forward_hook(keep, with_kwargs=True))

    def _watch_block(self, block: nn.Module, name: str) -> None:
        def enter(block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._entered.append([])

        def leave(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            entered = self._entered.pop()
            if len(entered) > 1:
                self.several |= {module for module, _ in entered}
            if len(entered) != 1:
                return None
            ((module, features),) = entered
            return self._keep(name, module, features, output)

        self._handles += [block.register_forward_pre_hook(enter), block.register_forward_hook(leave)]

    def _keep(self, name: str, module: str, features: Tensor, output: Tensor) -> Tensor | None:
        """Keep one use of a module; what it gives is to be handed on, if not ``None``."""
        if not self._ours:  # whoever has a hand on it, or is given it, may overwrite it
            output = output.clone()
        # The first output is where the backward pass ends: nothing before it asks for a gradient.
        output = output if output.requires_grad else output.requires_grad_()
        self.uses.append(Use(name, features, output, self._simams[module]))
        return None if self._ours else output.clone()


def _simams(each: Sequence[nn.Module], networks: Sequence[tuple[LoadedCheckpoint, float | None]]) -> tuple[SimAM, ...]:
    """For each image, a SimAM that weighs as the network does (its own, of the private copy), or would."""
    found = []
    for one, (network, e_lambda) in zip(each, networks, strict=True):
        if isinstance(one, SimAM):
            found.append(one)
            continue
        own = one.e_lambda if isinstance(one, RemovedSimAM) else network.e_lambda
        found.append(SimAM(next(at for at in (e_lambda, own, DEFAULT_E_LAMBDA) if at is not None)))
    return tuple(found)
