"""Ways to build a file and to damage it, for tests that draw them at random (hypothesis); and texts no address should hold."""

from __future__ import annotations

import io
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image

# A few examples of everything in CI; ``python -m tests.long`` draws many.
EXAMPLES = int(os.environ.get("SIMAM_VIZ_EXAMPLES", "200"))
DRAWN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="SIMAM_VIZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)

MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F",
         "I;16", "I;16L", "I;16B")  # fmt: skip
KINDS = {
    "PNG": [{}, {"compress_level": 0}, {"bits": 2}],
    "JPEG": [{}, {"progressive": True, "quality": 30}, {"subsampling": 2}],
    "WEBP": [{}, {"lossless": True}],
    "BMP": [{}],
    "GIF": [{}, {"interlace": False}],
    "TIFF": [{"compression": name} for name in
             ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4", "tiff_ccitt", "lzma", "zstd")],
}  # fmt: skip
ORIENTATION = 0x0112


def blank(mode: str, size: tuple[int, int], grey: int = 128) -> Image.Image:
    """A picture of a mode; Pillow makes some of them only through others."""
    return Image.new(mode, size, (grey,) * len(Image.new(mode, (1, 1)).getbands()) if mode not in ("F",) else grey)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes | None:
    """The file, or ``None`` where Pillow cannot write this mode so."""
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except (OSError, ValueError, KeyError, SystemError, RuntimeError):
        return None
    return buffer.getvalue()


@st.composite
def image_files(draw: st.DrawFn) -> tuple[bytes, str, tuple[int, int]]:
    """A whole file of any kind and mode: its bytes, its kind, and the size it must open with."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    mode = draw(st.sampled_from(MODES))
    side = st.one_of(st.integers(1, 40), st.just(1), st.just(300))
    width, height = draw(side), draw(side)
    image = blank(mode, (width, height), draw(st.sampled_from([0, 1, 128, 255])))
    if draw(st.booleans()) and mode not in ("PA", "La", "RGBa"):
        image.paste(blank(mode, (width, height), 77), (draw(st.integers(-9, 9)), draw(st.integers(-9, 9))))
    options = dict(draw(st.sampled_from(KINDS[kind])))
    orientation = draw(st.integers(0, 9))
    # A GIF has no place for it.
    if kind in ("PNG", "JPEG", "WEBP", "TIFF") and orientation:
        block = Image.Exif()
        block[ORIENTATION] = orientation
        options["exif"] = block
    if kind in ("PNG", "WEBP", "GIF", "TIFF") and draw(st.booleans()):
        options |= {"save_all": True, "append_images": [blank(mode, (width, height), 9)]}
    data = encoded(image, kind, **options)
    if data is None:  # a mode that this kind cannot hold is converted, as a person's program would
        data = encoded(image_as("RGB", image), kind) or b""
        orientation = 0
    turned = kind != "GIF" and kind != "BMP" and orientation in (5, 6, 7, 8)
    return data, kind, (height, width) if turned else (width, height)


def image_as(mode: str, image: Image.Image) -> Image.Image:
    """The picture in another mode, through the modes that Pillow converts from."""
    return image.convert(mode) if image.mode in ("L", "P", "RGBA", "CMYK") else blank(mode, image.size, 60)


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """A file that was cut, overwritten, doubled, or had numbers in it replaced by extreme ones."""
    data = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        # Headers are where damage hurts most.
        at = draw(st.one_of(st.integers(0, min(len(data) - 1, 80)), st.integers(0, len(data) - 1)))
        what = draw(st.sampled_from(["cut", "byte", "number", "insert", "repeat", "zero"]))
        if what == "cut":
            del data[at:]
        elif what == "byte":
            data[at] = draw(st.integers(0, 255))
        elif what == "number":
            number = draw(
                st.sampled_from([b"\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x7f\xff\xff\xff", bytes(4)])
            )
            data[at : at + len(number)] = number
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=20))
        elif what == "repeat":
            part = data[at : at + draw(st.integers(1, 200))]
            data[at:at] = part * draw(st.integers(1, 20))
        else:
            end = min(len(data), at + draw(st.integers(1, 200)))
            data[at:end] = bytes(end - at)
    return bytes(data)


GARBAGE = {
    "long": "x" * 10_000,
    "control characters": "\x00\x1b[31m\u202e\n",
    "markup": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "Markdown": "![a](http://evil.example) :red[$x$]",
    "digits": "9" * 900,
    "nan": "nan",
    "minus": "-1",
    "huge": "1e99",
    "empty": "",
    "path": "../../etc/passwd",
    "word": "unicorn",
}
