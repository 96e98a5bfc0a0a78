"""What is trained and how, as one description: by name, from a YAML file, and as one."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from ..wording import _, enumeration
from .network import Design
from .recipe import Recipe, checked, checked_stage, format_stages, parse_stages

_CIFAR_MEAN, _CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


@dataclass(frozen=True)
class Setup:
    """A network and its recipe."""

    design: Design = field(default_factory=Design)
    recipe: Recipe = field(default_factory=Recipe)


# What the authors' training code does, and their README's commands for it; only the weights of the last step are kept.
_AUTHORS = Recipe(
    peak_rate=0.1,
    warm_up=0.0,
    nesterov=False,
    decay_everything=True,
    label_smoothing=0.0,
    averaging=0.0,
    statistics_batches=0,
)
_IMAGENET = replace(
    _AUTHORS,
    stages=((224, 100),),
    batch_size=256,
    weight_decay=1e-4,
    drops=(30, 60, 90),
    crop_area=(0.08, 1.0),
    e_lambda=0.1,
    centre=224 / 256,
)
_CIFAR = replace(
    _AUTHORS,
    stages=((32, 164),),
    batch_size=128,
    weight_decay=5e-4,
    drops=(82, 123),
    padding=4,
    e_lambda=1e-4,
    mean=_CIFAR_MEAN,
    std=_CIFAR_STD,
)
_MOBILENET = replace(_IMAGENET, stages=((224, 150),), peak_rate=0.05, weight_decay=4e-5, drops=())

SETUPS: dict[str, Setup] = {
    **{
        f"imagenet-simam-{arch}": Setup(Design(arch), _IMAGENET)
        for arch in ("resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d")
    },
    "imagenet-simam-mobilenet_v2": Setup(Design("mobilenet_v2"), _MOBILENET),
    **{
        f"cifar{classes}-resnet{depth}": Setup(Design(f"authors:cifar/resnet{depth}"), _CIFAR)
        for classes in (10, 100)
        for depth in (20, 56)
    },
}
"""The settings of SimAM's authors, by name."""

_DESIGN = {each.name: each for each in fields(Design)}
_RECIPE = {each.name: each for each in fields(Recipe)}


def read_setup(source: str) -> Setup:
    """A setup by its name in :data:`SETUPS`, or from a YAML file.

    A file has the fields of :class:`Design` and :class:`Recipe` for keys; what it leaves out is as by default.

    Raises:
        ValueError: there is no such setup, or an entry makes no sense.
        OSError: the file cannot be read.
    """
    if source in SETUPS:
        return SETUPS[source]
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(
            _(
                "There is no recipe {name!r}; name a YAML file, or one of {known}.",
                name=source,
                known=enumeration(SETUPS),
            )
        )
    try:
        entries = msgspec.yaml.decode(path.read_bytes(), type=dict[str, Any])
        _check_names(entries)
        if "stages" in entries and isinstance(entries["stages"], str):
            entries["stages"] = parse_stages(entries["stages"])
        design = msgspec.convert({name: value for name, value in entries.items() if name in _DESIGN}, Design)
        recipe = msgspec.convert({name: value for name, value in entries.items() if name in _RECIPE}, Recipe)
        for px, epochs in recipe.stages:
            checked_stage(px, epochs)
        return Setup(design, checked(recipe))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(_("The recipe {file} cannot be read: {reason}.", file=path, reason=error)) from None


def as_yaml(setup: Setup) -> str:
    """What :func:`read_setup` reads."""
    entries = {name: getattr(setup.design, name) for name in _DESIGN}
    entries |= {name: getattr(setup.recipe, name) for name in _RECIPE}
    return msgspec.yaml.encode(entries | {"stages": format_stages(setup.recipe.stages)}).decode()


def _check_names(entries: dict[str, Any]) -> None:
    known = [*_DESIGN, *_RECIPE]
    for name in entries:
        if name not in known:
            closest = difflib.get_close_matches(str(name), known, 3, 0)
            raise ValueError(
                _(
                    "A recipe has no entry {name!r}; the closest are {closest}.",
                    name=name,
                    closest=enumeration(closest),
                )
            )
