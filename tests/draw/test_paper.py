"""Figures for a paper: what stands where, text that is text, pictures as the photo has them, the same bytes again."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw import charts, render
from simam_viz.draw.paper import description, fonts, formats, panels, printing
from simam_viz.draw.paper.description import Description, described
from simam_viz.draw.paper.formats import PaperFigure
from simam_viz.draw.paper.grid import arranged, letter
from simam_viz.draw.paper.looks import Column, assembled, count, pieces
from simam_viz.draw.paper.making import composed
from simam_viz.draw.paper.quantities import parse
from simam_viz.draw.paper.sources import Picture
from simam_viz.photos.samples import list_samples
from tests.helpers.small_networks import small

HAN = "猫与注意力"
poppler = pytest.mark.skipif(
    shutil.which("pdffonts") is None, reason="poppler's tools are not installed; .ci/run installs them"
)


@pytest.fixture(scope="module")
def network(one_thread: None) -> LoadedCheckpoint:
    return small("resnet18")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    values = np.random.default_rng(1).integers(0, 255, (301, 417, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture(scope="module")
def made(network: LoadedCheckpoint, photo: Image.Image) -> PaperFigure:
    return simam_viz.figure(
        {f"{HAN} λ": photo, "b": photo}, network, description={"networks": ["on", "off"]},
        show=("photo", "weight", "cam", "difference", "histogram"), answers=True,
    )  # fmt: skip


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@poppler
def test_a_pdf_has_truetype_only_and_pictures_as_the_photo_has_them(made: PaperFigure, tmp_path: Path) -> None:
    made.savefig(tmp_path / "a.pdf")
    fonts_in = told("pdffonts", str(tmp_path / "a.pdf")).splitlines()[2:]
    assert fonts_in and all(re.search(r"\bTrueType\b.* yes yes yes ", line) for line in fonts_in)
    assert any("DroidSansFallbackSubset" in line for line in fonts_in)
    text = told("pdftotext", str(tmp_path / "a.pdf"), "-")
    words = " ".join(text.split())
    assert "Grad-CAM" in words and "mean attention" in words and "λ" in words
    assert set(HAN) <= set(text)
    listed = [line.split() for line in told("pdfimages", "-list", str(tmp_path / "a.pdf")).splitlines()[2:]]
    sizes = [(int(row[3]), int(row[4])) for row in listed]
    # The centre square of 417 × 301, and the bars. Of each photo: itself, one weight, two heat maps, and their difference.
    assert sizes.count((301, 301)) == 2 * 5 and set(sizes) <= {(301, 301), (256, 1)}


@poppler
def test_a_photo_lies_in_a_pdf_pixel_by_pixel(network: LoadedCheckpoint, photo: Image.Image, tmp_path: Path) -> None:
    simam_viz.figure({"a": photo}, network, show=("photo",)).savefig(tmp_path / "a.pdf")
    told("pdfimages", "-png", str(tmp_path / "a.pdf"), str(tmp_path / "i"))
    kept = np.asarray(Image.open(tmp_path / "i-000.png").convert("RGB"))
    seen = np.asarray(photo)[:, 58:359]
    assert np.array_equal(kept, seen) or np.array_equal(kept[::-1], seen), "a PDF may hold it upside down, and turn it"


@pytest.mark.parametrize(
    "kind", [kind if kind == "pdf" else pytest.param(kind, marks=pytest.mark.long) for kind in formats.SUFFIXES]
)
def test_the_same_figure_is_the_same_file(
    kind: str, made: PaperFigure, network: LoadedCheckpoint, photo: Image.Image
) -> None:
    again = simam_viz.figure({f"{HAN} λ": photo, "b": photo}, network, description=made.description)
    first, second = formats.written(made, kind, 100), formats.written(again, kind, 100)
    assert first == second == formats.written(made, kind, 100)
    assert not re.search(rb"CreationDate|ModDate|dc:date|20\d\d-\d\d-\d\d", first)


def test_an_svg_brings_the_letters_that_it_needs(made: PaperFigure) -> None:
    svg = formats.written(made, "svg").decode()
    faces = dict(
        re.findall(r"font-family: '([^']+)'; font-weight: normal; src: url\(data:font/ttf;base64,([^)]+)\)", svg)
    )
    known = {name: TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap() for name, data in faces.items()}
    assert {ord(letter) for letter in HAN} <= known[fonts.HAN].keys() and ord("λ") in known["DejaVu Sans"]
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert any("Grad-CAM" in text for text in texts)
    assert all(len(data) < 60_000 for data in faces.values()), "what is not needed stays behind"


def test_a_file_is_whole_or_not_there(made: PaperFigure, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \.pdf, \.svg, \.png"):
        made.savefig(tmp_path / "a.gif")
    with pytest.raises(OSError):
        made.savefig(tmp_path / "nowhere" / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_png_and_width(made: PaperFigure) -> None:
    picture = Image.open(io.BytesIO(formats.written(made, "png", 300)))
    assert picture.width == pytest.approx(180 / 25.4 * 300, abs=1)
    assert picture.info["dpi"][0] == pytest.approx(300, abs=0.1)


def test_what_a_map_shows_is_what_the_network_did(network: LoadedCheckpoint, photo: Image.Image) -> None:
    asked = Description(networks=("on", "off"), show=("weight:max", "energy:3", "cam", "difference"), block="layer2.0")
    picture = Picture("a", photo, "a")
    off = simam_viz.compare(network, photo)["off"]
    columns = [Column("on", lambda: (network, None)), Column("off", lambda: (off_network(network), None))]
    look = assembled(pieces(asked, [picture], columns))
    block = simam_viz.analyze(network, photo).block("layer2.0")
    torch.testing.assert_close(look[0, 0].maps["weight:max"], block.attention.amax(dim=0))
    torch.testing.assert_close(look[0, 0].maps["energy:3"], block.energy[3])
    target = simam_viz.analyze(network, photo).target
    assert off.target == target
    cells = arranged(asked, ["a"], ["on", "off"]).panels
    difference = next(cell for cell in cells if cell.quantity.kind == "difference")
    expected = block.cam - off.block("layer2.0").cam
    torch.testing.assert_close(panels.values(difference, look), expected, rtol=1e-4, atol=1e-5)
    weights_of_off = next(c for c in cells if c.network == 1 and c.quantity.kind == "weight")
    assert panels.trouble(weights_of_off, look) == "no attention here"
    scales = panels.scales(asked, cells, look)
    assert weights_of_off not in scales and scales[difference].low == -1


def off_network(network: LoadedCheckpoint) -> LoadedCheckpoint:
    from simam_viz.explain.variants import with_attention

    return with_attention(network, "off")


@pytest.mark.long
def test_what_was_computed_is_not_computed_again(network: LoadedCheckpoint, photo: Image.Image) -> None:
    asked = Description(networks=("x", "y"), show=("cam", "sweep"))
    photos, ran = [Picture("a", photo, "a"), Picture("b", photo, "b")], []
    columns = [Column(name, lambda name=name: ran.append(name) or (network, None)) for name in ("x", "y")]
    whole = list(pieces(asked, photos, columns))
    assert len(whole) == count(asked, 2, 2) and ran == ["x", "y"]
    for done in (1, 9, len(whole) - 1):
        ran.clear()
        rest = list(pieces(asked, photos, columns, whole[:done]))
        assert len(rest) == len(whole) - done and (ran == ["y"]) == (done > len(whole) // 2)
        again, first = assembled(whole[:done] + rest), assembled(whole)
        assert again[1, 1].sweep == first[1, 1].sweep
        torch.testing.assert_close(again[1, 1].maps["cam"], first[1, 1].maps["cam"])
    assert len(first[0, 0].sweep) == 22 and first[0, 0].sweep[0][0] == 1e-6
    figure = composed(asked, photos, ["x", "y"], whole)
    assert formats.written(figure, "pdf").startswith(b"%PDF")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"block": "layer9"}, "There is no block 'layer9' in .*; its blocks are layer1.0"),
        ({"target": "unicorn"}, "There is no class called 'unicorn'"),
        ({"show": ["weight:9999"]}, "There is no channel 9999 in"),
        ({"show": ["colour"]}, "A figure cannot show 'colour'"),
        ({"show": ["difference"]}, "A difference takes two networks"),
        ({"width": 3}, "20 to 1,000 mm wide"),
        ({"width": "wide"}, "The setting width of the figure is not what it should be"),
        ({"rows": "diagonal"}, "rows can be photos, networks, quantities"),
        ({"font": "No Such Font"}, "There is no font called 'No Such Font'"),
        ({"networks": ["twin"]}, "has no twin to be shown"),
        ({"colour": "red"}, "A figure has no setting 'colour'"),
        ({"e_lambda": "ten"}, "λ is a number, or x10"),
        ({"width": 20, "show": [f"feature:{c}" for c in range(9)]}, "9 columns do not fit into 20 mm"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(
    settings: dict[str, object], sentence: str, network: LoadedCheckpoint, photo: Image.Image
) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        simam_viz.figure({"a": photo}, network, description=settings)
    assert "\n" not in str(error.value)


def test_a_description_survives_a_file_and_a_command(tmp_path: Path) -> None:
    asked = Description(
        photos=("a b.jpg",), networks=("on", "se"), show=("cam@layer3.1", "weight:7"), e_lambda="x10", bars=False
    )
    (tmp_path / "a.json").write_text(asked.json(), encoding="utf-8")
    assert description.read(tmp_path / "a.json") == asked
    (tmp_path / "a.yaml").write_text("photos: [a]\nshow:\n- photo\nwidth: 88\n", encoding="utf-8")
    assert description.read(tmp_path / "a.yaml") == Description(photos=("a",), show=("photo",), width=88)
    (tmp_path / "b.yaml").write_text("[1, 2", encoding="utf-8")
    with pytest.raises(ValueError, match=r"b\.yaml describes no figure"):
        description.read(tmp_path / "b.yaml")
    command = asked.command()
    assert "'a b.jpg'" in command and "--no-bars" in command and "--show cam@layer3.1,weight:7" in command
    assert described(asked.changed()) == asked
    own = Description(network={"network": "timm:resnet18", "pretrained": True, "input_size": 96, "mean": "-1,0,0"})
    assert "--network timm:resnet18 --pretrained --input-size 96 --mean=-1,0,0" in own.command()
    (tmp_path / "c.json").write_text(own.json(), encoding="utf-8")
    assert description.read(tmp_path / "c.json") == own and not own.code
    assert Description(network={"network": "os:abort"}).code == "os:abort"


def test_what_stands_where() -> None:
    def words(asked: Description) -> list[list[str]]:
        grid = arranged(asked, ["p", "q"], ["m", "n"])
        return [["" if c is None else f"{c.photo}{c.network}{c.quantity.word}" for c in row] for row in grid.cells]

    show = ("photo", "cam", "difference")
    asked = Description(networks=("m", "n"), show=show)
    assert words(asked) == [[f"{p}0photo", f"{p}0cam", f"{p}1cam", f"{p}1difference"] for p in (0, 1)]
    by_network = words(Description(networks=("m", "n"), show=show, rows="networks"))
    assert by_network == [
        [f"{p}0photo" if n == 0 else "", f"{p}{n}cam", f"{p}1difference" if n else ""] for p in (0, 1) for n in (0, 1)
    ]
    by_quantity = words(Description(networks=("m", "n"), show=("photo", "cam"), rows="quantities"))
    assert by_quantity == [["00photo", "", "10photo", ""], ["00cam", "01cam", "10cam", "11cam"]]
    both = arranged(Description(show=("cam",), drawn="both"), ["p"], ["m"]).panels
    assert [cell.bare for cell in both] == [False, True]
    assert [letter("a", index) for index in (0, 25, 26, 701, 702)] == ["a", "z", "aa", "zz", "aaa"]
    assert letter("(a)", 1) == "(b)" and letter("A", 2) == "C" and letter("none", 2) == ""


@pytest.mark.parametrize(
    "word", ["", "cam:3", "photo@layer1", "weight:x", "Weight", "histogram:7", "difference:weight"]
)
def test_words_that_mean_nothing(word: str) -> None:
    with pytest.raises(ValueError, match="A figure cannot show"):
        parse(word)


def test_a_map_lies_on_the_photo_cell_by_cell_where_that_is_asked_for() -> None:
    photo = Image.new("RGB", (8, 8), (100, 100, 100))
    scale = render.Scale(0, 1, "gray", "x")
    values = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    drawn = np.asarray(render.over(photo, values, scale, 1.0, smooth=False))
    assert (drawn[:4, :4] == 0).all() and (drawn[:4, 4:] == 255).all() and (drawn[4:, :4] == 255).all()
    half = np.asarray(render.over(photo, values, scale, 0.5, smooth=False))
    assert abs(int(half[0, 0, 0]) - 50) <= 1


def test_a_letterboxed_photo_keeps_its_pixels_and_gets_its_grey() -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 80, 3), dtype=np.uint8))
    cut = panels.cut(photo, (0, -20, 80, 60), on_grey=True)
    assert cut.size == (80, 80) and cut.getpixel((3, 3)) == (114, 114, 114)
    np.testing.assert_array_equal(np.asarray(cut)[20:60], np.asarray(photo))


def test_the_caption_says_what_was_done(made: PaperFigure, network: LoadedCheckpoint) -> None:
    text = made.caption.text
    for said in (
        "λ = 0.1", "layer",
        "middle 301 × 301 of the photo's 417 × 301 pixels",
        "divided by its own maximum", "from 0.622 to 0.8", "viridis", "bicubic", simam_viz.__version__,
        "ICML 2021", "Selvaraju", "own resolution", "opacity of 55%", "weights as its program gives them", "No command can name",
    ):  # fmt: skip
        assert said in text, said
    latex = made.caption.latex
    assert r"$\lambda$" in latex and "55\\%" in latex and latex.count("{") == latex.count("}")
    assert "```" not in made.caption.markdown and "No command can name" in made.caption.markdown
    assert not made.caption.command


def test_the_caption_of_what_a_file_holds_has_a_command(photo: Image.Image) -> None:
    name = simam_viz.list_checkpoints()[1].name
    caption = simam_viz.figure({"a": photo}, simam_viz.load_checkpoint(name), show=("photo",), size=64).caption
    assert (
        caption.command == f"python -m simam_viz figure a --checkpoint {name} --show photo --size 64 --out figure.pdf"
    )
    assert caption.command in caption.text and f"```bash\n{caption.command}\n```" in caption.markdown
    assert f"% {caption.command}" in caption.latex


@pytest.mark.long
@pytest.mark.parametrize("drawn", ["overlay", "map"])
def test_a_pdf_is_no_larger_for_being_packed_quickly(drawn: str, network: LoadedCheckpoint) -> None:
    figure = simam_viz.figure("honey-bee", network, show=("photo", "weight"), drawn=drawn)
    usual = io.BytesIO()
    with fonts.setting(figure.description.font, figure.description.font_size):
        Figure.savefig(figure, usual, format="pdf", dpi=72)
    assert len(formats.written(figure, "pdf")) < 1.1 * len(usual.getvalue())


def test_a_chart_of_the_screen_is_printed_with_its_numbers() -> None:
    chart = charts.histogram({"one": torch.tensor([0.5, 0.5, 1.5]), "two": torch.rand(50)}, "energy", 0.0, 2.0, bins=4)
    figure = printing.printed_chart(chart)
    (axes,) = figure.axes
    heights = [bar.get_height() for bar in axes.containers[0]]
    assert heights[1] == pytest.approx(200 / 3, rel=1e-3) and heights[3] == pytest.approx(100 / 3, rel=1e-3)
    assert axes.get_xlabel() == "energy" and axes.get_yscale() == "log"
    lines = charts.along_lambda({"cat": [0.1, 0.9]}, [1e-3, 1.0], "probability", {"own": 0.1}, 1.0)
    (axes,) = printing.printed_chart(lines).axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[-3, 0.1], [0, 0.9]])
    assert "own" in [text.get_text() for text in axes.texts]
    for spec in (
        charts.probabilities(["a", "b"], [0.7, 0.2]),
        charts.ablation(["x", "y"], {"off": [0.1, -0.1], "uniform": [0.0, 0.2]}),
        charts.curves({"m": [1.0, 0.0]}, [0.0, 1.0], "% greyed"),
        charts.clickable_map(torch.rand(3, 4), render.CAM_SCALE, (1, 1)),
    ):
        assert formats.written(printing.printed_chart(spec), "svg").startswith(b"<?xml")


def test_names_stand_on_the_figure_and_in_its_caption(network: LoadedCheckpoint, photo: Image.Image) -> None:
    asked = {
        "networks": ["on", "off"],
        "show": ["photo", "cam"],
        "names": {"on": "Ours_1", "cam": "λ 注意力", "p": "(i)"},
    }
    figure = simam_viz.figure({"p": photo, "q": photo}, network, description=asked)
    svg = formats.written(figure, "svg").decode()
    assert all(f">{text}<" in svg for text in ("Ours_1", "λ 注意力", "(i)", "Switched off"))
    text = figure.caption.text
    assert "λ 注意力 (Grad-CAM) at layer" in text and "Ours_1: " in text and "(i): “" in text
    assert r"Ours\_1" in figure.caption.latex and "--name on=Ours_1" in figure.description.command()
    with pytest.raises(ValueError, match="does not show 'twin'"):
        simam_viz.figure({"p": photo}, network, description={"names": {"twin": "x"}})


def test_what_no_network_has_takes_no_room(network: LoadedCheckpoint, photo: Image.Image) -> None:
    figure = simam_viz.figure(
        {"p": photo}, network, description={"networks": ["on", "off"], "show": ["photo", "weight", "energy", "cam"]}
    )
    svg = formats.written(figure, "svg").decode()
    assert "no attention here" not in svg and svg.count(">Attention on<") == 3 and svg.count(">Switched off<") == 1
    # Of a photo or a network that stands in a row of its own, the others keep their places.
    rows = simam_viz.figure(
        {"p": photo}, network, description={"networks": ["on", "off"], "show": ["weight", "cam"], "rows": "networks"}
    )
    assert "no attention here" in formats.written(rows, "svg").decode()


def test_panels_go_on_below(network: LoadedCheckpoint, photo: Image.Image) -> None:
    show = [f"weight:{channel}" for channel in range(5)]
    wide = simam_viz.figure({"p": photo}, network, description={"show": show, "width": 88})
    high = simam_viz.figure({"p": photo}, network, description={"show": show, "width": 88, "across": 2})
    tops = sorted(
        {round(axes.get_position().y1, 3) for axes in high.axes if axes.get_position().height > 0.1}, reverse=True
    )
    assert len(tops) == 3 and high.get_figheight() > 4 * wide.get_figheight()
    panels_of = [axes for axes in high.axes if axes.get_position().height > 0.1]
    assert len(panels_of) == 5 and "--across 2" in high.description.command()
    svg = formats.written(high, "svg").decode()
    assert [svg.count(f">Weight, channel {channel}<") for channel in range(5)] == [1] * 5


def test_a_figure_has_the_same_bytes_with_any_number_of_threads(network: LoadedCheckpoint, photo: Image.Image) -> None:
    before = torch.get_num_threads()
    made = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            figure = simam_viz.figure({"p": photo}, network, show=("cam", "weight:max", "histogram"))
            made.append(formats.written(figure, "png", 100))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert made[0] == made[1]


def test_a_map_of_a_page_is_a_figure_of_one_panel(photo: Image.Image) -> None:
    figure = printing.printed_map("Grad-CAM of cat", photo, (58, 0, 359, 301), torch.rand(7, 7), render.CAM_SCALE)
    svg = formats.written(figure, "svg").decode()
    assert ">Grad-CAM of cat<" in svg and "over its own maximum" in svg
    picture = Image.open(io.BytesIO(formats.written(figure, "png", 300)))
    assert picture.width == pytest.approx(88 / 25.4 * 300, abs=1)


@pytest.mark.parametrize("dpi", [300, 600])
def test_a_png_is_as_wide_as_it_says(dpi: int, made: PaperFigure) -> None:
    picture = Image.open(io.BytesIO(formats.written(made, "png", dpi)))
    assert picture.width / picture.info["dpi"][0] * 25.4 == pytest.approx(180, abs=25.4 / dpi)


def test_differences_are_symmetric_about_0_with_a_bar_of_their_own(
    network: LoadedCheckpoint, photo: Image.Image
) -> None:
    asked = Description(
        networks=("on", "off"), show=("cam", "difference"), own_range=True, signed="PuOr_r", colours="cividis"
    )
    columns = [Column("on", lambda: (network, None)), Column("off", lambda: (off_network(network), None))]
    look = assembled(pieces(asked, [Picture("p", photo, "p")], columns))
    cells = arranged(asked, ["p"], ["on", "off"]).panels
    scales = panels.scales(asked, cells, look)
    difference = scales[next(cell for cell in cells if cell.quantity.kind == "difference")]
    assert difference.low == -difference.high < 0 and difference.colours == "PuOr_r"
    assert {scale.colours for cell, scale in scales.items() if cell.quantity.kind == "cam"} == {"cividis"}


@pytest.mark.parametrize(("text", "value"), [("", None), ("predicted", "predicted"), ("3,4", (3, 4))])
def test_regions(text: str, value: object) -> None:
    assert Description(region=text).asked_region == value
    assert described(Description(region=text).changed()).region == text
    with pytest.raises(ValueError, match="A region is row,column"):
        Description(region="there")


class PixelByPixel(torch.nn.Module):
    """Answers for every pixel; what it looks at differs from pixel to pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.attention, self.last = (
            torch.nn.Conv2d(3, 8, 3, 2, 1),
            simam_viz.SimAM(0.1),
            torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 1)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        refined = self.attention(self.first(x).relu())
        return torch.nn.functional.interpolate(self.last(refined), size=x.shape[-2:])


