"""Heat maps against pytorch-grad-cam, torchcam and captum on the same network, at every block, by their values."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchcam.methods
from captum.attr import LayerGradCam, LayerGradientXActivation
from PIL import Image
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from torch import Tensor, nn

import simam_viz
from simam_viz import Analysis
from simam_viz.checkpoints.loading import LoadedCheckpoint, Transforms
from simam_viz.explain import cam
from simam_viz.networks.architectures import residual_blocks

TARGET, OTHER = 8, 71
Explained = Callable[[Tensor], Tensor]


@pytest.fixture(scope="module")
def trained(loaded: LoadedCheckpoint) -> LoadedCheckpoint:
    """The bundled network, free for others' hooks."""
    model = copy.deepcopy(loaded.model).requires_grad_(True)
    return LoadedCheckpoint("copy", model, loaded.transforms, loaded.categories, loaded.e_lambda, loaded.card)


@pytest.fixture(scope="module")
def deep() -> LoadedCheckpoint:
    torch.manual_seed(0)
    model = simam_viz.create_model("resnet50", "simam", num_classes=80).eval()
    model.fc.weight.data[TARGET].abs_()  # so that something speaks for it
    return LoadedCheckpoint("deep", model, Transforms(64), tuple(map(str, range(80))), 0.1)


@pytest.fixture(params=["trained", "deep"])
def subject(request: pytest.FixtureRequest, photo: Image.Image) -> tuple[LoadedCheckpoint, Analysis]:
    loaded = request.getfixturevalue(request.param)
    return loaded, simam_viz.analyze(loaded, photo, target=TARGET, input_size=96)


def reference(kind: type, loaded: LoadedCheckpoint, x: Tensor, explained: Explained) -> list[tuple[str, np.ndarray]]:
    """pytorch-grad-cam's map of every block after its ReLU, before it normalises and enlarges."""
    blocks = residual_blocks(loaded.model)
    with kind(model=loaded.model, target_layers=list(blocks.values())) as tool:
        tool(x, [explained])
        kept = tool.activations_and_grads
        return [
            (name, np.maximum(tool.get_cam_image(x, block, [explained], a.numpy(), g.numpy(), False)[0], 0))
            for (name, block), a, g in zip(blocks.items(), kept.activations, kept.gradients, strict=True)
        ]


def network_input(loaded: LoadedCheckpoint, analysis: Analysis) -> Tensor:
    return loaded.transforms.tensor(analysis.view)[None].requires_grad_()


def raw(analysis: Analysis, block: str, method: str) -> Tensor:
    heat = analysis.block(block).heat_map(method)
    return heat.values * heat.maximum


