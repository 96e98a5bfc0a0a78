"""λ sweep: what the network says, how its weights vary and where Grad-CAM looks, as λ runs from 1e-6 to 10."""

from __future__ import annotations

import math
from collections.abc import Iterator

import streamlit as st

from ...checkpoints.loading import class_said
from ...draw import charts, render
from ...explain.blocks import OWN_LAMBDAS, lambda_text
from ...explain.sweep import Point, flips, leading_classes, reduced, table
from ...wording import _, semicolon, together
from .. import zoo
from ..lambdas import lambda_stops
from ..scene import Part, Scene, Subject
from ..server import long_task
from ..widgets import choose, pictures
from ..widgets.glossary import explain

# Values of λ in one pass: more gain little, and keep whoever presses Stop waiting.
_AT_ONCE = 4


def page(subject: Subject) -> Iterator[Part]:
    """The whole page follows λ, which is marked in the charts."""
    yield _sweep


def _sweep(view: Scene) -> None:
    st.markdown(
        _(
            "λ is a soft threshold on the channels' variances. Far below them it does nothing. Far above them every weight sinks to "
            "the floor 0.622: selection goes, and batch norm sees another scale than in training, which alone can change the answer."
        )
    )
    if not view.loaded.has_simam:
        st.info(
            _("This network has no SimAM: no λ changes what it does. Choose a checkpoint with SimAM in the sidebar.")
        )
        return
    view.shown.panels = ["sweep"]
    points = _run(view)
    if points:
        _results(view, points)


def _run(view: Scene) -> list[Point]:
    """Draw the controls, carry a running sweep on by one piece, and return the points there are, in order of λ."""
    own = view.loaded.e_lambda
    # One class for all λ: the target, or what the network predicts at its own.
    target = view.at_lambda(own).analysis().target
    lambdas = lambda_stops(*(() if own is None else (own,)))
    return long_task.in_pieces(
        "sweep",
        (view.photo.name, view.square, view.loaded.identity, target, view.input_size, view.ask),
        len(lambdas),
        lambda: (
            point
            for first in range(0, len(lambdas), _AT_ONCE)
            for point in view.swept(lambdas[first : first + _AT_ONCE], target)
        ),
        start=_("Sweep λ from 1e-6 to 10"),
        again=_("Sweep again"),
        unit=_("values of λ"),
    )


def _told(view: Scene, value: float) -> str:
    return pictures.percent(value) if view.loaded.output.has_probabilities else f"{value:.4g}"


