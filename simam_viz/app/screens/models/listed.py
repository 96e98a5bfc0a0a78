"""Every network there is, and what is known of the one in use."""

from __future__ import annotations

import re

import streamlit as st

from ....checkpoints.loading import LoadedCheckpoint
from ....checkpoints.recognition import Match
from ....checkpoints.store import card_path
from ....networks.counting import count_parameters, multiply_adds
from ....wording import _, later
from ... import state, zoo
from ...scene import Scene
from ...sidebar import EACH_ITS_OWN
from ...zoo import Choice

_TRAINED = {True: later("yes"), False: later("never"), None: later("not known")}


def follow(view: Scene, choices: dict[str, Choice]) -> None:
    """What was chosen on the page concerns the whole of it, the sidebar too."""
    if state.get("checkpoint") in choices and state.get("checkpoint") != view.loaded.name:
        st.rerun()


def plain_title(loaded: LoadedCheckpoint) -> str:
    """The network's title, harmless as Markdown."""
    return state.plain(loaded.card.title or loaded.name)


def table(view: Scene, choices: dict[str, Choice]) -> None:
    """Every network in a row; choosing a row makes it the one in use."""
    names = list(choices)

    def chosen() -> None:
        for row in st.session_state["table-models"].selection.rows:
            zoo.choose(names[row])

    rows = []
    for name, choice in choices.items():
        card = view.loaded.card if name == view.loaded.name else choice.card
        trained = view.loaded.trained_with_simam if name == view.loaded.name else choice.trained_with_simam
        accuracy = card.accuracy or card.published_accuracy
        size = choice.size
        rows.append(
            {
                _("network"): choice.title,
                _("in use"): name == view.loaded.name,
                _("from"): choice.where,
                _("architecture"): card.arch or _("seen when used"),
                _("trained with SimAM"): _("seen when used")
                if trained is None and not card.arch
                else _(_TRAINED[trained]),
                "λ": None if trained is False else _lambda_text(card.e_lambda),
                _("classes"): card.num_classes,
                _("top-1 (%)"): accuracy.top1 if accuracy else None,
                _("file (MB)"): round(size / 1e6, 1),
            }
        )
    view.shown.keep_table("networks", _("Every network there is"), rows)
    st.dataframe(
        rows,
        hide_index=True,
        on_select=chosen,
        selection_mode="single-row",
        placeholder="",
        key="table-models",
    )
    st.caption(
        _(
            "Choose a row to use that network. Files in the weights folder appear here by themselves; top-1 is what the card "
            "says was measured, or what the publisher says."
        )
    )


def facts(view: Scene) -> None:
    """The network in use in numbers, and whether it ever saw SimAM."""
    loaded = view.loaded
    zoo.mark(loaded)
    with st.grid(4, min_column_width=150):
        st.metric(_("Architecture"), loaded.card.arch)
        st.metric(_("Parameters"), f"{count_parameters(loaded.model) / 1e6:.2f} M", help=_("SimAM itself has none."))
        st.metric(
            _("Multiply–adds at {input_size} px", input_size=view.input_size),
            f"{_multiply_adds(loaded, loaded.card.arch, len(loaded.categories), view.input_size) / 1e9:.3g} G",
            help=_("Convolutions and dense layers, for one photo. SimAM adds four for each neuron it weighs."),
        )
        st.metric(_("File"), f"{(loaded.size or 0) / 1e6:.1f} MB")
        st.metric(_("Classes"), f"{len(loaded.categories):,}")
        st.metric(
            _("{word} λ", word=_(zoo.lambda_word(loaded)).capitalize()),
            _(EACH_ITS_OWN) if loaded.e_lambda is None else f"{loaded.e_lambda:g}",
        )
        st.metric(_("Input size"), f"{loaded.transforms.input_size} px")
        st.metric(_("Trained with SimAM"), _(_TRAINED[loaded.trained_with_simam]))
    if loaded.trained_with_simam is False:
        consequence = (
            _(
                "SimAM was put into the network all the same: batch norm now sees a scale it never saw in training, so expect "
                "worse answers."
            )
            if loaded.attends
            else _(
                "The network runs as it was trained; energies and weights are what SimAM *would* give: hypothetical."
            )
        )
        st.markdown(" ".join((_("These weights were trained without SimAM."), consequence)))
    elif loaded.trained_with_simam is None:
        st.markdown(
            _(
                "Nothing in the file says whether it was trained with SimAM, which has no parameters to show for it. *Run the "
                "samples* below looks at what batch norm remembers; then say it under *What the file does not say*."
            )
        )
    if "simam_at" in loaded.assumed and loaded.attends:
        st.markdown(
            _(
                "SimAM runs behind the second convolution of every block, where its authors put it. That is assumed: in training it may "
                "have stood behind a batch norm, at the block's end, or in some blocks alone, and no tensor tells. Say where, under "
                "*What the file does not say*."
            )
        )


