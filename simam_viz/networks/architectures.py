"""Networks with and without attention: torchvision's own blocks, with torchvision's parameter names.

SimAM has no parameters, so the network with it and the plain network load the same ``state_dict``. SE, CBAM and ECA have
some, all of them below ``attention`` in their block.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torchvision.models.mobilenetv2 import InvertedResidual, MobileNetV2
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops.misc import Conv2dNormActivation

from ..modules.formulas import check_e_lambda
from ..modules.gates import GATES
from ..modules.simam import EachSimAM, FixedMeanSimAM, RemovedSimAM, SimAM, UniformSimAM
from .copies import copied

Attention = Literal["simam", "none", "se", "cbam", "eca"]

# Block kind, blocks a stage, and what ResNet takes besides.
_ARCHITECTURES: dict[str, tuple[str, tuple[int, int, int, int], dict[str, Any]]] = {
    "resnet18": ("basic", (2, 2, 2, 2), {}),
    "resnet34": ("basic", (3, 4, 6, 3), {}),
    "resnet50": ("bottleneck", (3, 4, 6, 3), {}),
    "resnet101": ("bottleneck", (3, 4, 23, 3), {}),
    "resnet152": ("bottleneck", (3, 8, 36, 3), {}),
    "resnext50_32x4d": ("bottleneck", (3, 4, 6, 3), {"groups": 32, "width_per_group": 4}),
}

ARCHITECTURES = (*_ARCHITECTURES, "mobilenet_v2")


class SimAMBasicBlock(BasicBlock):
    """torchvision's BasicBlock with SimAM between its second convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.simam(self.conv2(out)))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class SimAMBottleneck(Bottleneck):
    """torchvision's Bottleneck with SimAM between its second convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.simam(self.conv2(out))))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class SimAMInvertedResidual(InvertedResidual):
    """torchvision's inverted residual with SimAM between its depthwise convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        *expand, depthwise, project, norm = self.conv
        out = x
        for layer in expand:
            out = layer(out)
        convolution, *rest = depthwise
        out = self.simam(convolution(out))
        for layer in rest:
            out = layer(out)
        out = norm(project(out))
        return x + out if self.use_res_connect else out


