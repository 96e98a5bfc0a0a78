"""The parts of the Grad-CAM comparison page that are made on demand: faithfulness, of one photo or all samples, and a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import streamlit as st

from ....cluster.doing import HERE, in_order
from ....draw import charts
from ....explain import cam, metrics, survey
from ....explain.survey import Finding, Subject
from ....photos.samples import list_samples
from ....wording import _, comma, later, together
from ... import state
from ...server import elsewhere, long_task
from ...widgets import pictures
from ...widgets.glossary import explain
from ...widgets.shown import Shown
from .comparison import Comparison

T = TypeVar("T")

_CONTROL_TITLES = {"random": later("Random map"), "centre": later("Centre blob")}


def faithfulness(asked: Comparison) -> None:
    """Deletion, insertion, average drop and increase in confidence, on demand, for this photo or for all samples."""
    st.subheader(_("Is the heat map faithful?"), help=explain("faithfulness"))
    if not asked.view.loaded.output.has_probabilities or asked.view.loaded.transforms.shape is not None:
        st.info(
            _(
                "Faithfulness makes no sense here: it takes pixels away and reads a probability, and this network's answers or "
                "inputs are none."
            )
        )
        return
    st.markdown(
        _(
            "A faithful map points at what the network uses. **Deletion** greys the photo's pixels from the map's highest to its lowest: "
            "the probability should fall early, so a *small* area under its curve is good. **Insertion** brings a blurred photo into "
            "focus in the same order: a *large* area is good. **Drop**: the share of the probability that is lost if only what the map "
            "shows is left. A random map and a blob in the centre know nothing of the network; a heat map should beat both. Where the "
            "network gives the class less than {least} on the whole photo, there is no score: there is next to nothing that a map could "
            "take away.",
            least=metrics.least_in_words(),
        )
    )
    with st.grid(4, min_column_width=200, vertical_alignment="bottom"):
        over = state.control(
            st.segmented_control, _("Measure"), ["photo", "samples"], name="over", default="photo", required=True,
            parse=state.one_of({"photo": "photo", "samples": "samples"}),
            format_func={"photo": _("This photo"), "samples": _("All samples")}.__getitem__,
        )  # fmt: skip
        every = state.control(
            st.toggle, _("All four methods"), name="methods", default=False,
            parse=state.one_of({"all": True, "one": False}), text=lambda on: "all" if on else None,
        )  # fmt: skip
    methods = list(cam.METHODS) if every else [asked.method]
    photos = [this_photo(asked)] if over == "photo" else [sample(asked, name) for name in samples()]
    found = in_pieces(
        asked, f"faithful-{over}", photos, len(photos) * len(asked.columns) * (len(methods) + len(metrics.CONTROLS)),
        lambda: _findings(asked, photos, methods),
        tuple(methods), start=_("Measure"), unit=_("heat maps"),
    )  # fmt: skip
    if not found:
        return
    _verdict(asked, found, over)
    (_photo_results if over == "photo" else _sample_results)(asked, found)


def _findings(asked: Comparison, photos: list[Subject], methods: list[str]) -> Iterator[Finding]:
    """Here, one map after the other; elsewhere, photo by photo."""
    doing, how = elsewhere.ELSEWHERE.doing, (asked.block, methods, asked.view.input_size, asked.against)
    if doing is HERE:
        yield from survey.findings(asked.networks(), photos, *how)
        return
    networks = asked.networks().held()
    begun = (doing.later(survey.all_findings, networks, photo, *how) for photo in photos)
    for found in in_order(begun, doing.ahead):
        yield from found


def in_pieces(
    asked: Comparison,
    name: str,
    photos: list[Subject],
    total: int,
    work: Callable[[], Iterator[T]],
    more: tuple[object, ...],
    **words: str,
) -> list[T]:
    """Work on some photos as :func:`long_task.in_pieces` carries it on; anew when anything it depends on changes."""
    view = asked.view
    subject = (
        tuple((photo.name, photo.target, photo.square) for photo in photos), view.photo.name, view.loaded.identity, view.e_lambda,
        view.input_size, asked.block, asked.against, asked.fixed_mean, asked.columns, more,
    )  # fmt: skip
    return long_task.in_pieces(name, subject, total, work, again=_("Once more"), **words)


def _photo_results(asked: Comparison, found: list[Finding]) -> None:
    measured = {(f.network, f.map_name): f.measures for f in found if f.measures}
    lines = {asked.titles[name]: measured.get((name, asked.method)) for name in asked.columns}
    controls = {_(title): measured.get(("on", kind)) for kind, title in _CONTROL_TITLES.items()}
    shown = {title: measures for title, measures in (lines | controls).items() if measures}
    if shown:
        left, right = st.columns(2, gap="large")
        fractions = next(iter(shown.values())).fractions.tolist()
        for place, kind, title, label in (
            (left, "deletion", _("Deletion"), _("% of the pixels greyed")),
            (right, "insertion", _("Insertion"), _("% in focus")),
        ):
            with place:
                st.markdown(f"**{title}**{comma()}{asked.method}")
                pictures.chart(asked.view.shown, 
                    charts.curves(
                        {name: getattr(m, f"{kind}_curve").tolist() for name, m in shown.items()},
                        fractions, label, tuple(controls),
                    ),
                    height=340,
                    key=f"{kind}-curves", name=f"{asked.block}-{asked.method}-{kind}",
                    alt=_(
                        "{title} curves of {method} through each network and of two controls",
                        title=title, method=asked.method,
                    ),
                )  # fmt: skip
        if any(title in shown for title in controls):
            st.caption(_("The random map and the centre blob are put to: {network}.", network=asked.titles["on"]))
    _table(
        asked.view.shown,
        "faithful",
        _("Faithfulness of the heat maps at {block}, this photo", block=asked.block),
        [
            {_("network"): asked.titles[f.network], _("map"): _map_title(f.map_name)}
            | (_numbers(f.measures, measured.get((f.network, "random"))) if f.measures else {})
            | ({_("not measured"): f.trouble and _(f.trouble)} if any(one.trouble for one in found) else {})
            for f in found
        ],
    )


def _map_title(name: str) -> str:
    return _(_CONTROL_TITLES[name]) if name in _CONTROL_TITLES else name


def _numbers(measures: metrics.Faithfulness, random: metrics.Faithfulness | None) -> dict[str, object]:
    return {
        _("probability"): measures.probability,
        _("deletion"): measures.deletion,
        _("insertion"): measures.insertion,
        _("better than random by"): None if random is None else metrics.gain([(measures, random)]),
        _("drop"): measures.drop,
        _("probability rises"): measures.increased,
    }


def _sample_results(asked: Comparison, found: list[Finding]) -> None:
    rows = []
    for one in survey.table(found):
        row: dict[str, object] = {
            _("network"): asked.titles[one.network], _("map"): _map_title(one.map_name),
            _("photos"): _("{measured} of {photos}", measured=one.mean.photos if one.mean else 0, photos=one.asked),
        }  # fmt: skip
        if one.mean:
            row |= {
                _("probability"): one.mean.probability,
                _("deletion"): one.mean.deletion,
                _("insertion"): one.mean.insertion,
                _("better than random by"): one.gain,
                _("average drop"): one.mean.drop,
                _("increase in confidence"): one.mean.increase,
            }
        rows.append(row)
    st.markdown(_("**Means over the samples**"))
    _table(
        asked.view.shown,
        "faithful-means",
        _("Faithfulness of the heat maps at {block}, means over the samples", block=asked.block),
        rows,
    )
    if len(asked.columns) > 1:
        correlated = _(
            "Correlation of each network's {method} with that of: {network}",
            method=asked.method,
            network=asked.titles["on"],
        )
        st.markdown(together(_("**Does it look elsewhere?**"), correlated))
        _table(
            asked.view.shown,
            "faithful-photos",
            correlated,
            _correlations(asked, found),
        )
    st.caption(
        _(
            "Each sample is explained for the class it shows, or for the class chosen in the sidebar. A photo counts for a network that "
            "gives that class at least {least}, where it is not the one it is contrasted with, and no map is all "
            "zero; “photos” says how many. The same over hundreds of photos, in a folder for each class: "
            "`.venv/bin/python -m simam_viz faithful --data FOLDER`.",
            least=metrics.least_in_words(),
        )
    )


def _correlations(asked: Comparison, found: list[Finding]) -> list[dict[str, object]]:
    maps = {(f.photo, f.network): f for f in found if f.map_name == asked.method}
    rows = []
    for photo in dict.fromkeys(f.photo for f in found):
        row: dict[str, object] = {_("photo"): _(photo)}
        one = maps.get((photo, "on"))
        for column in asked.columns[1:]:
            other = maps.get((photo, column))
            row[asked.titles[column]] = (
                cam.correlation(one.values, other.values) if one and other and one.is_drawn and other.is_drawn else None
            )
        rows.append(row)
    return rows


def _verdict(asked: Comparison, found: list[Finding], over: str) -> None:
    """The answer in words: whether each network's map beats the controls, and how SimAM's differs from the twin's."""
    found = [f for f in found if f.map_name in (asked.method, *metrics.CONTROLS)]
    photos = len({f.photo for f in found})
    rows = {(row.network, row.map_name): row for row in survey.table(found)}
    told = []
    for column in asked.columns:
        network, map_, blob = asked.titles[column], rows.get((column, asked.method)), rows.get((column, "centre"))
        if map_ is None or map_.mean is None or map_.gain is None or blob is None or blob.gain is None:
            why = comma().join(dict.fromkeys(_(f.trouble) for f in found if f.network == column and f.trouble))
            told.append(
                _("- {network}: not measured ({why})", network=network, why=why)
                if why
                else _("- {network}: not measured yet", network=network)
            )
            continue
        line = _beaten(map_.gain, blob.gain, network, pictures.percent(map_.mean.probability))
        if map_.mean.photos != photos:
            line = _("{line}, {measured} of {photos} photos", line=line, measured=map_.mean.photos, photos=photos)
        told.append(line)
    whose = asked.explained if over == "photo" or asked.view.target is not None else _("each sample's class")
    question = _(
        "How much better than a random map is the {method} of {explained}? Measured as insertion − deletion, over the probability of "
        "the class on the whole photo, so that networks can be compared where they know the class at all:",
        method=asked.method,
        explained=whose,
    )
    st.markdown("\n".join((question, *told)))
    if asked.against is not None:
        st.caption(
            _(
                "The maps explain the lead over “{against}”; the measures read the probability of the class alone.",
                against=asked.name(asked.against),
            )
        )
    if "twin" in asked.columns:
        _against_the_twin(asked, found, over)


