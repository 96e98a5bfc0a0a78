"""One network under several attentions, its twin, and SimAM taken out of one block at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import simam_viz
from simam_viz.checkpoints import store
from simam_viz.checkpoints.loading import LoadedCheckpoint, load_checkpoint, twin_of
from simam_viz.checkpoints.store import list_checkpoints
from simam_viz.explain.ablation import ablate_blocks
from simam_viz.explain.variants import MODES, Variant, compare, explained_alike, variants, with_attention
from simam_viz.modules.simam import FixedMeanSimAM, SimAM, UniformSimAM
from simam_viz.modules.weighing import Each, Removed
from simam_viz.networks.architectures import residual_blocks
from tests.helpers.small_networks import small
from tests.helpers.twins import TWIN, folder_with_twin


def test_a_fixed_mean_weight_moves_weight_within_channels_only() -> None:
    x = torch.randn(2, 5, 7, 7) * torch.logspace(-3, 1, 5).view(5, 1, 1)
    weights = FixedMeanSimAM(0.5, 0.01).weights(x)
    moved, trained = simam_viz.attention(x, 0.5), simam_viz.attention(x, 0.01)
    torch.testing.assert_close(weights.mean(dim=(2, 3)), trained.mean(dim=(2, 3)))
    ratio = weights / moved
    torch.testing.assert_close(ratio, ratio[..., :1, :1].expand_as(ratio))
    assert not torch.allclose(weights, trained) and not torch.allclose(weights, moved)
    torch.testing.assert_close(FixedMeanSimAM(0.01, 0.01)(x), SimAM(0.01)(x))


def test_comparison_at_a_fixed_mean_weight(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    fixed = compare(loaded, photo, e_lambda=5.0, input_size=96, fixed_mean=True)
    plain = compare(loaded, photo, e_lambda=5.0, target=fixed["on"].target, input_size=96)
    trained = compare(loaded, photo, target=fixed["on"].target, input_size=96)
    torch.testing.assert_close(fixed["uniform"].logits, trained["uniform"].logits)
    torch.testing.assert_close(fixed["off"].logits, plain["off"].logits)
    assert not torch.allclose(fixed["on"].logits, plain["on"].logits, atol=1e-2)
    first = fixed["on"].blocks[0]
    expected = FixedMeanSimAM(5.0, 0.1).weights(first.features[None])[0]
    torch.testing.assert_close(first.attention, expected)
    same = compare(loaded, photo, target=fixed["on"].target, input_size=96, fixed_mean=True)
    torch.testing.assert_close(same["on"].logits, trained["on"].logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("arch", ["resnet18", pytest.param("resnet50", marks=pytest.mark.long), "mobilenet_v2"])
@pytest.mark.parametrize("fixed_mean", [False, True])
def test_one_batch_gives_what_each_network_gives_alone(arch: str, fixed_mean: bool, noise: Image.Image) -> None:
    loaded = small(arch)
    e_lambda = 2.0
    lambdas = {variant.name: variant.e_lambda(e_lambda) for variant in variants(loaded, fixed_mean=fixed_mean)}
    for target, against in ((None, None), (2, None), (2, 0)):
        together = compare(loaded, noise, e_lambda, target, against=against, fixed_mean=fixed_mean)
        assert tuple(together) == MODES
        for variant, got in together.items():
            at = lambdas[variant]
            alone = simam_viz.analyze(
                with_attention(loaded, variant, fixed_mean), noise, at, together["on"].target, against=against
            )
            assert (got.e_lambda, got.target, got.against) == (at, alone.target, against)
            assert got.attends == alone.attends == (variant != "off")
            torch.testing.assert_close(got.logits, alone.logits, rtol=1e-3, atol=1e-4)
            for ours, theirs in zip(got.blocks, alone.blocks, strict=True):
                assert ours.name == theirs.name and type(ours.module) is type(theirs.module)
                for name in ("features", "attention", "activations", "gradients"):
                    torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-3, atol=1e-4)


def test_networks_of_one_set_of_weights_run_once(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    """The last layer, shared by all, is called once, for a batch of three."""
    sizes: list[int] = []
    handle = loaded.model.fc.register_forward_hook(lambda layer, inputs, output: sizes.append(len(output)))
    try:
        analyses = compare(loaded, photo, input_size=64)
    finally:
        handle.remove()
    assert sizes == [3]
    kept = analyses["off"].compacted().blocks[0].features
    assert kept.untyped_storage().nbytes() == kept.nbytes, "what is kept of one does not hold on to the batch"


def test_each_image_of_a_batch_has_an_attention_of_its_own() -> None:
    x = torch.randn(3, 4, 5, 5)
    each = Each([Removed("simam", 0.1), SimAM(0.5), UniformSimAM(0.1)])
    weights = torch.cat([torch.ones_like(x[:1]), SimAM(0.5).weights(x[1:2]), UniformSimAM(0.1).weights(x[2:])])
    torch.testing.assert_close(each.weights(x), weights)
    torch.testing.assert_close(each(x), x * weights)
    assert list(each.children()) == []


def one_block(loaded: LoadedCheckpoint, name: str, module: nn.Module) -> nn.Module:
    model = copy.deepcopy(loaded.model)
    residual_blocks(model)[name].simam = module
    return model


@pytest.mark.parametrize("fixed_mean", [False, True])
def test_ablation_is_what_one_changed_network_a_block_gives(
    loaded: LoadedCheckpoint, photo: Image.Image, fixed_mean: bool
) -> None:
    found = ablate_blocks(loaded, photo, 0.5, 8, 64, fixed_mean=fixed_mean)
    x = loaded.transforms.tensor(loaded.transforms.view(photo, 64))[None]
    base = with_attention(loaded, "on", fixed_mean)
    base.model.eval()
    for module in base.model.modules():
        assert not isinstance(module, SimAM) or module.e_lambda == 0.1, "the network that is given stays as it is"
    everywhere = copy.deepcopy(base.model)
    simam_viz.networks.lambdas.set_e_lambda(everywhere, 0.5)
    base = LoadedCheckpoint("everywhere", everywhere, loaded.transforms, loaded.categories, 0.1)
    uniform = UniformSimAM(0.1 if fixed_mean else 0.5)

    def probability_of(logits: torch.Tensor) -> float:
        return float((logits / (loaded.card.temperature or 1)).softmax(1)[0, 8])

    with torch.no_grad():
        assert found.target == 8 and found.on == pytest.approx(probability_of(everywhere(x)), rel=1e-4)
        assert list(found.uniform) == list(found.off) == list(residual_blocks(loaded.model))
        for name in found.uniform:
            for probability, module in ((found.uniform[name], uniform), (found.off[name], nn.Identity())):
                expected = probability_of(one_block(base, name, module)(x))
                assert probability == pytest.approx(expected, rel=1e-3, abs=1e-6), name
    assert len(set(found.off.values())) == 8


def test_ablation_says_what_is_wrong(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    with pytest.raises(ValueError, match="no attention"):
        ablate_blocks(with_attention(loaded, "off"), photo, input_size=64)
    with pytest.raises(ValueError, match="no class 200"):
        ablate_blocks(loaded, photo, target=200, input_size=64)
    assert ablate_blocks(loaded, photo, input_size=64).target == simam_viz.analyze(loaded, photo, input_size=64).target


def test_the_twin(
    loaded: LoadedCheckpoint, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_with_twin(tmp_path)
    monkeypatch.setattr(store, "BUNDLED_FOLDER", folder)
    first = list_checkpoints()[0]
    ours, theirs = load_checkpoint(first.name), load_checkpoint(TWIN)
    assert twin_of(ours) == TWIN and twin_of(theirs) == ours.name

    analyses = compare(ours, photo, input_size=96, twin=theirs)
    assert list(analyses) == ["on", "uniform", "off", "twin"]
    assert len({analysis.target for analysis in analyses.values()}) == 1
    expected = simam_viz.analyze(theirs, photo, target=analyses["on"].target, input_size=96)
    torch.testing.assert_close(analyses["twin"].logits, expected.logits)
    assert not analyses["twin"].attends
    there = [variants(ours, theirs), variants(theirs, ours), variants(ours, fixed_mean=True)]
    assert [[variant.name for variant in one] for one in there] == [[*MODES, "twin"], ["on", "twin"], list(MODES)]
    assert [variant.network().name for variant in there[0]] == [ours.name] * 3 + [TWIN]
    assert [[variant.shares_weights for variant in one] for one in there[:2]] == [[True] * 3 + [False], [True, False]]
    for one in there:
        assert all(variant.note for variant in one) and len({variant.title for variant in one}) == len(one)
    # λ moves what has SimAM, whichever of the two is the one in hand.
    assert [[variant.e_lambda(3.0) for variant in one] for one in there] == [
        [3.0, 3.0, 0.1, 0.1],
        [3.0, 3.0],
        [3.0, 0.1, 0.1],
    ]

    # A card that is not answered, or that speaks of other classes, makes no twin.
    for change in (
        {"twin": "somebody else"}, {"categories": theirs.card["categories"][::-1]}, {"attention": "simam"}, {"arch": "resnet34"},
    ):  # fmt: skip
        (folder / f"{TWIN}.json").write_text(json.dumps(dict(theirs.card | change)))
        assert twin_of(ours) is None
    monkeypatch.undo()
    assert twin_of(loaded) is None or loaded.card.get("twin")


# What is analysed, and in which order.


@dataclass
class Seen:
    """An analysis that says no more than the class that it explains."""

    target: int


def batches_of(
    asked: Sequence[Variant], known: dict[str, int], target: int | None, predicted: int = 7
) -> list[tuple[list[str], int | None]]:
    """The batches that were run and the class that each was to explain; all must end up explaining one class."""
    ran: list[tuple[list[str], int | None]] = []

    def analyse(batch: list[Variant], target: int | None) -> list[Seen]:
        ran.append(([variant.name for variant in batch], target))
        return [Seen(predicted if target is None else target) for _ in batch]

    found = explained_alike(asked, {name: Seen(one) for name, one in known.items()}, target, analyse)
    assert list(found) == [variant.name for variant in asked]
    assert len({seen.target for seen in found.values()}) == 1
    return ran


def test_the_class_is_found_first_and_own_weights_run_together() -> None:
    loaded, other = small("resnet18"), small("resnet34")
    sibling = Variant("se", "SE", "Squeeze and excitation.", lambda: other, False, None, False)
    asked = (*variants(loaded, other), sibling)
    own = ["on", "uniform", "off"]
    assert batches_of(asked, {}, 3) == [(own, 3), (["twin"], 3), (["se"], 3)]
    assert batches_of(asked, {}, None) == [(own, None), (["twin"], 7), (["se"], 7)]
    # Kept from before: what explains the class stays, whatever λ it was kept at.
    kept = {"off": 7, "twin": 7, "se": 7}
    assert batches_of(asked, kept, None) == [(["on", "uniform"], None)]
    assert batches_of(asked, {"on": 7} | kept, None) == [(["uniform"], 7)]
    assert batches_of(asked, dict.fromkeys([*own, "twin", "se"], 7), None) == []
    # What explains another class is done again, once the class is known.
    assert batches_of(asked, {"off": 5, "twin": 7, "se": 5}, None) == [
        (["on", "uniform"], None),
        (["off"], 7),
        (["se"], 7),
    ]
    assert batches_of(asked, dict.fromkeys([*own, "twin", "se"], 5), 7) == [(own, 7), (["twin"], 7), (["se"], 7)]
    assert batches_of(asked[2:4], {}, 1) == [(["off"], 1), (["twin"], 1)]
    assert batches_of(asked[4:], {}, 1) == [(["se"], 1)]
