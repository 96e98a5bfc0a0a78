"""Photos stay in one session's memory; the server is set up for a classroom."""

from __future__ import annotations

import ast
import logging
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from simam_viz.app import choose_photo
from simam_viz.app.pages import PAGES
from simam_viz.photos.images import MAX_BYTES
from tests.helpers.image_bombs import encoded
from tests.helpers.pages import drop
from tests.helpers.project import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_the_server_is_set_up_for_a_classroom() -> None:
    server, client = CONFIG["server"], CONFIG["client"]
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert client["showErrorDetails"] == "none" and client["toolbarMode"] == "viewer"
    assert server["enableXsrfProtection"] is True and server["enableCORS"] is True
    assert server["enableStaticServing"] is False
    assert server["disconnectedSessionTTL"] <= 120


@pytest.mark.parametrize("path", PAGES)
def test_no_uploader_promises_more_than_the_server_takes(path: str) -> None:
    app = AppTest.from_file(str(ROOT / path), default_timeout=120).run()
    uploaders = app.get("file_uploader")
    assert uploaders
    limits = {uploader.proto.label: uploader.proto.max_upload_size_mb for uploader in uploaders}
    assert limits["Your own photo"] == MAX_BYTES // 2**20
    assert max(limits.values()) <= CONFIG["server"]["maxUploadSize"]


def cached_functions() -> list[tuple[str, str, str | None]]:
    """Every function of the app that Streamlit caches: module, name, scope."""
    found = []
    for path in [*(ROOT / "simam_viz" / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                if "st.cache" in ast.unparse(decorator):
                    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
                    scope = next((ast.literal_eval(k.value) for k in keywords if k.arg == "scope"), None)
                    found.append((path.stem, node.name, scope))
    return found


def test_only_what_is_the_same_for_everybody_is_cached_for_everybody() -> None:
    """A cache that several sessions share must hold nothing that comes from an upload: each one is named here."""
    shared = {(module, name) for module, name, scope in cached_functions() if scope != "session"}
    assert shared == {
        ("frame", "_prepare_process"),
        ("zoo", "_load"),
        ("zoo", "_fault"),
        ("choose_photo", "_sample_image"),
        ("ticking", "_outline"),  # by the names of networks that others publish
    }


@contextmanager
def opened_for_writing() -> Iterator[list[str]]:
    """Paths of the files that Python opens for writing, whichever way."""
    paths: list[str] = []
    watching = True

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and int(str(arguments[2] or 0)) & (os.O_WRONLY | os.O_RDWR):
            paths.append(str(arguments[0]))

    sys.addaudithook(hear)  # for good: such a hook cannot be taken away
    yield paths
    watching = False


def test_nothing_about_a_photo_is_logged_or_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    photo = encoded(Image.fromarray(noise), "PNG")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    with opened_for_writing() as written:
        (tmp_path / "seen").write_bytes(b"")
        with caplog.at_level(logging.DEBUG):
            for name, data in (("secret-holiday.png", photo), ("secret-notes.png", b"no photo")):
                drop(app, "uploader", name, data, "image/png")
    assert app.selectbox(key="control-photo").value.startswith("upload-")
    text = caplog.text + "".join(capfd.readouterr())
    assert "secret" not in text and "upload-" not in text
    assert [path for path in written if "__pycache__" not in path] == [str(tmp_path / "seen")]


def test_another_session_cannot_reach_an_upload() -> None:
    photo = encoded(Image.new("RGB", (90, 90), "teal"), "PNG")
    first = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    drop(first, "uploader", "mine.png", photo, "image/png")
    name = first.selectbox(key="control-photo").value
    second = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    second.query_params["photo"] = name
    second.run()
    assert "Upload that photo" in second.info[0].value
    assert (
        name not in second.session_state[choose_photo._UPLOADS] and name in first.session_state[choose_photo._UPLOADS]
    )
