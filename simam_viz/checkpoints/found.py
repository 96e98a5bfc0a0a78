"""What was found in a network that nobody here had seen, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..modules.weighing import IN_WORDS
from ..networks.answers import Output
from ..networks.sites import Layers, Site
from ..wording import _, comma, counted, enumeration, labelled, later, together

_MOST_NAMED = 6
_ANSWERS = {
    "classes": later("classes that exclude each other (softmax)"),
    "labels": later("labels, each of its own (sigmoid)"),
    "pixels": later("classes for every pixel"),
    "boxes": later("boxes with a class each"),
    "embedding": later("an embedding: its similarity to a second photo is explained"),
    "regression": later("values"),
}
_ASSUMED = {
    "categories": later("the names of its classes"),
    "normalisation": later("the normalisation of its input"),
    "input_size": later("the size of its input"),
    "yes_or_no": later('that its one number answers yes or no (say output="regression" where it is a value)'),
}


@dataclass(frozen=True)
class Found:
    """What :func:`simam_viz.wrap` found."""

    sites: tuple[Site, ...]
    """Where attention works, in the order of the network's modules."""
    left: tuple[str, ...]
    """Modules that were looked at, and taken for no attention."""
    outside: tuple[str, ...]
    """Modules whose output is multiplied with their input outside of them, which is not understood."""
    compiled: tuple[str, ...]
    """Modules that are TorchScript, into which nobody can look; of nested ones the outermost."""
    layers: Layers
    """Where heat maps are taken."""
    would_stand: tuple[str, ...]
    """Behind what SimAM would stand, where there is no attention."""
    shape: tuple[int, ...]
    """Of the input, (C, H, W)."""
    dtype: str
    device: str
    output: Output
    """How the answer is read."""
    classes: int
    """How many it answers with."""
    assumed: tuple[str, ...]
    """What nobody said: names of entries."""
    token: str
    """Of its own for each time that a network is looked into: files have a hash for that."""

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it in words, a line each, in the language of whoever asks."""
        lines = [
            counted("{count} attention module:", "{count} attention modules:", len(self.sites))
            if self.sites
            else _("No attention: what SimAM would do is shown behind {places}.", places=_some(self.would_stand))
        ]
        lines += [f"  {self._site(site)}" for site in self.sites]
        if self.outside:
            lines.append(
                _(
                    "Not understood: {names}: their output is multiplied with their input outside of them. Where a module of its "
                    "own takes the input and returns the product, it is found.",
                    names=_some(self.outside),
                )
            )
        if self.compiled:
            lines.append(
                _(
                    "Not looked into: {names}, which is TorchScript. Attention in it is found in the module that it was made of.",
                    names=_some(self.compiled),
                )
            )
        if self.left:
            lines.append(_("Looked at, and no attention: {names}.", names=_some(self.left)))
        shape = " × ".join(map(str, self.shape))
        lines.append(_("Input: {shape}, {dtype} on {device}.", shape=shape, dtype=self.dtype, device=self.device))
        told = _("Answer: {kind}, {number}.", kind=_(_ANSWERS[self.output.kind]), number=self.classes)
        if self.output.squashed:
            told = together(told, _("They are probabilities already, so their logits are explained."))
        lines.append(told)
        if self.assumed:
            lines.append(_("Assumed: {what}.", what=enumeration(_(_ASSUMED[entry]) for entry in self.assumed)))
        return tuple(lines)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Where attention may be that is not shown, in a few words each; empty where everything was understood."""
        told = []
        if self.compiled:
            told.append(_("not looked into (TorchScript): {names}", names=_some(self.compiled)))
        if self.outside:
            told.append(_("not understood: {names}", names=_some(self.outside)))
        return tuple(told)

    def _site(self, site: Site) -> str:
        told = labelled(site.name, _(IN_WORDS[site.kind]))
        if site.e_lambda is not None:
            told += f"{comma()}λ = {site.e_lambda:g}"
        around = [name for name in self.layers.names if site.name == name or site.name.startswith(f"{name}.")]
        return told + (comma() + _("heat map of {layer}", layer=max(around, key=len)) if around else "")


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return enumeration(names[:_MOST_NAMED]) + (_(" and {rest} more", rest=rest) if rest > 0 else "")
