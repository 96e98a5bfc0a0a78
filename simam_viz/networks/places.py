"""Where SimAM stands in a network, and networks with SimAM wherever it is wanted.

A place is the name, in the network without SimAM, of the layer or block whose output SimAM refines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

from torch import Tensor, nn
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.resnet import ResNet

from ..modules.formulas import check_e_lambda
from ..modules.simam import SimAM
from ..modules.weighing import Removed, Weighing
from ..wording import _, enumeration
from .architectures import BLOCK_KINDS, BLOCKS, attended_convolution, create_model, last_norm, residual_blocks
from .copies import copied
from .outlines import outlined
from .shared import detached


class Attended(nn.Sequential):
    """A convolution and the SimAM that follows it, in the place of the convolution alone."""


def weighing_modules(model: nn.Module) -> dict[str, Weighing]:
    """Every attention module by its name, or names, in the order of the modules; of nested ones the outermost."""
    found: dict[str, Weighing] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, Weighing) and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = module
    return found


def attending_modules(model: nn.Module) -> dict[nn.Module, str]:
    """The modules of ``model`` that are attention, each with its name, in the order of its modules.

    In a network without any: those whose output SimAM would get, where attention was taken out or, failing that, where SimAM's
    authors would put it. SimAM behind a convolution that :func:`insert_simam` put it behind has the convolution's name.
    """
    weighing: dict[nn.Module, str] = {}
    for name, module in weighing_modules(model).items():
        weighing.setdefault(module, name)
    found = {m: name for m, name in weighing.items() if not isinstance(m, Removed)} or weighing
    if not found:
        found = {m[0]: f"{name}.0" for name, m in model.named_modules() if isinstance(m, Attended)}
    if not found:
        convolutions = {attended_convolution(block) for block in residual_blocks(model).values()}
        found = {m: name for name, m in model.named_modules() if m in convolutions}
    parents = {m: name.rpartition(".")[0] for m, name in found.items()}
    return {
        m: parents[m] if isinstance(model.get_submodule(parents[m]), Attended) else name for m, name in found.items()
    }


def authors_places(model: nn.Module) -> tuple[str, ...]:
    """The convolution in each residual block of one of :func:`create_model`'s networks that SimAM's authors let it follow."""
    names = {module: name for name, module in model.named_modules()}
    return tuple(names[attended_convolution(block)] for block in residual_blocks(model).values())


def usual_places(arch: str) -> dict[Literal["convolution", "norm", "block"], tuple[str, ...]]:
    """Where people put SimAM into a residual network, once a block.

    Behind the convolution that its authors chose, behind the last batch norm before the sum, or at the block's end.
    """
    with outlined():
        model = create_model(arch, "none")
    blocks = residual_blocks(model)
    norms = tuple(f"{name}.{last_norm(block)}" for name, block in blocks.items())
    return {"convolution": authors_places(model), "norm": norms, "block": tuple(blocks)}


def places_for_simam(model: nn.Module) -> tuple[str, ...]:
    """Behind what SimAM can stand in one of :func:`create_model`'s networks: every convolution, norm and residual block."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, *BLOCK_KINDS)
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
            _(
                "{arch} has no convolution, norm or residual block called {place!r} for SimAM to stand behind.",
                arch=arch,
                place=unknown[0],
            )
        )
    for place in sorted(lambdas, key=lambda place: -place.count(".")):  # what lies deeper first: it gets a longer name
        _put_behind(model, place, SimAM(lambdas[place]))
    return model


def _put_behind(model: nn.Module, place: str, simam: SimAM) -> None:
    layer = model.get_submodule(place)
    parent, _, child = place.rpartition(".")
    setattr(model.get_submodule(parent), child, Attended(layer, simam).train(layer.training))


def simam_lambdas(model: nn.Module) -> dict[str, float]:
    """λ of every SimAM in any network by its place.

    That is the layer or block that it stands behind or, where no name tells that, the module itself.
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
        elif type(around) in BLOCKS.values():
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
        lambda _module, buffer: buffer,
        # One that asks for gradients is learned, and a weight like others.
        lambda tensor: tensor if tensor.is_leaf and tensor.requires_grad else detached(tensor),
    )
    convolutions = {
        name: m for name, m in result.named_modules(remove_duplicate=False) if isinstance(m, nn.Conv2d) and name
    }
    if isinstance(where, str):
        meant = [name for name in convolutions if re.fullmatch(where, name)]
    else:
        meant = [name for name, convolution in convolutions.items() if where(convolution)]
    if not meant:
        if not convolutions:
            raise ValueError(_("No convolution of this network is meant; it has none."))
        some = enumeration(list(convolutions)[:4])
        raise ValueError(
            _("No convolution of this network is meant; its convolutions are called {names} and so on.", names=some)
        )
    made: dict[nn.Module, Attended] = {}  # a convolution that stands in several places stays one
    for name in meant:
        convolution = convolutions[name]
        if convolution not in made:
            made[convolution] = Attended(convolution, SimAM(e_lambda)).train(convolution.training)
        result.set_submodule(name, made[convolution])
    return result
