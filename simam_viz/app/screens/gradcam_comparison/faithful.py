"""The parts of the Grad-CAM comparison page that are made on demand: faithfulness, of one photo or all samples, and a figure."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial

import streamlit as st

from ....draw import charts, figures, render
from ....explain import cam, metrics, survey
from ....explain.blocks import lambda_text
from ....explain.survey import Finding, Subject
from ....photos.samples import list_samples
from ... import state
from ...server import long_task
from ...widgets import pictures, takeaway
from ...widgets.glossary import explain
from .columns import Comparison

_CONTROL_TITLES = {"random": "Random map", "centre": "Centre blob"}
# Side of one photo in the figure, in pixels.
_TILE = 320


def faithfulness(asked: Comparison) -> None:
    """Deletion, insertion, average drop and increase in confidence, on demand, for this photo or for all samples."""
    st.subheader("Is the heat map faithful?", help=explain("faithfulness"))
    st.markdown(
        "A faithful map points at what the network uses. **Deletion** greys the photo's pixels from the map's highest to its lowest: "
        "the probability should fall early, so a *small* area under its curve is good. **Insertion** brings a blurred photo into focus in "
        "the same order: a *large* area is good. **Drop**: the share of the probability that is lost if only what the map shows is left. "
        "A random map and a blob in the centre know nothing of the network; a heat map should beat both. Where "
        f"{metrics.TOO_UNSURE} on the whole photo, there is no score: there is next to nothing that a map could take away."
    )
    with st.grid(4, min_column_width=200, vertical_alignment="bottom"):
        over = state.control(
            st.segmented_control, "Measure", ["photo", "samples"], name="over", default="photo", required=True,
            parse=state.one_of({"photo": "photo", "samples": "samples"}),
            format_func={"photo": "This photo", "samples": "All samples"}.__getitem__,
        )  # fmt: skip
        every = state.control(
            st.toggle, "All four methods", name="methods", default=False,
            parse=state.one_of({"all": True, "one": False}), text=lambda on: "all" if on else None,
        )  # fmt: skip
    methods = list(cam.METHODS) if every else [asked.method]
    photos = [_this_photo(asked)] if over == "photo" else [_sample(asked, name) for name in _samples()]
    found = _in_pieces(
        asked, f"faithful-{over}", photos, len(photos) * len(asked.columns) * (len(methods) + len(metrics.CONTROLS)),
        lambda: survey.findings(
            asked.networks(), photos, asked.block, methods, asked.view.input_size, asked.against
        ),
        tuple(methods), start="Measure", unit="heat maps",
    )  # fmt: skip
    if not found:
        return
    _verdict(asked, found, over)
    (_photo_results if over == "photo" else _sample_results)(asked, found)


def _in_pieces(
    asked: Comparison,
    name: str,
    photos: list[Subject],
    total: int,
    work: Callable,
    more: tuple[object, ...],
    **words: str,
) -> list:
    view = asked.view
    subject = (
        tuple((photo.name, photo.target) for photo in photos), view.photo.name, view.loaded.identity, view.e_lambda,
        view.input_size, asked.block, asked.against, asked.fixed_mean, asked.columns, more,
    )  # fmt: skip
    return long_task.in_pieces(name, subject, total, work, again="Once more", **words)


def _photo_results(asked: Comparison, found: list[Finding]) -> None:
    measured = {(f.network, f.map_name): f.measures for f in found if f.measures}
    first = asked.titles["on"]
    lines = {title: measured.get((title, asked.method)) for title in asked.titles.values()}
    lines |= {_CONTROL_TITLES[kind]: measured.get((first, kind)) for kind in metrics.CONTROLS}
    shown = {name: measures for name, measures in lines.items() if measures}
    if shown:
        left, right = st.columns(2, gap="large")
        fractions = next(iter(shown.values())).fractions.tolist()
        for place, kind, label in ((left, "deletion", "% of the pixels greyed"), (right, "insertion", "% in focus")):
            with place:
                st.markdown(f"**{kind.capitalize()}**, {asked.method}")
                pictures.chart(
                    charts.curves(
                        {name: getattr(m, f"{kind}_curve").tolist() for name, m in shown.items()},
                        fractions, label, tuple(_CONTROL_TITLES.values()),
                    ),
                    height=340,
                    key=f"{kind}-curves", name=f"{asked.block}-{asked.method}-{kind}",
                    alt=f"{kind.capitalize()} curves of {asked.method} through each network and of two controls",
                )  # fmt: skip
        if any(title in shown for title in _CONTROL_TITLES.values()):
            st.caption(f"The random map and the centre blob are put to: {first}.")
    _table(
        "faithful",
        f"Faithfulness of the heat maps at {asked.block}, this photo",
        [
            {"network": f.network, "map": _CONTROL_TITLES.get(f.map_name, f.map_name)}
            | (_numbers(f.measures, measured.get((f.network, "random"))) if f.measures else {})
            | ({"not measured": f.trouble} if any(one.trouble for one in found) else {})
            for f in found
        ],
    )


def _numbers(measures: metrics.Faithfulness, random: metrics.Faithfulness | None) -> dict[str, object]:
    return {
        "probability": measures.probability,
        "deletion": measures.deletion,
        "insertion": measures.insertion,
        "better than random by": None if random is None else metrics.gain([(measures, random)]),
        "drop": measures.drop,
        "probability rises": measures.increased,
    }


def _sample_results(asked: Comparison, found: list[Finding]) -> None:
    rows = []
    for one in survey.table(found):
        row: dict[str, object] = {
            "network": one.network, "map": _CONTROL_TITLES.get(one.map_name, one.map_name),
            "photos": f"{one.mean.photos if one.mean else 0} of {one.asked}",
        }  # fmt: skip
        if one.mean:
            row |= {
                "probability": one.mean.probability,
                "deletion": one.mean.deletion,
                "insertion": one.mean.insertion,
                "better than random by": one.gain,
                "average drop": one.mean.drop,
                "increase in confidence": one.mean.increase,
            }
        rows.append(row)
    st.markdown("**Means over the samples**")
    _table("faithful-means", f"Faithfulness of the heat maps at {asked.block}, means over the samples", rows)
    if len(asked.columns) > 1:
        st.markdown(
            f"**Does it look elsewhere?** Correlation of each network's {asked.method} with that of: {asked.titles['on']}"
        )
        _table(
            "faithful-photos",
            f"Correlation of each network's {asked.method} with that of: {asked.titles['on']}",
            _correlations(asked, found),
        )
    st.caption(
        "Each sample is explained for the class it shows, or for the class chosen in the sidebar. A photo counts for a network that "
        f"gives that class at least {metrics.LEAST_IN_WORDS}, where it is not the one it is contrasted with, and no map is all "
        "zero; “photos” says how many. The same over hundreds of photos, in a folder for each class: "
        "`.venv/bin/python -m simam_viz faithful --data FOLDER`."
    )


def _correlations(asked: Comparison, found: list[Finding]) -> list[dict[str, object]]:
    maps = {(f.photo, f.network): f for f in found if f.map_name == asked.method}
    first = asked.titles["on"]
    rows = []
    for photo in dict.fromkeys(f.photo for f in found):
        row: dict[str, object] = {"photo": photo}
        for column in asked.columns[1:]:
            one, other = maps.get((photo, first)), maps.get((photo, asked.titles[column]))
            usable = one is not None and other is not None and one.is_drawn and other.is_drawn
            row[asked.titles[column]] = cam.correlation(one.values, other.values) if usable else None
        rows.append(row)
    return rows


def _verdict(asked: Comparison, found: list[Finding], over: str) -> None:
    """The answer in words: whether each network's map beats the controls, and how SimAM's differs from the twin's."""
    found = [f for f in found if f.map_name in (asked.method, *metrics.CONTROLS)]
    photos = len({f.photo for f in found})
    rows = {(row.network, row.map_name): row for row in survey.table(found)}
    told = []
    for title in (asked.titles[column] for column in asked.columns):
        map_, blob = rows.get((title, asked.method)), rows.get((title, "centre"))
        if map_ is None or blob is None or map_.gain is None or blob.gain is None:
            why = ", ".join(dict.fromkeys(f.trouble for f in found if f.network == title and f.trouble))
            told.append(f"- {title}: not measured{f' ({why})' if why else ' yet'}")
            continue
        if map_.gain <= 0:
            beaten = f"**no better than a random map** (a centre blob: {blob.gain:+.3f})"
        elif map_.gain <= blob.gain:
            beaten = f"**no more than a centre blob**, which knows nothing ({blob.gain:+.3f})"
        else:
            beaten = f"more than a centre blob ({blob.gain:+.3f})"
        of = "" if map_.mean.photos == photos else f", {map_.mean.photos} of {photos} photos"
        told.append(
            f"- {title}: {map_.gain:+.3f}, {beaten}; probability of the class "
            f"{pictures.percent(map_.mean.probability)}{of}"
        )
    whose = asked.explained if over == "photo" or asked.view.target is not None else "each sample's class"
    st.markdown(
        f"How much better than a random map is the {asked.method} of {whose}? Measured as insertion − deletion, over the probability of "
        "the class on the whole photo, so that networks can be compared where they know the class at all:\n"
        + "\n".join(told)
    )
    if asked.against is not None:
        st.caption(
            f"The maps explain the lead over “{asked.name(asked.against)}”; the measures read the probability of the class alone."
        )
    if "twin" in asked.columns:
        _against_the_twin(asked, found, over)


