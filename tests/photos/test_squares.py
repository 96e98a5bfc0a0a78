"""A square of a photo: read, placed, cut, moved; and what a network then sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from simam_viz.draw import framing
from simam_viz.photos import squares
from simam_viz.photos.bombs import ImageError
from simam_viz.photos.images import enlargement, square_view
from simam_viz.photos.transforms import Transforms

WIDE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8))
TRANSFORMS = Transforms(40)


def test_texts_and_squares() -> None:
    for square in ((3, -4, 50), "whole"):
        assert squares.parse(squares.text(square)) == square
    for text in ("", "1,2", "1,2,3,4", "a,b,c", "1.5,2,3", "all", "1,2,nan"):
        with pytest.raises(ValueError, match=r"is LEFT,TOP,SIDE in the photo's pixels"):
            squares.parse(text)


def test_middle_and_whole() -> None:
    assert squares.middle((120, 60)) == (30, 0, 60) and squares.whole((120, 60)) == (0, -30, 120)
    assert squares.whole((61, 120)) == (-29, 0, 120)


@pytest.mark.parametrize("size", [(120, 60), (60, 120), (50, 50), (3, 200), (1, 1)])
def test_any_numbers_become_a_square_that_the_photo_has(size: tuple[int, int]) -> None:
    numbers = (-1e9, -7.4, 0, 0.49, 33.3, 400, 1e9, math.nan, math.inf, -math.inf)
    for left in numbers:
        for side in numbers:
            found = squares.clamped((left, 5, side), size)
            assert squares.clamped(found, size) == found
            x, y, length = found
            assert all(float(number).is_integer() for number in found)
            assert min(squares.SMALLEST, *size) <= length <= max(size)
            for start, room in ((x, size[0]), (y, size[1])):  # it cuts the photo, or holds all of it
                assert (start >= 0 and start + length <= room) or (start <= 0 and start + length >= room)
    assert squares.clamped((400, 400, 0), (600, 400)) == (400, 384, 16)
    assert squares.clamped(squares.whole(size), size) == squares.whole(size)


@pytest.mark.parametrize(
    "square", [(0, 0, 0), (0, 0, -5), (120, 0, 10), (0, 60, 10), (-10, 0, 10), (0, 0, math.nan), (math.inf, 0, 9)]
)
def test_a_square_without_anything_of_the_photo_is_refused_in_a_sentence(square: squares.Placed) -> None:
    with pytest.raises(ImageError, match="holds nothing of this photo, which has 120 × 60 pixels"):
        TRANSFORMS.view(WIDE, square=square)


def test_a_square_within_the_photo_is_what_is_seen_of_that_part_alone() -> None:
    part = WIDE.crop((70, 13, 101, 44))
    assert TRANSFORMS.view(WIDE, square=(70, 13, 31)) == TRANSFORMS.view(part)
    assert TRANSFORMS.view(WIDE, square=squares.middle(WIDE.size)) == square_view(WIDE, 40)
    bicubic = Transforms(40, crop=0.875, interpolation="bicubic")
    assert bicubic.view(WIDE, square=(70, 13, 31)) == part.resize((40, 40), Image.Resampling.BICUBIC), (
        "all of the square"
    )


def test_the_whole_photo_stands_on_its_mean_colour() -> None:
    view = np.asarray(Transforms(120).view(WIDE, square="whole"))
    np.testing.assert_array_equal(view[30:90], np.asarray(WIDE))
    mean = np.asarray(WIDE).reshape(-1, 3).mean(axis=0)
    for band in (view[:30], view[90:]):
        assert np.abs(band.reshape(-1, 3) - mean).max() <= 0.5
    beside = np.asarray(Transforms(60).view(WIDE, square=(90, 0, 60)))
    np.testing.assert_array_equal(beside[:, :30], np.asarray(WIDE)[:, 90:])
    assert np.abs(beside[:, 30:].reshape(-1, 3) - mean).max() <= 0.5


def test_a_very_long_photo_costs_no_more_than_a_short_one() -> None:
    view = Transforms(64).view(Image.new("RGB", (1, 30_000), "red"), square="whole")
    assert view.size == (64, 64) and view.getpixel((0, 5)) == (255, 0, 0)
    assert Transforms(64).view(WIDE, square=(-1e6, -1e6, 2e6)).size == (64, 64)


@pytest.mark.parametrize("transforms", [Transforms(64, fit="letterbox"), Transforms(64, shape=(64, 32))])
def test_networks_that_see_another_part_take_no_square(transforms: Transforms) -> None:
    assert not transforms.takes_square and TRANSFORMS.takes_square and Transforms(8, shape=(8, 8)).takes_square
    with pytest.raises(ValueError, match="No square can be chosen for this network"):
        transforms.view(WIDE, square=(0, 0, 10))


def test_the_same_part_at_another_size() -> None:
    assert squares.scaled((10, 20, 30), (120, 60), (60, 30)) == (5, 10, 15)
    assert squares.scaled("whole", (120, 60), (60, 30)) == "whole"


def test_what_is_seen_in_words() -> None:
    said = framing.seen_in_words(120, 60, 40, TRANSFORMS, (70, 13, 31))
    assert said.startswith("The network sees a square of 31 × 31 of the photo's pixels from column 70 and row 13 on")
    assert "mean colour" not in said and "dimmed" in said
    assert "mean colour" in framing.seen_in_words(120, 60, 40, TRANSFORMS, (90, 0, 60))
    assert framing.seen_in_words(120, 60, 40, TRANSFORMS, "whole").startswith(
        "The network sees all of it, on the photo's mean"
    )
    assert framing.seen_in_words(60, 60, 40, TRANSFORMS, "whole") == framing.seen_in_words(60, 60, 40, TRANSFORMS)
    assert "31 × 31 of the photo's pixels only" in enlargement(WIDE, 40, (70, 13, 31))
    assert enlargement(WIDE, 40, "whole") == ""


def test_the_frame_stands_where_the_square_is() -> None:
    black = Image.new("RGB", (100, 50), "black")
    inside = torch.from_numpy(np.asarray(framing.framed_photo(black, (60, 10, 90, 40), 100)).copy()).float()
    assert inside[25, 75].max() < 10 and inside[25, 30].min() > 100
    grey = Image.new("RGB", (100, 50), (90, 90, 90))
    whole = framing.framed_photo(grey, (0, -25, 100, 75), 100)
    assert whole.size == (100, 100) and whole.getpixel((50, 5)) == (90, 90, 90), "its mean colour, not dimmed"
