"""analyze: the right numbers, from one pass each way, and a model that is left as it was."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.checkpoint import checkpoint

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain.variants import MODES, with_attention
from simam_viz.networks.architectures import residual_blocks
from simam_viz.networks.shared import private_copy
from tests.helpers.small_networks import alone, small


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_blocks_hold_what_an_independent_pass_computes(arch: str, noise: Image.Image) -> None:
    """Features, logits and Grad-CAM against a deep copy, retained gradients and one backward a layer."""
    loaded = small(arch)
    analysis = simam_viz.analyze(loaded, noise, e_lambda=0.02, target=3)
    model = copy.deepcopy(loaded.model)
    simam_viz.networks.lambdas.set_e_lambda(model, 0.02)
    seen: dict[str, dict[str, torch.Tensor]] = {}
    for name, block in residual_blocks(model).items():
        seen[name] = {}
        block.simam.register_forward_hook(
            lambda m, i, o, s=seen[name]: s.update(features=i[0].detach(), refined=o.detach())
        )
        block.register_forward_hook(lambda m, i, o, s=seen[name]: (o.retain_grad(), s.update(output=o))[0])
    logits = model(loaded.transforms(noise)[None])[0]
    logits[3].backward()
    torch.testing.assert_close(analysis.logits, logits.detach())
    assert [block.name for block in analysis.blocks] == list(seen)
    for block in analysis.blocks:
        expected = seen[block.name]
        features = expected["features"]
        torch.testing.assert_close(block.features, features[0])
        torch.testing.assert_close(block.energy, simam_viz.energy(features, 0.02)[0])
        torch.testing.assert_close(block.importance, simam_viz.importance(features, 0.02)[0])
        torch.testing.assert_close(block.attention, simam_viz.attention(features, 0.02)[0])
        torch.testing.assert_close(block.refined, expected["refined"][0])
        output = expected["output"]
        cam = F.relu((output.grad.mean(dim=(2, 3), keepdim=True) * output).sum(dim=1))[0].detach()
        assert block.cam_max == pytest.approx(float(cam.max()), rel=1e-4)
        torch.testing.assert_close(block.cam, cam / cam.max() if cam.max() > 0 else cam, rtol=1e-3, atol=1e-4)


def test_top_target_and_view(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analysis = simam_viz.analyze(loaded, photo)
    assert analysis.attends and analysis.e_lambda == loaded.e_lambda
    assert analysis.view.size == (loaded.transforms.input_size,) * 2
    assert analysis.probabilities.sum() == pytest.approx(1, abs=1e-5)
    top = analysis.top(5)
    assert [p for *_, p in top] == sorted((p for *_, p in top), reverse=True)
    assert analysis.target == top[0][0] == int(analysis.logits.argmax())
    assert top[0][1] == loaded.categories[top[0][0]]
    assert len(analysis.top(10_000)) == 200
    other = simam_viz.analyze(loaded, photo, target=7, input_size=96)
    assert other.target == 7 and other.view.size == (96, 96)
    assert analysis.block("layer4.1").features.shape[0] == 512
    with pytest.raises(KeyError):
        analysis.block("layer9.9")


def test_a_plain_network_gets_hypothetical_attention(noise: Image.Image) -> None:
    loaded = small("resnet18", "none")
    analysis = simam_viz.analyze(loaded, noise)
    assert not analysis.attends
    seen = []
    loaded.model.layer1[0].conv2.register_forward_hook(lambda m, i, o: seen.append(o))
    with torch.no_grad():
        torch.testing.assert_close(analysis.logits, loaded.model(loaded.transforms(noise)[None])[0])
    torch.testing.assert_close(analysis.blocks[0].features, seen[0][0])
    torch.testing.assert_close(analysis.blocks[0].attention, simam_viz.attention(seen[0], 0.1)[0])


def snapshot(model: torch.nn.Module) -> dict[str, object]:
    return {
        "state": {k: v.clone() for k, v in model.state_dict().items()},
        "training": [m.training for m in model.modules()],
        "lambda": [getattr(m, "e_lambda", None) for m in model.modules()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grad": [p.grad is None for p in model.parameters()],
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()],
    }


def same(before: dict, after: dict) -> bool:
    states = before.pop("state"), after.pop("state")
    return before == after and all(torch.equal(v, states[1][k]) for k, v in states[0].items())


def test_the_model_is_left_as_it_was(noise: Image.Image) -> None:
    loaded = small("resnet18")
    loaded.model.train()
    before = snapshot(loaded.model)
    simam_viz.analyze(loaded, noise, e_lambda=3.0)
    simam_viz.compare(loaded, noise, e_lambda=3.0)
    assert same(before, snapshot(loaded.model))


def test_the_model_is_left_as_it_was_when_something_raises(noise: Image.Image) -> None:
    loaded = small("resnet18")
    before = snapshot(loaded.model)
    with pytest.raises(ValueError, match="no class 99"):
        simam_viz.analyze(loaded, noise, target=99)
    loaded.model.layer4[1].conv2.stride = (1, -1)  # the last block raises, after all other hooks have run
    with pytest.raises(RuntimeError):
        simam_viz.analyze(loaded, noise)
    loaded.model.layer4[1].conv2.stride = (1, 1)
    assert same(before, snapshot(loaded.model))


def test_no_hook_is_left_on_what_is_returned(noise: Image.Image) -> None:
    analysis = simam_viz.analyze(small("resnet18"), noise)
    for block in analysis.blocks:
        assert not block.module._forward_hooks and not block.module._forward_pre_hooks
        assert "forward" not in vars(block.module)
        assert block.features.grad_fn is None and block.cam.grad_fn is None


def test_hooks_come_off_when_something_raises(noise: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    monkeypatch.setattr(
        "simam_viz.explain.batching.private_copy", lambda *given: copies.append(private_copy(*given)) or copies[-1]
    )
    with pytest.raises(ValueError):
        simam_viz.analyze(small("resnet18"), noise, target=99)
    assert copies
    modules = [module for copied in copies for module in copied.modules()]
    assert not any(m._forward_hooks or m._forward_pre_hooks or "forward" in vars(m) for m in modules)


def test_the_pass_tells_the_weights_of_simam_and_they_are_what_simam_computes(noise: Image.Image) -> None:
    loaded = small("resnet18")
    for analysis in (simam_viz.analyze(loaded, noise), *simam_viz.analyze_lambdas(loaded, noise, [1e-4, 3.0])):
        for block in analysis.blocks:
            assert vars(block)["attention"].shape == block.features.shape  # there before anybody reads it
            torch.testing.assert_close(block.attention, block.module.weights(block.features[None])[0])


def test_simam_whose_forward_pass_was_replaced_is_not_run_in_another_way(noise: Image.Image) -> None:
    loaded = small("resnet18")
    expected = simam_viz.analyze(loaded, noise)
    for module in loaded.model.modules():
        if isinstance(module, simam_viz.SimAM):
            module.forward = lambda x: torch.zeros_like(x)
    found = simam_viz.analyze(loaded, noise)
    assert "attention" not in vars(found.blocks[0]) and not torch.allclose(found.logits, expected.logits)
    torch.testing.assert_close(found.logits, alone(loaded, noise, 0.1))


class RunAgain(nn.Sequential):
    """Keeps nothing for the backward pass, in which it runs once more; by then, the hooks are off."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(super().forward, x, use_reentrant=False)