class GatedBasicBlock(BasicBlock):
    """torchvision's BasicBlock with a module between its last batch norm and the residual sum."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Stands for what create_model puts here later: so all other weights begin with the plain network's random numbers.
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.attention(self.bn2(self.conv2(out)))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class GatedBottleneck(Bottleneck):
    """torchvision's Bottleneck with a module between its last batch norm and the residual sum."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.attention(self.bn3(self.conv3(out)))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class GatedInvertedResidual(InvertedResidual):
    """torchvision's inverted residual with a module between its last batch norm and the residual sum."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.attention(self.conv(x))
        return x + out if self.use_res_connect else out


_BLOCK_KINDS = (BasicBlock, Bottleneck, InvertedResidual)
_BLOCKS = {
    ("basic", "none"): BasicBlock,
    ("basic", "simam"): SimAMBasicBlock,
    ("basic", "gated"): GatedBasicBlock,
    ("bottleneck", "none"): Bottleneck,
    ("bottleneck", "simam"): SimAMBottleneck,
    ("bottleneck", "gated"): GatedBottleneck,
    ("inverted", "none"): InvertedResidual,
    ("inverted", "simam"): SimAMInvertedResidual,
    ("inverted", "gated"): GatedInvertedResidual,
}


def create_model(
    arch: str, attention: Attention = "simam", num_classes: int = 1000, e_lambda: float = 0.1
) -> ResNet | MobileNetV2:
    """A freshly initialised network for images (N, 3, H, W) → logits (N, ``num_classes``), in training mode.

    Args:
        arch: one of :data:`ARCHITECTURES`.
        attention: ``"simam"`` puts SimAM where its authors do: after the second convolution of every block of a ResNet,
            after the depthwise convolution of every inverted residual; ``"se"``, ``"cbam"`` and ``"eca"`` stand where
            SimAM's authors put them for comparison: behind the block's last batch norm, before the residual sum;
            ``"none"`` is the plain network. Under one seed, what they share begins with the same weights.
        num_classes: how many classes the last layer tells apart.
        e_lambda: λ of every SimAM module; the other networks have none.

    Raises:
        ValueError: an architecture, attention or λ that does not exist.
    """
    if arch not in ARCHITECTURES:
        raise ValueError(f"There is no architecture {arch!r}; choose one of {', '.join(ARCHITECTURES)}.")
    if attention not in get_args(Attention):
        raise ValueError(f"attention must be one of {', '.join(get_args(Attention))}, not {attention!r}.")
    place = "gated" if attention in GATES else attention
    if arch == "mobilenet_v2":
        model = MobileNetV2(num_classes, block=_BLOCKS["inverted", place])
    else:
        kind, layers, options = _ARCHITECTURES[arch]
        model = ResNet(_BLOCKS[kind, place], list(layers), num_classes=num_classes, **options)
    if attention in GATES:
        for block in residual_blocks(model).values():
            block.attention = GATES[attention](block.get_submodule(_last_norm(block)).num_features)
    set_e_lambda(model, e_lambda)
    return model


def set_e_lambda(model: nn.Module, e_lambda: float | None) -> None:
    """Give every SimAM module of ``model`` this λ; ``None`` leaves each its own.

    Raises:
        ValueError: λ is not one that :func:`simam_viz.modules.formulas.check_e_lambda` takes.
    """
    if e_lambda is None:
        return
    e_lambda = check_e_lambda(e_lambda)
    for module in model.modules():
        if isinstance(module, SimAM):
            module.e_lambda = e_lambda


def common_e_lambda(e_lambdas: Iterable[float]) -> float | None:
    """The λ that all of these are; ``None`` where they differ, or where there is none."""
    different = set(e_lambdas)
    return different.pop() if len(different) == 1 else None


def own_e_lambda(model: nn.Module) -> float | None:
    """The λ that all SimAM modules of ``model`` have; ``None`` where they keep different ones, or where there is none."""
    return common_e_lambda(module.e_lambda for module in model.modules() if isinstance(module, SimAM))


class Attended(nn.Sequential):
    """A convolution and the SimAM that follows it, in the place of the convolution alone."""


def attending_modules(model: nn.Module) -> dict[nn.Module, str]:
    """The modules of ``model`` that work as SimAM does, each with its name, in the order of its modules.

    In a network without SimAM: those whose output it would get, where it was taken out or, failing that, where its authors
    would put it. SimAM behind a convolution that :func:`insert_simam` put it behind has the convolution's name.
    """
    modules = dict(model.named_modules())
    found = {m: name for name, m in modules.items() if isinstance(m, SimAM)}
    if not found:
        found = {m: name for name, m in modules.items() if isinstance(m, RemovedSimAM)}
    if not found:
        found = {m[0]: f"{name}.0" for name, m in modules.items() if isinstance(m, Attended)}
    if not found:
        convolutions = {attended_convolution(block) for block in residual_blocks(model).values()}
        found = {m: name for name, m in modules.items() if m in convolutions}
    parents = {m: name.rpartition(".")[0] for m, name in found.items()}
    return {m: parents[m] if isinstance(modules[parents[m]], Attended) else name for m, name in found.items()}


def authors_places(model: nn.Module) -> tuple[str, ...]:
    """The convolution in each residual block of one of :func:`create_model`'s networks that SimAM's authors let it follow."""
    names = {module: name for name, module in model.named_modules()}
    return tuple(names[attended_convolution(block)] for block in residual_blocks(model).values())


def usual_places(arch: str) -> dict[Literal["convolution", "norm", "block"], tuple[str, ...]]:
    """Where people put SimAM into a residual network, once a block: behind the convolution that its authors chose, behind the
    last batch norm before the sum, or at the block's end.
    """
    with torch.device("meta"):
        model = create_model(arch, "none")
    blocks = residual_blocks(model)
    norms = tuple(f"{name}.{_last_norm(block)}" for name, block in blocks.items())
    return {"convolution": authors_places(model), "norm": norms, "block": tuple(blocks)}


def _last_norm(block: nn.Module) -> str:
    """The name of the last batch norm before the sum."""
    norms = [name for name, module in block.named_modules() if isinstance(module, nn.BatchNorm2d)]
    return [name for name in norms if not name.startswith("downsample")][-1]


def places_for_simam(model: nn.Module) -> tuple[str, ...]:
    """Behind what SimAM can stand in one of :func:`create_model`'s networks: every convolution, norm and residual block."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, *_BLOCK_KINDS)
    return tuple(name for name, module in model.named_modules() if isinstance(module, kinds))


