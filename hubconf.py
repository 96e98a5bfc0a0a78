"""For ``torch.hub``: SimAM's networks by the names of their architectures, such as ``simam_resnet18``.

``torch.hub.load(REPOSITORY, "simam_resnet18", pretrained=True)`` brings the weights that come with the repository.
"""

from collections.abc import Callable as _Callable

import torch as _torch
from torch import nn as _nn

from simam_viz import create_model as _create_model
from simam_viz import list_checkpoints as _list_checkpoints
from simam_viz import load_checkpoint as _load_checkpoint
from simam_viz.networks.architectures import ARCHITECTURES as _ARCHITECTURES

dependencies = [
    "torch", "torchvision", "matplotlib", "contourpy", "fontTools", "numpy", "PIL", "safetensors", "msgspec", "yaml", "jinja2", "tqdm",
]  # fmt: skip


def _entry(arch: str) -> _Callable[..., _nn.Module]:
    def entry(
        pretrained: bool = False, attention: str = "simam", num_classes: int = 1000, e_lambda: float = 0.1
    ) -> _nn.Module:
        if not pretrained:
            return _create_model(arch, attention, num_classes, e_lambda)  # type: ignore[arg-type]
        for info in _list_checkpoints():
            if info.bundled and (info.card.arch, info.card.attention) == (arch, attention):
                # In the usual format, as whoever saves it in safetensors needs it.
                return _load_checkpoint(info.name).model.to(memory_format=_torch.contiguous_format)
        raise ValueError(
            f"No trained weights of {arch} with attention {attention!r} come with the repository; leave pretrained out."
        )

    entry.__name__ = f"simam_{arch}"
    entry.__doc__ = f"""{arch} with SimAM, for images (N, 3, H, W) → logits (N, classes).

    pretrained: the weights trained on Tiny ImageNet (200 classes, in inference mode), where the repository has them.
    attention, num_classes, e_lambda: as ``simam_viz.create_model`` has them; trained weights have their own classes and λ.
    """
    return entry


globals().update({f"simam_{arch}": _entry(arch) for arch in _ARCHITECTURES})
