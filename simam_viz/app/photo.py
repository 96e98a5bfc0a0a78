"""What a page looks at: a photo, or the tensor that a network was given."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from ..photos.squares import Size


@dataclass(frozen=True)
class Photo:
    """The photo to look at, and what is said about it."""

    name: str
    title: str
    credit: str
    alt: str
    image: Image.Image
    file_name: str
    """What to call it outside the page: as ``title``, but never escaped for Markdown."""
    notices: tuple[str, ...] = ()
    """What was done to it when it was read, a sentence each; never escaped for Markdown."""
    tensor: Tensor | None = None
    """The network's input (1, C, …), of which ``image`` is a picture, where it is no photo."""
    own_size: Size | None = None
    """Width and height of the photo itself, where ``image`` is a smaller copy."""

    @property
    def size(self) -> Size:
        """Width and height of the photo itself, in whose pixels squares are given, here and to whoever has its file."""
        return self.own_size or self.image.size