def test_layers_that_are_run_again_in_the_backward_pass(noise: Image.Image) -> None:
    loaded = small("resnet18")
    expected = simam_viz.analyze(loaded, noise)
    loaded.model.layer3 = RunAgain(*loaded.model.layer3)
    found = simam_viz.analyze(loaded, noise)
    for block, other in zip(found.blocks, expected.blocks, strict=True):
        torch.testing.assert_close(block.attention, other.attention)
        torch.testing.assert_close(block.gradients, other.gradients)


@pytest.mark.parametrize(
    "arch", ["resnet18", pytest.param("resnet50", marks=pytest.mark.long), "mobilenet_v2", "fixed mean", "no SimAM"]
)
def test_several_lambdas_at_once_are_what_each_is_alone(arch: str, noise: Image.Image) -> None:
    loaded = small("resnet18" if " " in arch else arch)
    if arch == "no SimAM":
        loaded = with_attention(loaded, "off")
    if arch == "fixed mean":
        loaded = with_attention(loaded, "on", fixed_mean=True)
    lambdas = [1e-5, 0.1, 3.0]
    for target, against in ((None, None), (2, None), (2, 0)):
        together = simam_viz.analyze_lambdas(loaded, noise, lambdas, target, against=against)
        for e_lambda, got in zip(lambdas, together, strict=True):
            alone = simam_viz.analyze(loaded, noise, e_lambda, target, against=against)
            assert (got.e_lambda, got.target, got.against) == (e_lambda, alone.target, against)
            assert got.attends == alone.attends == (arch != "no SimAM")
            torch.testing.assert_close(got.logits, alone.logits, rtol=1e-3, atol=1e-4)
            for ours, theirs in zip(got.blocks, alone.blocks, strict=True):
                assert ours.name == theirs.name and ours.module.e_lambda == e_lambda
                for name in ("features", "attention", "activations"):
                    torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-3, atol=1e-4)
                # Not the same kernels serve every batch size, and a neuron at a ReLU's very kink may fall on either side of it.
                apart = torch.linalg.vector_norm(ours.gradients - theirs.gradients)
                assert apart <= 1e-2 * torch.linalg.vector_norm(theirs.gradients)
    assert all(module.e_lambda == 0.1 for module in loaded.model.modules() if isinstance(module, simam_viz.SimAM))


