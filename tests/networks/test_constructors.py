"""A person's own code that makes a network: what may be named, and what is said where it fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

from simam_viz.networks.constructors import constructor

CODE = """
from dataclasses import dataclass

from torch import nn
from torch.nn import Linear

from parts_of_mine import head


@dataclass
class Settings:
    width: "int" = 4


class Net(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.head = head(Settings().width, classes)


def make_net():
    return Net(5)


def make_later():
    from more_parts_of_mine import deep
    return deep()


def with_a_width(width, *rest, depth=3):
    return nn.Linear(width, depth)


def give_nothing():
    return {"not": "a network"}


def break_down():
    return Net("many")


ready = Net(7)
number = 5
"""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Modules and the path as they were before."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    assert sys.path == path
    for name in set(sys.modules) - modules:
        if "mine" in name or "own" in name:
            del sys.modules[name]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "parts_of_mine.py").write_text(
        "from torch import nn\n\n\ndef head(a, b):\n    return nn.Linear(a, b)\n"
    )
    (tmp_path / "more_parts_of_mine.py").write_text(
        "from torch import nn\n\n\ndef deep():\n    return nn.Linear(2, 2)\n"
    )
    path = tmp_path / "net_of_mine.py"
    path.write_text(CODE)
    return path


def test_functions_classes_and_networks(file: Path) -> None:
    assert constructor(f"{file}:make_net")().head.out_features == 5
    assert constructor(f"{file}:Net")().head.out_features == 3
    ready = constructor(f"{file}:ready")
    assert ready().head.out_features == 7 and ready() is ready()
    assert isinstance(constructor(f"{file}:make_later")(), nn.Linear)


def test_relative_paths_and_modules(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent.parent)
    assert constructor(f"{file.parent.name}/net_of_mine.py:make_net")().head.out_features == 5
    monkeypatch.chdir(file.parent)
    assert constructor("net_of_mine.py:make_net")().head.out_features == 5
    assert constructor("net_of_mine:make_net")().head.out_features == 5
    (file.parent / "package_of_mine").mkdir()
    (file.parent / "package_of_mine" / "__init__.py").write_text("")
    (file.parent / "package_of_mine" / "nets.py").write_text("from torch import nn\nnet = nn.ReLU()\n")
    assert isinstance(constructor("package_of_mine.nets:net")(), nn.ReLU)


def test_a_file_called_as_a_library_does_not_replace_it(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("from torch import nn\nnet_of_mine = nn.ReLU()\n")
    before = sys.modules["json"]
    assert isinstance(constructor(f"{tmp_path / 'json.py'}:net_of_mine")(), nn.ReLU)
    assert sys.modules["json"] is before


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "changing_of_mine.py"
    path.write_text("from torch import nn\nnet = nn.Linear(1, 1)\n")
    assert constructor(f"{path}:net")().out_features == 1
    path.write_text("from torch import nn\nnet = nn.Linear(1, 222)\n")
    assert constructor(f"{path}:net")().out_features == 222


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", r"There is no nothing in .*net_of_mine.py; there are Settings, Net, make_net, .*ready\.$"),
        ("number", r":number is no function and no network, but int\.$"),
        ("with_a_width", r":with_a_width needs the arguments width; name a function that needs none\.$"),
    ],
)
def test_names_that_make_no_network(file: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        constructor(f"{file}:{name}")


def test_what_comes_out_is_no_network(file: Path) -> None:
    make = constructor(f"{file}:give_nothing")
    with pytest.raises(ValueError, match=r":give_nothing gave no network \(torch.nn.Module\), but dict\.$"):
        make()


def test_an_error_while_it_is_made(file: Path) -> None:
    make = constructor(f"{file}:break_down")
    with pytest.raises(ValueError, match=r"raised TypeError at line 5 of parts_of_mine.py: ") as caught:
        make()
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "x = 1\nraise RuntimeError('no such\\n card')\n",
            r"RuntimeError at line 2 of wrong_of_mine.py: no such card$",
        ),
        ("def f(:\n    pass\n", r"SyntaxError at line 1 of wrong_of_mine.py: "),
        ("\n\nimport no_such_module_anywhere\n", r"ModuleNotFoundError at line 3 of .*no_such_module_anywhere"),
        ("import sys\n\nsys.exit('usage')\n", r"SystemExit at line 3 of wrong_of_mine.py: usage$"),
    ],
)
def test_an_error_while_it_is_imported(tmp_path: Path, code: str, said: str) -> None:
    path = tmp_path / "wrong_of_mine.py"
    path.write_text(code)
    with pytest.raises(ValueError, match=said) as caught:
        constructor(f"{path}:net")
    assert caught.value.__cause__ is not None and "wrong_of_mine" not in sys.modules


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no/such/file.py:make", r"There is no file .*file\.py\.$"),
        ("nosuchfile.py:make", r"There is no file nosuchfile\.py\.$"),
        (r"C:\nets\mine.py:make", r"There is no file C:.*mine\.py\.$"),
        ("no_such_module_of_mine:make", "There is no module no_such_module_of_mine"),
        ("json.no_such_part:make", r"There is no module json\.no_such_part"),
        ("mycode.py", r"'mycode\.py' names no network: .* mycode\.py:make_net\.$"),
        (r"C:\nets\mine.py", "names no network"),
        ("mycode.py:", "names no network"),
        ("mycode.py:2fast", "names no network"),
        (":make", "names no network"),
        ("", "names no network"),
    ],
)
def test_what_is_not_there(source: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        constructor(source)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty_of_mine.py").write_text("import torch\n")
    with pytest.raises(ValueError, match="nor anything else that makes a network"):
        constructor(f"{tmp_path / 'empty_of_mine.py'}:make")
