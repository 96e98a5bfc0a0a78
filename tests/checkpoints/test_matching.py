"""A file's tensors put into any network: under which names they may stand, and what is said where they do not fit."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from simam_viz.checkpoints.matching import classes_of_file, match, match_named
from simam_viz.checkpoints.weights_file import CheckpointError, read_tables
from simam_viz.networks.authors.catalogue import make
from simam_viz.networks.named import named, names
from tests.helpers.authors_networks import authors_checkpoint

Table = dict[str, Tensor]

pytestmark = pytest.mark.usefixtures("one_thread")


class Small(nn.Module):
    """A network as nobody else has it: nested names, a buffer of indices, no name of torchvision's."""

    def __init__(self, classes: int = 5, width: int = 6) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))
        self.neck = nn.ModuleDict({"left": nn.Conv2d(width, width, 1), "right": nn.Conv2d(width, width, 1)})
        self.head = nn.Linear(width, classes)
        self.register_buffer("order", torch.arange(width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)[:, self.order]
        return self.head((self.neck["left"](x) + self.neck["right"](x)).mean((2, 3)))


def trained(seed: int = 0, **options: Any) -> Small:
    torch.manual_seed(seed)
    network = Small(**options)
    nn.init.uniform_(network.stem[1].running_mean)
    network.stem[1].num_batches_tracked.fill_(9)
    network.order.copy_(torch.randperm(6))
    return network.eval()


def tables(content: object) -> dict[str, Table]:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return read_tables(buffer.getvalue())


def prefixed(prefix: str, table: Table) -> Table:
    return {prefix + name: tensor for name, tensor in table.items()}


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


SOURCE = trained()
WEIGHTS = SOURCE.state_dict()
OTHER = trained(1).state_dict()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (WEIGHTS, ()),
        ({"state_dict": WEIGHTS}, ()),
        ({"model": WEIGHTS, "epoch": 3, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}}, ()),
        (
            {"state_dict": prefixed("module.", WEIGHTS)},
            ("“module.” taken off every name: PyTorch's DataParallel put it there",),
        ),
        (prefixed("_orig_mod.", WEIGHTS), ("“_orig_mod.” taken off every name: torch.compile put it there",)),
        (prefixed("model.", WEIGHTS), ("“model.” taken off every name",)),
        (prefixed("any.thing.", WEIGHTS), ("“any.” taken off every name", "“thing.” taken off every name")),
        ({"state_dict": WEIGHTS, "state_dict_ema": OTHER}, ("state_dict taken, not state_dict_ema",)),
        ({"one": WEIGHTS, "two": WEIGHTS}, ()),
        (prefixed("net.", WEIGHTS) | {"criterion.weight": torch.ones(5)}, ("“net.” taken off every name",)),
        (prefixed("module.", WEIGHTS) | {"n_averaged": torch.tensor(4)}, ("“module.” taken off every name",)),
        (WEIGHTS | {"stem.total_ops": torch.zeros(1)}, ()),
    ],
)
def test_what_fits(content: Any, said: tuple[str, ...]) -> None:
    network = trained(7)
    found = match(network, tables(content))
    assert same(network, SOURCE) and found.matched == found.expected == len(WEIGHTS) and not found.filled
    assert len(found.translations) == len(said)
    assert all(each.startswith(start) for each, start in zip(found.translations, said, strict=True))


def test_what_the_file_may_leave_out_and_what_is_of_no_use() -> None:
    network = trained(7)
    content = {name: tensor for name, tensor in WEIGHTS.items() if not name.endswith("num_batches_tracked")}
    found = match(
        network, tables({"state_dict": content | {"total_params": torch.zeros(1)}, "loss": {"w": torch.ones(2)}})
    )
    assert found.matched == found.expected - 1 and set(found.filled) == {"stem.1.num_batches_tracked"}
    assert set(found.unused) == {"total_params", "loss.w"}
    assert network.stem[1].num_batches_tracked == 0
    assert torch.equal(network.head.weight, SOURCE.head.weight)


def test_a_network_within_another() -> None:
    """What wraps the network when it is made, and did not when it was saved."""
    wrapper = nn.Sequential(trained(7))
    found = match(wrapper, tables(prefixed("module.", WEIGHTS)))
    assert same(wrapper[0], SOURCE)
    assert found.translations[-1] == "“0.” put before every name, as the network has it"


def test_own_kind_of_numbers() -> None:
    network = trained(7).double()
    match(network, tables({name: t.half() if t.is_floating_point() else t for name, t in WEIGHTS.items()}))
    assert network.head.weight.dtype == torch.float64
    torch.testing.assert_close(network.head.weight.float(), SOURCE.head.weight, rtol=1e-3, atol=1e-3)


