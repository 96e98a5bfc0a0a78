"""The eight scenes on the page: what they are given, what they are told, and what is done with what they say."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from ....checkpoints.loading import DEFAULT_E_LAMBDA
from ....draw import render
from ....lesson import scenes
from ....lesson.derivation import Derivation
from ....lesson.exercises import EXERCISES
from ....lesson.mathml import as_text, filled
from ....lesson.presets import PRESETS, preset_channel
from ....lesson.saying import DIGITS, DIGITS_OF, said
from ....modules.formulas import ATTENTION_FLOOR
from ....networks.lambdas import Times
from ....wording import _, tag
from ... import state
from ...components.scenes import link
from ...components.scenes import stage as draw_stage
from ...lambdas import lambda_stops, parse_lambda
from ...scene import Scene
from ...widgets import choose
from .in_hand import edits_text, parse_edits, parse_place, small_channel
from .sentences import sentences

_HEARD = "lesson-heard"
_SOLVED = "lesson-solved"
LECTURES = ("dark", "light")
_OF_THE_CHANNEL: dict[str, Callable[[str], object]] = {
    "toy": state.one_of({name: name for name in PRESETS}),
    "at": parse_place,
    "edits": parse_edits,
}
_OF_THE_PHOTO = ("block", "channel", "row", "column")


@cache
def _colours(name: str) -> list[str]:
    """64 of a map's colours."""
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in render.colour_table(name)[::4]]


def scene_now() -> str:
    """The scene that is open, by its name: that of the photo for who comes from one of its neurons."""
    first = "photo" if state.get("neuron") == "photo" else scenes.NAMES[0]
    return state.parsed("scene", state.one_of({name: name for name in scenes.NAMES}), first)


def stage() -> None:
    """The scenes as far as they are the same whatever is looked at."""
    draw_stage(
        {
            "language": tag(),
            "scenes": [
                {
                    "name": scene.name,
                    "title": _(scene.title),
                    "words": scenes.as_html(_(scene.words)),
                    "formula": scene.formula(),
                    "answer": scene.answer,
                    "label": _(scene.answer_label),
                    "aside": scenes.as_html(_(scene.aside)),
                }
                for scene in scenes.SCENES
            ],
            "presets": {
                name: {
                    "title": _(preset.title),
                    "values": preset_channel(name).flatten().tolist(),
                    "target": preset.target[0] * preset_channel(name).shape[1] + preset.target[1],
                }
                for name, preset in PRESETS.items()
            },
            "exercises": [
                {
                    "name": name,
                    "scene": exercise.scene,
                    "task": _(exercise.task),
                    "verdicts": {verdict: _(words) for verdict, words in exercise.verdicts.items()},
                }
                for name, exercise in EXERCISES.items()
            ],
            "words": sentences(),
            "digits": DIGITS_OF,
            "colours": {
                "feature": _colours(render.FEATURE_COLOURS),
                "weight": _colours(render.WEIGHT_COLOURS),
                "side": _colours("PuOr_r"),
                "energy": _colours("cividis"),
            },
        }
    )


def tell(view: Scene) -> Derivation:
    """Tell the scenes what is looked at; the small channel's neuron in hand."""
    name, channel, place, edits = small_channel()
    e_lambda = _e_lambda(view)
    neuron = Derivation(channel, *place, e_lambda)
    stops = lambda_stops(e_lambda)
    link(
        "lesson-link",
        {
            "said": {
                "heard": st.session_state.get(_HEARD, 0),
                "scene": scene_now(),
                "lecture": state.parsed("lecture", state.one_of({name: name for name in LECTURES}), ""),
                "stops": [[stop, state.number_text(stop)] for stop in stops],
                "stop": stops.index(e_lambda),
                "toy": name,
                "at": "" if place == PRESETS[name].target else "{},{}".format(*place),
                "edits": edits_text(edits),
                "solved": sorted(_solved()),
            }
        },
        _moved,
    )
    return neuron


