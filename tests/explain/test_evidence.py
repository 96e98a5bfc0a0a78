"""Whether weights were trained with SimAM, from what their batch norms remember."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from simam_viz import create_model, load_checkpoint
from simam_viz.checkpoints.store import CheckpointInfo, list_checkpoints
from simam_viz.explain.evidence import Evidence, training_evidence
from simam_viz.photos.samples import list_samples
from tests.helpers.authors_networks import saved


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v2"])
@pytest.mark.parametrize("attention", ["simam", "none"])
def test_batch_norm_tells(arch: str, attention: str) -> None:
    """Statistics gathered on some photos with, or without, SimAM; asked about with other photos."""
    torch.manual_seed(0)
    model = create_model(arch, attention, 10)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    samples = list_samples()
    transforms = replace(load_checkpoint(saved(model.state_dict())).transforms, input_size=96)
    with torch.no_grad():
        for sample in samples[:4]:
            model.train()(transforms(sample.image())[None])
    loaded = replace(load_checkpoint(saved(model.state_dict())), transforms=transforms)
    evidence = training_evidence(loaded, [sample.image() for sample in samples[4:6]])
    assert evidence.verdict is (attention == "simam"), evidence


@pytest.mark.parametrize("info", [pytest.param(info, id=info.name) for info in list_checkpoints()[:2]])
def test_the_bundled_networks_are_told_apart(info: CheckpointInfo) -> None:
    """Though the samples are sharper than what they were trained on."""
    loaded, photos = load_checkpoint(info.name), [sample.image() for sample in list_samples()]
    for some in (photos, photos[:4], photos[4:]):
        evidence = training_evidence(loaded, some)
        assert evidence.verdict is (info.card["attention"] == "simam"), evidence


def test_what_is_not_clear_is_not_said() -> None:
    assert (
        Evidence(0.5, 0.6).verdict is None
        and Evidence(0.2, 0.9).verdict is True
        and Evidence(0.9, 0.2).verdict is False
    )
