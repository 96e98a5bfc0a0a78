"""Photos as people have them: deep data, motion photos, every ending; and what was done to each is said."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import simam_viz
from simam_viz import ImageError
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.evaluation.data_sets import labelled_photos
from simam_viz.photos.images import MAX_INPUT_SIZE, SUFFIXES, enlargement, formats_in_words, read_photo
from simam_viz.photos.samples import list_samples
from tests.helpers.colour_files import colour_png, deep_tiff
from tests.helpers.image_bombs import encoded, ftyp, jpeg_segment, png_chunk, progressive_scans, tiff
from tests.helpers.project import ROOT

MP4 = struct.pack(">I", 24) + b"ftypmp42" + bytes(4) + b"isommp42"


@pytest.fixture(scope="module")
def cup() -> Image.Image:
    return next(sample for sample in list_samples() if sample.name == "espresso-cup").image().resize((64, 48))


def brightest(data: bytes) -> int:
    return int(np.asarray(simam_viz.open_image(data)).max())


# Deep data


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("share", [0.6, 1.0])
@pytest.mark.parametrize("kind", ["grey PNG", "grey TIFF", "colour PNG", "grey and alpha PNG", "colour and alpha PNG",
                                  "colour TIFF", "packed colour TIFF", "big-endian colour TIFF"])  # fmt: skip
def test_data_of_so_many_bits_is_as_bright_as_it_was(kind: str, bits: int, share: float) -> None:
    """Never stretched to its maximum: what is at 60 % of white stays there."""
    greatest = round(share * (2**bits - 1))
    ramp = np.linspace(0, greatest, 48).round().astype(np.uint16).reshape(6, 8)
    read = read_photo(deep_file(kind, ramp))
    right = 255.0 * ramp / (2**bits - 1)
    assert np.abs(np.asarray(read.image)[..., 0] - right).max() <= 1
    assert np.ptp(np.asarray(read.image), axis=-1).max() == 0
    assert [f"{bits}-bit" in notice for notice in read.notices] == [True] * (bits < 16)


def deep_file(kind: str, ramp: np.ndarray, *chunks: bytes, tags: tuple = ()) -> bytes:
    opaque = np.full_like(ramp, 65535)
    if kind == "grey PNG":
        return colour_png(ramp, *chunks)
    if kind == "grey TIFF":
        return deep_tiff(ramp[..., None], tags=tags)
    if kind == "colour PNG":
        return colour_png(np.dstack([ramp] * 3), *chunks)
    if kind == "grey and alpha PNG":
        return colour_png(np.dstack([ramp, opaque]), *chunks)
    if kind == "colour and alpha PNG":
        return colour_png(np.dstack([ramp] * 3 + [opaque]), *chunks)
    return deep_tiff(np.dstack([ramp] * 3), packed="packed" in kind, order=">" if "big" in kind else "<", tags=tags)


@pytest.mark.parametrize(
    "kind", ["grey PNG", "colour PNG", "grey and alpha PNG", "colour and alpha PNG", "grey TIFF", "colour TIFF"]
)
def test_the_file_itself_says_how_many_bits_count(kind: str) -> None:
    """A dark photo of 14 bits, none of whose values needs more than 12."""
    ramp = np.array([[0, 1000, 3000]], np.uint16)
    bands = {"grey PNG": 1, "colour PNG": 3, "grey and alpha PNG": 2, "colour and alpha PNG": 4}.get(kind, 0)
    chunk = png_chunk(b"sBIT", bytes([14] * bands))
    read = read_photo(deep_file(kind, ramp, chunk, tags=((281, 16383),)))
    assert np.asarray(read.image)[0, :, 0].tolist() == [0, 16, 47]
    assert "14-bit" in read.notices[0]
    # Sixteen bits, said so: nothing to mend, and nothing to say.
    read = read_photo(deep_file(kind, ramp, png_chunk(b"sBIT", bytes([16] * bands)), tags=((281, 65535),)))
    assert np.abs(np.asarray(read.image, int)[0, :, 0] - [0, 4, 12]).max() <= 1 and read.notices == ()
    # What states less than it holds is not believed.
    ramp = ramp * 20
    read = read_photo(deep_file(kind, ramp, png_chunk(b"sBIT", bytes([12] * bands)), tags=((281, 4095),)))
    assert np.abs(np.asarray(read.image, int)[0, :, 0] - [0, 78, 233]).max() <= 1 and read.notices == ()


def test_a_stated_maximum_is_no_reason_to_stretch() -> None:
    """Some programs write the greatest value that occurs into MaxSampleValue."""
    ramp = np.array([[0, 1000, 3000]], np.uint16)
    read = read_photo(deep_file("grey TIFF", ramp, tags=((281, 3000),)))
    assert np.asarray(read.image)[0, :, 0].tolist() == [0, 62, 187]


def test_twelve_bits_packed_tightly() -> None:
    values = [0, 2048, 4095, 1024]
    packed = b"".join(
        bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in zip(values[::2], values[1::2], strict=True)
    )
    entries = [(256, 3, 1, 4), (257, 3, 1, 1), (258, 3, 1, 12), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 122),
               (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, len(packed))]  # fmt: skip
    read = read_photo(tiff(entries, packed))
    assert np.asarray(read.image)[0, :, 0].tolist() == [0, 128, 255, 64]


def test_a_deep_tiff_whose_white_is_zero() -> None:
    read = read_photo(deep_tiff(np.array([[[0], [32768], [65535]]], np.uint16), photometric=0))
    assert np.asarray(read.image)[0, :, 0].tolist() == [255, 127, 0]


@pytest.mark.parametrize(
    ("values", "right", "said"),
    [
        ([0, 100, 200], [0, 100, 200], "8-bit"),
        ([0, 2000, 4000], [0, 125, 249], "12-bit"),
        ([0, 2**31, 2**32 - 1], [0, 128, 255], ""),
        ([0, 2**23, 2**24 - 1], [0, 128, 255], "24-bit"),
    ],
)
def test_integers_of_32_bits(values: list[int], right: list[int], said: str) -> None:
    image = Image.fromarray(np.array([values], np.uint32).view(np.int32))
    data = bytearray(encoded(image, "TIFF"))
    at = data.index(struct.pack("<HHI", 339, 3, 1)) + 8  # Pillow calls them signed
    data[at] = 1
    read = read_photo(bytes(data))
    assert np.asarray(read.image)[0, :, 0].tolist() == right
    assert said in " ".join(read.notices) and len(read.notices) == bool(said)


@pytest.mark.parametrize(
    ("values", "right", "said"),
    [
        ([0.0, 0.25, 0.5], [0, 64, 128], ""),
        ([0.0, 100.0, 200.0], [0, 100, 200], "255"),
        ([0.0, 1000.0, 4000.0], [0, 62, 249], "4,095"),
        ([-1.0, 0.0, 1.0], [0, 128, 255], "made black"),
        ([float("nan"), 0.5, 1.0], [0, 128, 255], "NaN"),
    ],
)
def test_floats_are_stretched_only_where_nothing_else_is_known(
    values: list[float], right: list[int], said: str
) -> None:
    read = read_photo(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert np.asarray(read.image)[0, :, 0].tolist() == right
    assert said in " ".join(read.notices) and len(read.notices) == bool(said)


@pytest.mark.parametrize("level", [0, 4112, 65535])
def test_a_transparent_level_of_deep_data_is_white(level: int) -> None:
    grey = np.array([[0, 4112, 4113, 65535]], np.uint16)
    right = [255 if value == level else round(value / 257) for value in grey[0].tolist()]
    read = read_photo(colour_png(grey, png_chunk(b"tRNS", struct.pack(">H", level))))
    assert np.asarray(read.image)[0, :, 0].tolist() == right and "white" in read.notices[0]
    read = read_photo(colour_png(np.dstack([grey] * 3), png_chunk(b"tRNS", struct.pack(">3H", *[level] * 3))))
    assert np.asarray(read.image)[0].tolist() == [[value] * 3 for value in right] and "white" in read.notices[0]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_level_of_shallow_data_is_white(depth: int) -> None:
    levels = 2**depth
    image = Image.new("L", (8, 1), 0)
    header = struct.pack(">IIBBBBB", 8, 1, depth, 0, 0, 0, 0)
    row = int("".join(format(min(1, levels - 1), f"0{depth}b") for _ in range(8)), 2).to_bytes(depth)
    data = encoded(image, "PNG")[:8] + png_chunk(b"IHDR", header) + png_chunk(b"tRNS", b"\0\1")
    data += png_chunk(b"IDAT", zlib.compress(b"\0" + row)) + png_chunk(b"IEND")
    assert simam_viz.open_image(data).getpixel((3, 0)) == (255, 255, 255)


def test_what_is_transparent_is_said_only_where_something_is(cup: Image.Image) -> None:
    for alpha, said in ((255, False), (254, True), (0, True)):
        image = cup.copy()
        image.putalpha(alpha)
        assert any("transparent" in notice for notice in read_photo(encoded(image, "PNG")).notices) == said


# What stands behind the first picture


def test_what_follows_the_first_picture_is_not_read(cup: Image.Image) -> None:
    progressive = encoded(cup, "JPEG", progressive=True)
    video = MP4 + b"\xff\xda" * 500_000
    for behind in (video, progressive * 400, b"\xff\xda\0\0" * 10_000, b"\xff" * 2**20):
        assert np.array_equal(simam_viz.open_image(progressive + behind), simam_viz.open_image(progressive))


def test_a_thumbnail_in_exif_is_no_scan(cup: Image.Image) -> None:
    plain = encoded(cup, "JPEG")
    thumbnail = jpeg_segment(0xE1, b"Exif\0\0" + b"\xff\xda\xff\xd9" * 10_000)
    assert simam_viz.open_image(plain[:2] + thumbnail + plain[2:]).size == cup.size


def test_true_scan_bombs_are_refused() -> None:
    data = progressive_scans(4000, 3000, 1_000)
    for bomb in (data, data + MP4, data[:-2] + jpeg_segment(0xFE, b"\xff\xd9") + data[-2:]):
        with pytest.raises(ImageError, match="many scans"):
            simam_viz.open_image(bomb)


def test_several_pictures_in_one_file(cup: Image.Image) -> None:
    other = ImageOps.mirror(cup)
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "MPO", "AVIF"):
        options = {"WEBP": {"lossless": True}}.get(kind, {})
        several = read_photo(encoded(cup, kind, save_all=True, append_images=[other], **options))
        assert any("several pictures" in notice for notice in several.notices), kind
        assert np.abs(np.asarray(several.image, int) - np.asarray(cup)).mean() < 8, kind
        alone = read_photo(encoded(cup, "JPEG" if kind == "MPO" else kind))
        assert alone.notices == ()


# What is no photo here


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ftyp(b"heic", b"mif1"), "HEIC"),
        (ftyp(b"mif1", b"mif1", b"heic"), "HEIC"),
        (ftyp(b"mp42", b"isom"), "a video"),
        (ftyp(b"qt  "), "a video"),
        (ftyp(b"crx "), "raw file"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), "raw file"),
        (tiff([(254, 4, 1, 1), (330, 4, 1, 8)], bytes(100)), "raw file"),
        (tiff([(256, 3, 1, 8), (50706, 1, 4, 1)], bytes(100)), "raw file"),
        (b"FUJIFILMCCD-RAW 0201", "raw file"),
        (b"%PDF-1.7\n", "PDF"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\xef\xbb\xbf<svg/>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\xff\x0a" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "JPEG 2000"),
        (b"\x1aE\xdf\xa3" + bytes(50), "a video"),
        (b"RIFF\0\0\0\0AVI " + bytes(50), "a video"),
        (b"8BPS\0\1" + bytes(50), "Photoshop"),
        (b"PK\x03\x04" + bytes(50), "archive"),
    ],
)
def test_what_a_file_is_that_is_not_read_here(data: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simam_viz.photos.images._reads_heic", lambda: False)
    with pytest.raises(ImageError, match=words) as caught:
        simam_viz.open_image(data)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and 40 < len(sentence) < 250
    assert "JPEG" in sentence or "PNG" in sentence or "save" in sentence or "choose" in sentence, "it says what to do"


def test_an_ordinary_tiff_is_no_raw_file(cup: Image.Image) -> None:
    assert simam_viz.open_image(encoded(cup, "TIFF", save_all=True, append_images=[cup])).size == cup.size


def test_avif(cup: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(cup, "AVIF", quality=95, exif=exif)
    image = simam_viz.open_image(data)
    assert image.size == cup.size[::-1]
    assert np.abs(np.asarray(image.rotate(90, expand=True), int) - np.asarray(cup)).mean() < 6
    assert "AVIF" in formats_in_words()
    with pytest.raises(ImageError):
        simam_viz.open_image(data[: len(data) // 2])


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize("brand", [b"avif", b"heic"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (box(b"iprp", box(b"ipco", box(b"ispe", struct.pack(">III", 0, 10_000, 6_000)))), "50 million"),
        (box(b"iloc", bytes([1, 0, 0, 0, 0x44, 0]) + b"\xff\xff"), "many pictures"),
        (box(b"iinf", bytes([0, 0, 0, 0]) + b"\xff\xff"), "many pictures"),
        (box(b"iref", bytes(10**6)), "many pictures"),
        (box(b"free", b"") * 20_000, "many parts"),
    ],
    ids=["size", "places", "items", "references", "boxes"],
)
def test_picture_containers_that_cost_more_than_they_look(brand: bytes, content: bytes, words: str) -> None:
    """Refused before anything is decoded, whether or not there is a decoder."""
    data = box(b"ftyp", brand + bytes(4) + b"mif1") + box(b"meta", bytes(4) + content)
    with pytest.raises(ImageError, match=words):
        simam_viz.open_image(data)


def test_heic(cup: Image.Image) -> None:
    heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    try:
        heif.from_pillow(cup).save(stream, quality=95)
    except RuntimeError:
        pytest.skip("this pillow-heif cannot write HEIC")
    read = read_photo(stream.getvalue())
    assert np.abs(np.asarray(read.image, int) - np.asarray(cup)).mean() < 6 and read.notices == ()
    assert "HEIC" in formats_in_words() and "HEIF" not in Image.OPEN, "Pillow itself is left as it is"
    with pytest.raises(ImageError):
        simam_viz.open_image(stream.getvalue()[:200])


# One road for everything


def all_modes(cup: Image.Image) -> dict[str, Image.Image]:
    half = Image.linear_gradient("L").resize(cup.size)
    with_alpha = cup.copy()
    with_alpha.putalpha(half)
    deep = Image.fromarray(np.asarray(cup.convert("L"), np.uint16) * 257)
    modes = {mode: cup.convert(mode) for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr")}
    return modes | {"RGBA": with_alpha, "LA": with_alpha.convert("LA"), "I;16": deep, "F": cup.convert("F")}


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "F"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_pil_image_is_what_its_file_is(mode: str, turned: bool, cup: Image.Image) -> None:
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    data = encoded(all_modes(cup)[mode], "TIFF" if mode in ("CMYK", "YCbCr", "F") else "PNG", exif=exif)
    image = Image.open(io.BytesIO(data))
    image.load()
    before, info = np.array(image), dict(image.info)
    assert np.array_equal(simam_viz.open_image(image), simam_viz.open_image(data))
    assert np.array_equal(image, before) and image.info == info


def test_every_function_takes_whatever_can_be_read(cup: Image.Image, loaded: LoadedCheckpoint, tmp_path: Path) -> None:
    with_alpha = all_modes(cup)["RGBA"]
    path = tmp_path / "cup.png"
    with_alpha.save(path)
    right = simam_viz.analyze(loaded, simam_viz.open_image(path), input_size=64)
    for source in (
        path,
        str(path),
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        with_alpha,
        np.asarray(with_alpha),
    ):
        assert torch.equal(simam_viz.analyze(loaded, source, input_size=64).logits, right.logits)
    twin = simam_viz.load_checkpoint("resnet18-tinyimagenet")
    with path.open("rb") as file:
        analyses = simam_viz.compare(loaded, file, input_size=64, twin=twin)
    assert analyses["on"].view.tobytes() == analyses["twin"].view.tobytes() == right.view.tobytes()
    probability = float(right.probabilities[right.target])
    assert simam_viz.ablate_blocks(loaded, with_alpha, input_size=64).on == pytest.approx(probability, abs=1e-5)
    low, _ = simam_viz.analyze_lambdas(loaded, str(path), [0.1, 1], input_size=64)
    torch.testing.assert_close(low.logits, right.logits, rtol=1e-4, atol=1e-4)


def test_a_plain_image_passes_untouched() -> None:
    image = Image.new("RGB", (8, 8))
    assert simam_viz.open_image(image) is image


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (np.full((4, 5), 200, np.uint8), 200),
        (np.full((4, 5, 3), 200, np.uint8), 200),
        (np.full((4, 5, 4), 0, np.uint8), 255),
        (np.full((4, 5, 3), 200, np.uint8)[:, ::-1], 200),
        (np.full((4, 5, 3), 0.5), 128),
        (np.full((4, 5), 0.5, np.float32), 128),
        (np.full((4, 5, 3), 2048, np.uint16), 128),
        (np.full((4, 5), 2048, np.uint16), 128),
        (np.dstack([np.full((4, 5, 3), 2048, np.uint16), np.full((4, 5), 65535, np.uint16)]), 128),
    ],
)
def test_arrays(values: np.ndarray, first: int) -> None:
    image = simam_viz.open_image(values)
    assert image.size == (5, 4) and image.getpixel((0, 0)) == (first,) * 3


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
        np.zeros((0, 8), np.uint8),
        np.zeros((8, 8), np.int64),
        np.zeros((8, 8), bool),
        np.full((8, 8), 200.0),
        np.full((8, 8), np.nan),
        np.full((8, 8), -0.1),
        np.zeros((8, 8), complex),
        np.array([["a"]]),
    ],
)
def test_arrays_that_are_no_image_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image") as caught:
        simam_viz.open_image(values)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [None, 7, ["a.png"], {"a": 1}, object()])
def test_anything_else_is_one_sentence(source: object, loaded: LoadedCheckpoint) -> None:
    for call in (
        simam_viz.open_image,
        lambda x: simam_viz.analyze(loaded, x),
        lambda x: simam_viz.ablate_blocks(loaded, x),
    ):
        with pytest.raises(TypeError, match=f"^An image is needed.*{type(source).__name__}\\.$"):
            call(source)


def test_a_tensor_is_a_networks_input_and_no_photo(loaded: LoadedCheckpoint) -> None:
    with pytest.raises(TypeError, match=r"^An image is needed.*Tensor"):
        simam_viz.open_image(torch.zeros(3, 8, 8))
    for call in (simam_viz.analyze, simam_viz.ablate_blocks):
        with pytest.raises(ValueError, match=r"takes tensors of shape \(1, 3, H, W\), not \(3, 8, 8\)"):
            call(loaded, torch.zeros(3, 8, 8))


# Sizes


def test_an_input_that_would_fill_the_memory_is_refused(
    cup: Image.Image, loaded: LoadedCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = (
        lambda size: simam_viz.analyze(loaded, cup, input_size=size),
        lambda size: simam_viz.compare(loaded, cup, input_size=size),
        lambda size: simam_viz.ablate_blocks(loaded, cup, input_size=size),
        lambda size: simam_viz.analyze_lambdas(loaded, cup, [0.1], input_size=size),
        lambda size: simam_viz.wrap(loaded.model, loaded.categories, size),
        lambda size: list(simam_viz.evaluation.accuracy.places(loaded, [], size)),
    )
    for call in calls:
        for size in (0, 31, MAX_INPUT_SIZE + 1, 100_000):
            with pytest.raises(ValueError, match=f"at least 32 pixels wide and at most 4,096, not {size:,}"):
                call(size)
    with pytest.raises(ValueError, match="4,096"):
        loaded.transforms.view(cup, 100_000)
    photo = str(list_samples()[0].path)
    for command in (
        ["analyze", photo, "--out", str(tmp_path / "out"), "--size", "100000"],
        ["analyze", str(tmp_path), "--out", str(tmp_path / "out"), "--size", "100000"],
        ["evaluate", "--data", class_folders(tmp_path, loaded), "--size", "100000"],
        ["faithful", "--data", class_folders(tmp_path, loaded), "--size", "100000"],
    ):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert "at most 4,096, not 100,000." in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def class_folders(folder: Path, loaded: LoadedCheckpoint) -> str:
    place = folder / "data" / loaded.categories[0].split(",")[0]
    place.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(place / "a.jfif", "JPEG")
    return str(folder / "data")


def test_folders_of_classes_know_the_same_endings(tmp_path: Path, loaded: LoadedCheckpoint) -> None:
    folder = Path(class_folders(tmp_path, loaded))
    (place,) = folder.iterdir()
    for name in ("notes.txt", ".hidden"):
        (place / name).write_text("no photo")
    found = labelled_photos(folder, loaded)
    assert [path.name for path, _ in found.photos] == ["a.jfif"]
    assert found.no_photos == (str(Path(place.name) / "notes.txt"),)


def test_a_small_photo_is_said_to_be_enlarged() -> None:
    assert "20 × 20" in enlargement(Image.new("RGB", (30, 20)), 160) and "160 × 160" in enlargement(
        Image.new("L", (20, 20)), 160
    )
    assert enlargement(Image.new("RGB", (160, 300)), 160) == ""


# The command line


@pytest.mark.parametrize(
    "command",
    [
        ["analyze", "nowhere.jpg", "--out", "OUT"],
        ["analyze", "nowhere/photo.png", "--out", "OUT"],
        ["evaluate", "--data", "nowhere"],
        ["faithful", "--data", "nowhere"],
        ["card", "--data", "nowhere", "--run", "nowhere", "--out", "OUT"],
        ["train", "--data", "nowhere", "--out", "OUT"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_missing_file_is_one_sentence(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out") if word == "OUT" else word for word in command]) == 2
    error = capsys.readouterr().err
    assert error.startswith("simam_viz: ") and error.count("\n") == 1 and error.endswith(".\n")
    assert "nowhere" in error and "Errno" not in error


@pytest.mark.long
def test_the_command_line_says_what_was_done_to_a_photo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = Image.new("RGBA", (20, 20), (200, 0, 0, 100))
    image.save(tmp_path / "small.png")
    command = ["analyze", str(tmp_path / "small.png"), "--out", str(tmp_path / "out"), "--report"]
    assert main(command) == 0
    error = capsys.readouterr().err
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for told in (error, report):
        assert "filled with white" in told and "20 × 20 pixels only" in told
    assert main([*command[:-1], "--size", "32"]) == 0 and "enlarged to 32 × 32" in capsys.readouterr().err


def test_a_folder_run_names_what_it_left_out(
    cup: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos" / "out"
    photos.mkdir()
    kinds = {"a.JPG": "JPEG", "b.jfif": "JPEG", "c.Jpe": "JPEG", "d.avif": "AVIF", "e.png": "PNG"}
    for name, kind in kinds.items():
        cup.save(photos / name, kind)
    (photos / "f.heic").write_bytes(ftyp(b"heic"))
    for name in ("clip.mov", "shot.cr2", ".hidden", *(f"{number:02}.txt" for number in range(30))):
        (photos / name).write_bytes(b"x")
    command = ["analyze", str(photos), "--out", str(out), "--size", "64"]
    for _ in range(2):
        assert main(command) == 0
        told = capsys.readouterr()
        assert "5 of 6 photos analysed" in told.out
        last = told.err.splitlines()[-1]
        assert "00.txt, 01.txt" in last and "22 more" in last and len(last) < 200
        named = (out / "left-out.txt").read_text(encoding="utf-8").split()
        assert len(named) == 32 and {"clip.mov", "shot.cr2"} <= set(named)
        summary = (out / "summary.csv").read_text(encoding="utf-8-sig")
        assert all(name in summary for name in (*kinds, "f.heic")) and "enlarged to 64 × 64" in summary
    for path in photos.glob("*.*"):
        if path.suffix.lower() in SUFFIXES:
            path.unlink()
    assert main(command) == 2
    assert "Left out" in capsys.readouterr().err


# What importing does


def test_importing_the_package_changes_nothing_in_the_process() -> None:
    """Others' modules are imported first: what those change is theirs."""
    program = """
import importlib, json, logging, os, pathlib, pathlib, signal, sys, threading, warnings
import jinja2, matplotlib, matplotlib.figure, matplotlib.backends.backend_agg, numpy, safetensors.torch, torch, torchvision, tqdm
import torchvision.datasets, torchvision.transforms.v2.functional, PIL.ImageCms, PIL.ImageOps, PIL.features, PIL.ImageDraw, PIL.ImageFont

def state():
    loggers = {name: logging.getLogger(name) for name in ["", "PIL", "torch", "matplotlib", *logging.root.manager.loggerDict]}
    return {
        "filters": [str(entry) for entry in warnings.filters],
        "loggers": {name: [logger.level, logger.propagate, logger.disabled, str(logger.handlers), str(logger.filters)]
                    for name, logger in loggers.items()},
        "environment": dict(os.environ),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads(), threading.active_count()],
        "torch": [str(torch.get_default_dtype()), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
                  torch.initial_seed()],
        "random": [str(numpy.random.get_state()), str(__import__("random").getstate())],
        "matplotlib": [matplotlib.get_backend(auto_select=False), settings()],
        "numpy": str(numpy.geterr()),
        "pillow": [sorted(PIL.Image.OPEN), PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES],
        "hooks": [str(sys.excepthook), str(sys.path), str(warnings.showwarning), os.getcwd(), str(signal.getsignal(signal.SIGINT))],
        "libtiff": handlers(),
    }

def settings():
    return str({name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"})

def handlers():
    import ctypes
    maps = pathlib.Path("/proc/self/maps")
    paths = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if "/libtiff" in line} if maps.exists() else ()
    found = []
    for path in paths:
        library = ctypes.CDLL(path)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            swap = getattr(library, name)
            swap.restype, swap.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            handler = swap(None)
            swap(handler)
            found.append(handler)
    return found

before = state()
import simam_viz
# By their files: a walk through packages would import the app's.
files = [path.relative_to("simam_viz").with_suffix("") for path in sorted(pathlib.Path("simam_viz").rglob("*.py"))]
names = [".".join(("simam_viz", *file.parts)).removesuffix(".__init__") for file in files]
names = [name for name in names if not name.startswith("simam_viz.app") and not name.endswith("__main__")]
for name in [*names, "simam_viz.__main__"]:
    importlib.import_module(name)
after = state()
changed = {entry: (before[entry], after[entry]) for entry in before if before[entry] != after[entry]}
new = {name: logger for name, logger in after["loggers"].items() if name not in before["loggers"]}
for entry in list(changed):
    if entry == "loggers" and all(after[entry][name] == before[entry][name] for name in before[entry]):
        del changed[entry]
print(json.dumps([len(names), changed, [name for name in new if not name.startswith("simam_viz") and new[name][0]]]))
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    import json

    count, changed, loggers = json.loads(result.stdout.splitlines()[-1])
    assert count > 35 and changed == {} and loggers == []