def _e_lambda(view: Scene) -> float:
    """λ of the small channel: the view's. It is in no block: where each keeps its own, it has the one that most networks have."""
    if isinstance(view.e_lambda, float):
        return view.e_lambda
    if isinstance(view.e_lambda, Times):
        return DEFAULT_E_LAMBDA * view.e_lambda.factor
    try:  # a network whose attention is not SimAM has no λ to move, but the lesson has
        return parse_lambda(state.get("lambda") or "")
    except ValueError:
        return DEFAULT_E_LAMBDA


def _solved() -> set[str]:
    solved: set[str] = st.session_state.setdefault(_SOLVED, set())
    return solved


def _moved(told: dict[str, Any]) -> None:
    """Take over what the person has changed in the scenes; of what a browser sends, only what can be meant."""
    entries = told.get("entries")
    if not isinstance(entries, dict):
        return
    if isinstance(number := told.get("number"), int | float):
        st.session_state[_HEARD] = number
    parsers: dict[str, Callable[[str], object]] = {
        "scene": state.one_of({name: name for name in scenes.NAMES}),
        "lecture": state.one_of({name: name for name in LECTURES}),
        "lambda": parse_lambda,
        **_OF_THE_CHANNEL,
        **dict.fromkeys(_OF_THE_PHOTO[1:], int),
        "block": str,
    }
    for name, text in entries.items():
        if name == "solved":
            _solved().update(set(str(text).split(",")) & EXERCISES.keys())
        elif name in parsers and isinstance(text, str):
            with contextlib.suppress(ValueError, KeyError):
                if text:
                    parsers[name](text)
                state.put(name, text or None)
    if "lambda" in entries:
        state.put("lambda-by", None)


def tell_of_the_photo(view: Scene) -> None:
    """Tell the last scene of the neuron of the photo that is chosen, and of its channel."""
    analysis = view.analysis()
    block = choose.block_now(analysis)
    blocks = [one.name for one in analysis.blocks]
    channels, rows, columns = block.features.shape
    number = state.parsed("channel", choose.below(channels), 0)
    row = state.parsed("row", choose.below(rows), rows // 2)
    column = state.parsed("column", choose.below(columns), columns // 2)
    photo: dict[str, Any] = {
        "block": block.name, "blocks": blocks, "channels": channels, "number": number, "rows": rows, "columns": columns, "row": row,
        "column": column,
    }  # fmt: skip
    if block.e_lambda is None:
        photo["sentence"] = _(
            "The attention of {block} is not SimAM and has no energy function. Choose another block.", block=block.name
        )
    elif rows * columns < 2:
        photo["sentence"] = _(
            "In {block} a channel is one single neuron: there are no others to tell it from, and its weight is {floor:.3f}. Choose "
            "another block.",
            block=block.name,
            floor=ATTENTION_FLOOR,
        )
    else:
        seen = render.fitted(analysis.view, 480)
        photo |= {
            "channel": block.features[number].flatten().tolist(),
            "target": row * columns + column,
            "e_lambda": block.e_lambda,
            "picture": "data:image/jpeg;base64," + base64.b64encode(render.jpeg(seen)).decode(),
            "alt": view.photo.alt,
            "note": _(
                "Channel {channel} of {block}: {rows} × {columns} neurons.",
                channel=number,
                block=block.name,
                rows=rows,
                columns=columns,
            )
            + view.hypothetical,
        }
    link("lesson-photo", {"photo": photo})


def plain(neuron: Derivation) -> None:
    """The scenes' words, formulas and numbers without any script: the stage's own hides them."""
    values = scenes.values_of(neuron)
    blocked = _("The pictures need a script that is blocked here. Words, formulas and numbers stand without it.")
    told = [f"<p>{blocked}</p>"]
    for number, scene in enumerate(scenes.SCENES, 1):
        formula = as_text(filled(scene.formula(), values))  # Streamlit's own HTML knows no MathML
        answer = said(values[scene.answer], DIGITS_OF.get(scene.answer, DIGITS))
        told.append(
            f"<section><h3>{number}. {_(scene.title)}</h3><p>{scenes.as_html(_(scene.words))}</p>"
            f"<p>{scenes.as_html(formula)}</p><p>{_(scene.answer_label)}: <strong>{answer}</strong></p></section>"
        )
    with st.container(key="lesson-plain"):
        st.html("".join(told))
