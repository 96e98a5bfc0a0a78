"""Files of networks with SE, CBAM or ECA: known by their tensors; a card that says otherwise is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import simam_viz
from simam_viz.checkpoints import store
from simam_viz.checkpoints.loading import load_checkpoint, siblings_of
from simam_viz.checkpoints.weights_file import CheckpointError
from simam_viz.explain.variants import compare
from simam_viz.modules.gates import GATES
from simam_viz.networks.architectures import create_model, residual_blocks

CLASSES = ["a", "b", "c"]


def saved(folder: Path, kind: str, architecture: str = "resnet18", /, **card: object) -> Path:
    torch.manual_seed(0)
    model = create_model(architecture, kind, 3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.num_features == 1:
            nn.init.ones_(module.weight)  # CBAM begins with weights that are ½ everywhere
    path = folder / f"{kind}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.mark.parametrize("arch", ["resnet18", pytest.param("resnet50", marks=pytest.mark.long), "mobilenet_v2"])
@pytest.mark.parametrize("attention", GATES)
def test_the_tensors_tell_the_attention(tmp_path: Path, attention: str, arch: str, photo: Image.Image) -> None:
    path = saved(tmp_path, attention, arch)
    loaded = load_checkpoint(path)
    assert (loaded.card.arch, loaded.card.attention) == (arch, attention)
    assert loaded.attends and not loaded.has_simam and loaded.trained_with_simam is False and not loaded.remarks
    torch.manual_seed(0)
    analysis = simam_viz.analyze(loaded, photo, input_size=64)
    kinds = {block.kind for block in analysis.blocks}
    assert kinds == ({"channel", "position"} if attention == "cbam" else {"channel"})
    # Under another card the tensors still tell it.
    again = load_checkpoint(path)
    assert simam_viz.checkpoints.loading.with_card(again, {"categories": CLASSES}).card.attention == attention


@pytest.mark.parametrize(
    ("file", "said", "sentence"),
    [
        ("se", "simam", "names the attention 'simam', but the tensors are those of 'se'"),
        ("se", "cbam", "names the attention 'cbam', but the tensors are those of 'se'"),
        ("cbam", "none", "names the attention 'none', but the tensors are those of 'cbam'"),
        ("none", "eca", "names the attention 'eca', whose tensors are not there"),
        ("eca", "bam", "names the attention 'bam', but the tensors are those of 'eca'"),
    ],
)
def test_a_card_that_names_another_attention_is_refused(tmp_path: Path, file: str, said: str, sentence: str) -> None:
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(saved(tmp_path, file, attention=said))
    assert sentence in str(error.value) and str(error.value).count(".") == 1


def test_a_part_of_the_module_missing_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "se")
    tensors = simam_viz.checkpoints.weights_file.read_tables(path.read_bytes())[""]
    del tensors["layer4.1.attention.gate.2.weight"]
    save_file(dict(tensors), path)
    with pytest.raises(CheckpointError, match=r"layer4\.1\.attention\.gate\.2\.weight is missing"):
        load_checkpoint(path)


def test_siblings_are_those_trained_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUNDLED_FOLDER", tmp_path)
    alike = {"categories": CLASSES, "recipe_settings": {"seed": 0}, "training_images": 9, "arch": "resnet18"}
    for attention in ("simam", "none", "se", "eca"):
        saved(tmp_path, attention, attention=attention, **alike)
    saved(tmp_path, "cbam", attention="cbam", **{**alike, "recipe_settings": {"seed": 1}})
    loaded = load_checkpoint("simam")
    assert {name: info.name for name, info in siblings_of(loaded.card).items()} == {
        "none": "none", "se": "se", "eca": "eca",
    }  # fmt: skip
    assert siblings_of(load_checkpoint("cbam").card) == {}


def test_compare_takes_siblings_by_the_name_of_their_attention(tmp_path: Path, photo: Image.Image) -> None:
    networks = {
        name: load_checkpoint(saved(tmp_path, name, attention=name, categories=CLASSES, input_size=64))
        for name in ("simam", "se", "cbam")
    }
    found = compare(networks["simam"], photo, siblings=[networks["se"], networks["cbam"]])
    assert list(found) == ["on", "uniform", "off", "se", "cbam"]
    assert len({analysis.target for analysis in found.values()}) == 1
    for name in ("se", "cbam"):
        alone = simam_viz.analyze(networks[name], photo, target=found["on"].target)
        torch.testing.assert_close(found[name].logits, alone.logits)
        # A block of one network finds the attention of the other in the same layer.
        torch.testing.assert_close(found[name].block("layer3.0").cam, alone.blocks[-4 if name == "se" else -7].cam)
    assert found["cbam"].block("layer3.0").name == "layer3.0.attention.mix"
    assert found["on"].block("layer3.0.attention.gate").name == "layer3.0"
    with pytest.raises(KeyError):
        found["on"].block("layer3")
    with pytest.raises(ValueError, match="no two may name the same"):
        compare(networks["simam"], photo, siblings=[networks["se"], networks["se"]])


def test_a_card_s_temperature_divides_the_logits_of_every_probability(tmp_path: Path, photo: Image.Image) -> None:
    path = saved(tmp_path, "simam", attention="simam", categories=CLASSES, input_size=64)
    plain = simam_viz.analyze(load_checkpoint(path), photo)
    path.with_suffix(".json").write_text(
        json.dumps({"attention": "simam", "categories": CLASSES, "input_size": 64, "temperature": 0.5})
    )
    warm = simam_viz.analyze(load_checkpoint(path), photo)
    torch.testing.assert_close(warm.logits, plain.logits)
    torch.testing.assert_close(warm.probabilities, (plain.logits * 2).softmax(0))
    assert [name for _index, name, _share in warm.top(3)] == [name for _index, name, _share in plain.top(3)]


@pytest.mark.parametrize("attention", GATES)
def test_each_bundled_sibling_differs_from_the_plain_network_in_its_module_alone(
    attention: str, photo: Image.Image
) -> None:
    bundled = {info.card.attention: load_checkpoint(info.path) for info in store.list_checkpoints() if info.bundled}
    sibling, plain = bundled[attention], bundled["none"]
    told = sibling.card
    assert all(told[entry] == plain.card[entry] for entry in ("recipe_settings", "training_images", "wnids", "seed"))
    names = {name for name in sibling.model.state_dict() if ".attention." not in name}
    assert names == set(plain.model.state_dict())
    # Without the module, its weights are those of a plain network.
    bare = create_model("resnet18", "none", 200).eval().to(memory_format=torch.channels_last)
    bare.load_state_dict({name: sibling.model.state_dict()[name] for name in names})
    gated = load_checkpoint(store.BUNDLED_FOLDER / f"{sibling.name}.safetensors").model
    for block in residual_blocks(gated).values():
        block.attention = nn.Identity()
    x = sibling.transforms(photo)[None]
    with torch.no_grad():
        torch.testing.assert_close(gated(x), bare(x))
