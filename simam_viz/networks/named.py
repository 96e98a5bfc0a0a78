"""Networks that others publish, by name (``timm:NAME``, ``torchvision:NAME``, ``authors:NAME``), with what their input must be."""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torchvision
from torch import nn
from torchvision.models import ResNet18_Weights, get_model_weights, list_models

from ..wording import _, counted, enumeration, later, together
from .authors import catalogue

SOURCES = ("timm", "torchvision", "authors")
"""What stands before the colon of a name."""

_Output = Literal["classes", "pixels", "boxes", "embedding"]
_Triple = tuple[float, ...]

_IMAGENET: tuple[_Triple, _Triple] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CIFAR: tuple[_Triple, _Triple] = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
_CIFAR_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_DETECTOR_SIZES = {
    "ssd300_vgg16": 300,
    "ssdlite320_mobilenet_v3_large": 320,
    "fasterrcnn_mobilenet_v3_large_320_fpn": 320,
}
"""To what their networks resize a photo themselves; all others to 800 pixels."""
_AUXILIARY = {
    "deeplabv3": ("aux_classifier",),
    "fcn": ("aux_classifier",),
    "googlenet": ("aux1", "aux2"),
    "inception": ("AuxLogits",),
}


@dataclass(frozen=True)
class Named:
    """A network that can be made by name, and what its published weights were given."""

    name: str
    """With its source: ``"timm:resnet50.a1_in1k"``."""
    output: _Output
    num_classes: int
    """How many classes it tells apart where nothing else is said; a detector's or segmenter's background is one of them."""
    input_size: tuple[int, int]
    """Height and width in pixels."""
    mean: _Triple | None
    """Of the normalised channels; ``None`` where the network normalises what it gets itself."""
    std: _Triple | None
    crop: float | None
    """The side of the central square that is looked at, as a share of the shorter side; ``None``: the whole photo."""
    interpolation: str
    """How the photo is resized: ``"bilinear"``, ``"bicubic"`` …"""
    categories: tuple[str, ...] | None
    """Names of its ``num_classes`` classes, where they are known."""
    published: bool
    """Whether there are weights that :meth:`make` can download."""
    note: str = ""
    """What else must be known of it; English, for ``_`` to show."""
    auxiliary: tuple[str, ...] = ()
    """Heads for training alone, which published weights have and a network of one's own may have been trained without."""
    _make: Callable[[int, bool], nn.Module] = field(repr=False, compare=False, kw_only=True)

    def make(self, num_classes: int | None = None, pretrained: bool = False) -> nn.Module:
        """The network in evaluation mode, its weights random numbers or, only where ``pretrained`` asks for them, downloaded.

        Raises:
            ValueError: there are no such weights, they tell another number of classes apart, or they could not be downloaded.
        """
        classes = self.num_classes if num_classes is None else num_classes
        if pretrained:
            self._check_published(classes)
        try:
            return self._make(classes, pretrained).eval()
        except Exception as error:
            if not pretrained:
                raise
            raise ValueError(
                _(
                    "The published weights of {name} could not be had ({kind}: {reason}).",
                    name=self.name,
                    kind=type(error).__name__,
                    reason=_first_line(error),
                )
            ) from error

    @property
    def in_words(self) -> str:
        """What it is and what it is given, in sentences."""
        told = [
            counted(
                "{name} tells one class apart.", "{name} tells {count} classes apart.", self.num_classes, name=self.name
            )
            if self.num_classes
            else _("{name} answers with features, not with classes.", name=self.name)
        ]
        height, width = self.input_size
        share = None if self.crop is None else f"{100 * self.crop:.4g}"
        told.append(
            _("It sees the whole photo at {height} × {width} pixels ({interpolation}).", **self._places(height, width))
            if share is None
            else _(
                "It sees {height} × {width} pixels ({interpolation}), cut from the middle: {share} % of the shorter side.",
                share=share,
                **self._places(height, width),
            )
        )
        if self.mean is not None and self.std is not None:
            mean, std = (", ".join(f"{value:g}" for value in values) for values in (self.mean, self.std))
            told.append(_("Its input is normalised by mean {mean} and standard deviation {std}.", mean=mean, std=std))
        else:
            told.append(_("It normalises its input itself."))
        return together(*told, _(self.note) if self.note else "")

    def _places(self, height: int, width: int) -> dict[str, object]:
        return {"height": height, "width": width, "interpolation": self.interpolation}

    def _check_published(self, classes: int) -> None:
        if not self.published:
            raise ValueError(
                _("{name} has no weights that can be downloaded from here: open a file of weights.", name=self.name)
            )
        if classes != self.num_classes:
            raise ValueError(
                _(
                    "The published weights of {name} tell {published} classes apart, not {asked}.",
                    name=self.name,
                    published=self.num_classes,
                    asked=classes,
                )
            )


def is_named(name: str) -> bool:
    """Whether ``name`` begins as those that :func:`named` takes do; ``False`` for a file of one's own."""
    source, colon, _rest = name.partition(":")
    return bool(colon) and source in SOURCES


