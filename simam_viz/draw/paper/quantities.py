"""What a panel of a figure can show, by the words that stand in a command, in an address and in a description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from torch import Tensor

from ...explain.blocks import Analysis, Block
from ...explain.cam import METHODS
from ...wording import _, enumeration, later

Kind = Literal[
    "photo", "weight", "importance", "energy", "feature", "refined", "cam", "difference", "histogram", "sweep"
]

CAMS = {"cam": "Grad-CAM", "cam++": "Grad-CAM++", "hirescam": "HiResCAM", "layercam": "LayerCAM"}
"""Methods of :data:`simam_viz.explain.cam.METHODS` by their words."""
_OF_NEURONS = {
    "weight": "attention weight",
    "importance": "importance",
    "energy": "energy",
    "feature": "feature",
    "refined": "refined feature",
}
_WORD = re.compile(r"(?P<kind>[a-z+]+)(:(?P<part>[^@]+))?(@(?P<block>.+))?", re.DOTALL)
_TITLES = {
    "photo": later("Photo"),
    "attention weight:mean": later("Mean weight"),
    "attention weight:max": later("Highest weight"),
    "attention weight:min": later("Lowest weight"),
    "attention weight": later("Weight, channel {channel}"),
    "importance:mean": later("Mean importance"),
    "importance:max": later("Highest importance"),
    "importance:min": later("Lowest importance"),
    "importance": later("Importance, channel {channel}"),
    "energy:mean": later("Mean energy"),
    "energy:max": later("Highest energy"),
    "energy:min": later("Lowest energy"),
    "energy": later("Energy, channel {channel}"),
    "feature:mean": later("Mean feature"),
    "feature:max": later("Highest feature"),
    "feature:min": later("Lowest feature"),
    "feature": later("Feature, channel {channel}"),
    "refined feature:mean": later("Mean refined feature"),
    "refined feature:max": later("Highest refined feature"),
    "refined feature:min": later("Lowest refined feature"),
    "refined feature": later("Refined feature, channel {channel}"),
    "histogram:energy": later("Energies of the neurons"),
    "histogram:importance": later("Importances of the neurons"),
    "histogram:attention weight": later("Weights of the neurons"),
    "sweep": later("Probability along λ"),
}


@dataclass(frozen=True)
class Quantity:
    """One thing to show of a photo in a network."""

    word: str
    """As it stands in a command: ``kind[:part][@block]``."""
    kind: Kind
    part: str = ""
    """Of neurons: ``mean``, ``max``, ``min`` or a channel's number; of a difference: the heat map's word; of a histogram: of what."""
    block: str = ""
    """Where; empty is the figure's block."""

    @property
    def is_map(self) -> bool:
        """Whether it is a map that can lie on the photo."""
        return self.kind not in ("photo", "histogram", "sweep")

    @property
    def needs_networks(self) -> int:
        """How many networks one panel of it takes."""
        return {"photo": 0, "difference": 2}.get(self.kind, 1)

    @property
    def signed(self) -> bool:
        """Whether its colours run both ways from 0."""
        return self.kind in ("feature", "refined", "difference")

    @property
    def method(self) -> str:
        """The heat map's method, of :data:`simam_viz.explain.cam.METHODS`; empty where it is none."""
        return {"cam": CAMS.get(self.part or "cam", ""), "difference": CAMS.get(self.part or "cam", "")}.get(
            self.kind, ""
        )

    @property
    def of_neurons(self) -> str:
        """Which of a block's quantities it shows; empty where it is none of them."""
        if self.kind == "histogram":
            return _OF_NEURONS[self.part or "energy"]
        return _OF_NEURONS.get(self.kind, "")

    @cached_property
    def channel(self) -> int | None:
        """The channel; ``None`` where it is reduced over all."""
        return int(self.part) if self.kind in _OF_NEURONS and self.part.isdecimal() else None

    @property
    def title(self) -> str:
        """What it is called on the figure; its block stands in it where it has one of its own."""
        return _("{title} at {block}", title=self.name, block=self.block) if self.block else self.name

    @property
    def name(self) -> str:
        """What it is called, wherever it is taken from."""
        if self.method:
            title = self.method
            if self.kind == "difference":
                title = _("Difference of {method}", method=self.method)
        elif self.kind == "histogram":
            title = _(_TITLES[f"histogram:{self.of_neurons}"])
        elif self.channel is not None:
            title = _(_TITLES[self.of_neurons], channel=self.channel)
        elif self.of_neurons:
            title = _(_TITLES[f"{self.of_neurons}:{self.part or 'mean'}"])
        else:
            title = _(_TITLES[self.kind])
        return title

    def found(self, block: Block) -> Tensor:
        """The map (h, w) of it in one block, of a difference one of the two heat maps; of a histogram, all values.

        Raises:
            ValueError: the block's attention has no energy, or no such channel.
        """
        if self.method:
            return block.heat_map(self.method).values
        values = block.quantity(self.of_neurons)
        if self.kind == "histogram":
            return values.flatten().clone()
        if self.channel is not None:
            if self.channel >= len(values):
                raise ValueError(
                    _(
                        "There is no channel {channel} in {block}; its channels are 0 to {last}.",
                        channel=self.channel,
                        block=block.name,
                        last=len(values) - 1,
                    )
                )
            return values[self.channel].clone()
        reduced = {"max": values.amax, "min": values.amin}.get(self.part, values.mean)
        return reduced(dim=0)

    def place(self, analysis: Analysis, block: str, network: str) -> Block:
        """The block that it is taken from.

        Args:
            block: of the figure; empty is the deepest that still has 8 × 8 neurons.
            network: its name, for the sentence.

        Raises:
            ValueError: the network has no such block.
        """
        name = self.block or block or default_block(analysis)
        try:
            return analysis.block(name)
        except KeyError:
            blocks = enumeration(found.name for found in analysis.blocks)
            raise ValueError(
                _(
                    "There is no block {block!r} in {network}; its blocks are {blocks}.",
                    block=name,
                    network=network,
                    blocks=blocks,
                )
            ) from None


