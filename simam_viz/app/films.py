"""The film of what a page looks at: begun when the page is there, and found again by everything that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import streamlit as st
from PIL import Image
from torch import Tensor

from ..cluster.doing import HERE
from ..explain import film as films
from ..explain.blocks import Analysis
from ..explain.compared_film import Comparison, HeatMapAt, Question
from ..explain.film import Film, Frame, Stop
from ..explain.variants import Variant
from . import lambdas, zoo
from .lambdas import Stops
from .scene import Scene
from .server import elsewhere, forgetting
from .server import films as studio
from .server.films import Making

_STILLS = "stills"
_STOPS_OF_A_COMPARISON = 1
_NETWORK, _CHANNELS, _COMPARED = "network", "channels", "compared"
"""The kinds of films: of which a session watches one each."""


@dataclass(frozen=True)
class Reel:
    """What there is to show of a scene at every λ, by now."""

    key: Hashable
    """Of everything that its pictures depend on."""
    film: Film
    """With the stop of the scene, at least."""
    stops: Stops | None
    """``None`` where no λ is to be moved."""
    making: Making | None
    """What it comes from; ``None`` where no film makes sense."""

    @property
    def awaited(self) -> bool:
        """Whether more of it is being made."""
        return self.making is not None and self.making.going

    @property
    def ready(self) -> bool:
        """Whether all of it is there."""
        return self.making is not None and self.making.complete


def key(view: Scene, stops: Stops | None) -> tuple[Hashable, ...]:
    """Everything that the pictures of a film depend on."""
    return (
        view.photo.name,
        view.square,
        view.loaded.identity,
        view.loaded.transforms.device,
        view.input_size,
        view.target,
        view.ask,
        view.share,
        None if stops is None else (stops.entry, stops.values),
    )


def with_cams(name: Hashable) -> Hashable:
    """The name of the film that has Grad-CAM as well, which takes twice as long to make."""
    return name, "cams"


def reel(view: Scene, cams: bool) -> Reel:
    """What there is of the film of a scene; it is begun where it is not there, and goes on in the background.

    Args:
        view: the scene.
        cams: whether Grad-CAM is looked at. Else its film has none, unless there is one that was begun for that.
    """
    stops = lambdas.of(view.loaded)
    name = key(view, stops)
    if stops is None or view.ask.box is not None:
        # No λ; or a box, which is another one at every λ.
        return Reel(name, films.film_of(view.analysis(), view.e_lambda), stops, None)
    cams = cams or _seat().find(with_cams(name), view.is_everybodys) is not None
    making = _watched(
        _NETWORK,
        with_cams(name) if cams else name,
        view.is_everybodys,
        lambda: begun(view.analysis(), view.e_lambda, stops),
        maker(view, view.source, cams=cams),
    )
    found = making.film
    if view.e_lambda not in found.frames:
        found = found.with_frames(_still(view, name), stops.offered)
    return Reel(name, found, stops, making)


def channels(view: Scene, block: str) -> Reel:
    """What there is of the film of one block's channels, which is begun where it is not there; of boxes there is none."""
    stops = lambdas.of(view.loaded)
    name = (*key(view, stops), block)
    if stops is None or view.ask.box is not None:
        return Reel(name, films.film_of(view.analysis(), view.e_lambda, block), stops, None)
    making = _watched(
        _CHANNELS,
        name,
        view.is_everybodys,
        lambda: begun(view.analysis(), view.e_lambda, stops, block),
        maker(view, view.source, block),
    )
    return Reel(name, making.film, stops, making)


@dataclass(frozen=True)
class Compared:
    """What heat maps of a scene are compared."""

    analyses: Mapping[str, Analysis]
    """At the λ of the scene, by the name of the variant, the network in hand first."""
    variants: Mapping[str, Variant]
    """The same networks, and maybe others."""
    maps: tuple[HeatMapAt, ...]
    method: str
    against: int | None
    fixed_mean: bool


def compared(view: Scene, asked: Compared) -> Reel:
    """What there is of the film of heat maps side by side, which is begun where it is not there; of boxes there is none."""
    stops = lambdas.of(view.loaded)
    twin = asked.variants.get("twin")
    twins = None if twin is None else twin.network()
    name = (
        *key(view, stops), *asked.analyses, asked.maps, asked.method, asked.against, asked.fixed_mean,
        None if twins is None else twins.identity,
    )  # fmt: skip
    question = Question(
        view.loaded,
        view.source,
        tuple(asked.variants[column] for column in asked.analyses),
        asked.maps,
        asked.method,
        view.target,
        asked.against,
        view.input_size,
        view.share,
        view.question,
    )
    comparison = Comparison(question, asked.analyses)
    still = comparison.begun(asked.analyses, view.e_lambda)
    if stops is None or view.ask.box is not None:
        return Reel(name, still, stops, None)
    shared = view.is_everybodys and (twins is None or zoo.is_bundled(twins))

    def compared_begun() -> Making:
        fitting = films.stops_that_fit(stops.values, films.bytes_each(still))
        first = films.nearest_first(fitting, view.e_lambda, stops.values)
        # Stop by stop, a batch is what shares its weights: so few of them are in memory at once.
        return Making(still, first, stops.values, _STOPS_OF_A_COMPARISON)

    making = _watched(_COMPARED, name, shared, compared_begun, partial(_compared, comparison))
    return Reel(name, making.film, stops, making)


def _compared(comparison: Comparison, stops: Sequence[Stop]) -> list[Frame]:
    doing = elsewhere.ELSEWHERE.doing
    return comparison.filmed(stops) if doing is HERE else doing.do(comparison.held().filmed, stops)


def _watched(kind: str, name: Hashable, shared: bool, begin: Callable[[], Making], make: studio.Make) -> Making:
    here = _seat()
    making = here.now(kind, name)
    if making is None:
        making = here.watch(kind, name, shared, here.find(name, shared) or begin(), make)
    return making


def after_drawing() -> AbstractContextManager[None]:
    """Films that a page asks for within are begun when this ends: first the page is drawn."""
    return _seat().drawing()


def begun(analysis: Analysis, e_lambda: Stop, stops: Stops, block: str | None = None) -> Making:
    """The film that begins with an analysis at ``e_lambda``: of the network, or of the channels of one ``block``."""
    still = films.film_of(analysis, e_lambda, block)
    most = films.MOST_BYTES if block is None else films.MOST_CHANNELS
    fitting = films.stops_that_fit(stops.values, films.bytes_each(still), most)
    first = films.nearest_first(fitting, e_lambda, stops.values)
    return Making(still, first, stops.values, studio.sizes(films.at_once(analysis)))


def maker(view: Scene, source: Image.Image | Tensor, block: str | None = None, cams: bool = True) -> studio.Make:
    """What makes the stops of a film in another thread; there no session can be reached, and all that is asked of it is asked here."""
    return partial(
        elsewhere.do,
        films.filmed,
        view.loaded,
        source,
        target=view.target,
        input_size=view.input_size,
        share=view.share,
        block=block,
        cams=cams,
        **view.question,
    )


def _still(view: Scene, name: Hashable) -> dict[Stop, Frame]:
    """The one stop of now, where the film does not have it yet."""
    kept: dict[Hashable, Film] = st.session_state.setdefault(_STILLS, {})
    forgetting.keeps(_STILLS, kept)
    at = (name, view.e_lambda)
    if at not in kept:
        kept.clear()
        kept[at] = films.film_of(view.analysis(), view.e_lambda)
    return kept[at].frames


def _seat() -> studio.Seat:
    found = studio.seat(st.session_state)
    forgetting.keeps("films", found)
    return found
