"""The ``faithful`` command: are heat maps faithful, and more so than the twin's, over many photos?"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..checkpoints.loading import LoadedCheckpoint, list_checkpoints, load_checkpoint, same_task, twin_of
from ..checkpoints.torchvision_weights import terminal_bar
from ..evaluation.accuracy import labelled_photos, open_photo
from ..explain import cam, metrics, survey, variants
from ..networks.architectures import residual_blocks
from ..photos.bombs import ImageError
from ..photos.images import check_input_size
from ..training.allocator import keep_freed_memory


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add ``faithful`` to a parser's sub-commands; ``arguments.run(arguments)`` then does the work."""
    parser = subparsers.add_parser(
        "faithful",
        help="whether a network's heat maps are faithful, and more so than its twin's, over many photos",
        description="Deletion, insertion, average drop and increase in confidence of a network's heat maps of the true class, and "
        "of its twin's, over photos drawn from Tiny ImageNet's validation images or from any folder that holds one folder of "
        "photos for each class. Ctrl-C ends it with what is measured until then.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="Tiny ImageNet, or class folders")
    parser.add_argument("--checkpoint", metavar="NAME", help="a bundled name or a file (default: the bundled default)")
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=variants.NAMES,
        help="what to measure (default: on, and twin where there is one)",
    )
    parser.add_argument("--method", choices=list(cam.METHODS), default="Grad-CAM")
    parser.add_argument("--block", help="whose output to explain, such as layer3.1 (default: the last)")
    parser.add_argument("--photos", type=int, default=200, metavar="N", help="how many to draw (default: %(default)s)")
    parser.add_argument("--size", type=int, metavar="PX", help="input size (default: the checkpoint's own)")
    parser.set_defaults(run=_faithful)


def _faithful(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    loaded = load_checkpoint(arguments.checkpoint or list_checkpoints()[0].name, progress=terminal_bar())
    networks = _networks(loaded, arguments.networks)
    blocks = list(residual_blocks(loaded.model))
    block = arguments.block or blocks[-1]
    if block not in blocks:
        raise ValueError(f"There is no block {block!r} in {loaded.name}; its blocks are {', '.join(blocks)}.")
    if arguments.photos < 1:
        raise ValueError("--photos must be at least 1.")
    if arguments.size is not None:
        check_input_size(arguments.size)
    photos = labelled_photos(arguments.data, loaded)
    drawn = random.Random(0).sample(photos, min(arguments.photos, len(photos)))
    found: list[survey.Finding] = []
    with contextlib.suppress(KeyboardInterrupt), tqdm(total=len(drawn), unit="photo", file=sys.stderr) as bar:
        for path, label in drawn:
            try:
                subject = survey.Subject(str(path), open_photo(path), label)
                # All of a photo or nothing, wherever it is stopped.
                found += list(survey.findings(networks, [subject], block, [arguments.method], arguments.size))
            except ImageError as error:
                bar.write(str(error), file=sys.stderr)
            bar.update()
    if not found:
        raise ValueError("Nothing was measured.")
    print(f"{arguments.method} of the true class at {block}, photos drawn from {len(photos):,} of {arguments.data}")
    print("    photos  probability  deletion  insertion  > random by  average drop  confidence rises  network, map")
    for row in survey.table(found):
        of = f"{row.mean.photos if row.mean else 0} of {row.asked}"
        if row.mean is None:
            reasons = dict.fromkeys(f.trouble for f in found if f.network == row.network and f.trouble)
            print(f"{of:>10}  {row.network}, {row.map_name}: {', '.join(reasons) or 'not measured'}")
            continue
        print(
            f"{of:>10}  {row.mean.probability:11.2%}  {row.mean.deletion:8.4f}  {row.mean.insertion:9.4f}  {row.gain:+11.4f}  "
            f"{row.mean.drop:12.2%}  {row.mean.increase:16.2%}  {row.network}, {row.map_name}"
        )
    print(
        f"A photo counts for a network that gives its class at least {metrics.LEAST_IN_WORDS}, and if no map is all zero."
    )
    first, *others = networks
    for other in others:
        told = survey.versus(found, first, other, arguments.method)
        if told is None:
            print(f"{first} and {other} have no photo in common that can be put to both.")
            continue
        print(f"Does it look elsewhere than {other}? {survey.places_sentence(told)}")
        print(f"Is its map more faithful? {told.photos} photos can be put to both.")
        print(*(f"- {sentence}" for sentence in survey.lead_sentences(told, first, other)), sep="\n")


def _networks(loaded: LoadedCheckpoint, asked: list[str] | None) -> dict[str, tuple[LoadedCheckpoint, float | None]]:
    """By name, the networks to compare with their λ; ``None``: each module's own."""
    name = twin_of(loaded) if asked is None or "twin" in asked else None
    twin = load_checkpoint(name) if name else None
    if twin is not None and not same_task(loaded, twin):
        raise ValueError(f"{name} is another architecture than {loaded.name}, or tells other classes apart.")
    if asked is None and twin is None:
        print(f"No checkpoint here is the twin of {loaded.name}: it is measured alone.", file=sys.stderr)
    there = variants.variants(loaded, twin)
    if missing := set(asked or ()) - {variant.name for variant in there}:
        raise ValueError(f"{loaded.name} has no {' and no '.join(sorted(missing))} to be measured.")
    titles = {"on": loaded.name, "twin": name}
    called = [
        dataclasses.replace(variant, title=titles.get(variant.name) or f"{loaded.name}, {variant.name}")
        for variant in there
        if variant.name in (asked or ("on", "twin"))
    ]
    return variants.by_title(called, loaded.e_lambda)