def create_simam_model(arch: str, lambdas: Mapping[str, float], num_classes: int = 1000) -> ResNet | MobileNetV2:
    """As :func:`create_model`, with SimAM wherever it is wanted.

    Args:
        arch: one of :data:`ARCHITECTURES`.
        lambdas: λ of each SimAM by its place: the name of a convolution, norm or residual block of the plain network, whose
            output it refines.
        num_classes: how many classes the last layer tells apart.

    Raises:
        ValueError: an architecture, place or λ that does not exist.
    """
    for e_lambda in lambdas.values():
        check_e_lambda(e_lambda)
    model = create_model(arch, "simam", num_classes)
    places = authors_places(model)
    if lambdas.keys() <= set(places):
        for place, block in zip(places, residual_blocks(model).values(), strict=True):
            block.simam = SimAM(lambdas[place]) if place in lambdas else nn.Identity()
        return model
    model = create_model(arch, "none", num_classes)
    known = places_for_simam(model)
    if unknown := [place for place in lambdas if place not in known]:
        raise ValueError(
            f"{arch} has no convolution, norm or residual block called {unknown[0]!r} for SimAM to stand behind."
        )
    for place in sorted(lambdas, key=lambda place: -place.count(".")):  # what lies deeper first: it gets a longer name
        _put_behind(model, place, SimAM(lambdas[place]))
    return model


def _put_behind(model: nn.Module, place: str, simam: SimAM) -> None:
    layer = model.get_submodule(place)
    parent, _, child = place.rpartition(".")
    setattr(model.get_submodule(parent), child, Attended(layer, simam).train(layer.training))


def simam_lambdas(model: nn.Module) -> dict[str, float]:
    """λ of every SimAM in any network by its place: the layer or block that it stands behind or, where no name tells that,
    the module itself.
    """
    modules = dict(model.named_modules())
    plain = _plain_name(model)
    found = {}
    for name, module in modules.items():
        if not isinstance(module, SimAM):
            continue
        parent = name.rpartition(".")[0]
        around = modules[parent]
        if isinstance(around, Attended):
            place = plain(parent)
        elif type(around) in _BLOCKS.values():
            layer = attended_convolution(around)
            place = plain(next(path for path, other in modules.items() if other is layer))
        else:
            place = plain(name)
        found[place] = module.e_lambda
    return found


def plain_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """``model.state_dict()`` under the names that the tensors have where no SimAM was inserted."""
    plain = _plain_name(model)
    return {plain(name): tensor for name, tensor in model.state_dict().items()}


def load_plain_state_dict(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give ``model`` the tensors that go by the names of the network without SimAM; they are shared, not copied."""
    plain = _plain_name(model)
    model.load_state_dict({name: weights[plain(name)] for name in model.state_dict()}, assign=True)


def _plain_name(model: nn.Module) -> Callable[[str], str]:
    """What a name would be if no SimAM were inserted: a layer in an :class:`Attended` is called by its place, not ``….0``."""
    attended = [name for name, module in model.named_modules() if isinstance(module, Attended)]

    def plain(name: str) -> str:
        for around in reversed(attended):  # the deepest first
            if name == f"{around}.0" or name.startswith(f"{around}.0."):
                name = around + name[len(around) + 2 :]
        return name

    return plain


def attended_convolution(block: nn.Module) -> nn.Module:
    """The convolution of a residual block that SimAM's authors let it follow."""
    return block.conv[-3][0] if isinstance(block, InvertedResidual) else block.conv2


def residual_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Every residual block of ``model`` by its name (``"layer1.0"``, ``"features.1"``), in network order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, _BLOCK_KINDS)}