def test_the_subjects_have_something_to_show(subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    shown = [block.heat_map(method).maximum > 0 for block in subject[1].blocks for method in cam.METHODS]
    assert sum(shown) > 0.9 * len(shown)


def same(ours: Tensor, theirs: Tensor | np.ndarray, rtol: float = 1e-3) -> None:
    """Equal values, with the tolerance that two runs of a network in single precision need."""
    theirs = torch.as_tensor(theirs)
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize(
    ("method", "kind"), [("Grad-CAM", GradCAM), ("HiResCAM", HiResCAM), ("LayerCAM", LayerCAM)], ids=lambda m: str(m)
)
def test_pytorch_grad_cam(method: str, kind: type, subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    loaded, analysis = subject
    maps = reference(kind, loaded, network_input(loaded, analysis), lambda logits: logits[TARGET])
    assert [name for name, _ in maps] == [block.name for block in analysis.blocks]
    for name, theirs in maps:
        same(raw(analysis, name, method), theirs)


def test_pytorch_grad_cam_plus_plus(subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    """With gradients so great that the 1e-6 which they add to the divisor does not matter."""
    loaded, analysis = subject
    x, scale = network_input(loaded, analysis), 1e6
    for name, theirs in reference(GradCAMPlusPlus, loaded, x, lambda logits: scale * logits[TARGET]):
        block = analysis.block(name)
        same(cam.grad_cam_plus_plus(block.activations, scale * block.gradients), theirs)


def test_grad_cam_plus_plus_is_equation_19(subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    """The paper's formula as printed, in double precision, with exp(logit) for the score; what is shown is normalised."""
    _, analysis = subject
    score = float(analysis.logits[TARGET].double().exp())
    for block in analysis.blocks:
        a, g = block.activations.double().numpy(), block.gradients.double().numpy()
        first, second, third = score * g, score * g**2, score * g**3
        divisor = 2 * second + a.sum(axis=(1, 2), keepdims=True) * third
        alpha = np.divide(second, divisor, out=np.zeros_like(g), where=divisor != 0)
        weights = (alpha * np.maximum(first, 0)).sum(axis=(1, 2))
        map_ = np.maximum((weights[:, None, None] * a).sum(axis=0), 0)
        same(block.heat_map("Grad-CAM++").values.double(), map_ / map_.max())


@pytest.mark.parametrize("method", ["Grad-CAM", "LayerCAM", "Grad-CAM++"])
def test_torchcam(method: str, subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    loaded, analysis = subject
    names = [block.name for block in analysis.blocks]
    kind = {"Grad-CAM": "GradCAM", "LayerCAM": "LayerCAM", "Grad-CAM++": "GradCAMpp"}[method]
    with getattr(torchcam.methods, kind)(loaded.model, names, input_shape=(3, 96, 96)) as tool:
        scores = loaded.model(network_input(loaded, analysis))
        maps = tool(TARGET, scores, normalized=False)
    for name, theirs in zip(names, maps, strict=True):
        if method == "Grad-CAM++":
            # Its division does not take effect: α is g². What cam.py says of it is pinned here.
            block = analysis.block(name)
            weights = (block.gradients.relu() * block.gradients**2).sum(dim=(1, 2))
            same(torch.einsum("c,chw->hw", weights, block.activations), theirs[0])
        else:
            same(raw(analysis, name, method), theirs[0])


@pytest.mark.long
def test_captum(subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    loaded, analysis = subject
    x = network_input(loaded, analysis)
    for name, block in residual_blocks(loaded.model).items():
        theirs = LayerGradCam(loaded.model, block).attribute(x, TARGET, relu_attributions=True)
        same(raw(analysis, name, "Grad-CAM"), theirs[0, 0].detach())
        products = LayerGradientXActivation(loaded.model, block).attribute(x, TARGET)
        same(raw(analysis, name, "HiResCAM"), products[0].detach().sum(dim=0).relu())


def test_the_contrast_of_two_classes(subject: tuple[LoadedCheckpoint, Analysis], photo: Image.Image) -> None:
    loaded, analysis = subject
    contrast = simam_viz.analyze(loaded, photo, target=TARGET, against=OTHER, input_size=96)
    assert contrast.against == OTHER and analysis.against is None
    other = simam_viz.analyze(loaded, photo, target=OTHER, input_size=96)
    for block in contrast.blocks:
        same(block.gradients, analysis.block(block.name).gradients - other.block(block.name).gradients)
    x = network_input(loaded, analysis)
    for method, kind in {"Grad-CAM": GradCAM, "HiResCAM": HiResCAM, "LayerCAM": LayerCAM}.items():
        for name, theirs in reference(kind, loaded, x, lambda logits: logits[TARGET] - logits[OTHER]):
            same(raw(contrast, name, method), theirs)


def test_enlarged_as_they_do(subject: tuple[LoadedCheckpoint, Analysis]) -> None:
    """pytorch-grad-cam's own result, which also subtracts the least value, at the size of the input."""
    loaded, analysis = subject
    for name, layer in list(residual_blocks(loaded.model).items())[-2:]:
        with GradCAM(model=loaded.model, target_layers=[layer]) as tool:
            theirs = tool(network_input(loaded, analysis), [lambda logits: logits[TARGET]])[0]
        values = analysis.block(name).cam
        lifted = cam.enlarged(cam.over_maximum(values - values.min()).values, 96)
        torch.testing.assert_close(lifted / lifted.max(), torch.from_numpy(theirs), rtol=1e-3, atol=2e-3)


def test_all_methods_come_from_one_backward_pass(
    loaded: LoadedCheckpoint, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, forward = [], []
    grad = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **options: passes.append(1) or grad(*args, **options))
    call = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: forward.append(1) or call(self, x))
    analysis = simam_viz.analyze(loaded, photo, input_size=96)
    maps = {method: [block.heat_map(method).values for block in analysis.blocks] for method in cam.METHODS}
    assert len(passes) == len(forward) == 1
    assert all(float(values.max()) == 1 for values in maps["Grad-CAM++"])
    block = analysis.blocks[3]
    assert block.heat_map("LayerCAM") is block.heat_map("LayerCAM")
    assert block.cam is block.heat_map("Grad-CAM").values and block.cam_max == block.heat_map("Grad-CAM").maximum
    # From the last block on there is only pooling and one linear layer: HiResCAM is Grad-CAM.
    same(analysis.blocks[-1].heat_map("HiResCAM").values, analysis.blocks[-1].cam)


def test_a_compacted_analysis_shows_the_same(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo, input_size=96)
    kept = analysis.compacted()
    assert torch.equal(kept.logits, analysis.logits) and kept.target == analysis.target
    for block, other in zip(kept.blocks, analysis.blocks, strict=True):
        assert block.activations.untyped_storage().nbytes() == block.gradients.untyped_storage().nbytes() == 0
        torch.testing.assert_close(block.attention, other.attention)  # told by the pass, and computed anew
        assert block.cam_max == other.cam_max
        for method in cam.METHODS:
            assert torch.equal(block.heat_map(method).values, other.heat_map(method).values)


@pytest.mark.parametrize("method", cam.METHODS)
def test_a_map_without_a_positive_value_stays_zero(method: str) -> None:
    heat = cam.over_maximum(cam.METHODS[method](torch.ones(2, 3, 3), -torch.ones(2, 3, 3)))
    assert heat.empty and heat.maximum == 0 and torch.equal(heat.values, torch.zeros(3, 3))


def test_correlation() -> None:
    a, b = torch.rand(5, 6), torch.rand(5, 6)
    assert cam.correlation(a, b) == pytest.approx(np.corrcoef(a.flatten(), b.flatten())[0, 1], abs=1e-6)
    assert cam.correlation(a, 2 * a + 1) == pytest.approx(1) and cam.correlation(a, -a) == pytest.approx(-1)
    assert cam.correlation(a, torch.zeros(5, 6)) is None


def test_wrong_classes(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    with pytest.raises(ValueError, match="no class 200"):
        simam_viz.analyze(loaded, photo, target=1, against=200, input_size=64)
    with pytest.raises(ValueError, match="with itself"):
        simam_viz.analyze(loaded, photo, target=1, against=1, input_size=64)
