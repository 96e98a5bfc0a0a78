"""The network drawn as a map whose pictures follow λ: what its elements are told, and what they say."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from ..draw import render
from ..explain import film as filming
from ..modules.weighing import IN_WORDS
from ..wording import _, comma, tag
from . import films, lambdas, pages, state
from .components import packed
from .components.browser_code import library, stub
from .films import Compared, Reel
from .lambdas import Stops
from .scene import Scene
from .server.films import Making
from .widgets.glossary import TERMS

PAGES = ("app.py", "pages/attention_maps.py", "pages/gradcam_comparison.py")
"""The pages that have a slider of λ of their own."""
_CODE = st.components.v2.component("simam_viz.code", js=library())
_STANDS = st.components.v2.component("simam_viz.stands", js=stub("stands"))
_STORE = st.components.v2.component("simam_viz.store", js=stub("store"))
_WAIT = st.components.v2.component("simam_viz.wait", js=stub("wait"))
_MAP = st.components.v2.component("simam_viz.map", js=stub("stub"))

_HEARD = "film-heard"
"""The number of the last move that the browser told, by which it knows an answer from an older one; 0 before the first."""
_ASKED = "film-neuron"
_MOST_OF_A_MOVE = 1 << 53
_SLOW_SECONDS = 12.0
"""A film that takes longer is shown as far as it is there."""


def code() -> None:
    """What the browser draws with; to be called where λ does not reach, before :func:`network_map`."""
    tables = {"weights": render.WEIGHT_COLOURS, "cams": render.CAM_COLOURS, "differences": render.FEATURE_COLOURS}
    colours = {look: render.colour_table(name).tobytes().hex() for look, name in tables.items()}
    with st.container(key="film-code"):
        _CODE(key="film-library", data=packed({"words": _words(), "colours": colours}))


def drawn_there() -> bool:
    """Whether the browser of this session has shown that it can draw: then nothing plain need be sent to it any more."""
    return _HEARD in st.session_state


def cams_looked_at() -> bool:
    """Whether the pictures of the network show Grad-CAM, and not attention."""
    return state.parsed("pictures", {"gradcam": True, "attention": False}.__getitem__, False)


def network_map(view: Scene, reel: Reel, own_range: bool) -> None:
    """The slider of λ, and the network from the photo to the answer with a live picture of every block."""
    stops = reel.stops
    called = _called(reel)
    scale = render.COMMON_SCALES["mean weight"]
    data = {
        "film": called,
        "ready": reel.ready or reel.making is None,
        "look": "cams" if cams_looked_at() else "weights",
        "free": view.target is None,
        "own_range": own_range,
        "simam": {"low": scale.low, "high": scale.high},
        "alt": view.photo.alt,
        **_row(stops, view),
    }
    with st.container(key="film"):
        _MAP(
            key="film-map",
            data=packed(data),
            on_moved_change=_moved("film-map", stops),
            on_look_change=_looked,
            on_neuron_change=_clicked,
        )
        _STORE(key="film-store", data=_bytes(reel, stops, called, view))
        _wait(reel)
    if (neuron := st.session_state.pop(_ASKED, None)) is not None:
        _open(view, *neuron)


def slider(view: Scene) -> None:
    """The slider of λ alone, above pictures that follow it (:func:`channels`, :func:`compared`), or come when it is let go."""
    stops = lambdas.of(view.loaded)
    with st.container(key="film-row"):
        _MAP(
            key="film-lambda",
            data=packed({"only": "lambda", **_row(stops, view)}),
            on_moved_change=_moved("film-lambda", stops),
        )


@dataclass(frozen=True)
class Followed:
    """A picture that stands on the page, and follows λ while that is dragged."""

    name: str
    how: Literal["cells", "over", "tiles"]
    """One square a neuron, over the photo, or a tile a channel."""
    scale: render.Scale
    mark: tuple[int, int] = (0, 0)
    """Row and column of the neuron that is framed, where there is one square a neuron."""
    channels: Sequence[int] = ()
    """Of tiles, those that are shown."""
    gap: float = 0
    """Of tiles, what lies between two of them, as a share of the distance of their edges."""
    look: Literal["weights", "cams", "differences"] = "weights"
    """In which colours."""
    maps: Sequence[int] = ()
    """Over the photo: which map of the film it is, or the first and the second of a difference; none: the chosen channel."""
    opacity: float = render.OPACITY


def channels(view: Scene, block: str, channel: int, pictures: Sequence[Followed]) -> None:
    """What pictures of a block's channels follow λ by; to be called when they stand on the page.

    The chosen channel is sent at every stop of the film, all at as many as :data:`simam_viz.explain.film.MOST_TILES` bytes hold.

    Args:
        view: the scene.
        block: whose channels they are.
        channel: the chosen one.
        pictures: what stands there, which is drawn at the λ of the scene.
    """
    reel = films.channels(view, block)
    stops, called = reel.stops, _called(reel)
    one, every = f"{called}-{channel}", f"{called}-every"
    place = st.container()  # always there, so that what follows keeps its place
    if stops is not None and reel.ready and reel.making is not None:
        film, making = reel.film.at([stop for stop in stops.values if stop in reel.film.frames]), reel.making
        key_of = {stop: stops.key(stop) for stop in film.frames}
        fitting = filming.stops_that_fit(list(film.frames), filming.bytes_each(film), filming.MOST_TILES)
        tiles = film.at(filming.with_own(fitting, stops.own, list(film.frames)))
        with place:
            _STORE(key="film-channel", data=filming.encoded(film.of_channel(channel), key_of, {"key": one}))
            if any(picture.how == "tiles" for picture in pictures):
                _STORE(
                    key="film-tiles", data=making.sent(every, lambda: filming.encoded(tiles, key_of, {"key": every}))
                )
    _stand(view, stops, [(picture, every if picture.how == "tiles" else one) for picture in pictures])
    _wait(reel)


def compared(view: Scene, asked: Compared, pictures: Sequence[Followed]) -> None:
    """What heat maps side by side follow λ by; to be called when they stand on the page, at the λ of the scene."""
    reel = films.compared(view, asked)
    stops, called = reel.stops, _called(reel)
    place = st.container()  # always there, so that what follows keeps its place
    if stops is not None and reel.ready and reel.making is not None:
        film, making = reel.film, reel.making
        key_of = {stop: stops.key(stop) for stop in film.frames}
        with place:
            _STORE(
                key="film-compared",
                data=making.sent(called, lambda: filming.encoded(film, key_of, {"key": called})),
            )
    _stand(view, stops, [(picture, called) for picture in pictures])
    _wait(reel)


def _stand(view: Scene, stops: Stops | None, pictures: Sequence[tuple[Followed, str]]) -> None:
    """Tell the browser which pictures of Python's stand on the page, each with the film that it follows."""
    standing = [
        {
            "name": picture.name,
            "how": picture.how,
            "film": film,
            "channels": list(picture.channels),
            "scale": {"low": picture.scale.low, "high": picture.scale.high},
            "mark": picture.mark,
            "gap": picture.gap,
            "look": picture.look,
            "maps": list(picture.maps),
            "opacity": picture.opacity,
        }
        for picture, film in pictures
    ]
    at = "own" if stops is None else stops.key(view.e_lambda)
    _STANDS(key="film-stands", data=packed({"at": at, "pictures": standing}))