_OURS = {
    ResNet, MobileNetV2, *_BLOCKS.values(), nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.MaxPool2d, nn.AdaptiveAvgPool2d,
    nn.Linear, nn.Dropout, nn.Sequential, Conv2dNormActivation, SimAM, UniformSimAM, FixedMeanSimAM, EachSimAM, RemovedSimAM,
    nn.Identity,
}  # fmt: skip


def is_ours(model: nn.Module) -> bool:
    """Whether ``model`` consists of the layers of :func:`create_model`'s networks alone: of those it is known that what SimAM
    gets, and what a block gives, is not overwritten by the next layer.
    """
    return type(model) in (ResNet, MobileNetV2) and all(type(module) in _OURS for module in model.modules())


def _first_block(model: nn.Module) -> nn.Module | None:
    return next((module for module in model.modules() if isinstance(module, _BLOCK_KINDS)), None)


@dataclass(frozen=True, eq=False)
class Stem:
    """What a network makes of an image before its first SimAM, where no λ reaches."""

    entering: Tensor
    """What enters the first residual block, (1, C, H, W)."""
    features: Tensor
    """What enters its SimAM, (1, C, H, W)."""


def stem(model: nn.Module, x: Tensor) -> Stem | None:
    """The stem of one of :func:`create_model`'s networks for an input (1, 3, S, S); ``None`` for any other network.

    Whoever calls it sees to evaluation mode and says whether gradients are wanted.
    """
    block = _first_block(model)
    # Whatever was inserted elsewhere, or derives from these networks, may do other things on the way.
    if type(model) not in (ResNet, MobileNetV2) or type(block) not in _BLOCKS.values():
        return None
    if isinstance(model, MobileNetV2):
        before, (*expand, depthwise, _, _) = model.features[0], block.conv
        way = [*before, *(layer for part in expand for layer in part), depthwise[0]]
        entering, features = nn.Sequential(before), nn.Sequential(*expand, depthwise[0])
    else:
        before = [model.conv1, model.bn1, model.relu, model.maxpool]
        way = [*before, block.conv1, block.bn1, block.relu, block.conv2]
        entering, features = nn.Sequential(*before), nn.Sequential(block.conv1, block.bn1, block.relu, block.conv2)
    if not all(type(layer) in _PLAIN_LAYERS for layer in way) or not _runs_as_written(model):
        return None
    x = entering(x)
    return Stem(x, features(x))


_PLAIN_LAYERS = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.MaxPool2d)


def _runs_as_written(model: nn.Module) -> bool:
    """Whether every module runs where it stands and nowhere else, by the ``forward`` of its class, with no hook."""
    seen = set()
    for _, module in model.named_modules(remove_duplicate=False):
        if module in seen or "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
            return False
        seen.add(module)
    return True


@torch.inference_mode(False)
def begin_behind(model: nn.Module, stem: Stem, copies: int) -> None:
    """Let ``model``, a private copy, go on from its ``stem`` as a batch of ``copies``, whatever input it is given."""
    block = _first_block(model)
    entering, features = (_Given(tensor.expand(copies, -1, -1, -1)) for tensor in (stem.entering, stem.features))
    # Stands for what is not computed again; of its own, since the block's ReLU works in place.
    nothing = _Given(stem.features.new_empty(0))
    if isinstance(model, MobileNetV2):
        model.features[0] = entering
        *expand, depthwise, _, _ = block.conv
        for index, _ in enumerate(expand):
            block.conv[index] = nothing
        depthwise[0] = features
        return
    model.conv1, model.bn1, model.relu, model.maxpool = entering, nn.Identity(), nn.Identity(), nn.Identity()
    block.conv1, block.bn1, block.conv2 = nothing, nn.Identity(), features


