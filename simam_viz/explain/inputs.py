"""What somebody gives a network, a photo or a tensor, as its input and as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from ..photos.images import ImageSource, check_input_size
from ..photos.squares import Square
from ..photos.transforms import Transforms
from ..wording import _

Given = ImageSource | Tensor
"""A photo, as :func:`simam_viz.open_image` takes it, or a tensor (1, C, H, W) that is the network's input as it is."""


@dataclass(frozen=True, eq=False)
class Input:
    """One network's input."""

    view: Image.Image
    """A picture of it, at its size."""
    tensor: Tensor
    """(1, C, H, W), normalised."""
    caption: str = ""
    """How the picture was made of a tensor; empty for a photo."""
    given: bool = False
    """Whether it was given as a tensor."""
    square: Square | None = None
    """The part of the photo that was asked for; ``None``: its middle."""


def prepared(
    transforms: Transforms, image: Given, input_size: int | None = None, square: Square | None = None
) -> Input:
    """The input that ``transforms`` make of what was given.

    Raises:
        ValueError: the input would be too small or too large, or the network takes no such thing.
    """
    if isinstance(image, Tensor):
        if square is not None:
            raise ValueError(_("A tensor is the network's input as it is: no square of it can be chosen."))
        tensor = transforms.given(image)
        view, caption = transforms.picture(tensor[0])
        return Input(view, tensor, caption, given=True)
    if input_size is not None:
        check_input_size(input_size)
    view = transforms.view(image, input_size, square)
    return Input(view, transforms.tensor(view)[None], square=square)
