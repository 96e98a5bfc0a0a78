"""Networks with and without attention: torchvision's own blocks, with torchvision's parameter names.

SimAM has no parameters, so the network with it and the plain network load the same ``state_dict``. SE, CBAM and ECA have
some, all of them below ``attention`` in their block.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual, MobileNetV2
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops.misc import Conv2dNormActivation

from ..modules.gates import GATES
from ..modules.simam import EachSimAM, FixedMeanSimAM, SimAM, UniformSimAM
from ..modules.weighing import Each, Removed, is_hooked
from ..wording import _, enumeration, later
from .lambdas import set_e_lambda

Attention = Literal["simam", "none", "se", "cbam", "eca"]

ATTENTION_NAMES: dict[str, str] = {"simam": "SimAM", "none": later("none"), "se": "SE", "cbam": "CBAM", "eca": "ECA"}
"""As they are told; :func:`simam_viz.wording._` shows it."""

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


class SimAMBasicBlock(BasicBlock):  # type: ignore[misc]  # torchvision has no types
    """torchvision's BasicBlock with SimAM between its second convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′), as the plain block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.simam(self.conv2(out)))
        return _with_shortcut(self, out, x)


class SimAMBottleneck(Bottleneck):  # type: ignore[misc]  # torchvision has no types
    """torchvision's Bottleneck with SimAM between its second convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′), as the plain block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.simam(self.conv2(out))))
        out = self.bn3(self.conv3(out))
        return _with_shortcut(self, out, x)


class SimAMInvertedResidual(InvertedResidual):  # type: ignore[misc]  # torchvision has no types
    """torchvision's inverted residual with SimAM between its depthwise convolution and that convolution's batch norm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.simam = SimAM()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′), as the plain block."""
        *expand, depthwise, project, norm = self.conv
        out = x
        for layer in expand:
            out = layer(out)
        convolution, *rest = depthwise
        out = self.simam(convolution(out))
        for layer in rest:
            out = layer(out)
        projected: Tensor = norm(project(out))
        return x + projected if self.use_res_connect else projected


def _with_shortcut(block: BasicBlock | Bottleneck, out: Tensor, x: Tensor) -> Tensor:
    """How torchvision's blocks end: the sum with what entered, and ReLU."""
    ended: Tensor = block.relu(out + (x if block.downsample is None else block.downsample(x)))
    return ended


class GatedBasicBlock(BasicBlock):  # type: ignore[misc]  # torchvision has no types
    """torchvision's BasicBlock with a module between its last batch norm and the residual sum."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Stands for what create_model puts here later: so all other weights begin with the plain network's random numbers.
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′), as the plain block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.attention(self.bn2(self.conv2(out)))
        return _with_shortcut(self, out, x)


class GatedBottleneck(Bottleneck):  # type: ignore[misc]  # torchvision has no types
    """torchvision's Bottleneck with a module between its last batch norm and the residual sum."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′), as the plain block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.attention(self.bn3(self.conv3(out)))
        return _with_shortcut(self, out, x)


class GatedInvertedResidual(InvertedResidual):  # type: ignore[misc]  # torchvision has no types
    """torchvision's inverted residual with a module between its last batch norm and the residual sum."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) → (N, C′, H′, W′), as the plain block."""
        out: Tensor = self.attention(self.conv(x))
        return x + out if self.use_res_connect else out


SIMAM_BLOCKS = (SimAMBasicBlock, SimAMBottleneck, SimAMInvertedResidual)
BLOCK_KINDS = (BasicBlock, Bottleneck, InvertedResidual)
BLOCKS = {
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
        raise ValueError(
            _("There is no architecture {arch!r}; choose one of {known}.", arch=arch, known=enumeration(ARCHITECTURES))
        )
    if attention not in get_args(Attention):
        raise ValueError(
            _(
                "attention must be one of {known}, not {attention!r}.",
                known=enumeration(get_args(Attention)),
                attention=attention,
            )
        )
    place = "gated" if attention in GATES else attention
    if arch == "mobilenet_v2":
        model = MobileNetV2(num_classes, block=BLOCKS["inverted", place])
    else:
        kind, layers, options = _ARCHITECTURES[arch]
        model = ResNet(BLOCKS[kind, place], list(layers), num_classes=num_classes, **options)
    if attention in GATES:
        for block in residual_blocks(model).values():
            block.attention = GATES[attention](block.get_submodule(last_norm(block)).num_features)
    set_e_lambda(model, e_lambda)
    return model


def last_norm(block: nn.Module) -> str:
    """The name of the last batch norm before the sum."""
    norms: list[str] = [name for name, module in block.named_modules() if isinstance(module, nn.BatchNorm2d)]
    return [name for name in norms if not name.startswith("downsample")][-1]


def attended_convolution(block: nn.Module) -> nn.Module:
    """The convolution of a residual block that SimAM's authors let it follow."""
    convolution = block.conv[-3][0] if isinstance(block, InvertedResidual) else block.conv2
    assert isinstance(convolution, nn.Module)
    return convolution


def residual_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Every residual block of ``model`` by its name (``"layer1.0"``, ``"features.1"``), in network order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, BLOCK_KINDS)}


_LAYERS = frozenset((
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Linear, nn.Dropout, nn.Identity
))  # fmt: skip
_OURS = _LAYERS | {
    ResNet, MobileNetV2, *BLOCKS.values(), nn.Sequential, Conv2dNormActivation, SimAM, UniformSimAM, FixedMeanSimAM, Each,
    EachSimAM, Removed,
}  # fmt: skip


def is_ours(model: nn.Module) -> bool:
    """Whether ``model`` consists of the layers of :func:`create_model`'s networks alone, and all do what their class does.

    Of those it is known that what SimAM gets, and what a block gives, is not overwritten by the next layer.
    """
    return type(model) in (ResNet, MobileNetV2) and all(
        type(module) in _OURS and "forward" not in vars(module) for module in model.modules()
    )


def is_settled(module: nn.Module) -> bool:
    """Whether no pass through a network of ours changes this module, and a backward pass asks it for no gradient.

    It is a single layer in evaluation mode, without hooks, its parameters frozen; and buffers, which whoever makes a private
    copy may exchange, are those of batch norm.
    """
    own = vars(module)
    return (
        type(module) in _LAYERS
        and not own["training"]
        and not is_hooked(module)
        and (not own["_buffers"] or type(module) is nn.BatchNorm2d)
        and not any(weight is not None and weight.requires_grad for weight in own["_parameters"].values())
    )
