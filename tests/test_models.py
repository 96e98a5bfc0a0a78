"""Networks: torchvision's names and numbers, and SimAM where the paper puts it."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck

from simam_viz import attention, create_model
from simam_viz.models import ARCHITECTURES, residual_blocks, set_e_lambda, shared_copy
from simam_viz.simam import SimAM


def reference(arch: str, num_classes: int) -> nn.Module:
    return getattr(torchvision.models, arch)(weights=None, num_classes=num_classes)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["simam", "none"])
def test_parameter_names_and_shapes_are_torchvisions(arch: str, kind: str) -> None:
    with torch.device("meta"):
        ours, theirs = create_model(arch, kind, 10), reference(arch, 10)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    simams = [m for m in ours.modules() if isinstance(m, SimAM)]
    assert len(simams) == (len(residual_blocks(ours)) if kind == "simam" else 0)


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_plain_network_is_torchvisions(arch: str) -> None:
    theirs, ours = reference(arch, 7).eval(), create_model(arch, "none", 7).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_simam_sits_after_the_second_convolution(arch: str) -> None:
    """Against torchvision's network with the published formula put behind conv2 by a hook."""
    theirs, ours = reference(arch, 7).eval(), create_model(arch, "simam", 7, e_lambda=0.05).eval()
    ours.load_state_dict(theirs.state_dict())
    for block in residual_blocks(theirs).values():
        block.conv2.register_forward_hook(lambda module, inputs, x: x * attention(x, 0.05))
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_blocks_are_in_network_order() -> None:
    names = list(residual_blocks(create_model("resnet34", "simam", 2)))
    assert names[:4] == ["layer1.0", "layer1.1", "layer1.2", "layer2.0"] and len(names) == 16
    assert all(isinstance(b, Bottleneck) for b in residual_blocks(create_model("resnet50", "none", 2)).values())


def test_32_pixels_give_finite_logits() -> None:
    """The last stage then has 1 × 1 maps, where the published code divides 0 by 0."""
    with torch.no_grad():
        assert create_model("resnet18", "simam", 5).eval()(torch.randn(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize(
    "arguments",
    [("resnet19",), ("resnet18", "se"), ("resnet18", "simam", 10, 0.0)],
    ids=["arch", "attention", "lambda"],
)
def test_what_does_not_exist_is_refused(arguments: tuple) -> None:
    with pytest.raises(ValueError):
        create_model(*arguments)


def test_shared_copy_shares_memory_and_nothing_else() -> None:
    model = create_model("resnet18", "simam", 5, e_lambda=0.1)
    copy = shared_copy(model)
    for (name, mine), theirs in zip(copy.state_dict().items(), model.state_dict().values(), strict=True):
        assert mine.data_ptr() == theirs.data_ptr(), name
    set_e_lambda(copy, 5.0)
    copy.layer1[0].register_forward_hook(lambda *_: None)
    assert {m.e_lambda for m in model.modules() if isinstance(m, SimAM)} == {0.1}
    assert not model.layer1[0]._forward_hooks
    assert model.training and not copy.training
    assert all(p.requires_grad for p in model.parameters()) and not any(p.requires_grad for p in copy.parameters())
