"""Starts the app; this file stands for the page Overview. What it shows is in ``simam_viz/app/screens``.

What stands here besides makes a first visit shorter: it has to come before anything of ``simam_viz`` is imported.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
import types
from pathlib import Path

import streamlit as st

# No strings by themselves below: Streamlit would write them on the page.

# Modules of Streamlit's own that draw the first page, and those that other pages draw with besides.
SOON = (
    "BidiComponent", "Button", "ButtonGroup", "Checkbox", "EChartsChart", "FileUploader", "ImageList", "PageLink", "Selectbox", "Slider",
)  # fmt: skip
LATER = ("DataFrame", "DownloadButton", "Metric", "Multiselect", "NumberInput", "TextInput")
AHEAD = """<span hidden></span><script>
(() => {{
    const here = document.querySelector('script[type="module"][src*="/static/js/"]')?.src;
    const fetch = (name) => import(new URL(name, here)).catch(() => {{}});
    if (here) Promise.all({soon}.map(fetch)).then(() => {later}.forEach(fetch));
}})();
</script>"""
COMPILER = "torch._dynamo.utils"
ASKED = "is_compile_supported"


# A browser fetches a module only when it is to draw with it. Now it does so while Python is at work: on a fresh server, importing.
there = {name.partition(".")[0]: name for name in os.listdir(Path(st.__file__).with_name("static") / "static" / "js")}
soon, later = (json.dumps([there[name] for name in names if name in there]) for names in (SOON, LATER))
with st.container(key="hidden-ahead"):
    st.html(AHEAD.format(soon=soon, later=later), unsafe_allow_javascript=True)

first = "simam_viz" not in sys.modules
if first:
    gc.disable()  # what is imported is no garbage, and looking for some takes a sixth of the time
    # Of PyTorch's compiler, whose import takes a second and a half, torchvision wants one function, to call it where regions are pooled.
    stand_in = types.ModuleType(COMPILER)
    vars(stand_in)[ASKED] = lambda device: getattr(importlib.import_module(COMPILER), ASKED)(device)
    if sys.modules.setdefault(COMPILER, stand_in) is stand_in:
        with contextlib.suppress(ImportError):  # where it wants more, it is imported below, as always
            importlib.import_module("torchvision")
        del sys.modules[COMPILER]
frame = importlib.import_module("simam_viz.app.frame")
if first:
    gc.freeze()
    gc.enable()

frame.run("app.py")