def test_two_names_of_one_tensor() -> None:
    """safetensors writes one of them."""
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    network[2].weight = network[0].weight
    other = copy.deepcopy(network)
    nn.init.zeros_(other[0].weight)
    data = {name: tensor for name, tensor in network.state_dict().items() if name != "2.weight"}
    found = match(other, read_tables(safetensors.torch.save(data)))
    assert torch.equal(other[2].weight, network[0].weight) and other[2].weight is other[0].weight
    assert set(found.filled) == {"2.weight"} and found.matched == 3


# What does not fit.


def refused(network: nn.Module, content: Any, **options: Any) -> CheckpointError:
    before = copy.deepcopy(network)
    with pytest.raises(CheckpointError) as caught:
        match(network, tables(content), **options)
    assert same(network, before), "it stays as it was"
    return caught.value


def test_names_and_shapes_that_differ() -> None:
    content = {name.replace("left", "links"): tensor for name, tensor in WEIGHTS.items()}
    content["head.weight"] = torch.zeros(7, 6)
    content |= {f"neck.more.{number}.weight": torch.zeros(2, 2) for number in range(6)}
    error = refused(trained(7), content)
    told = str(error)
    assert told.startswith(f"These weights do not fit the network: {len(WEIGHTS) - 3} of its {len(WEIGHTS)} tensors")
    assert "Missing in the file: neck.left.weight, neck.left.bias." in told
    assert "head.weight (7 × 6)/(5 × 6)." in told and "neck.links.weight" in told and "and 4 more." in told
    assert len(error.problems) == 2 + 1 + 8
    whys = dict(error.problems)
    assert whys["neck.left.bias"] == "is missing" and whys["neck.links.bias"] == "has no place in the network"
    assert whys["head.weight"] == "has shape (7 × 6) where the network has (5 × 6)"
    assert error.prefixes == error.parts == ()


def test_a_prefix_is_offered() -> None:
    """Half of a wrapper's tensors are the network's, the other half a second branch that nobody explained."""
    content = prefixed("encoder.", WEIGHTS) | {"projector.weight": torch.zeros(3, 3), "projector.bias": torch.zeros(3)}
    network = trained(7)
    error = refused(network, content)
    assert error.prefixes == ("encoder.",) and error.parts == ("encoder",)
    assert "Left over in the file: projector.weight, projector.bias." in str(error)
    for options in ({"prefix": "encoder."}, {"prefix": "encoder"}, {"part": "encoder"}):
        network = trained(7)
        found = match(network, tables(content), **options)
        assert same(network, SOURCE) and set(found.unused) == {"projector.weight", "projector.bias"}


def test_a_wrong_prefix() -> None:
    content = prefixed("module.", WEIGHTS)
    error = refused(trained(7), content, prefix="modul.")
    assert str(error) == "No tensor of this file has a name that begins with “modul.”."
    kept = refused(trained(7), content, prefix="")
    assert kept.prefixes == ("module.",) and f"0 of its {len(WEIGHTS)}" in str(kept)


@pytest.mark.parametrize(
    "content",
    [
        {"model": WEIGHTS, "model_ema": OTHER},
        prefixed("student.", WEIGHTS) | prefixed("teacher.", OTHER),
        WEIGHTS | prefixed("ema.", OTHER),
    ],
)
def test_several_networks_are_asked_about(content: Any) -> None:
    error = refused(trained(7), content)
    assert len(error.parts) == 2 and "2 networks" in str(error)
    first, second = trained(7), trained(7)
    match(first, tables(content), part=error.parts[0])
    match(second, tables(content), part=error.parts[1])
    assert same(first, SOURCE) and torch.equal(second.head.weight, OTHER["head.weight"])
    assert "There is no network nobody in this file" in str(refused(trained(7), content, part="nobody"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("head.weight", torch.full((5, 6), float("nan")), "NaN or infinite"),
        ("stem.1.running_var", torch.full((6,), -1.0), "negative variances"),
        ("head.bias", torch.ones(5, dtype=torch.int32), "holds int32 values"),
        ("head.bias", torch.ones(5).to_sparse(), "sparse, quantised or empty of data"),
        ("neck.right.bias", torch.zeros(()).expand(2**40), r"\(1099511627776\)/\(6\)"),
        ("evil.weight", torch.zeros(()).expand(2**20, 2**20), r"Left over in the file: evil\.weight"),
    ],
)
def test_numbers_that_no_network_can_use(name: str, value: Tensor, said: str) -> None:
    network = trained(7)
    content = WEIGHTS | {name: value}
    with pytest.raises(CheckpointError, match=said):
        match(network, {"a": content, "b": dict(content)})


def test_another_network_altogether() -> None:
    error = refused(trained(7), {"a.weight": torch.zeros(2), "a.bias": torch.zeros(2), "b": torch.zeros(3, 3)})
    assert f"0 of its {len(WEIGHTS)}" in str(error) and "Left over in the file: a.weight, a.bias, b." in str(error)
    assert "and 9 more" in str(error)


def test_a_lazy_network() -> None:
    with pytest.raises(CheckpointError, match="lazy layer"):
        match(nn.Sequential(nn.LazyConv2d(4, 3)), tables(WEIGHTS))


