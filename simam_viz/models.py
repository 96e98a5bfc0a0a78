"""Networks with and without attention: torchvision's own blocks, with torchvision's parameter names.

SimAM has no parameters, so the network with it and the plain network load the same ``state_dict``. SE, CBAM and ECA have
some, all of them below ``attention`` in their block.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual, MobileNetV2
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from .formulas import check_e_lambda
from .gates import GATES
from .simam import SimAM

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


def set_e_lambda(model: nn.Module, e_lambda: float) -> None:
    """Give every SimAM module of ``model`` this λ; ``ValueError`` unless it is above 0."""
    e_lambda = check_e_lambda(e_lambda)
    for module in model.modules():
        if isinstance(module, SimAM):
            module.e_lambda = e_lambda


class Attended(nn.Sequential):
    """A convolution and the SimAM that follows it, in the place of the convolution alone."""


@dataclass(frozen=True)
class Site:
    """A place in a network where SimAM works, or would."""

    name: str
    simam: SimAM | None
    """The module there; ``None`` in a network without SimAM."""
    convolution: nn.Module | None
    """Whose output SimAM would get, where there is none."""
    output: nn.Module
    """Whose output Grad-CAM explains: the residual block around the site or, where there is none, SimAM itself."""

    @property
    def within_block(self) -> bool:
        """Whether ``output`` is a residual block around the site."""
        return isinstance(self.output, _BLOCK_KINDS)


def sites(model: nn.Module) -> list[Site]:
    """Every place of ``model`` where SimAM works, in the order of its modules.

    In a network without SimAM: where it was taken out or, failing that, where its authors would put it. A site that is the
    only one of its residual block has the block's name, any other that of its convolution or of its SimAM.
    """
    modules = dict(model.named_modules())
    names = {module: name for name, module in modules.items()}
    blocks = residual_blocks(model)
    places = [(m, m, None) for m in names if isinstance(m, SimAM)]
    places = places or [(m, None, m[0]) for m in names if isinstance(m, Attended)]
    if not places:
        return [Site(name, None, attended_convolution(block), block) for name, block in blocks.items()]
    around = {module: block for block in blocks.values() for module in block.modules()}
    in_block = Counter(around[place] for place, *_ in places if place in around)
    found = []
    for place, simam, convolution in places:
        block = around.get(place)
        if block is not None and in_block[block] == 1:
            found.append(Site(names[block], simam, convolution, block))
        else:
            parent = names[place].rpartition(".")[0]
            name = parent if isinstance(modules[parent], Attended) else names[place]
            found.append(Site(name, simam, convolution, place))
    return found


def authors_places(model: nn.Module) -> tuple[str, ...]:
    """The convolution in each residual block of one of :func:`create_model`'s networks that SimAM's authors let it follow."""
    names = {module: name for name, module in model.named_modules()}
    return tuple(names[attended_convolution(block)] for block in residual_blocks(model).values())


def usual_places(arch: str) -> dict[Literal["convolution", "norm", "block"], tuple[str, ...]]:
    """Where people put SimAM into a residual network, once a block: behind the convolution that its authors chose, behind the
    last batch norm before the sum, or at the block's end."""
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
        raise ValueError(f"{arch} has no convolution, norm or residual block called {unknown[0]!r} for SimAM to stand behind.")
    for place in sorted(lambdas, key=lambda place: -place.count(".")):  # what lies deeper first: it gets a longer name
        _put_behind(model, place, SimAM(lambdas[place]))
    return model


def _put_behind(model: nn.Module, place: str, simam: SimAM) -> None:
    layer = model.get_submodule(place)
    parent, _, child = place.rpartition(".")
    setattr(model.get_submodule(parent), child, Attended(layer, simam).train(layer.training))