@st.cache_data(max_entries=64, show_spinner=False)
def _multiply_adds(_loaded: LoadedCheckpoint, arch: str | None, classes: int, input_size: int) -> int:
    return multiply_adds(_loaded.model, input_size)


def fit(loaded: LoadedCheckpoint) -> None:
    """How many of the file's tensors fitted, and what became of the others."""
    match = loaded.match
    if match is None:
        return
    with st.expander(_fit_in_words(match)):
        for sentence in match.translations:
            st.markdown(f"- {state.plain(sentence)}")
        if not match.translations:
            st.markdown(_("- The names are torchvision's: none was changed."))
        rows = [
            {_("tensor"): name, _("what became of it"): _("not used: {why}", why=why)}
            for name, why in match.unused.items()
        ]
        rows += [
            {_("tensor"): name, _("what became of it"): _("not in the file: {why}", why=why)}
            for name, why in match.filled.items()
        ]
        if rows:
            st.dataframe(rows, hide_index=True, width="stretch")
        st.caption(_("SHA-256 of the file: {sha256}", sha256=loaded.sha256))


def _fit_in_words(match: Match) -> str:
    numbers = {
        "matched": match.matched, "expected": match.expected, "filled": len(match.filled), "unused": len(match.unused)
    }  # fmt: skip
    if match.filled and match.unused:
        return _(
            "{matched:,} of the network's {expected:,} tensors came from the file; the other {filled:,} are counters it does not "
            "need; {unused:,} more in the file are of no use to it",
            **numbers,
        )
    if match.filled:
        return _(
            "{matched:,} of the network's {expected:,} tensors came from the file; the other {filled:,} are counters it does not "
            "need",
            **numbers,
        )
    if match.unused:
        return _(
            "{matched:,} of the network's {expected:,} tensors came from the file; {unused:,} more in the file are of no use to it",
            **numbers,
        )
    return _("{matched:,} of the network's {expected:,} tensors came from the file", **numbers)


def card_file(choice: Choice, loaded: LoadedCheckpoint) -> None:
    """The whole card, to read and to keep."""
    with st.expander(_("The whole card")):
        st.json({entry: value for entry, value in loaded.card.items() if entry not in ("categories", "wnids")})
        stem = card_path(choice.info.path).stem if choice.info else loaded.card.title or choice.name
        st.download_button(
            _("Download the card (JSON)"),
            loaded.card.text,
            file_name=re.sub(r"[^-.()\w ]", "_", stem) + ".json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(_("A card of the same name beside the weights is read with them."))
        if choice.changeable:
            key = f"card-uploader-{loaded.identity}"
            st.file_uploader(
                _("A card kept before"),
                type=["json"],
                max_upload_size=1,
                key=key,
                on_change=zoo.take_card,
                args=(key, choice.name),
                help=_("What it says takes the place of what is assumed of this network."),
            )


def _lambda_text(e_lambda: object) -> str | None:
    """What a card says of λ, in a cell: a number, that every block has its own, or nothing."""
    if e_lambda is None:
        return None
    return f"{e_lambda:g}" if isinstance(e_lambda, (int, float)) else _(EACH_ITS_OWN)
