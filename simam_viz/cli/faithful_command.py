"""The ``faithful`` command: are heat maps faithful, and more so than the twin's, over many photos?"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import sys
from functools import partial
from typing import Any

from tqdm import tqdm

from ..checkpoints.loading import LoadedCheckpoint, load_checkpoint, same_task, siblings_of, twin_of
from ..checkpoints.store import list_checkpoints
from ..checkpoints.torchvision_weights import terminal_bar
from ..cluster.doing import HERE
from ..evaluation.accuracy import left_out_sentences
from ..evaluation.data_sets import labelled_photos
from ..evaluation.measured_photos import Asked, measured
from ..evaluation.unfinished import Unfinished
from ..explain import cam, metrics, survey, variants
from ..explain.variants import Networks
from ..networks.architectures import residual_blocks
from ..networks.shared import weights_hash
from ..photos.bombs import ImageError
from ..photos.images import check_input_size
from ..training.allocator import keep_freed_memory
from ..version import VERSION
from ..wording import _, comma, counted, enumeration, labelled, later, together
from .arguments import Commands, add_checkpoint, add_data_set, add_workers, chosen_workers, default_cache


def register(commands: Commands) -> None:
    """Add ``faithful`` to a parser's commands; ``arguments.run(arguments)`` then does the work."""
    parser = commands.add_parser(
        "faithful",
        help=_("whether a network's heat maps are faithful, and more so than its twin's, over many photos"),
        description=_(
            "Deletion, insertion, average drop and increase in confidence of a network's heat maps of the true class, and "
            "of its twin's, over photos drawn from Tiny ImageNet's validation images or from any folder that holds one folder of "
            "photos for each class. Ctrl-C ends it with what is measured until then, and the same command goes on from there."
        ),
    )
    add_data_set(parser, later("Tiny ImageNet, or class folders"))
    add_checkpoint(parser)
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=variants.NAMES,
        help=_("what to measure (default: on, and twin where there is one); se, cbam, eca …: networks trained alike"),
    )
    parser.add_argument("--method", choices=list(cam.METHODS), default="Grad-CAM")
    parser.add_argument("--block", help=_("whose output to explain, such as layer3.1 (default: the last)"))
    parser.add_argument(
        "--photos", type=int, default=200, metavar="N", help=_("how many to draw (default: %(default)s)")
    )
    parser.add_argument("--size", type=int, metavar="PX", help=_("input size (default: the checkpoint's own)"))
    add_workers(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    keep_freed_memory()
    loaded = load_checkpoint(arguments.checkpoint or list_checkpoints()[0].name, progress=terminal_bar())
    networks = _networks(loaded, arguments.networks)
    blocks = list(residual_blocks(loaded.model))
    block = arguments.block or blocks[-1]
    if block not in blocks:
        raise ValueError(
            _(
                "There is no block {block!r} in {network}; its blocks are {blocks}.",
                block=block,
                network=loaded.name,
                blocks=enumeration(blocks),
            )
        )
    if arguments.photos < 1:
        raise ValueError(_("--photos must be at least 1."))
    if arguments.size is not None:
        check_input_size(arguments.size)
    photos = labelled_photos(arguments.data, loaded)
    drawn = random.Random(0).sample(photos.photos, min(arguments.photos, len(photos)))  # noqa: S311
    found: list[survey.Finding] = []
    identity = _identity(networks, block, arguments.method, arguments.size)
    with (
        chosen_workers(arguments) as doing,
        Unfinished(default_cache() / "unfinished", identity) as kept,
        contextlib.suppress(KeyboardInterrupt),
        tqdm(total=len(drawn), unit=_("photo"), file=sys.stderr) as bar,
    ):
        asked = Asked(networks if doing is HERE else networks.held(), block, [arguments.method], arguments.size)
        for of_one in measured(asked, drawn, doing, kept):
            if isinstance(of_one, ImageError):
                bar.write(str(of_one), file=sys.stderr)
            else:
                found += of_one
            bar.update()
        kept.done()
    for sentence in left_out_sentences([], photos.no_photos):
        print(sentence, file=sys.stderr)
    if not found:
        raise ValueError(_("Nothing was measured."))
    told = _(
        "{method} of the true class at {block}, photos drawn from {photos:,} of {folder}",
        method=arguments.method,
        block=block,
        photos=len(photos),
        folder=arguments.data,
    )
    print(told)
    _print_table(found)
    first, *others = networks
    for other in others:
        _print_comparison(found, first, other, arguments.method)


def _identity(networks: Networks, block: str, method: str, size: int | None) -> dict[str, Any]:
    """All that the measures of a photo depend on, but for the photo."""
    weights = {title: [weights_hash(loaded.model), e_lambda] for title, (loaded, e_lambda) in networks.items()}
    return {"simam_viz": VERSION, "networks": weights, "block": block, "method": method, "size": size}


def _print_table(found: list[survey.Finding]) -> None:
    """The means of every map through every network, or why there are none."""
    print(_("    photos  probability  deletion  insertion  > random by  average drop  confidence rises  network, map"))
    for row in survey.table(found):
        of = _("{measured} of {asked}", measured=row.mean.photos if row.mean else 0, asked=row.asked)
        if row.mean is None:
            reasons = dict.fromkeys(_(f.trouble) for f in found if f.network == row.network and f.trouble)
            what = enumeration((row.network, row.map_name))
            print(f"{of:>10}  {labelled(what, comma().join(reasons) or _('not measured'))}")
            continue
        print(
            f"{of:>10}  {row.mean.probability:11.2%}  {row.mean.deletion:8.4f}  {row.mean.insertion:9.4f}  {row.gain:+11.4f}  "
            f"{row.mean.drop:12.2%}  {row.mean.increase:16.2%}  {row.network}, {row.map_name}"
        )
    told = _(
        "A photo counts for a network that gives its class at least {share}, and if no map is all zero.",
        share=metrics.least_in_words(),
    )
    print(told)


def _print_comparison(found: list[survey.Finding], first: str, other: str, method: str) -> None:
    """Whether one network looks elsewhere than another, and whether its maps are more faithful."""
    told = survey.versus(found, first, other, method)
    if told is None:
        print(_("{first} and {other} have no photo in common that can be put to both.", first=first, other=other))
        return
    print(_("Does it look elsewhere than {network}?", network=other), survey.places_sentence(told))
    print(
        _("Is its map more faithful?"),
        counted("{count} photo can be put to both.", "{count} photos can be put to both.", told.photos),
    )
    print(*(f"- {sentence}" for sentence in survey.lead_sentences(told, first, other)), sep="\n")


def _networks(loaded: LoadedCheckpoint, asked: list[str] | None) -> Networks:
    """By name, the networks to compare with their λ; ``None``: each module's own."""
    name = twin_of(loaded) if asked is None or "twin" in asked else None
    twin = load_checkpoint(name) if name else None
    if twin is not None and not same_task(loaded, twin):
        raise ValueError(
            _(
                "{twin} is another architecture than {network}, or tells other classes apart.",
                twin=name,
                network=loaded.name,
            )
        )
    if asked is None and twin is None:
        alone = _("No checkpoint here is the twin of {network}: it is measured alone.", network=loaded.name)
        print(alone, file=sys.stderr)
    infos = {attention: info for attention, info in siblings_of(loaded.card).items() if attention in (asked or ())}
    siblings = {attention: partial(load_checkpoint, info.path) for attention, info in infos.items()}
    there = variants.variants(loaded, twin, siblings=siblings)
    if missing := set(asked or ()) - {variant.name for variant in there}:
        raise ValueError(
            together(
                *(
                    _("{network} has no {variant} to be measured.", network=loaded.name, variant=variant)
                    for variant in sorted(missing)
                )
            )
        )
    titles = {"on": loaded.name, "twin": name} | {attention: info.name for attention, info in infos.items()}
    called = [
        dataclasses.replace(variant, title=titles.get(variant.name) or f"{loaded.name}, {variant.name}")
        for variant in there
        if variant.name in (asked or ("on", "twin"))
    ]
    return variants.by_title(called, loaded.e_lambda)