# Networks by name.


def roundtrip(model: nn.Module) -> dict[str, Table]:
    return tables({"state_dict": prefixed("module.", model.state_dict()), "arch": "any"})


def shaken(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.uniform_(-1, 1)
    return model.eval()


@pytest.mark.parametrize("name", ["authors:cifar/resnet20-cbam", "timm:resnet10t", "timm:mobilenetv3_small_050"])
def test_the_number_of_classes_is_the_files(name: str) -> None:
    saved = shaken(named(name).make(7))
    model, found = match_named(named(name), roundtrip(saved))
    assert same(model, saved) and not model.training and found.matched == found.expected
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(x), saved(x), rtol=0, atol=0)
    with pytest.raises(CheckpointError, match="Of another shape"):
        match_named(named(name), roundtrip(saved), num_classes=8)


def test_classes_are_not_guessed_from_other_shapes() -> None:
    network = trained(7)
    assert classes_of_file(network, tables(WEIGHTS), 5) == 5
    assert classes_of_file(network, tables(trained(1, classes=9).state_dict()), 5) == 9
    assert classes_of_file(network, tables(WEIGHTS | {"head.weight": torch.zeros(9, 7)}), 5) is None
    assert (
        classes_of_file(
            network, tables(WEIGHTS | {"neck.left.bias": torch.zeros(12), "head.weight": torch.zeros(9, 6)}), 5
        )
        is None
    )
    assert classes_of_file(network, tables({"w": torch.zeros(1)}), 5) is None


def test_a_reduction_of_the_authors_gates_is_told_apart() -> None:
    saved = make("cifar/resnet20-se4", 10)
    with pytest.raises(CheckpointError, match=r"fc\.0\.weight \(4 × 16\)/\(1 × 16\)"):
        match_named(named("authors:cifar/resnet20-se"), roundtrip(saved))
    assert match_named(named("authors:cifar/resnet20-se4"), roundtrip(saved))[1].matched == len(saved.state_dict())


def test_a_file_as_the_authors_save_it() -> None:
    """With their profiler's counters, an optimiser and the best accuracy beside it."""
    saved = shaken(make("cifar/resnet20", 100))
    model, found = match_named(named("authors:cifar/resnet20"), tables(authors_checkpoint(saved, "resnet20")))
    assert same(model, saved) and found.matched == found.expected == len(saved.state_dict())
    assert "top level.best_acc" in found.unused and len(found.unused) > 100


def test_a_segmenter_with_its_auxiliary_head_and_without() -> None:
    network = named("torchvision:deeplabv3_mobilenet_v3_large")
    saved = network.make(3)
    table = saved.state_dict()
    assert any(name.startswith("aux_classifier.") for name in table)
    model, found = match_named(network, tables({"model": {n: t for n, t in table.items() if not n.startswith("aux")}}))
    assert model.aux_classifier is None and found.matched == found.expected
    assert torch.equal(model.classifier[4].weight, saved.classifier[4].weight) and len(model.classifier[4].weight) == 3


ONE_A_FAMILY = {
    "torchvision": [
        "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
        "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnext50_32x4d", "shufflenet_v2_x0_5",
        "squeezenet1_1", "vgg11_bn", "swin_t", "vit_b_16", "ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn", "fcos_resnet50_fpn", "deeplabv3_mobilenet_v3_large",
        "lraspp_mobilenet_v3_large",
    ],
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", ONE_A_FAMILY["torchvision"])
def test_every_family_of_torchvision(name: str) -> None:
    network = named(f"torchvision:{name}")
    saved = network.make(7)
    assert same(match_named(network, roundtrip(saved))[0], saved)


def smallest_of_every_family() -> list[str]:
    """The network of the shortest name of every family (file) of timm, those without feature maps too."""
    families: dict[str, list[str]] = {}
    for name in timm.list_models():
        families.setdefault(timm.models.model_entrypoint(name).__module__, []).append(name)
    return [min(known, key=lambda name: (len(name), name)) for known in families.values()]


@pytest.mark.long
@pytest.mark.parametrize("name", smallest_of_every_family())
def test_every_family_of_timm(name: str) -> None:
    with torch.device("meta"):
        try:
            size = sum(tensor.numel() for tensor in timm.create_model(name).state_dict().values())
        except (NotImplementedError, RuntimeError):
            size = 0
    if size > 1.5e8:
        pytest.skip("takes gigabytes")
    network = named(f"timm:{name}")
    saved = network.make(7 if network.num_classes else None)
    assert same(match_named(network, roundtrip(saved))[0], saved)


@pytest.mark.long
def test_every_network_of_the_authors() -> None:
    for name in names("authors"):
        if "wide" in name or name.endswith(("164", "152")):
            continue
        saved = make(name, 7)
        assert same(match_named(named(f"authors:{name}"), roundtrip(saved))[0], saved), name
