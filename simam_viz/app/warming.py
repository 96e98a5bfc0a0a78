"""What most people look at first is there before they come: the samples through the network that the app begins with.

In a class or on a public server, most look at the same. It is computed in the background while nobody waits for a turn. So are
the pages beside the first: they are imported.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from ..checkpoints.loading import LoadedCheckpoint, load_checkpoint
from ..checkpoints.store import list_checkpoints
from ..explain.variants import MODES, variants
from ..networks.counting import multiply_adds
from ..photos.samples import Sample, list_samples
from . import films, lambdas
from .lambdas import Stops
from .pages import PAGES
from .photo import Photo
from .question import Ask
from .scene import Scene, Subject
from .screens import screen_of
from .server.everybody import ANALYSES
from .server.films import STUDIO, Seat
from .server.turns import TURNS
from .widgets.shown import Shown

_LATER = 5.0
"""Seconds after the first visitor came: theirs is the first page."""
_LOOK_SECONDS = 0.2
_KIND = "warming"
_log = logging.getLogger(__name__)


def begin() -> None:
    """Warm in a thread of its own, unless ``SIMAM_VIZ_WARM`` is ``0``; once a process."""
    if os.environ.get("SIMAM_VIZ_WARM") != "0":
        threading.Thread(target=_warm, name="warming", daemon=True).start()


def _warm() -> None:
    time.sleep(_LATER)
    try:
        STUDIO.wait_until_quiet()
        with TURNS.beside():
            for page in PAGES:
                screen_of(page)
        STUDIO.wait_until_quiet()
        with TURNS.beside():
            loaded = load_checkpoint(list_checkpoints()[0].path)
            multiply_adds(loaded.model, loaded.transforms.input_size)  # who counts first imports PyTorch's compiler
        seat = Seat(STUDIO, watches=False)
        scenes = [scene_of(loaded, sample) for sample in list_samples()]
        for scene in scenes:
            STUDIO.wait_until_quiet()
            warm(scene)
        for scene in scenes:
            film(scene, seat)
    except Exception:
        _log.warning("What most people look at first could not be computed beforehand.", exc_info=True)


def scene_of(loaded: LoadedCheckpoint, sample: Sample) -> Scene:
    """A sample as the app first shows it."""
    photo = Photo(sample.name, sample.title, "", sample.alt, sample.image(), sample.title)
    subject = Subject(photo, loaded, None, loaded.transforms.input_size, Ask(), None)
    return subject.at(loaded.e_lambda, Shown("", photo, loaded, (), {}, subject.box))


def warm(scene: Scene) -> None:
    """Give everybody what the first page and the comparison show of a scene, but for its film."""
    on, *others = (variant for variant in variants(scene.loaded) if variant.name in MODES)
    for batch in ([on], others):
        keys = [scene.key_of(variant, None) for variant in batch]
        # Whoever makes the same meanwhile waits for a turn, and this takes none.
        with TURNS.beside(), ANALYSES.making(keys, lambda: None):
            if batch and not all(ANALYSES.get(key) for key in keys):
                first = ANALYSES.get(scene.key_of(on, None))
                made = scene.computed(batch, scene.cut(), None if first is None else first.target, None)
                for key, analysis in zip(keys, made, strict=True):
                    ANALYSES.put(key, analysis)


def film(scene: Scene, seat: Seat) -> None:
    """Give everybody the film of a scene that was warmed."""
    analysis = ANALYSES.get(scene.key_of(variants(scene.loaded)[0], None))
    if analysis is None or not scene.loaded.has_simam:
        return
    stops = Stops("lambda", "", "", scene.loaded.e_lambda, lambdas.own_values(scene.loaded), {})
    name = films.with_cams(films.key(scene, stops))
    making = STUDIO.find(name) or films.begun(analysis, scene.e_lambda, stops)
    making = seat.watch(_KIND, name, True, making, films.maker(scene, scene.cut()))
    while making.going:
        time.sleep(_LOOK_SECONDS)
