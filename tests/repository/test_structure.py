"""The rules of the house: which way imports run, what is public, what ships with credits."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import simam_viz
from simam_viz.photos.samples import SAMPLES_FOLDER, list_samples
from tests.helpers.project import ROOT

PACKAGE = ROOT / "simam_viz"
TESTS = ROOT / "tests"
BROWSERS = ("playwright", "axe_playwright_python")
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]


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


def test_no_test_imports_another() -> None:
    """What two of them share lies in ``tests/helpers``, or is a fixture of their room's ``conftest.py``."""
    for path in TESTS.rglob("*.py"):
        names = {part for name in imports(path) if name.startswith("tests.") for part in name.split(".")}
        assert not {name for name in names if name.startswith("test_")} and "conftest" not in names, path


def test_only_journeys_need_a_browser() -> None:
    """Everything else runs without Playwright: the tests, and the helpers that they use."""
    rooms = [room for room in TESTS.iterdir() if room.name not in ("browser", "helpers", "long")]
    waiting = [path for room in rooms for path in ([room] if room.is_file() else room.rglob("*.py"))]
    seen = set(waiting)
    while waiting:
        names = imports(path := waiting.pop())
        assert not {name for name in names if name.startswith(BROWSERS)}, path
        used = {ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.startswith("tests.")}
        waiting += [path for path in used - seen if path.exists()]
        seen |= used


def test_pages_are_thin() -> None:
    for path in PAGES:
        assert not {name for name in imports(path) if name.split(".")[0] in ("torch", "torchvision")}, path
        most = 60 if path == ROOT / "app.py" else 10  # which has more to do before there is anything to import
        assert len(path.read_text(encoding="utf-8").splitlines()) <= most, path


def test_no_file_is_too_long_to_read() -> None:
    """Unless its first lines say why."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400 or "Longer than 400 lines" in text[:800], path


@pytest.mark.parametrize(("extra", "file"), [(None, ""), ("dev", "-dev"), ("docs", "-docs"), ("bench", "-bench")])
def test_the_package_needs_what_the_requirements_say(extra: str | None, file: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = project["optional-dependencies"][extra] if extra else project["dependencies"]
    lines = (ROOT / f"requirements{file}.txt").read_text(encoding="utf-8").splitlines()
    assert said == [line for line in lines if line and not line.startswith(("-r", "#"))]


def test_every_page_is_in_the_navigation() -> None:
    from simam_viz.app.pages import PAGES as NAVIGATION

    assert {str(path.relative_to(ROOT)) for path in PAGES} == set(NAVIGATION)


def test_no_module_bears_the_name_of_a_public_function() -> None:
    modules = [module.name for module in pkgutil.walk_packages(simam_viz.__path__, "simam_viz.")]
    assert not {name.rpartition(".")[2] for name in modules} & set(simam_viz.__all__)
    before = {name: getattr(simam_viz, name) for name in simam_viz.__all__}
    for name in modules:
        importlib.import_module(name)
    assert before == {name: getattr(simam_viz, name) for name in simam_viz.__all__}
    rooms = [
        name.rpartition(".")[2] for name in modules if importlib.import_module(name).__file__.endswith("__init__.py")
    ]
    assert len(rooms) == len(set(rooms))
    assert sum(path.suffix == ".py" for path in PACKAGE.iterdir()) <= 8


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


def test_the_first_page_waits_for_nothing_that_it_does_not_draw() -> None:
    look = (
        "import sys; from streamlit.testing.v1 import AppTest; page = AppTest.from_file('app.py', default_timeout=120).run();"
        "assert not page.exception, page.exception;"
        "print('said:', *sys.modules.keys() & {'matplotlib.figure', 'fontTools', 'jinja2', 'ray', 'simam_viz.export.report',"
        " 'torch._dynamo', 'torch._dynamo.utils'});"
        # What stood in for PyTorch's compiler is gone: whoever needs that has it.
        "import torch, torchvision; torch.use_deterministic_algorithms(True);"
        "print(torchvision.ops.roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[0.0, 0, 4, 4]])], 1).item(),"
        " torch._dynamo.utils.__name__)"
    )
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.splitlines() == ["said:", "1.0 torch._dynamo.utils"]