def test_no_lambda_is_no_analysis_and_a_wrong_one_is_refused(noise: Image.Image) -> None:
    assert simam_viz.analyze_lambdas(small("resnet18"), noise, []) == []
    with pytest.raises(ValueError):
        simam_viz.analyze_lambdas(small("resnet18"), noise, [0.1, -1])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_images_of_any_mode(mode: str, noise: Image.Image) -> None:
    assert simam_viz.analyze(small("resnet18"), noise.convert(mode)).view.mode == "RGB"


def test_inside_inference_mode(noise: Image.Image) -> None:
    loaded = small("resnet18")
    expected = simam_viz.analyze(loaded, noise)
    with torch.inference_mode():
        got = simam_viz.analyze(loaded, noise)
    torch.testing.assert_close(got.blocks[3].cam, expected.blocks[3].cam)
    assert got != expected and len({got, expected}) == 2


def test_variances_of_the_channels(noise: Image.Image) -> None:
    block = simam_viz.analyze(small("resnet18"), noise).blocks[1]
    torch.testing.assert_close(block.variances, block.features.var(dim=(1, 2)))


def test_wrong_arguments(noise: Image.Image) -> None:
    loaded = small("resnet18")
    with pytest.raises(ValueError, match="above 0"):
        simam_viz.analyze(loaded, noise, e_lambda=0)
    with pytest.raises(ValueError, match="32 pixels"):
        simam_viz.analyze(loaded, noise, input_size=8)
    with pytest.raises(ValueError, match="no class -1"):
        simam_viz.analyze(loaded, noise, target=-1)
    with pytest.raises(TypeError):
        simam_viz.analyze(loaded, noise, target=2.5)


