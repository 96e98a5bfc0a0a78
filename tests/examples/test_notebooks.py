"""The notebooks run from their first cell to the last and show pictures; each is the .py beside it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import jupytext
import pytest

from tests.helpers.project import ROOT

pytestmark = pytest.mark.usefixtures("one_thread")
FOLDER = ROOT / "examples"
SCRIPTS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.py"))]
QUICK_OR_LONG = [
    pytest.param(path, id=path.stem, marks=pytest.mark.long if path.stem == "faithful_heat_map" else ())
    for path in sorted(FOLDER.glob("*.py"))
]
PICTURES = {"first_look": 1, "simam_in_my_resnet": 1, "detector": 1, "faithful_heat_map": 0, "readme_figure": 2}
"""How many cells of each end in a picture."""


def cells(path: Path) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]


def shown(source: str, namespace: dict[str, Any]) -> Any:
    """Run a cell; the value of the expression that it ends in, which a notebook shows."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "cell", "exec"), namespace)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
    exec(compile(ast.Module([last], []), "cell", "exec"), namespace)
    return None


def is_picture(value: Any) -> bool:
    if hasattr(value, "_repr_png_"):
        return bool(value._repr_png_().startswith(b"\x89PNG"))
    return hasattr(value, "_repr_html_") and "<img" in value._repr_html_()


@pytest.mark.parametrize("script", QUICK_OR_LONG)
def test_a_notebook_runs_and_shows_what_it_says(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    values = [shown(source, namespace) for kind, source in cells(script) if kind == "code"]
    assert sum(map(is_picture, values)) == PICTURES[script.stem]
    assert capsys.readouterr().out and not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_notebook_and_its_script_are_one(script: Path) -> None:
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == cells(script)
    assert all(not cell.get("outputs") for cell in notebook.cells), "what it shows is made anew by whoever runs it"


def test_there_is_a_notebook_for_every_script() -> None:
    assert (
        {path.stem for path in FOLDER.glob("*.ipynb")} == {path.stem for path in FOLDER.glob("*.py")} == PICTURES.keys()
    )


def test_a_detector_with_random_weights_says_so() -> None:
    assert "weights of this detector are random" in cells(FOLDER / "detector.py")[0][1]