class _Given(nn.Module):
    """The same output for every input."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        return self.output


@dataclass(frozen=True)
class ReceptiveField:
    """Which input pixels the neurons of a layer see, on one axis: neuron i sees ``start + i · stride`` and ``size`` on.

    ``start`` is negative where the field reaches into the padding.
    """

    size: int
    stride: int
    start: int

    def of(self, index: int) -> tuple[int, int]:
        """First and last-plus-one pixel that neuron ``index`` sees; may lie outside the picture."""
        first = self.start + index * self.stride
        return first, first + self.size

    def through(self, layer: nn.Module) -> ReceptiveField:
        """The field of a square convolution or pooling that follows."""
        kernel, stride, padding, dilation = (
            value if isinstance(value, int) else value[0]
            for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        )
        return ReceptiveField(
            self.size + (kernel - 1) * dilation * self.stride, self.stride * stride, self.start - padding * self.stride
        )


def receptive_field(model: nn.Module, block: str) -> ReceptiveField:
    """The receptive field of the neurons that enter SimAM in ``block``, through convolutions and pooling alone.

    SimAM itself compares a neuron with its whole channel: through the weights of earlier blocks, every neuron depends a
    little on the whole picture.

    Raises:
        ValueError: the network is not one of :func:`create_model`'s, or has no such block.
    """
    around = {module: name for name, outer in residual_blocks(model).items() for module in outer.modules()}
    there = (m for m, name in attending_modules(model).items() if block in (name, around.get(m)))
    end = next(there, None)
    if not isinstance(model, (ResNet, MobileNetV2)) or end is None:
        raise ValueError(f"The receptive field of {block} is not known in this network.")
    inserted = {m for attended in model.modules() if isinstance(attended, Attended) for m in attended.children()}
    if not isinstance(end, nn.Conv2d) and end not in inserted:  # one of our own blocks, which name SimAM last
        end = attended_convolution(model.get_submodule(around[end]))
    field = ReceptiveField(1, 1, 0)
    for name, layer in model.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)) and ".downsample." not in f".{name}.":
            field = field.through(layer)
        if layer is end:
            return field
    raise AssertionError("SimAM stands behind a convolution")


def count_parameters(model: nn.Module) -> int:
    """How many numbers the network learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, input_size: int) -> int:
    """Multiplications, each with its addition, in the convolutions and dense layers for one image of this size.

    Counted on shapes alone: nothing is computed. SimAM itself is left out, as its authors leave it out; it adds four a neuron.

    Raises:
        ValueError: the network cannot run at this size.
    """
    counted = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        counted += output.numel() * layer.weight[0].numel()

    def shape(tensor: Tensor) -> Tensor:
        return tensor.detach().to("meta")

    shapes = copied(model, lambda weight: nn.Parameter(shape(weight), requires_grad=False), shape, shape).eval()
    for layer in shapes.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    try:
        with torch.no_grad():
            shapes(torch.empty(1, 3, input_size, input_size, device="meta"))
    except RuntimeError:
        raise ValueError(f"This network cannot run on images of {input_size} × {input_size} pixels.") from None
    return counted


def shared_copy(model: nn.Module) -> nn.Module:
    """A copy of ``model``'s module tree, in evaluation mode, that shares the memory of its parameters and buffers.

    Hooks, λ and whole modules can be changed on the copy while others use the original. Its parameters ask for no
    gradient, so a backward pass through it reaches activations only. A tensor that is a plain attribute is copied: networks
    keep there what a pass may write, such as the grid of a detector's anchors.

    Raises:
        ValueError: a module defines its own way to be copied, and that fails.
    """
    return copied(
        model, lambda weight: nn.Parameter(weight.detach(), requires_grad=False), lambda buffer: buffer, _detached
    ).eval()