def default_block(analysis: Analysis) -> str:
    """The deepest block whose maps still have 8 × 8 neurons to look at; the last where none has."""
    wide = [block.name for block in analysis.blocks if min(block.features.shape[1:]) >= 8]
    return wide[-1] if wide else analysis.blocks[-1].name


def parse(word: str) -> Quantity:
    """A word such as ``weight:max@layer3.1``; ``ValueError`` in one sentence where it means nothing."""
    found = _WORD.fullmatch(word.strip())
    if found is None:
        raise ValueError(_unknown(word))
    kind, part, block = found["kind"], found["part"] or "", found["block"] or ""
    if kind in CAMS:
        if part:
            raise ValueError(_unknown(word))
        return Quantity(word.strip(), "cam", kind, block)
    reduced = part in ("", "mean", "max", "min") or part.isdecimal()
    known = {
        **dict.fromkeys(_OF_NEURONS, reduced),
        "photo": not part and not block,
        "sweep": not part and not block,
        "difference": part in ("", *CAMS),
        "histogram": part in ("", "energy", "importance", "weight"),
    }
    if not known.get(kind, False):
        raise ValueError(_unknown(word))
    kinds: dict[str, Kind] = {
        "photo": "photo", "weight": "weight", "importance": "importance", "energy": "energy", "feature": "feature",
        "refined": "refined", "difference": "difference", "histogram": "histogram", "sweep": "sweep",
    }  # fmt: skip
    return Quantity(word.strip(), kinds[kind], part, block)


def _unknown(word: str) -> str:
    return _(
        "A figure cannot show {word!r}; it can show photo, weight, weight:max, weight:7 (a channel), importance, energy, cam, "
        "cam++, hirescam, layercam, difference, feature:7, refined:7, histogram, histogram:weight and sweep, most of them with "
        "@ and a block behind.",
        word=word[:60],
    )


def words(method: str) -> str:
    """The word of one of :data:`simam_viz.explain.cam.METHODS`."""
    return next(word for word, name in CAMS.items() if name == method)


assert set(CAMS.values()) == set(METHODS)