class Embedding(torch.nn.Module):
    """Answers with features."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.attention, self.last = (
            torch.nn.Conv2d(3, 8, 3, 2, 1),
            simam_viz.SimAM(0.1),
            torch.nn.Linear(8, 16),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.attention(self.first(x).relu()).mean(dim=(2, 3)))


def test_what_else_is_asked_of_a_network_is_in_the_description() -> None:
    torch.manual_seed(3)  # a network that predicts its class in a part of the photo
    photo = next(sample for sample in list_samples() if sample.name == "honey-bee").image()
    network = simam_viz.wrap(PixelByPixel().eval(), output="pixels", input_size=96, verbose=False)
    made = {
        region: simam_viz.figure({"p": photo}, network, show=("cam",), region=region)
        for region in ("", "40,41", "predicted")
    }
    assert len({formats.written(figure, "png", 100) for figure in made.values()}) == 3
    assert "row 40, column 41" in made["40,41"].caption.text and "--region 40,41" in made["40,41"].description.command()
    analysis = simam_viz.analyze(network, photo, region=(40, 41))
    asked = Description(networks=("n",), show=("cam",), region="40,41")
    look = assembled(pieces(asked, [Picture("p", photo, "p")], [Column("n", lambda: (network, None))]))[0, 0]
    torch.testing.assert_close(look.maps["cam"], analysis.blocks[-1].cam, rtol=1e-4, atol=1e-5)

    network = simam_viz.wrap(Embedding().eval(), output="embedding", input_size=96, verbose=False)
    figure = simam_viz.figure({"p": photo}, network, show=("cam",), reference="honey-bee")
    assert "similarity to honey-bee" in figure.caption.text and "--reference honey-bee" in figure.description.command()
    with pytest.raises(ValueError, match="give reference"):
        simam_viz.figure({"p": photo}, network, show=("cam",))