def _against_the_twin(asked: Comparison, found: list[Finding], over: str) -> None:
    """Does SimAM look elsewhere than the twin, and is that map more faithful? Over the photos that both can be asked about."""
    first, twin = asked.titles["on"], asked.titles["twin"]
    told = survey.versus(found, first, twin, asked.method)
    if told is None:
        st.info(
            "There is no photo yet on which both heat maps were measured: nothing can be said of SimAM against its twin."
        )
        return
    counted = "" if over == "photo" else f" {told.photos} of {len({f.photo for f in found})} photos can be put to both."
    st.markdown(
        f"**Does it look elsewhere than the twin?** {survey.places_sentence(told)}\n\n"
        f"**Is its map more faithful?**{counted}\n"
        + "\n".join(f"- {sentence}" for sentence in survey.lead_sentences(told, f"“{first}”", f"“{twin}”"))
    )
    remarks = ["One pair of networks is one experiment: two trainings that differ in chance alone disagree, too."]
    if over == "photo":
        remarks.insert(0, "One photo is an anecdote: measure all samples.")
        if asked.view.target is None:
            remarks.insert(
                0, f"The class is what “{first}” predicts, which favours it: choose the true class in the sidebar."
            )
    st.caption(" ".join(remarks))


def _table(key: str, title: str, rows: list[dict[str, object]]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    takeaway.keep_table(key, title, [{name: row.get(name) for name in names} for row in rows])
    shares = ("probability", "drop", "average drop", "increase in confidence")
    st.dataframe(
        [{name: row.get(name) for name in names} for row in rows],
        hide_index=True,
        height="content",
        key=key,
        column_config={
            name: st.column_config.NumberColumn(format="percent" if name in shares else "%.3f")
            for name in names
            if any(isinstance(row.get(name), float) for row in rows)
        },
    )


def figure(asked: Comparison) -> None:
    """Photos as rows, networks as columns, made on demand, as a PNG to keep."""
    st.subheader("A figure for a slide")
    titles = _samples()
    own = asked.view.photo
    if own.name not in titles:
        titles = {own.name: "Your photo", **titles}
    begin = [own.name, *(name for name in titles if name != own.name)][:4]

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if not set(names) <= set(titles) or len(set(names)) != len(names):
            raise ValueError(text)
        return names

    chosen = state.control(
        st.multiselect, "Photos", list(titles), name="photos", default=begin, parse=parse,
        text=lambda names: ",".join(names) or None, format_func=titles.__getitem__,
    )  # fmt: skip
    photos = [_sample(asked, name) if name in _samples() else _this_photo(asked) for name in chosen]
    found = _in_pieces(
        asked, "figure", photos, len(photos) * len(asked.columns),
        lambda: figures.cells(
            asked.networks(), photos, asked.block, asked.method, asked.view.input_size, asked.against
        ),
        (asked.method,), start="Make the figure", unit="heat maps",
    )  # fmt: skip
    if len(found) < len(photos) * len(asked.columns):
        return
    count = len(asked.columns)
    loaded = asked.view.loaded
    rather = "" if asked.against is None else f" of each class rather than “{asked.name(asked.against)}”"
    caption = (
        f"{asked.method}{rather} at {asked.block}, each map over its own maximum. "
        f"{loaded.card.get('title', loaded.name)}, {lambda_text(asked.view.e_lambda)}."
    )
    rows = [found[i : i + count] for i in range(0, len(found), count)]
    draw = functools.cache(partial(figures.comparison_figure, rows, caption, asked.scale))
    pictures.picture(
        "figure", draw, _TILE, alt=f"{asked.method} of {len(photos)} photos through {count} networks, side by side"
    )
    st.download_button(
        "Download as PNG", lambda: render.png(draw(_TILE)), file_name="simam-comparison.png", mime="image/png",
        icon=":material/download:", key="figure-download",
    )  # fmt: skip
    height, width, _ = draw(_TILE).shape
    st.caption(
        f"{width} × {height} pixels. Below each map the probability of the class it explains, and what that network says. Each sample is "
        "explained for the class it shows, or for the class chosen in the sidebar."
    )


def _samples() -> dict[str, str]:
    return {sample.name: sample.title for sample in list_samples()}


def _this_photo(asked: Comparison) -> Subject:
    return Subject(_samples().get(asked.view.photo.name, "Your photo"), asked.view.photo.image, asked.target)


def _sample(asked: Comparison, name: str) -> Subject:
    """A sample and its own class, unless the sidebar asks for another."""
    sample = next(sample for sample in list_samples() if sample.name == name)
    known = [asked.view.loaded.categories.index(c) for c in sample.classes if c in asked.view.loaded.categories]
    target = asked.view.target if asked.view.target is not None else (known or [None])[0]
    return Subject(sample.title, sample.image(), target)
