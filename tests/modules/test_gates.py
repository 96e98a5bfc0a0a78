"""SE, CBAM and ECA against each module's own publication, typed out again here; and where they stand in a network."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simam_viz.modules.gates import CBAM, ECA, GATES, SqueezeExcitation
from simam_viz.networks.architectures import ARCHITECTURES, create_model, residual_blocks
from simam_viz.networks.counting import count_parameters


def published_se(x: Tensor, squeeze: Tensor, excite: Tensor) -> Tensor:
    """Hu et al., Eqs. 2 to 4: z_c = mean of u_c; s = σ(W₂ δ(W₁ z)); x̃_c = s_c u_c."""
    n, c, h, w = x.shape
    refined = torch.empty_like(x)
    for image in range(n):
        z = x[image].reshape(c, h * w).sum(1) / (h * w)
        s = 1 / (1 + torch.exp(-(excite @ torch.clamp(squeeze @ z, min=0))))
        for channel in range(c):
            refined[image, channel] = s[channel] * x[image, channel]
    return refined


def published_eca(x: Tensor, kernel: Tensor) -> Tensor:
    """Wang et al., Eq. 9: ω_i = σ(Σ_j w^j y_i^j) over the k neighbours of channel i; outside there is nothing."""
    y, reach = x.mean((2, 3)), len(kernel) // 2
    weights = torch.zeros_like(y)
    for i in range(y.shape[1]):
        for j, share in enumerate(kernel):
            neighbour = i + j - reach
            if 0 <= neighbour < y.shape[1]:
                weights[:, i] += share * y[:, neighbour]
    return x * torch.sigmoid(weights)[:, :, None, None]


def published_cbam(x: Tensor, mlp: nn.Sequential, convolution: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Woo et al., Eqs. 2 and 3, maximum before mean; the authors' code has a batch norm behind the convolution."""

    def dense(z: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(z, mlp[0].weight, mlp[0].bias)), mlp[2].weight, mlp[2].bias)

    average, highest = F.adaptive_avg_pool2d(x, 1).flatten(1), F.adaptive_max_pool2d(x, 1).flatten(1)
    x = torch.sigmoid(dense(average) + dense(highest))[:, :, None, None] * x
    descriptors = torch.stack([x.max(1).values, x.mean(1)], dim=1)
    mixed = F.conv2d(descriptors, convolution, padding=3)
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return x * torch.sigmoid((mixed - norm.running_mean) * scale + norm.bias)


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(3)
    return torch.randn(2, 64, 9, 7, dtype=torch.float64)


def test_se_is_the_published_one(x: Tensor) -> None:
    module = SqueezeExcitation(64).double()
    squeeze, excite = (p.detach() for p in module.parameters())
    assert squeeze.shape == (4, 64) and excite.shape == (64, 4)
    torch.testing.assert_close(module(x), published_se(x, squeeze, excite))


@pytest.mark.parametrize(("channels", "width"), [(64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)])
def test_eca_is_the_published_one(channels: int, width: int) -> None:
    module = ECA(channels).double()
    (kernel,) = (p.detach().flatten() for p in module.parameters())
    odd = math.floor((math.log2(channels) + 1) / 2)
    assert len(kernel) == width == odd + (odd % 2 == 0)
    x = torch.randn(2, channels, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(module(x), published_eca(x, kernel))


def test_cbam_is_the_published_one(x: Tensor) -> None:
    module = CBAM(64).double()
    norm = module.mix[1]
    # As the authors' code begins, and as training may leave it.
    assert not norm.weight.any() and not module.gate[0].bias.any() and not module.gate[2].bias.any()
    assert norm.momentum == 0.01
    half = module.eval()(x)
    torch.testing.assert_close(half, published_cbam(x, module.gate, module.mix[0].weight, norm))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
        norm.running_mean.fill_(0.3)
        norm.running_var.fill_(1.7)
    torch.testing.assert_close(module(x), published_cbam(x, module.gate, module.mix[0].weight, norm))
    assert (module(x) - half).abs().max() > 0.01


def test_cbam_has_the_published_gradient_where_two_maxima_are_equal() -> None:
    """As max pooling has it, which the authors use: whole at one of them, not shared."""
    torch.manual_seed(0)
    module, x = CBAM(16).double().eval(), torch.randint(0, 2, (1, 16, 4, 4)).double()
    with torch.no_grad():
        module.mix[1].weight.fill_(1.0)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    module(ours).square().sum().backward()
    published_cbam(theirs, module.gate, module.mix[0].weight, module.mix[1]).square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


# Hu et al. give 2/r · Σ N_s · C_s² for SE; the others follow from each publication's layers.
@pytest.mark.parametrize(
    ("arch", "attention", "more"),
    [
        ("resnet18", "se", 2 * (64**2 + 128**2 + 256**2 + 512**2) * 2 // 16),
        ("resnet50", "se", (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2) * 2 // 16),
        ("resnet18", "eca", 2 * (3 + 5 + 5 + 5)),
        ("resnet50", "eca", 3 * 5 + 4 * 5 + 6 * 5 + 3 * 7),
        ("resnet18", "cbam", 2 * sum(2 * c * c // 16 + c // 16 + c + 2 * 49 + 2 for c in (64, 128, 256, 512))),
    ],
)
def test_parameters_are_those_published(arch: str, attention: str, more: int) -> None:
    with torch.device("meta"):
        assert count_parameters(create_model(arch, attention)) - count_parameters(create_model(arch, "none")) == more


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("attention", GATES)
def test_the_module_stands_behind_the_last_norm_before_the_sum(arch: str, attention: str) -> None:
    """Against the plain network with the module applied by a hook on the block's last batch norm."""
    if arch in ("resnet101", "resnet152"):
        pytest.skip("the same blocks as resnet50, only more of them")
    gated, plain = create_model(arch, attention, 7).eval(), create_model(arch, "none", 7).eval()
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if ".attention." not in k})
    modules = [block.attention for block in residual_blocks(gated).values()]
    for module, block in zip(modules, residual_blocks(plain).values(), strict=True):
        norm = block.conv[-1] if arch == "mobilenet_v2" else getattr(block, "bn3", block.bn2)
        norm.register_forward_hook(lambda _, inputs, output, module=module: module(output))
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(gated(x), plain(x))


@pytest.mark.parametrize("attention", [*GATES, "simam"])
def test_siblings_differ_from_the_plain_network_in_nothing_but_their_module(attention: str) -> None:
    torch.manual_seed(0)
    plain = create_model("resnet18", "none", 5)
    torch.manual_seed(0)
    sibling = create_model("resnet18", attention, 5)
    weights = sibling.state_dict()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(weights.pop(name), tensor), name
    assert all(".attention." in name for name in weights) and bool(weights) == (attention in GATES)
