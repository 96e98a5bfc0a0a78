"""Files as the SimAM authors save them, from networks built by following their published code."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torchvision.models import ResNet18_Weights

import simam_viz
from tests.helpers.authors_networks import ARCHITECTURES, PublishedSimAM, authors_checkpoint, authors_network, saved

SHORT_FORM = ("resnet18", "mobilenet_v2")
"""One of each way to name things."""


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    return Image.fromarray(pixels.numpy())


@pytest.mark.parametrize(
    "arch", [pytest.param(arch, marks=[] if arch in SHORT_FORM else pytest.mark.long) for arch in ARCHITECTURES]
)
def test_same_logits_and_same_weights_as_the_authors_network(arch: str, noise: Image.Image) -> None:
    network = authors_network(arch)
    loaded = simam_viz.load_checkpoint(saved(authors_checkpoint(network, arch)))
    assert loaded.card["arch"] == arch and loaded.trained_with_simam is True and loaded.e_lambda == 0.1
    assert loaded.categories == tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])

    analysis = simam_viz.analyze(loaded, noise, input_size=64)
    with torch.no_grad():
        logits = network(loaded.transforms.tensor(noise)[None])[0]
    torch.testing.assert_close(analysis.logits, logits, rtol=1e-4, atol=1e-4 * float(logits.abs().max()))
    published = [module for module in network.modules() if isinstance(module, PublishedSimAM)]
    assert len(analysis.blocks) == len(published) and analysis.attends
    for block, module in zip(analysis.blocks, published, strict=True):
        assert block.attention.shape == module.seen[0].shape
        assert (block.attention - module.seen[0]).abs().max() <= 1e-4, block.name
    assert float(analysis.blocks[0].attention.std()) > 1e-3  # weights that are all alike would prove nothing


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v2"])
def test_what_is_said_of_the_authors_file(arch: str) -> None:
    network = authors_network(arch, classes=7)
    content = authors_checkpoint(network, arch)
    match = simam_viz.load_checkpoint(saved(content)).match
    assert match.matched == match.expected == len(network.state_dict()) and not match.filled
    counters = {name.removeprefix("module.") for name in content["state_dict"]} - network.state_dict().keys()
    assert set(match.unused) == counters | {"top level.best_acc"} and len(counters) > 20
    assert match.translations[0].startswith("“module.”")
    count = sum(isinstance(module, PublishedSimAM) for module in network.modules())
    moved = {"resnet18": count, "mobilenet_v2": 5 * count}[arch]
    first = f"({count} places, {moved} tensors renamed)"
    assert len(match.simam_at) == count
    assert match.translations[1].endswith(first)
    assert len(match.translations) == {"resnet18": 2, "mobilenet_v2": 3}[arch]


def test_the_authors_deparallelised_file_in_the_old_format(noise: Image.Image) -> None:
    network = authors_network("resnet18", classes=5)
    file = saved({"state_dict": network.state_dict()}, _use_new_zipfile_serialization=False)
    loaded = simam_viz.load_checkpoint(file)
    analysis = simam_viz.analyze(loaded, noise, input_size=64)
    with torch.no_grad():
        logits = network(loaded.transforms.tensor(noise)[None])[0]
    torch.testing.assert_close(analysis.logits, logits, rtol=1e-4, atol=1e-4)
    assert loaded.trained_with_simam and loaded.assumed == (
        *("e_lambda", "input_size", "normalisation", "categories", "forward_pass"),
    )
