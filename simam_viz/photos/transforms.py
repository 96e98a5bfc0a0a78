"""A photo, or a tensor, as the input of one network; and a picture of that input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from ..wording import _, comma
from . import squares
from .images import ImageSource, check_input_size, open_image, square_view
from .squares import Square

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_PAPER = (114, 114, 114)
"""What detectors are trained to see around a photo that is not square."""

Fit = Literal["square", "letterbox"]
Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Transforms:
    """Image → network input: the middle of it, resized, normalised by ``mean`` and ``std``."""

    input_size: int = 224
    """The side of the input in pixels; its longer one where ``shape`` is given."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    """By channel, and ``std`` as well."""
    std: tuple[float, ...] = IMAGENET_STD
    shape: tuple[int, ...] | None = None
    """(H, W) of an input that is not square, or all dimensions from the third on of one that is no picture."""
    fit: Fit = "square"
    """Whether the network sees the photo's middle, or the whole of it on grey."""
    crop: float = 1.0
    """Share of the centre square's side that is seen."""
    interpolation: Interpolation = "bilinear"
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    @property
    def channels(self) -> int:
        """How many the input has."""
        return len(self.mean)

    @property
    def plain(self) -> bool:
        """Whether the network sees the photo's whole centre square, as most do."""
        return self.shape is None and self.fit == "square" and (self.crop, self.interpolation) == (1.0, "bilinear")

    @property
    def takes_square(self) -> bool:
        """Whether a square of a photo can be chosen to be its input: not where it sees all of it, or its input is none."""
        return self.takes_photos and self.fit == "square" and (self.shape is None or len(set(self.shape)) == 1)

    def seen(
        self, width: int, height: int, input_size: int | None = None, square: Square | None = None
    ) -> tuple[float, float, float, float]:
        """Which part of a photo of this size the network sees, as (left, top, right, bottom) in its pixels."""
        if square is not None:
            return squares.box(squares.placed(square, (width, height)))
        if self.fit == "letterbox":
            return 0, 0, width, height
        rows, columns = self.size(input_size)
        scale = self.crop * min(width / columns, height / rows)
        across, down = columns * scale, rows * scale
        left, top = (width - across) / 2, (height - down) / 2
        return left, top, left + across, top + down

    @property
    def takes_photos(self) -> bool:
        """Whether an input can be made of a photo."""
        return self.channels in (1, 3) and (self.shape is None or len(self.shape) == 2)

    def size(self, input_size: int | None = None) -> tuple[int, int]:
        """(H, W) of the input where its longer side is ``input_size``."""
        if self.shape is None:
            side = self.input_size if input_size is None else input_size
            return side, side
        height, width = self.shape
        if input_size is None:
            return height, width
        scale = input_size / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def dimensions(self, input_size: int | None = None) -> tuple[int, ...]:
        """(C, H, W) of the input where its longer side is ``input_size``, or (C, …) of one that is no picture."""
        no_picture = self.shape is not None and len(self.shape) != 2
        return (self.channels, *(self.shape or ())) if no_picture else (self.channels, *self.size(input_size))

    def view(self, image: ImageSource, input_size: int | None = None, square: Square | None = None) -> Image.Image:
        """The crop the network sees, at the size of its input, of whatever :func:`simam_viz.open_image` takes.

        Args:
            image: the photo.
            input_size: the longer side of the input; ``None`` is the network's own.
            square: the part of the photo to see; ``None`` is its middle, as much of it as the network is used to.

        Raises:
            ValueError: the network's input is no picture, or no square of one can be chosen for it.
        """
        if not self.takes_photos:
            raise ValueError(
                _(
                    "This network takes {shape}, which no photo is: give it a tensor of that shape.",
                    shape=" × ".join(map(str, (self.channels, *(self.shape or self.size())))),
                )
            )
        if square is not None and not self.takes_square:
            raise ValueError(
                _("No square can be chosen for this network: it sees another part of a photo, or all of it.")
            )
        photo = open_image(image)
        resampling = Image.Resampling[self.interpolation.upper()]
        if square is not None:
            sides = self.size(input_size)
            check_input_size(max(sides), least=1)
            return squares.cut(photo, squares.box(squares.placed(square, photo.size)), sides, resampling)
        if self.plain:
            return square_view(photo, self.input_size if input_size is None else input_size)
        height, width = self.size(input_size)
        check_input_size(max(height, width), least=1)
        if self.fit == "letterbox":
            scale = min(width / photo.width, height / photo.height)
            inner = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
            paper = Image.new("RGB", (width, height), _PAPER)
            paper.paste(photo.resize(inner, resampling), ((width - inner[0]) // 2, (height - inner[1]) // 2))
            return paper
        return photo.resize((width, height), resampling, box=self.seen(*photo.size, input_size))

    def tensor(self, view: Image.Image) -> Tensor:
        """A view as normalised input (C, H, W), on the network's device and in its number format."""
        if self.channels == 1:
            view = view.convert("L")
        pixels = torch.frombuffer(bytearray(view.tobytes()), dtype=torch.uint8)
        # Row by row: PyTorch takes several times as long over three numbers at a time.
        mean, std = (torch.tensor(values).repeat(view.width) for values in (self.mean, self.std))
        rows = pixels.view(view.height, -1).float().div_(255).sub_(mean).div_(std)
        normalised = rows.view(view.height, view.width, self.channels).permute(2, 0, 1)
        return normalised.to(device=self.device, dtype=self.dtype)

    def __call__(self, image: ImageSource) -> Tensor:
        """An image as normalised input (C, H, W)."""
        return self.tensor(self.view(image))

    def given(self, x: Tensor) -> Tensor:
        """A tensor (1, C, …) that somebody gives as the network's input, as the network takes it.

        Raises:
            ValueError: it has another number of channels or dimensions than the network's input.
        """
        dims = 2 + (2 if self.shape is None else len(self.shape))
        if x.dim() != dims or x.shape[0] != 1 or x.shape[1] != self.channels:
            raise ValueError(
                _(
                    "This network takes tensors of shape {expected}, not {shape}.",
                    expected="(1, "
                    + ", ".join([str(self.channels), "D", "H", "W"][:1] + ["D", "H", "W"][5 - dims :])
                    + ")",
                    shape=tuple(x.shape),
                )
            )
        return x.detach().to(device=self.device, dtype=self.dtype)

    def picture(self, x: Tensor, index: int | None = None) -> tuple[Image.Image, str]:
        """A picture of a tensor (C, …) that is the network's input, and in words how it was made; at the size of the input.

        Of a tensor (C, D, H, W), the slice ``index``, by default the middle one.
        """
        x = x.detach().float().cpu()
        said = []
        if x.dim() == 2:
            x = x[:, None]
        elif x.dim() == 4:
            at = x.shape[1] // 2 if index is None else index
            said.append(_("slice {index} of {depth}", index=at, depth=x.shape[1]))
            x = x[:, at]
        if len(x) == 3:
            mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
            photo = x * std + mean
            if float(photo.min()) >= -0.02 and float(photo.max()) <= 1.02:
                values = (photo.clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
                return Image.fromarray(values.numpy()), ""
        if len(x) != 1:
            said.append(_("the mean of {channels} channels", channels=len(x)))
        grey = x.mean(dim=0)
        low, high = float(grey.min()), float(grey.max())
        said.append(_("black is {low:.3g}, white {high:.3g}", low=low, high=high))
        values = ((grey - low) / (high - low or 1) * 255).round().byte()
        caption = _("A picture of the tensor: {what}.", what=comma().join(said))
        return Image.fromarray(values.numpy()).convert("RGB"), caption
