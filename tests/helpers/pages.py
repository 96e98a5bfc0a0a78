"""Pages in Streamlit's test harness."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest

from tests.helpers.project import ROOT


def open_page(path: str, **parameters: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / path), default_timeout=120)
    for name, text in parameters.items():
        app.query_params[name] = text
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, [e.message for e in app.exception]
    return app


def drop(app: AppTest, place: str, name: str, data: bytes, kind: str = "") -> AppTest:
    """Drop a file on the uploader of this place, whose key is another one after each file."""
    (uploader,) = [one for one in app.file_uploader if re.fullmatch(rf"{place}(-\d+)?", one.key or "")]
    return checked(uploader.set_value((name, data, kind)).run())


def text(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.markdown, app.caption, app.subheader) for element in kind)


def finished(app: AppTest, start: str) -> AppTest:
    """Press a button that starts long work, and wait for its end."""
    app.button(key=f"{start}-start").click().run()
    for _ in range(300):
        if not any(button.key == f"{start}-stop" for button in app.button):
            return checked(app)
        checked(app.run())
    raise AssertionError("it does not end")
