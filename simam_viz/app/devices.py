"""Where a network computes, where there is a choice."""

from __future__ import annotations

import streamlit as st
import torch

from ..checkpoints.loaded import LoadedCheckpoint, on_device
from ..wording import _
from . import state


def choose(loaded: LoadedCheckpoint) -> LoadedCheckpoint:
    """The network on the device that is chosen, where there is a choice."""
    devices = ["cpu"]
    devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    devices += ["mps"] if torch.backends.mps.is_available() else []
    if len(devices) == 1:
        return loaded
    device = state.control(
        st.selectbox, _("Compute on"), devices, name="device",
        default=loaded.transforms.device if loaded.transforms.device in devices else "cpu",
        parse=state.one_of({name: name for name in devices}),
    )  # fmt: skip
    try:
        return _moved(loaded, device)
    except ValueError as error:
        st.error(str(error))
        return loaded


@st.cache_resource(
    scope="session", max_entries=2, show_spinner=False, hash_funcs={LoadedCheckpoint: lambda loaded: loaded.identity}
)
def _moved(loaded: LoadedCheckpoint, device: str) -> LoadedCheckpoint:
    """The network on another device; ``ValueError`` if there is none such."""
    return on_device(loaded, device)