def _beaten(gain: float, blob: float, network: str, share: str) -> str:
    """By how much a network's map is better than a random one, beside the blob that knows nothing."""
    named: dict[str, object] = {"network": network, "gain": gain, "blob": blob, "share": share}
    if gain <= 0:
        return _(
            "- {network}: {gain:+.3f}, **no better than a random map** (a centre blob: {blob:+.3f}); probability of the class {share}",
            **named,
        )
    if gain <= blob:
        return _(
            "- {network}: {gain:+.3f}, **no more than a centre blob**, which knows nothing ({blob:+.3f}); probability of the class "
            "{share}",
            **named,
        )
    return _(
        "- {network}: {gain:+.3f}, more than a centre blob ({blob:+.3f}); probability of the class {share}", **named
    )


def _against_the_twin(asked: Comparison, found: list[Finding], over: str) -> None:
    """Does SimAM look elsewhere than the twin, and is that map more faithful? Over the photos that both can be asked about."""
    first, twin = asked.titles["on"], asked.titles["twin"]
    told = survey.versus(found, "on", "twin", asked.method)
    if told is None:
        st.info(
            _(
                "There is no photo yet on which both heat maps were measured: nothing can be said of SimAM against its twin."
            )
        )
        return
    elsewhere = [_("**Does it look elsewhere than the twin?**"), survey.places_sentence(told)]
    faithful = [_("**Is its map more faithful?**")]
    if over != "photo":
        asked_of = len({f.photo for f in found})
        faithful.append(_("{measured} of {photos} photos can be put to both.", measured=told.photos, photos=asked_of))
    leads = [f"- {sentence}" for sentence in survey.lead_sentences(told, f"“{first}”", f"“{twin}”")]
    st.markdown("\n".join((together(*elsewhere), "", together(*faithful), *leads)))
    remarks = [_("One pair of networks is one experiment: two trainings that differ in chance alone disagree, too.")]
    if over == "photo":
        remarks.insert(0, _("One photo is an anecdote: measure all samples."))
        if asked.view.target is None:
            remarks.insert(
                0,
                _(
                    "The class is what “{network}” predicts, which favours it: choose the true class in the sidebar.",
                    network=first,
                ),
            )
    st.caption(together(*remarks))


def _table(shown: Shown, key: str, title: str, rows: list[dict[str, object]]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    shown.keep_table(key, title, [{name: row.get(name) for name in names} for row in rows])
    shares = {_("probability"), _("drop"), _("average drop"), _("increase in confidence")}
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


def samples() -> dict[str, str]:
    """The bundled photos: their titles by name, in English: what was measured of them is the same in every language."""
    return {sample.name: sample.title for sample in list_samples()}


def this_photo(asked: Comparison) -> Subject:
    """The photo on screen, with the class that is explained."""
    view = asked.view
    return Subject(
        samples().get(view.photo.name, later("Your photo")), view.photo.image, asked.target, view.kept_square
    )


def sample(asked: Comparison, name: str) -> Subject:
    """A sample and its own class, unless the sidebar asks for another."""
    sample = next(sample for sample in list_samples() if sample.name == name)
    known = [asked.view.loaded.categories.index(c) for c in sample.classes if c in asked.view.loaded.categories]
    target = asked.view.target if asked.view.target is not None else next(iter(known), None)
    return Subject(sample.title, sample.image(), target)
