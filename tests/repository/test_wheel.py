"""What the wheel holds, and that it works from anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from simam_viz.app.pages import PAGES
from simam_viz.photos.samples import list_samples
from tests.helpers.installed import install_wheel
from tests.helpers.project import ROOT

DEFAULTS = ("simam_resnet18-tinyimagenet", "resnet18-tinyimagenet")


def test_the_wheel_holds_the_app_and_the_default_pair() -> None:
    from hatchling.builders.wheel import WheelBuilder

    files = {file.distribution_path: Path(file.path) for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    config = WheelBuilder(str(ROOT)).config
    forced = {target: ROOT / source for source, target in config.get_force_include().items()}
    for target, source in forced.items():
        inside = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
        files |= {str(Path(target) / path.relative_to(source)) if source.is_dir() else target: path for path in inside}
    shipped = {name.removeprefix("simam_viz/shipped/") for name in files if name.startswith("simam_viz/shipped/")}
    assert set(PAGES) | {".streamlit/config.toml", "assets/icon.png"} <= shipped
    assert {f"assets/samples/{sample.path.name}" for sample in list_samples()} <= shipped
    assert {"assets/samples/credits.json", "assets/samples/CREDITS.md"} <= shipped
    weights = {name for name in shipped if name.startswith("assets/weights/")}
    assert weights == {f"assets/weights/{name}.{kind}" for name in DEFAULTS for kind in ("json", "safetensors")}
    tracked = {path for path in (ROOT / "simam_viz").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT).as_posix() for path in tracked} <= files.keys()
    assert sum(path.stat().st_size for path in files.values()) < 60_000_000


@pytest.mark.long
def test_an_installed_wheel_analyses_and_draws_from_anywhere(tmp_path: Path) -> None:
    installed = install_wheel(tmp_path)
    told = installed.run("simam-viz", "doctor")
    assert "installed in" in told and str(ROOT) not in told.replace(str(ROOT / ".venv"), "")
    assert re.findall(r"the network (\w+)_resnet18", told) == ["se", "cbam", "eca"]
    assert f"weights of your own: {installed.folder / 'data' / 'simam_viz' / 'weights'} (not there)" in told
    photo = str(list_samples()[0].path)
    assert "tabby" in installed.run("simam-viz", "analyze", photo, "--out", "looked")
    assert json.loads((installed.folder / "looked" / "top5.json").read_text())["checkpoint"] == DEFAULTS[0]
    # A sample by its name.
    installed.run(
        "simam-viz", "figure", "espresso-cup", "--networks", "on,twin", "--show", "photo,cam", "--out", "a.pdf"
    )
    assert (installed.folder / "a.pdf").read_bytes().startswith(b"%PDF")
    script = (
        "import simam_viz; from streamlit import config; "
        "address = simam_viz.show(simam_viz.load_checkpoint('resnet18-tinyimagenet'), block=False); "
        "print(simam_viz.__file__, config.get_option('theme.light.primaryColor'), config.get_option('server.maxUploadSize'))"
    )
    where, colour, limit = installed.run("python", "-c", script).split()[-3:]
    assert Path(where).is_relative_to(tmp_path) and (colour, limit) == ("#5b4bd6", "1024")
