"""The networks and the photo that are measured."""

from __future__ import annotations

import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.networks.architectures import create_model
from simam_viz.photos.samples import list_samples


def bundled() -> LoadedCheckpoint:
    """The checkpoint that the app opens with."""
    return simam_viz.load_checkpoint(simam_viz.list_checkpoints()[0].name)


def untrained(arch: str) -> LoadedCheckpoint:
    """A network with random weights, for speed alone; everything but the network is the bundled checkpoint's."""
    torch.manual_seed(0)
    first = bundled()
    model = create_model(arch, num_classes=len(first.categories)).eval()
    model.to(memory_format=torch.channels_last)  # as a file is loaded
    return LoadedCheckpoint(arch, model, first.transforms, first.categories, 0.1, {})


def photo() -> Image.Image:
    return list_samples()[0].image()
