"""The wheel in an environment of its own, outside the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.project import ROOT


@dataclass(frozen=True)
class Installed:
    """What was installed, and the folder from which it is called: no clone is above it."""

    programs: Path
    folder: Path

    def environment(self) -> dict[str, str]:
        """Nothing in it leads to the clone."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SIMAM_VIZ_", "PYTHON"))}
        return own | {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder / "data")}

    def run(self, *words: str) -> str:
        """What a command prints; it must end well."""
        command = [str(self.programs / words[0]), *words[1:]]
        ended = subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def install_wheel(folder: Path) -> Installed:
    """Build the wheel and install it without what it needs, which the environment borrows from the one that tests run in."""
    words = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    assert wheel.stat().st_size < 60_000_000
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    own = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    (Path(own) / "borrowed.pth").write_text("\n".join(borrowed))
    pip = [programs / "python", "-m", "pip", "install", "-q", "--no-deps", wheel]
    subprocess.run(pip, cwd=folder, check=True, capture_output=True)
    away = folder / "away"
    away.mkdir()
    return Installed(programs, away)
