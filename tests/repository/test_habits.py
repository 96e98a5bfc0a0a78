"""The container and the workflows do what they are said to."""

from __future__ import annotations

import re
import tomllib

import yaml

from tests.helpers.project import ROOT

CONTAINER = (ROOT / "Containerfile").read_text(encoding="utf-8")


def test_the_container_runs_the_wheel_as_another_user_with_a_health_check() -> None:
    build, final = re.split(r"^FROM .*$", CONTAINER, flags=re.M)[1:]
    assert "hatchling build" in build and "COPY . ." in build
    assert "COPY . ." not in final and "/dist/*.whl" in final, "nothing of the clone but its wheel"
    assert re.search(r"^USER 1000$", final, re.M) and "--uid 1000" in final
    assert "HEALTHCHECK" in final and "/_stcore/health" in final
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for wanted in project["project"]["dependencies"][:2]:
        assert f'"{wanted}"' in final
    assert f'"{project["build-system"]["requires"][0]}' in build


def test_ci_calls_what_runs_anywhere_and_claims_what_was_tried() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    (job,) = jobs.values()
    assert job["steps"][-1]["run"] == "bash .ci/run"
    python = next(step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", ""))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = [re.search(r"Python :: (3\.\d+)$", line) for line in project["classifiers"]]
    assert [found[1] for found in claimed if found] == [python]
    untried = yaml.safe_load((ROOT / ".github" / "workflows" / "untried.yml").read_text(encoding="utf-8"))
    assert python not in untried["jobs"]["tests"]["strategy"]["matrix"]["python"]
