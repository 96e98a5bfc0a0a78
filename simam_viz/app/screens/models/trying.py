"""The network in use on the bundled photos."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from ....checkpoints.loading import LoadedCheckpoint, class_said, short_name
from ....cluster.doing import in_order
from ....explain.analysis import top_answers
from ....explain.evidence import Evidence, training_evidence
from ....photos.images import square_view
from ....photos.samples import Sample, list_samples
from ....wording import _, together
from ... import state
from ...scene import Scene
from ...server import elsewhere, long_task
from ...widgets import pictures

_TOP = 5
Answer = tuple[Sample, list[tuple[int, str, float]]]
"""A sample and the five most probable classes: index, name, probability."""


def possible(loaded: LoadedCheckpoint) -> bool:
    """Whether it makes sense to ask a network what is on the samples, and to count its right answers."""
    return loaded.output.kind == "classes" and loaded.transforms.takes_photos


def samples(view: Scene) -> None:
    """Run the bundled photos through the network: the top-5 of each, and what batch norm remembers of SimAM."""
    loaded = view.loaded
    subject = (loaded.identity, view.e_lambda, view.input_size)
    st.markdown(_("Do weights, class names and preprocessing fit together? Then most of these photos are recognised."))
    photos = list_samples()
    told_by_norms = loaded.found is None  # of others it is not known which batch norm stands where

    def work() -> Iterator[Answer | Evidence]:
        doing = elsewhere.ELSEWHERE.doing
        asked = (view.e_lambda, view.input_size, _TOP)
        begun = (doing.later(top_answers, loaded, sample.image(), *asked) for sample in photos)
        yield from zip(photos, in_order(begun, doing.ahead), strict=True)
        if told_by_norms:
            yield doing.do(training_evidence, loaded, [sample.image() for sample in photos])

    found = long_task.in_pieces(
        "samples",
        subject,
        len(photos) + told_by_norms,
        work,
        start=_("Run the samples"),
        again=_("Run them again"),
        unit=_("steps"),
    )
    answers = [step for step in found if not isinstance(step, Evidence)]
    if answers:
        _answers(loaded, answers, next((step for step in found if isinstance(step, Evidence)), None))


def _answers(loaded: LoadedCheckpoint, found: list[Answer], evidence: Evidence | None) -> None:
    known = {_plain_name(category) for category in loaded.categories}
    askable = [(sample, top) for sample, top in found if known & _names(sample)]
    hits = sum(any(_plain_name(name) in _names(sample) for _index, name, _share in top) for sample, top in askable)
    if askable:
        st.markdown(
            _(
                "**{hits} of {photos}** photos of a class it knows have that class among the five most probable.",
                hits=hits,
                photos=len(askable),
            )
        )
    else:
        st.markdown(_("By their names, none of this network's classes is on these photos."))
    if evidence is not None:
        st.markdown(evidence_sentence(loaded, evidence))
    with st.grid(4, min_column_width=180):
        for sample, top in found:
            with st.container(border=True):
                st.image(square_view(sample.image(), 320), alt=_(sample.alt), caption=_(sample.title), width="stretch")
                lines = []
                for _index, name, probability in top:
                    text = f"{state.plain(class_said(name))} {pictures.percent(probability)}"
                    lines.append(f"1. **{text}**" if _plain_name(name) in _names(sample) else f"1. {text}")
                st.markdown("\n".join(lines))
    st.caption(_("The five most probable classes of each photo; the photo's own class is bold."))


def evidence_sentence(loaded: LoadedCheckpoint, evidence: Evidence) -> str:
    """What batch norm remembers of SimAM, in words."""
    if evidence.untrained:
        return _(
            "**These weights were never trained**: every batch norm is as it was made, with a mean of 0 and a variance of 1. So "
            "nothing can be said of SimAM, and the answers above are chance."
        )
    if evidence.elsewhere:
        return _("Where SimAM stands here, batch norm does not tell whether the weights were trained with it.")
    sentences = [
        _(
            "Each batch norm remembers the variance of what reached it in training. On these photos, behind the second convolution it "
            "differs from that {with_simam:.2f}-fold with SimAM in between and {without:.2f}-fold without, beyond what the batch norm "
            "before it tells of the photos themselves.",
            with_simam=2**evidence.with_simam,
            without=2**evidence.without,
        ),
        {
            True: _("That fits weights trained **with SimAM there** better."),
            False: _("That fits weights trained **without SimAM** there better."),
            None: _("This does not tell whether they were trained with SimAM there."),
        }[evidence.verdict],
    ]
    if None not in (evidence.verdict, loaded.trained_with_simam) and evidence.verdict != loaded.trained_with_simam:
        sentences.append(_("That is not what the card says."))
    sentences.append(
        _("SimAM elsewhere, behind the second batch norm or at the block's end, leaves no trace that this could see.")
    )
    return together(*sentences)


def _names(sample: Sample) -> set[str]:
    return {_plain_name(name) for name in sample.classes}


def _plain_name(category: str) -> str:
    return short_name(category).strip().lower()
