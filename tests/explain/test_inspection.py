"""Reading an analysis: channels, blocks, neurons, receptive fields, and what other attention modules cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain import inspection
from simam_viz.explain.blocks import Analysis, Block
from simam_viz.modules import rivals
from simam_viz.modules.formulas import ATTENTION_FLOOR
from simam_viz.modules.simam import SimAM
from simam_viz.networks.architectures import attended_convolution, residual_blocks
from simam_viz.networks.geometry import receptive_field


@pytest.fixture(scope="module")
def analysis(loaded: LoadedCheckpoint, photo: Image.Image) -> Analysis:
    return simam_viz.analyze(loaded, photo)


def block_of(features: torch.Tensor, cam: torch.Tensor | None = None, e_lambda: float = 0.1) -> Block:
    """A block of one-channel activations that are its Grad-CAM."""
    activations = (features[0] * 0 if cam is None else cam)[None]
    return Block("layer1.0", features, activations, torch.ones_like(activations), SimAM(e_lambda))


def test_measures_are_what_numpy_says(analysis: Analysis) -> None:
    block = analysis.block("layer3.0")
    weights, cam = block.attention.numpy().astype(float), block.cam.numpy().astype(float)
    measures = {name: measure(block).numpy() for name, measure in inspection.CHANNEL_MEASURES.items()}
    for channel in range(0, 256, 37):
        own = weights[channel]
        assert measures["variance"][channel] == pytest.approx(block.features[channel].numpy().var(ddof=1), rel=1e-4)
        assert measures["highest weight"][channel] == pytest.approx(own.max())
        assert measures["contrast of the weights"][channel] == pytest.approx(own.std(), rel=1e-4)
        expected = np.corrcoef(own.ravel(), cam.ravel())[0, 1]
        assert measures["agreement with Grad-CAM"][channel] == pytest.approx(expected, abs=1e-4)


def test_agreement_is_1_with_itself_and_0_without_contrast() -> None:
    features = torch.randn(3, 6, 6)
    features[1] = 2.0
    block = block_of(features)
    same = block_of(features, block.attention[0])
    assert inspection.agreement(same)[0] == pytest.approx(1)
    assert inspection.agreement(same)[1] == 0
    assert inspection.agreement(block).tolist() == [0, 0, 0], "a Grad-CAM that is all zero agrees with nothing"


def test_channels_are_sorted_and_filtered() -> None:
    values = torch.tensor([0.2, 0.9, 0.5, 0.9])
    assert inspection.ranked_channels(values) == [1, 3, 2, 0]
    assert inspection.ranked_channels(values, 0.5) == [1, 3, 2]
    assert inspection.ranked_channels(values, 1.0) == []


def test_lambda_flattens_channels_from_small_variances_up() -> None:
    spike = torch.zeros(3, 8, 8)
    spike[0, 2, 2], spike[1, 2, 2], spike[2] = 3.0, 1e-3, torch.randn(8, 8)
    assert inspection.flattened(block_of(spike, e_lambda=1e-2)).tolist() == [False, True, False]
    assert inspection.flattened(block_of(spike, e_lambda=1e-9)).tolist() == [False, False, False]
    assert inspection.flattened(block_of(spike, e_lambda=1e5)).tolist() == [True, True, True]


def test_reductions_are_shares_of_the_variance() -> None:
    rows, channels = torch.rand(5, 4), torch.rand(6)
    assert inspection.reductions(rows.expand(6, 5, 4)).between_positions == pytest.approx(1)
    assert inspection.reductions(channels[:, None, None].expand(6, 5, 4)).between_channels == pytest.approx(1)
    both = inspection.reductions(channels[:, None, None] + rows)
    assert both.between_positions + both.between_channels == pytest.approx(1)
    assert inspection.reductions(torch.full((2, 3, 3), 0.7)) == inspection.Reduction(0.0, 0.0, 0.0)


def test_one_dimension_keeps_almost_nothing_of_real_weights(analysis: Analysis) -> None:
    for block in analysis.blocks:
        kept = inspection.reductions(block.attention)
        assert kept.between_channels < 0.2 and 0 <= kept.between_positions <= 1
        weights = block.attention.double().numpy()
        told = np.corrcoef(np.broadcast_to(weights.max(axis=0), weights.shape).ravel(), weights.ravel())[0, 1] ** 2
        assert kept.by_highest == pytest.approx(told, rel=1e-6) and kept.by_highest <= kept.between_positions


def test_block_summary(analysis: Analysis) -> None:
    block = analysis.block("layer2.1")
    weights = block.attention.numpy()
    summary = inspection.summarise(block)
    assert (summary.channels, summary.rows, summary.columns) == weights.shape
    assert summary.spread == pytest.approx(weights.std(), rel=1e-4)
    assert summary.flat_neurons == pytest.approx((weights <= ATTENTION_FLOOR * 1.01).mean(), abs=1e-6)


def test_a_neuron_and_its_ranks(analysis: Analysis) -> None:
    block = analysis.block("layer3.1")
    importance = block.importance.numpy()
    neuron = inspection.neuron(block, 7, 3, 4)
    values = block.features[7].numpy().astype(float)
    d = values[3, 4] - values.mean()
    assert neuron.z == pytest.approx(d / values.std(ddof=1), rel=1e-3)
    assert neuron.importance == pytest.approx(d**2 / (4 * (values.var(ddof=1) + analysis.e_lambda)) + 0.5, rel=1e-4)
    assert neuron.energy == pytest.approx(1 / neuron.importance, rel=1e-4)
    assert neuron.rank_in_channel == 1 + (importance[7] > importance[7, 3, 4]).sum()
    assert neuron.rank_in_block == 1 + (importance > importance[7, 3, 4]).sum()


def test_the_most_emphasised_neurons_of_the_network(analysis: Analysis) -> None:
    found = inspection.most_emphasised(analysis, 12)
    everything = np.sort(np.concatenate([block.importance.numpy().ravel() for block in analysis.blocks]))[::-1]
    assert [neuron.importance for neuron in found] == pytest.approx(everything[:12].tolist())
    for neuron in found:
        assert analysis.block(neuron.block).importance[neuron.channel, neuron.row, neuron.column] == pytest.approx(
            neuron.importance
        )


def test_weights_by_side_mark_what_lies_below_the_mean() -> None:
    features = torch.tensor([[0.0, 0.0, 5.0], [0.0, -5.0, 0.0]])
    weights = block_of(features[None]).attention[0]
    signed = inspection.weights_by_side(features, weights)
    assert signed[0, 2] > 0.05 and signed[1, 1] == pytest.approx(-float(signed[0, 2]))
    assert torch.allclose(signed.abs() + ATTENTION_FLOOR, weights)


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "mobilenet_v2"])
def test_receptive_field_is_where_the_gradient_is(arch: str) -> None:
    torch.manual_seed(0)
    model = simam_viz.create_model(arch, attention="none", num_classes=3).eval()
    kept: dict[str, torch.Tensor] = {}
    blocks = residual_blocks(model)
    for name, block in blocks.items():
        attended_convolution(block).register_forward_hook(lambda *args, name=name: kept.update({name: args[2]}))
    x = torch.randn(1, 3, 448, 448, requires_grad=True)
    model(x)
    for name in list(blocks)[:5]:
        field = receptive_field(model, name)
        features = kept[name]
        row, column = features.shape[2] // 2, features.shape[3] // 2 + 1
        # All channels at once: no path may be missed because one channel's ReLU is closed.
        (gradient,) = torch.autograd.grad(features[0, :, row, column].square().sum(), x, retain_graph=True)
        seen = gradient[0].abs().sum(dim=0) > 0
        for axis, index in ((1, row), (0, column)):
            pixels = seen.any(dim=axis).nonzero().flatten()
            assert (int(pixels.min()), int(pixels.max()) + 1) == field.of(index), (name, axis)


def test_receptive_field_of_an_unknown_block_is_refused(loaded: LoadedCheckpoint) -> None:
    with pytest.raises(ValueError, match=r"layer9\.9"):
        receptive_field(loaded.model, "layer9.9")


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_rivals_keep_the_shape_and_cost_what_is_said(name: str) -> None:
    channels, height, width = 64, 7, 5
    module = rivals.build(name, channels)
    x = torch.randn(2, channels, height, width)
    assert module(x).shape == x.shape
    with FlopCounterMode(display=False) as counter:
        module(x[:1])
    layers = counter.get_total_flops() // 2  # dense layers and convolutions, as multiply-adds
    neurons = channels * height * width
    passes = {"SE": 2, "ECA": 2, "CBAM": 6, "SimAM": 4}[name] * neurons
    said = rivals.multiply_adds(name, channels, height, width)
    if name == "ECA":
        # The counter leaves out one-dimensional convolutions on some versions; 3 neighbours for 64 channels.
        layers = channels * 3
    assert said == passes + layers


def test_rivals_parameters() -> None:
    assert rivals.parameters(rivals.build("SimAM", 256)) == 0
    assert rivals.parameters(rivals.build("SE", 256)) == 2 * 256 * 16
    assert rivals.parameters(rivals.build("ECA", 256)) == 5
    assert rivals.parameters(rivals.build("CBAM", 256)) == 2 * 256 * 16 + 16 + 256 + 98 + 2


def test_latencies_can_be_watched() -> None:
    seen = list(rivals.latencies(torch.randn(1, 8, 6, 6), rounds=3))
    assert [round(share, 2) for share, _ in seen] == [0.33, 0.67, 1.0]
    assert set(seen[-1][1]) == set(rivals.RIVALS) and all(value > 0 for value in seen[-1][1].values())
