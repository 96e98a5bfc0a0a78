"""Ways to bring another network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from ....checkpoints import torchvision_weights
from ....checkpoints.loading import LoadedCheckpoint
from ....checkpoints.store import SUFFIXES
from ....checkpoints.torchvision_weights import Published
from ....checkpoints.weights_file import CheckpointError
from ....networks.authors import catalogue
from ....paths import folder_in_words
from ....wording import _, again, enumeration, later
from ... import dropping, given, own, pages, state, zoo
from ...own import Errand
from ...zoo import Choice

_FIRST, _SECOND = later("the network in use"), later("the file dropped beside it")


def refused() -> None:
    """What was wrong with the last file, and what can still be done with it."""
    dropping.tell_refused("page")
    if (refused := dropping.refused()) and refused.error.problems:
        st.dataframe(
            [{_("tensor"): name, _("what is wrong"): again(why)} for name, why in refused.error.problems],
            hide_index=True,
            width="stretch",
            key="problems",
        )


def own_file(choice: Choice, loaded: LoadedCheckpoint) -> None:
    """Ways in for a person's own file, and for its twin beside it."""
    if (maker := given.started().maker) is not None:
        st.caption(
            _(
                "A file dropped here is put into the network of the command line, {network}, where it fits that.",
                network=state.plain(Path(maker.opening.network).name),
            )
        )
    with st.grid(2, min_column_width=280):
        with st.container():
            dropping.uploader("page")
        with st.container():
            _twin(choice, loaded)
    with st.container(horizontal=True, gap="small"):
        for name, kept in own.networks().items():
            st.button(
                _("Forget {network}", network=state.plain(kept.card.title or name)),
                icon=":material/delete:",
                on_click=dropping.drop,
                args=(name,),
                key=f"drop-{name}",
            )
    st.caption(
        _(
            "Or put it into the folder `{folder}` (in a clone: beside `app.py`), or that which the environment variable "
            "`SIMAM_VIZ_WEIGHTS` names, ending in {endings}; or open it with the app: "
            "`streamlit run app.py -- FILE`. ResNet-18, -34, -50, -101, -152, ResNeXt-50 32x4d and MobileNetV2 are recognised by "
            "their tensors.",
            folder=folder_in_words("weights"),
            endings=enumeration(f"`{suffix}`" for suffix in SUFFIXES),
        )
    )


def _twin(choice: Choice, loaded: LoadedCheckpoint) -> None:
    """Where the file of a twin is dropped beside the network in use."""
    possible = own.is_upload(choice.name) or (choice.info is None and given.started().maker is not None)
    possible = possible and (loaded.has_simam or not loaded.attends)
    told = loaded.trained_with_simam
    with_simam = told
    place = "checkpoint-twin"
    if possible and told is None:
        said = st.session_state.get("twin-which", _FIRST)
        with_simam = said == _FIRST
    st.file_uploader(
        _("Its twin, dropped beside it"),
        max_upload_size=dropping.largest() // 2**20,
        key=dropping.key_of(place),
        disabled=not possible,
        on_change=partial(dropping.accept, place, Errand(beside=choice.name, first_has_simam=with_simam)),
        help=_(
            "A second file: the same network trained by the same recipe, one of the two with SimAM and the other without. The page "
            "Grad-CAM comparison then shows both, the only fair comparison."
        ),
    )
    if possible and told is None:
        st.segmented_control(
            _("Trained with SimAM was"),
            [_FIRST, _SECOND],
            format_func=_,
            default=_FIRST,
            required=True,
            key="twin-which",
        )
    elif not possible:
        st.caption(
            _("Twins differ in SimAM, and this network's attention is another.")
            if loaded.attends and not loaded.has_simam
            else _("First bring a network of your own; its twin goes beside it.")
        )
    if (beside := zoo.beside(loaded)) is not None:
        if dropping.taken() == beside.name:
            st.success(_("They are each other's twin now."))
        st.markdown(_("Its twin is **{network}**.", network=state.plain(beside.card.title or beside.name)))
        pages.leap("pages/gradcam_comparison.py", _("Compare the two"))