def named(name: str) -> Named:
    """What is known of the network called ``name``; nothing is made or downloaded yet.

    Args:
        name: ``"timm:NAME"``, ``"torchvision:NAME"`` (classifiers, detectors, segmenters) or ``"authors:NAME"`` (see
            :func:`simam_viz.networks.authors.catalogue.names`).

    Raises:
        ValueError: there is no such source or network (the message has the closest names), it takes no photos, or timm is
            not installed.
    """
    source, _colon, rest = name.partition(":")
    if source not in SOURCES:
        raise ValueError(
            _(
                "A network has a name like timm:NAME, torchvision:NAME or authors:NAME, not {name!r}.",
                name=name,
            )
        )
    return {"timm": _timm, "torchvision": _torchvision, "authors": _authors}[source](rest)


def names(source: str) -> list[str]:
    """All names that may stand behind ``source`` and its colon; ``ValueError`` where timm is not installed."""
    if source == "timm":
        timm = _installed_timm()
        return [*timm.list_models(), *timm.list_pretrained()]
    return list(_for_photos()) if source == "torchvision" else catalogue.names()


def _authors(name: str) -> Named:
    model, _kind, _reduction = catalogue.parsed(name)
    small = model.startswith("cifar/")
    mean, std = _CIFAR if small else _IMAGENET
    side = 32 if small else 224
    return Named(
        f"authors:{name}",
        "classes",
        10 if small else 1000,
        (side, side),
        mean,
        std,
        1.0 if small else 224 / 256,
        "bilinear",
        _CIFAR_10 if small else _imagenet_categories(),
        published=False,
        _make=lambda classes, _pretrained: catalogue.make(name, classes),
    )


@functools.cache
def _for_photos() -> dict[str, _Output]:
    """Every network of torchvision that takes photos, and what it answers."""
    return {
        **dict.fromkeys(list_models(module=torchvision.models), "classes"),
        **dict.fromkeys(list_models(module=torchvision.models.detection), "boxes"),
        **dict.fromkeys(list_models(module=torchvision.models.segmentation), "pixels"),
    }


def _torchvision(name: str) -> Named:
    output = _for_photos().get(name)
    if output is None and name in list_models():
        raise ValueError(
            _("torchvision's {name} takes videos, pairs of frames or whole numbers, no photos.", name=name)
        )
    if output is None:
        raise _unknown("torchvision", name)
    weights = get_model_weights(name).DEFAULT
    preset, categories = weights.transforms(), tuple(weights.meta["categories"])
    detects, old = output == "boxes", name in ("googlenet", "inception_v3")
    auxiliary = _AUXILIARY.get(name.partition("_")[0], ())
    if output == "classes":
        (side,), (resized,) = preset.crop_size, preset.resize_size
    else:
        side = resized = _DETECTOR_SIZES.get(name, 800) if detects else preset.resize_size[0]

    def make(classes: int, pretrained: bool) -> nn.Module:
        options: dict[str, Any] = {"weights": weights if pretrained else None, "num_classes": classes}
        if output != "classes":
            options["weights_backbone"] = None  # it would be downloaded else
        if auxiliary == ("aux_classifier",):
            options["aux_loss"] = True  # as the published weights are
        if old and not pretrained:
            # Their own beginning takes half a minute, and a warning.
            options |= {"init_weights": False, "transform_input": True}
        made: nn.Module = torchvision.models.get_model(name, **options)
        return made

    return Named(
        f"torchvision:{name}",
        output,
        len(categories),
        (side, side),
        None if detects else tuple(preset.mean),
        None if detects else tuple(preset.std),
        side / resized if output == "classes" else None,
        "bilinear" if detects else preset.interpolation.value,
        categories,
        published=True,
        note=later("It rescales its input inside, as torchvision's published weights want it (transform_input=True).")
        if old
        else "",
        auxiliary=auxiliary,
        _make=make,
    )


def _timm(name: str) -> Named:
    timm = _installed_timm()
    arch, _dot, tag = name.partition(".")
    # Not by timm's own word alone: it goes to the internet for a name with another colon in it.
    if not timm.is_model(arch) or (tag and name not in timm.list_pretrained(f"{arch}.*")):
        raise _unknown("timm", name)
    facts = timm.get_pretrained_cfg(name)
    classes: int = facts.num_classes
    channels, height, width = facts.input_size

    def make(classes: int, pretrained: bool) -> nn.Module:
        made: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=classes)
        return made

    return Named(
        f"timm:{name}",
        "classes" if classes else "embedding",
        classes,
        (height, width),
        tuple(facts.mean)[:channels],
        tuple(facts.std)[:channels],
        float(facts.crop_pct),
        facts.interpolation,
        _timm_categories(timm, facts),
        published=bool(facts.has_weights),
        _make=make,
    )


def _timm_categories(timm: Any, facts: Any) -> tuple[str, ...] | None:
    if facts.label_names:
        return tuple(facts.label_names)
    subset = timm.data.infer_imagenet_subset(facts)
    if subset == "imagenet-1k":
        return _imagenet_categories()
    if not subset:
        return None
    described = tuple(timm.data.ImageNetInfo(subset).label_descriptions())
    return described if len(described) == facts.num_classes else None


def _installed_timm() -> Any:
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ValueError(_("timm is not installed: pip install timm brings it.")) from None


def _imagenet_categories() -> tuple[str, ...]:
    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def _unknown(source: str, name: str) -> ValueError:
    closest = difflib.get_close_matches(name, names(source), 3, 0)
    return ValueError(
        _(
            "{source} has no network {name!r}; the closest names are {closest}.",
            source=source,
            name=name,
            closest=enumeration(closest),
        )
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "").rstrip(".")
