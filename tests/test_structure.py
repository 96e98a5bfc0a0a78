"""The rules of the house: which way imports run, what is public, what ships with credits."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import simam_viz
from simam_viz.samples import SAMPLES_FOLDER, list_samples

from .conftest import ROOT

PACKAGE = ROOT / "simam_viz"
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]
ORDER = [
    "version",
    "answers",
    "formulas",
    "simam",
    "gates",
    "copies",
    "models",
    "containers",
    "kinds",
    "colours",
    "depths",
    "images",
    "quiet",
    "samples",
    "weights_file",
    "model_card",
    "recognition",
    "store",
    "torchvision_weights",
    "checkpoints",
    "accuracy",
    "cards",
    "cam",
    "evidence",
    "analysis",
    "comparison",
    "metrics",
    "survey",
    "inspection",
    "sweep",
    "rivals",
    "lesson",
    "render",
    "figures",
    "charts",
    "export",
    "report",
    "folder",
]


def imports(path: Path) -> set[str]:
    """Absolute names of the modules a file imports."""
    package = ["simam_viz", *path.relative_to(PACKAGE).parent.parts] if path.is_relative_to(PACKAGE) else []
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def test_nothing_below_ui_imports_streamlit() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "ui" not in path.relative_to(PACKAGE).parts:
            names = imports(path)
            assert not any(name.split(".")[0] == "streamlit" for name in names), path
            assert not any(name.startswith("simam_viz.ui") for name in names), path


def test_only_the_command_line_reaches_into_training() -> None:
    for path in [*PACKAGE.rglob("*.py"), *PAGES]:
        if path.is_relative_to(PACKAGE / "training") or path == PACKAGE / "__main__.py":
            continue
        assert not any(name.startswith("simam_viz.training") for name in imports(path)), path


def test_the_way_through_the_house_runs_one_way() -> None:
    for position, name in enumerate(ORDER):
        later = {f"simam_viz.{other}" for other in ORDER[position + 1 :]}
        assert not later & imports(PACKAGE / f"{name}.py"), name
    assert set(ORDER) == {p.stem for p in PACKAGE.glob("*.py")} - {"__init__", "__main__"}


def test_pages_are_thin() -> None:
    for path in PAGES:
        assert not {name for name in imports(path) if name.split(".")[0] in ("torch", "torchvision")}, path
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 130, path


def test_every_page_is_in_the_navigation() -> None:
    from simam_viz.ui.scene import PAGES as NAVIGATION

    assert {str(path.relative_to(ROOT)) for path in PAGES} == set(NAVIGATION)


def test_no_module_bears_the_name_of_a_public_function() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert not modules & set(simam_viz.__all__)
    assert all(getattr(simam_viz, name) for name in simam_viz.__all__)


def test_samples_have_credits() -> None:
    samples = list_samples()
    assert len(samples) >= 6
    assert {sample.path.name for sample in samples} == {path.name for path in SAMPLES_FOLDER.glob("*.jpg")}
    credits = (SAMPLES_FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    known = set(simam_viz.list_checkpoints()[0].card["categories"])
    for sample in samples:
        assert sample.path.name in credits
        assert sample.licence.startswith(("CC0", "Public domain")) and sample.author and sample.source
        assert sample.classes and set(sample.classes) <= known
        assert sample.alt.strip() and min(sample.image().size) >= 240


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "requirements.txt", "requirements-dev.txt"])
def test_what_a_visitor_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 50