def simam_lambdas(model: nn.Module) -> dict[str, float]:
    """λ of every SimAM in any network by its place: the layer or block that it stands behind or, where no name tells that,
    the module itself."""
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
    if any(isinstance(module, Attended) for module in model.modules()):
        return None
    if isinstance(model, MobileNetV2):
        entering = model.features[0](x)
        *expand, depthwise, _, _ = block.conv
        return Stem(entering, depthwise[0](nn.Sequential(*expand)(entering)))
    entering = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    return Stem(entering, block.conv2(block.relu(block.bn1(block.conv1(entering)))))


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
    site = next((site for site in sites(model) if site.name == block), None)
    if not isinstance(model, (ResNet, MobileNetV2)) or site is None:
        raise ValueError(f"The receptive field of {block} is not known in this network.")
    inserted = {m[1] for m in model.modules() if isinstance(m, Attended) and len(m) == 2}
    end = site.simam if site.simam in inserted else site.convolution or attended_convolution(site.output)
    field = ReceptiveField(1, 1, 0)
    for name, layer in model.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)) and ".downsample." not in f".{name}.":
            field = field.through(layer)
        if layer is end:
            return field
    raise AssertionError("a site follows a convolution")


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

    shapes: dict[int, Any] = {id(buffer): buffer.to("meta") for buffer in model.buffers()}
    shapes |= {id(weight): nn.Parameter(weight.detach().to("meta"), False) for weight in model.parameters()}
    copied = copy.deepcopy(model, shapes).eval()
    for layer in copied.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    try:
        with torch.no_grad():
            copied(torch.empty(1, 3, input_size, input_size, device="meta"))
    except RuntimeError:
        raise ValueError(f"This network cannot run on images of {input_size} × {input_size} pixels.") from None
    return counted


def shared_copy(model: nn.Module) -> nn.Module:
    """A copy of ``model``'s module tree, in evaluation mode, that shares the memory of its parameters and buffers.

    Hooks, λ and whole modules can be changed on the copy while others use the original. Its parameters ask for no
    gradient, so a backward pass through it reaches activations only.
    """
    shared: dict[int, Any] = {}
    for module in model.modules():  # once: parameters() and buffers() would each walk the whole tree again
        shared |= {id(buffer): buffer for buffer in module._buffers.values() if buffer is not None}
        for weight in module._parameters.values():
            if weight is not None and id(weight) not in shared:
                shared[id(weight)] = nn.Parameter(weight.detach(), requires_grad=False)
    return _copied_tree(model, shared).eval()


_IMMUTABLE = (type(None), bool, int, float, str)


def _copied_tree(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """``copy.deepcopy(module, memo)``, several times as fast: short ways for what most modules are made of.

    Every tensor of the module is in ``memo``.
    """
    kind = type(module)
    if id(module) in memo or hasattr(kind, "__deepcopy__") or kind.__reduce_ex__ is not object.__reduce_ex__:
        return copy.deepcopy(module, memo)
    memo[id(module)] = result = kind.__new__(kind)
    state = {}
    for name, value in module.__getstate__().items():
        if name == "_modules":
            state[name] = {child: m if m is None else _copied_tree(m, memo) for child, m in value.items()}
        elif name in ("_parameters", "_buffers"):
            state[name] = {key: memo.get(id(tensor), tensor) for key, tensor in value.items()}
        elif type(value) in _IMMUTABLE or (type(value) is tuple and all(type(part) in _IMMUTABLE for part in value)):
            state[name] = value
        elif not value and isinstance(value, (dict, set)):
            state[name] = value.copy()
        else:
            state[name] = copy.deepcopy(value, memo)
    result.__setstate__(state)
    return result


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
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    result = copy.deepcopy(model, shared)
    convolutions = {name: m for name, m in result.named_modules() if isinstance(m, nn.Conv2d) and name}
    if isinstance(where, str):
        meant = [name for name in convolutions if re.fullmatch(where, name)]
    else:
        meant = [name for name, convolution in convolutions.items() if where(convolution)]
    if not meant:
        some = ", ".join(list(convolutions)[:4]) or "none"
        raise ValueError(f"No convolution of this network is meant; its convolutions are called {some} and so on.")
    for name in meant:
        _put_behind(result, name, SimAM(e_lambda))
    return result


def replace_modules(model: nn.Module, kind: type[nn.Module], make: Callable[[nn.Module], nn.Module]) -> None:
    """Replace every module of type ``kind`` inside ``model`` by ``make(module)``."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                setattr(parent, name, make(child))
