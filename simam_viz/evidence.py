"""Were these weights trained with SimAM? Batch norm remembers what it was fed, and SimAM changes its scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual

from .checkpoints import LoadedCheckpoint, with_card
from .models import Attention, residual_blocks

_CLEAR = 1.5
"""One way must fit this many times better than the other to be believed."""


@dataclass(frozen=True)
class Evidence:
    """How far what reaches batch norm behind SimAM lies from what it saw in training, in halvings or doublings of its variance,
    beyond what the batch norm before SimAM tells of the photos themselves."""

    with_simam: float
    without: float

    @property
    def verdict(self) -> bool | None:
        """Whether the weights were trained with SimAM; ``None`` where the two ways fit about equally well."""
        if max(self.with_simam, self.without) < _CLEAR * min(self.with_simam, self.without):
            return None
        return self.with_simam < self.without


def training_evidence(loaded: LoadedCheckpoint, images: Iterable[Image.Image]) -> Evidence:
    """Run photos through the weights with SimAM and without, and compare with the variances that batch norm stored.

    SimAM multiplies every channel by about two thirds before it reaches the batch norm behind it, so the running variance
    there comes out at less than half of what it would be without. Photos of another kind than those of the training (sharper,
    say) change the variance as well, but before SimAM as much as behind it. A handful of ordinary photos is enough.

    Args:
        loaded: from :func:`simam_viz.load_checkpoint`.
        images: ordinary photos.
    """
    inputs = [loaded.transforms(image)[None] for image in images]
    return Evidence(_distance(loaded, "simam", inputs), _distance(loaded, "none", inputs))


def _distance(loaded: LoadedCheckpoint, attention: Attention, inputs: list[Tensor]) -> float:
    model = with_card(loaded, {"attention": attention}).model
    norms = [norms for block in residual_blocks(model).values() if (norms := _norms_around(block))]
    moments: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for pair in norms for norm in pair}

    def watch(norm: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        x = arguments[0].double()
        moments[norm].append((x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))))

    for norm in moments:
        norm.register_forward_pre_hook(watch)
    with torch.inference_mode():
        for x in inputs:
            model(x)

    def doublings(norm: nn.Module) -> Tensor:
        mean, square = (torch.stack(parts).mean(dim=0) for parts in zip(*moments[norm], strict=True))
        variance = (square - mean.square()).clamp_min(1e-12)
        return (variance / norm.running_var.double().clamp_min(1e-12)).log2().median()

    return float(torch.stack([(doublings(behind) - doublings(before)).abs() for before, behind in norms]).mean())


def _norms_around(block: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """The batch norms before and behind where SimAM sits; ``None`` for a block that has none before it."""
    if isinstance(block, InvertedResidual):
        return (block.conv[0][1], block.conv[1][1]) if len(block.conv) == 4 else None
    return block.bn1, block.bn2
