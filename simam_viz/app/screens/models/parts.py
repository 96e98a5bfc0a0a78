"""The parts of the Models page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import streamlit as st

from ....checkpoints import torchvision_weights
from ....checkpoints.loading import LoadedCheckpoint, default_categories, list_checkpoints, short_name
from ....checkpoints.store import SUFFIXES, card_path
from ....checkpoints.torchvision_weights import Published
from ....checkpoints.weights_file import CheckpointError
from ....explain.analysis import analyze
from ....explain.evidence import Evidence, training_evidence
from ....networks.counting import count_parameters, multiply_adds
from ....networks.places import usual_places
from ....photos.images import square_view
from ....photos.samples import Sample, list_samples
from ... import state, zoo
from ...scene import Scene
from ...server import long_task
from ...sidebar import EACH_ITS_OWN
from ...widgets import pictures, takeaway
from ...zoo import Choice
from . import shown_card

Answer = tuple[Sample, list[tuple[int, str, float]]]
"""A sample and the five most probable classes: index, name, probability."""
_SAVED = "card-saved"
_TRAINED = {True: "yes", False: "never", None: "not known"}
_ANSWERS = {"Yes": True, "No": False, "Not known": None}
_FORWARD_PASSES = {"not known, assumed to be torchvision's": None, "torchvision's": "torchvision's"}


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
        trained = _TRAINED[view.loaded.trained_with_simam if name == view.loaded.name else choice.trained_with_simam]
        accuracy = card.accuracy or card.published_accuracy
        size = choice.info.path.stat().st_size if choice.info else choice.own.size
        rows.append(
            {
                "network": choice.title,
                "in use": name == view.loaded.name,
                "from": choice.where,
                "architecture": card.arch or "seen when used",
                "trained with SimAM": trained if card.arch or trained != _TRAINED[None] else "seen when used",
                "λ": None if trained == _TRAINED[False] else _lambda_text(card.e_lambda),
                "classes": card.num_classes,
                "top-1 (%)": accuracy.top1 if accuracy else None,
                "file (MB)": round(size / 1e6, 1),
            }
        )
    takeaway.keep_table("networks", "Every network there is", rows)
    st.dataframe(
        rows,
        hide_index=True,
        on_select=chosen,
        selection_mode="single-row",
        placeholder="",
        key="table-models",
    )
    st.caption(
        "Choose a row to use that network. Files in the weights folder appear here by themselves; top-1 is what the card "
        "says was measured, or what the publisher says."
    )


def facts(view: Scene) -> None:
    """The network in use in numbers, and whether it ever saw SimAM."""
    loaded = view.loaded
    zoo.mark(loaded)
    with st.grid(4, min_column_width=150):
        st.metric("Architecture", loaded.card.arch)
        st.metric("Parameters", f"{count_parameters(loaded.model) / 1e6:.2f} M", help="SimAM itself has none.")
        st.metric(
            f"Multiply–adds at {view.input_size} px",
            f"{_multiply_adds(loaded, loaded.card.arch, loaded.card.num_classes, view.input_size) / 1e9:.3g} G",
            help="Convolutions and dense layers, for one photo. SimAM adds four for each neuron it weighs.",
        )
        st.metric("File", f"{(loaded.size or 0) / 1e6:.1f} MB")
        st.metric("Classes", f"{len(loaded.categories):,}")
        st.metric(
            f"{zoo.lambda_word(loaded).capitalize()} λ",
            EACH_ITS_OWN if loaded.e_lambda is None else f"{loaded.e_lambda:g}",
        )
        st.metric("Input size", f"{loaded.transforms.input_size} px")
        st.metric("Trained with SimAM", _TRAINED[loaded.trained_with_simam])
    if loaded.trained_with_simam is False:
        st.markdown(
            "These weights were trained without SimAM. "
            + (
                "SimAM was put into the network all the same: batch norm now sees a scale it never saw in training, so expect "
                "worse answers."
                if loaded.attends
                else "The network runs as it was trained; energies and weights are what SimAM *would* give: hypothetical."
            )
        )
    elif loaded.trained_with_simam is None:
        st.markdown(
            "Nothing in the file says whether it was trained with SimAM, which has no parameters to show for it. *Run the "
            "samples* below looks at what batch norm remembers; then say it under *What the file does not say*."
        )
    if "simam_at" in loaded.assumed and loaded.attends:
        st.markdown(
            "SimAM runs behind the second convolution of every block, where its authors put it. That is assumed: in training it may "
            "have stood behind a batch norm, at the block's end, or in some blocks alone, and no tensor tells. Say where, under *What "
            "the file does not say*."
        )


@st.cache_data(max_entries=64, show_spinner=False)
def _multiply_adds(_loaded: LoadedCheckpoint, arch: str, num_classes: int, input_size: int) -> int:
    return multiply_adds(_loaded.model, input_size)


def fit(loaded: LoadedCheckpoint) -> None:
    """How many of the file's tensors fitted, and what became of the others."""
    match = loaded.match
    if match is None:
        return
    title = f"{match.matched:,} of the network's {match.expected:,} tensors came from the file"
    if match.filled:
        title += f"; the other {len(match.filled):,} are counters it does not need"
    if match.unused:
        title += f"; {len(match.unused):,} more in the file are of no use to it"
    with st.expander(title):
        for sentence in match.translations:
            st.markdown(f"- {state.plain(sentence)}")
        if not match.translations:
            st.markdown("- The names are torchvision's: none was changed.")
        rows = [{"tensor": name, "what became of it": f"not used: {why}"} for name, why in match.unused.items()]
        rows += [{"tensor": name, "what became of it": f"not in the file: {why}"} for name, why in match.filled.items()]
        if rows:
            st.dataframe(rows, hide_index=True, width="stretch")
        st.caption(f"SHA-256 of the file: {loaded.sha256}")


