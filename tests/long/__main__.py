"""``python -m tests.long [images] [weights] [properties] [suite] [sessions] [fuzz] [faults] [--minutes M] [--sessions N]
[--pause SECONDS] [--photos own|samples] [--examples N]``

Without a name, all of them. Each prints its counts; anything wrong ends with exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys

from tests.helpers.project import ROOT

from . import faults, files, sessions

PARTS = ("images", "weights", "properties", "suite", "sessions", "fuzz", "faults")


def properties(examples: int) -> bool:
    """The property-based tests of the suite, with many random examples instead of a few fixed ones."""
    names = ["photos/test_hostile_images", "checkpoints/test_hostile_weights", "app/test_state"]
    command = [sys.executable, "-m", "pytest", "-W", "ignore", *(f"tests/{name}.py" for name in names)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "SIMAM_VIZ_EXAMPLES": str(examples)}, check=False)
    return done.returncode == 0


def suite() -> bool:
    """The tests that the short form leaves out."""
    command = [sys.executable, "-m", "pytest", "-W", "ignore", "-m", "long"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def fuzz(minutes: float) -> bool:
    """Both fuzz targets, half of the time each."""
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: left out, since requirements-fuzz.txt is not installed")
        return True
    seconds = str(int(30 * minutes))
    targets = ("images", "weights")
    return all(
        subprocess.run([sys.executable, "-m", "tests.long.fuzz", target, seconds], cwd=ROOT, check=False).returncode
        == 0
        for target in targets
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.long", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which of them; all without a name")
    parser.add_argument("--minutes", type=float, default=10, help="how long sessions and fuzzing go on (default 10)")
    parser.add_argument("--sessions", type=int, default=50, help="how many people at once (default 50)")
    parser.add_argument("--pause", type=float, default=0, help="seconds for which people look at an answer (default 0)")
    parser.add_argument(
        "--photos",
        choices=("own", "samples", "both"),
        default="both",
        help="what they look at (default: one run of each)",
    )
    parser.add_argument("--examples", type=int, default=6000, help="random examples of each property (default 6000)")
    options = parser.parse_args()
    parts = {
        "images": lambda: files.images(),
        "weights": lambda: files.weights(),
        "properties": lambda: properties(options.examples),
        "suite": suite,
        "sessions": lambda: all(
            [
                sessions.run(options.sessions, options.minutes, options.pause, photos)
                for photos in (("samples", "own") if options.photos == "both" else (options.photos,))
            ]
        ),
        "fuzz": lambda: fuzz(options.minutes),
        "faults": faults.run,
    }
    wrong = [name for name in options.parts or PARTS if not parts[name]()]
    print("All is well." if not wrong else f"Wrong: {', '.join(wrong)}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
