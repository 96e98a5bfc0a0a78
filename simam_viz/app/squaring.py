"""The square of the photo that networks see, as the address has it: in the photo's own pixels, or the word ``whole``."""

from __future__ import annotations

from ..checkpoints.loading import LoadedCheckpoint
from ..photos import squares
from ..photos.squares import Placed, Size, Square
from . import state
from .photo import Photo


def offered(photo: Photo, loaded: LoadedCheckpoint) -> bool:
    """Whether a square can be chosen: not of a tensor, nor for a network that sees all of a photo."""
    return photo.tensor is None and loaded.transforms.takes_square


def chosen(photo: Photo, loaded: LoadedCheckpoint) -> Square | None:
    """The square that is asked for; ``None`` is what the network is used to."""
    asked_of = state.get("photo") or state.gone().get("photo")
    if not offered(photo, loaded) or asked_of not in (None, photo.name):  # the photo of the link is not here
        return None

    def parse(text: str) -> Square | None:
        square = squares.parse(text)
        if not isinstance(square, str) and squares.clamped(square, photo.size) != square:
            raise ValueError(text)
        return square

    return state.parsed("square", parse, None)


def choose(square: Placed, usual: Placed, size: Size) -> None:
    """Ask for another square, from a callback; any numbers will do."""
    square = squares.clamped(square, size)
    if square == squares.clamped(usual, size):
        state.put("square", None)
    else:
        state.put("square", squares.text(squares.WHOLE if square == squares.whole(size) else square))


def let_go() -> None:
    """Another photo is looked at, from a callback: a place on the old one means nothing there; its whole does."""
    if state.get("square") not in (None, squares.WHOLE):
        state.put("square", None)