def authors_files() -> None:
    """How to get the files that SimAM's authors publish, and where to drop those that no shapes tell apart."""
    st.markdown(
        _(
            "The authors' ImageNet checkpoints lie on Google Drive and Baidu, which hand out no direct address, so the last step is "
            "yours:\n"
            "1. Open [github.com/ZjjConan/SimAM](https://github.com/ZjjConan/SimAM) and go to *ImageNet* in its README.\n"
            "2. Follow *Google Drive*, or *BaiduYunPan* with the extract code that stands beside it.\n"
            "3. Download the file of the network you want; don't unpack it.\n"
            "4. Drop it on *A file of your own*, or put it into the weights folder.\n\n"
            "It opens as it is: λ = 0.1, ImageNet's classes and normalisation are filled in, and the names of its tensors show that "
            "SimAM was in the network."
        )
    )
    published = [
        ("SimAM-R18", "resnet18", 71.31, 89.88),
        ("SimAM-R34", "resnet34", 74.49, 92.02),
        ("SimAM-R50", "resnet50", 77.45, 93.66),
        ("SimAM-R101", "resnet101", 78.65, 94.11),
        ("SimAM-RX50 (32x4d)", "resnext50_32x4d", 78.00, 93.93),
        ("SimAM-MV2", "mobilenet_v2", 72.36, 90.74),
    ]
    columns = (_("model"), _("architecture"), _("top-1 (%)"), _("top-5 (%)"))
    st.dataframe([dict(zip(columns, row, strict=True)) for row in published], hide_index=True)
    st.caption(_("ImageNet accuracy as the authors publish it, from the README of github.com/ZjjConan/SimAM."))
    st.markdown(
        _(
            "Files of the networks in the authors' code, **CIFAR** and those with SE or CBAM among them, open by name: choose the "
            "network that the file is of."
        )
    )
    with st.grid(2, min_column_width=280):
        name = st.selectbox(
            _("The authors' network"),
            catalogue.names(),
            key="authors-name",
            help=_(
                "Without a suffix it has SimAM; -none has no attention. λ is the authors': 1e-4 on CIFAR, 0.1 on ImageNet."
            ),
        )
        place = "checkpoint-authors"
        dropping.file_of_weights(
            place,
            _("Its file"),
            _("A file as the authors' code saves it. Nothing in it is run; it stays in this session's memory."),
            partial(dropping.accept, place, Errand(arch=f"authors:{name}")),
        )


def torchvisions() -> None:
    """Torchvision's weights by name, fetched when asked for."""
    published = torchvision_weights.published()
    st.markdown(
        _(
            "Trained on ImageNet **without SimAM**: everything SimAM shows on them is hypothetical, and marked so. They are fetched "
            "from torchvision's server once, checked by their hash, and kept in the weights folder."
        )
    )
    name = st.selectbox(
        _("Published weights"),
        list(published),
        format_func=lambda name: _published_title(published[name]),
        key="torchvision-name",
    )
    weights = published[name]
    if weights.path().is_file():
        st.button(_("Use them"), icon=":material/check:", on_click=zoo.choose, args=(name,), key="torchvision-use")
    elif st.button(
        _("Download {megabytes:.0f} MB", megabytes=weights.megabytes),
        icon=":material/download:",
        key="torchvision-download",
    ):
        # A click runs the page anew: this run ends at its next sign of progress, and what it had written goes with it.
        stop, bar = st.empty(), st.progress(0.0, _("Connecting…"))
        stop.button(_("Stop here"), icon=":material/stop:", key="torchvision-stop")

        def say(done: int, total: int) -> None:
            bar.progress(done / total, _("{done:.0f} of {total:.0f} MB", done=done / 1e6, total=total / 1e6))

        try:
            torchvision_weights.download(weights, progress=say)
        except CheckpointError as error:
            stop.empty()
            bar.empty()
            st.error(state.plain(str(error)))
        else:
            zoo.choose(name)
            st.rerun()


def _published_title(weights: Published) -> str:
    accuracy = weights.card.published_accuracy
    title = str(weights.card.title)
    return _("{network}, top-1 {top1:.1f} %", network=title, top1=accuracy.top1) if accuracy else title