@torch.inference_mode(False)
def own_buffers(model: nn.Module) -> None:
    """Give ``model``, a private copy, buffers of its own wherever a pass might write into those that it shares.

    Batch norm and its kind write theirs in training mode alone.
    """
    made: dict[int, Tensor] = {}  # one that several modules have stays one
    for module in model.modules():
        if not isinstance(module, _NORMS):
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = made.setdefault(id(buffer), buffer.clone())


_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d
)  # fmt: skip


@torch.inference_mode(False)
def _detached(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def weights_memory(model: nn.Module, leaving_out: Sequence[str] = ()) -> tuple[object, ...]:
    """Tells where the parameters and buffers of ``model`` lie: equal for networks of the same layers that share them, whatever
    SimAM does in them.

    It outlives the network: memory that was given back and taken anew is another one.

    Args:
        leaving_out: names of modules of which nothing is to be told.
    """
    found: list[object] = []
    for name, module in model.named_modules(remove_duplicate=False):
        if not any(name == place or name.startswith(f"{place}.") for place in leaving_out):
            found.append((name, SimAM if isinstance(module, (SimAM, RemovedSimAM)) else type(module)))
            for tensors in (module._parameters, module._buffers):
                found += [(key, _in_memory(tensor)) for key, tensor in tensors.items() if tensor is not None]
    return tuple(found)


def _in_memory(tensor: Tensor) -> tuple[object, ...]:
    if tensor.layout != torch.strided:  # a sparse one has no memory of its own to point at
        return tensor.layout, tensor.shape
    return (
        StorageWeakRef(tensor.untyped_storage()),
        tensor.dtype,
        tensor.storage_offset(),
        tensor.shape,
        tensor.stride(),
    )


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over the names and values of all parameters and buffers: equal for equal weights, whatever file they came in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def insert_simam(model: nn.Module, where: str | Callable[[nn.Conv2d], bool], e_lambda: float = 0.1) -> nn.Module:
    r"""A new network: ``model`` with SimAM after some of its convolutions. It shares its weights with ``model``.

    A convolution that was ``features.0`` is ``features.0.0`` in the new network, and SimAM ``features.0.1``, as in the
    authors' own networks.

    Args:
        model: any network whose feature maps are (N, C, H, W); it stays as it is.
        where: which convolutions: a regular expression that their whole name must match, such as
            ``r"layer\d\.\d+\.conv2"``, or a function of the convolution, such as ``lambda conv: conv.groups > 1``.
        e_lambda: λ of every new SimAM.

    Raises:
        ValueError: no convolution is meant, or λ is not above 0.
    """
    result = copied(
        model,
        lambda weight: weight,
        lambda buffer: buffer,
        # One that asks for gradients is learned, and a weight like others.
        lambda tensor: tensor if tensor.is_leaf and tensor.requires_grad else _detached(tensor),
    )
    convolutions = {
        name: m for name, m in result.named_modules(remove_duplicate=False) if isinstance(m, nn.Conv2d) and name
    }
    if isinstance(where, str):
        meant = [name for name in convolutions if re.fullmatch(where, name)]
    else:
        meant = [name for name, convolution in convolutions.items() if where(convolution)]
    if not meant:
        some = ", ".join(list(convolutions)[:4]) or "none"
        raise ValueError(f"No convolution of this network is meant; its convolutions are called {some} and so on.")
    made: dict[nn.Module, Attended] = {}  # a convolution that stands in several places stays one
    for name in meant:
        convolution = convolutions[name]
        if convolution not in made:
            made[convolution] = Attended(convolution, SimAM(e_lambda)).train(convolution.training)
        result.set_submodule(name, made[convolution])
    return result


def replace_modules(model: nn.Module, kind: type[nn.Module], make: Callable[[nn.Module], nn.Module]) -> None:
    """Replace every module of type ``kind`` inside ``model`` by ``make(module)``: one that stands in several places by the
    same one.
    """
    made: dict[nn.Module, nn.Module] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if name and isinstance(module, kind):
            if module not in made:
                made[module] = make(module)
            model.set_submodule(name, made[module])
