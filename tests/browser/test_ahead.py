"""What a browser fetches before it is told to draw with it."""

from __future__ import annotations

import ast

from tests.helpers.browser import App
from tests.helpers.project import ROOT

ASKED = "performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1).split('.')[0])"


def test_what_pages_are_drawn_with_is_fetched_ahead(app: App) -> None:
    """Each of the modules that app.py names is there under that name in this Streamlit; the first page has no table, but loads it."""
    given = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse((ROOT / "app.py").read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple)
    }
    assert "DataFrame" in given["LATER"]
    app.open("")
    app.settled("Overview")
    wanted = {*given["SOON"], *given["LATER"]}
    app.until(lambda: wanted <= set(app.page.evaluate(ASKED)), "not all modules are fetched")
