"""The Models page in Streamlit's test harness."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from tests.helpers.pages import checked, open_page

PAGE = "pages/models.py"


def open_models(**parameters: str) -> AppTest:
    """The page as one comes to it from the front door, so that other pages can be gone to."""
    return checked(open_page("app.py", **parameters).switch_page(PAGE).run())


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def everything(app: AppTest) -> str:
    texts = [*app.markdown, *app.caption, *app.error, *app.info, *app.success, *app.subheader]
    return " ".join(text.value for text in texts)


def field(app: AppTest, kind: str, label: str) -> Any:
    return next(each for each in getattr(app, kind) if each.label == label)


def upload(app: AppTest, name: str, content: bytes, place: str = "page") -> AppTest:
    uploader = next(each for each in app.file_uploader if place in (each.key or "") and "checkpoint" in each.key)
    return checked(uploader.upload(name, content).run())


def samples_run(app: AppTest) -> None:
    """Run the samples to the end."""
    checked(app.button(key="samples-start").click().run())
    while app.session_state["task-samples"].running:
        checked(app.run())