def _called(reel: Reel) -> str:
    return hashlib.sha256(repr((reel.key, tag())).encode()).hexdigest()[:16]


def _row(stops: Stops | None, view: Scene) -> dict[str, Any]:
    """What the slider is told."""
    told = {"heard": st.session_state.get(_HEARD, 0), "help": _(TERMS["lambda"][0])}
    if stops is None:
        return {**told, "title": "", "back": "", "stops": [{"key": "own", "label": ""}], "at": "own", "own": "own"}
    return {
        **told,
        "title": stops.title,
        "back": stops.back,
        "stops": [{"key": stops.key(stop), "label": label} for stop, label in stops.labels.items()],
        "at": stops.key(view.e_lambda),
        "own": stops.key(stops.own),
    }


def _wait(reel: Reel) -> None:
    """When the rest of a film has come, the part of the page is drawn once more."""
    making, there = reel.making, len(reel.film.frames)
    if making is None or not reel.awaited:
        return

    def asked() -> None:
        _heard(st.session_state.get(_HEARD, 0))
        if not making.going or (_is_slow(making) and len(making.film.frames) > 2 * there):
            st.rerun("part")

    # The browser asks, in a fragment of its own: Streamlit's own clock could be stopped by a run of the whole page alone.
    @st.fragment
    def wait() -> None:
        # Other data at every answer: only then does the browser hear that there was one.
        _WAIT(key="film-wait", data=packed({"at": time.monotonic()}), on_asked_change=asked)

    wait()


def _is_slow(making: Making) -> bool:
    return making.spent > _SLOW_SECONDS


