"""Pixels mean what the scales beside them say."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from simam_viz.draw import charts, framing, render
from simam_viz.modules.formulas import ATTENTION_FLOOR
from simam_viz.photos.images import centre_square


def pixels(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("RGB"))


def test_colours_run_from_low_to_high() -> None:
    scale = render.Scale(-1.0, 3.0, "viridis", "x")
    drawn = pixels(render.heat_map(torch.tensor([[-9.0, -1.0, 1.0, 3.0, 9.0]]).expand(5, 5), scale, 5))
    expected = [matplotlib.colormaps["viridis"](v)[:3] for v in (0.0, 0.0, 0.5, 1.0, 1.0)]
    np.testing.assert_allclose(drawn[0] / 255, expected, atol=0.012)


def test_weights_share_one_scale_unless_their_own_is_asked_for() -> None:
    values = torch.tensor([[0.63, 0.7]])
    assert (render.scale_for("attention weight", values).low, render.scale_for("attention weight", values).high) == (
        ATTENTION_FLOOR,
        1.0,
    )
    own = render.scale_for("attention weight", values, own_range=True)
    assert (own.low, own.high) == pytest.approx((0.63, 0.7))
    features = render.scale_for("feature", torch.tensor([[-4.0, 1.0]]))
    assert (features.low, features.high) == (-4, 4)
    flat = render.scale_for("energy", torch.full((2, 2), 2.0))
    assert flat.low < flat.high


@pytest.mark.parametrize("channels", [1, 3, 64, 128, 512, 1024])
def test_every_channel_has_its_tile(channels: int) -> None:
    maps = torch.arange(channels, dtype=torch.float32)[:, None, None].expand(channels, 3, 3)
    scale = render.Scale(0, max(channels - 1, 1), "viridis", "x")
    width, gap = 1460, 4
    picture = pixels(render.mosaic(maps, scale, width, selected=channels - 1, gap=gap))
    columns = render.mosaic_columns(channels)
    assert width - columns < picture.shape[1] <= width
    tile = (picture.shape[1] - gap) // columns - gap
    for channel in (0, channels // 2, channels - 1):
        row, column = divmod(channel, columns)
        y, x = gap + row * (tile + gap) + tile // 2, gap + column * (tile + gap) + tile // 2
        assert picture[y, x].tolist() == pixels(render.heat_map(maps[channel], scale, 3))[1, 1].tolist()
    assert picture[y - tile // 2 - 1, x].tolist() == list(render.FRAME_COLOUR)


@pytest.mark.parametrize(
    "values", [torch.rand(9, 3, 3), torch.linspace(0, 1, 1024).reshape(4, 16, 16)], ids=["few", "all"]
)
def test_a_png_has_the_pixels_of_its_picture(values: torch.Tensor) -> None:
    scale = render.Scale(0, 1, "viridis", "x")
    for picture in (
        render.mosaic(values, scale, 200, selected=2),
        render.heat_map(values[0], scale, 50),
        render.marked_map(values[0], scale, (1, 1), 50),
    ):
        np.testing.assert_array_equal(pixels(Image.open(io.BytesIO(render.png(picture)))), pixels(picture))


def test_a_map_is_enlarged_without_mixing_neurons() -> None:
    values = torch.rand(5, 5)
    scale = render.Scale(0, 1, "viridis", "x")
    picture = pixels(render.heat_map(values, scale, 50))
    assert np.array_equal(picture[5::10, 5::10], pixels(render.heat_map(values, scale, 5)))


def test_overlay_shows_the_photo_where_opacity_is_none() -> None:
    view = Image.new("RGB", (8, 8), (90, 90, 90))
    assert (pixels(render.overlay(view, torch.rand(2, 2), render.CAM_SCALE, 16, opacity=0)) == 90).all()
    bright = render.overlay(view, torch.ones(2, 2), render.CAM_SCALE, 16, opacity=1)
    assert (pixels(bright) == render.colour_table(render.CAM_COLOURS)[255]).all()


def test_photo_is_dimmed_outside_what_the_network_sees() -> None:
    picture = pixels(framing.framed_photo(Image.new("RGB", (100, 50), "black"), (25, 0, 75, 50), 100))
    assert picture.shape == (50, 100, 3) and picture[25, 50].max() == 0 and picture[25, 5].min() > 150


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (600, 3000), (40, 40)])
def test_photos_of_any_shape_have_bearable_proportions(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "black")
    width, height = framing.framed_photo(image, centre_square(*size), 640).size
    assert height <= 640 and width <= 640 and 0.39 <= height / width <= 1.34


def test_png_round_trip() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8))
    assert np.array_equal(Image.open(io.BytesIO(render.png(picture))), picture)


def test_a_smooth_picture_survives_jpeg() -> None:
    view = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((160, 160))
    picture = render.overlay(view, torch.rand(5, 5), render.CAM_SCALE, 320)
    difference = np.abs(pixels(Image.open(io.BytesIO(render.jpeg(picture)))).astype(int) - pixels(picture))
    assert difference.max() <= 8 and difference.mean() < 1.5


def test_histogram_counts_every_neuron() -> None:
    values = torch.rand(4, 10, 10) * 2
    spec = charts.histogram({"layer1.0": values}, "energy", 0.0, 2.0, log_counts=False)
    data = spec["series"][0]["data"]
    assert sum(count for _, count in data) == 400
    expected, _ = np.histogram(values.numpy(), bins=len(data), range=(0, 2))
    assert [count for _, count in data] == expected.tolist()
    assert all(c is None or c > 0 for _, c in charts.histogram({"a": torch.zeros(3)}, "x", 0, 1)["series"][0]["data"])


def test_two_histograms_are_shares_of_each() -> None:
    few, many = torch.rand(10), torch.rand(1000)
    spec = charts.histogram({"few": few, "many": many}, "x", 0.0, 1.0, log_counts=False)
    for series, name in zip(spec["series"], ("few", "many"), strict=True):
        assert series["name"] == name
        assert sum(share for _, share in series["data"]) == pytest.approx(100, abs=0.1)
    assert spec["legend"]["show"] and spec["yAxis"]["name"].startswith("%")


def test_variances_are_split_by_what_lambda_flattens() -> None:
    values, flat = torch.tensor([1e-5, 1e-4, 0.3, 2.0, 0.0]), torch.tensor([True, True, False, False, True])
    spec = charts.variances(values, flat, {"λ": 0.1}, -8.0, 1.0)
    apart, flattened = ([count for _, count in series["data"]] for series in spec["series"])
    assert (sum(apart), sum(flattened)) == (2, 3)
    assert spec["series"][0]["markLine"]["data"][0]["xAxis"] == -1


def test_cells_lie_in_rows() -> None:
    data = charts.cells([f"channel {c}" for c in range(6)], 4)["series"][0]["data"]
    assert [cell["value"][:2] for cell in data] == [[0, 0], [1, 0], [2, 0], [3, 0], [0, 1], [1, 1]]


def test_the_marked_cell_is_framed_and_still_seen() -> None:
    values = torch.zeros(4, 4)
    values[1, 2] = 1.0
    scale = render.Scale(0, 1, "viridis", "x")
    plain = render.heat_map(values, scale, 160)
    marked = pixels(render.mark_cell(plain, (1, 2), (4, 4)))
    changed = (marked != pixels(plain)).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 79, 80, 119)
    assert not changed[50:70, 90:110].any()
    assert tuple(marked[40, 100]) == render.FRAME_COLOUR


def test_a_map_of_all_colours_is_framed_as_well() -> None:
    values = torch.arange(256.0).view(16, 16) / 255
    scale = render.Scale(0, 1, "viridis", "x")
    plain = render.heat_map(values, scale, 160)
    marked = pixels(render.mark_cell(plain, (3, 5), (16, 16)))
    changed = (marked != pixels(plain)).any(axis=2)
    assert changed.any() and (marked[changed] == render.FRAME_COLOUR).all()


def test_a_box_beyond_the_picture_is_cut_at_its_edges() -> None:
    view = Image.new("RGB", (100, 100), "black")
    everything = pixels(framing.boxed_view(view, (-50, -50, 500, 500), 200))
    part = pixels(framing.boxed_view(view, (-50, -50, 50, 50), 200))
    assert everything.mean() < 20 < part.mean()


def test_stacked_sheets_show_their_colours() -> None:
    sheets = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    picture = pixels(render.stack(sheets, 100))
    red, green, blue = ((picture == colour).all(axis=2).sum() for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    assert red > green > 0 and blue > 0, "the first lies in front, all can be seen"


@pytest.mark.parametrize("quantity", render.COMMON_SCALES)
def test_a_scale_knows_whether_pictures_share_it(quantity: str) -> None:
    low, high = (torch.linspace(*ends, 9) for ends in ((0.63, 0.64), (0.65, 0.99)))
    assert render.scale_for(quantity, low) == render.scale_for(quantity, high)
    assert render.scale_for(quantity, low).reach == "common"
    assert render.scale_for(quantity, low, own_range=True) != render.scale_for(quantity, high, own_range=True)
    assert render.scale_for(quantity, low, own_range=True).reach == "own"
    assert [render.side_scale(low, own).reach for own in (False, True)] == ["common", "own"]
