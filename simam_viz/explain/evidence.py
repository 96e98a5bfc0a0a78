"""Were these weights trained with SimAM? Batch norm remembers what it was fed, and SimAM changes its scale.

What is looked at is SimAM between a block's second convolution and the batch norm behind it, where its authors put it. SimAM
elsewhere (behind that batch norm, at the block's end) leaves other traces, or none, and cannot be told from none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual

from ..checkpoints.loading import LoadedCheckpoint, with_card
from ..networks.architectures import Attention, residual_blocks
from ..networks.places import authors_places

_CLEAR = 1.5
"""One way must fit this many times better than the other to be believed."""


@dataclass(frozen=True)
class Evidence:
    """How far what reaches batch norm behind SimAM lies from what it saw in training.

    In halvings or doublings of its variance, beyond what the batch norm before SimAM tells of the photos themselves.
    """

    with_simam: float = 0.0
    without: float = 0.0
    untrained: bool = False
    """Every batch norm is as it was made: these weights were never trained, and nothing can be said of how."""
    elsewhere: bool = False
    """SimAM stands where no batch norm could tell of it."""

    @property
    def verdict(self) -> bool | None:
        """Whether the weights were trained with SimAM; ``None`` where the two ways fit about equally well."""
        if (
            self.untrained
            or self.elsewhere
            or max(self.with_simam, self.without) < _CLEAR * min(self.with_simam, self.without)
        ):
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
    places = loaded.card.simam_at or authors_places(loaded.model)
    blocks = [
        name
        for name, place in zip(residual_blocks(loaded.model), authors_places(loaded.model), strict=True)
        if place in places and _norms_around(loaded.model.get_submodule(name))
    ]
    if all(map(_untouched, (module for module in loaded.model.modules() if isinstance(module, nn.BatchNorm2d)))):
        return Evidence(untrained=True)
    if not blocks or not set(places) <= set(authors_places(loaded.model)):
        return Evidence(elsewhere=True)
    inputs = [loaded.transforms(image)[None] for image in images]
    return Evidence(_distance(loaded, "simam", blocks, inputs), _distance(loaded, "none", blocks, inputs))


def _untouched(norm: nn.BatchNorm2d) -> bool:
    mean, variance = _moments(norm)
    return not bool(mean.any()) and bool((variance == 1).all())


def _moments(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Mean and variance that batch norm stored."""
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean, norm.running_var


def _distance(loaded: LoadedCheckpoint, attention: Attention, blocks: list[str], inputs: list[Tensor]) -> float:
    entries: dict[str, object] = {"attention": attention}
    if attention == "simam" and not loaded.card.simam_at:
        entries["simam_at"] = list(authors_places(loaded.model))
    if isinstance(loaded.card.e_lambda, dict) and attention == "none":
        entries["e_lambda"] = 0.1  # not used
    model = with_card(loaded, entries).model
    norms = [norms for name in blocks if (norms := _norms_around(model.get_submodule(name)))]
    moments: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for pair in norms for norm in pair}

    def watch(norm: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        x = arguments[0].double()
        moments[norm].append((x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))))

    for norm in moments:
        norm.register_forward_pre_hook(watch)
    with torch.inference_mode():
        for x in inputs:
            model(x)

    def doublings(norm: nn.BatchNorm2d) -> Tensor:
        mean, square = (torch.stack(parts).mean(dim=0) for parts in zip(*moments[norm], strict=True))
        variance = (square - mean.square()).clamp_min(1e-12)
        return (variance / _moments(norm)[1].double().clamp_min(1e-12)).log2().median()

    return float(torch.stack([(doublings(behind) - doublings(before)).abs() for before, behind in norms]).mean())


def _norms_around(block: nn.Module) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d] | None:
    """The batch norms before and behind where SimAM sits; ``None`` for a block that has none before it."""
    if not isinstance(block, InvertedResidual):
        before, behind = block.bn1, block.bn2
    elif len(block.conv) == 4:
        before, behind = block.conv[0][1], block.conv[1][1]
    else:
        return None
    assert isinstance(before, nn.BatchNorm2d) and isinstance(behind, nn.BatchNorm2d)
    return before, behind
