"""The whole photo with the part of it that the network saw, as a picture and in words."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ..photos import squares
from ..photos.squares import Square
from ..photos.transforms import Transforms
from ..wording import _


def boxed_view(view: Image.Image, box: tuple[int, int, int, int], size: int) -> Image.Image:
    """The crop the network saw, dimmed outside ``box`` (left, top, right, bottom in its pixels, cut at its edges)."""
    left, top, right, bottom = (min(max(edge, 0), view.width) for edge in box)
    return framed_photo(view, (left, top, right, bottom), size)


def framed_photo(image: Image.Image, box: tuple[int, int, int, int], size: int) -> Image.Image:
    """The whole photo, its longest side ``size``, dimmed outside ``box``, the crop that the network saw.

    A very long photo stands on white, in a picture of bearable proportions; a photo that ``box`` reaches beyond, on its mean
    colour, as the network sees it.
    """
    beyond = min(box[0], 0), min(box[1], 0), max(box[2], image.width), max(box[3], image.height)
    whole = beyond[2] - beyond[0], beyond[3] - beyond[1]
    width, height = (max(4, round(side * size / max(whole))) for side in whole)
    if whole == image.size:
        pixels = np.array(image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0))
    else:
        pixels = np.array(squares.cut(image, beyond, (width, height), Image.Resampling.LANCZOS))
    left, right = (round((edge - beyond[0]) * width / whole[0]) for edge in box[::2])
    top, bottom = (round((edge - beyond[1]) * height / whole[1]) for edge in box[1::2])
    dimmed = (pixels * 0.35 + 255 * 0.65).astype(np.uint8)
    dimmed[top:bottom, left:right] = pixels[top:bottom, left:right]
    framed = Image.fromarray(dimmed)
    line = max(2, size // 200)
    ImageDraw.Draw(framed).rectangle(
        (left, top, max(left, right - 1), max(top, bottom - 1)), outline="white", width=line
    )
    # Nothing on a page is ever taller than wide by more than 4 : 3, or a strip that nobody sees.
    canvas = Image.new("RGB", (max(width, height * 3 // 4), max(height, width * 2 // 5)), "white")
    canvas.paste(framed, ((canvas.width - width) // 2, (canvas.height - height) // 2))
    return canvas


def seen_in_words(
    width: int, height: int, input_size: int, transforms: Transforms | None = None, square: Square | None = None
) -> str:
    """What of a photo of this size the network sees, as a sentence below :func:`framed_photo`."""
    if square == squares.WHOLE and width != height:
        return _("The network sees all of it, on the photo's mean colour, at {size} × {size} pixels.", size=input_size)
    if square is not None and not isinstance(square, str):
        left, top, side = (round(number) for number in square)
        named = {"side": side, "left": left, "top": top, "size": input_size}
        if left < 0 or top < 0 or left + side > width or top + side > height:
            return _(
                "The network sees a square of {side} × {side} of the photo's pixels from column {left} and row {top} on, on its "
                "mean colour, at {size} × {size} pixels; what is dimmed it never saw.",
                **named,
            )
        return _(
            "The network sees a square of {side} × {side} of the photo's pixels from column {left} and row {top} on, at "
            "{size} × {size} pixels; what is dimmed it never saw.",
            **named,
        )
    if transforms is not None and not transforms.plain and square is None:
        rows, columns = transforms.size(input_size)
        if transforms.fit == "letterbox":
            return _("The network sees all of it, on grey, at {columns} × {rows} pixels.", columns=columns, rows=rows)
        return _(
            "The network sees its middle, at {columns} × {rows} pixels; what is dimmed it never saw.",
            columns=columns,
            rows=rows,
        )
    if width == height:
        return _("The network sees all of it, at {size} × {size} pixels.", size=input_size)
    return _(
        "The network sees the centre square, at {size} × {size} pixels; what is dimmed it never saw.", size=input_size
    )
