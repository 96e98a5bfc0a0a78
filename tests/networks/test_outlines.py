"""Networks are outlined without memory, and without the compiler that PyTorch fills outlines by."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from simam_viz.networks.architectures import ARCHITECTURES, create_model
from simam_viz.networks.outlines import outlined


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_an_outline_has_the_shapes_and_no_memory(arch: str) -> None:
    with outlined():
        outline = create_model(arch)
    assert all(tensor.is_meta for tensor in outline.state_dict().values())
    with torch.device("meta"):
        expected = create_model(arch)
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in expected.state_dict().items()}
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in outline.state_dict().items()} == shapes


def test_whatever_fills_leaves_what_has_memory_alone() -> None:
    torch.manual_seed(1)
    expected = torch.empty(3).normal_()
    torch.manual_seed(1)
    with outlined():
        real = torch.empty(3, device="cpu").normal_()
        layer = nn.Linear(3, 2)
        nn.init.trunc_normal_(layer.weight)
        nn.init.orthogonal_(layer.weight)
    assert real.tolist() == expected.tolist() and layer.weight.is_meta
