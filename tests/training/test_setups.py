"""What a person asks ``train`` for: recipes by name and from files, flags that go before them, networks, weights to begin with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from simam_viz.cli import command_parser, main
from simam_viz.cli.train_command import _setup
from simam_viz.modules.simam import SimAM
from simam_viz.networks.architectures import ARCHITECTURES
from simam_viz.training.network import Design, new_network, read_start
from simam_viz.training.recipe import Recipe
from simam_viz.training.setups import SETUPS, Setup, as_yaml, read_setup

pytestmark = pytest.mark.usefixtures("one_thread")


def asked(*words: str) -> Setup:
    return _setup(command_parser().parse_args(["train", "--data", "data", "--out", "out", *words]))


def test_without_a_word_it_is_the_bundled_checkpoints_recipe() -> None:
    assert asked() == Setup(Design("resnet18", "simam"), Recipe())


def test_flags_go_before_a_recipe() -> None:
    setup = asked("--recipe", "imagenet-simam-resnet50")
    assert setup.design == Design("resnet50", "simam")
    assert (setup.recipe.stages, setup.recipe.batch_size, setup.recipe.e_lambda) == (((224, 100),), 256, 0.1)
    words = "--arch resnet34 --attention none --lambda 0.5 --batch 64 --rate 0.2 --weight-decay 0 --seed 7 --epochs 3"
    changed = asked("--recipe", "imagenet-simam-resnet50", *words.split(), "--image-size", "96")
    assert changed.design == Design("resnet34", "none")
    expected = replace(
        setup.recipe, e_lambda=0.5, batch_size=64, peak_rate=0.2, weight_decay=0.0, seed=7, stages=((96, 3),)
    )
    assert changed.recipe == expected
    assert asked("--epochs", "3").recipe.stages == ((160, 3),)


def test_the_authors_published_settings() -> None:
    """As their training code and the commands of their README have them."""
    imagenet = {name for name in SETUPS if name.startswith("imagenet")}
    published = {*ARCHITECTURES} - {"resnet152"}
    assert imagenet == {f"imagenet-simam-{arch}" for arch in published}
    for name in imagenet:
        setup, mobile = SETUPS[name], name.endswith("mobilenet_v2")
        recipe = setup.recipe
        rates = [recipe.learning_rate(step, 100) for step in (0, 29, 30, 60, 99)]
        assert rates == pytest.approx([0.1, 0.1, 0.01, 0.001, 1e-4]) or mobile
        assert (recipe.epochs, recipe.weight_decay) == ((150, 4e-5) if mobile else (100, 1e-4))
        assert recipe.momentum == 0.9 and not recipe.nesterov and recipe.decay_everything
        assert recipe.crop_area == (0.08, 1.0) and recipe.e_lambda == 0.1 and recipe.centre == 0.875
    cifar = SETUPS["cifar10-resnet20"]
    assert cifar.design.arch == "authors:cifar/resnet20" and cifar.recipe.stages == ((32, 164),)
    assert (cifar.recipe.batch_size, cifar.recipe.weight_decay, cifar.recipe.padding) == (128, 5e-4, 4)


@pytest.mark.parametrize("name", ["cifar10-resnet20", "imagenet-simam-mobilenet_v2"])
def test_a_recipe_is_written_and_read_as_yaml(name: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(as_yaml(SETUPS[name]), encoding="utf-8")
    assert read_setup(str(file)) == SETUPS[name] == asked("--recipe", str(file))
    file.write_text("stages: 64x2,96x1\nseed: 3\n")
    assert read_setup(str(file)) == Setup(Design(), Recipe(stages=((64, 2), (96, 1)), seed=3))
    file.write_text("stages: [[64, 2]]\ncrop_area: [0.5, 1]\n")
    assert read_setup(str(file)).recipe == Recipe(stages=((64, 2),), crop_area=(0.5, 1.0))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bach_size: 3", "closest are batch_size"),
        ("batch_size: many", "Expected `int`"),
        ("batch_size: 1", "batch_size must be"),
        ("weight_decay: -1", "weight_decay must be"),
        ("e_lambda: .nan", "e_lambda must be"),
        ("momentum: 0", "nesterov must be false"),
        ("stages: [[16, 2]]", "32 to 512 pixels"),
        ("- a\n- b", "cannot be read"),
        ("a: b: c", "cannot be read"),
        ("just words", "cannot be read"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_one_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.yaml").write_text(text, encoding="utf-8")
    words = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--recipe", str(tmp_path / "my.yaml")]
    assert main(["train", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.startswith("simam_viz: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--recipe", "imagenet"), "There is no recipe 'imagenet'"),
        (("--recipe", "nowhere.yaml"), "no file or folder nowhere.yaml"),
        (("--stages", "64x2", "--epochs", "3"), "leave out --epochs"),
        (("--rate", "nan"), "peak_rate must be"),
        (("--epochs", "0"), "1 to 1000 epochs"),
    ],
)
def test_flags_that_make_no_sense_are_one_sentence(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), *words]) == 2
    assert sentence in capsys.readouterr().err


# Networks.


def lambdas(model: torch.nn.Module) -> list[float]:
    return [module.e_lambda for module in model.modules() if isinstance(module, SimAM)]


@pytest.mark.parametrize(
    ("design", "simams"),
    [
        (Design("authors:cifar/resnet20"), 9),
        (Design("authors:cifar/resnet20", "se"), 0),
        (Design("timm:resnet10t"), 4),
        (Design("timm:resnet10t", "none"), 0),
        (Design("timm:resnet10t", "simam", r"layer4\..*conv[12]"), 2),
        (Design("torchvision:squeezenet1_1", "simam", r"features\.3\.squeeze"), 1),
    ],
)
def test_networks_of_others_train_with_simam(design: Design, simams: int) -> None:
    model, _anew = new_network(design, 3, 0.25)
    assert lambdas(model) == [0.25] * simams and model.training
    logits = model(torch.rand(2, 3, 64, 64))
    assert logits.shape == (2, 3)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        (Design("resnet19"), "no architecture 'resnet19'"),
        (Design("timm:resnet10t", "se"), "can have the attention simam, none, not se"),
        (Design("authors:cifar/resnet20", "eca"), "not eca"),
        (Design("timm:resnet10t", "simam", "nothing"), "No convolution of this network is meant"),
        (Design("torchvision:googlenet", "none"), "cannot be trained here"),
        (Design("torchvision:ssdlite320_mobilenet_v3_large", "none"), "cannot be trained here"),
        (Design("timm:nonsense"), "timm has no network 'nonsense'"),
    ],
)
def test_a_network_that_cannot_be_had_is_one_sentence(design: Design, sentence: str) -> None:
    with pytest.raises(ValueError, match="(?s)" + sentence.replace(":", ".")):
        new_network(design, 3, 0.1)


@pytest.mark.parametrize("design", [Design("authors:cifar/resnet20"), Design("timm:resnet10t")])
def test_fine_tuning_begins_with_the_files_weights_and_another_last_layer(design: Design, tmp_path: Path) -> None:
    # A network of timm's that gets SimAM has its weights from a file without it; the authors' files have other names with it.
    old, _none = new_network(replace(design, attention="none") if "timm" in design.arch else design, 5, 0.1)
    save_file(old.state_dict(), tmp_path / "old.safetensors")
    start = read_start(str(tmp_path / "old.safetensors"))
    given = old.state_dict()

    def tensors(classes: int) -> tuple[dict[str, Any], tuple[str, ...]]:
        model, anew = new_network(design, classes, 0.1, start)
        return {name.replace("conv2.0.", "conv2."): tensor for name, tensor in model.state_dict().items()}, anew

    same, anew = tensors(5)
    assert anew == () and len(lambdas(new_network(design, 5, 0.1, start)[0])) > 0
    assert sorted(tensor.sum().item() for tensor in same.values()) == sorted(t.sum().item() for t in given.values())
    other, anew = tensors(3)
    assert len(anew) == 2 and {other[name].shape[0] for name in anew} == {3}
    kept = [other[name].sum().item() for name in other if name not in anew]
    assert sorted(kept) == sorted(given[name].sum().item() for name in given if name not in anew)


def test_weights_of_another_network_are_one_sentence(tmp_path: Path) -> None:
    wrong, _none = new_network(Design("authors:cifar/resnet32", "none"), 5, 0.1)
    save_file(wrong.state_dict(), tmp_path / "wrong.safetensors")
    with pytest.raises(ValueError, match="do not fit"):
        new_network(Design("authors:cifar/resnet20"), 5, 0.1, read_start(str(tmp_path / "wrong.safetensors")))
