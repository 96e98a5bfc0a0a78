"""What was understood of a network, stop by stop from its input to its answer, for a drawing of it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from ..modules.simam import SimAM
from ..modules.weighing import IN_WORDS, Kind, Removed, Weighing
from ..networks.architectures import residual_blocks
from ..networks.places import attending_modules
from ..wording import _, counted
from .loaded import LoadedCheckpoint


@dataclass(frozen=True)
class Stop:
    """A place in a network where attention works, or would."""

    name: str
    """Of the layer or block that it stands behind, else of the module itself."""
    kind: Kind
    e_lambda: float | None = None
    """Of SimAM."""
    hypothetical: bool = False
    """Whether no attention runs there, and SimAM only would."""

    @property
    def in_words(self) -> str:
        """What stands there."""
        if self.hypothetical:
            return _("SimAM would stand here")
        if self.kind == "simam" and self.e_lambda is not None:
            return _("SimAM, λ = {e_lambda}", e_lambda=format(self.e_lambda, "g"))
        return _(IN_WORDS[self.kind])


def stops(loaded: LoadedCheckpoint) -> tuple[Stop, ...]:
    """Where attention works in a network, in the order of its modules; where it would, if there is none."""
    if loaded.attends:
        blocks = residual_blocks(loaded.model)
        return tuple(
            Stop(_place(name, blocks), module.kind, module.e_lambda if isinstance(module, SimAM) else None)
            for module, name in attending_modules(loaded.model).items()
            if isinstance(module, Weighing)
        )
    taken_out = any(isinstance(module, Removed) for module in loaded.model.modules())
    if loaded.layers is None or taken_out:
        names = tuple(attending_modules(loaded.model).values())
    else:
        names = loaded.layers.names if loaded.layers.shown else tuple(residual_blocks(loaded.model))
    return tuple(Stop(name, "simam", hypothetical=True) for name in names)


def _place(name: str, blocks: Container[str]) -> str:
    """A block of this package's own is known by its name, and not by that of the attention in it."""
    block = name.rpartition(".")[0]
    return block if block in blocks else name


def input_in_words(loaded: LoadedCheckpoint) -> str:
    """The size of what the network is given: channels × rows × columns."""
    transforms = loaded.transforms
    return " × ".join(map(str, (transforms.channels, *(transforms.shape or transforms.size()))))


def answer_in_words(loaded: LoadedCheckpoint) -> str:
    """What the network answers with, and how many classes it knows."""
    count = len(loaded.categories)
    match loaded.output.kind:
        case "classes":
            return counted("{count} class", "one of {count} classes", count)
        case "labels":
            return counted("{count} label, yes or no", "{count} labels, each yes or no", count)
        case "pixels":
            return counted("{count} class for every pixel", "one of {count} classes for every pixel", count)
        case "boxes":
            return counted("boxes of {count} class", "boxes, each with one of {count} classes", count)
        case "embedding":
            return _("features, to be compared with those of a second photo")
        case "regression":
            return counted("{count} value", "{count} values", count)


def what_runs(loaded: LoadedCheckpoint) -> str:
    """How much attention there is, in a sentence."""
    found = stops(loaded)
    if not loaded.attends:
        return counted(
            "No attention runs in it: what SimAM *would* do is shown at {count} place.",
            "No attention runs in it: what SimAM *would* do is shown at {count} places.",
            len(found),
        )
    return counted("Attention works at {count} place.", "Attention works at {count} places.", len(found))
