"""Confirming what no file says: classes, λ, the input, and where SimAM stands."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ....checkpoints import understood
from ....checkpoints.loaded import default_categories
from ....checkpoints.loading import LoadedCheckpoint
from ....checkpoints.store import list_checkpoints
from ....checkpoints.weights_file import CheckpointError
from ....networks.places import usual_places
from ....wording import _, enumeration, later
from ... import own, state, zoo
from ...lambdas import EACH_ITS_OWN
from ...zoo import Choice
from . import shown_card

_SAVED = "card-saved"

# What is offered are English keys, shown through ``_``.
_ANSWERS = {later("Yes"): True, later("No"): False, later("Not known"): None}
_WITH, _WITHOUT = later("with SimAM in it"), later("without SimAM")
_FORWARD_PASSES = {
    later("not known, assumed to be torchvision's"): None,
    later("torchvision's"): "torchvision's",
}


def description(choice: Choice, loaded: LoadedCheckpoint) -> None:
    """Ask for what no tensor tells, with what is assumed filled in; where nothing is to be asked, say so."""
    if not choice.changeable:
        st.markdown(_("Nothing is assumed: this network comes with the app, and its card says it all."))
        return
    words = {
        "attention": _("where SimAM runs"),
        "trained_with_simam": _("whether it was trained with SimAM"),
        "simam_at": _("where SimAM stood"),
        "forward_pass": _("the forward pass"),
        "e_lambda": "λ",
        "input_size": _("the input size"),
        "normalisation": _("the normalisation"),
        "categories": _("the class names"),
    }
    assumed = enumeration(words[entry] for entry in loaded.assumed)
    if st.session_state.pop(_SAVED, None) == loaded.name:
        st.success(
            _("The card is saved.")
            if choice.info
            else _("The card is kept for this session. Download it to keep it longer.")
            if own.is_upload(choice.name)
            else _("This is kept for this session; the program that made the network can say it for good.")
        )
    if assumed:
        st.markdown(_("Assumed until you say otherwise: {assumed}.", assumed=assumed))
        if "forward_pass" in loaded.assumed:
            st.markdown(_(shown_card.ASSUMED_FORWARD))
    else:
        st.markdown(_("Nothing is assumed of this network any more."))
    label = _("Confirm or change the four facts: classes, λ, input, place of SimAM")
    with st.expander(label, expanded=bool(assumed), icon=":material/edit_note:"):
        if (entries := _form(loaded)) is not None:
            _save(choice, loaded, entries)


def _form(loaded: LoadedCheckpoint) -> dict[str, Any] | None:
    """The form; what it says once it is sent."""
    mark = loaded.identity  # the fields of another network are other fields
    looked_into = loaded.found is not None
    entries: dict[str, Any] = {}
    with st.form(f"describe-{mark}", border=False):
        left, right = st.columns(2)
        with left.container(border=True):
            st.markdown("**" + _("Classes") + "**")
            names = _ask_classes(loaded, mark)
        with left.container(border=True):
            st.markdown("**λ**")
            if looked_into:
                st.markdown(_found_lambda(loaded))
            elif (e_lambda := _ask_lambda(loaded, mark)) is not None:
                entries["e_lambda"] = e_lambda
        with right.container(border=True):
            st.markdown("**" + _("Input") + "**")
            size, mean, std = _ask_input(loaded, mark)
        with right.container(border=True):
            st.markdown("**" + _("Place of SimAM") + "**")
            trained = st.selectbox(
                _("Was it trained with SimAM?"),
                list(_ANSWERS),
                format_func=_,
                index=list(_ANSWERS.values()).index(loaded.trained_with_simam),
                key=f"describe-trained-{mark}",
            )
            if looked_into:
                st.markdown(_found_places(loaded))
            else:
                entries |= _ask_places(loaded, mark)
        title = loaded.card.title or loaded.name
        entries["title"] = left.text_input(_("Name"), title, key=f"describe-title-{mark}")
        if not looked_into:
            passed = left.selectbox(
                _("Its forward pass"),
                list(_FORWARD_PASSES),
                format_func=_,
                index=int("forward_pass" not in loaded.assumed),
                key=f"describe-forward-{mark}",
            )
            if stated := _FORWARD_PASSES[passed]:
                entries["forward_pass"] = stated
        if not st.form_submit_button(_("Save"), icon=":material/save:", type="primary"):
            return None
    entries |= {"trained_with_simam": _ANSWERS[trained], "categories": names, "input_size": size}
    if loaded.transforms.channels == 3:
        entries["normalisation"] = (mean, std)
    return {entry: value for entry, value in entries.items() if value is not None or entry == "trained_with_simam"}


def _save(choice: Choice, loaded: LoadedCheckpoint, entries: dict[str, Any]) -> None:
    try:
        if "normalisation" in entries:
            mean, std = entries["normalisation"]
            entries["normalisation"] = {"mean": _numbers(mean), "std": _numbers(std)}
        zoo.describe(choice, loaded, entries)
    except CheckpointError as error:
        st.error(state.plain(str(error)))
    except OSError:
        st.error(_("The card cannot be written beside the file: the folder does not allow it."))
    else:
        st.session_state[_SAVED] = loaded.name
        zoo.choose(loaded.name)
        st.rerun()


def _ask_classes(loaded: LoadedCheckpoint, mark: str) -> list[str]:
    presets = _class_presets(loaded)
    naming = next(iter(presets))
    if len(presets) > 1:
        naming = st.selectbox(_("Class names"), list(presets), format_func=_, key=f"describe-naming-{mark}")
    typed = st.text_area(
        _("One name a line, in the order of the network's outputs"),
        "\n".join(loaded.categories),
        height=160,
        key=f"describe-names-{mark}",
        help=_("Counts where “as written below” is chosen.") if len(presets) > 1 else None,
    )
    return list(presets.get(naming) or _lines(typed))


def _ask_input(loaded: LoadedCheckpoint, mark: str) -> tuple[int | None, str, str]:
    """Its size, and mean and standard deviation as they are typed."""
    transforms = loaded.transforms
    size = None
    if transforms.shape is None:
        size = st.number_input(
            _("Input size in pixels"), 32, 1024, transforms.input_size, key=f"describe-size-{mark}",
            help=_("Most networks take any; 224 is what ImageNet is trained with."),
        )  # fmt: skip
    else:
        st.markdown(_("It takes {shape}.", shape=understood.input_in_words(loaded)))
    if transforms.channels != 3:
        return size, "", ""
    mean = st.text_input(_("Mean of red, green, blue"), _numbers_text(transforms.mean), key=f"describe-mean-{mark}")
    std = st.text_input(_("Their standard deviation"), _numbers_text(transforms.std), key=f"describe-std-{mark}")
    return size, mean, std


def _ask_lambda(loaded: LoadedCheckpoint, mark: str) -> float | None:
    return st.number_input(
        _("λ it was trained with"), 1e-6, 10.0, loaded.e_lambda, format="%g", key=f"describe-lambda-{mark}",
        placeholder=_(EACH_ITS_OWN),
        help=_("The authors train with 0.1 on ImageNet and 1e-4 on CIFAR. Empty: every block keeps its own."),
    )  # fmt: skip


def _found_lambda(loaded: LoadedCheckpoint) -> str:
    if not loaded.has_simam:
        return _("No SimAM runs in it, so there is no λ to confirm.")
    if loaded.e_lambda is None:
        return _("Found in its modules: each SimAM has its own, as step 2 shows.")
    return _("Found in its modules: λ = {e_lambda}.", e_lambda=format(loaded.e_lambda, "g"))


def _found_places(loaded: LoadedCheckpoint) -> str:
    if not loaded.attends:
        return _("No attention runs in it.")
    return _("Where attention stands was found by what its modules do, as step 2 shows.")


def _ask_places(loaded: LoadedCheckpoint, mark: str) -> dict[str, Any]:
    """Whether SimAM runs, and where, as entries of a card."""
    places = _place_presets(loaded)
    attends = st.selectbox(
        _("Run it"),
        [_WITH, _WITHOUT],
        format_func=_,
        index=0 if loaded.attends else 1,
        key=f"describe-attention-{mark}",
        help=_("SimAM has no parameters, so both fit. Weights answer best as they were trained."),
    )
    place = st.selectbox(
        _("SimAM stands"),
        list(places),
        format_func=_,
        index=next((i for i, at in enumerate(places.values()) if at == loaded.card.simam_at), len(places) - 1),
        key=f"describe-places-{mark}",
        disabled=len(places) == 1,
        help=_("What the names of the tensors tell stands."),
    )
    typed = st.text_area(
        _("Layers or blocks that SimAM stands behind, one name a line"),
        "\n".join(loaded.card.simam_at or ()),
        height=100,
        key=f"describe-typed-places-{mark}",
        help=_(
            "Counts where “behind the layers written below” is chosen. Names of the plain network, such as layer4.0.conv2."
        ),
    )
    if attends != _WITH:
        return {"attention": "none"}
    return {"attention": "simam", "simam_at": list(places[place] or _lines(typed))}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _place_presets(loaded: LoadedCheckpoint) -> dict[str, tuple[str, ...] | None]:
    """Where SimAM may stand, in words; ``None`` takes what is typed."""
    if loaded.match is not None and loaded.match.simam_at:
        return {later("where the names of the tensors show it"): loaded.match.simam_at}
    assert loaded.card.arch is not None, "a network that is loaded has one"
    usual = usual_places(loaded.card.arch)
    return {
        later("behind the second convolution of every block (its authors)"): usual["convolution"],
        later("behind the last batch norm of every block, before the sum"): usual["norm"],
        later("at the end of every block, behind the sum"): usual["block"],
        later("behind the layers written below"): None,
    }


def _class_presets(loaded: LoadedCheckpoint) -> dict[str, tuple[str, ...] | None]:
    """Ways to name the classes; ``None`` takes what is typed."""
    presets: dict[str, tuple[str, ...] | None] = {later("as written below"): None}
    count = len(loaded.categories)
    if count == 1000:
        presets[later("ImageNet's 1,000")] = default_categories(1000)
    tiny = list_checkpoints()[0].card
    if tiny.categories is not None and count == len(tiny.wnids) == len(tiny.categories):
        by_id = sorted(zip(tiny.wnids, tiny.categories, strict=True))
        presets[later("Tiny ImageNet's 200, in the order of wnids.txt")] = tiny.categories
        presets[later("Tiny ImageNet's 200, sorted by WordNet id (as ImageFolder does)")] = tuple(
            name for _id, name in by_id
        )
    return presets


def _numbers_text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise CheckpointError(
            _("Mean and standard deviation take three numbers each, such as 0.5, 0.5, 0.5.")
        ) from None
