"""Coverage-guided fuzzing: ``python -m tests.long.fuzz images|weights [seconds]``, with requirements-fuzz.txt installed.

The seeds are built when it starts. Anything but an image, a network, or the one kind of error that is promised stops the run
with a traceback, and leaves the input in the folder of the corpus, whose path is printed first.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["PIL", "simam_viz.photos.bombs", "simam_viz.photos.images", "simam_viz.checkpoints.loading"]
):
    from PIL import Image

    import simam_viz
    from simam_viz.photos.images import open_image

from tests.helpers.damage import KINDS, MODES, ORIENTATION, blank, encoded
from tests.helpers.image_bombs import exif, jpeg_segment, jpeg_with, png, png_chunk, tiny_png


def image_seeds() -> list[bytes]:
    seeds = [png(png_chunk(b"eXIf", exif(3, 30)), tiny_png()), jpeg_with(jpeg_segment(0xE1, b"Exif\0\0" + exif(3, 30)))]
    tags = Image.Exif()
    tags[ORIENTATION] = 6
    for kind, variants in KINDS.items():
        for options in variants:
            for mode in MODES:
                rotated = {"exif": tags} if kind in ("JPEG", "PNG") and mode == "RGB" else {}
                if data := encoded(blank(mode, (9, 5), 1), kind, **options, **rotated):
                    seeds.append(data)
    return seeds


def try_image(data: bytes) -> None:
    with contextlib.suppress(simam_viz.ImageError):
        assert open_image(data).mode == "RGB"


def weight_seeds() -> list[bytes]:
    from tests.helpers.hostile_weights import small_files

    return list(small_files().values())


def try_weights(data: bytes) -> None:
    with contextlib.suppress(simam_viz.CheckpointError):
        simam_viz.load_checkpoint(io.BytesIO(data))


TARGETS: dict[str, tuple[Callable[[], list[bytes]], Callable[[bytes], None]]] = {
    "images": (image_seeds, try_image),
    "weights": (weight_seeds, try_weights),
}


def main(name: str, seconds: str = "300") -> None:
    seeds, attempt = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    print(f"The corpus and any failure: {corpus}", flush=True)
    for number, data in enumerate(seeds()):
        (corpus / f"seed-{number:04}").write_bytes(data)
    options = [
        "-max_len=20000",
        "-timeout=20",
        "-rss_limit_mb=4000",
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={corpus}/failed-", *options], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