def _bytes(reel: Reel, stops: Stops | None, called: str, view: Scene) -> bytes:
    key_of = {stop: "own" if stops is None else stops.key(stop) for stop in reel.film.frames}
    making, about = reel.making, {"key": called}
    if making is None or not (reel.ready or _is_slow(making)):
        return filming.encoded(reel.film.only(view.e_lambda), key_of, about)
    if reel.film is not making.film or not reel.ready:
        return filming.encoded(reel.film, key_of, about)
    return making.sent(called, lambda: filming.encoded(reel.film, key_of, about))


def _moved(key: str, stops: Stops | None) -> Callable[[], None]:
    """What to do when λ was let go at another stop."""
    there = {} if stops is None else {stops.key(stop): stops.text(stop) for stop in stops.labels}
    entry = "" if stops is None else stops.entry

    def moved() -> None:
        told = st.session_state[key].get("moved")
        if not isinstance(told, dict):
            return
        number, at = told.get("n"), told.get("at")
        if isinstance(number, int) and 0 < number < _MOST_OF_A_MOVE and at in there:
            _heard(number)
            state.put(entry, there[at])

    return moved


def _heard(number: int) -> None:
    if not drawn_there():
        for stops in ("lambda", "times"):
            state.let_go(stops)  # the slider of the sidebar goes, and may say once more what it showed
    st.session_state[_HEARD] = number


def _looked() -> None:
    told = st.session_state["film-map"].get("look")
    if told in ("weights", "cams"):
        _heard(st.session_state.get(_HEARD, 0))
        state.put("pictures", "gradcam" if told == "cams" else None)


def _clicked() -> None:
    told = st.session_state["film-map"].get("neuron")
    if not isinstance(told, dict):
        return
    block, row, column = (told.get(name) for name in ("block", "row", "column"))
    if isinstance(block, str) and isinstance(row, int) and isinstance(column, int):
        st.session_state[_ASKED] = block, row, column


def _open(view: Scene, name: str, row: int, column: int) -> None:
    """To a neuron on Attention maps: of the channel whose weight is greatest there."""
    block = {block.name: block for block in view.analysis().blocks}.get(name)
    if block is None or not (0 <= row < block.features.shape[1] and 0 <= column < block.features.shape[2]):
        return
    channel = int(block.attention[:, row, column].argmax())
    place = {"level": None, "block": name, "channel": channel, "row": row, "column": column}
    for entry, value in place.items():
        state.put(entry, None if value is None else str(value))
    pages.go("pages/attention_maps.py")


def _words() -> dict[str, Any]:
    return {
        "map": _("The network, from the photo to its answer"),
        "blocks": _("The blocks of the network, in the order of the pass"),
        "about": _("What λ is"),
        "look": _("What the pictures show"),
        "weights": _("Attention"),
        "cams": _("Grad-CAM"),
        "photo": _("What the network sees"),
        "says": _("The network says: {name} ({share})"),
        "predicted": _("Grad-CAM explains “{target}”, which is predicted at this λ."),
        "chosen": _("Grad-CAM explains “{target}”, the class that was chosen."),
        "live": _("λ, which the pictures below follow"),
        "nearestTiles": _("Tiles are shown at {shown}, the nearest λ that has been computed of them."),
        "nearest": _("Shown at {shown}, the nearest λ that has been computed."),
        "commonScale": _("mean weight, common range"),
        "ownScale": _("mean weight, each block's own range"),
        "camScale": _("Grad-CAM, over its own maximum"),
        "low": _("least"),
        "high": _("greatest"),
        "scaleAlt": _("Colour scale: {what}, from {low} to {high}"),
        "weightAlt": _("Mean attention weight over the photo at {block}, from {low} to {high}"),
        "camAlt": _("Grad-CAM of {target} over the photo at {block}"),
        "zero": _("Grad-CAM of {target} over the photo at {block}: all zero, no position speaks for {target}"),
        "allZero": _("all zero"),
        "spoken": _("λ at {at}. The network says {name}, {share}. The highest mean weight is in {block}."),
        "open": _("Open this neuron on Attention maps"),
        "here": _("Values at column {x}, row {y} of what the network sees"),
        "fold": _("Fold {first} and {count} blocks of its stage"),
        "unfold": _("Show all {count} blocks from {first}"),
        "kinds": {kind: "" if kind == "simam" else _(word) for kind, word in IN_WORDS.items()},
        "would": _("hypothetical"),
        "comma": comma(),
    }