def _results(view: Scene, points: list[Point]) -> None:
    """Two charts, the heat maps, and a table, with where the prediction flips in words."""
    names = [class_said(category) for category in view.loaded.categories]
    lambdas = [point.e_lambda for point in points if point.e_lambda is not None]
    own, word = view.loaded.e_lambda, _(zoo.lambda_word(view.loaded))
    if own is None:  # no point of the sweep is the network as it is
        at_own, own_words = reduced(view.at_lambda(None).analysis()), _(OWN_LAMBDAS)
    else:
        at_own = points[lambdas.index(min(lambdas, key=lambda value: abs(value - own)))]
        own_words = _("the {word} λ", word=word)
    marks = {name: value for name, value in {"λ": view.e_lambda, word: own}.items() if isinstance(value, float)}
    if view.e_lambda == own:
        marks.pop(word, None)
    changes = [
        _(
            "from **{before}** to **{after}** between λ = {low:g} and {high:g}",
            before=names[flip.before],
            after=names[flip.after],
            low=flip.low,
            high=flip.high,
        )
        for flip in flips(points)
    ]
    if changes:
        st.markdown(_("The prediction flips {changes}.", changes=semicolon().join(changes)))
    else:
        st.markdown(
            _(
                "The prediction never flips: **{prediction}** from λ = {low:g} to {high:g}.",
                prediction=names[points[0].predicted],
                low=lambdas[0],
                high=lambdas[-1],
            )
        )
    if own is None:
        st.markdown(
            _(
                "The sweep gives all blocks one λ. With each block's own λ, the network says **{prediction}** ({share}).",
                prediction=names[at_own.predicted],
                share=_told(view, float(at_own.probabilities.max())),
            )
        )
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(_("Probabilities"))
        classes = leading_classes(points, at_own)
        lines = {names[k]: [float(point.probabilities[k]) for point in points] for k in classes}
        pictures.chart(
            view.shown,
            charts.along_lambda(
                lines,
                lambdas,
                _("probability") if view.loaded.output.has_probabilities else _("value"),
                marks,
                high=1.0 if view.loaded.output.has_probabilities else None,
            ),
            height=380,
            key="sweep-probabilities",
            name="probabilities-along-lambda",
            alt=_("Probabilities of the leading classes against λ"),
        )
        st.caption(
            _(
                "The five most probable classes at {own_lambda}, and every class that is predicted at some λ.",
                own_lambda=own_words,
            )
        )
    with right:
        st.subheader(_("Contrast of the weights"), help=explain("contrast"))
        pictures.chart(view.shown, 
            charts.along_lambda(
                {name: [point.contrasts[name] for point in points] for name in points[0].contrasts},
                lambdas, _("standard deviation of the weights"), marks,
            ),
            height=380,
            key="sweep-contrasts",
            name="contrast-along-lambda",
            alt=_("Standard deviation of the weights of every block against λ"),
        )  # fmt: skip
        st.caption(_("It falls to 0 as λ passes the channels' variances.") + view.hypothetical)

    st.subheader(_("Grad-CAM along λ"), help=explain("Grad-CAM"))
    with st.grid(4, min_column_width=200):
        block = choose.block(view.analysis())
    target = names[view.at_lambda(own).analysis().target]
    with st.grid(4, min_column_width=150):
        for point in [at_own, *points] if own is None else points:
            if point is not at_own and point.e_lambda is not None and not math.log10(point.e_lambda).is_integer():
                continue  # the decades are enough to see it move
            at = lambda_text(point.e_lambda)
            cam = point.cams[block.name]
            said = {"prediction": names[point.predicted], "share": _told(view, float(point.probabilities.max()))}
            caption = _("**{e_lambda}**: {prediction}, {share}.", e_lambda=at, **said)
            if own is not None and point.e_lambda == own:
                caption = _("**{e_lambda}** ({word}): {prediction}, {share}.", e_lambda=at, word=word, **said)
            if float(cam.max()) <= 0:
                caption = together(caption, _("All zero: no position speaks for {target}.", target=target))
            pictures.over_photo(
                view.shown,
                "sweep-cam-own" if point.e_lambda is None else f"sweep-cam-{point.e_lambda:g}",
                view.analysis().view,
                cam,
                render.CAM_SCALE,
                320,
                title=_("Grad-CAM of {target} at {block}, {e_lambda}", target=target, block=block.name, e_lambda=at),
                alt=_("Grad-CAM of {target} at {block} for {e_lambda}", target=target, block=block.name, e_lambda=at),
                caption=caption,
            )
    st.caption(
        _(
            "Where {block} speaks for {target}, each map over its own maximum; below it what the network says at that λ.",
            block=block.name,
            target=target,
        )
        + view.hypothetical
    )

    st.subheader(_("All values"))
    rows = table(points, names, classes)
    view.shown.keep_table("sweep", _("The λ sweep"), rows)
    # λ, what is predicted, its probability, and those of the classes.
    e_lambda, _prediction, *percents = list(rows[0])[: 3 + len(classes)]
    st.dataframe(
        rows,
        hide_index=True,
        key="sweep-table",
        column_config={
            e_lambda: st.column_config.NumberColumn(format="%.3g"),
            **{column: st.column_config.NumberColumn(format="percent") for column in percents},
        },
    )
    st.caption(
        _(
            "p(…): probability of a class. Contrast: standard deviation of a block's weights. As CSV from the table's toolbar, or "
            "with all other tables from *Take it home* in the sidebar."
        )
    )