def test_eight_threads_with_eight_lambdas_give_the_serial_numbers(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    lambdas = [10.0**exponent for exponent in range(-6, 2)]

    def run(e_lambda: float) -> simam_viz.Analysis:
        return simam_viz.analyze(loaded, photo, e_lambda=e_lambda, target=5, input_size=96)

    serial = [run(e_lambda) for e_lambda in lambdas]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(run, lambdas * 3))
    for index, got in enumerate(parallel):
        expected = serial[index % 8]
        torch.testing.assert_close(got.logits, expected.logits)
        for mine, theirs in zip(got.blocks, expected.blocks, strict=True):
            torch.testing.assert_close(mine.attention, theirs.attention)
            torch.testing.assert_close(mine.cam, theirs.cam, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(serial[0].logits, serial[-1].logits)


def test_variants(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    analyses = simam_viz.compare(loaded, photo, e_lambda=0.3, input_size=96)
    assert tuple(analyses) == MODES
    assert len({a.target for a in analyses.values()}) == 1
    on, uniform, off = (analyses[variant] for variant in MODES)
    assert on.attends and uniform.attends and not off.attends
    torch.testing.assert_close(on.logits, simam_viz.analyze(loaded, photo, 0.3, input_size=96).logits)
    first = uniform.blocks[0]
    torch.testing.assert_close(first.features, on.blocks[0].features)
    mean = on.blocks[0].attention.mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(first.attention, mean.expand_as(first.features))
    plain = simam_viz.create_model("resnet18", "none", 200).eval()
    plain.load_state_dict(loaded.model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(off.logits, plain(loaded.transforms.tensor(off.view)[None])[0], rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="variant"):
        with_attention(loaded, "sideways")


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "mobilenet_v2"])
def test_what_no_lambda_reaches_is_computed_once(arch: str, noise: Image.Image) -> None:
    loaded = small(arch)
    first, last = (
        (loaded.model.features[0][0], loaded.model.features[-1][0])
        if arch == "mobilenet_v2"
        else (loaded.model.conv1, loaded.model.layer4[-1].conv1)
    )
    batches: list[int] = []
    handles = [layer.register_forward_hook(lambda *given: batches.append(len(given[-1]))) for layer in (first, last)]
    lambdas = (1e-5, 0.1, 3.0)
    together = simam_viz.analyze_lambdas(loaded, noise, lambdas)
    assert batches == [1, 3]
    for handle in handles:
        handle.remove()
    for e_lambda, got in zip(lambdas, together, strict=True):
        torch.testing.assert_close(got.logits, alone(loaded, noise, e_lambda), rtol=1e-4, atol=1e-5)
        single = simam_viz.analyze(loaded, noise, e_lambda)
        for block, other in zip(got.blocks, single.blocks, strict=True):
            assert block.features.shape == other.features.shape
            torch.testing.assert_close(block.attention, other.attention, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(block.cam, other.cam, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("where", [r"conv1|layer1\.0\.conv1", r"layer2\.0\.downsample\.0", r"layer3\.0\.conv2"])
def test_simam_in_other_places_of_a_batch(where: str, noise: Image.Image) -> None:
    early = simam_viz.insert_simam(simam_viz.create_model("resnet18", "none", 6), where)
    loaded = simam_viz.wrap(early, list("abcdef"), 64)
    lambdas = (1e-4, 1.0)
    for e_lambda, got in zip(lambdas, simam_viz.analyze_lambdas(loaded, noise, lambdas), strict=True):
        torch.testing.assert_close(got.logits, alone(loaded, noise, e_lambda), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v2"])
def test_without_heat_maps_attention_and_answers_are_the_same(arch: str, noise: Image.Image) -> None:
    loaded, lambdas = small(arch), [1e-5, 0.1, 3.0]
    whole = simam_viz.analyze_lambdas(loaded, noise, lambdas)
    for bare, full in zip(simam_viz.analyze_lambdas(loaded, noise, lambdas, heat_maps=False), whole, strict=True):
        assert (bare.target, bare.e_lambda) == (full.target, full.e_lambda)
        torch.testing.assert_close(bare.logits, full.logits, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(bare.blocks, full.blocks, strict=True):
            torch.testing.assert_close(mine.attention, theirs.attention, rtol=1e-4, atol=1e-5)
            assert theirs.has_heat_maps and theirs.compacted().has_heat_maps
            assert not mine.has_heat_maps and not mine.compacted().has_heat_maps
            with pytest.raises(ValueError, match=f"heat_maps=False: there is no heat map of {mine.name}"):
                mine.heat_map("LayerCAM")
        assert "Grad-CAM" not in bare._repr_html_() and "Grad-CAM" in full._repr_html_()