def card_file(choice: Choice, loaded: LoadedCheckpoint) -> None:
    """The whole card, to read and to keep."""
    with st.expander("The whole card"):
        st.json({entry: value for entry, value in loaded.card.items() if entry not in ("categories", "wnids")})
        stem = card_path(choice.info.path).stem if choice.info else loaded.card.title or choice.name
        st.download_button(
            "Download the card (JSON)",
            loaded.card.text,
            file_name=re.sub(r"[^-.()\w ]", "_", stem) + ".json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption("A card of the same name beside the weights is read with them.")
        if choice.changeable:
            key = f"card-uploader-{loaded.identity}"
            st.file_uploader(
                "A card kept before",
                type=["json"],
                max_upload_size=1,
                key=key,
                on_change=zoo.take_card,
                args=(key, choice.name),
                help="What it says takes the place of what is assumed of this network.",
            )


def description(choice: Choice, loaded: LoadedCheckpoint) -> None:
    """Ask for what no tensor tells, with what is assumed filled in."""
    words = {
        "attention": "where SimAM runs",
        "trained_with_simam": "whether it was trained with SimAM",
        "simam_at": "where SimAM stood",
        "forward_pass": "the forward pass",
        "e_lambda": "λ",
        "input_size": "the input size",
        "normalisation": "the normalisation",
        "categories": "the class names",
    }
    assumed = [words[entry] for entry in loaded.assumed]
    if st.session_state.pop(_SAVED, None) == loaded.name:
        st.success(
            "The card is saved." if choice.info else "The card is kept for this session. Download it to keep it longer."
        )
    with st.expander("What the file does not say", expanded=bool(assumed), icon=":material/edit_note:"):
        if assumed:
            st.markdown(f"Assumed until you say otherwise: {', '.join(assumed)}.")
        if "forward_pass" in loaded.assumed:
            st.markdown(shown_card.FORWARD_PASS_ASSUMED)
        presets, places = _class_presets(loaded), _place_presets(loaded)
        mark = loaded.identity  # the fields of another network are other fields
        with st.form(f"describe-{mark}", border=False):
            title = loaded.card.title or loaded.name
            entries: dict[str, Any] = {"title": st.text_input("Name", title, key=f"describe-title-{mark}")}
            with st.grid(3, min_column_width=220):
                answers = list(_ANSWERS)
                trained = st.selectbox(
                    "Was it trained with SimAM?",
                    answers,
                    index=list(_ANSWERS.values()).index(loaded.trained_with_simam),
                    key=f"describe-trained-{mark}",
                )
                attends = st.selectbox(
                    "Run it",
                    ["with SimAM in it", "without SimAM"],
                    index=0 if loaded.attends else 1,
                    key=f"describe-attention-{mark}",
                    help="SimAM has no parameters, so both fit. Weights answer best as they were trained.",
                )
                place = st.selectbox(
                    "SimAM stands",
                    list(places),
                    index=next(
                        (i for i, at in enumerate(places.values()) if at == loaded.card.simam_at), len(places) - 1
                    ),
                    key=f"describe-places-{mark}",
                    disabled=len(places) == 1,
                    help="What the names of the tensors tell stands.",
                )
                passed = st.selectbox(
                    "Its forward pass",
                    list(_FORWARD_PASSES),
                    index=int("forward_pass" not in loaded.assumed),
                    key=f"describe-forward-{mark}",
                )
                e_lambda = st.number_input(
                    "λ it was trained with", 1e-6, 10.0, loaded.e_lambda, format="%g", key=f"describe-lambda-{mark}",
                    placeholder=EACH_ITS_OWN,
                    help="The authors train with 0.1 on ImageNet and 1e-4 on CIFAR. Empty: every block keeps its own.",
                )  # fmt: skip
                if e_lambda is not None:
                    entries["e_lambda"] = e_lambda
                entries["input_size"] = st.number_input(
                    "Input size in pixels", 32, 1024, loaded.transforms.input_size, key=f"describe-size-{mark}",
                    help="These networks take any; 224 is what ImageNet is trained with.",
                )  # fmt: skip
                mean = st.text_input(
                    "Mean of red, green, blue", _numbers_text(loaded.transforms.mean), key=f"describe-mean-{mark}"
                )
                std = st.text_input(
                    "Their standard deviation", _numbers_text(loaded.transforms.std), key=f"describe-std-{mark}"
                )
            typed_places = st.text_area(
                "Layers or blocks that SimAM stands behind, one name a line",
                "\n".join(loaded.card.simam_at or ()),
                height=100,
                key=f"describe-typed-places-{mark}",
                help="Counts where “behind the layers written below” is chosen. Names of the plain network, such as layer4.0.conv2.",
            )
            naming = st.selectbox("Class names", list(presets), key=f"describe-naming-{mark}")
            typed = st.text_area(
                "One name a line, in the order of the network's outputs",
                "\n".join(loaded.categories),
                height=160,
                key=f"describe-names-{mark}",
                help="Counts where “as written below” is chosen.",
            )
            if not st.form_submit_button("Save", icon=":material/save:"):
                return
        entries["trained_with_simam"] = _ANSWERS[trained]
        entries["attention"] = "simam" if attends == "with SimAM in it" else "none"
        if entries["attention"] == "simam":
            entries["simam_at"] = list(places[place] or _lines(typed_places))
        if stated := _FORWARD_PASSES[passed]:
            entries["forward_pass"] = stated
        entries["categories"] = list(presets[naming] or _lines(typed))
        try:
            entries["normalisation"] = {"mean": _numbers(mean), "std": _numbers(std)}
            zoo.describe(choice, loaded, entries)
        except CheckpointError as error:
            st.error(state.plain(str(error)))
        except OSError:
            st.error("The card cannot be written beside the file: the folder does not allow it.")
        else:
            st.session_state[_SAVED] = loaded.name
            zoo.choose(loaded.name)
            st.rerun()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _place_presets(loaded: LoadedCheckpoint) -> dict[str, tuple[str, ...] | None]:
    """Where SimAM may stand, in words; ``None`` takes what is typed."""
    if loaded.match is not None and loaded.match.simam_at:
        return {"where the names of the tensors show it": loaded.match.simam_at}
    usual = usual_places(loaded.card.arch)
    return {
        "behind the second convolution of every block (its authors)": usual["convolution"],
        "behind the last batch norm of every block, before the sum": usual["norm"],
        "at the end of every block, behind the sum": usual["block"],
        "behind the layers written below": None,
    }


def _class_presets(loaded: LoadedCheckpoint) -> dict[str, tuple[str, ...] | None]:
    """Ways to name the classes; ``None`` takes what is typed."""
    presets: dict[str, tuple[str, ...] | None] = {"as written below": None}
    count = len(loaded.categories)
    if count == 1000:
        presets["ImageNet's 1,000"] = default_categories(1000)
    tiny = list_checkpoints()[0].card
    if count == len(tiny.wnids) == len(tiny.categories or ()):
        by_id = sorted(zip(tiny.wnids, tiny.categories, strict=True))
        presets["Tiny ImageNet's 200, in the order of wnids.txt"] = tiny.categories
        presets["Tiny ImageNet's 200, sorted by WordNet id (as ImageFolder does)"] = tuple(name for _, name in by_id)
    return presets


def _lambda_text(e_lambda: object) -> str | None:
    """What a card says of λ, in a cell: a number, that every block has its own, or nothing."""
    if e_lambda is None:
        return None
    return f"{e_lambda:g}" if isinstance(e_lambda, (int, float)) else EACH_ITS_OWN


def _numbers_text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise CheckpointError("Mean and standard deviation take three numbers each, such as 0.5, 0.5, 0.5.") from None


def samples(view: Scene) -> None:
    """Run the bundled photos through the network: the top-5 of each, and what batch norm remembers of SimAM."""
    loaded = view.loaded
    subject = (loaded.identity, view.e_lambda, view.input_size)
    st.markdown("Do weights, class names and preprocessing fit together? Then most of these photos are recognised.")
    photos = list_samples()

    def work() -> Iterator[Answer | Evidence]:
        for sample in photos:
            yield sample, analyze(loaded, sample.image(), view.e_lambda, None, view.input_size).top(5)
        yield training_evidence(loaded, [sample.image() for sample in photos])

    found = long_task.in_pieces(
        "samples", subject, len(photos) + 1, work, start="Run the samples", again="Run them again", unit="steps"
    )
    answers = [step for step in found if not isinstance(step, Evidence)]
    if answers:
        _answers(loaded, answers, next((step for step in found if isinstance(step, Evidence)), None))


def _answers(loaded: LoadedCheckpoint, found: list[Answer], evidence: Evidence | None) -> None:
    known = {_plain_name(category) for category in loaded.categories}
    askable = [(sample, top) for sample, top in found if known & _names(sample)]
    hits = sum(any(_plain_name(name) in _names(sample) for _, name, _ in top) for sample, top in askable)
    if askable:
        st.markdown(
            f"**{hits} of {len(askable)}** photos of a class it knows have that class among the five most probable."
        )
    else:
        st.markdown("By their names, none of this network's classes is on these photos.")
    if evidence is not None:
        st.markdown(_evidence_sentence(loaded, evidence))
    with st.grid(4, min_column_width=180):
        for sample, top in found:
            with st.container(border=True):
                st.image(square_view(sample.image(), 320), alt=sample.alt, caption=sample.title, width="stretch")
                lines = []
                for _, name, probability in top:
                    text = f"{state.plain(short_name(name))} {pictures.percent(probability)}"
                    lines.append(f"1. **{text}**" if _plain_name(name) in _names(sample) else f"1. {text}")
                st.markdown("\n".join(lines))
    st.caption("The five most probable classes of each photo; the photo's own class is bold.")


def _evidence_sentence(loaded: LoadedCheckpoint, evidence: Evidence) -> str:
    if evidence.untrained:
        return (
            "**These weights were never trained**: every batch norm is as it was made, with a mean of 0 and a variance of 1. So "
            "nothing can be said of SimAM, and the answers above are chance."
        )
    if evidence.elsewhere:
        return "Where SimAM stands here, batch norm does not tell whether the weights were trained with it."
    verdict = {
        True: "That fits weights trained **with SimAM there** better",
        False: "That fits weights trained **without SimAM** there better",
        None: "This does not tell whether they were trained with SimAM there",
    }[evidence.verdict]
    contradiction = (
        " That is not what the card says."
        if None not in (evidence.verdict, loaded.trained_with_simam) and evidence.verdict != loaded.trained_with_simam
        else ""
    )
    return (
        "Each batch norm remembers the variance of what reached it in training. On these photos, behind the second convolution it "
        f"differs from that {2**evidence.with_simam:.2f}-fold with SimAM in between and {2**evidence.without:.2f}-fold without, beyond "
        f"what the batch norm before it tells of the photos themselves. {verdict}.{contradiction} SimAM elsewhere, behind the second "
        "batch norm or at the block's end, leaves no trace that this could see."
    )


def _names(sample: Sample) -> set[str]:
    return {_plain_name(name) for name in sample.classes}


def _plain_name(category: str) -> str:
    return short_name(category).strip().lower()


def own_file() -> None:
    """Ways in for a person's own file, and what was wrong with the last one."""
    zoo.uploader("page")
    zoo.tell_refused("page")
    if (refused := zoo.refused()) and refused.error.problems:
        st.dataframe(
            [{"tensor": name, "what is wrong": why} for name, why in refused.error.problems],
            hide_index=True,
            width="stretch",
            key="problems",
        )
    mine = [choice for choice in zoo.choices().values() if choice.own is not None]
    for choice in mine:
        st.button(
            f"Forget {choice.title}",
            icon=":material/delete:",
            on_click=zoo.drop,
            args=(choice.name,),
            key=f"drop-{choice.name}",
        )
    st.markdown(
        "Or put it into the folder `weights` beside `app.py` (or that which the environment variable `SIMAM_VIZ_WEIGHTS` "
        f"names), ending in {', '.join(f'`{suffix}`' for suffix in SUFFIXES)}; or open it with the app: "
        "`streamlit run app.py -- FILE`. ResNet-18, -34, -50, -101, -152, ResNeXt-50 32x4d and MobileNetV2 are recognised by "
        "their tensors."
    )


def authors_files() -> None:
    """How to get the files that SimAM's authors publish."""
    st.markdown(
        "The authors' ImageNet checkpoints lie on Google Drive and Baidu, which hand out no direct address, so the last step is "
        "yours:\n"
        "1. Open [github.com/ZjjConan/SimAM](https://github.com/ZjjConan/SimAM) and go to *ImageNet* in its README.\n"
        "2. Follow *Google Drive*, or *BaiduYunPan* with the extract code that stands beside it.\n"
        "3. Download the file of the network you want; don't unpack it.\n"
        "4. Drop it on *A file of your own*, or put it into the weights folder.\n\n"
        "It opens as it is: λ = 0.1, ImageNet's classes and normalisation are filled in, and the names of its tensors show that "
        "SimAM was in the network."
    )
    published = [
        ("SimAM-R18", "resnet18", 71.31, 89.88),
        ("SimAM-R34", "resnet34", 74.49, 92.02),
        ("SimAM-R50", "resnet50", 77.45, 93.66),
        ("SimAM-R101", "resnet101", 78.65, 94.11),
        ("SimAM-RX50 (32x4d)", "resnext50_32x4d", 78.00, 93.93),
        ("SimAM-MV2", "mobilenet_v2", 72.36, 90.74),
    ]
    columns = ("model", "architecture", "top-1 (%)", "top-5 (%)")
    st.dataframe([dict(zip(columns, row, strict=True)) for row in published], hide_index=True)
    st.caption("ImageNet accuracy as the authors publish it, from the README of github.com/ZjjConan/SimAM.")


def torchvisions() -> None:
    """Torchvision's weights by name, fetched when asked for."""
    published = torchvision_weights.published()
    st.markdown(
        "Trained on ImageNet **without SimAM**: everything SimAM shows on them is hypothetical, and marked so. They are fetched "
        "from torchvision's server once, checked by their hash, and kept in the weights folder."
    )
    name = st.selectbox(
        "Weights", list(published), format_func=lambda name: _published_title(published[name]), key="torchvision-name"
    )
    weights = published[name]
    if weights.path().is_file():
        st.button("Use them", icon=":material/check:", on_click=zoo.choose, args=(name,), key="torchvision-use")
    elif st.button(f"Download {weights.megabytes:.0f} MB", icon=":material/download:", key="torchvision-download"):
        # A click runs the page anew: this run ends at its next sign of progress, and what it had written goes with it.
        stop, bar = st.empty(), st.progress(0.0, "Connecting…")
        stop.button("Stop here", icon=":material/stop:", key="torchvision-stop")
        try:
            torchvision_weights.download(
                weights,
                progress=lambda done, total: bar.progress(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"),
            )
        except CheckpointError as error:
            stop.empty(), bar.empty()
            st.error(state.plain(str(error)))
        else:
            zoo.choose(name)
            st.rerun()


def _published_title(weights: Published) -> str:
    return f"{weights.card.title}, top-1 {weights.card.published_accuracy.top1:.1f} %"
