"""Every network there is, and what is known of the one in use."""

from __future__ import annotations

import re

import streamlit as st

from ....checkpoints.loading import LoadedCheckpoint
from ....checkpoints.recognition import Match
from ....checkpoints.store import CheckpointInfo, card_path
from ....networks.architectures import ATTENTION_NAMES
from ....networks.counting import count_parameters, multiply_adds
from ....wording import _, later, together
from ... import dropping, state, zoo
from ...lambdas import EACH_ITS_OWN
from ...scene import Scene
from ...zoo import Choice

_TRAINED = {True: later("yes"), False: later("never"), None: later("not known")}


def follow(view: Scene, choices: dict[str, Choice]) -> None:
    """What was chosen on the page concerns the whole of it, the sidebar too."""
    if state.get("checkpoint") in choices and state.get("checkpoint") != view.loaded.name:
        st.rerun()
    here = choices.get(view.loaded.name)
    if here is not None and here.info is None and zoo.load(here).identity != view.loaded.identity:
        st.rerun()  # a twin was dropped beside it, say


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
        source = view.loaded if name == view.loaded.name else choice.source
        card, trained = source.card, source.trained_with_simam
        loaded = source if isinstance(source, LoadedCheckpoint) else None
        accuracy = card.accuracy or card.published_accuracy
        rows.append(
            {
                _("network"): choice.title,
                _("in use"): name == view.loaded.name,
                _("from"): choice.where,
                _("architecture"): short_arch(loaded) if loaded else card.arch or _("seen when used"),
                _("attention"): _(ATTENTION_NAMES.get(card.attention or "", card.attention or "")),
                _("trained with SimAM"): _("seen when used")
                if trained is None and not card.arch and not loaded
                else _(_TRAINED[trained]),
                "λ": _lambda_cell(source),
                _("classes"): len(loaded.categories) if loaded else card.num_classes,
                _("top-1 (%)"): accuracy.top1 if accuracy else None,
                _("file (MB)"): round(choice.size / 1e6, 1) if choice.size else None,
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


def short_arch(loaded: LoadedCheckpoint) -> str:
    """What the architecture is called: of a person's own code, the name of the function or class alone."""
    arch = loaded.card.arch
    if arch is None:
        return type(loaded.model).__name__
    place, colon, name = arch.rpartition(":")
    return name if colon and place != "authors" else arch


def facts(view: Scene) -> None:
    """The network in use in numbers, and whether it ever saw SimAM."""
    loaded = view.loaded
    multiply_adds = _multiply_adds(loaded, loaded.identity, view.input_size)
    with st.grid(4, min_column_width=150):
        st.metric(_("Architecture"), short_arch(loaded), help=loaded.card.arch and state.plain(loaded.card.arch))
        st.metric(_("Parameters"), f"{count_parameters(loaded.model) / 1e6:.2f} M", help=_("SimAM itself has none."))
        if multiply_adds is not None:
            st.metric(
                _("Multiply–adds at {input_size} px", input_size=view.input_size),
                f"{multiply_adds / 1e9:.3g} G",
                help=_("Convolutions and dense layers, for one photo. SimAM adds four for each neuron it weighs."),
            )
        if loaded.size:
            st.metric(_("File"), f"{loaded.size / 1e6:.1f} MB")
        if loaded.output.has_probabilities:
            st.metric(_("Classes"), f"{len(loaded.categories):,}")
        if loaded.has_simam or not loaded.attends:
            st.metric(
                _("{word} λ", word=_(zoo.lambda_word(loaded)).capitalize()),
                _(EACH_ITS_OWN) if loaded.e_lambda is None else f"{loaded.e_lambda:g}",
            )
        st.metric(_("Input size"), f"{loaded.transforms.input_size} px")
        if loaded.has_simam or loaded.trained_with_simam is not None or loaded.found is None:
            st.metric(_("Trained with SimAM"), _(_TRAINED[loaded.trained_with_simam]))
    if not loaded.card.get("random_weights"):  # the badge says it all
        _training(loaded)


def _training(loaded: LoadedCheckpoint) -> None:
    """What the training with or without SimAM means for what is shown, where anything does."""
    if loaded.found is not None and loaded.trained_with_simam is None:
        if loaded.has_simam and loaded.match is not None:
            st.markdown(_("Whether these weights were trained with SimAM in place, no tensor tells: say it in step 3."))
        return
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
        st.markdown(together(_("These weights were trained without SimAM."), consequence))
    elif loaded.trained_with_simam is None:
        st.markdown(
            _(
                "Nothing in the file says whether it was trained with SimAM, which has no parameters to show for it. *Run the "
                "samples* below looks at what batch norm remembers; then say it in step 3."
            )
        )
    if "simam_at" in loaded.assumed and loaded.attends:
        st.markdown(
            _(
                "SimAM runs behind the second convolution of every block, where its authors put it. That is assumed: in training it may "
                "have stood behind a batch norm, at the block's end, or in some blocks alone, and no tensor tells. Say where, in step 3."
            )
        )


@st.cache_data(scope="session", max_entries=16, show_spinner=False)
def _multiply_adds(_loaded: LoadedCheckpoint, identity: str, input_size: int) -> int | None:
    """``None`` where they cannot be counted without a photo: a detector's depend on what it finds."""
    if _loaded.transforms.shape is not None:
        return None
    try:
        return multiply_adds(_loaded.model, _loaded.transforms.dimensions(input_size))
    except Exception:
        if _loaded.found is None:
            raise
        return None  # anybody's forward pass may raise anything without numbers to compute with


def looked_at(loaded: LoadedCheckpoint) -> None:
    """What was found in a network that nobody here has seen, line by line."""
    if loaded.found is None:
        return
    label = _("What was found in it, line by line")
    with (folded := st.expander(label, icon=":material/search:", key="found-lines", on_change="rerun")):
        if folded.open:
            st.code("\n".join(loaded.found.lines), language=None, wrap_lines=True)


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
    with (folded := st.expander(_("The whole card"), key="whole-card", on_change="rerun")):
        if folded.open:  # else a browser would draw what nobody sees
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
            place = f"card-{loaded.identity}"
            st.file_uploader(
                _("A card kept before"),
                type=["json"],
                max_upload_size=1,
                key=dropping.key_of(place),
                on_change=dropping.take_card,
                args=(place, choice.name),
                help=_("What it says takes the place of what is assumed of this network."),
            )


def _lambda_cell(source: CheckpointInfo | LoadedCheckpoint) -> str | None:
    """What is known of λ, in a cell: a number, that every block has its own, or nothing."""
    if source.trained_with_simam is False:
        return None
    if isinstance(source, LoadedCheckpoint) and source.found is not None:
        if not source.has_simam:
            return None
        e_lambda: object = source.e_lambda or EACH_ITS_OWN
    else:
        e_lambda = source.card.e_lambda
    if e_lambda is None:
        return None
    return f"{e_lambda:g}" if isinstance(e_lambda, (int, float)) else _(EACH_ITS_OWN)
